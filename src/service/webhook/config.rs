//! What a webhook is made from.

use std::time::Duration;

use http::{HeaderName, Uri};
use serde::Serialize;

use crate::service::Secret;

/// What an app server can be asked, and what it can be told.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Kind {
    /// May this client connect, and who is it?
    Connect,
    /// Who is it, by what its first message says?
    Authenticate,
    /// May it receive what is published on a channel?
    Subscribe,
    /// May it publish this?
    Publish,
    /// What is to be done about this message?
    Message,
    /// A connection is open.
    Connected,
    /// It is known who it is.
    Authenticated,
    /// It has ended.
    Disconnected,
}

impl Kind {
    /// All of them; questions first.
    pub const ALL: [Self; 8] = [
        Self::Connect,
        Self::Authenticate,
        Self::Subscribe,
        Self::Publish,
        Self::Message,
        Self::Connected,
        Self::Authenticated,
        Self::Disconnected,
    ];

    /// The word for it in bodies, options and metrics.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Connect => "connect",
            Self::Authenticate => "authenticate",
            Self::Subscribe => "subscribe",
            Self::Publish => "publish",
            Self::Message => "message",
            Self::Connected => "connected",
            Self::Authenticated => "authenticated",
            Self::Disconnected => "disconnected",
        }
    }

    pub(super) fn index(self) -> usize {
        self as usize
    }
}

/// Some of the [`Kind`]s.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Kinds(u8);

impl Kinds {
    /// Whether `kind` is among them.
    #[must_use]
    pub fn contain(self, kind: Kind) -> bool {
        self.0 & Self::bit(kind) != 0
    }

    fn bit(kind: Kind) -> u8 {
        1 << kind.index()
    }
}

impl FromIterator<Kind> for Kinds {
    fn from_iter<I: IntoIterator<Item = Kind>>(kinds: I) -> Self {
        Self(
            kinds
                .into_iter()
                .fold(0, |bits, kind| bits | Self::bit(kind)),
        )
    }
}

/// An endpoint's webhook, as the configuration says it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WebhookConfig {
    /// Where calls are posted to: a whole URL, of `http` or `https`.
    pub url: Uri,
    /// What the app server is asked and told.
    pub kinds: Kinds,
    /// How long one call may take, waiting for its turn and all tries included.
    pub timeout: Duration,
    /// Tries after the first.
    pub retries: usize,
    /// Requests under way at once; at least 1.
    pub concurrency: usize,
    /// Headers of a client's request that `connect` passes on.
    pub headers: Vec<HeaderName>,
    /// What calls are signed with.
    pub secret: Option<Secret>,
}

impl WebhookConfig {
    /// Whether the app server wants to hear what happens to connections.
    #[must_use]
    pub fn tells(&self) -> bool {
        let told = [Kind::Connected, Kind::Authenticated, Kind::Disconnected];
        told.into_iter().any(|kind| self.kinds.contain(kind))
    }
}

const _: () = assert!(Kind::ALL.len() <= u8::BITS as usize);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kinds_contain_what_was_collected_and_nothing_else() {
        for one in Kind::ALL {
            let kinds: Kinds = [one].into_iter().collect();
            for other in Kind::ALL {
                assert_eq!(kinds.contain(other), one == other);
            }
        }
        assert_eq!(Kind::ALL.map(Kind::index), [0, 1, 2, 3, 4, 5, 6, 7]);
    }

    #[test]
    fn kind_is_written_by_its_name() {
        for kind in Kind::ALL {
            let json = serde_json::to_string(&kind).unwrap();
            assert_eq!(json, format!("{:?}", kind.name()));
        }
    }
}
