//! Doing to connections what they could not, or should not have to, do themselves.

use axum::Json;
use axum::extract::State;
use axum::extract::rejection::JsonRejection;
use axum::http::StatusCode;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::SharedControl;
use super::addressee::Addressee;
use super::error::{ApiError, ErrorBody};
use super::object::Object;
use super::publish::bad_name;
use crate::codec::ws::CloseCode;
use crate::engine::disconnect::Disconnect;

/// Which connections, and which channel.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"who": {"user": "u1"}, "channel": "orders.42"}))]
pub(super) struct MembershipRequest {
    /// The topic space in which a user is looked up: an app's name or an endpoint's path. Default: that
    /// of the first endpoint.
    app: Option<String>,
    /// Whom it is about.
    who: Addressee,
    /// The channel: 1 to 1,024 bytes.
    #[schema(min_length = 1, max_length = 1024)]
    channel: String,
}

/// Which connections, and what they are told.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"who": {"user": "u1"}, "code": 4000, "reason": "account closed"}))]
pub(super) struct DisconnectRequest {
    /// The topic space in which a user is looked up: an app's name or an endpoint's path. Default: that
    /// of the first endpoint.
    app: Option<String>,
    /// Whom it is about.
    who: Addressee,
    /// The close code, one that may travel (RFC 6455, section 7.4). Default: 1001, which invites a
    /// client to come back.
    #[schema(minimum = 1000, maximum = 4999)]
    code: Option<u16>,
    /// The reason; at most 123 bytes. Needs a code.
    #[schema(max_length = 123)]
    reason: Option<String>,
}

/// Whose identity ends, and why.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"who": {"user": "u1"}, "reason": "account_suspended"}))]
pub(super) struct RevokeRequest {
    /// The topic space in which a user is looked up: an app's name or an endpoint's path. Default: that
    /// of the first endpoint.
    app: Option<String>,
    /// Whom it is about.
    who: Addressee,
    /// What clients that learn a reason are told. Default: `revoked`.
    #[schema(min_length = 1, max_length = 1024)]
    reason: Option<String>,
}

/// How many connections it concerned.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Concerned {
    /// Connections of this node.
    connections: u64,
}

/// Subscribes connections to a channel. No rule is asked, and clients are not told.
#[utoipa::path(post, path = "/v1/subscribe", request_body = MembershipRequest, responses(
    (status = 200, description = "Those are members now; one that has as many channels as it may is not \
        counted", body = Concerned),
    (status = 400, description = "Not such a request, or an unknown app", body = ErrorBody),
    (status = 401, description = "No token, or a wrong one", body = ErrorBody),
    (status = 404, description = "No open connection has that id", body = ErrorBody),
    (status = 415, description = "Not application/json", body = ErrorBody),
    (status = 503, description = "A shard does not answer", body = ErrorBody)
), security(("token" = [])))]
pub(super) async fn subscribe(
    State(control): State<SharedControl>,
    request: Result<Json<Object<MembershipRequest>>, JsonRejection>,
) -> Result<Json<Concerned>, ApiError> {
    let Json(Object(MembershipRequest { app, who, channel })) = request?;
    bad_name("channel", &channel)?;
    let act = control.act_on(app.as_deref(), &who, move |worker, _, key| {
        worker.shard.join(key, &channel)
    });
    let connections = act.await?;
    Ok(Json(Concerned { connections }))
}

/// Takes connections out of a channel. Clients are not told.
#[utoipa::path(post, path = "/v1/unsubscribe", request_body = MembershipRequest, responses(
    (status = 200, description = "None of those is a member any more", body = Concerned),
    (status = 400, description = "Not such a request, or an unknown app", body = ErrorBody),
    (status = 401, description = "No token, or a wrong one", body = ErrorBody),
    (status = 404, description = "No open connection has that id", body = ErrorBody),
    (status = 415, description = "Not application/json", body = ErrorBody),
    (status = 503, description = "A shard does not answer", body = ErrorBody)
), security(("token" = [])))]
pub(super) async fn unsubscribe(
    State(control): State<SharedControl>,
    request: Result<Json<Object<MembershipRequest>>, JsonRejection>,
) -> Result<Json<Concerned>, ApiError> {
    let Json(Object(MembershipRequest { app, who, channel })) = request?;
    bad_name("channel", &channel)?;
    let act = control.act_on(app.as_deref(), &who, move |worker, _, key| {
        worker.shard.unsubscribe(key, &channel);
        true
    });
    let connections = act.await?;
    Ok(Json(Concerned { connections }))
}

/// Closes connections.
#[utoipa::path(post, path = "/v1/disconnect", request_body = DisconnectRequest, responses(
    (status = 200, description = "Those are being closed", body = Concerned),
    (status = 400, description = "Not such a request, or an unknown app", body = ErrorBody),
    (status = 401, description = "No token, or a wrong one", body = ErrorBody),
    (status = 404, description = "No open connection has that id", body = ErrorBody),
    (status = 415, description = "Not application/json", body = ErrorBody),
    (status = 503, description = "A shard does not answer", body = ErrorBody)
), security(("token" = [])))]
pub(super) async fn disconnect(
    State(control): State<SharedControl>,
    request: Result<Json<Object<DisconnectRequest>>, JsonRejection>,
) -> Result<Json<Concerned>, ApiError> {
    let Json(Object(request)) = request?;
    let disconnect = close_frame(request.code, request.reason)?;
    let act = control.act_on(
        request.app.as_deref(),
        &request.who,
        move |worker, now, key| worker.shard.kick(now, key, disconnect.clone()),
    );
    let connections = act.await?;
    Ok(Json(Concerned { connections }))
}

/// Ends the identity of connections, as if their tokens had expired: what only that opened is closed to
/// them at once, and the dialect tells the client, or closes the connection.
#[utoipa::path(post, path = "/v1/revoke", request_body = RevokeRequest, responses(
    (status = 200, description = "Those speak for nobody any more", body = Concerned),
    (status = 400, description = "Not such a request, or an unknown app", body = ErrorBody),
    (status = 401, description = "No token, or a wrong one", body = ErrorBody),
    (status = 404, description = "No open connection has that id", body = ErrorBody),
    (status = 415, description = "Not application/json", body = ErrorBody),
    (status = 503, description = "A shard does not answer", body = ErrorBody)
), security(("token" = [])))]
pub(super) async fn revoke(
    State(control): State<SharedControl>,
    request: Result<Json<Object<RevokeRequest>>, JsonRejection>,
) -> Result<Json<Concerned>, ApiError> {
    let Json(Object(RevokeRequest { app, who, reason })) = request?;
    let reason = reason.unwrap_or_else(|| "revoked".to_owned());
    bad_name("reason", &reason)?;
    let act = control.act_on(app.as_deref(), &who, move |worker, now, key| {
        worker.shard.revoke(now, key, &reason);
        true
    });
    let connections = act.await?;
    Ok(Json(Concerned { connections }))
}

/// What a Close frame holds without a word too many.
const REASON_BYTES_MAX: usize = 123;

fn close_frame(code: Option<u16>, reason: Option<String>) -> Result<Option<Disconnect>, ApiError> {
    let bad = |message: String| ApiError::new(StatusCode::BAD_REQUEST, "bad_request", message);
    let reason = reason.unwrap_or_default();
    if reason.len() > REASON_BYTES_MAX {
        return Err(bad(format!(
            "reason must have at most {REASON_BYTES_MAX} bytes"
        )));
    }
    match code.map(CloseCode) {
        None if reason.is_empty() => Ok(None),
        None => Err(bad("a reason needs a code".to_owned())),
        Some(code) if code.is_valid_on_wire() => Ok(Some(Disconnect {
            code,
            reason: reason.into(),
        })),
        Some(code) => Err(bad(format!(
            "{code} may not stand in a Close frame; 4000 to 4999 are yours"
        ))),
    }
}
