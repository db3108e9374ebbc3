//! What the tests of the delivery contract share: a dozen clients that subscribe, unsubscribe and publish by
//! a seeded script, each on a thread of its own, before a checker that all of them tell what they do.

use std::net::SocketAddr;
use std::sync::{Mutex, MutexGuard};
use std::thread;

use shardcast::base::random::Random;

use super::support::client::{CLOSE, Client, Incoming, PING, PONG, TEXT, request};
use super::support::{PATIENCE, Server, strav, wait_until};
use crate::contract::{
    Around, Broken, Channel, Checked, Checker, Dialect, Reply, Request, broken, publish_text,
};

/// Clients of a suite.
pub(crate) const CLIENTS: usize = 12;

/// Nothing here may be dropped.
const STRICT: Around = Around { may_miss: false };

/// What has been handled is noted one by one, when a pong comes back.
const UNKNOWN: [bool; CLIENTS] = [false; CLIENTS];

/// The code of a drain.
const DRAINED: u16 = 1_001;

/// Rounds of a script.
const ROUNDS: usize = 40;

/// Filler of a publication at most: what most have, and close to what [`FLAGS`] allow.
pub(crate) const SMALL_DATA: usize = 300;
pub(crate) const LARGE_DATA: usize = 15_000;

/// Below the number of channels, so that some subscribes are one too many.
const SUBSCRIPTIONS_MAX: usize = 3;

/// The rules of [`channels`]. Nobody here is ever too slow: links of little bandwidth are not what is tested.
pub(crate) const FLAGS: [&str; 8] = [
    "--allow-publish",
    "open-*",
    "--max-subscriptions",
    "3",
    "--max-message-bytes",
    "16KiB",
    "--backpressure-limit-bytes",
    "64MiB",
];

/// The channels and what [`FLAGS`] make of them.
fn channels() -> Vec<Channel> {
    let channel = |name: &str, subscribe, publish| Channel {
        name: name.to_owned(),
        subscribe,
        publish,
        needs_login: false,
        may_wait: false,
    };
    vec![
        channel("open-0", Reply::Ok, None),
        channel("open-1", Reply::Ok, None),
        channel("open-2", Reply::Ok, None),
        channel("mute", Reply::Ok, Some(Reply::PublishDenied)),
        channel("private-x", Reply::Unauthorized, Some(Reply::Unauthorized)),
    ]
}

/// Whether a client's connection may end before its time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Link {
    /// It carries everything, however slowly.
    Whole,
    /// It is cut at some point.
    Breaks,
}

/// The clients of one run.
pub(crate) struct Suite {
    seed: u64,
    checker: Mutex<Checker>,
    actors: Vec<Actor>,
}

/// What a run came to, so that a test can tell that something happened.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Outcome {
    pub(crate) messages: u64,
    /// Clients whose connection was cut by its link.
    pub(crate) cut: usize,
}

struct Actor {
    index: usize,
    client: Client,
    link: Link,
    data_bytes_max: usize,
    random: Random,
    /// The number of its next publication, by channel.
    numbers: Vec<usize>,
    /// Pings without their pong.
    pings: usize,
    /// The code of the Close that it got.
    close: Option<u16>,
    is_over: bool,
}

impl Suite {
    /// Connects all clients, each as `route` says, to a server that was started with [`FLAGS`].
    pub(crate) fn open(
        shards: usize,
        seed: u64,
        data_bytes_max: usize,
        mut route: impl FnMut(usize) -> (SocketAddr, Link),
    ) -> Self {
        let mut checker = Checker::new(channels(), data_bytes_max, SUBSCRIPTIONS_MAX);
        // With one shard it is known where everybody is.
        let shard = (shards == 1).then_some(0);
        let actors = (0..CLIENTS).map(|index| {
            checker.seat(Dialect::Strav, shard);
            let (addr, link) = route(index);
            let mut client = Client::tcp(addr);
            client.send_raw(&request(strav::PATH));
            client.expect_upgrade();
            Actor {
                index,
                client,
                link,
                data_bytes_max,
                random: Random::new(seed << 16 | index as u64),
                numbers: vec![0; channels().len()],
                pings: 0,
                close: None,
                is_over: false,
            }
        });
        let actors = actors.collect();
        Self {
            seed,
            checker: Mutex::new(checker),
            actors,
        }
    }

    /// Everybody follows their script, then has all that is owed; some leave, the others are closed by the
    /// drain of the server.
    pub(crate) fn play(mut self, server: &mut Server) -> Outcome {
        let (actors, checker) = (self.actors.as_mut_slice(), &self.checker);
        let mut play = || -> Checked {
            all(actors, checker, |actor, checker| {
                actor.act(checker, Some(ROUNDS))
            })?;
            all(actors, checker, Actor::read_what_is_owed)?;
            // A copy too many may have been on its way from another shard: it has a second round trip's time.
            all(actors, checker, Actor::catch_up)?;
            all(actors, checker, Actor::leave)?;
            for actor in actors.iter().filter(|actor| !actor.is_over) {
                lock(checker).expect_close(actor.index, DRAINED);
            }
            server.signal("TERM");
            all(actors, checker, Actor::read_to_end)
        };
        let played = play();
        self.end(played, server)
    }

    /// Everybody follows their script until the drain closes them, which begins when enough has been read.
    pub(crate) fn play_into_drain(mut self, server: &mut Server) -> Outcome {
        let (actors, checker) = (self.actors.as_mut_slice(), &self.checker);
        let played = thread::scope(|scope| {
            let server = &*server;
            scope.spawn(move || {
                wait_until("messages are read", || {
                    let checker = lock(checker);
                    (0..CLIENTS)
                        .map(|client| checker.messages(client))
                        .sum::<u64>()
                        > 500
                });
                for client in 0..CLIENTS {
                    lock(checker).expect_drain(client);
                }
                server.signal("TERM");
            });
            all(actors, checker, |actor, checker| actor.act(checker, None))
        });
        self.end(played, server)
    }

    /// Those whom the drain has closed must have all that was accepted, from whomever.
    fn end(self, played: Checked, server: &mut Server) -> Outcome {
        let mut checker = lock(&self.checker);
        let judged = played.and_then(|()| {
            let drained = |actor: &&Actor| actor.close == Some(DRAINED);
            let mut drained = self.actors.iter().filter(drained);
            drained.try_for_each(|actor| checker.is_complete(actor.index, &UNKNOWN, STRICT))
        });
        if let Err(Broken { rule, what }) = judged {
            panic!("seed {}: {rule} is broken: {what}", self.seed);
        }
        assert_eq!(server.wait().code(), Some(0));
        Outcome {
            messages: (0..CLIENTS).map(|client| checker.messages(client)).sum(),
            cut: (self.actors.iter().filter(|actor| actor.close.is_none())).count(),
        }
    }
}

/// Everybody who is still there does this, at the same time.
fn all(
    actors: &mut [Actor],
    checker: &Mutex<Checker>,
    act: impl Fn(&mut Actor, &Mutex<Checker>) -> Checked + Sync,
) -> Checked {
    let act = &act;
    thread::scope(|scope| {
        let present = actors.iter_mut().filter(|actor| !actor.is_over);
        let threads: Vec<_> = present
            .map(|actor| scope.spawn(move || act(actor, checker)))
            .collect();
        // All are joined, whoever fails.
        let join = |thread: thread::ScopedJoinHandle<'_, _>| thread.join();
        let results: Vec<_> = threads.into_iter().map(join).collect();
        let mut results = results.into_iter();
        results.try_for_each(|result| result.expect("what it saw is told by itself"))
    })
}

fn lock(checker: &Mutex<Checker>) -> MutexGuard<'_, Checker> {
    checker.lock().expect("nobody panics with it")
}

impl Actor {
    /// Asks for this and that, several things in one write or in several, and now and then reads.
    /// For so many rounds, or until it is over.
    fn act(&mut self, checker: &Mutex<Checker>, rounds: Option<usize>) -> Checked {
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
            0 | 1 => (Request::Subscribe, strav::sub(name)),
            2 => (Request::Unsubscribe, strav::unsub(name)),
            _ => {
                let number = self.numbers[channel];
                self.numbers[channel] += 1;
                let text = publish_text(name, (self.index, channel, number), self.data_bytes_max);
                (Request::Publish { number }, text)
            }
        };
        lock(checker).ask(self.index, channel, request);
        bytes.extend(self.client.frame(true, TEXT, text.as_bytes()));
    }

    /// Reads all that has been answered, up to the answer to a ping.
    fn catch_up(&mut self, checker: &Mutex<Checker>) -> Checked {
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
    fn read_what_is_owed(&mut self, checker: &Mutex<Checker>) -> Checked {
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
    fn leave(&mut self, checker: &Mutex<Checker>) -> Checked {
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

    fn read_to_end(&mut self, checker: &Mutex<Checker>) -> Checked {
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
                let Some(said) = Dialect::Strav.read(&text) else {
                    return broken("strav", format!("client {} cannot read {text}", self.index));
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
