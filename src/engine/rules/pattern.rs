//! Which names a rule is about.

use std::fmt;

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
    pub(super) fn precision(&self) -> usize {
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

#[cfg(test)]
mod tests {
    use super::*;

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
}
