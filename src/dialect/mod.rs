//! Floor 3: the protocols of the clients, one file or folder each, behind [`Dialect`].
//!
//! Only here do "channel", "room" and the like occur: the engine knows topics.

use std::fmt;

use self::shared_websocket::SharedWebsocket;
use crate::engine::dialect::Dialect;
use crate::engine::rules::{self, Defaults};

pub mod echo;
pub mod shared_websocket;
pub mod strav;

/// The dialects that an endpoint can be bound to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum DialectName {
    /// @strav/broadcast.
    Strav,
    /// @gwakko/shared-websocket.
    SharedWebsocket,
    /// Sends every message back: for conformance tests.
    Echo,
}

impl DialectName {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Strav, Self::SharedWebsocket, Self::Echo];

    /// As written in `--endpoint PATH=NAME`.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Strav => "strav",
            Self::SharedWebsocket => "shared-websocket",
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

    /// Who may subscribe to what where the operator says nothing.
    #[must_use]
    pub fn default_rules(self) -> Defaults {
        match self {
            Self::Strav | Self::Echo => rules::OPEN,
            Self::SharedWebsocket => shared_websocket::DEFAULT_RULES,
        }
    }
}

/// A dialect with what an operator may set about it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum DialectConfig {
    /// Nothing.
    Strav,
    /// Names and forms. Boxed, since others have none.
    SharedWebsocket(Box<shared_websocket::Settings>),
    /// Nothing.
    Echo,
}

impl DialectConfig {
    /// Which one it is.
    #[must_use]
    pub fn name(&self) -> DialectName {
        match self {
            Self::Strav => DialectName::Strav,
            Self::SharedWebsocket(_) => DialectName::SharedWebsocket,
            Self::Echo => DialectName::Echo,
        }
    }

    /// Builds it.
    #[must_use]
    pub fn build(&self) -> Box<dyn Dialect> {
        match self {
            Self::Strav => Box::new(strav::Strav),
            Self::SharedWebsocket(settings) => Box::new(SharedWebsocket::new((**settings).clone())),
            Self::Echo => Box::new(echo::Echo),
        }
    }
}

impl fmt::Display for DialectName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}
