//! One client of the contract suite: it follows a seeded script, and tells the checker what it asks and reads.

use std::sync::Mutex;

use shardcast::base::random::Random;

use super::contract_suite::{Link, STRICT, UNKNOWN, channels, lock};
use super::support::PATIENCE;
use super::support::client::{CLOSE, Client, Incoming, PING, PONG, TEXT};
use crate::contract::{Checked, Checker, Dialect, Request, broken};

/// One client.
pub(crate) struct Actor {
    pub(crate) index: usize,
    dialect: Dialect,
    pub(crate) client: Client,
    link: Link,
    data_bytes_max: usize,
    random: Random,
    /// The number of its next publication, by channel.
    numbers: Vec<usize>,
    /// Pings without their pong.
    pings: usize,
    /// The code of the Close that it got.
    pub(crate) close: Option<u16>,
    pub(crate) is_over: bool,
}

impl Actor {
    pub(crate) fn new(
        seed: u64,
        index: usize,
        dialect: Dialect,
        client: Client,
        link: Link,
        data_bytes_max: usize,
    ) -> Self {
        Self {
            index,
            dialect,
            client,
            link,
            data_bytes_max,
            random: Random::new(seed << 16 | index as u64),
            numbers: vec![0; channels().len()],
            pings: 0,
            close: None,
            is_over: false,
        }
    }

    /// Waits until it is let in: ignis refuses what comes before.
    pub(crate) fn introduce(&mut self, checker: &Mutex<Checker>) -> Checked {
        while self.dialect == Dialect::Ignis && lock(checker).id(self.index).is_none() {
            self.read(checker)?;
        }
        Ok(())
    }

    /// Asks for this and that, several things in one write or in several, and now and then reads.
    /// For so many rounds, or until it is over.
    pub(crate) fn act(&mut self, checker: &Mutex<Checker>, rounds: Option<usize>) -> Checked {
        for _ in 0..rounds.unwrap_or(usize::MAX) {
            let mut bytes = Vec::new();
            for _ in 0..self.random.below(6) {
                self.ask(checker, &mut bytes);
            }
            // What cannot be sent has been cut off, which is seen when reading.
            self.client.try_send_raw(&bytes);
            if self.random.below(2) == 0 {
                self.catch_up(checker)?;
            }
            if self.is_over {
                return Ok(());
            }
        }
        self.catch_up(checker)
    }

    /// One request. It is noted here, before it is sent.
    fn ask(&mut self, checker: &Mutex<Checker>, bytes: &mut Vec<u8>) {
        let channels = channels();
        let channel = match self.random.below(8) {
            0 => 3 + self.random.below(2),
            _ => self.random.below(3),
        } as usize;
        let name = &channels[channel].name;
        let (request, text) = match self.random.below(10) {
            0 | 1 => (Request::Subscribe, self.dialect.subscribe_text(name)),
            2 => (Request::Unsubscribe, self.dialect.unsubscribe_text(name)),
            _ => {
                let number = self.numbers[channel];
                let names = (self.index, channel, number);
                let text = self
                    .dialect
                    .publish_text(name, names, self.data_bytes_max)
                    .filter(|_| self.may_publish(checker, channel));
                let Some(text) = text else {
                    return;
                };
                self.numbers[channel] += 1;
                (Request::Publish { number }, text)
            }
        };
        lock(checker).ask(self.index, channel, request);
        bytes.extend(self.client.frame(true, TEXT, text.as_bytes()));
    }

    /// Whether what it publishes is for a channel: shared-websocket publishes only where it is a member.
    fn may_publish(&self, checker: &Mutex<Checker>, channel: usize) -> bool {
        self.dialect != Dialect::SharedWebsocket
            || lock(checker).will_have(self.index).contains(&channel)
    }

    /// Reads all that has been answered, up to the answer to a ping.
    pub(crate) fn catch_up(&mut self, checker: &Mutex<Checker>) -> Checked {
        if let Some(fence) = self.dialect.fence_text() {
            lock(checker).ask_fence(self.index);
            let frame = self.client.frame(true, TEXT, fence.as_bytes());
            self.client.try_send_raw(&frame);
        }
        let payload = self.random.next_u64().to_be_bytes().to_vec();
        lock(checker).ping(self.index, payload.clone());
        self.pings += 1;
        let ping = self.client.frame(true, PING, &payload);
        self.client.try_send_raw(&ping);
        while self.pings > 0 && !self.is_over {
            self.read(checker)?;
        }
        if self.pings == 0 {
            lock(checker).note_handled(self.index);
        }
        Ok(())
    }

    /// Reads until nothing is owed; whether that is so is asked again before each message.
    pub(crate) fn read_what_is_owed(&mut self, checker: &Mutex<Checker>) -> Checked {
        loop {
            let owed = lock(checker).is_complete(self.index, &UNKNOWN, STRICT);
            if owed.is_ok() || self.is_over {
                return lock(checker)
                    .is_answered(self.index)
                    .or_else(|broken| if self.is_over { Ok(()) } else { Err(broken) });
            }
            if !self.client.has_input(PATIENCE) {
                return owed;
            }
            self.read(checker)?;
        }
    }

    /// Some close, some break the protocol, most stay for the drain.
    pub(crate) fn leave(&mut self, checker: &Mutex<Checker>) -> Checked {
        let (code, bytes) = match self.random.below(8) {
            0 => {
                let frame = self.client.frame(true, CLOSE, &1_000_u16.to_be_bytes());
                (1_000, frame)
            }
            // Unmasked.
            1 => (1_002, vec![0x81, 0x01, b'x']),
            2 => (1_007, self.client.frame(true, TEXT, b"\xff")),
            3 => (1_009, self.client.frame(true, TEXT, &[b'x'; 17 * 1024])),
            _ => return Ok(()),
        };
        lock(checker).expect_close(self.index, code);
        self.client.try_send_raw(&bytes);
        self.read_to_end(checker)
    }

    pub(crate) fn read_to_end(&mut self, checker: &Mutex<Checker>) -> Checked {
        while !self.is_over {
            self.read(checker)?;
        }
        Ok(())
    }

    /// Reads one frame or the end, and tells the checker.
    fn read(&mut self, checker: &Mutex<Checker>) -> Checked {
        let incoming = self.client.incoming();
        match incoming {
            Incoming::Text(text) => {
                let Some(said) = self.dialect.read(&text) else {
                    return broken(
                        "dialect",
                        format!("client {} cannot read {text}", self.index),
                    );
                };
                lock(checker).hear(self.index, &said, STRICT)
            }
            Incoming::Pong(payload) => {
                self.pings = self.pings.saturating_sub(1);
                lock(checker).pong(self.index, &payload)
            }
            Incoming::Ping(payload) => {
                let pong = self.client.frame(true, PONG, &payload);
                self.client.try_send_raw(&pong);
                Ok(())
            }
            Incoming::Close(code, _) => {
                lock(checker).close(self.index, code)?;
                self.close = code;
                let echo = self.client.frame(true, CLOSE, &1_000_u16.to_be_bytes());
                self.client.try_send_raw(&echo);
                self.client.finish_sending();
                Ok(())
            }
            Incoming::End | Incoming::Reset => {
                self.is_over = true;
                lock(checker).end(self.index, self.link == Link::Breaks)
            }
            Incoming::Binary(_) => broken("strav", "the server sent a binary message"),
        }
    }
}
