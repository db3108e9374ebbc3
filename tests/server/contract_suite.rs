//! What the tests of the delivery contract share: a dozen clients that subscribe, unsubscribe and publish by
//! a seeded script, each on a thread of its own, before a checker that all of them tell what they do.

use std::net::SocketAddr;
use std::sync::{Mutex, MutexGuard};
use std::thread;

use super::contract_actor::Actor;
use super::contract_dialects as dialects;
use super::support::client::{Client, request};
use super::support::{Server, strav, wait_until};
use crate::contract::{Around, Broken, Channel, Checked, Checker, Dialect, Reply};

/// Clients of a suite.
pub(crate) const CLIENTS: usize = 12;

/// Nothing here may be dropped.
pub(crate) const STRICT: Around = Around { may_miss: false };

/// What has been handled is noted one by one, when a pong comes back.
pub(crate) const UNKNOWN: [bool; CLIENTS] = [false; CLIENTS];

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
pub(crate) fn channels() -> Vec<Channel> {
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
    /// Where the API listens that sends to users, if they have any.
    api: Option<SocketAddr>,
}

/// What a run came to, so that a test can tell that something happened.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Outcome {
    pub(crate) messages: u64,
    /// Messages that were sent to users and to everybody.
    pub(crate) sends: u64,
    /// Clients whose connection was cut by its link.
    pub(crate) cut: usize,
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
            Actor::new(seed, index, Dialect::Strav, client, link, data_bytes_max)
        });
        let actors = actors.collect();
        Self {
            seed,
            checker: Mutex::new(checker),
            actors,
            api: None,
        }
    }

    /// Connects clients of all dialects, most of which speak for users, to a server of [`dialects::start`].
    pub(crate) fn open_mixed(seed: u64, server: &Server) -> Self {
        let mut checker = Checker::new(channels(), SMALL_DATA, SUBSCRIPTIONS_MAX);
        let actors = (0..CLIENTS).map(|index| {
            let (dialect, _) = dialects::role(index);
            checker.seat(dialect, None);
            let client = dialects::connect(&mut checker, index, server.addr);
            Actor::new(seed, index, dialect, client, Link::Whole, SMALL_DATA)
        });
        let actors = actors.collect();
        Self {
            seed,
            checker: Mutex::new(checker),
            actors,
            api: server.api,
        }
    }

    /// Everybody follows their script, then has all that is owed; some leave, the others are closed by the
    /// drain of the server.
    pub(crate) fn play(mut self, server: &mut Server) -> Outcome {
        let (actors, checker) = (self.actors.as_mut_slice(), &self.checker);
        let mut play = || -> Checked {
            all(actors, checker, Actor::introduce)?;
            thread::scope(|scope| {
                let sender = self
                    .api
                    .map(|api| scope.spawn(move || dialects::send_by_api(api, checker)));
                let acted = all(actors, checker, |actor, checker| {
                    actor.act(checker, Some(ROUNDS))
                });
                let sent = sender.map_or(Ok(()), |sender| {
                    sender.join().expect("what it saw is told by itself")
                });
                acted.and(sent)
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
            sends: checker.sends_read.iter().sum(),
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

pub(crate) fn lock(checker: &Mutex<Checker>) -> MutexGuard<'_, Checker> {
    checker.lock().expect("nobody panics with it")
}
