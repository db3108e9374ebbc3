//! Floor 3: the protocols of the clients, one file each, behind [`Dialect`].
//!
//! Only here do "channel", "room" and the like occur: the engine knows topics.

use std::fmt;

use crate::engine::dialect::Dialect;

pub mod echo;
pub mod strav;

/// The dialects that an endpoint can be bound to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum DialectName {
    /// @strav/broadcast.
    Strav,
    /// Sends every message back: for conformance tests.
    Echo,
}

impl DialectName {
    /// All of them.
    pub const ALL: [Self; 2] = [Self::Strav, Self::Echo];

    /// As written in `--endpoint PATH=NAME`.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Strav => "strav",
            Self::Echo => "echo",
        }
    }

    /// The dialect of that name.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL
            .into_iter()
            .find(|dialect| dialect.as_str() == name)
    }

    /// Builds it.
    #[must_use]
    pub fn build(self) -> Box<dyn Dialect> {
        match self {
            Self::Strav => Box::new(strav::Strav),
            Self::Echo => Box::new(echo::Echo),
        }
    }
}

impl fmt::Display for DialectName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}
