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
use shardcast::engine::decider::{Asked, Inquiry, Question, Verdict};

use crate::contract::{Checked, broken};
use crate::decider::{Judge, judge};
use crate::faults::Fault;
use crate::world::World;
use shardcast::base::ids::ShardId;

/// An answer to a question, on its way.
#[derive(Debug)]
pub(crate) struct Answer {
    shard: usize,
    key: Key,
    ticket: u32,
    verdict: Verdict,
    kind: Kind,
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
        let Inquiry::Decide(question) = &asked.inquiry else {
            return broken(
                "decisions",
                format!("strav asks for no {:?}", asked.inquiry),
            );
        };
        if matches!(question, Question::Subscribe { .. }) {
            self.wires[client].subscribe_asked_ms = Some(now_ms);
        }
        let timeout_ms = millis(DECISION_TIMEOUT);
        let (verdict, kind) = match judge(question) {
            (Judge::Nobody, _) if self.random.below(2) == 0 => {
                self.report.faults.note(Fault::DecisionMissing);
                return Ok(());
            }
            // It says yes, so that it would be seen if it counted.
            (Judge::Nobody, _) => {
                let after_ms = timeout_ms + 2 * TICK_MS + u64::from(self.random.below(2_000));
                (Verdict::Allow, Kind::Late(now_ms + after_ms))
            }
            (Judge::World | Judge::Shard, verdict) => {
                let after_ms_max = [1, 200, timeout_ms as u32][self.random.below(3) as usize];
                let after_ms = u64::from(self.random.below(after_ms_max));
                (verdict, Kind::InTime(now_ms + after_ms))
            }
        };
        self.answers.push(Answer {
            shard,
            key,
            ticket: asked.ticket,
            verdict,
            kind,
        });
        Ok(())
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
            verdict,
            kind,
        } = answer;
        self.trace
            .event("answer", &[shard as u64, u64::from(ticket)]);
        self.trace.say(|| format!("{verdict:?}, {kind:?}"));
        let client = self.nodes[shard].conns.get(&key).copied();
        let client = client.filter(|client| !self.wires[*client].closed);
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
                verdict: match verdict {
                    Verdict::Allow => Verdict::Deny,
                    Verdict::Deny | Verdict::Fail => Verdict::Allow,
                },
                kind: Kind::Repeated(self.now.monotonic_ms + after_ms),
                ..answer
            });
        }
        let before = self.watch_interest(shard);
        let stalls = self.nodes[shard].shard.stats().stalls;
        let node = &mut self.nodes[shard];
        node.shard.handle_verdict(self.now, key, ticket, verdict, 0);
        if let Some(client) = client {
            self.wires[client].stalled |= node.shard.stats().stalls > stalls;
        }
        self.hide_interest(shard, &before);
        self.end_turn(shard)
    }
}
