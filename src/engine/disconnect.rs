//! Why a connection ends: one table of causes, from which each dialect makes its codes and reasons.

use std::borrow::Cow;

use crate::codec::ws::CloseCode;
use crate::codec::ws::FrameError;

/// Why a connection ended. Counted one by one in [`super::stats::Stats`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Cause {
    /// The peer sent a Close frame.
    PeerClosed,
    /// The peer was gone without a Close frame (end of stream, reset).
    PeerGone,
    /// The TLS handshake failed, or the peer broke its protocol.
    TlsFailed,
    /// The HTTP request was not one that this server upgrades.
    HandshakeRefused,
    /// The request head was not there in time.
    HandshakeTimeout,
    /// The page's origin is not on the endpoint's list.
    OriginRefused,
    /// The process had all the connections that it takes.
    ServerFull,
    /// The client's address had all the connections that one may have.
    AddressConnections,
    /// The client's address opened connections faster than one may.
    AddressRate,
    /// The peer broke RFC 6455's framing.
    ProtocolError,
    /// A text message or a close reason was not UTF-8.
    InvalidPayload,
    /// A compressed message could not be opened.
    BadCompression,
    /// A message was longer than the endpoint's limit.
    MessageTooBig,
    /// The peer did not read what was sent to it, past the backpressure limit.
    SlowConsumer,
    /// Nothing came from the peer for the idle limit.
    Idle,
    /// Its credentials were wrong, have expired, or were revoked.
    Unauthorized,
    /// It sent more than its endpoint takes before it is known who it is.
    UnauthenticatedBytes,
    /// An operator or the application wanted it ended.
    Kicked,
    /// The dialect ended it with a code of its own.
    Dialect,
    /// The server drains.
    Shutdown,
}

impl Cause {
    /// All causes, in the order of their counters.
    pub const ALL: [Self; 20] = [
        Self::PeerClosed,
        Self::PeerGone,
        Self::TlsFailed,
        Self::HandshakeRefused,
        Self::HandshakeTimeout,
        Self::OriginRefused,
        Self::ServerFull,
        Self::AddressConnections,
        Self::AddressRate,
        Self::ProtocolError,
        Self::InvalidPayload,
        Self::BadCompression,
        Self::MessageTooBig,
        Self::SlowConsumer,
        Self::Idle,
        Self::Unauthorized,
        Self::UnauthenticatedBytes,
        Self::Kicked,
        Self::Dialect,
        Self::Shutdown,
    ];

    /// The name used in metrics and logs.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::PeerClosed => "peer_closed",
            Self::PeerGone => "peer_gone",
            Self::TlsFailed => "tls_failed",
            Self::HandshakeRefused => "handshake_refused",
            Self::HandshakeTimeout => "handshake_timeout",
            Self::OriginRefused => "origin_refused",
            Self::ServerFull => "server_full",
            Self::AddressConnections => "address_connections",
            Self::AddressRate => "address_rate",
            Self::ProtocolError => "protocol_error",
            Self::InvalidPayload => "invalid_payload",
            Self::BadCompression => "bad_compression",
            Self::MessageTooBig => "message_too_big",
            Self::SlowConsumer => "slow_consumer",
            Self::Idle => "idle",
            Self::Unauthorized => "unauthorized",
            Self::UnauthenticatedBytes => "unauthenticated_bytes",
            Self::Kicked => "kicked",
            Self::Dialect => "dialect",
            Self::Shutdown => "shutdown",
        }
    }

    /// What the peer is told unless its dialect says otherwise; `None` when nobody is there to be
    /// told, or HTTP is still spoken.
    ///
    /// 1013 and 1001 invite a client to come back. 1008 is for credentials alone: shared-websocket
    /// clients take it for "refused, do not retry".
    #[must_use]
    pub fn disconnect(self) -> Option<Disconnect> {
        let (code, reason) = match self {
            Self::PeerClosed
            | Self::PeerGone
            | Self::TlsFailed
            | Self::HandshakeRefused
            | Self::HandshakeTimeout
            | Self::OriginRefused
            | Self::ServerFull
            | Self::AddressConnections
            | Self::AddressRate => return None,
            Self::ProtocolError => (CloseCode::PROTOCOL_ERROR, "protocol error"),
            Self::InvalidPayload => (CloseCode::INVALID_PAYLOAD, "invalid UTF-8"),
            Self::BadCompression => (CloseCode::INVALID_PAYLOAD, "bad compression"),
            Self::MessageTooBig => (CloseCode::MESSAGE_TOO_BIG, "message too big"),
            Self::SlowConsumer => (CloseCode::TRY_AGAIN_LATER, "slow consumer"),
            Self::Idle => (CloseCode::GOING_AWAY, "idle timeout"),
            Self::Unauthorized => (CloseCode::POLICY_VIOLATION, "unauthorized"),
            Self::UnauthenticatedBytes => {
                (CloseCode::MESSAGE_TOO_BIG, "too much before authentication")
            }
            Self::Kicked => (CloseCode::GOING_AWAY, "disconnected by the server"),
            Self::Dialect => (CloseCode::NORMAL, ""),
            Self::Shutdown => (CloseCode::GOING_AWAY, "server shutting down"),
        };
        Some(Disconnect {
            code,
            reason: Cow::Borrowed(reason),
        })
    }
}

impl From<FrameError> for Cause {
    fn from(error: FrameError) -> Self {
        match error.close_code() {
            _ if error == FrameError::BadCompression => Self::BadCompression,
            CloseCode::MESSAGE_TOO_BIG => Self::MessageTooBig,
            CloseCode::INVALID_PAYLOAD => Self::InvalidPayload,
            _ => Self::ProtocolError,
        }
    }
}

/// What a Close frame says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Disconnect {
    /// The status code.
    pub code: CloseCode,
    /// At most 123 bytes go out.
    pub reason: Cow<'static, str>,
}
