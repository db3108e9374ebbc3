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
//! What is sent to a user, to a connection or to everybody is numbered as well: those who are known to be meant get
//! all of it, in order, and nobody else any ([`sends`]). For whom a client speaks is known from what it reads, until
//! it is told that this has ended ([`identities`]).
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
mod identities;
mod messages;
mod owed;
mod said;
mod seat;
mod sends;

use std::collections::{BTreeMap, BTreeSet};

use shardcast::base::ids::Ulid;

pub(crate) use broken::{Broken, Checked, broken};
pub(crate) use dialects::{Dialect, publish_text};
pub(crate) use identities::{EXPIRED, user_name};
pub(crate) use said::{Channel, Message, Reply, Request, Said, data};
use seat::{Asked, Seat, Wish};
use sends::Send;
pub(crate) use sends::To;

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
    /// What was sent to users, connections and everybody.
    sends: Vec<Send>,
    /// By shard: how many of these it has handled.
    handled: Vec<usize>,
    /// Of these, messages read, by kind of receiver.
    pub(crate) sends_read: [u64; To::KINDS],
    /// Notices read of the end of an identity.
    pub(crate) notices: u64,
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
            sends: Vec::new(),
            handled: Vec::new(),
            sends_read: [0; To::KINDS],
            notices: 0,
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
                let outcome = rules.subscribed(seat.speaker.will_be_known);
                is_granted = outcome == Reply::Ok;
                if is_granted {
                    seat.will_have.insert(channel);
                }
                Some(outcome)
            }
            Request::Publish { number } => {
                let places = self.places.entry((client, channel)).or_default();
                assert_eq!(places.len(), number, "numbers count up");
                places.push(self.sent[channel]);
                self.sent[channel] += 1;
                let outcome = rules.published(seat.speaker.will_be_known);
                if outcome.is_none() {
                    self.publishers[channel].insert(client);
                }
                outcome
            }
        };
        let is_known = seat.speaker.will_be_known;
        let reply = outcome.and_then(|outcome| seat.dialect.told(outcome, is_known));
        seat.pending.push_back(Asked {
            is_granted,
            ..Asked::new(Wish::On(channel, request), reply)
        });
    }

    /// A client asks for what its dialect answers for certain.
    pub(crate) fn ask_fence(&mut self, client: usize) {
        let asked = Asked::new(Wish::Fence, Some(Reply::Fence));
        self.seats[client].pending.push_back(asked);
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
            Said::Welcome(..) if seat.id.is_some() => broken("welcome", "a second one"),
            Said::Welcome(id, user) => {
                seat.id = Some(id);
                self.is_let_in(client, user)
            }
            _ if seat.id.is_none() && seat.dialect.welcomes() => {
                broken("welcome", format!("{said:?} came before it"))
            }
            Said::Ping => Ok(()),
            Said::Leave => self.may_close(client),
            Said::Reply(reply, about) => self.reply(client, reply, about),
            Said::Revoked(reason) => self.notice(client, reason),
            Said::Message(message) => self.message(client, message, around),
        }
    }

    /// A client is told `got`, about the channel or the user that the answer names, if it does.
    fn reply(&mut self, client: usize, got: Reply, about: Option<&str>) -> Checked {
        let seat = &mut self.seats[client];
        while let Some(asked) = seat.pending.pop_front() {
            let expected_about = match asked.wish {
                Wish::On(channel, _) => Some(self.channels[channel].name.clone()),
                Wish::LogIn(user) => user.map(user_name),
                Wish::Fence | Wish::LogOut => None,
            };
            let is_this = |reply| reply == got && expected_about.as_deref() == about;
            match asked.reply {
                None if asked.may_be_refused && is_this(Reply::LoginRequired) => {
                    seat.doubt_refusals(asked.channel());
                }
                None => {
                    seat.take_effect(&asked, &self.channels, &self.sent);
                    continue;
                }
                Some(expected) if is_this(expected) => {
                    seat.take_effect(&asked, &self.channels, &self.sent);
                }
                Some(expected) => {
                    let what = format!(
                        "client {client} got {got:?} about {about:?}, but {:?} came first and \
                         gives {expected:?} about {expected_about:?}",
                        asked.wish
                    );
                    return broken("replies", what);
                }
            }
            self.replies[got as usize] += 1;
            return Ok(());
        }
        let what = format!("client {client} got {got:?} about {about:?}, which it did not ask");
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

    /// The channels that a client may be a member of now or soon: no more than these.
    pub(crate) fn may_have(&self, client: usize) -> BTreeSet<usize> {
        let seat = &self.seats[client];
        let asked = seat.pending.iter().filter_map(Asked::channel);
        asked.chain(seat.members.keys().copied()).collect()
    }

    /// Channels of a client when all it has sent has been handled.
    pub(crate) fn will_have(&self, client: usize) -> &BTreeSet<usize> {
        &self.seats[client].will_have
    }
}
