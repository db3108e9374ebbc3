//! The answers of the decider that sits outside the shards: in time, late, never, twice, and to
//! nobody.
//!
//! What a question comes to is certain all the same, so that the checker can hold the engine to it. An
//! answer that is in time is given before its shard ticks again, whenever that is; one that is late only
//! after a tick at which the shard must have given up; and one that was given is the first.

use shardcast::base::limits::DECISION_TIMEOUT;
use shardcast::base::slab::Key;
use shardcast::base::time::millis;
use shardcast::base::wheel::TICK_MS;
use shardcast::engine::decider::{Admission, Asked, Inquiry, Proof, Question, Verdict};

use crate::contract::{Checked, broken};
use crate::decider::{Judge, judge};
use crate::faults::Fault;
use crate::tokens::Claim;
use crate::world::World;
use shardcast::base::ids::ShardId;

/// An answer to a question, on its way.
#[derive(Debug)]
pub(crate) struct Answer {
    shard: usize,
    key: Key,
    ticket: u32,
    word: Word,
    kind: Kind,
}

/// What an answer says.
#[derive(Debug, Clone, Copy)]
enum Word {
    Verdict(Verdict),
    /// Who has sent credentials.
    Proof(Claim),
    /// Who wants to come in.
    Admission(Claim),
}

impl Word {
    fn opposite(self) -> Self {
        match self {
            Self::Verdict(Verdict::Allow) => Self::Verdict(Verdict::Deny),
            Self::Verdict(Verdict::Deny | Verdict::Fail) => Self::Verdict(Verdict::Allow),
            Self::Proof(_) => Self::Proof(Claim::Wrong),
            Self::Admission(_) => Self::Admission(Claim::Wrong),
        }
    }
}

/// When an answer comes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    /// At this time, and it counts.
    InTime(u64),
    /// When its shard has ticked at this time or later: too late.
    Late(u64),
    /// At this time, after one that counted.
    Repeated(u64),
}

/// Until an answer comes a second time, at most.
const REPEATED_MS_MAX: u32 = 8_000;

impl World {
    /// A shard asks.
    pub(crate) fn ask_decider(&mut self, shard: usize, asked: Asked) -> Checked {
        let now_ms = self.now.monotonic_ms;
        self.asked_ms = now_ms;
        let key = asked.conn.key;
        let client = self.nodes[shard].conns.get(&key).copied();
        let (true, Some(client)) = (asked.conn.shard == ShardId(shard as u16), client) else {
            return broken("decisions", format!("{} is asked by {shard}", asked.conn));
        };
        let question = match &asked.inquiry {
            Inquiry::Decide(question) => question,
            Inquiry::Authenticate { data } => {
                let text = std::str::from_utf8(data).unwrap_or_default();
                let token = text.strip_prefix(r#"{"token":""#);
                let token = token.and_then(|token| token.strip_suffix(r#""}"#));
                return self.answer_who(shard, &asked, Word::Proof(Claim::read(token)));
            }
            Inquiry::Admit(newcomer) => {
                self.wires[client].waited_at_door = true;
                let claim = Claim::read(newcomer.token.as_deref());
                return self.answer_who(shard, &asked, Word::Admission(claim));
            }
            other => return broken("decisions", format!("nobody has reason to ask {other:?}")),
        };
        if matches!(question, Question::Subscribe { .. }) {
            self.wires[client].subscribe_asked_ms = Some(now_ms);
        }
        let timeout_ms = millis(DECISION_TIMEOUT);
        let (verdict, kind) = match judge(asked.identity.as_deref(), question) {
            (Judge::Nobody, _) if self.random.below(2) == 0 => {
                self.report.faults.note(Fault::DecisionMissing);
                return Ok(());
            }
            // It says yes, so that it would be seen if it counted.
            (Judge::Nobody, _) => {
                let after_ms = timeout_ms + 2 * TICK_MS + u64::from(self.random.below(2_000));
                (Verdict::Allow, Kind::Late(now_ms + after_ms))
            }
            (Judge::World | Judge::Shard, verdict) => (verdict, self.in_time()),
        };
        self.note_answer(shard, &asked, Word::Verdict(verdict), kind);
        Ok(())
    }

    /// When an answer that counts comes.
    fn in_time(&mut self) -> Kind {
        let timeout_ms = millis(DECISION_TIMEOUT) as u32;
        let after_ms_max = [1, 200, timeout_ms][self.random.below(3) as usize];
        let after_ms = u64::from(self.random.below(after_ms_max));
        Kind::InTime(self.now.monotonic_ms + after_ms)
    }

    fn answer_who(&mut self, shard: usize, asked: &Asked, word: Word) -> Checked {
        let kind = self.in_time();
        self.note_answer(shard, asked, word, kind);
        Ok(())
    }

    fn note_answer(&mut self, shard: usize, asked: &Asked, word: Word, kind: Kind) {
        self.answers.push(Answer {
            shard,
            key: asked.conn.key,
            ticket: asked.ticket,
            word,
            kind,
        });
    }

    /// Gives the answers that are due.
    pub(crate) fn give_answers(&mut self) -> Checked {
        let mut index = 0;
        while let Some(answer) = self.answers.get(index) {
            let is_due = match answer.kind {
                Kind::InTime(at_ms) | Kind::Repeated(at_ms) => at_ms <= self.now.monotonic_ms,
                Kind::Late(at_ms) => at_ms <= self.nodes[answer.shard].ticked_ms,
            };
            if is_due && !self.is_hanging(answer.shard) {
                let answer = self.answers.swap_remove(index);
                self.give(answer)?;
            } else {
                index += 1;
            }
        }
        Ok(())
    }

    fn give(&mut self, answer: Answer) -> Checked {
        let Answer {
            shard,
            key,
            ticket,
            word,
            kind,
        } = answer;
        self.trace
            .event("answer", &[shard as u64, u64::from(ticket)]);
        self.trace.say(|| format!("{word:?}, {kind:?}"));
        let client = self.nodes[shard].conns.get(&key).copied();
        let client = client.filter(|client| !self.wires[*client].closed);
        if let (Word::Admission(_), Kind::InTime(_), Some(client)) = (word, kind, client) {
            self.wires[client].heard_ms = self.now.monotonic_ms;
        }
        let faults = &mut self.report.faults;
        match (kind, client) {
            (_, None) => faults.note(Fault::DecisionForNobody),
            (Kind::InTime(_), Some(client)) => self.wires[client].subscribe_asked_ms = None,
            (Kind::Late(_), _) => faults.note(Fault::DecisionLate),
            (Kind::Repeated(_), _) => faults.note(Fault::DecisionRepeated),
        }
        if matches!(kind, Kind::InTime(_)) && self.random.below(8) == 0 {
            let after_ms = u64::from(self.random.below(REPEATED_MS_MAX));
            self.answers.push(Answer {
                word: word.opposite(),
                kind: Kind::Repeated(self.now.monotonic_ms + after_ms),
                ..answer
            });
        }
        let before = self.watch_interest(shard);
        let identity = match word {
            Word::Verdict(_) => None,
            Word::Proof(claim) | Word::Admission(claim) => {
                let counts = matches!(kind, Kind::InTime(_));
                self.prove(client.filter(|_| counts), claim)
            }
        };
        let stalls = self.nodes[shard].shard.stats().stalls;
        let node = &mut self.nodes[shard];
        match word {
            Word::Verdict(verdict) => {
                node.shard.handle_verdict(self.now, key, ticket, verdict, 0);
            }
            Word::Proof(_) => {
                let proof = identity.map_or(Proof::Rejected, Proof::Accepted);
                node.shard.handle_proof(self.now, key, ticket, &proof);
            }
            Word::Admission(_) => {
                let admission =
                    identity.map_or(Admission::Unauthorized, |identity| Admission::Admit {
                        identity: Some(identity),
                        headers: Vec::new(),
                        topics: Vec::new(),
                    });
                node.shard
                    .handle_admission(self.now, key, ticket, admission);
            }
        }
        if let Some(client) = client {
            self.wires[client].stalled |= node.shard.stats().stalls > stalls;
        }
        self.hide_interest(shard, &before);
        self.end_turn(shard)
    }
}
