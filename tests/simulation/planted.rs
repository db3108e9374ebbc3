//! Bugs that the harness plants from outside, one kind in a run, to prove that the checker sees
//! them: each breaks one promise in the way a careless engine would.

use std::sync::Arc;

use shardcast::base::ids::ShardId;
use shardcast::base::random::Random;
use shardcast::engine::interest::Interest;
use shardcast::engine::publication::{Publication, SharedPublication};

use crate::world::APP;

/// What goes wrong on purpose.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Bug {
    /// A shard acknowledges a subscribe before others route to it.
    AckBeforeInterest,
    /// A letter is handled twice.
    DuplicateLetter,
    /// A join of ignis or shared-websocket is lost, and made up for when its client has long seen
    /// others answered.
    LostJoin,
    /// What a short send left over is never sent.
    LostRetry,
    /// A publication without data has some, `null`, for whoever gets it by letter.
    NullForAbsent,
    /// An unsubscribe is never handled.
    SwallowedUnsubscribe,
    /// Two letters of one publisher change places.
    SwappedLetters,
    /// What is sent to a user goes to another one.
    MisdirectedSend,
    /// What is sent to somebody is sent twice.
    SentTwice,
    /// What is sent reaches those who were left out.
    ExcludedGetIt,
    /// An identity that is revoked lives on.
    IgnoredRevocation,
    /// An identity whose time is over lives on.
    IgnoredExpiry,
    /// A letter goes to another topic's subscribers.
    WrongTopic,
}

impl Bug {
    pub(crate) const ALL: [Self; 13] = [
        Self::AckBeforeInterest,
        Self::DuplicateLetter,
        Self::LostJoin,
        Self::LostRetry,
        Self::NullForAbsent,
        Self::SwallowedUnsubscribe,
        Self::SwappedLetters,
        Self::MisdirectedSend,
        Self::SentTwice,
        Self::ExcludedGetIt,
        Self::IgnoredRevocation,
        Self::IgnoredExpiry,
        Self::WrongTopic,
    ];

    /// The promises that it breaks; others may be seen broken first.
    pub(crate) fn breaks(self) -> &'static [&'static str] {
        match self {
            Self::AckBeforeInterest => &["C1", "C5"],
            Self::DuplicateLetter => &["C4"],
            Self::LostJoin => &["C1"],
            Self::LostRetry => &["framing", "C5"],
            Self::NullForAbsent | Self::WrongTopic => &["bodies"],
            Self::SwallowedUnsubscribe => &["C2"],
            Self::MisdirectedSend | Self::ExcludedGetIt => &["addressee"],
            Self::SentTwice => &["C4"],
            Self::IgnoredRevocation | Self::IgnoredExpiry => &["identity"],
            Self::SwappedLetters => &["C3", "C5"],
        }
    }
}

/// The bug of a run and how often it was planted.
#[derive(Debug)]
pub(crate) struct Planted {
    pub(crate) bug: Option<Bug>,
    pub(crate) times: u64,
    /// Interest that was taken away: until when, which shard, which topic.
    hidden: Vec<(u64, ShardId, Arc<str>)>,
    /// Joins that were lost: until when, whose, and what it said.
    lost: Vec<(u64, usize, String)>,
}

impl Planted {
    pub(crate) fn new(bug: Option<Bug>) -> Self {
        Self {
            bug,
            times: 0,
            hidden: Vec::new(),
            lost: Vec::new(),
        }
    }

    /// Whether the bug is this one and it is time for it: one time in `rarity`.
    pub(crate) fn strikes(&mut self, bug: Bug, random: &mut Random, rarity: u32) -> bool {
        let now = self.bug == Some(bug) && random.below(rarity) == 0;
        self.times += u64::from(now);
        now
    }

    /// Whether a client's join is lost until some step.
    pub(crate) fn loses(
        &mut self,
        random: &mut Random,
        until_step: u64,
        client: usize,
        text: &str,
    ) -> bool {
        let is_lost = self.strikes(Bug::LostJoin, random, 4);
        if is_lost {
            self.lost.push((until_step, client, text.to_owned()));
        }
        is_lost
    }

    /// A lost join whose time has come.
    pub(crate) fn found(&mut self, step: u64) -> Option<(usize, String)> {
        let is_due = |(until_step, ..): &(u64, usize, String)| *until_step <= step;
        let due = self.lost.iter().position(is_due)?;
        let (_, client, text) = self.lost.swap_remove(due);
        Some((client, text))
    }

    /// The shards of each channel before something that may subscribe.
    pub(crate) fn watch(&self, interest: &Interest, shard: ShardId, names: &[String]) -> Vec<bool> {
        if self.bug != Some(Bug::AckBeforeInterest) {
            return Vec::new();
        }
        let contains = |name: &String| interest.topics.shards(APP, name).contains(shard);
        names.iter().map(contains).collect()
    }

    /// Takes away the interest that has come up since `before`, for some steps.
    pub(crate) fn hide(
        &mut self,
        interest: &Interest,
        shard: ShardId,
        names: &[String],
        before: &[bool],
        until_step: u64,
    ) {
        for (name, before) in names.iter().zip(before) {
            if !before && interest.topics.shards(APP, name).contains(shard) {
                let topic: Arc<str> = Arc::from(name.as_str());
                interest.topics.remove(APP, &topic, shard);
                self.hidden.push((until_step, shard, topic));
                self.times += 1;
            }
        }
    }

    /// Gives hidden interest back when its time has come, if the shard still has subscribers.
    pub(crate) fn restore(
        &mut self,
        interest: &Interest,
        step: u64,
        is_wanted: impl Fn(ShardId, &str) -> bool,
    ) {
        self.hidden.retain(|(until_step, shard, topic)| {
            if *until_step > step {
                return true;
            }
            if is_wanted(*shard, topic) {
                interest.topics.add(APP, topic, *shard);
            }
            false
        });
    }
}

/// The letter again, and what had no data has some.
pub(crate) fn with_data(letter: &SharedPublication) -> Arc<SharedPublication> {
    let publication = letter.publication();
    Publication {
        data: publication.data.or(Some(b"null")),
        ..publication
    }
    .share()
}

/// The letter again, for another topic.
pub(crate) fn redirect(letter: &SharedPublication, topic: &str) -> Arc<SharedPublication> {
    let publication = letter.publication();
    Publication {
        topic,
        ..publication
    }
    .share()
}
