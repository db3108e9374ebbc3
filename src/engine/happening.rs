//! What happens to connections, for an application that wants to hear of it.

use std::borrow::Cow;
use std::sync::Arc;

use super::disconnect::{Cause, Disconnect};
use super::shard::Shard;
use crate::base::ids::ConnId;
use crate::base::slab::Key;
use crate::codec::ws::CloseCode;

/// Something that has happened to one connection. Those of one connection come in their order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Happening {
    /// The connection.
    pub conn: ConnId,
    /// Its public id as its client knows it.
    pub id: Arc<str>,
    /// Its endpoint, by index.
    pub endpoint: u16,
    /// The user, if it is known who it is.
    pub user: Option<Arc<str>>,
    /// What it was.
    pub what: Happened,
}

/// What may happen.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Happened {
    /// It is open.
    Connected,
    /// It is known who it is, or that it is somebody else now.
    Authenticated,
    /// It has ended.
    Disconnected {
        /// The code of the Close frame that ended it; 1005 when that had none, 1006 without one.
        code: CloseCode,
        /// What stood beside it; empty when the peer closed.
        reason: Cow<'static, str>,
    },
}

/// No Close frame came (RFC 6455, section 7.1.5).
const ABNORMAL: CloseCode = CloseCode(1006);

/// One came without a code.
const NO_STATUS: CloseCode = CloseCode(1005);

impl Shard {
    /// The next thing that happened to a connection of an endpoint that tells.
    pub fn poll_happening(&mut self) -> Option<Happening> {
        self.happenings.pop_front()
    }

    pub(super) fn happen(&mut self, key: Key, what: Happened) {
        let Some(conn) = self.conns.get(key) else {
            return;
        };
        if !self.endpoints[usize::from(conn.endpoint)].door.tells {
            return;
        }
        self.happenings.push_back(Happening {
            conn: self.conn_id(key),
            id: self.id_text(conn).into(),
            endpoint: conn.endpoint,
            user: conn.identity().and_then(|identity| identity.user.clone()),
            what,
        });
    }

    pub(super) fn happen_to_end(&mut self, key: Key, cause: Cause, told: Option<&Disconnect>) {
        let (code, reason) = match told {
            Some(disconnect) => (disconnect.code, disconnect.reason.clone()),
            None if cause == Cause::PeerClosed => (NO_STATUS, Cow::Borrowed("")),
            None => (ABNORMAL, Cow::Borrowed("")),
        };
        self.happen(key, Happened::Disconnected { code, reason });
    }
}
