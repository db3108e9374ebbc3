//! What whoever administers may ask of a shard and have done there, by connection or by user.

use std::sync::Arc;

use super::conn::Conn;
use super::disconnect::{Cause, Disconnect};
use super::publication::AppId;
use super::shard::Shard;
use crate::base::slab::Key;
use crate::base::time::Now;
use crate::codec::ws::CloseCode;

/// One open connection.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConnInfo {
    /// The public id as its client knows it.
    pub id: String,
    /// The path of its endpoint.
    pub endpoint: String,
    /// The user, if it is known who it is.
    pub user: Option<Arc<str>>,
    /// When it was accepted, in Unix time (ms).
    pub accepted_unix_ms: u64,
    /// How many topics it is subscribed to.
    pub subscriptions: usize,
}

impl Shard {
    /// Describes a connection; `None` when it is not open.
    #[must_use]
    pub fn describe(&self, key: Key) -> Option<ConnInfo> {
        let conn = self.conns.get(key).filter(|conn| conn.is_open())?;
        let endpoint = &self.endpoints[usize::from(conn.endpoint)];
        Some(ConnInfo {
            id: self.id_text(conn),
            endpoint: endpoint.path.clone(),
            user: conn.identity().and_then(|identity| identity.user.clone()),
            accepted_unix_ms: conn.id.unix_ms(),
            subscriptions: conn.subscriptions.len(),
        })
    }

    /// A connection's public id as its client knows it.
    pub(super) fn id_text(&self, conn: &Conn) -> String {
        let dialect = &self.endpoints[usize::from(conn.endpoint)].dialect;
        dialect.id_text(conn.id)
    }

    /// The first `limit` open connections of an app after the id `after`, by id.
    ///
    /// Cost: looks at every connection, for whoever administers; nothing on the way of a message.
    #[must_use]
    pub fn page_of_conns(&self, app: AppId, after: &str, limit: usize) -> Vec<ConnInfo> {
        let in_app = self.conns.keys().filter(|key| {
            let endpoint = self.endpoint_of(*key);
            endpoint.is_some_and(|endpoint| endpoint.app == app)
        });
        page(in_app.filter_map(|key| self.describe(key)), after, limit)
    }

    /// The same of a topic's subscribers.
    #[must_use]
    pub fn page_of_members(
        &self,
        app: AppId,
        topic: &str,
        after: &str,
        limit: usize,
    ) -> Vec<ConnInfo> {
        let slots = self.topics.subscribers(app, topic);
        let keys = slots.flat_map(|(_, slots)| slots).copied();
        let members = keys.filter_map(|slot| self.describe(self.conns.key_at(slot)?));
        page(members, after, limit)
    }

    /// The connections of a user.
    #[must_use]
    pub fn conns_of_user(&self, app: AppId, user: &str) -> Vec<Key> {
        let slots = self.users.subscribers(app, user);
        let slots = slots.flat_map(|(_, slots)| slots).copied();
        slots.filter_map(|slot| self.conns.key_at(slot)).collect()
    }

    /// Ends a connection because an operator or the application wants it. `false`: it was not open.
    pub fn kick(&mut self, now: Now, key: Key, disconnect: Option<Disconnect>) -> bool {
        if !self.is_open(key) {
            return false;
        }
        match disconnect {
            Some(disconnect) => self.close_with(now, key, Cause::Kicked, Some(disconnect)),
            None => self.close(now, key, Cause::Kicked),
        }
        true
    }

    /// Closes a connection that there is no room for after all, as if the process were full.
    pub fn turn_back(&mut self, now: Now, key: Key) {
        let told = Disconnect {
            code: CloseCode::TRY_AGAIN_LATER,
            reason: "too busy".into(),
        };
        self.close_with(now, key, Cause::ServerFull, Some(told));
    }
}

fn page(conns: impl Iterator<Item = ConnInfo>, after: &str, limit: usize) -> Vec<ConnInfo> {
    let mut page: Vec<ConnInfo> = conns.filter(|conn| *conn.id > *after).collect();
    page.sort_unstable_by(|a, b| a.id.cmp(&b.id));
    page.truncate(limit);
    page
}
