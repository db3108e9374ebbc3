//! Close frames: the codes, which of them may travel, and the payload's layout.

use std::fmt;

use super::error::FrameError;

/// Why a connection ends, as the peer is told.
///
/// Any number can be held, since dialects bring their own (4000-4999); what may travel says
/// [`CloseCode::is_valid_on_wire`].
///
/// Source: RFC 6455, section 7.4, and the IANA registry "WebSocket Close Code Number".
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct CloseCode(pub u16);

impl CloseCode {
    /// The purpose of the connection has been fulfilled.
    pub const NORMAL: Self = Self(1000);
    /// The server shuts down, or the client's page is left.
    pub const GOING_AWAY: Self = Self(1001);
    /// The peer broke a rule of the protocol.
    pub const PROTOCOL_ERROR: Self = Self(1002);
    /// The peer sent a kind of message that this endpoint does not take.
    pub const UNSUPPORTED_DATA: Self = Self(1003);
    /// A message's content does not fit its kind: text that is not UTF-8.
    pub const INVALID_PAYLOAD: Self = Self(1007);
    /// The peer did something that this endpoint's rules forbid.
    pub const POLICY_VIOLATION: Self = Self(1008);
    /// A message is larger than this endpoint takes.
    pub const MESSAGE_TOO_BIG: Self = Self(1009);
    /// The server met a condition it did not expect.
    pub const INTERNAL_ERROR: Self = Self(1011);
    /// The server restarts; come back after a random delay.
    pub const SERVICE_RESTART: Self = Self(1012);
    /// The server cannot keep up; come back later.
    pub const TRY_AGAIN_LATER: Self = Self(1013);

    /// Whether this code may stand in a close frame.
    ///
    /// 1004 is reserved; 1005, 1006 and 1015 are words for "no frame came" and never travel;
    /// 1016-2999 are not assigned; 3000-3999 are registered by libraries, 4000-4999 are private.
    #[must_use]
    pub fn is_valid_on_wire(self) -> bool {
        matches!(self.0, 1000..=1003 | 1007..=1014 | 3000..=4999)
    }
}

impl fmt::Display for CloseCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// What a peer said when it closed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CloseFrame<'a> {
    /// The code; always valid on the wire.
    pub code: CloseCode,
    /// The reason, at most 123 bytes; often empty.
    pub reason: &'a str,
}

/// Reads the unmasked payload of a close frame; `None` when the peer gave no code.
///
/// # Errors
///
/// - [`FrameError::BadClosePayload`]: one byte, which is neither a code nor none.
/// - [`FrameError::BadCloseCode`]: a code that must not travel.
/// - [`FrameError::InvalidUtf8`]: the reason is not UTF-8.
///
/// Source: RFC 6455, section 5.5.1.
///
/// # Examples
///
/// ```
/// use shardcast::codec::ws::{CloseCode, FrameError, parse_close};
///
/// let close = parse_close(b"\x03\xe9bye")?.expect("a code is given");
/// assert_eq!((close.code, close.reason), (CloseCode::GOING_AWAY, "bye"));
/// assert_eq!(parse_close(b"")?, None);
/// assert_eq!(parse_close(b"\x03"), Err(FrameError::BadClosePayload));
/// # Ok::<(), FrameError>(())
/// ```
pub fn parse_close(payload: &[u8]) -> Result<Option<CloseFrame<'_>>, FrameError> {
    if payload.is_empty() {
        return Ok(None);
    }
    let Some((code, reason)) = payload.split_first_chunk() else {
        return Err(FrameError::BadClosePayload);
    };
    let code = CloseCode(u16::from_be_bytes(*code));
    if !code.is_valid_on_wire() {
        return Err(FrameError::BadCloseCode);
    }
    let reason = std::str::from_utf8(reason).map_err(|_| FrameError::InvalidUtf8)?;
    Ok(Some(CloseFrame { code, reason }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_valid_on_the_wire_are_exactly_the_assigned_and_the_open_ranges() {
        let valid = |code: u16| CloseCode(code).is_valid_on_wire();
        for code in (1000..=1003).chain(1007..=1014).chain(3000..=4999) {
            assert!(valid(code), "{code}");
        }
        let invalid = (0..=999)
            .chain(1004..=1006)
            .chain(1015..=2999)
            .chain(5000..=u16::MAX);
        for code in invalid {
            assert!(!valid(code), "{code}");
        }
    }

    #[test]
    fn parse_close_reads_code_and_reason() {
        assert_eq!(parse_close(b""), Ok(None));
        for (payload, code, reason) in [
            (&b"\x03\xe8"[..], 1000, ""),
            (b"\x0f\xa0gr\xc3\xbc\xc3\x9fe", 4000, "grüße"),
        ] {
            let code = CloseCode(code);
            assert_eq!(parse_close(payload), Ok(Some(CloseFrame { code, reason })));
        }
    }

    #[test]
    fn parse_close_refuses_a_lone_byte_a_forbidden_code_and_a_bad_reason() {
        assert_eq!(parse_close(b"\x03"), Err(FrameError::BadClosePayload));
        assert_eq!(parse_close(b"\x03\xed"), Err(FrameError::BadCloseCode));
        assert_eq!(
            parse_close(b"\x03\xe8\xc3"),
            Err(FrameError::InvalidUtf8),
            "a reason that stops inside a character"
        );
    }
}
