//! What is known about one client: what it has asked for, what it is a member of, what it has got.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use shardcast::base::ids::Ulid;
use shardcast_contract::Track;

use super::ends::End;
use super::{Checked, Dialect, Reply, Request, broken};

/// A request that has not certainly taken effect.
#[derive(Debug)]
pub(crate) struct Asked {
    /// What for, and on which channel; nothing: it is a fence.
    pub(crate) request: Option<(Request, usize)>,
    /// How it must be answered, if it is.
    pub(crate) reply: Option<Reply>,
    /// Whether it is a subscribe that makes a member.
    pub(crate) is_granted: bool,
}

impl Asked {
    pub(super) fn is(&self, request: Request, channel: usize) -> bool {
        self.request == Some((request, channel))
    }
}

/// The time from when a membership is known to its end.
#[derive(Debug)]
pub(crate) struct Membership {
    /// Publications on the channel that had been sent when it became known that the subscribe has taken
    /// effect: what is sent later must come. [`usize::MAX`]: it is not known yet.
    pub(crate) since: usize,
    /// An unsubscribe has been sent: nothing more need come.
    pub(crate) is_ending: bool,
    /// The publishers that it has got something of.
    pub(crate) heard: BTreeSet<usize>,
}

#[derive(Debug)]
pub(crate) struct Seat {
    pub(super) dialect: Dialect,
    /// Where it is connected, if that is known.
    pub(super) shard: Option<usize>,
    pub(super) id: Option<Ulid>,
    /// Requests that have not certainly taken effect, oldest first.
    pub(super) pending: VecDeque<Asked>,
    /// Payloads of pings without their pong.
    pub(super) pings: VecDeque<Vec<u8>>,
    pub(super) members: BTreeMap<usize, Membership>,
    /// Its channels once all requests sent so far will have taken effect.
    pub(super) will_have: BTreeSet<usize>,
    /// Channels that it has been a member of, and left.
    pub(super) left: BTreeSet<usize>,
    /// What it has got of each publisher and channel, over all memberships.
    pub(super) tracks: BTreeMap<(usize, usize), Track>,
    /// The last id that its own shard gave.
    pub(super) last_id: Ulid,
    pub(super) messages: u64,
    pub(super) end: End,
}

impl Seat {
    pub(super) fn new(dialect: Dialect, shard: Option<usize>) -> Self {
        Self {
            dialect,
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
            end: End::default(),
        }
    }

    /// A request has taken effect. `sent`: publications so far on each channel.
    pub(super) fn take_effect(&mut self, asked: &Asked, sent: &[usize]) {
        match asked.request {
            Some((Request::Unsubscribe, channel)) => {
                self.members.remove(&channel);
                self.left.insert(channel);
            }
            Some((Request::Subscribe, channel)) if asked.is_granted => {
                self.begin(channel, sent[channel]);
            }
            _ => {}
        }
    }

    /// It is a member, who is owed what is published from this place on.
    pub(super) fn begin(&mut self, channel: usize, since: usize) {
        let mut later = self.pending.iter();
        let is_ending = later.any(|asked| asked.is(Request::Unsubscribe, channel));
        let membership = self.members.entry(channel).or_insert(Membership {
            since,
            is_ending,
            heard: BTreeSet::new(),
        });
        membership.since = membership.since.min(since);
    }

    /// Whether a message may tell that a subscribe has taken effect, which nothing else has told yet:
    /// nothing before it in the queue is owed a reply that has not come.
    pub(super) fn may_have_joined(&self, channel: usize) -> bool {
        let mut silent = self
            .pending
            .iter()
            .take_while(|asked| asked.reply.is_none());
        silent.any(|asked| asked.is_granted && asked.is(Request::Subscribe, channel))
    }

    /// Whether it may have left a channel and come back, and nothing has told.
    pub(super) fn may_have_been_away(&self, channel: usize) -> bool {
        let mut silent = self
            .pending
            .iter()
            .take_while(|asked| asked.reply.is_none());
        silent.any(|asked| asked.is(Request::Unsubscribe, channel))
            && silent.any(|asked| asked.is(Request::Subscribe, channel))
    }

    /// What is wrong with a message of a channel that it is no member of.
    pub(super) fn why_no_member(&self, channel: usize) -> &'static str {
        let mut pending = self.pending.iter();
        let is_asked = pending.any(|asked| asked.is(Request::Subscribe, channel));
        match (is_asked, self.left.contains(&channel)) {
            (true, _) => "early: its subscribe is not acknowledged",
            (false, true) => "late: its unsubscribe has taken effect",
            (false, false) => "foreign: it never was a member",
        }
    }

    /// A client's own publication comes back behind the replies to what it asked before, and ahead
    /// of those to what it asked later.
    pub(super) fn got_own(&mut self, channel: usize, number: usize, sent: &[usize]) -> Checked {
        while let Some(asked) = self.pending.pop_front() {
            if asked.is(Request::Publish { number }, channel) {
                return Ok(());
            }
            if asked.reply.is_some() {
                return broken("replies", format!("{asked:?} was overtaken by {number}"));
            }
            self.take_effect(&asked, sent);
        }
        broken("replies", format!("own {number} on {channel} came late"))
    }
}
