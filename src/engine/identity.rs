//! Who a connection speaks for.

use std::fmt;
use std::sync::Arc;

use serde_json::Value;

/// What has been proven about a connection's peer, by a token or by a webhook.
///
/// Shared by reference: the rules read it at each question, and the connection keeps it.
pub struct Identity {
    /// The user's name. `None`: the peer was let in as nobody in particular.
    pub user: Option<Arc<str>>,
    /// What was said about the user: a JSON object, for rules that ask for a claim.
    pub claims: Value,
    /// When it ends, in Unix time (ms); `None`: never.
    pub expires_unix_ms: Option<u64>,
}

impl Identity {
    /// The claim at an RFC 6901 pointer such as `/channels` or `/org/id`.
    #[must_use]
    pub fn claim(&self, pointer: &str) -> Option<&Value> {
        self.claims.pointer(pointer)
    }

    /// Whether it has ended.
    #[must_use]
    pub fn is_expired(&self, unix_ms: u64) -> bool {
        self.expires_unix_ms.is_some_and(|end_ms| end_ms <= unix_ms)
    }
}

/// Claims are the user's own business: only the name is printed.
impl fmt::Debug for Identity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Identity")
            .field("user", &self.user)
            .field("expires_unix_ms", &self.expires_unix_ms)
            .finish_non_exhaustive()
    }
}
