//! Frames on their way out: whole, unmasked, compressed or not.

use super::close::CloseCode;
use super::frame::{
    CONTROL_PAYLOAD_BYTES_MAX, FIN_BIT, LENGTH_BITS, LENGTH_CODE_2_BYTES, LENGTH_CODE_8_BYTES,
    OpCode, is_control,
};

/// Bytes of the longest header a server sends: 2 and a length of 8.
const SERVER_HEADER_BYTES_MAX: usize = 10;

/// Bytes of a close reason: a control frame's payload, less the code.
const CLOSE_REASON_BYTES_MAX: usize = CONTROL_PAYLOAD_BYTES_MAX - 2;

/// Bytes that a frame with `payload_len` bytes of payload takes on its way to a client.
#[must_use]
pub const fn frame_len(payload_len: usize) -> usize {
    header_len(payload_len) + payload_len
}

/// Appends one whole frame.
///
/// A control frame's payload must have at most 125 bytes; what a ping brought always fits its pong.
///
/// # Examples
///
/// ```
/// use shardcast::codec::ws::{OpCode, frame_len, write_frame};
///
/// let mut out = Vec::new();
/// write_frame(&mut out, OpCode::Text, b"hi");
/// assert_eq!(out, b"\x81\x02hi");
/// assert_eq!(out.len(), frame_len(2));
/// ```
pub fn write_frame(out: &mut Vec<u8>, opcode: OpCode, payload: &[u8]) {
    let (header, header_len) = header(FIN_BIT | opcode as u8, payload.len());
    out.reserve(header_len + payload.len());
    out.extend_from_slice(&header[..header_len]);
    out.extend_from_slice(payload);
}

/// Appends one whole frame whose payload `body` writes, so that it is built where it is sent from.
///
/// `payload_len_hint` is what the caller expects: room is made for it, and for a header of its size.
/// A hint that is wrong costs nothing unless it picks another size of header (0-125, 126-65535,
/// more); then the payload is moved by 2 to 8 bytes.
///
/// # Panics
///
/// When `body` does not only append, but removes what stood in `out` before.
///
/// # Examples
///
/// ```
/// use shardcast::codec::ws::{OpCode, write_frame_with};
///
/// let mut out = Vec::new();
/// write_frame_with(&mut out, OpCode::Text, 16, |out| {
///     out.extend_from_slice(br#"{"n":"#);
///     out.extend_from_slice(b"1}");
/// });
/// assert_eq!(out, b"\x81\x07{\"n\":1}");
/// ```
pub fn write_frame_with(
    out: &mut Vec<u8>,
    opcode: OpCode,
    payload_len_hint: usize,
    body: impl FnOnce(&mut Vec<u8>),
) {
    write_frame_like(out, FIN_BIT | opcode as u8, payload_len_hint, body);
}

/// As [`write_frame_with`], for a frame that begins with `first`.
pub(super) fn write_frame_like(
    out: &mut Vec<u8>,
    first: u8,
    payload_len_hint: usize,
    body: impl FnOnce(&mut Vec<u8>),
) {
    let start = out.len();
    let gap = header_len(payload_len_hint);
    out.reserve(frame_len(payload_len_hint));
    out.extend_from_slice(&[0; SERVER_HEADER_BYTES_MAX][..gap]);
    body(out);

    let payload_len = out
        .len()
        .checked_sub(start + gap)
        .expect("the body of a frame only appends");
    let (header, header_len) = header(first, payload_len);
    if header_len != gap {
        out.resize(start + payload_len + header_len.max(gap), 0);
        out.copy_within(start + gap..start + gap + payload_len, start + header_len);
        out.truncate(start + header_len + payload_len);
    }
    out[start..start + header_len].copy_from_slice(&header[..header_len]);
}

/// Appends a close frame. A reason longer than 123 bytes is cut, between two characters.
///
/// `code` must be valid on the wire ([`CloseCode::is_valid_on_wire`]).
///
/// # Examples
///
/// ```
/// use shardcast::codec::ws::{CloseCode, write_close};
///
/// let mut out = Vec::new();
/// write_close(&mut out, CloseCode::GOING_AWAY, "bye");
/// assert_eq!(out, b"\x88\x05\x03\xe9bye");
/// ```
pub fn write_close(out: &mut Vec<u8>, code: CloseCode, reason: &str) {
    debug_assert!(code.is_valid_on_wire(), "{code} must not travel");
    let reason_len = (0..=reason.len().min(CLOSE_REASON_BYTES_MAX))
        .rev()
        .find(|&len| reason.is_char_boundary(len))
        .unwrap_or(0);
    write_frame_with(out, OpCode::Close, 2 + reason_len, |out| {
        out.extend_from_slice(&code.0.to_be_bytes());
        out.extend_from_slice(&reason.as_bytes()[..reason_len]);
    });
}

const fn header_len(payload_len: usize) -> usize {
    match payload_len {
        0..=125 => 2,
        126..=0xffff => 4,
        _ => SERVER_HEADER_BYTES_MAX,
    }
}

/// The frames of ours that lie in `bytes` side by side, each by itself; what is no frame, a response, is
/// one piece.
///
/// # Examples
///
/// ```
/// use shardcast::codec::ws::{OpCode, frames_of, write_frame};
///
/// let mut both = Vec::new();
/// write_frame(&mut both, OpCode::Text, b"hi");
/// write_frame(&mut both, OpCode::Ping, b"");
/// assert!(frames_of(&both).eq([&b"\x81\x02hi"[..], b"\x89\x00"]));
/// assert!(frames_of(b"HTTP/1.1 101").eq([b"HTTP/1.1 101"]));
/// ```
pub fn frames_of(mut bytes: &[u8]) -> impl Iterator<Item = &[u8]> {
    std::iter::from_fn(move || {
        let first = *bytes.first()?;
        let len = if first & FIN_BIT != 0 {
            let (header_len, payload_len) = layout(bytes);
            header_len + payload_len
        } else {
            bytes.len()
        };
        let (frame, rest) = bytes.split_at(len);
        bytes = rest;
        Some(frame)
    })
}

/// Bytes of the header of the frame at the front of `bytes`, and of its payload.
fn layout(bytes: &[u8]) -> (usize, usize) {
    let long = |header_len: usize| {
        let digits = bytes[2..header_len].iter();
        let len = digits.fold(0, |length, &byte| length << 8 | usize::from(byte));
        (header_len, len)
    };
    match bytes[1] & LENGTH_BITS {
        LENGTH_CODE_2_BYTES => long(4),
        LENGTH_CODE_8_BYTES => long(SERVER_HEADER_BYTES_MAX),
        code => (2, usize::from(code)),
    }
}

/// Bytes of payload of a whole frame that was written here; `None` for a control frame, and for what
/// is no frame: a response.
#[must_use]
pub fn data_payload_len(frame: &[u8]) -> Option<usize> {
    let first = *frame.first()?;
    let is_data = first & FIN_BIT != 0 && !is_control(first);
    is_data.then(|| payload_of(frame).len())
}

/// The payload of a whole frame that was written here.
pub(super) fn payload_of(frame: &[u8]) -> &[u8] {
    let (header_len, _) = layout(frame);
    &frame[header_len..]
}

/// The header in the first bytes of an array, and how many they are.
fn header(first: u8, payload_len: usize) -> ([u8; SERVER_HEADER_BYTES_MAX], usize) {
    debug_assert!(!is_control(first) || payload_len <= CONTROL_PAYLOAD_BYTES_MAX);
    let mut header = [0; SERVER_HEADER_BYTES_MAX];
    header[0] = first;
    let header_len = header_len(payload_len);
    match header_len {
        2 => header[1] = payload_len as u8,
        4 => {
            header[1] = LENGTH_CODE_2_BYTES;
            header[2..4].copy_from_slice(&(payload_len as u16).to_be_bytes());
        }
        _ => {
            header[1] = LENGTH_CODE_8_BYTES;
            header[2..].copy_from_slice(&(payload_len as u64).to_be_bytes());
        }
    }
    (header, header_len)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Payload lengths on both sides of every change of the header's size.
    const LENGTHS: [usize; 8] = [0, 1, 125, 126, 127, 65_535, 65_536, 70_000];

    fn expected_header(payload_len: usize) -> Vec<u8> {
        match payload_len {
            0..=125 => vec![0x82, payload_len as u8],
            126..=65_535 => [&[0x82, 126], &(payload_len as u16).to_be_bytes()[..]].concat(),
            _ => [&[0x82, 127], &(payload_len as u64).to_be_bytes()[..]].concat(),
        }
    }

    #[test]
    fn write_frame_uses_the_shortest_length_form() {
        for len in LENGTHS {
            let payload = vec![b'x'; len];
            let mut out = b"before".to_vec();
            write_frame(&mut out, OpCode::Binary, &payload);
            let expected = [b"before", &expected_header(len)[..], &payload[..]].concat();
            assert!(out == expected, "payload of {len}");
            assert_eq!(out.len(), b"before".len() + frame_len(len));
            let frame = &out[b"before".len()..];
            assert!(payload_of(frame) == payload);
            let twice = [frame, frame].concat();
            assert!(frames_of(&twice).eq([frame, frame]));
        }
    }

    #[test]
    fn write_frame_with_equals_write_frame_whatever_the_hint() {
        for len in LENGTHS {
            let payload: Vec<u8> = (0..len).map(|index| index as u8).collect();
            for hint in LENGTHS {
                let (mut whole, mut built) = (b"before".to_vec(), b"before".to_vec());
                write_frame(&mut whole, OpCode::Text, &payload);
                write_frame_with(&mut built, OpCode::Text, hint, |out| {
                    out.extend_from_slice(&payload);
                });
                assert!(built == whole, "payload of {len}, hint {hint}");
            }
        }
    }

    #[test]
    #[should_panic(expected = "only appends")]
    fn body_that_removes_earlier_frames_is_caught() {
        let mut out = b"before".to_vec();
        write_frame_with(&mut out, OpCode::Text, 0, Vec::clear);
    }

    #[test]
    fn close_reason_is_cut_between_two_characters() {
        let written = |reason: &str| {
            let mut out = Vec::new();
            write_close(&mut out, CloseCode::NORMAL, reason);
            assert_eq!(out[..4], [0x88, out.len() as u8 - 2, 0x03, 0xe8]);
            String::from_utf8(out.split_off(4)).expect("a whole number of characters")
        };
        assert_eq!(written(""), "");
        assert_eq!(written(&"x".repeat(123)), "x".repeat(123));
        assert_eq!(written(&"x".repeat(124)), "x".repeat(123));
        assert_eq!(written(&"é".repeat(70)), "é".repeat(61));
        assert_eq!(
            written(&format!("x{}", "😀".repeat(40))),
            format!("x{}", "😀".repeat(30))
        );
    }
}
