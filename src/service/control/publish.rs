//! Publishing from app servers.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use axum::Json;
use axum::extract::rejection::JsonRejection;
use axum::extract::{DefaultBodyLimit, Request, State};
use axum::http::StatusCode;
use axum::middleware::Next;
use axum::response::Response;
use futures_util::future::join_all;
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::value::RawValue;
use utoipa::ToSchema;

use super::error::{ApiError, ErrorBody};
use super::object::Object;
use super::shards::CallError;
use super::{App, Control, SharedControl};
use crate::base::limits::NAME_BYTES_MAX;
use crate::engine::interest::ShardMask;
use crate::engine::publication::{AppId, Audience, DataKind, MessageId, Origin, Publication};

/// Publications in one batch.
const BATCH_MAX: usize = 1_000;

/// Bytes of a batch's body beyond those of one message at the limit.
const BATCH_BYTES_MAX: usize = 4 * 1024 * 1024;

/// Bounds the body that is read: one message at the largest limit, or a batch.
pub(super) async fn bound_body(
    State(control): State<SharedControl>,
    mut request: Request,
    next: Next,
) -> Response {
    let limits = control
        .apps
        .iter()
        .map(|app| app.message_bytes_max.load(Ordering::Relaxed));
    let bytes_max = limits.max().unwrap_or(0) + BATCH_BYTES_MAX;
    DefaultBodyLimit::max(bytes_max).apply(&mut request);
    next.run(request).await
}

/// One publication.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"channel": "demo", "event": "hello", "data": {"text": "hi"}}))]
pub(super) struct PublishRequest {
    /// The topic space: an app's name or an endpoint's path. Default: that of the first endpoint.
    app: Option<String>,
    /// Where to: 1 to 1,024 bytes, as for the other names.
    #[schema(min_length = 1, max_length = 1024)]
    channel: String,
    /// What happened.
    #[schema(min_length = 1, max_length = 1024)]
    event: String,
    /// With what: any JSON, passed on as it is written. Absent is not the same as null.
    #[serde(default, deserialize_with = "present")]
    #[schema(value_type = serde_json::Value, required = false)]
    data: Option<Box<RawValue>>,
    /// What the message is to be known by. Default: a new ULID.
    #[schema(min_length = 1, max_length = 1024)]
    id: Option<String>,
    /// A key of the caller's choice: a request with one that was seen in the last five minutes is
    /// answered as the first one was, and nothing is published again.
    #[schema(min_length = 1, max_length = 1024)]
    idempotency_key: Option<String>,
}

/// `null` is data as well.
pub(super) fn present<'de, D: Deserializer<'de>>(
    data: D,
) -> Result<Option<Box<RawValue>>, D::Error> {
    Box::<RawValue>::deserialize(data).map(Some)
}

/// A publication that was accepted.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub(super) struct Published {
    /// What the message is known by.
    id: String,
    /// How many subscribers of this node it is queued to.
    subscribers: u64,
}

/// Several publications.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct BatchRequest {
    /// In the order in which they take effect; at most 1,000.
    #[schema(value_type = Vec<PublishRequest>, max_items = 1000)]
    publications: Vec<Object<PublishRequest>>,
}

/// What became of each publication of a batch, in its order.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct BatchResponse {
    results: Vec<BatchResult>,
}

/// One of them.
#[derive(Debug, Serialize, ToSchema)]
#[serde(untagged)]
pub(super) enum BatchResult {
    /// It was accepted.
    Published(Published),
    /// It was not; the others are not affected.
    Refused(ErrorBody),
}

/// Publishes one event.
#[utoipa::path(post, path = "/v1/publish", request_body = PublishRequest, responses(
    (status = 200, description = "Queued to every subscriber", body = Published),
    (status = 400, description = "Not a publication, or an unknown app", body = ErrorBody),
    (status = 401, description = "No token, or a wrong one", body = ErrorBody),
    (status = 413, description = "Larger than the message limit", body = ErrorBody),
    (status = 415, description = "Not application/json", body = ErrorBody),
    (status = 409, description = "The idempotency key belongs to another request", body = ErrorBody),
    (status = 503, description = "Overloaded or shutting down; `partial` says whether some \
        subscribers may have got it", body = ErrorBody)
), security(("token" = [])))]
pub(super) async fn publish(
    State(control): State<SharedControl>,
    request: Result<Json<Object<PublishRequest>>, JsonRejection>,
) -> Result<Json<Published>, ApiError> {
    let Json(Object(request)) = request?;
    control.publish(request).await.map(Json)
}

/// Publishes several events, each for itself.
#[utoipa::path(post, path = "/v1/publish/batch", request_body = BatchRequest, responses(
    (status = 200, description = "What became of each", body = BatchResponse),
    (status = 400, description = "Not a batch", body = ErrorBody),
    (status = 401, description = "No token, or a wrong one", body = ErrorBody),
    (status = 413, description = "Too large", body = ErrorBody),
    (status = 415, description = "Not application/json", body = ErrorBody)
), security(("token" = [])))]
pub(super) async fn publish_batch(
    State(control): State<SharedControl>,
    request: Result<Json<Object<BatchRequest>>, JsonRejection>,
) -> Result<Json<BatchResponse>, ApiError> {
    let Json(Object(BatchRequest { publications })) = request?;
    if publications.len() > BATCH_MAX {
        return Err(ApiError::new(
            StatusCode::PAYLOAD_TOO_LARGE,
            "too_large",
            format!("a batch holds at most {BATCH_MAX} publications"),
        ));
    }
    let mut results = Vec::with_capacity(publications.len());
    // One after the other: their order is the caller's.
    for Object(request) in publications {
        results.push(match control.publish(request).await {
            Ok(published) => BatchResult::Published(published),
            Err(error) => BatchResult::Refused(error.body),
        });
    }
    Ok(Json(BatchResponse { results }))
}

impl Control {
    async fn publish(self: &Arc<Self>, request: PublishRequest) -> Result<Published, ApiError> {
        let app = self.app(request.app.as_deref())?;
        let data = request.data.as_ref().map(|data| data.get().as_bytes());
        let names = [
            ("channel", request.channel.as_str()),
            ("event", request.event.as_str()),
        ];
        let id = request.id.as_deref();
        Bounds {
            names: names.into_iter().chain(id.map(|id| ("id", id))),
            others: 0,
            data,
        }
        .check(app)?;
        let publication = Publication {
            app: app.id,
            topic: &request.channel,
            audience: Audience::Topic,
            event: &request.event,
            data,
            kind: DataKind::Json,
            id: self.message_id(id),
            origin: Origin::Api,
            exclude: &[],
        };
        self.publish_once(&publication, request.idempotency_key.as_deref())
            .await
    }

    pub(super) fn next_id(&self) -> crate::base::ids::Ulid {
        let mut ids = self.ids.lock().expect("nothing panics while it is held");
        let (generator, random) = &mut *ids;
        generator.next(self.clock.now().unix_ms, random)
    }

    /// Hands a publication to every shard that has somebody who is to get it.
    pub(super) async fn spread(
        &self,
        publication: &Publication<'_>,
    ) -> Result<Published, ApiError> {
        if self.health.is_draining() {
            let message = "the server is shutting down; publish to another".to_owned();
            return Err(ApiError::unavailable("draining", message, false));
        }
        let shared = publication.share();
        let calls = self.interested(publication).into_iter().map(|shard| {
            let shared = Arc::clone(&shared);
            self.shards.invoke_on(shard, move |worker, _now| {
                worker
                    .shard
                    .handle_command_publication(&shared.publication())
            })
        });
        let answers: Vec<Result<u64, CallError>> = join_all(calls).await;
        let queued = answers.iter().flatten().sum();
        let failed = answers
            .iter()
            .find_map(|answer| answer.as_ref().err().copied());
        match failed {
            None => Ok(Published {
                id: match publication.id {
                    MessageId::Ulid(id) => id.to_string(),
                    MessageId::Given(id) => id.to_owned(),
                },
                subscribers: queued,
            }),
            Some(error) => Err(ApiError::unavailable(
                "overloaded",
                format!("{error}; try again later"),
                // Of several shards each may have failed in its own way.
                queued > 0 || answers.contains(&Err(CallError::Late)),
            )),
        }
    }

    /// The shards that have connections of a user.
    pub(super) fn shards_of_user(&self, app: AppId, user: &str) -> ShardMask {
        self.interest.audience_of_user(app, user, self.shards.len())
    }

    fn interested(&self, publication: &Publication<'_>) -> ShardMask {
        self.interest
            .audience(publication, self.shards.len(), &self.id_key)
    }
}

/// What is bounded in a publication: as for clients.
pub(super) struct Bounds<'a, N> {
    /// Each with what it is called.
    pub(super) names: N,
    /// Bytes of what has been looked at already.
    pub(super) others: usize,
    pub(super) data: Option<&'a [u8]>,
}

impl<'a, N: Iterator<Item = (&'static str, &'a str)>> Bounds<'a, N> {
    pub(super) fn check(self, app: &App) -> Result<(), ApiError> {
        let mut bytes = self.others + self.data.map_or(0, <[u8]>::len);
        for (what, name) in self.names {
            bad_name(what, name)?;
            bytes += name.len();
        }
        let bytes_max = app.message_bytes_max.load(Ordering::Relaxed);
        if bytes > bytes_max {
            return Err(ApiError::new(
                StatusCode::PAYLOAD_TOO_LARGE,
                "too_large",
                format!(
                    "{bytes} bytes of channel, event, id and data are above the message limit of \
                     {bytes_max}"
                ),
            ));
        }
        Ok(())
    }
}

/// Refuses a name that no client could use.
pub(super) fn bad_name(what: &str, name: &str) -> Result<(), ApiError> {
    if name.is_empty() || name.len() > NAME_BYTES_MAX {
        return Err(ApiError::new(
            StatusCode::BAD_REQUEST,
            "bad_request",
            format!("{what} must have 1 to {NAME_BYTES_MAX} bytes"),
        ));
    }
    Ok(())
}
