//! The message assembler, against one that is written for whole frames in memory.

use shardcast::codec::ws::{CloseCode, Decoder, FrameError, MessageKind, MessageLimits};

use crate::frames::{Owned, decode, decode_with};
use crate::pieces::{Choices, cut};
use crate::rig::client_frame;

const LIMITS: MessageLimits = MessageLimits {
    bytes_max: 300,
    frames_max: 4,
    deflate: false,
};

/// First bytes of frames: mostly those of fragments and of control frames between them.
const FIRST_BYTES: [u8; 16] = [
    0x81, 0x82, 0x01, 0x02, 0x00, 0x80, 0x89, 0x8a, 0x88, 0x01, 0x00, 0x80, 0x09, 0x83, 0xc1, 0x00,
];

/// A frame before it is masked.
struct Frame<'a> {
    first: u8,
    payload: &'a [u8],
}

/// Makes frames of `data` (for each: its first byte by number, its length, its masking key, its
/// payload) and decodes them at several splits.
///
/// - What comes out is what RFC 6455 says about these frames, told by a second assembler.
/// - A decoder that has nothing open keeps no memory.
pub fn messages(data: &[u8]) {
    let mut choices = Choices::new(data);
    let (mut frames, mut bytes) = (Vec::new(), Vec::new());
    while !choices.are_over() {
        let first = FIRST_BYTES[choices.below(FIRST_BYTES.len())];
        let len = usize::from(choices.byte());
        // Above 200 by eights: up to 440, past the limit and past what one byte can tell.
        let len = if len < 200 { len } else { (len - 200) * 8 };
        let key = choices.byte();
        let payload = choices.bytes(len);
        bytes.extend(client_frame(
            first,
            [key, !key, key ^ 0x5a, key >> 1],
            payload,
        ));
        frames.push(Frame { first, payload });
    }
    let expected = expected(&frames);
    let found = |longest| decode(&cut(&bytes, longest), LIMITS);
    assert_eq!(decode(&[&bytes], LIMITS), expected.outcome, "whole");
    assert_eq!(found(1), expected.outcome, "byte by byte");
    assert_eq!(found(64), expected.outcome, "in pieces");

    let mut decoder = Decoder::default();
    decode_with(&mut decoder, &cut(&bytes, 64), LIMITS);
    let is_idle = expected.outcome.1.is_none() && !expected.has_open_message;
    assert!(!is_idle || decoder.buffered_bytes() == 0, "idle");
}

struct Expected {
    outcome: (Vec<Owned>, Option<FrameError>),
    has_open_message: bool,
}

/// A message of which more is to come.
struct Open {
    kind: MessageKind,
    payload: Vec<u8>,
    frames: u32,
}

/// What a server makes of these frames, by RFC 6455, section 5, and by [`LIMITS`].
fn expected(frames: &[Frame<'_>]) -> Expected {
    let mut events = Vec::new();
    let mut open = None;
    let mut error = None;
    for frame in frames {
        match take(frame, &mut open) {
            Ok(event) => events.extend(event),
            Err(found) => {
                error = Some(found);
                break;
            }
        }
    }
    Expected {
        outcome: (events, error),
        has_open_message: open.is_some(),
    }
}

fn take(frame: &Frame<'_>, open: &mut Option<Open>) -> Result<Option<Owned>, FrameError> {
    let (fin, opcode) = (frame.first & 0x80 != 0, frame.first & 0x0f);
    if frame.first & 0x70 != 0 {
        return Err(FrameError::ReservedBits);
    }
    let kind = match (opcode, &*open) {
        (8..=10, _) => return take_control(fin, opcode, frame.payload).map(Some),
        (0, None) => return Err(FrameError::UnexpectedContinuation),
        (0, Some(open)) if open.frames == LIMITS.frames_max => {
            return Err(FrameError::TooManyFrames);
        }
        (0, Some(open)) => open.kind,
        (1 | 2, Some(_)) => return Err(FrameError::ExpectedContinuation),
        (1, None) => MessageKind::Text,
        (2, None) => MessageKind::Binary,
        _ => return Err(FrameError::ReservedOpCode),
    };
    let mut message = open.take().unwrap_or(Open {
        kind,
        payload: Vec::new(),
        frames: 0,
    });
    message.payload.extend_from_slice(frame.payload);
    message.frames += 1;
    if message.payload.len() > LIMITS.bytes_max {
        return Err(FrameError::MessageTooBig);
    }
    if kind == MessageKind::Text
        && let Err(error) = std::str::from_utf8(&message.payload)
        // What only stops inside a character may go on, unless it is the end.
        && (fin || error.error_len().is_some())
    {
        return Err(FrameError::InvalidUtf8);
    }
    if !fin {
        *open = Some(message);
        return Ok(None);
    }
    Ok(Some(Owned::Message(kind, message.payload)))
}

fn take_control(fin: bool, opcode: u8, payload: &[u8]) -> Result<Owned, FrameError> {
    if !fin {
        return Err(FrameError::FragmentedControl);
    }
    if payload.len() > 125 {
        return Err(FrameError::ControlTooLong);
    }
    match (opcode, payload) {
        (9, _) => Ok(Owned::Ping(payload.to_vec())),
        (10, _) => Ok(Owned::Pong(payload.to_vec())),
        (_, []) => Ok(Owned::Close(None)),
        (_, [_]) => Err(FrameError::BadClosePayload),
        (_, [high, low, reason @ ..]) => {
            let code = u16::from_be_bytes([*high, *low]);
            if !CloseCode(code).is_valid_on_wire() {
                return Err(FrameError::BadCloseCode);
            }
            let reason = String::from_utf8(reason.to_vec()).map_err(|_| FrameError::InvalidUtf8)?;
            Ok(Owned::Close(Some((code, reason))))
        }
    }
}
