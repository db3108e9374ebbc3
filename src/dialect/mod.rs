//! Floor 3: the protocols of the clients, one file or folder each, behind [`Dialect`].
//!
//! Only here do "channel", "room" and the like occur: the engine knows topics.

use std::fmt;

use self::ignis::{Ignis, IgnisConfig};
use self::shared_websocket::SharedWebsocket;
use crate::engine::dialect::Dialect;
use crate::engine::rules::{self, Defaults};

pub mod echo;
pub mod ignis;
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
    /// @venizia/ignis.
    Ignis,
}

impl DialectName {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Strav, Self::SharedWebsocket, Self::Ignis, Self::Echo];

    /// As written in `--endpoint PATH=NAME`.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Strav => "strav",
            Self::SharedWebsocket => "shared-websocket",
            Self::Echo => "echo",
            Self::Ignis => "ignis",
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
            Self::Ignis => ignis::DEFAULT_RULES,
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
    /// Its times, rooms and encryption.
    Ignis(IgnisConfig),
}

impl DialectConfig {
    /// Which one it is.
    #[must_use]
    pub fn name(&self) -> DialectName {
        match self {
            Self::Strav => DialectName::Strav,
            Self::SharedWebsocket(_) => DialectName::SharedWebsocket,
            Self::Echo => DialectName::Echo,
            Self::Ignis(_) => DialectName::Ignis,
        }
    }

    /// Builds it.
    #[must_use]
    pub fn build(&self) -> Box<dyn Dialect> {
        match self {
            Self::Strav => Box::new(strav::Strav),
            Self::SharedWebsocket(settings) => Box::new(SharedWebsocket::new((**settings).clone())),
            Self::Echo => Box::new(echo::Echo),
            Self::Ignis(config) => Box::new(Ignis::new(config.clone())),
        }
    }

    /// What holds after a reload that wants `new` of the same dialect: all of it but for what needs
    /// a restart.
    #[must_use]
    pub fn reloaded(&self, new: &Self) -> Self {
        match (self, new) {
            (Self::Ignis(running), Self::Ignis(new)) => Self::Ignis(IgnisConfig {
                // Whoever was promised encryption would be sent what it cannot read.
                encryption: running.encryption,
                ..new.clone()
            }),
            (_, new) => new.clone(),
        }
    }
}

impl fmt::Display for DialectName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::ignis::Encryption;
    use super::*;

    #[test]
    fn reload_changes_all_but_whether_clients_get_keys() {
        let config = |encryption, auth_timeout_ms| {
            DialectConfig::Ignis(IgnisConfig {
                auth_timeout_ms,
                heartbeat_interval_ms: 1,
                heartbeat_timeout_ms: 1,
                default_rooms: Vec::new(),
                encryption,
                encryption_info: "i".to_owned(),
            })
        };
        let running = config(Encryption::On, 1);
        let reloaded = running.reloaded(&config(Encryption::Off, 2));
        assert_eq!(reloaded, config(Encryption::On, 2));
    }
}
