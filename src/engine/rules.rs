//! Who may subscribe to what, and what clients may publish, as far as a shard decides it alone.

use std::fmt;

/// Names that nobody may subscribe to unless a rule allows it: by convention of the clients in use,
/// these carry data of one user or one group.
const GUARDED_PREFIXES: [&str; 2] = ["private-", "presence-"];

/// An exact name, or every name that begins alike: `orders.42`, `orders.*`, `*`.
///
/// Only one `*` at the very end is a wildcard. Anywhere else it is an ordinary character, so
/// `a*b` is the name `a*b`, and `a**` means the names that begin with `a*`.
///
/// # Examples
///
/// ```
/// use shardcast::engine::rules::Pattern;
///
/// let orders = Pattern::parse("orders.*")?;
/// assert!(orders.matches("orders.42"));
/// assert!(!orders.matches("order"));
/// # Ok::<(), shardcast::engine::rules::PatternError>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Pattern {
    /// The name itself and no other.
    Exact(String),
    /// Every name that begins with this text, the text itself included; empty: every name.
    Prefix(String),
}

impl Pattern {
    /// Reads a pattern as an operator writes it.
    ///
    /// # Errors
    ///
    /// [`PatternError::Empty`]: no name is empty, so such a pattern could never match.
    pub fn parse(text: &str) -> Result<Self, PatternError> {
        if text.is_empty() {
            return Err(PatternError::Empty);
        }
        Ok(text.strip_suffix('*').map_or_else(
            || Self::Exact(text.to_owned()),
            |prefix| Self::Prefix(prefix.to_owned()),
        ))
    }

    /// Whether `name` is meant. Cost: one comparison of at most `name.len()` bytes.
    #[must_use]
    pub fn matches(&self, name: &str) -> bool {
        match self {
            Self::Exact(exact) => name == exact,
            Self::Prefix(prefix) => name.starts_with(prefix.as_str()),
        }
    }

    /// How narrow the pattern is: exact above every prefix, a longer prefix above a shorter one.
    fn precision(&self) -> usize {
        match self {
            Self::Exact(_) => usize::MAX,
            Self::Prefix(prefix) => prefix.len(),
        }
    }
}

impl fmt::Display for Pattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Exact(exact) => f.write_str(exact),
            Self::Prefix(prefix) => write!(f, "{prefix}*"),
        }
    }
}

/// Which events a client may publish, and where: `CHANNEL[:EVENT]`, each a [`Pattern`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PublishPattern {
    /// Where.
    pub channel: Pattern,
    /// What.
    pub event: Pattern,
}

impl PublishPattern {
    /// Reads `CHANNEL[:EVENT]`; without an event, any event is meant.
    ///
    /// The text is split at its last colon, because channel names with colons are common and event
    /// names with colons are not. So a channel `chat:room` is written with its event: `chat:room:*`.
    ///
    /// # Errors
    ///
    /// - [`PatternError::Empty`]: the channel is empty.
    /// - [`PatternError::EmptyEvent`]: a colon with nothing behind it.
    ///
    /// # Examples
    ///
    /// ```
    /// use shardcast::engine::rules::PublishPattern;
    ///
    /// let rule = PublishPattern::parse("*:client-*")?;
    /// assert!(rule.matches("room.1", "client-typing"));
    /// assert!(!rule.matches("room.1", "typing"));
    /// # Ok::<(), shardcast::engine::rules::PatternError>(())
    /// ```
    pub fn parse(text: &str) -> Result<Self, PatternError> {
        let (channel, event) = text.rsplit_once(':').unwrap_or((text, "*"));
        if event.is_empty() {
            return Err(PatternError::EmptyEvent);
        }
        Ok(Self {
            channel: Pattern::parse(channel)?,
            event: Pattern::parse(event)?,
        })
    }

    /// Whether publishing `event` to `channel` is meant.
    #[must_use]
    pub fn matches(&self, channel: &str, event: &str) -> bool {
        self.channel.matches(channel) && self.event.matches(event)
    }
}

/// Why a text is no pattern.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum PatternError {
    /// Nothing where a name should be.
    #[error("names no channel")]
    Empty,
    /// A colon that announces an event, and no event.
    #[error("ends in a colon without an event")]
    EmptyEvent,
}

/// What a subscribe rule says about the names it matches.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// Let them in.
    Allow,
    /// Keep them out.
    Deny,
}

/// The rules of one endpoint, known to every shard and the same on each.
///
/// Cost of a question: one comparison per rule, no allocation. Rules are few (an operator writes
/// them); whoever needs thousands of names wants one prefix or a decision of the control plane.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Rules {
    /// Narrowest first, so that the first match decides.
    subscribe: Vec<(Pattern, Verdict)>,
    publish: Vec<PublishPattern>,
}

impl Rules {
    /// Adds a rule for subscriptions. Of two rules with the same pattern the earlier one counts.
    pub fn add_subscribe(&mut self, pattern: Pattern, verdict: Verdict) {
        let place = self
            .subscribe
            .partition_point(|(held, _)| held.precision() >= pattern.precision());
        self.subscribe.insert(place, (pattern, verdict));
    }

    /// Lets clients publish what `pattern` matches.
    pub fn add_publish(&mut self, pattern: PublishPattern) {
        self.publish.push(pattern);
    }

    /// Whether a client may subscribe to `topic`.
    ///
    /// An exact rule beats a prefix, a longer prefix beats a shorter one. Last come the built-in
    /// rules: names that begin with `private-` or `presence-` are denied, all others allowed.
    #[must_use]
    pub fn may_subscribe(&self, topic: &str) -> bool {
        self.subscribe
            .iter()
            .find(|(pattern, _)| pattern.matches(topic))
            .map_or_else(
                || {
                    !GUARDED_PREFIXES
                        .iter()
                        .any(|guarded| topic.starts_with(guarded))
                },
                |(_, verdict)| *verdict == Verdict::Allow,
            )
    }

    /// Whether a client may publish `event` to `topic`: denied unless a rule allows it.
    ///
    /// This is the publish rule alone. A dialect whose clients must also be allowed to subscribe
    /// asks both.
    #[must_use]
    pub fn may_publish(&self, topic: &str, event: &str) -> bool {
        self.publish
            .iter()
            .any(|pattern| pattern.matches(topic, event))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rules(subscribe: &[(&str, Verdict)], publish: &[&str]) -> Rules {
        let mut rules = Rules::default();
        for (pattern, verdict) in subscribe {
            rules.add_subscribe(Pattern::parse(pattern).unwrap(), *verdict);
        }
        for pattern in publish {
            rules.add_publish(PublishPattern::parse(pattern).unwrap());
        }
        rules
    }

    #[test]
    fn star_is_a_wildcard_only_at_the_end() {
        assert!(Pattern::parse("a*b").unwrap().matches("a*b"));
        assert!(!Pattern::parse("a*b").unwrap().matches("axb"));
        assert!(Pattern::parse("a**").unwrap().matches("a*x"));
        assert!(!Pattern::parse("a**").unwrap().matches("ax"));
        assert!(Pattern::parse("*").unwrap().matches("anything"));
        assert_eq!(Pattern::parse(""), Err(PatternError::Empty));
    }

    #[test]
    fn pattern_prints_as_it_was_written() {
        for text in ["a", "a*", "*", "a*b", "a**"] {
            assert_eq!(Pattern::parse(text).unwrap().to_string(), text);
        }
    }

    #[test]
    fn publish_pattern_splits_at_the_last_colon() {
        let rule = PublishPattern::parse("chat:room:*").unwrap();
        assert!(rule.matches("chat:room", "hello"));
        assert!(!rule.matches("chat", "room"));

        let any_event = PublishPattern::parse("demo").unwrap();
        assert!(any_event.matches("demo", "a:b"));
        assert_eq!(
            PublishPattern::parse("demo:"),
            Err(PatternError::EmptyEvent)
        );
        assert_eq!(PublishPattern::parse(":hello"), Err(PatternError::Empty));
        assert_eq!(PublishPattern::parse(""), Err(PatternError::Empty));
    }

    #[test]
    fn guarded_names_are_denied_and_others_allowed_without_rules() {
        let rules = Rules::default();
        assert!(rules.may_subscribe("orders"));
        assert!(rules.may_subscribe("private"));
        assert!(rules.may_subscribe("Private-x"));
        assert!(!rules.may_subscribe("private-x"));
        assert!(!rules.may_subscribe("private-"));
        assert!(!rules.may_subscribe("presence-room"));
    }

    #[test]
    fn narrower_rule_beats_wider_one_in_any_order() {
        use Verdict::{Allow, Deny};
        let written = [
            ("*", Deny),
            ("private-*", Allow),
            ("private-root", Deny),
            ("private-a*", Deny),
            ("private-admin", Allow),
        ];
        let mut reversed = written;
        reversed.reverse();
        for order in [written, reversed] {
            let rules = rules(&order, &[]);
            assert!(!rules.may_subscribe("public"));
            assert!(rules.may_subscribe("private-x"));
            assert!(!rules.may_subscribe("private-root"));
            assert!(!rules.may_subscribe("private-alice"));
            assert!(rules.may_subscribe("private-admin"));
        }
    }

    #[test]
    fn same_pattern_twice_keeps_the_earlier_verdict() {
        let rules = rules(&[("a*", Verdict::Deny), ("a*", Verdict::Allow)], &[]);
        assert!(!rules.may_subscribe("ab"));
    }

    #[test]
    fn publish_is_denied_unless_a_rule_allows_it() {
        assert!(!Rules::default().may_publish("demo", "hello"));

        let rules = rules(&[], &["*:client-*", "demo:hello"]);
        assert!(rules.may_publish("demo", "hello"));
        assert!(rules.may_publish("any", "client-typing"));
        assert!(!rules.may_publish("any", "hello"));
        assert!(!rules.may_publish("demo", "Hello"));
    }

    #[test]
    fn hostile_names_slip_past_no_rule() {
        let rules = rules(&[("room.*", Verdict::Allow)], &["room:say"]);
        for name in ["private-\0", "private-*", "presence-\u{202e}x", "private--"] {
            assert!(!rules.may_subscribe(name), "{name:?}");
        }
        // A name that looks like a rule is only a name.
        for (topic, event) in [
            ("*", "say"),
            ("room:say", ""),
            ("room", "*"),
            ("room", "say\0"),
            ("room\0", "say"),
            ("room:", "say"),
            ("", "say"),
            ("", ""),
        ] {
            assert!(!rules.may_publish(topic, event), "{topic:?} {event:?}");
        }
        let long = "private-".repeat(10_000);
        assert!(!rules.may_subscribe(&long));
    }
}
