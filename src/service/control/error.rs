//! What a caller is told when something is wrong.

use axum::Json;
use axum::extract::rejection::JsonRejection;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use utoipa::ToSchema;

use super::shards::CallError;

/// An error with its status and a sentence that says what to do.
#[derive(Debug)]
pub(super) struct ApiError {
    pub(super) status: StatusCode,
    pub(super) body: ErrorBody,
}

/// The body of every error.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct ErrorBody {
    /// One word for programs.
    pub(super) error: &'static str,
    /// One sentence for people.
    pub(super) message: String,
    /// Whether some subscribers may have got the publication all the same.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) partial: Option<bool>,
}

impl ApiError {
    pub(super) fn new(status: StatusCode, error: &'static str, message: impl Into<String>) -> Self {
        Self {
            status,
            body: ErrorBody {
                error,
                message: message.into(),
                partial: None,
            },
        }
    }

    /// A shard has not answered a question that changes nothing.
    pub(super) fn silent(error: CallError) -> Self {
        Self::unavailable("overloaded", format!("{error}; try again later"), false)
    }

    /// The server cannot do it now.
    pub(super) fn unavailable(error: &'static str, message: String, partial: bool) -> Self {
        let mut unavailable = Self::new(StatusCode::SERVICE_UNAVAILABLE, error, message);
        unavailable.body.partial = Some(partial);
        unavailable
    }
}

impl IntoResponse for ApiError {
    fn into_response(self) -> Response {
        let mut response = (self.status, Json(self.body)).into_response();
        let headers = response.headers_mut();
        match self.status {
            StatusCode::UNAUTHORIZED => {
                let scheme = header::HeaderValue::from_static("Bearer");
                headers.insert(header::WWW_AUTHENTICATE, scheme);
            }
            StatusCode::SERVICE_UNAVAILABLE => {
                headers.insert(header::RETRY_AFTER, header::HeaderValue::from_static("1"));
            }
            _ => {}
        }
        response
    }
}

impl From<JsonRejection> for ApiError {
    fn from(rejection: JsonRejection) -> Self {
        let status = rejection.status();
        let (error, status) = match status {
            StatusCode::UNSUPPORTED_MEDIA_TYPE => ("content_type", status),
            StatusCode::PAYLOAD_TOO_LARGE => ("too_large", status),
            // A text that is JSON but not of the right shape is 422 to axum; to a caller it is as
            // bad a request as the other.
            _ => ("bad_request", StatusCode::BAD_REQUEST),
        };
        Self::new(status, error, rejection.body_text())
    }
}

pub(super) async fn not_found() -> ApiError {
    ApiError::new(
        StatusCode::NOT_FOUND,
        "not_found",
        "there is nothing here; /v1/openapi.json lists what there is",
    )
}

pub(super) async fn method_not_allowed() -> ApiError {
    ApiError::new(
        StatusCode::METHOD_NOT_ALLOWED,
        "method_not_allowed",
        "this path does not take that method; /v1/openapi.json lists which",
    )
}
