//! A connection whose peer is known: how it becomes so, what follows from it, and how it ends.

use std::sync::Arc;

use super::busy::Request;
use super::conn::Conn;
use super::decider::{Inquiry, Proof, Question, Ruling, Verdict};
use super::dialect::{AuthenticateOutcome, Decision, SubscribeOutcome};
use super::happening::Happened;
use super::identity::Identity;
use super::shard::Shard;
use super::topic_table::{Joined, Subscriptions, set_index};
use crate::base::slab::Key;
use crate::base::time::Now;

/// What only those connections have whose peer has said who it is. Boxed: others pay a pointer.
#[derive(Debug, Default)]
pub(super) struct Session {
    pub(super) identity: Option<Arc<Identity>>,
    /// Its place among the connections of its user.
    user: Subscriptions,
    /// The question about its credentials for which its messages do not wait.
    asked: Option<u32>,
    /// When the identity ends, on the monotonic clock.
    pub(super) expires_ms: Option<u64>,
    answers: Answers,
    /// What it has sent without an identity, where it ought to have one.
    unproven_bytes: usize,
    /// Those of its topics that it was put into without asking the rules; they go with the identity.
    pub(super) joined: Vec<Arc<str>>,
}

/// Decisions of the control plane that hold for a while, so that a client that comes back to its
/// topics, or asks for each of them twice, costs one question each.
#[derive(Debug, Default)]
struct Answers(Vec<Answer>);

#[derive(Debug)]
struct Answer {
    topic: Box<str>,
    verdict: Verdict,
    until_ms: u64,
}

/// Answers kept for one connection: as many as it may have topics by default.
const ANSWERS_MAX: usize = 128;

impl Answers {
    fn find(&self, now: Now, topic: &str) -> Option<Verdict> {
        let mut known = self.0.iter();
        let answer = known.find(|answer| &*answer.topic == topic)?;
        (now.monotonic_ms < answer.until_ms).then_some(answer.verdict)
    }

    fn keep(&mut self, topic: &str, verdict: Verdict, until_ms: u64) {
        self.0.retain(|answer| &*answer.topic != topic);
        if self.0.len() == ANSWERS_MAX {
            self.0.remove(0);
        }
        self.0.push(Answer {
            topic: topic.into(),
            verdict,
            until_ms,
        });
    }
}

impl Conn {
    pub(super) fn identity(&self) -> Option<&Arc<Identity>> {
        self.session.as_ref()?.identity.as_ref()
    }

    fn session_mut(&mut self) -> &mut Session {
        self.session.get_or_insert_default()
    }
}

impl Shard {
    /// Asks who a connection is while it goes on.
    pub(super) fn ask_meanwhile(&mut self, key: Key, inquiry: Inquiry) {
        let Some(ticket) = self.inquire(key, inquiry) else {
            return;
        };
        if let Some(conn) = self.conns.get_mut(key) {
            conn.session_mut().asked = Some(ticket);
        }
    }

    /// What became of the credentials of a connection that goes on meanwhile; `false` when this is
    /// not what it was asked.
    pub(super) fn handle_proof_meanwhile(
        &mut self,
        now: Now,
        key: Key,
        ticket: u32,
        proof: &Proof,
    ) -> bool {
        let session = self.conns.get_mut(key).and_then(|c| c.session.as_mut());
        let Some(session) = session.filter(|session| session.asked == Some(ticket)) else {
            return false;
        };
        session.asked = None;
        self.finish_authenticate(now, key, proof);
        true
    }

    pub(super) fn finish_authenticate(&mut self, now: Now, key: Key, proof: &Proof) {
        let outcome = match proof {
            Proof::Accepted(identity) => {
                self.identify(now, key, Arc::clone(identity));
                AuthenticateOutcome::Accepted
            }
            Proof::Rejected => {
                self.forget(now, key);
                AuthenticateOutcome::Rejected
            }
            Proof::Failed => AuthenticateOutcome::Failed,
        };
        self.tell(now, key, &Decision::Authenticate(outcome));
    }

    /// Counts bytes from somebody who ought to say first who it is; whether those are too many.
    pub(super) fn is_too_much_unproven(&mut self, key: Key, bytes: usize) -> bool {
        let Some(conn) = self.conns.get_mut(key) else {
            return false;
        };
        let endpoint = &self.endpoints[usize::from(conn.endpoint)];
        let bytes_max = endpoint.limits.unproven_bytes_max;
        if bytes_max == 0 || !endpoint.dialect.needs_identity() || conn.identity().is_some() {
            return false;
        }
        let session = conn.session_mut();
        session.unproven_bytes = session.unproven_bytes.saturating_add(bytes);
        session.unproven_bytes > bytes_max
    }

    /// Gives a connection its identity. One that it had before ends, with the topics that only that
    /// one was let into.
    pub(super) fn identify(&mut self, now: Now, key: Key, identity: Arc<Identity>) {
        let before = self.take_identity(key);
        let Some(conn) = self.conns.get_mut(key) else {
            return;
        };
        let (encoding, app) = (
            conn.encoding(),
            self.endpoints[usize::from(conn.endpoint)].app,
        );
        let session = conn.session.get_or_insert_default();
        session.expires_ms = identity.expires_unix_ms.map(|end_ms| {
            let left_ms = end_ms.saturating_sub(now.unix_ms);
            now.monotonic_ms.saturating_add(left_ms)
        });
        if let Some(user) = &identity.user {
            let joined = self
                .users
                .subscribe(app, user, encoding, key.slot, &mut session.user);
            if let Joined::First(name) = joined
                && self.mesh.shards() > 1
            {
                self.interest.users.add(app, &name, self.id);
            }
        }
        session.identity = Some(identity);
        if self.is_open(key) {
            self.happen(key, Happened::Authenticated);
        }
        self.schedule(key);
        if let Some(before) = before {
            let is_refresh = before.user == self.user_of(key);
            self.leave_what_is_not_granted(now, key, is_refresh);
        } else if let Some(conn) = self.conns.get_mut(key) {
            // They were about nobody in particular.
            conn.session_mut().answers = Answers::default();
        }
    }

    fn user_of(&self, key: Key) -> Option<Arc<str>> {
        self.conns.get(key)?.identity()?.user.clone()
    }

    /// Ends a connection's identity, and leaves the topics that it would not be let into without.
    /// Returns whether it had one.
    pub(super) fn forget(&mut self, now: Now, key: Key) -> bool {
        let had_one = self.take_identity(key).is_some();
        if had_one {
            self.leave_what_is_not_granted(now, key, false);
        }
        had_one
    }

    /// Ends the identity of a connection for a reason that its dialect may tell it. What is being
    /// asked about that identity is denied: the answer would let in whoever comes after it.
    pub fn revoke(&mut self, now: Now, key: Key, reason: &str) {
        if !self.is_open(key) {
            return;
        }
        let had_one = self.forget(now, key);
        let actions = self.consult(now, key, |dialect, view, actions| {
            dialect.on_identity_end(view, reason, actions);
        });
        if let Some(actions) = actions {
            self.perform_all(now, key, actions);
        }
        if had_one {
            // New credentials are not the old identity's.
            self.give_up(now, key, Verdict::Deny, |request, _| {
                !matches!(request, Request::Authenticate)
            });
        }
    }

    /// Ends an identity that has run out.
    pub(super) fn expire_identity(&mut self, now: Now, key: Key) {
        let session = self.conns.get(key).and_then(|conn| conn.session.as_ref());
        let expires_ms = session.and_then(|session| session.expires_ms);
        if expires_ms.is_some_and(|end_ms| end_ms <= now.monotonic_ms) {
            self.revoke(now, key, "token_expired");
        }
    }

    /// Takes a connection's identity, and the connection out of its user's.
    pub(super) fn take_identity(&mut self, key: Key) -> Option<Arc<Identity>> {
        let conn = self.conns.get_mut(key)?;
        let encoding = conn.encoding();
        let session = conn.session.as_mut()?;
        let identity = session.identity.take()?;
        session.expires_ms = None;
        for place in std::mem::take(&mut session.user) {
            let conns = &mut self.conns;
            let gone = self.users.take_out(place, encoding, |moved| {
                let other = conns.at_mut(moved.slot).and_then(|c| c.session.as_mut());
                if let Some(session) = other {
                    set_index(&mut session.user, moved);
                }
            });
            if let Some((app, user)) = gone
                && self.mesh.shards() > 1
            {
                self.interest.users.remove(app, &user, self.id);
            }
        }
        Some(identity)
    }

    /// Leaves every topic that the rules do not grant to what is known about the peer now.
    ///
    /// After a refresh by the same user, what was granted by others than the rules stays: the client
    /// does not ask for it again. Otherwise it goes, unasked.
    fn leave_what_is_not_granted(&mut self, now: Now, key: Key, is_refresh: bool) {
        let session = self.conns.get_mut(key).and_then(|c| c.session.as_mut());
        let joined = session.map_or_else(Vec::new, |session| {
            if is_refresh {
                session.joined.clone()
            } else {
                session.answers = Answers::default();
                std::mem::take(&mut session.joined)
            }
        });
        for topic in self.topics_of(key) {
            let question = Question::Subscribe {
                topic: (&*topic).into(),
            };
            let stays = match self.rule(now, key, &question) {
                Ruling::Known(Verdict::Allow) => true,
                Ruling::Known(Verdict::Deny | Verdict::Fail) => {
                    is_refresh && joined.contains(&topic)
                }
                Ruling::Ask => is_refresh,
            };
            if !stays {
                self.unsubscribe(key, &topic);
            }
        }
    }

    /// Puts a connection into a topic without asking the rules. `false` when it is not open, or has
    /// as many topics as it may.
    pub fn join(&mut self, key: Key, topic: &str) -> bool {
        if !self.is_open(key) {
            return false;
        }
        let joined = match self.known_subscribe(key, topic) {
            None => self.subscribe(key, topic) == SubscribeOutcome::Subscribed,
            Some(outcome) => outcome == SubscribeOutcome::AlreadySubscribed,
        };
        if let Some(conn) = self.conns.get_mut(key).filter(|_| joined) {
            let known = &mut conn.session_mut().joined;
            if known.iter().all(|known| &**known != topic) {
                known.push(topic.into());
            }
        }
        joined
    }

    /// It is not in a topic any more, however it got in.
    pub(super) fn forget_joined(&mut self, key: Key, topic: &str) {
        let session = self.conns.get_mut(key).and_then(|c| c.session.as_mut());
        if let Some(session) = session {
            session.joined.retain(|joined| &**joined != topic);
        }
    }

    /// The names of a connection's topics.
    #[must_use]
    pub fn topics_of(&self, key: Key) -> Vec<Arc<str>> {
        let own = self.conns.get(key).map(|conn| &conn.subscriptions);
        own.map_or_else(Vec::new, |own| self.topics.names(own))
    }

    /// What the control plane has decided about a topic not long ago.
    pub(super) fn kept_answer(
        &self,
        now: Now,
        key: Key,
        question: &Question<'_>,
    ) -> Option<Verdict> {
        let Question::Subscribe { topic } = question else {
            return None;
        };
        let session = self.conns.get(key)?.session.as_ref()?;
        session.answers.find(now, topic)
    }

    /// Keeps such a decision for a while.
    pub(super) fn keep_answer(
        &mut self,
        now: Now,
        key: Key,
        topic: &str,
        verdict: Verdict,
        keep_ms: u64,
    ) {
        if keep_ms == 0 || verdict == Verdict::Fail {
            return;
        }
        if let Some(conn) = self.conns.get_mut(key) {
            let until_ms = now.monotonic_ms.saturating_add(keep_ms);
            conn.session_mut().answers.keep(topic, verdict, until_ms);
        }
    }
}
