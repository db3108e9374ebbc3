//! Doing what a dialect wants done: in order, through the decisions it needs, waiting where it must.

use std::borrow::Cow;

use super::actions::{Action, Actions, Dispatch, Publish, To};
use super::busy::{Gate, Request, Wait};
use super::decider::{Asked, Handling, Inquiry, Question, Ruling, Verdict};
use super::dialect::{Decision, Message, PublishOutcome, SubscribeOutcome};
use super::disconnect::Cause;
use super::shard::Shard;
use super::topic_table::{Joined, set_index};
use crate::base::limits::{DECISION_TIMEOUT, NAME_BYTES_MAX};
use crate::base::slab::Key;
use crate::base::time::{Now, millis};

/// Topics that one question may be about: as many as a connection may have by default.
const TOPICS_PER_QUESTION: usize = 128;

impl Shard {
    /// One whole message of a connection that waits for nothing.
    pub(super) fn handle_message(&mut self, now: Now, key: Key, message: Message<'_>) {
        let actions = self.consult(now, key, |dialect, view, actions| {
            dialect.on_message(view, message, actions);
        });
        if let Some(actions) = actions {
            self.perform_all(now, key, actions);
        }
    }

    /// Performs actions until one has to wait; the rest waits behind it.
    ///
    /// What a timer asks for while the connection waits already is done at once, since a time-out
    /// must not wait for what it limits; only what needs its turn (topics, publications) waits.
    pub(super) fn perform_all(&mut self, now: Now, key: Key, mut actions: Actions<'_>) {
        if self.is_waiting(key) {
            self.perform_meanwhile(now, key, actions);
            return;
        }
        let mut list = std::mem::take(&mut actions.list).into_iter();
        while let Some(action) = list.next() {
            if !self.is_open(key) {
                break;
            }
            self.perform(now, key, action, &actions.frames);
            if self.is_waiting(key) {
                let rest = Actions {
                    list: list.map(Action::into_owned).collect(),
                    frames: actions.frames,
                    ignored: false,
                };
                self.ask_along(now, key, &rest.list);
                if let Some(busy) = self.busy_mut(key) {
                    busy.rest.append(rest);
                }
                return;
            }
        }
        self.give_back(actions.frames);
    }

    fn perform_meanwhile(&mut self, now: Now, key: Key, actions: Actions<'_>) {
        for action in actions.list {
            if !action.needs_turn() {
                self.perform(now, key, action, &actions.frames);
            } else if let Some(busy) = self.busy_mut(key) {
                busy.rest.list.push(action.into_owned());
            }
        }
        self.give_back(actions.frames);
    }

    fn perform(&mut self, now: Now, key: Key, action: Action<'_>, frames: &[u8]) {
        match action {
            Action::Reply(range) => self.reply_message(key, &frames[range]),
            Action::Subscribe(topic) => self.ask_subscribe(now, key, &topic),
            Action::Join(topic) => {
                // One topic more than it may have is not worth an end; nobody waits for an answer.
                let _joined = self.join(key, &topic);
            }
            Action::Unsubscribe(topic) => self.unsubscribe(key, &topic),
            Action::Publish(publish) => self.ask_publish(now, key, publish, Gate::Access, None),
            Action::Dispatch(dispatch) => {
                if let Some(wait) = self.dispatch(now, key, &dispatch) {
                    self.start_waiting(key, wait);
                }
            }
            Action::Authenticate { data, in_turn } => {
                let inquiry = Inquiry::Authenticate {
                    data: data.into_owned().into_boxed_slice(),
                };
                if in_turn {
                    self.ask(now, key, inquiry, Request::Authenticate);
                } else {
                    self.ask_meanwhile(key, inquiry);
                }
            }
            Action::Forget => {
                let _had_one = self.forget(now, key);
            }
            Action::Handle { event, data } => self.leave_to_app(now, key, &event, data),
            Action::SetTimer { after_ms } => {
                if let Some(conn) = self.conns.get_mut(key) {
                    conn.timer_ms = now.monotonic_ms.saturating_add(after_ms);
                    self.schedule(key);
                }
            }
            Action::Close(disconnect) => {
                self.close_with(now, key, Cause::Dialect, Some(disconnect));
            }
            Action::End(cause) => self.close(now, key, cause),
        }
    }

    /// A message that means nothing to the dialect: the endpoint's own handling, or the application.
    fn leave_to_app(&mut self, now: Now, key: Key, event: &str, data: Option<Cow<'_, [u8]>>) {
        let Some(conn) = self.conns.get(key) else {
            return;
        };
        let decider = &self.endpoints[usize::from(conn.endpoint)].decider;
        let identity = conn.identity().map(|identity| &**identity);
        let (to, topic, exclude_sender) = match decider.handle(identity, event) {
            Handling::Drop => {
                self.stats.messages_ignored += 1;
                return;
            }
            Handling::Ask => {
                let inquiry = Inquiry::Message {
                    event: event.into(),
                    data: data.map(|data| data.into_owned().into_boxed_slice()),
                };
                self.ask(now, key, inquiry, Request::Message);
                return;
            }
            Handling::Reply => (To::Sender, String::new(), false),
            Handling::Publish {
                topic,
                exclude_self,
            } => (To::Topic, topic, exclude_self),
        };
        let dispatch = Dispatch {
            to,
            topic: Cow::Owned(topic),
            event: Cow::Borrowed(event),
            data,
            exclude_sender,
            exclude: Vec::new(),
        };
        if let Some(wait) = self.dispatch(now, key, &dispatch) {
            self.start_waiting(key, wait);
        }
    }

    fn ask_subscribe(&mut self, now: Now, key: Key, topic: &str) {
        if let Some(outcome) = self.known_subscribe(key, topic) {
            self.tell_subscribe(now, key, topic, outcome);
            return;
        }
        let decided = self.busy_mut(key).and_then(|busy| {
            let mut decided = busy.decided.iter();
            decided
                .find(|(of, _)| of == topic)
                .map(|(_, verdict)| *verdict)
        });
        if let Some(verdict) = decided {
            self.finish_subscribe(now, key, topic, verdict);
            return;
        }
        let question = Question::Subscribe {
            topic: Cow::Borrowed(topic),
        };
        match self.rule(now, key, &question) {
            Ruling::Known(verdict) => self.finish_subscribe(now, key, topic, verdict),
            Ruling::Ask => {
                let inquiry = Inquiry::Decide(question.into_owned());
                self.ask(
                    now,
                    key,
                    inquiry,
                    Request::Subscribe(vec![topic.to_owned()]),
                );
            }
        }
    }

    /// Has the question that is out ask as well about the topics that the actions behind it would
    /// each ask about in their turn.
    fn ask_along(&mut self, now: Now, key: Key, behind: &[Action<'_>]) {
        if self.asked_subscribe(key).is_none() {
            return;
        }
        let mut more = Vec::new();
        for action in behind.iter().take(TOPICS_PER_QUESTION - 1) {
            let Action::Subscribe(topic) = action else {
                break;
            };
            let question = Question::Subscribe {
                topic: Cow::Borrowed(topic),
            };
            if self.known_subscribe(key, topic).is_none()
                && self.rule(now, key, &question) == Ruling::Ask
            {
                more.push(topic.to_string());
            }
        }
        if let Some((ticket, topics)) = self.asked_subscribe(key).filter(|_| !more.is_empty()) {
            topics.append(&mut more);
            let inquiry = Inquiry::DecideAll(topics.clone());
            // It was put last, and nobody has taken it yet.
            let asked = self.asked.back_mut();
            if let Some(asked) = asked.filter(|asked| asked.ticket == ticket) {
                asked.inquiry = inquiry;
            }
        }
    }

    /// The ticket and the topics of the question about topics that is out.
    fn asked_subscribe(&mut self, key: Key) -> Option<(u32, &mut Vec<String>)> {
        match self.busy_mut(key)?.wait.as_mut()? {
            Wait::Decision {
                ticket,
                request: Request::Subscribe(topics),
                ..
            } => Some((*ticket, topics)),
            _ => None,
        }
    }

    /// What needs no decision: a topic it has, one too many, a name nobody may use.
    pub(super) fn known_subscribe(&self, key: Key, topic: &str) -> Option<SubscribeOutcome> {
        let conn = self.conns.get(key)?;
        let endpoint = &self.endpoints[usize::from(conn.endpoint)];
        if self
            .topics
            .is_subscribed(endpoint.app, topic, &conn.subscriptions)
        {
            Some(SubscribeOutcome::AlreadySubscribed)
        } else if conn.subscriptions.len() >= endpoint.limits.subscriptions_max {
            Some(SubscribeOutcome::LimitReached)
        } else if topic.len() > NAME_BYTES_MAX {
            Some(SubscribeOutcome::Denied)
        } else {
            None
        }
    }

    pub(super) fn finish_subscribe(&mut self, now: Now, key: Key, topic: &str, verdict: Verdict) {
        let outcome = match verdict {
            Verdict::Allow => self.subscribe(key, topic),
            Verdict::Deny => SubscribeOutcome::Denied,
            Verdict::Fail => SubscribeOutcome::Failed,
        };
        self.tell_subscribe(now, key, topic, outcome);
    }

    /// Makes the connection a subscriber and the shard interested, before anybody is told (C1).
    pub(super) fn subscribe(&mut self, key: Key, topic: &str) -> SubscribeOutcome {
        let Some(conn) = self.conns.get_mut(key) else {
            return SubscribeOutcome::Failed;
        };
        let app = self.endpoints[usize::from(conn.endpoint)].app;
        let joined = self.topics.subscribe(
            app,
            topic,
            conn.encoding(),
            key.slot,
            &mut conn.subscriptions,
        );
        match joined {
            Joined::Already => return SubscribeOutcome::AlreadySubscribed,
            Joined::Added => {}
            Joined::First(name) => {
                if self.has_peers() {
                    // In this order: a letter that comes after the count may be owed already.
                    let next_letter = self.stats.letters + self.mesh.own_len() as u64;
                    self.topics.ignore_letters_before(app, &name, next_letter);
                    self.interest.topics.add(app, &name, self.id);
                }
            }
        }
        SubscribeOutcome::Subscribed
    }

    fn tell_subscribe(&mut self, now: Now, key: Key, topic: &str, outcome: SubscribeOutcome) {
        self.tell(now, key, &Decision::Subscribe { topic, outcome });
    }

    /// Ends a membership, if there is one.
    pub fn unsubscribe(&mut self, key: Key, topic: &str) {
        let Some(conn) = self.conns.get_mut(key) else {
            return;
        };
        let encoding = conn.encoding();
        let app = self.endpoints[usize::from(conn.endpoint)].app;
        let mut own = std::mem::take(&mut conn.subscriptions);
        let conns = &mut self.conns;
        let gone = self
            .topics
            .unsubscribe(app, topic, encoding, &mut own, |moved| {
                if let Some(conn) = conns.at_mut(moved.slot) {
                    set_index(&mut conn.subscriptions, moved);
                }
            });
        if let Some(conn) = self.conns.get_mut(key) {
            conn.subscriptions = own;
        }
        self.forget_joined(key, topic);
        if let Some(topic) = gone {
            self.lose_interest(app, &topic);
        }
    }

    /// Takes a publish through its gates; `verdict` answers the first of them.
    pub(super) fn ask_publish(
        &mut self,
        now: Now,
        key: Key,
        publish: Publish<'_>,
        mut gate: Gate,
        mut verdict: Option<Verdict>,
    ) {
        if gate == Gate::Access && !publish.needs_access {
            gate = Gate::Publish;
        }
        if publish.topic.len().max(publish.event.len()) > NAME_BYTES_MAX {
            self.tell_publish(now, key, &publish.topic, PublishOutcome::Denied);
            return;
        }
        loop {
            let ruling = verdict.take().map_or_else(
                || self.rule(now, key, &gate.question(&publish)),
                Ruling::Known,
            );
            let outcome = match (gate, ruling) {
                (_, Ruling::Ask) => {
                    let publish = publish.into_owned();
                    let inquiry = Inquiry::Decide(gate.question(&publish).into_owned());
                    self.ask(now, key, inquiry, Request::Publish(publish, gate));
                    return;
                }
                (Gate::Access, Ruling::Known(Verdict::Allow)) => {
                    gate = Gate::Publish;
                    continue;
                }
                (Gate::Access, Ruling::Known(Verdict::Deny)) => PublishOutcome::AccessDenied,
                (Gate::Access, Ruling::Known(Verdict::Fail)) => PublishOutcome::AccessFailed,
                (Gate::Publish, Ruling::Known(Verdict::Deny)) => PublishOutcome::Denied,
                (Gate::Publish, Ruling::Known(Verdict::Fail)) => PublishOutcome::Failed,
                (Gate::Publish, Ruling::Known(Verdict::Allow)) => {
                    if let Some(wait) = self.publish(now, key, &publish) {
                        self.start_waiting(key, wait);
                        return;
                    }
                    PublishOutcome::Accepted
                }
            };
            self.tell_publish(now, key, &publish.topic, outcome);
            return;
        }
    }

    pub(super) fn tell_publish(
        &mut self,
        now: Now,
        key: Key,
        topic: &str,
        outcome: PublishOutcome,
    ) {
        self.tell(now, key, &Decision::Publish { topic, outcome });
    }

    pub(super) fn tell(&mut self, now: Now, key: Key, decision: &Decision<'_>) {
        let actions = self.consult(now, key, |dialect, view, actions| {
            dialect.on_decision(view, decision, actions);
        });
        if let Some(actions) = actions {
            self.perform_all(now, key, actions);
        }
    }

    /// What is known without asking: from the rules, or from an answer that still holds.
    pub(super) fn rule(&self, now: Now, key: Key, question: &Question<'_>) -> Ruling {
        let Some(conn) = self.conns.get(key) else {
            return Ruling::Known(Verdict::Fail);
        };
        let decider = &self.endpoints[usize::from(conn.endpoint)].decider;
        let identity = conn.identity().map(|identity| &**identity);
        match decider.decide(self.conn_id(key), identity, question) {
            Ruling::Ask => self
                .kept_answer(now, key, question)
                .map_or(Ruling::Ask, Ruling::Known),
            known => known,
        }
    }

    fn ask(&mut self, now: Now, key: Key, inquiry: Inquiry, request: Request) {
        if let Some(ticket) = self.inquire(key, inquiry) {
            let wait = Wait::Decision {
                ticket,
                deadline_ms: now.monotonic_ms + millis(DECISION_TIMEOUT),
                request,
            };
            self.start_waiting(key, wait);
        }
    }

    /// Puts a question to the control plane; the ticket of its answer.
    pub(super) fn inquire(&mut self, key: Key, inquiry: Inquiry) -> Option<u32> {
        let conn = self.conns.get(key)?;
        self.tickets = self.tickets.wrapping_add(1);
        self.asked.push_back(Asked {
            conn: self.conn_id(key),
            id: self.id_text(conn).into(),
            endpoint: conn.endpoint,
            identity: conn.identity().cloned(),
            ticket: self.tickets,
            inquiry,
        });
        Some(self.tickets)
    }
}

impl Gate {
    fn question<'p>(self, publish: &'p Publish<'_>) -> Question<'p> {
        let topic = Cow::Borrowed(&*publish.topic);
        match self {
            Self::Access => Question::Subscribe { topic },
            Self::Publish => Question::Publish {
                topic,
                event: Cow::Borrowed(&*publish.event),
                data: publish.data.as_deref().map(Cow::Borrowed),
            },
        }
    }
}
