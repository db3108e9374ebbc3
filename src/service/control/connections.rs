//! Looking at connections: all of them, those of a user, one.
#![allow(
    unused_qualifications,
    reason = "the code that utoipa makes for parameters has some"
)]

use axum::Json;
use axum::extract::{Path, Query, State};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::addressee::Addressee;
use super::error::{ApiError, ErrorBody};
use super::inspect::{AppQuery, bad_query, page_size};
use super::{Control, SharedControl};
use crate::engine::inspect::ConnInfo;
use crate::engine::publication::AppId;

/// Which connections are listed.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct ConnectionsQuery {
    /// An app's name or an endpoint's path. Default: that of the first endpoint.
    pub(super) app: Option<String>,
    /// Only ids after this one: the last of the page before.
    #[serde(default)]
    pub(super) after: String,
    /// How many, 1 to 1,000. Default: 100.
    #[param(minimum = 1, maximum = 1000)]
    pub(super) limit: Option<usize>,
}

/// An open connection.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct ConnectionBody {
    /// The public id, as its client knows it.
    id: String,
    /// The path of its endpoint.
    endpoint: String,
    /// The user, if it is known who it is.
    #[serde(skip_serializing_if = "Option::is_none")]
    user: Option<String>,
    /// When it was accepted, in Unix time (ms).
    accepted_at: u64,
    /// How many channels it is subscribed to.
    subscriptions: u64,
}

impl From<ConnInfo> for ConnectionBody {
    fn from(conn: ConnInfo) -> Self {
        Self {
            id: conn.id,
            endpoint: conn.endpoint,
            user: conn.user.map(|user| user.to_string()),
            accepted_at: conn.accepted_unix_ms,
            subscriptions: conn.subscriptions as u64,
        }
    }
}

/// A page of connections, by id.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct ConnectionsResponse {
    /// The page.
    pub(super) connections: Vec<ConnectionBody>,
    /// Whether there are more after these.
    pub(super) more: bool,
}

/// One connection.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct ConnectionResponse {
    #[serde(flatten)]
    connection: ConnectionBody,
    /// The channels that it is subscribed to.
    channels: Vec<String>,
}

/// A user's connections; one who has none is no error.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct UserResponse {
    /// The name.
    user: String,
    /// Every connection of this node that speaks for the user.
    connections: Vec<ConnectionBody>,
}

impl ConnectionsResponse {
    /// One page out of those of all shards.
    pub(super) fn merge(pages: Vec<Vec<ConnInfo>>, limit: usize) -> Self {
        let mut all: Vec<ConnInfo> = pages.into_iter().flatten().collect();
        all.sort_unstable_by(|a, b| a.id.cmp(&b.id));
        let more = all.len() > limit;
        all.truncate(limit);
        Self {
            connections: all.into_iter().map(ConnectionBody::from).collect(),
            more,
        }
    }
}

/// Open connections.
#[utoipa::path(get, path = "/v1/connections", params(ConnectionsQuery), responses(
    (status = 200, description = "A page of connections", body = ConnectionsResponse),
    (status = 400, description = "A wrong parameter", body = ErrorBody),
    (status = 401, description = "No token, or a wrong one", body = ErrorBody),
    (status = 503, description = "A shard does not answer", body = ErrorBody)
), security(("token" = [])))]
pub(super) async fn connections(
    State(control): State<SharedControl>,
    query: Result<Query<ConnectionsQuery>, axum::extract::rejection::QueryRejection>,
) -> Result<Json<ConnectionsResponse>, ApiError> {
    let Query(query) = query.map_err(|rejection| bad_query(&rejection.body_text()))?;
    let limit = page_size(query.limit)?;
    let app = control.app(query.app.as_deref())?.id;
    let after = query.after;
    let pages = control
        .shards
        .invoke_on_all(move |worker, _| worker.shard.page_of_conns(app, &after, limit + 1))
        .await
        .map_err(ApiError::silent)?;
    Ok(Json(ConnectionsResponse::merge(pages, limit)))
}

/// One connection, with its channels.
#[utoipa::path(get, path = "/v1/connections/{id}", params(
    ("id" = String, Path, description = "The public id: a ULID or a UUID")
), responses(
    (status = 200, description = "The connection", body = ConnectionResponse),
    (status = 400, description = "Not an id", body = ErrorBody),
    (status = 401, description = "No token, or a wrong one", body = ErrorBody),
    (status = 404, description = "No open connection has that id", body = ErrorBody),
    (status = 503, description = "A shard does not answer", body = ErrorBody)
), security(("token" = [])))]
pub(super) async fn connection(
    State(control): State<SharedControl>,
    id: Result<Path<String>, axum::extract::rejection::PathRejection>,
) -> Result<Json<ConnectionResponse>, ApiError> {
    let Path(id) = id.map_err(|rejection| bad_query(&rejection.body_text()))?;
    let id = Control::conn_id(&id).ok_or_else(Addressee::unknown)?;
    let found = match control.owner(id) {
        None => None,
        Some(shard) => control
            .shards
            .invoke_on(shard, move |worker, _| {
                let key = worker.shard.find(id)?;
                let channels = worker.shard.topics_of(key);
                Some((worker.shard.describe(key)?, channels))
            })
            .await
            .map_err(ApiError::silent)?,
    };
    let (connection, channels) = found.ok_or_else(Addressee::unknown)?;
    let mut channels: Vec<String> = channels.iter().map(ToString::to_string).collect();
    channels.sort_unstable();
    Ok(Json(ConnectionResponse {
        connection: connection.into(),
        channels,
    }))
}

/// One user's connections.
#[utoipa::path(get, path = "/v1/users/{id}", params(
    ("id" = String, Path, description = "The user's name, percent-encoded"),
    AppQuery
), responses(
    (status = 200, description = "The user", body = UserResponse),
    (status = 400, description = "A wrong parameter", body = ErrorBody),
    (status = 401, description = "No token, or a wrong one", body = ErrorBody),
    (status = 503, description = "A shard does not answer", body = ErrorBody)
), security(("token" = [])))]
pub(super) async fn user(
    State(control): State<SharedControl>,
    id: Result<Path<String>, axum::extract::rejection::PathRejection>,
    query: Result<Query<AppQuery>, axum::extract::rejection::QueryRejection>,
) -> Result<Json<UserResponse>, ApiError> {
    let Path(user) = id.map_err(|rejection| bad_query(&rejection.body_text()))?;
    let Query(query) = query.map_err(|rejection| bad_query(&rejection.body_text()))?;
    let app = control.app(query.app.as_deref())?.id;
    let mut connections = control.conns_of_user(app, user.clone()).await?;
    connections.sort_unstable_by(|a, b| a.id.cmp(&b.id));
    Ok(Json(UserResponse {
        user,
        connections: connections.into_iter().map(ConnectionBody::from).collect(),
    }))
}

impl Control {
    async fn conns_of_user(&self, app: AppId, user: String) -> Result<Vec<ConnInfo>, ApiError> {
        let conns = self.shards.invoke_on_all(move |worker, _| {
            let keys = worker.shard.conns_of_user(app, &user);
            let infos = keys.into_iter().map(|key| worker.shard.describe(key));
            infos.flatten().collect::<Vec<_>>()
        });
        let conns = conns.await.map_err(ApiError::silent)?;
        Ok(conns.into_iter().flatten().collect())
    }
}
