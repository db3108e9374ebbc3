//! Why a call has no answer.

use std::time::Duration;

use http::StatusCode;

use super::fault::Fault;
use crate::service::outbound::FetchError;

/// A call that has no answer. Whatever was asked is denied then, and who asked is told that it failed.
///
/// Safe to log: it holds nothing of the call or of the answer.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum WebhookError {
    /// The app server did not answer for a while, and is not asked for a while.
    #[error("not sent: the app server has not answered for a while")]
    Paused,
    /// As many calls as may be were under way all the time.
    #[error("not sent within {}: too many calls are under way", humantime::format_duration(*.0))]
    NoTurn(Duration),
    /// There was no whole answer in time.
    #[error("no answer within {}", humantime::format_duration(*.0))]
    TimedOut(Duration),
    /// The connection failed, or broke off.
    #[error("{0}")]
    Failed(String),
    /// The app server answered with a status that is no answer.
    #[error("the app server answered {0}")]
    Status(StatusCode),
    /// The answer has more bytes than any could need.
    #[error("the answer has more than {0} bytes")]
    TooLong(usize),
    /// The answer is not what was asked for.
    #[error("the answer cannot be used: {0}")]
    Answer(#[from] Fault),
}

impl WebhookError {
    /// Whether another try may end otherwise: nobody has answered this one.
    pub(super) fn is_passing(&self) -> bool {
        matches!(self, Self::TimedOut(_) | Self::Failed(_))
    }

    pub(super) fn is_time_out(&self) -> bool {
        matches!(self, Self::TimedOut(_) | Self::NoTurn(_))
    }
}

impl From<FetchError> for WebhookError {
    fn from(error: FetchError) -> Self {
        match error {
            FetchError::Failed(_) | FetchError::BrokenOff(_) => Self::Failed(error.to_string()),
            FetchError::TimedOut(within) => Self::TimedOut(within),
            FetchError::TooLong(bytes_max) => Self::TooLong(bytes_max),
        }
    }
}
