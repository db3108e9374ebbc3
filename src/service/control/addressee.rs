//! Whom a request is about: one connection, or every connection of a user.

use std::sync::Arc;

use axum::http::StatusCode;
use futures_util::future::join_all;
use serde::Deserialize;
use utoipa::ToSchema;

use super::Control;
use super::error::ApiError;
use crate::base::ids::Ulid;
use crate::base::slab::Key;
use crate::base::time::Now;
use crate::service::worker::Worker;

/// One connection, or all of a user.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub(super) enum Addressee {
    /// The connection that shows this public id.
    Connection(String),
    /// Every connection that speaks for this user.
    User(String),
}

impl Control {
    /// Reads a public id in any form in which clients know one; what is none is nobody's.
    pub(super) fn conn_id(text: &str) -> Option<Ulid> {
        let bytes = text.as_bytes();
        Ulid::parse(bytes).or_else(|| Ulid::parse_uuid(bytes))
    }

    /// Has something done to each connection that is meant, on its own shard. Returns to how many.
    pub(super) async fn act_on(
        &self,
        app: Option<&str>,
        addressee: &Addressee,
        act: impl Fn(&mut Worker, Now, Key) -> bool + Send + Sync + 'static,
    ) -> Result<u64, ApiError> {
        match addressee {
            Addressee::Connection(id) => {
                let id = Self::conn_id(id).ok_or_else(Addressee::unknown)?;
                let shard = self.owner(id).ok_or_else(Addressee::unknown)?;
                let found = self.shards.invoke_on(shard, move |worker, now| {
                    let key = worker.shard.find(id)?;
                    Some(u64::from(act(worker, now, key)))
                });
                let count = found.await.map_err(ApiError::silent)?;
                count.ok_or_else(Addressee::unknown)
            }
            Addressee::User(user) => {
                let app = self.app(app)?.id;
                let shards = self.shards_of_user(app, user);
                let (act, user) = (Arc::new(act), Arc::<str>::from(user.as_str()));
                let calls = shards.into_iter().map(|shard| {
                    let (act, user) = (Arc::clone(&act), Arc::clone(&user));
                    self.shards.invoke_on(shard, move |worker, now| {
                        let keys = worker.shard.conns_of_user(app, &user);
                        let done = keys.into_iter().filter(|key| act(worker, now, *key));
                        done.count() as u64
                    })
                });
                let mut count = 0;
                for answer in join_all(calls).await {
                    count += answer.map_err(ApiError::silent)?;
                }
                Ok(count)
            }
        }
    }
}

impl Addressee {
    /// What is answered about an id that no open connection has.
    pub(super) fn unknown() -> ApiError {
        ApiError::new(
            StatusCode::NOT_FOUND,
            "unknown_connection",
            "no open connection has that id",
        )
    }
}
