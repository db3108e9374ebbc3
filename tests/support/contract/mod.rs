//! The delivery contract, checked from what clients send and read, and nothing else.
//!
//! Every request is noted with the reply it must get, which is known when it is sent (see
//! [`Channel`]). A reply, or a client's own publication coming back, tells that all requests
//! before it have taken effect; so at each message it is known whether its channel may be there.
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
mod ends;
mod owed;
mod said;

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use shardcast::base::ids::Ulid;
use shardcast_contract::{Arrival, Track};

pub(crate) use broken::{Broken, Checked, broken};
pub(crate) use said::{Channel, Reply, Request, Said, data, publish_text, read_text};

#[derive(Debug)]
pub(crate) struct Asked {
    pub(crate) request: Request,
    pub(crate) channel: usize,
    pub(crate) reply: Option<Reply>,
}

/// The time from an `ok` to the end of the membership.
#[derive(Debug)]
pub(crate) struct Membership {
    /// Publications on the channel that had been sent when the `ok` was read.
    pub(crate) since: usize,
    /// An unsubscribe has been sent: nothing more need come.
    pub(crate) is_ending: bool,
    /// The publishers that it has got something of.
    pub(crate) heard: BTreeSet<usize>,
}

/// What is known about one client.
#[derive(Debug)]
pub(crate) struct Seat {
    /// Where it is connected, if that is known.
    shard: Option<usize>,
    id: Option<Ulid>,
    /// Requests that have not certainly taken effect, oldest first.
    pub(crate) pending: VecDeque<Asked>,
    /// Payloads of pings without their pong.
    pub(crate) pings: VecDeque<Vec<u8>>,
    pub(crate) members: BTreeMap<usize, Membership>,
    /// Its channels once all requests sent so far will have taken effect.
    will_have: BTreeSet<usize>,
    /// Channels that it has been a member of, and left.
    left: BTreeSet<usize>,
    /// What it has got of each publisher and channel, over all memberships.
    pub(crate) tracks: BTreeMap<(usize, usize), Track>,
    /// The last id that its own shard gave.
    last_id: Ulid,
    messages: u64,
    end: ends::End,
}

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
        }
    }

    /// A client comes; clients are numbered from 0.
    pub(crate) fn seat(&mut self, shard: Option<usize>) {
        self.seats.push(Seat {
            shard,
            id: None,
            pending: VecDeque::new(),
            pings: VecDeque::new(),
            members: BTreeMap::new(),
            will_have: BTreeSet::new(),
            left: BTreeSet::new(),
            tracks: BTreeMap::new(),
            last_id: Ulid(0),
            messages: 0,
            end: ends::End::default(),
        });
    }

    /// A client asks for something.
    pub(crate) fn ask(&mut self, client: usize, channel: usize, request: Request) {
        let rules = &self.channels[channel];
        let seat = &mut self.seats[client];
        let reply = match request {
            Request::Unsubscribe => {
                seat.will_have.remove(&channel);
                if let Some(membership) = seat.members.get_mut(&channel) {
                    membership.is_ending = true;
                }
                None
            }
            Request::Subscribe if seat.will_have.contains(&channel) => Some(Reply::Ok),
            Request::Subscribe if seat.will_have.len() >= self.subscriptions_max => {
                Some(Reply::Unauthorized)
            }
            Request::Subscribe => {
                let reply = rules.subscribe;
                if reply == Reply::Ok {
                    seat.will_have.insert(channel);
                }
                Some(reply)
            }
            Request::Publish { number } => {
                let places = self.places.entry((client, channel)).or_default();
                assert_eq!(places.len(), number, "numbers count up");
                places.push(self.sent[channel]);
                self.sent[channel] += 1;
                let reply = rules.publish;
                if reply.is_none() {
                    self.publishers[channel].insert(client);
                }
                reply
            }
        };
        seat.pending.push_back(Asked {
            request,
            channel,
            reply,
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
            _ if seat.id.is_none() => broken("welcome", format!("{said:?} came before it")),
            Said::Ping => Ok(()),
            Said::Ok(channel) => self.reply(client, channel, Reply::Ok),
            Said::Err(channel, reason) => match Reply::from_reason(reason) {
                Some(reply) => self.reply(client, channel, reply),
                None => broken("replies", format!("unknown reason {reason}")),
            },
            Said::Msg {
                channel,
                event,
                data,
                id,
            } => self.message(client, channel, event, data, id, around),
        }
    }

    fn reply(&mut self, client: usize, channel: &str, reply: Reply) -> Checked {
        let sent = &self.sent;
        let seat = &mut self.seats[client];
        while let Some(asked) = seat.pending.pop_front() {
            let Some(expected) = asked.reply else {
                seat.take_effect(&asked);
                continue;
            };
            let name = &self.channels[asked.channel].name;
            if name != channel || expected != reply {
                let what = format!(
                    "client {client} got {reply:?} for {channel}, but {:?} of {name} came first \
                     and gives {expected:?}",
                    asked.request
                );
                return broken("replies", what);
            }
            self.replies[reply as usize] += 1;
            if asked.request == Request::Subscribe && reply == Reply::Ok {
                let is_ending = seat.pending.iter().any(|later| {
                    later.request == Request::Unsubscribe && later.channel == asked.channel
                });
                seat.members.entry(asked.channel).or_insert(Membership {
                    since: sent[asked.channel],
                    is_ending,
                    heard: BTreeSet::new(),
                });
            }
            return Ok(());
        }
        let what = format!("client {client} got {reply:?} for {channel}, which it did not ask");
        broken("replies", what)
    }

    fn message(
        &mut self,
        client: usize,
        channel: &str,
        event: &str,
        got: Option<&str>,
        id: Ulid,
        around: Around,
    ) -> Checked {
        let names = || {
            let (publisher, rest) = event.split_once('.')?;
            let (of, number) = rest.split_once('.')?;
            let parse = |text: &str| text.parse::<usize>().ok();
            Some((parse(publisher)?, parse(of)?, parse(number)?))
        };
        let publication = names().zip(self.by_name.get(channel).copied());
        let Some(((publisher, of, number), channel)) = publication else {
            return broken("bodies", format!("nobody published {event} on {channel}"));
        };
        let who = format!("client {client}: {publisher}'s number {number} on channel {channel}");
        if of != channel {
            return broken("bodies", format!("{who} was published on channel {of}"));
        }
        if got != data(publisher, channel, number, self.data_bytes_max).as_deref() {
            return broken("bodies", format!("{who} has another body: {got:?}"));
        }
        let places = self.places.get(&(publisher, channel));
        let Some(places) = places.filter(|places| places.len() > number) else {
            return broken("bodies", format!("{who} was never sent"));
        };
        let seat = &mut self.seats[client];
        let track = seat.tracks.entry((publisher, channel)).or_default();
        let gap = match track.arrive(number as u64) {
            Arrival::InOrder => None,
            Arrival::AfterGap(gap) => Some(gap),
            Arrival::Duplicate => return broken("C4", format!("{who} twice")),
            Arrival::Reordered => {
                let last = track.next() - 1;
                return broken("C3", format!("{who} after {last}"));
            }
        };
        if publisher == client {
            seat.got_own(channel, number)?;
        }
        seat.messages += 1;
        let Some(membership) = seat.members.get_mut(&channel) else {
            return broken("C2", format!("{who}, {}", seat.why_no_member(channel)));
        };
        let is_first = membership.heard.insert(publisher);
        if let Some(gap) = gap {
            let first_owed = places.partition_point(|place| *place < membership.since) as u64;
            let expected = if is_first { first_owed } else { gap.start };
            if number as u64 > expected {
                if !around.may_miss {
                    let rule = if is_first { "C1" } else { "C5" };
                    return broken(rule, format!("{who}, but {expected} never came"));
                }
                self.missing += number as u64 - expected;
            }
        }
        let accepted = self.accepted.entry((publisher, channel)).or_default();
        *accepted = (number + 1).max(*accepted);
        self.id_of((publisher, channel, number), client, id, &who)
    }

    /// One publication has one id everywhere, and a shard's ids ascend.
    fn id_of(
        &mut self,
        publication: (usize, usize, usize),
        client: usize,
        id: Ulid,
        who: &str,
    ) -> Checked {
        let first = *self.ids.entry(id).or_insert(publication);
        let known = *self.by_publication.entry(publication).or_insert(id);
        if first != publication || known != id {
            return broken("ids", format!("{who}: {id} is not its id alone"));
        }
        let (publisher, channel, number) = publication;
        let neighbour = |number| self.by_publication.get(&(publisher, channel, number));
        let before = number.checked_sub(1).and_then(neighbour);
        let after = neighbour(number + 1);
        if before.is_some_and(|before| *before >= id) || after.is_some_and(|after| *after <= id) {
            return broken("ids", format!("{who}: {id} is out of order"));
        }
        let publisher_shard = self.seats[publisher].shard;
        let seat = &mut self.seats[client];
        if seat.shard.is_some() && seat.shard == publisher_shard {
            if id <= seat.last_id {
                return broken("ids", format!("{who}: {id} does not ascend"));
            }
            seat.last_id = id;
        }
        Ok(())
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

impl Seat {
    fn take_effect(&mut self, asked: &Asked) {
        if asked.request == Request::Unsubscribe {
            self.members.remove(&asked.channel);
            self.left.insert(asked.channel);
        }
    }

    /// What is wrong with a message of a channel that it is no member of.
    fn why_no_member(&self, channel: usize) -> &'static str {
        let mut pending = self.pending.iter();
        let is_asked =
            pending.any(|asked| asked.channel == channel && asked.request == Request::Subscribe);
        match (is_asked, self.left.contains(&channel)) {
            (true, _) => "early: its subscribe is not acknowledged",
            (false, true) => "late: its unsubscribe has taken effect",
            (false, false) => "foreign: it never was a member",
        }
    }

    /// A client's own publication comes back behind the replies to what it asked before, and ahead
    /// of those to what it asked later.
    fn got_own(&mut self, channel: usize, number: usize) -> Checked {
        while let Some(asked) = self.pending.pop_front() {
            if asked.channel == channel && asked.request == (Request::Publish { number }) {
                return Ok(());
            }
            if asked.reply.is_some() {
                return broken("replies", format!("{asked:?} was overtaken by {number}"));
            }
            self.take_effect(&asked);
        }
        broken("replies", format!("own {number} on {channel} came late"))
    }
}
