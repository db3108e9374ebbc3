//! A connection that has to wait: for a decision, or for room; and how it goes on.

use std::borrow::Cow;

use super::actions::Actions;
use super::busy::{Busy, Form, Gate, PeerEnd, Request, Wait};
use super::decider::{Admission, Asked, Inquiry, Proof, Verdict};
use super::dialect::{Message, PublishOutcome};
use super::disconnect::{Cause, Disconnect};
use super::shard::Shard;
use crate::base::slab::Key;
use crate::base::time::Now;
use crate::codec::ws::{OpCode, write_frame};

impl Shard {
    /// From here on the connection's actions and messages are put aside, until [`Self::go_on`].
    pub(super) fn start_waiting(&mut self, key: Key, wait: Wait) {
        let Some(conn) = self.conns.get_mut(key) else {
            return;
        };
        let busy = conn.busy.get_or_insert_with(|| {
            self.busy_conns += 1;
            Box::default()
        });
        debug_assert!(busy.wait.is_none(), "one wait at a time");
        busy.wait = Some(wait);
        self.schedule(key);
    }

    /// A decision of the control plane, which holds for `keep_ms`. One that comes after the
    /// connection's end, or after its question was given up, changes nothing; the same is true of
    /// the other answers.
    pub fn handle_verdict(
        &mut self,
        now: Now,
        key: Key,
        ticket: u32,
        verdict: Verdict,
        keep_ms: u64,
    ) {
        self.handle_decision(now, key, ticket, |_| verdict, keep_ms);
    }

    /// The same about several topics, in the order in which they were asked about.
    pub fn handle_verdicts(
        &mut self,
        now: Now,
        key: Key,
        ticket: u32,
        verdicts: &[Verdict],
        keep_ms: u64,
    ) {
        let of = |index| verdicts.get(index).copied().unwrap_or(Verdict::Fail);
        self.handle_decision(now, key, ticket, of, keep_ms);
    }

    fn handle_decision(
        &mut self,
        now: Now,
        key: Key,
        ticket: u32,
        verdict: impl Fn(usize) -> Verdict,
        keep_ms: u64,
    ) {
        let Some(request) = self.take_request(key, ticket) else {
            return;
        };
        match request {
            Request::Subscribe(topics) => {
                let mut decided: Vec<_> = topics
                    .into_iter()
                    .enumerate()
                    .map(|(index, topic)| (topic, verdict(index)))
                    .collect();
                for (topic, verdict) in &decided {
                    self.keep_answer(now, key, topic, *verdict, keep_ms);
                }
                let (topic, verdict) = decided.remove(0);
                if let Some(busy) = self.busy_mut(key) {
                    busy.decided = decided;
                }
                self.finish_subscribe(now, key, &topic, verdict);
            }
            Request::Publish(publish, gate) => {
                if gate == Gate::Access {
                    self.keep_answer(now, key, &publish.topic, verdict(0), keep_ms);
                }
                self.ask_publish(now, key, publish, gate, Some(verdict(0)));
            }
            // An answer to another kind of question answers nothing.
            Request::Authenticate => self.finish_authenticate(now, key, &Proof::Failed),
            Request::Message => {}
        }
        self.go_on(now, key);
    }

    /// What the credentials that a connection has sent have proven.
    pub fn handle_proof(&mut self, now: Now, key: Key, ticket: u32, proof: &Proof) {
        if self.handle_proof_meanwhile(now, key, ticket, proof) {
            return;
        }
        if let Some(Request::Authenticate) = self.take_request(key, ticket) {
            self.finish_authenticate(now, key, proof);
            self.go_on(now, key);
        }
    }

    /// What the application wants done about a message.
    pub fn handle_deeds(&mut self, now: Now, key: Key, ticket: u32, deeds: Actions<'static>) {
        if let Some(Request::Message) = self.take_request(key, ticket) {
            self.perform_all(now, key, deeds);
            self.go_on(now, key);
        }
    }

    /// There is nobody who could answer a question: nobody could tell.
    pub fn handle_unanswered(&mut self, now: Now, asked: &Asked) {
        let (key, ticket) = (asked.conn.key, asked.ticket);
        match &asked.inquiry {
            Inquiry::Decide(_) | Inquiry::DecideAll(_) => {
                self.handle_verdict(now, key, ticket, Verdict::Fail, 0)
            }
            Inquiry::Authenticate { .. } => self.handle_proof(now, key, ticket, &Proof::Failed),
            Inquiry::Admit(_) => self.handle_admission(now, key, ticket, Admission::Failed),
            Inquiry::Message { .. } => self.handle_deeds(now, key, ticket, Actions::default()),
        }
    }

    fn take_request(&mut self, key: Key, ticket: u32) -> Option<Request> {
        let busy = self.busy_mut(key)?;
        match busy.wait.take() {
            Some(Wait::Decision {
                ticket: current,
                request,
                ..
            }) if current == ticket => Some(request),
            other => {
                busy.wait = other;
                None
            }
        }
    }

    /// Gives up a decision that has taken too long: nobody could tell.
    pub(super) fn expire_decision(&mut self, now: Now, key: Key) {
        self.give_up(now, key, Verdict::Fail, |_, deadline_ms| {
            deadline_ms <= now.monotonic_ms
        });
    }

    /// Gives up what is being decided, if `whether` says so of it and its deadline; it counts as decided so.
    pub(super) fn give_up(
        &mut self,
        now: Now,
        key: Key,
        verdict: Verdict,
        whether: impl FnOnce(&Request, u64) -> bool,
    ) {
        let given_up = self.busy_mut(key).and_then(|busy| match &busy.wait {
            Some(Wait::Decision {
                ticket,
                deadline_ms,
                request,
            }) if whether(request, *deadline_ms) => Some(*ticket),
            _ => None,
        });
        if let Some(ticket) = given_up {
            self.handle_verdict(now, key, ticket, verdict, 0);
        }
    }

    /// The publication that waited for room is with every shard.
    pub(super) fn handle_room(&mut self, now: Now, key: Key) {
        let Some(busy) = self.busy_mut(key) else {
            return;
        };
        match busy.wait.take() {
            Some(Wait::Room { topic }) => {
                if let Some(topic) = topic {
                    self.tell_publish(now, key, &topic, PublishOutcome::Accepted);
                }
                self.go_on(now, key);
            }
            other => busy.wait = other,
        }
    }

    /// The others have had their turn.
    pub(super) fn end_turn(&mut self, now: Now, key: Key) {
        let Some(busy) = self.busy_mut(key) else {
            return;
        };
        let is_over = |wait: &mut Wait| matches!(wait, Wait::Turn { until_ms } if *until_ms <= now.monotonic_ms);
        if busy.wait.take_if(is_over).is_some() {
            self.go_on(now, key);
        }
    }

    /// Works off what waited: first the rest of the actions, then the parked messages, one by one,
    /// until something has to wait again.
    fn go_on(&mut self, now: Now, key: Key) {
        self.begin_inflating();
        while let Some(busy) = self.busy_mut(key) {
            if busy.wait.is_some() {
                return;
            }
            if !busy.rest.list.is_empty() {
                let rest = std::mem::take(&mut busy.rest);
                self.perform_all(now, key, rest);
                continue;
            }
            // They were for these actions.
            busy.decided = Vec::new();
            // Out of the connection while its messages are borrowed from it; nothing can be parked
            // meanwhile, as only received bytes are.
            let mut parked = std::mem::take(&mut busy.parked);
            let Some((kind, form, payload)) = parked.next() else {
                self.stop_being_busy(now, key);
                return;
            };
            match form {
                Form::Plain => self.handle_message(now, key, Message { kind, payload }),
                Form::Compressed => {
                    if let Err(cause) = self.handle_compressed(now, key, kind, payload) {
                        self.close(now, key, cause);
                    }
                }
            }
            if let Some(busy) = self.busy_mut(key) {
                parked.compact();
                busy.parked = parked;
            }
        }
    }

    fn stop_being_busy(&mut self, now: Now, key: Key) {
        let Some(conn) = self.conns.get_mut(key) else {
            return;
        };
        let Some(busy) = conn.busy.take() else {
            return;
        };
        self.busy_conns -= 1;
        self.resume(now, key);
        if let Some(end) = busy.peer_end {
            self.handle_peer_end(now, key, end);
        }
    }

    /// The peer will send nothing more: the end, unless messages before it wait for room, or for
    /// their turn.
    ///
    /// A decision that is still out is cancelled: its outcome would concern nobody. A publication
    /// that was accepted, and messages behind it, are not: they were sent before the end.
    pub(super) fn handle_peer_end(&mut self, now: Now, key: Key, end: PeerEnd) {
        if let Some(busy) = self.busy_mut(key)
            && busy.wait.as_ref().is_some_and(Wait::outlasts_peer)
        {
            busy.peer_end.get_or_insert(end);
            return;
        }
        match end {
            PeerEnd::Close(Some(code)) => {
                let disconnect = Disconnect {
                    code,
                    reason: Cow::Borrowed(""),
                };
                self.close_with(now, key, Cause::PeerClosed, Some(disconnect));
            }
            PeerEnd::Close(None) => {
                self.write_last(key, |out| write_frame(out, OpCode::Close, &[]));
                self.close_with(now, key, Cause::PeerClosed, None);
            }
            PeerEnd::Eof => {
                self.leave(key, Cause::PeerGone);
                self.start_closing(now, key, true);
            }
        }
    }

    pub(super) fn is_waiting(&self, key: Key) -> bool {
        let busy = self.conns.get(key).and_then(|conn| conn.busy.as_ref());
        busy.is_some_and(|busy| busy.wait.is_some())
    }

    pub(super) fn busy_mut(&mut self, key: Key) -> Option<&mut Busy> {
        self.conns.get_mut(key)?.busy.as_deref_mut()
    }
}
