//! What a client can do wrong on the wire, and the close code each mistake earns.

use super::close::CloseCode;

/// A client broke the framing rules; always the peer's fault, and always the connection's end.
///
/// One variant per rule, so that a log line names the rule and not just "bad frame".
///
/// Source: RFC 6455, the section named at each variant.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum FrameError {
    /// The mask bit is clear (section 5.1).
    #[error("a client frame is not masked")]
    Unmasked,
    /// A reserved bit is set where nothing that was agreed on has it (section 5.2).
    #[error("a reserved bit is set and no extension was negotiated that allows it")]
    ReservedBits,
    /// An opcode in 3-7 or 11-15 (section 5.2).
    #[error("the opcode is reserved")]
    ReservedOpCode,
    /// A control frame without FIN (section 5.4).
    #[error("a control frame is fragmented")]
    FragmentedControl,
    /// A control frame announces more than 125 bytes of payload (section 5.5).
    #[error("a control frame is longer than 125 bytes")]
    ControlTooLong,
    /// A length that a shorter form could hold (section 5.2).
    #[error("the payload length is not in its shortest form")]
    LengthNotMinimal,
    /// A 64-bit length with its top bit set (section 5.2).
    #[error("the payload length has its top bit set")]
    LengthTooLarge,
    /// A continuation frame while no message is open (section 5.4).
    #[error("a continuation frame continues nothing")]
    UnexpectedContinuation,
    /// A new message while the last one is still open (section 5.4).
    #[error("a new message begins before the last one has ended")]
    ExpectedContinuation,
    /// The message would exceed this endpoint's limit (section 10.4).
    #[error("the message is larger than this endpoint takes")]
    MessageTooBig,
    /// The message has more frames than this endpoint takes (section 10.4).
    #[error("the message has more frames than this endpoint takes")]
    TooManyFrames,
    /// A text message or a close reason is not UTF-8 (section 8.1).
    #[error("the text is not valid UTF-8")]
    InvalidUtf8,
    /// A compressed message is no such thing, or not whole (RFC 7692, section 7.2.2).
    #[error("the message cannot be decompressed")]
    BadCompression,
    /// A close payload of one byte: too short for a code, too long for none (section 5.5.1).
    #[error("the close payload is one byte long")]
    BadClosePayload,
    /// A close code that no endpoint may send (section 7.4).
    #[error("the close code must not appear on the wire")]
    BadCloseCode,
}

impl FrameError {
    /// What to tell the peer: the one map from a broken rule to a close code.
    ///
    /// Source: RFC 6455, section 7.4.1.
    #[must_use]
    pub fn close_code(self) -> CloseCode {
        match self {
            Self::InvalidUtf8 | Self::BadCompression => CloseCode::INVALID_PAYLOAD,
            Self::MessageTooBig | Self::TooManyFrames => CloseCode::MESSAGE_TOO_BIG,
            Self::Unmasked
            | Self::ReservedBits
            | Self::ReservedOpCode
            | Self::FragmentedControl
            | Self::ControlTooLong
            | Self::LengthNotMinimal
            | Self::LengthTooLarge
            | Self::UnexpectedContinuation
            | Self::ExpectedContinuation
            | Self::BadClosePayload
            | Self::BadCloseCode => CloseCode::PROTOCOL_ERROR,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::{events, raw_frame};
    use super::*;
    use crate::codec::ws::MessageLimits;

    const LIMITS: MessageLimits = MessageLimits {
        bytes_max: 200,
        frames_max: 5,
        deflate: false,
    };

    /// For each rule one way to break it: the bytes, the error and the code. Message limit: 200
    /// bytes and 5 frames.
    fn offences() -> Vec<(Vec<u8>, FrameError, u16)> {
        let with_open_text = |frame: Vec<u8>| [raw_frame(0x01, b"open"), frame].concat();
        let header_of_len_8 = |len: u64| [&[0x82, 0xff], &len.to_be_bytes()[..]].concat();
        vec![
            (vec![0x81, 0x02], FrameError::Unmasked, 1002),
            (vec![0xc1], FrameError::ReservedBits, 1002),
            (vec![0xa2], FrameError::ReservedBits, 1002),
            (vec![0x99], FrameError::ReservedBits, 1002),
            (vec![0x83], FrameError::ReservedOpCode, 1002),
            (vec![0x8f], FrameError::ReservedOpCode, 1002),
            (vec![0x09], FrameError::FragmentedControl, 1002),
            (vec![0x88, 0xfe], FrameError::ControlTooLong, 1002),
            (vec![0x8a, 0xff], FrameError::ControlTooLong, 1002),
            (vec![0x82, 0xfe, 0, 125], FrameError::LengthNotMinimal, 1002),
            (header_of_len_8(0xffff), FrameError::LengthNotMinimal, 1002),
            (header_of_len_8(1 << 63), FrameError::LengthTooLarge, 1002),
            (vec![0x80], FrameError::UnexpectedContinuation, 1002),
            (
                with_open_text(vec![0x82]),
                FrameError::ExpectedContinuation,
                1002,
            ),
            (vec![0x82, 0xfe, 0, 201], FrameError::MessageTooBig, 1009),
            (
                with_open_text(vec![0x80, 0xfe, 0, 197]),
                FrameError::MessageTooBig,
                1009,
            ),
            (
                [
                    raw_frame(0x01, b""),
                    raw_frame(0x00, b"").repeat(4),
                    vec![0x80],
                ]
                .concat(),
                FrameError::TooManyFrames,
                1009,
            ),
            (raw_frame(0x81, b"\xff"), FrameError::InvalidUtf8, 1007),
            (raw_frame(0x81, b"\xe2\x82"), FrameError::InvalidUtf8, 1007),
            (
                raw_frame(0x88, b"\x03\xe8\xff"),
                FrameError::InvalidUtf8,
                1007,
            ),
            (raw_frame(0x88, b"\x03"), FrameError::BadClosePayload, 1002),
            (raw_frame(0x88, b"\x03\xed"), FrameError::BadCloseCode, 1002),
        ]
    }

    #[test]
    fn each_broken_rule_ends_the_connection_with_its_error_and_close_code() {
        for (bytes, error, code) in offences() {
            assert_eq!(
                events([&bytes[..]], LIMITS),
                (vec![], Some(error)),
                "{error}"
            );
            assert_eq!(error.close_code(), CloseCode(code), "{error}");
        }
    }

    #[test]
    fn each_broken_rule_is_seen_when_the_bytes_come_one_by_one() {
        for (bytes, error, _) in offences() {
            assert_eq!(events(bytes.chunks(1), LIMITS), (vec![], Some(error)));
        }
    }

    #[test]
    fn no_prefix_of_an_offence_fails_before_its_last_byte() {
        for (bytes, error, _) in offences() {
            // The lengths below are certain before their last bytes are: six zeros, one set bit.
            let certain_at = match bytes[..] {
                [0x82, 0xff, 0, ..] => 8,
                [0x82, 0xff, ..] => 3,
                _ => bytes.len(),
            };
            let first_failing = (0..=bytes.len())
                .find(|&len| events([&bytes[..len]], LIMITS).1.is_some())
                .expect("the whole is an offence");
            assert_eq!(first_failing, certain_at, "{error}");
        }
    }
}
