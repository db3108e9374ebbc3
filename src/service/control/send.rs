//! Sending to connections, wherever they are, rather than to a channel's subscribers.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::extract::rejection::JsonRejection;
use axum::http::StatusCode;
use serde::Deserialize;
use serde_json::value::RawValue;
use utoipa::ToSchema;

use super::error::{ApiError, ErrorBody};
use super::object::Object;
use super::publish::{Bounds, Published, present};
use super::{Control, SharedControl};
use crate::base::ids::Ulid;
use crate::engine::publication::{Audience, DataKind, MessageId, Origin, Publication};

/// Connections that one request may leave out.
const EXCLUDED_MAX: usize = 100;

/// Who is to be sent something.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub(super) enum Target {
    /// The connection that shows this public id, in any app.
    Connection(String),
    /// Every connection that speaks for this user.
    User(String),
    /// Every subscriber of this channel.
    Channel(String),
    /// Every connection whose dialect takes broadcasts; with `false`, none.
    All(bool),
}

/// An event for some connections.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"to": {"user": "u1"}, "event": "hello", "data": {"text": "hi"}}))]
pub(super) struct SendRequest {
    /// The topic space: an app's name or an endpoint's path. Default: that of the first endpoint.
    app: Option<String>,
    /// Who is to get it.
    to: Target,
    /// The public ids of connections that are left out; at most 100.
    #[serde(default)]
    #[schema(max_items = 100)]
    exclude: Vec<String>,
    /// What frames of dialects that name a channel (strav) shall say; not looked at when it is sent to
    /// one.
    channel: Option<String>,
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
    /// answered as the first one was, and nothing is sent again.
    #[schema(min_length = 1, max_length = 1024)]
    idempotency_key: Option<String>,
}

/// Sends one event to a connection, a user, a channel or everyone.
#[utoipa::path(post, path = "/v1/send", request_body = SendRequest, responses(
    (status = 200, description = "Queued to those who are there; nobody is no error", body = Published),
    (status = 400, description = "Not such a request, or an unknown app", body = ErrorBody),
    (status = 401, description = "No token, or a wrong one", body = ErrorBody),
    (status = 413, description = "Larger than the message limit", body = ErrorBody),
    (status = 415, description = "Not application/json", body = ErrorBody),
    (status = 409, description = "The idempotency key belongs to another request", body = ErrorBody),
    (status = 503, description = "Overloaded or shutting down; `partial` says whether some may have got \
        it", body = ErrorBody)
), security(("token" = [])))]
pub(super) async fn send(
    State(control): State<SharedControl>,
    request: Result<Json<Object<SendRequest>>, JsonRejection>,
) -> Result<Json<Published>, ApiError> {
    let Json(Object(request)) = request?;
    control.send(&request).await.map(Json)
}

impl Control {
    async fn send(self: &Arc<Self>, request: &SendRequest) -> Result<Published, ApiError> {
        let app = self.app(request.app.as_deref())?;
        let (audience, topic) = audience(request);
        let exclude = excluded(&request.exclude)?;
        let data = request.data.as_ref().map(|data| data.get().as_bytes());
        let names = [("event", request.event.as_str())];
        let id = request.id.as_deref();
        Bounds {
            names: names.into_iter().chain(id.map(|id| ("id", id))),
            others: topic.len(),
            data,
        }
        .check(app)?;
        let publication = Publication {
            app: app.id,
            topic,
            audience,
            event: &request.event,
            data,
            kind: DataKind::Json,
            id: self.message_id(id),
            origin: Origin::Api,
            exclude: &exclude,
        };
        self.publish_once(&publication, request.idempotency_key.as_deref())
            .await
    }

    /// The id that a message was given, or a new one.
    pub(super) fn message_id<'i>(&self, given: Option<&'i str>) -> MessageId<'i> {
        given.map_or_else(|| MessageId::Ulid(self.next_id()), MessageId::Given)
    }
}

fn audience(request: &SendRequest) -> (Audience<'_>, &str) {
    let topic = request.channel.as_deref().unwrap_or_default();
    match &request.to {
        Target::Connection(id) => {
            let id = Control::conn_id(id).unwrap_or(NOBODY);
            (Audience::Conn(id), topic)
        }
        Target::User(user) => (Audience::User(user), topic),
        Target::Channel(channel) => (Audience::Topic, channel),
        Target::All(true) => (Audience::Everyone, topic),
        Target::All(false) => (Audience::Conn(NOBODY), topic),
    }
}

/// An id of the year 1970, which no connection has.
const NOBODY: Ulid = Ulid(0);

fn excluded(ids: &[String]) -> Result<Vec<Ulid>, ApiError> {
    if ids.len() > EXCLUDED_MAX {
        return Err(ApiError::new(
            StatusCode::BAD_REQUEST,
            "bad_request",
            format!("exclude names at most {EXCLUDED_MAX} connections"),
        ));
    }
    Ok(ids.iter().filter_map(|id| Control::conn_id(id)).collect())
}
