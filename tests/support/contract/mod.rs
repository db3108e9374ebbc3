//! The delivery contract, checked from what clients send and read, and nothing else.
//!
//! Every request is noted with the reply it must get, which is known when it is sent (see
//! [`Channel`]). A reply, or a client's own publication coming back, tells that all requests
//! before it have taken effect; so at each message it is known whether its channel may be there.
//! Where joins have no reply ([`Dialect::acknowledges`]), a fence is asked for behind them
//! ([`Dialect::fence_text`]): until that is answered it is open whether messages come, unless one does.
//!
//! Every publication has a number of its own within its publisher and channel, and a place in the
//! order in which the publications of the channel were sent. A subscriber must get, in order and
//! without a gap from the first that it gets, at least all that were sent after it read its `ok`.
//!
//! The simulation tells everything in the order in which it happened. Clients on real sockets and threads
//! note a request before they send it and a text after they have read it: what is noted as later than
//! an `ok` then was later, and nothing is owed that may have been earlier.
#![allow(
    dead_code,
    unused_imports,
    reason = "each test binary uses a part of it"
)]

mod broken;
mod dialects;
mod ends;
mod messages;
mod owed;
mod said;
mod seat;

use std::collections::{BTreeMap, BTreeSet};

use shardcast::base::ids::Ulid;

pub(crate) use broken::{Broken, Checked, broken};
pub(crate) use dialects::{Dialect, publish_text};
pub(crate) use said::{Channel, Message, Reply, Request, Said, data};
use seat::{Asked, Seat};

/// What else must be known to judge what a client reads.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Around {
    /// Publications may be missing: it was slow, and the policy is to drop.
    pub(crate) may_miss: bool,
}

/// The checker of one run.
#[derive(Debug)]
pub(crate) struct Checker {
    pub(crate) channels: Vec<Channel>,
    by_name: BTreeMap<String, usize>,
    data_bytes_max: usize,
    subscriptions_max: usize,
    pub(crate) seats: Vec<Seat>,
    /// Publications sent, by channel.
    sent: Vec<usize>,
    /// By publisher and channel: the place of each of its publications among all of the channel.
    pub(crate) places: BTreeMap<(usize, usize), Vec<usize>>,
    pub(crate) publishers: Vec<BTreeSet<usize>>,
    /// By publisher and channel: how many have certainly been accepted, as somebody got the last.
    pub(crate) accepted: BTreeMap<(usize, usize), usize>,
    ids: BTreeMap<Ulid, (usize, usize, usize)>,
    by_publication: BTreeMap<(usize, usize, usize), Ulid>,
    /// Publications that a subscriber should have got but for the drop policy.
    pub(crate) missing: u64,
    pub(crate) replies: [u64; Reply::ALL.len()],
    /// By dialect of the reader: messages read that a client of another one published.
    pub(crate) crossed: [u64; Dialect::ALL.len()],
}

impl Checker {
    pub(crate) fn new(channels: Vec<Channel>, data_bytes_max: usize, subs_max: usize) -> Self {
        let names = channels.iter().map(|channel| channel.name.clone());
        Self {
            by_name: names.zip(0..).collect(),
            sent: vec![0; channels.len()],
            publishers: vec![BTreeSet::new(); channels.len()],
            channels,
            data_bytes_max,
            subscriptions_max: subs_max,
            seats: Vec::new(),
            places: BTreeMap::new(),
            accepted: BTreeMap::new(),
            ids: BTreeMap::new(),
            by_publication: BTreeMap::new(),
            missing: 0,
            replies: [0; Reply::ALL.len()],
            crossed: [0; Dialect::ALL.len()],
        }
    }

    /// A client comes; clients are numbered from 0.
    pub(crate) fn seat(&mut self, dialect: Dialect, shard: Option<usize>) {
        self.seats.push(Seat::new(dialect, shard));
    }

    /// A client asks for something.
    pub(crate) fn ask(&mut self, client: usize, channel: usize, request: Request) {
        let rules = &self.channels[channel];
        let seat = &mut self.seats[client];
        let mut is_granted = false;
        let outcome = match request {
            Request::Unsubscribe => {
                seat.will_have.remove(&channel);
                if let Some(membership) = seat.members.get_mut(&channel) {
                    membership.is_ending = true;
                }
                None
            }
            Request::Subscribe if seat.will_have.contains(&channel) => {
                is_granted = true;
                Some(Reply::Ok)
            }
            Request::Subscribe if seat.will_have.len() >= self.subscriptions_max => {
                Some(Reply::TooMany)
            }
            Request::Subscribe => {
                is_granted = rules.subscribe == Reply::Ok;
                if is_granted {
                    seat.will_have.insert(channel);
                }
                Some(rules.subscribe)
            }
            Request::Publish { number } => {
                let places = self.places.entry((client, channel)).or_default();
                assert_eq!(places.len(), number, "numbers count up");
                places.push(self.sent[channel]);
                self.sent[channel] += 1;
                if rules.publish.is_none() {
                    self.publishers[channel].insert(client);
                }
                rules.publish
            }
        };
        seat.pending.push_back(Asked {
            request: Some((request, channel)),
            reply: outcome.and_then(|outcome| seat.dialect.told(outcome)),
            is_granted,
        });
    }

    /// A client asks for what its dialect answers for certain.
    pub(crate) fn ask_fence(&mut self, client: usize) {
        self.seats[client].pending.push_back(Asked {
            request: None,
            reply: Some(Reply::Fence),
            is_granted: false,
        });
    }

    /// A client sends a ping.
    pub(crate) fn ping(&mut self, client: usize, payload: Vec<u8>) {
        self.seats[client].pings.push_back(payload);
    }

    /// A client gets a pong.
    pub(crate) fn pong(&mut self, client: usize, payload: &[u8]) -> Checked {
        self.is_open(client)?;
        let expected = self.seats[client].pings.pop_front();
        if expected.as_deref() == Some(payload) {
            return Ok(());
        }
        broken(
            "pong",
            format!("client {client} got a pong it did not earn"),
        )
    }

    /// A client reads a text.
    pub(crate) fn hear(&mut self, client: usize, said: &Said<'_>, around: Around) -> Checked {
        self.is_open(client)?;
        let seat = &mut self.seats[client];
        match *said {
            Said::Welcome(_) if seat.id.is_some() => broken("welcome", "a second one"),
            Said::Welcome(id) => {
                seat.id = Some(id);
                Ok(())
            }
            _ if seat.id.is_none() && seat.dialect.welcomes() => {
                broken("welcome", format!("{said:?} came before it"))
            }
            Said::Ping => Ok(()),
            Said::Reply(reply, channel) => self.reply(client, reply, channel),
            Said::Message(message) => self.message(client, message, around),
        }
    }

    /// A client is told `got`, about the channel `on` if the answer names one.
    fn reply(&mut self, client: usize, got: Reply, on: Option<&str>) -> Checked {
        let seat = &mut self.seats[client];
        while let Some(asked) = seat.pending.pop_front() {
            let Some(expected) = asked.reply else {
                seat.take_effect(&asked, &self.sent);
                continue;
            };
            let name = |(_, channel): (Request, usize)| self.channels[channel].name.as_str();
            let expected_on = asked.request.map(name);
            if expected_on != on || expected != got {
                let what = format!(
                    "client {client} got {got:?} for {on:?}, but {:?} of {expected_on:?} came \
                     first and gives {expected:?}",
                    asked.request
                );
                return broken("replies", what);
            }
            self.replies[got as usize] += 1;
            seat.take_effect(&asked, &self.sent);
            return Ok(());
        }
        let what = format!("client {client} got {got:?} for {on:?}, which it did not ask");
        broken("replies", what)
    }

    /// The public id of a client that is told none, from whoever knows it.
    pub(crate) fn know(&mut self, client: usize, id: Ulid) {
        self.seats[client].id = Some(id);
    }

    /// The public id of a client, once it has read it.
    pub(crate) fn id(&self, client: usize) -> Option<Ulid> {
        self.seats[client].id
    }

    /// Messages that a client has read.
    pub(crate) fn messages(&self, client: usize) -> u64 {
        self.seats[client].messages
    }

    /// Channels of a client when all it has sent has been handled.
    pub(crate) fn will_have(&self, client: usize) -> &BTreeSet<usize> {
        &self.seats[client].will_have
    }
}
