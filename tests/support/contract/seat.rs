//! What is known about one client: what it has asked for, what it is a member of, what it has got.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use shardcast::base::ids::Ulid;
use shardcast_contract::Track;

use super::ends::End;
use super::identities::Speaker;
use super::{Channel, Checked, Dialect, Reply, Request, broken};

/// What a client wants.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Wish {
    On(usize, Request),
    /// To know that all before it has been handled.
    Fence,
    /// To speak for this user; nobody's, if its token is wrong.
    LogIn(Option<usize>),
    LogOut,
}

/// A wish that has not certainly taken effect.
#[derive(Debug)]
pub(crate) struct Asked {
    pub(super) wish: Wish,
    /// How it must be answered, if it is.
    pub(super) reply: Option<Reply>,
    /// Whether it is a subscribe that makes a member.
    pub(super) is_granted: bool,
    /// Whether [`Reply::LoginRequired`] may come instead of nothing, since the identity ended behind
    /// the client's back: a member it is not in either case.
    pub(super) may_be_refused: bool,
}

impl Asked {
    pub(super) fn new(wish: Wish, reply: Option<Reply>) -> Self {
        Self {
            wish,
            reply,
            is_granted: false,
            may_be_refused: false,
        }
    }

    pub(super) fn channel(&self) -> Option<usize> {
        match self.wish {
            Wish::On(channel, _) => Some(channel),
            _ => None,
        }
    }

    pub(super) fn is(&self, request: Request, channel: usize) -> bool {
        self.wish == Wish::On(channel, request)
    }

    /// Whether it is about who the client is.
    pub(super) fn is_of_identity(&self) -> bool {
        matches!(self.wish, Wish::LogIn(_) | Wish::LogOut)
    }

    /// Whether it may end the membership of a channel.
    fn may_end(&self, channel: usize, rules: &Channel) -> bool {
        self.is(Request::Unsubscribe, channel) || (rules.needs_login && self.is_of_identity())
    }
}

/// The time from when a membership is known to its end.
#[derive(Debug)]
pub(crate) struct Membership {
    /// Publications on the channel that had been sent when it became known that the subscribe has taken
    /// effect: what is sent later must come. [`usize::MAX`]: it is not known yet.
    pub(super) since: usize,
    /// Something has been asked that may end it: nothing more need come.
    pub(super) is_ending: bool,
    /// The publishers that it has got something of.
    pub(super) heard: BTreeSet<usize>,
}

#[derive(Debug)]
pub(crate) struct Seat {
    pub(super) dialect: Dialect,
    /// Where it is connected, if that is known.
    pub(super) shard: Option<usize>,
    pub(super) id: Option<Ulid>,
    pub(super) speaker: Speaker,
    /// Wishes that have not certainly taken effect, oldest first.
    pub(super) pending: VecDeque<Asked>,
    /// Payloads of pings without their pong.
    pub(super) pings: VecDeque<Vec<u8>>,
    pub(super) members: BTreeMap<usize, Membership>,
    /// Its channels once all that it has asked so far will have taken effect.
    pub(super) will_have: BTreeSet<usize>,
    /// Channels that it has been a member of, and left.
    pub(super) left: BTreeSet<usize>,
    /// What it has got of each publisher and channel, over all memberships.
    pub(super) tracks: BTreeMap<(usize, usize), Track>,
    /// What was sent to it, or to its user or everybody, that it must get and has not: numbers.
    pub(super) owed_sends: VecDeque<usize>,
    /// The last of these that it has got.
    pub(super) last_send: Option<usize>,
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
            speaker: Speaker::default(),
            pending: VecDeque::new(),
            pings: VecDeque::new(),
            members: BTreeMap::new(),
            will_have: BTreeSet::new(),
            left: BTreeSet::new(),
            tracks: BTreeMap::new(),
            owed_sends: VecDeque::new(),
            last_send: None,
            last_id: Ulid(0),
            messages: 0,
            end: End::default(),
        }
    }

    /// A wish has taken effect. `sent`: publications so far on each channel.
    pub(super) fn take_effect(&mut self, asked: &Asked, channels: &[Channel], sent: &[usize]) {
        match asked.wish {
            Wish::On(channel, Request::Unsubscribe) => self.leave(|of| of == channel),
            Wish::On(channel, Request::Subscribe) if asked.is_granted => {
                self.begin(channel, sent[channel], channels);
            }
            Wish::LogIn(user) => self.become_known(user, channels),
            Wish::LogOut => self.become_known(None, channels),
            Wish::On(..) | Wish::Fence => {}
        }
    }

    /// It is a member, who is owed what is published from this place on.
    pub(super) fn begin(&mut self, channel: usize, since: usize, channels: &[Channel]) {
        let is_ending = self.may_end(channel, channels);
        let membership = self.members.entry(channel).or_insert(Membership {
            since,
            is_ending,
            heard: BTreeSet::new(),
        });
        membership.since = membership.since.min(since);
    }

    /// Whether something that is asked already may end the membership of a channel.
    pub(super) fn may_end(&self, channel: usize, channels: &[Channel]) -> bool {
        let mut pending = self.pending.iter();
        pending.any(|asked| asked.may_end(channel, &channels[channel]))
    }

    /// It is no member of such channels any more.
    pub(super) fn leave(&mut self, is_left: impl Fn(usize) -> bool) {
        let left = &mut self.left;
        self.members.retain(|channel, _| {
            let stays = !is_left(*channel);
            if !stays {
                left.insert(*channel);
            }
            stays
        });
    }

    /// Wishes of which nothing may be known although they have taken effect: none before them is owed
    /// a reply that has not come.
    fn silent(&self) -> impl Iterator<Item = &Asked> {
        self.pending
            .iter()
            .take_while(|asked| asked.reply.is_none())
    }

    /// Whether a message may tell that a subscribe has taken effect, which nothing else has told yet.
    pub(super) fn may_have_joined(&self, channel: usize) -> bool {
        self.silent()
            .any(|asked| asked.is_granted && asked.is(Request::Subscribe, channel))
    }

    /// Whether it may have left a channel and come back, and nothing has told.
    pub(super) fn may_have_been_away(&self, channel: usize) -> bool {
        let mut silent = self.silent();
        silent.any(|asked| asked.is(Request::Unsubscribe, channel))
            && silent.any(|asked| asked.is(Request::Subscribe, channel))
    }

    /// What is wrong with a message of a channel that it is no member of.
    pub(super) fn why_no_member(&self, channel: usize) -> &'static str {
        let mut pending = self.pending.iter();
        let is_asked = pending.any(|asked| asked.is(Request::Subscribe, channel));
        match (is_asked, self.left.contains(&channel)) {
            (true, _) => "early: its subscribe is not acknowledged",
            (false, true) => "late: its unsubscribe, or the end of its identity, has taken effect",
            (false, false) => "foreign: it never was a member",
        }
    }

    /// A client's own publication comes back behind the replies to what it asked before, and ahead
    /// of those to what it asked later.
    pub(super) fn got_own(
        &mut self,
        channel: usize,
        number: usize,
        channels: &[Channel],
        sent: &[usize],
    ) -> Checked {
        while let Some(asked) = self.pending.pop_front() {
            if asked.is(Request::Publish { number }, channel) {
                return Ok(());
            }
            if asked.reply.is_some() {
                return broken("replies", format!("{asked:?} was overtaken by {number}"));
            }
            self.take_effect(&asked, channels, sent);
        }
        broken("replies", format!("own {number} on {channel} came late"))
    }
}
