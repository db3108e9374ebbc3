//! Looking at what the server does: numbers and channels.
#![allow(
    unused_qualifications,
    reason = "the code that utoipa makes for parameters has some"
)]

use std::collections::BTreeMap;

use axum::Json;
use axum::extract::{Path, Query, State};
use axum::http::StatusCode;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::connections::{ConnectionBody, ConnectionsQuery, ConnectionsResponse};
use super::error::{ApiError, ErrorBody};
use super::{Control, SharedControl};
use crate::base::time::Now;
use crate::engine::deflate::DeflateStats;
use crate::engine::disconnect::Cause;
use crate::engine::stats::Stats;
use crate::service::histogram::Histogram;
use crate::service::worker::Worker;

/// One shard's numbers at one moment.
#[derive(Debug, Clone)]
pub(super) struct Snapshot {
    pub(super) stats: Stats,
    pub(super) deflate: DeflateStats,
    pub(super) conns: usize,
    pub(super) topics: usize,
    pub(super) subscriptions: usize,
    pub(super) mailbox: usize,
    pub(super) flush_sends: Histogram,
    pub(super) flush_micros: Histogram,
}

impl Snapshot {
    fn take(worker: &mut Worker, _now: Now) -> Self {
        Self {
            stats: worker.shard.stats().clone(),
            deflate: worker.shard.deflate_stats(),
            conns: worker.shard.conns(),
            topics: worker.shard.topics().topics(),
            subscriptions: worker.shard.topics().subscriptions(),
            mailbox: worker.inbox.len(),
            flush_sends: worker.flush_sends.clone(),
            flush_micros: worker.flush_micros.clone(),
        }
    }
}

impl Control {
    pub(super) async fn snapshots(&self) -> Result<Vec<Snapshot>, ApiError> {
        self.shards
            .invoke_on_all(Snapshot::take)
            .await
            .map_err(ApiError::silent)
    }
}

/// The numbers of one shard, or of all.
#[derive(Debug, Default, Serialize, ToSchema)]
pub(super) struct Numbers {
    /// Open connections, handshaking and closing ones included.
    connections: u64,
    /// Topics with subscribers; in the sum, one that has some on two shards counts twice.
    topics: u64,
    /// Memberships.
    subscriptions: u64,
    /// Sockets accepted since the start.
    accepted: u64,
    /// Data messages received.
    messages_received: u64,
    /// Of those, malformed or unknown ones that the dialect passed over.
    messages_ignored: u64,
    /// Publications accepted from clients.
    publications: u64,
    /// Publications handed to a subscriber.
    deliveries: u64,
    /// Publications dropped for slow subscribers.
    dropped: u64,
    /// Times a publication waited for room in another shard's mailbox.
    stalls: u64,
    /// Letters waiting in the mailbox.
    mailbox: u64,
    /// Bytes received.
    bytes_received: u64,
    /// Bytes sent.
    bytes_sent: u64,
    /// Connections that ended, by cause.
    closed: BTreeMap<&'static str, u64>,
}

impl Numbers {
    fn add(&mut self, snapshot: &Snapshot) {
        let stats = &snapshot.stats;
        self.connections += snapshot.conns as u64;
        self.topics += snapshot.topics as u64;
        self.subscriptions += snapshot.subscriptions as u64;
        self.mailbox += snapshot.mailbox as u64;
        self.accepted += stats.accepted;
        self.messages_received += stats.messages_received;
        self.messages_ignored += stats.messages_ignored;
        self.publications += stats.publications;
        self.deliveries += stats.deliveries;
        self.dropped += stats.dropped();
        self.stalls += stats.stalls;
        self.bytes_received += stats.bytes_received;
        self.bytes_sent += stats.bytes_sent;
        for cause in Cause::ALL {
            *self.closed.entry(cause.name()).or_default() += stats.closed_for(cause);
        }
    }
}

/// What the server does and has done.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct StatsResponse {
    /// The program's version.
    version: &'static str,
    /// Whether a drain has begun.
    draining: bool,
    /// Connections that the process takes.
    connections_max: u64,
    /// All shards together.
    total: Numbers,
    /// Each shard.
    shards: Vec<Numbers>,
}

/// Numbers of all shards.
#[utoipa::path(get, path = "/v1/stats", responses(
    (status = 200, description = "The numbers", body = StatsResponse),
    (status = 401, description = "No token, or a wrong one", body = ErrorBody),
    (status = 503, description = "A shard does not answer", body = ErrorBody)
), security(("token" = [])))]
pub(super) async fn stats(
    State(control): State<SharedControl>,
) -> Result<Json<StatsResponse>, ApiError> {
    let mut total = Numbers::default();
    let mut shards = Vec::new();
    for snapshot in control.snapshots().await? {
        total.add(&snapshot);
        let mut own = Numbers::default();
        own.add(&snapshot);
        shards.push(own);
    }
    Ok(Json(StatsResponse {
        version: env!("CARGO_PKG_VERSION"),
        draining: control.health.is_draining(),
        connections_max: control.connections_max as u64,
        total,
        shards,
    }))
}

/// Which topic space is meant.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct AppQuery {
    /// An app's name or an endpoint's path. Default: that of the first endpoint.
    pub(super) app: Option<String>,
}

/// Which channels are listed.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct ChannelsQuery {
    /// An app's name or an endpoint's path. Default: that of the first endpoint.
    app: Option<String>,
    /// Only names that begin so.
    #[serde(default)]
    prefix: String,
    /// Only names after this one: the last of the page before.
    #[serde(default)]
    after: String,
    /// How many, 1 to 1,000. Default: 100.
    #[param(minimum = 1, maximum = 1000)]
    limit: Option<usize>,
}

/// A channel with subscribers.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct ChannelBody {
    /// Its name.
    name: String,
    /// Its subscribers on this node.
    subscribers: u64,
}

/// A page of channels, by name.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct ChannelsResponse {
    /// The page.
    channels: Vec<ChannelBody>,
    /// Whether there are more after these.
    more: bool,
}

const PAGE_DEFAULT: usize = 100;
const PAGE_MAX: usize = 1_000;

/// Channels that have subscribers.
#[utoipa::path(get, path = "/v1/channels", params(ChannelsQuery), responses(
    (status = 200, description = "A page of channels", body = ChannelsResponse),
    (status = 400, description = "A wrong parameter", body = ErrorBody),
    (status = 401, description = "No token, or a wrong one", body = ErrorBody),
    (status = 503, description = "A shard does not answer", body = ErrorBody)
), security(("token" = [])))]
pub(super) async fn channels(
    State(control): State<SharedControl>,
    query: Result<Query<ChannelsQuery>, axum::extract::rejection::QueryRejection>,
) -> Result<Json<ChannelsResponse>, ApiError> {
    let Query(query) = query.map_err(|rejection| bad_query(&rejection.body_text()))?;
    let limit = page_size(query.limit)?;
    let app = control.app(query.app.as_deref())?.id;
    let (prefix, after) = (query.prefix, query.after);
    // Each shard gives its own first page: the first page of all is among them.
    let pages = control
        .shards
        .invoke_on_all(move |worker, _| worker.shard.topics().page(app, &prefix, &after, limit + 1))
        .await
        .map_err(ApiError::silent)?;
    let mut all: BTreeMap<String, u64> = BTreeMap::new();
    for (name, subscribers) in pages.into_iter().flatten() {
        *all.entry(name).or_default() += subscribers as u64;
    }
    let more = all.len() > limit;
    let channels = all.into_iter().take(limit);
    Ok(Json(ChannelsResponse {
        channels: channels
            .map(|(name, subscribers)| ChannelBody { name, subscribers })
            .collect(),
        more,
    }))
}

/// How many entries a page has.
pub(super) fn page_size(limit: Option<usize>) -> Result<usize, ApiError> {
    let limit = limit.unwrap_or(PAGE_DEFAULT);
    if !(1..=PAGE_MAX).contains(&limit) {
        return Err(bad_query("limit must be 1 to 1000"));
    }
    Ok(limit)
}

pub(super) fn bad_query(message: &str) -> ApiError {
    ApiError::new(StatusCode::BAD_REQUEST, "bad_request", message)
}

/// A channel, and who is subscribed to it.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct ChannelResponse {
    #[serde(flatten)]
    channel: ChannelBody,
    /// A page of its subscribers, by id.
    members: Vec<ConnectionBody>,
    /// Whether there are more after these.
    more: bool,
}

/// One channel; one that nobody is subscribed to has no subscribers, and is no error.
#[utoipa::path(get, path = "/v1/channels/{name}", params(
    ("name" = String, Path, description = "The channel's name, percent-encoded"),
    ConnectionsQuery
), responses(
    (status = 200, description = "The channel", body = ChannelResponse),
    (status = 400, description = "A wrong parameter", body = ErrorBody),
    (status = 401, description = "No token, or a wrong one", body = ErrorBody),
    (status = 503, description = "A shard does not answer", body = ErrorBody)
), security(("token" = [])))]
pub(super) async fn channel(
    State(control): State<SharedControl>,
    name: Result<Path<String>, axum::extract::rejection::PathRejection>,
    query: Result<Query<ConnectionsQuery>, axum::extract::rejection::QueryRejection>,
) -> Result<Json<ChannelResponse>, ApiError> {
    let Path(name) = name.map_err(|rejection| bad_query(&rejection.body_text()))?;
    let Query(query) = query.map_err(|rejection| bad_query(&rejection.body_text()))?;
    let limit = page_size(query.limit)?;
    let app = control.app(query.app.as_deref())?.id;
    let (wanted, after) = (name.clone(), query.after);
    let answers = control
        .shards
        .invoke_on_all(move |worker, _| {
            let groups = worker.shard.topics().subscribers(app, &wanted);
            let count = groups.map(|(_, slots)| slots.len() as u64).sum::<u64>();
            let members = worker
                .shard
                .page_of_members(app, &wanted, &after, limit + 1);
            (count, members)
        })
        .await
        .map_err(ApiError::silent)?;
    let (counts, pages): (Vec<u64>, Vec<_>) = answers.into_iter().unzip();
    let ConnectionsResponse { connections, more } = ConnectionsResponse::merge(pages, limit);
    Ok(Json(ChannelResponse {
        channel: ChannelBody {
            name,
            subscribers: counts.into_iter().sum(),
        },
        members: connections,
        more,
    }))
}
