//! The channels of a run and the script that decides about them.
//!
//! A channel's name says who may do what there and who decides it: the shard at once, or the world,
//! late or never. So what every request must be answered is known when it is sent.

use shardcast::base::ids::ConnId;
use shardcast::base::limits::NAME_BYTES_MAX;
use shardcast::base::random::Random;
use shardcast::engine::decider::{Decider, Question, Ruling, Verdict};
use shardcast::engine::identity::Identity;

use crate::contract::{Channel, Reply};

/// Who decides.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Judge {
    /// The shard, at once.
    Shard,
    /// The world, before the engine gives up.
    World,
    /// Nobody in time: the engine has to give up by itself.
    Nobody,
}

/// Who decides, and how.
pub(crate) type Sentence = (Judge, Verdict);

/// The law of a channel.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Law {
    subscribe: Sentence,
    publish: Sentence,
    /// Whether nobody is let in who speaks for no user.
    needs_login: bool,
    too_long: bool,
}

/// Long enough after the last question for every answer to have come or to have been given up.
pub(crate) const DECIDED_MS: u64 = 10_000;

/// Kinds of channels: who may subscribe, who may publish.
const LAWS: [(&str, Sentence, Sentence); 14] = {
    use Judge::{Nobody, Shard, World};
    use Verdict::{Allow, Deny, Fail};
    [
        ("open", (Shard, Allow), (Shard, Allow)),
        ("wide", (Shard, Allow), (Shard, Allow)),
        ("login", (Shard, Allow), (Shard, Allow)),
        ("asklogin", (World, Allow), (Shard, Allow)),
        ("deny", (Shard, Deny), (Shard, Allow)),
        ("fail", (Shard, Fail), (Shard, Allow)),
        ("mute", (Shard, Allow), (Shard, Deny)),
        ("torn", (Shard, Allow), (Shard, Fail)),
        ("ask", (World, Allow), (World, Allow)),
        ("askdeny", (World, Deny), (World, Allow)),
        ("askmute", (World, Allow), (World, Deny)),
        ("asktorn", (Shard, Allow), (World, Fail)),
        ("never", (Nobody, Fail), (Shard, Allow)),
        ("neverpub", (World, Allow), (Nobody, Fail)),
    ]
};

impl Law {
    /// The law of the channel with this name.
    fn of(channel: &str) -> Self {
        let kind = channel.split('-').next().unwrap_or_default();
        let (_, subscribe, publish) = LAWS
            .into_iter()
            .find(|(name, ..)| *name == kind)
            .expect("every channel is made from the table");
        Self {
            subscribe,
            publish,
            needs_login: ["login", "asklogin"].contains(&kind),
            too_long: channel.len() > NAME_BYTES_MAX,
        }
    }

    /// The channel with this name, as the checker knows it.
    pub(crate) fn channel(name: &str) -> Channel {
        let law = Self::of(name);
        Channel {
            name: name.to_owned(),
            subscribe: law.subscribe_reply(),
            needs_login: law.needs_login,
            publish: law.publish_reply(),
            may_wait: law.may_wait(),
        }
    }

    /// What a subscribe of somebody who is not a member is told.
    fn subscribe_reply(self) -> Reply {
        match self.subscribe.1 {
            _ if self.too_long => Reply::Unauthorized,
            Verdict::Allow => Reply::Ok,
            Verdict::Deny => Reply::Unauthorized,
            Verdict::Fail => Reply::AuthorizationFailed,
        }
    }

    /// What a publish is told; nothing when it is accepted.
    fn publish_reply(self) -> Option<Reply> {
        match (self.subscribe.1, self.publish.1) {
            _ if self.too_long => Some(Reply::PublishDenied),
            (Verdict::Deny, _) => Some(Reply::Unauthorized),
            (Verdict::Fail, _) => Some(Reply::AuthorizationFailed),
            (_, Verdict::Deny) => Some(Reply::PublishDenied),
            (_, Verdict::Fail) => Some(Reply::PublishFailed),
            (_, Verdict::Allow) => None,
        }
    }

    /// Whether a request here may have to wait for a decision.
    fn may_wait(self) -> bool {
        self.subscribe.0 != Judge::Shard || self.publish.0 != Judge::Shard
    }

    fn rule(self, identity: Option<&Identity>, question: &Question<'_>) -> Sentence {
        match question {
            Question::Subscribe { .. } if self.needs_login && !speaks_for_a_user(identity) => {
                (self.subscribe.0, Verdict::Deny)
            }
            Question::Subscribe { .. } => self.subscribe,
            Question::Publish { .. } => self.publish,
        }
    }
}

fn speaks_for_a_user(identity: Option<&Identity>) -> bool {
    identity.is_some_and(|identity| identity.user.is_some())
}

fn topic<'q>(question: &'q Question<'_>) -> &'q str {
    match question {
        Question::Subscribe { topic } | Question::Publish { topic, .. } => topic,
    }
}

/// The script: what a shard knows by itself.
#[derive(Debug)]
pub(crate) struct Script;

impl Decider for Script {
    fn decide(
        &self,
        _conn: ConnId,
        identity: Option<&Identity>,
        question: &Question<'_>,
    ) -> Ruling {
        match judge(identity, question) {
            (Judge::Shard, verdict) => Ruling::Known(verdict),
            (Judge::World | Judge::Nobody, _) => Ruling::Ask,
        }
    }
}

/// Who decides a question, and how.
pub(crate) fn judge(identity: Option<&Identity>, question: &Question<'_>) -> Sentence {
    Law::of(topic(question)).rule(identity, question)
}

/// The channels of a run: mostly open ones, some of each other kind, perhaps one with a name that
/// is too long.
pub(crate) fn channels(random: &mut Random, open: u32) -> Vec<String> {
    let mut names: Vec<String> = (0..open).map(|number| format!("open-{number}")).collect();
    names.push("wide-straße".to_owned());
    if random.below(2) == 0 {
        // Where names are joined by colons, it must be found where one ends.
        names.push("wide-straße:a".to_owned());
    }
    for (kind, ..) in &LAWS[2..] {
        let rarity = if kind.ends_with("login") { 1 } else { 3 };
        if random.below(rarity) == 0 {
            names.push(format!("{kind}-x"));
        }
    }
    if random.below(4) == 0 {
        names.push(format!("open-{}", "n".repeat(NAME_BYTES_MAX)));
    }
    names
}
