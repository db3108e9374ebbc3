//! What clients do: they ask, publish, babble, fall silent and end.

use crate::client::Client;
use crate::contract::{Checked, Dialect, Request};
use crate::planted::Bug;
use crate::tokens::{Token, WRONG};
use crate::world::World;

/// Bytes that a client may have waiting before it says more.
const UNSENT_BYTES_MAX: usize = 32 * 1024;

/// Steps until a join that is lost on purpose is made up for.
const LOST_STEPS: u64 = 200;

impl World {
    /// A client does something.
    pub(crate) fn act(&mut self, index: usize) -> Checked {
        if self.is_ending
            || !self.may_ask(index)
            || self.wires[index].to_server.len() > UNSENT_BYTES_MAX
        {
            return Ok(());
        }
        let changes_identity = self.changes_identity(index);
        let (client, wire) = (&mut self.clients[index], &mut self.wires[index]);
        let pings = match self.random.below(100) {
            0..=29 => self.ask(index, Request::Subscribe),
            30..=38 => self.ask(index, Request::Unsubscribe),
            39..=80 => {
                let mut pings = Vec::new();
                let burst = if self.random.below(6) == 0 { 8 } else { 1 };
                for _ in 0..burst {
                    pings.extend(self.ask(index, Request::Publish { number: 0 }));
                }
                pings
            }
            81..=87 => client.babble(wire, &mut self.random),
            88..=90 => vec![Client::ping(wire, &mut self.random)],
            91 | 92 if changes_identity => {
                self.change_identity(index);
                Vec::new()
            }
            93 if self.plan.has_silence && self.checker.id(index).is_some() => {
                self.stop_reading(index);
                Vec::new()
            }
            94 if self.plan.has_silence && self.plan.limits.ping_interval_ms > 0 => {
                client.is_alive = false;
                self.trace.event("falls silent", &[index as u64]);
                Vec::new()
            }
            95 | 96 if self.plan.has_ends => {
                let ending = client.end(wire, &mut self.random);
                self.trace.event("ends", &[index as u64]);
                self.trace.say(|| format!("{ending:?}"));
                Vec::new()
            }
            _ => Vec::new(),
        };
        for ping in pings {
            self.checker.ping(index, ping);
        }
        Ok(())
    }

    /// Whether a client may ask for anything now. ignis refuses everybody whom it has not let in.
    fn may_ask(&self, index: usize) -> bool {
        let client = &self.clients[index];
        let is_let_in = client.dialect != Dialect::Ignis || self.checker.id(index).is_some();
        is_let_in && client.may_speak(&self.wires[index])
    }

    /// What a client says before anything else.
    pub(crate) fn introduce(&mut self, index: usize) {
        let client = &self.clients[index];
        let (dialect, token) = (client.dialect, client.user);
        match (dialect, token) {
            (Dialect::Ignis, None) => self.say(index, br#"{"event":"authenticate","data":{}}"#),
            (Dialect::Ignis, Some(token)) => {
                let data = format!(r#"{{"token":"{token}"}}"#);
                let text = format!(r#"{{"event":"authenticate","data":{data}}}"#);
                self.say(index, text.as_bytes());
            }
            (Dialect::SharedWebsocket, Some(token)) => self.log_in(index, Some(token)),
            _ => {}
        }
        if let (true, Some(token)) = (dialect.welcomes(), token) {
            self.checker.show(index, token.user);
        }
    }

    /// Whether a client may become somebody else while it is connected.
    fn changes_identity(&self, index: usize) -> bool {
        let client = &self.clients[index];
        client.dialect == Dialect::SharedWebsocket && client.user.is_some()
    }

    fn change_identity(&mut self, index: usize) {
        match self.random.below(8) {
            0 | 1 => {
                self.trace.event("logs out", &[index as u64]);
                self.checker.log_out(index);
                self.say(index, br#"{"event":"$auth:logout","data":{}}"#);
            }
            2 => self.log_in(index, None),
            _ => {
                let token = self.some_token();
                self.log_in(index, Some(token));
            }
        }
    }

    fn log_in(&mut self, index: usize, token: Option<Token>) {
        self.trace.event("logs in", &[index as u64]);
        self.trace.say(|| format!("{token:?}"));
        self.checker.log_in(index, token.map(|token| token.user));
        let token = token.map_or_else(|| WRONG.to_owned(), |token| token.to_string());
        let data = format!(r#"{{"token":"{token}"}}"#);
        let text = format!(r#"{{"event":"$auth:login","data":{data}}}"#);
        self.say(index, text.as_bytes());
    }

    /// A client says something, and the pings in between are noted.
    fn say(&mut self, index: usize, message: &[u8]) {
        let (client, wire) = (&mut self.clients[index], &mut self.wires[index]);
        for ping in client.say(wire, &mut self.random, message) {
            self.checker.ping(index, ping);
        }
    }

    /// A client subscribes, unsubscribes or publishes somewhere.
    fn ask(&mut self, index: usize, request: Request) -> Vec<Vec<u8>> {
        let count = self.channels.len() as u32;
        let channel = if self.random.below(3) == 0 {
            self.random.below(count)
        } else {
            self.random.below(self.plan.open_channels)
        } as usize;
        let may_be = match request {
            Request::Publish { .. } => self.may_publish(index, channel),
            Request::Subscribe => self.may_join(index, channel),
            Request::Unsubscribe => true,
        };
        if !may_be {
            return Vec::new();
        }
        let mut pings = self.ask_on(index, channel, request);
        // Most want to know what has come of it.
        if !matches!(request, Request::Publish { .. }) && self.random.below(4) > 0 {
            pings.extend(self.fence(index));
        }
        pings
    }

    /// Whether what becomes of a subscribe is certain. Where identities may end at any time, that is
    /// not so of channels that are asked about, nor where one too many would be refused.
    fn may_join(&self, index: usize, channel: usize) -> bool {
        if !self.changes_identity(index) {
            return true;
        }
        let rules = &self.checker.channels[channel];
        let mut have = self.checker.may_have(index);
        have.insert(channel);
        (rules.needs_login || !rules.may_wait) && have.len() <= self.plan.limits.subscriptions_max
    }

    fn may_publish(&self, index: usize, channel: usize) -> bool {
        let client = &self.clients[index];
        client.publishes
            && match client.dialect {
                Dialect::Strav => true,
                Dialect::Ignis => false,
                // What is for no channel of its own is for the application.
                Dialect::SharedWebsocket => {
                    let is_at_stake = self.checker.channels[channel].needs_login;
                    !is_at_stake && self.checker.will_have(index).contains(&channel)
                }
            }
    }

    /// A client asks for something on a channel; the pings that it sent in between.
    pub(crate) fn ask_on(
        &mut self,
        index: usize,
        channel: usize,
        request: Request,
    ) -> Vec<Vec<u8>> {
        let (client, wire) = (&mut self.clients[index], &mut self.wires[index]);
        let (dialect, name) = (client.dialect, &self.channels[channel]);
        let (request, text) = match request {
            Request::Subscribe => (request, dialect.subscribe_text(name)),
            Request::Unsubscribe => (request, dialect.unsubscribe_text(name)),
            Request::Publish { .. } => {
                let number = client.next_number(channel);
                let names = (index, channel, number);
                let Some(text) = dialect.publish_text(name, names, self.plan.data_bytes_max) else {
                    return Vec::new();
                };
                (Request::Publish { number }, text)
            }
        };
        self.trace.event("asks", &[index as u64, channel as u64]);
        self.trace.say(|| format!("{request:?}"));
        self.checker.ask(index, channel, request);
        if request == Request::Unsubscribe
            && self
                .planted
                .strikes(Bug::SwallowedUnsubscribe, &mut self.random, 4)
        {
            return Vec::new();
        }
        let until_step = self.trace.step + LOST_STEPS;
        if request == Request::Subscribe
            && !dialect.acknowledges()
            && self
                .planted
                .loses(&mut self.random, until_step, index, &text)
        {
            return Vec::new();
        }
        client.say(wire, &mut self.random, text.as_bytes())
    }

    /// What was lost by a planted bug arrives after all.
    pub(crate) fn find_lost(&mut self) {
        while let Some((index, text)) = self.planted.found(self.trace.step) {
            if self.may_ask(index) {
                self.say(index, text.as_bytes());
            }
        }
    }

    /// A client asks for what is certainly answered, where its joins are not; the pings that it sent in
    /// between.
    pub(crate) fn fence(&mut self, index: usize) -> Vec<Vec<u8>> {
        let (client, wire) = (&mut self.clients[index], &mut self.wires[index]);
        let Some(text) = client.dialect.fence_text() else {
            return Vec::new();
        };
        self.trace.event("fence", &[index as u64]);
        self.checker.ask_fence(index);
        client.say(wire, &mut self.random, text.as_bytes())
    }

    /// Everybody who may asks for the last time, and so learns that all before it has been handled.
    pub(crate) fn fence_all(&mut self) {
        for index in self.present.clone() {
            if self.may_ask(index) {
                let mut pings = self.fence(index);
                pings.push(Client::ping(&mut self.wires[index], &mut self.random));
                for ping in pings {
                    self.checker.ping(index, ping);
                }
            }
        }
    }
}
