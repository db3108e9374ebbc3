//! Who may subscribe to what, what clients may publish, and what becomes of their other messages:
//! as far as a shard decides it alone.

mod grant;
mod pattern;

pub use grant::{Grant, GrantError, Template};
pub use pattern::{Pattern, PatternError, PublishPattern};

use super::decider::{Handling, Ruling, Verdict};
use super::identity::Identity;

/// What holds for names that no rule is about: the first prefix that fits decides. The last one is
/// empty and fits all.
pub type Defaults = &'static [(&'static str, Grant)];

/// Open, but for the names that by convention of many clients carry data of one user or one group.
pub const OPEN: Defaults = &[
    ("private-", Grant::Deny),
    ("presence-", Grant::Deny),
    ("", Grant::Allow),
];

/// The rules of one endpoint, known to every shard and the same on each.
///
/// An exact rule beats a prefix, a longer prefix beats a shorter one; of two alike the earlier one
/// counts. Cost of a question: one comparison per rule, no allocation. Rules are few (an operator
/// writes them); whoever needs thousands of names wants a prefix, a claim or a webhook.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rules {
    /// Narrowest first, so that the first match decides; the same in the lists below.
    subscribe: Vec<(Pattern, Grant)>,
    publish: Vec<(PublishPattern, Grant)>,
    messages: Vec<(Pattern, Handling)>,
    defaults: Defaults,
}

impl Default for Rules {
    fn default() -> Self {
        Self::new(OPEN)
    }
}

/// Which rule decides, and what it says: for whoever wonders.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Deciding<'r> {
    /// One that the operator has written.
    Subscribe(&'r Pattern, &'r Grant),
    /// The same for publishing.
    Publish(&'r PublishPattern, &'r Grant),
    /// What the dialect says about names that begin so.
    Default(&'static str, &'static Grant),
    /// None: what clients publish is denied unless a rule allows it.
    Nothing,
}

impl Deciding<'_> {
    /// What follows for whoever has this identity.
    #[must_use]
    pub fn ruling(self, identity: Option<&Identity>, channel: &str) -> Ruling {
        match self {
            Self::Subscribe(_, grant) | Self::Publish(_, grant) | Self::Default(_, grant) => {
                grant.ruling(identity, channel)
            }
            Self::Nothing => Grant::Deny.ruling(identity, channel),
        }
    }

    /// Whether even a client may of which nobody knows who it is.
    #[must_use]
    pub fn is_open(self, channel: &str) -> bool {
        self.ruling(None, channel) == Ruling::Known(Verdict::Allow)
    }
}

impl Rules {
    /// No rule beyond a dialect's own.
    #[must_use]
    pub fn new(defaults: Defaults) -> Self {
        Self {
            subscribe: Vec::new(),
            publish: Vec::new(),
            messages: Vec::new(),
            defaults,
        }
    }

    /// Adds a rule for subscriptions.
    pub fn add_subscribe(&mut self, pattern: Pattern, grant: Grant) {
        let precision = pattern.precision();
        let place = self
            .subscribe
            .partition_point(|(held, _)| held.precision() >= precision);
        self.subscribe.insert(place, (pattern, grant));
    }

    /// Adds a rule for what clients publish: the narrower channel counts first, then the event.
    pub fn add_publish(&mut self, pattern: PublishPattern, grant: Grant) {
        let precision = |of: &PublishPattern| (of.channel.precision(), of.event.precision());
        let own = precision(&pattern);
        let place = self
            .publish
            .partition_point(|(held, _)| precision(held) >= own);
        self.publish.insert(place, (pattern, grant));
    }

    /// Says what becomes of messages that their dialect leaves to the application.
    pub fn add_message(&mut self, event: Pattern, handling: Handling) {
        let precision = event.precision();
        let place = self
            .messages
            .partition_point(|(held, _)| held.precision() >= precision);
        self.messages.insert(place, (event, handling));
    }

    /// Which rule says whether a client may subscribe to `topic`.
    #[must_use]
    pub fn of_subscribe(&self, topic: &str) -> Deciding<'_> {
        let mut written = self.subscribe.iter();
        if let Some((pattern, grant)) = written.find(|(pattern, _)| pattern.matches(topic)) {
            return Deciding::Subscribe(pattern, grant);
        }
        let mut defaults = self.defaults.iter();
        defaults
            .find(|(prefix, _)| topic.starts_with(prefix))
            .map_or(Deciding::Nothing, |(prefix, grant)| {
                Deciding::Default(prefix, grant)
            })
    }

    /// Which rule says whether a client may publish `event` to `topic`. This is the publish rule
    /// alone: a dialect whose clients must also be allowed to subscribe asks both.
    #[must_use]
    pub fn of_publish(&self, topic: &str, event: &str) -> Deciding<'_> {
        let mut written = self.publish.iter();
        written
            .find(|(pattern, _)| pattern.matches(topic, event))
            .map_or(Deciding::Nothing, |(pattern, grant)| {
                Deciding::Publish(pattern, grant)
            })
    }

    /// What becomes of a message: nothing, unless a rule says so.
    #[must_use]
    pub fn of_message(&self, event: &str) -> &Handling {
        let mut written = self.messages.iter();
        written
            .find(|(pattern, _)| pattern.matches(event))
            .map_or(&Handling::Drop, |(_, handling)| handling)
    }

    /// Whether some rule for subscriptions needs the application's answer.
    #[must_use]
    pub fn subscribing_asks(&self) -> bool {
        let mut rules = self.subscribe.iter();
        rules.any(|(_, grant)| *grant == Grant::Webhook)
    }

    /// The same for what clients publish.
    #[must_use]
    pub fn publishing_asks(&self) -> bool {
        let mut rules = self.publish.iter();
        rules.any(|(_, grant)| *grant == Grant::Webhook)
    }

    /// The same for other messages.
    #[must_use]
    pub fn messages_ask(&self) -> bool {
        self.messages.iter().any(|(_, to)| *to == Handling::Ask)
    }
}

#[cfg(test)]
mod tests;
