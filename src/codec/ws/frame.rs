//! One frame on the wire: its header, read from what a client sent.
//!
//! ```text
//!   byte 0                byte 1             0, 2 or 8 bytes     4 bytes   payload
//!  +---+-------+--------+ +------+---------+ +-----------------+ +-------+ +---------+
//!  |FIN|RSV 1-3| opcode | | mask | length  | | longer length,  | |  key  | | masked  |
//!  | 1 |   3   |   4    | |  1   |   7     | | big-endian      | |       | |         |
//!  +---+-------+--------+ +------+---------+ +-----------------+ +-------+ +---------+
//! ```
//!
//! A length of 0-125 stands in byte 1; 126 there means two more bytes, 127 eight. A server's frames
//! have no mask.

use super::deflate::compressed_len_max;
pub use super::error::FrameError;
pub use super::write::{frame_len, write_close, write_frame, write_frame_with};

/// What a frame is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum OpCode {
    /// A further fragment of the message that is open.
    Continuation = 0x0,
    /// A text message, or its first fragment.
    Text = 0x1,
    /// A binary message, or its first fragment.
    Binary = 0x2,
    /// The sender's last frame.
    Close = 0x8,
    /// A question whether the peer is there.
    Ping = 0x9,
    /// The answer to a ping, or a heartbeat nobody asked for.
    Pong = 0xa,
}

impl OpCode {
    /// Whether frames of this kind steer the connection: short, whole, allowed between fragments.
    #[must_use]
    pub const fn is_control(self) -> bool {
        is_control(self as u8)
    }
}

/// The same of a frame that begins with `first`.
#[inline]
pub(super) const fn is_control(first: u8) -> bool {
    first & 0x8 != 0
}

/// Bytes of the longest header a client can send: 2, a length of 8, a key of 4.
pub const CLIENT_HEADER_BYTES_MAX: usize = 14;

/// Payload bytes of the longest control frame (RFC 6455, section 5.5).
pub const CONTROL_PAYLOAD_BYTES_MAX: usize = 125;

pub(super) const FIN_BIT: u8 = 0x80;
pub(super) const LENGTH_CODE_2_BYTES: u8 = 126;
pub(super) const LENGTH_CODE_8_BYTES: u8 = 127;

/// RSV1, on the first frame of a message: its payload is compressed (RFC 7692, section 6).
pub(super) const COMPRESSED_BIT: u8 = 0x40;
pub(super) const LENGTH_BITS: u8 = 0x7f;

const RESERVED_BITS: u8 = 0x70;
const OPCODE_BITS: u8 = 0x0f;
const MASK_BIT: u8 = 0x80;

/// The header of one client frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FrameHeader {
    /// Whether the message ends with this frame.
    pub fin: bool,
    /// What the frame is for.
    pub opcode: OpCode,
    /// Whether it begins a compressed message.
    pub compressed: bool,
    /// The key its payload is masked with.
    pub mask: [u8; 4],
    /// Bytes of the header itself, the key included: 6, 8 or 14.
    pub header_len: usize,
    /// Bytes of the payload that follows.
    pub payload_len: u64,
}

impl FrameHeader {
    /// Bytes of the frame, header and payload; `None`: more than a machine could hold.
    ///
    /// The payload's length is whatever a peer wrote, and overflow is not checked in release builds:
    /// all arithmetic on it is here, or says what it relies upon.
    #[inline]
    pub(super) fn frame_len(&self) -> Option<usize> {
        let payload_len = usize::try_from(self.payload_len).ok()?;
        self.header_len.checked_add(payload_len)
    }
}

/// What a frame may be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct HeaderLimits {
    /// Payload bytes of a data frame, inclusive; of one that begins a compressed message
    /// [`compressed_len_max`] of it.
    pub payload_len_max: u64,
    /// Whether messages may be compressed: it has been agreed on.
    pub deflate: bool,
}

impl HeaderLimits {
    #[inline]
    fn payload_len_max(self, compressed: bool) -> u64 {
        if compressed {
            let plain_len_max = usize::try_from(self.payload_len_max).unwrap_or(usize::MAX);
            compressed_len_max(plain_len_max) as u64
        } else {
            self.payload_len_max
        }
    }
}

/// Reads one client frame header from the front of `input`.
///
/// `input` is whatever has arrived: it may stop inside the header or go on past the frame. The
/// payload is not waited for. Nothing is consumed; the caller advances by `header_len`.
///
/// Returns `Ok(None)` when the header is not complete. An error is reported as soon as the bytes
/// make it certain, so that a peer who announces what it may not send is cut off at once; whichever
/// way the bytes are split, the same error is found.
///
/// `limits` are those of data frames; control frames have the RFC's own bound of
/// [`CONTROL_PAYLOAD_BYTES_MAX`].
///
/// Cost: reads at most [`CLIENT_HEADER_BYTES_MAX`] bytes; no copy, no allocation.
///
/// # Errors
///
/// - By the first byte: [`FrameError::ReservedBits`], [`FrameError::ReservedOpCode`],
///   [`FrameError::FragmentedControl`].
/// - By the second: [`FrameError::Unmasked`], [`FrameError::ControlTooLong`].
/// - By the length, before the key: [`FrameError::LengthTooLarge`],
///   [`FrameError::LengthNotMinimal`], [`FrameError::MessageTooBig`].
///
/// Source: RFC 6455, sections 5.1 (masking), 5.2 (layout) and 5.5 (control frames); RFC 7692,
/// section 6 (RSV1).
///
/// # Examples
///
/// ```
/// use shardcast::codec::ws::{FrameError, HeaderLimits, read_header};
///
/// let up_to = |payload_len_max| HeaderLimits { payload_len_max, deflate: false };
/// let hi = [0x81, 0x82, 1, 2, 3, 4, b'h' ^ 1, b'i' ^ 2];
/// let header = read_header(&hi, up_to(2))?.expect("all six header bytes are here");
/// assert_eq!((header.header_len, header.payload_len), (6, 2));
/// assert_eq!(read_header(&hi[..5], up_to(2))?, None);
/// assert_eq!(read_header(&hi[..2], up_to(1)), Err(FrameError::MessageTooBig));
/// # Ok::<(), FrameError>(())
/// ```
#[inline]
pub fn read_header(input: &[u8], limits: HeaderLimits) -> Result<Option<FrameHeader>, FrameError> {
    let Some(&first) = input.first() else {
        return Ok(None);
    };
    let FirstByte {
        fin,
        opcode,
        compressed,
    } = read_first_byte(first, limits.deflate)?;
    let Some(&second) = input.get(1) else {
        return Ok(None);
    };
    if second & MASK_BIT == 0 {
        return Err(FrameError::Unmasked);
    }
    let length_code = second & LENGTH_BITS;
    let payload_len_max = limits.payload_len_max(compressed);
    if opcode.is_control() && usize::from(length_code) > CONTROL_PAYLOAD_BYTES_MAX {
        return Err(FrameError::ControlTooLong);
    }

    let (length_bytes, payload_len) = match length_code {
        LENGTH_CODE_2_BYTES => (2, read_length::<2>(&input[2..], 126, payload_len_max)?),
        LENGTH_CODE_8_BYTES => (8, read_length::<8>(&input[2..], 1 << 16, payload_len_max)?),
        _ if u64::from(length_code) > payload_len_max && !opcode.is_control() => {
            return Err(FrameError::MessageTooBig);
        }
        _ => (0, Some(u64::from(length_code))),
    };
    let mask = input[2..].get(length_bytes..length_bytes + 4);
    let (Some(payload_len), Some(&[a, b, c, d])) = (payload_len, mask) else {
        return Ok(None);
    };
    Ok(Some(FrameHeader {
        fin,
        opcode,
        compressed,
        mask: [a, b, c, d],
        header_len: 2 + length_bytes + 4,
        payload_len,
    }))
}

/// Whether a frame that begins with `first` is, or would be, a whole message or a control frame.
#[inline]
pub(super) const fn is_unfragmented(first: u8) -> bool {
    first & FIN_BIT != 0 && first & OPCODE_BITS != OpCode::Continuation as u8
}

/// What a frame's first byte says.
#[derive(Debug, Clone, Copy)]
pub(super) struct FirstByte {
    pub(super) fin: bool,
    pub(super) opcode: OpCode,
    pub(super) compressed: bool,
}

/// Reads it, once everything that can be wrong with it has been ruled out. `deflate`: whether messages
/// may be compressed.
#[inline]
pub(super) fn read_first_byte(first: u8, deflate: bool) -> Result<FirstByte, FrameError> {
    if first & RESERVED_BITS != 0 {
        // The bit says something about a message as a whole, so its first frame alone may have it.
        let begins_message = !is_control(first) && first & OPCODE_BITS != 0;
        let is_agreed = deflate && begins_message && first & RESERVED_BITS == COMPRESSED_BIT;
        if !is_agreed {
            return Err(FrameError::ReservedBits);
        }
    }
    let opcode = match first & OPCODE_BITS {
        0x0 => OpCode::Continuation,
        0x1 => OpCode::Text,
        0x2 => OpCode::Binary,
        0x8 => OpCode::Close,
        0x9 => OpCode::Ping,
        0xa => OpCode::Pong,
        _ => return Err(FrameError::ReservedOpCode),
    };
    let fin = first & FIN_BIT != 0;
    if opcode.is_control() && !fin {
        return Err(FrameError::FragmentedControl);
    }
    Ok(FirstByte {
        fin,
        opcode,
        compressed: first & COMPRESSED_BIT != 0,
    })
}

/// Reads a length of `BYTES` bytes; `None` while some of them are missing.
///
/// The missing ones leave a range of lengths that are still possible, and the range is what is
/// judged: an error is certain as soon as no length in it would do.
#[inline]
fn read_length<const BYTES: usize>(
    input: &[u8],
    shortest: u64,
    longest: u64,
) -> Result<Option<u64>, FrameError> {
    let (lowest, highest) = if let Some(bytes) = input.first_chunk::<BYTES>() {
        let length = bytes
            .iter()
            .fold(0, |length, &byte| length << 8 | u64::from(byte));
        (length, length)
    } else {
        (0..BYTES).fold((0, 0), |(lowest, highest), index| {
            let byte = input.get(index);
            (
                lowest << 8 | u64::from(*byte.unwrap_or(&0x00)),
                highest << 8 | u64::from(*byte.unwrap_or(&0xff)),
            )
        })
    };
    if lowest >> 63 != 0 {
        Err(FrameError::LengthTooLarge)
    } else if highest < shortest {
        Err(FrameError::LengthNotMinimal)
    } else if lowest > longest {
        Err(FrameError::MessageTooBig)
    } else {
        Ok((input.len() >= BYTES).then_some(lowest))
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::client_header;
    use super::*;

    const LENGTHS: [u64; 9] = [
        0,
        1,
        125,
        126,
        127,
        65_535,
        65_536,
        1 << 32,
        i64::MAX as u64,
    ];

    fn up_to(payload_len_max: u64) -> HeaderLimits {
        HeaderLimits {
            payload_len_max,
            deflate: false,
        }
    }

    #[test]
    fn frame_len_ends_where_memory_does() {
        for (payload_len, frame_len) in [
            (0, Some(14)),
            (1 << 40, Some((1 << 40) + 14)),
            (u64::MAX - 14, Some(usize::MAX)),
            (u64::MAX - 13, None),
            (u64::MAX, None),
        ] {
            let header = FrameHeader {
                fin: true,
                opcode: OpCode::Text,
                compressed: false,
                mask: [0; 4],
                header_len: 14,
                payload_len,
            };
            assert_eq!(header.frame_len(), frame_len, "{payload_len}");
        }
    }

    #[test]
    fn read_header_reads_every_length_form() {
        for payload_len in LENGTHS {
            for (first, fin, opcode) in [
                (0x81, true, OpCode::Text),
                (0x02, false, OpCode::Binary),
                (0x80, true, OpCode::Continuation),
            ] {
                let bytes = client_header(first, payload_len, [1, 2, 3, 4]);
                let expected = FrameHeader {
                    fin,
                    opcode,
                    compressed: false,
                    mask: [1, 2, 3, 4],
                    header_len: bytes.len(),
                    payload_len,
                };
                assert_eq!(read_header(&bytes, up_to(payload_len)), Ok(Some(expected)));
                let and_more = [&bytes[..], b"payload"].concat();
                assert_eq!(
                    read_header(&and_more, up_to(payload_len)),
                    Ok(Some(expected))
                );
            }
        }
    }

    #[test]
    fn read_header_waits_at_every_split() {
        for payload_len in LENGTHS {
            let bytes = client_header(0x82, payload_len, [9; 4]);
            for len in 0..bytes.len() {
                assert_eq!(
                    read_header(&bytes[..len], up_to(u64::MAX)),
                    Ok(None),
                    "{len}"
                );
            }
        }
    }

    #[test]
    fn length_over_the_limit_fails_before_the_key_arrives() {
        for payload_len in LENGTHS.into_iter().filter(|&len| len > 0) {
            let bytes = client_header(0x82, payload_len, [9; 4]);
            let without_key = &bytes[..bytes.len() - 4];
            assert_eq!(
                read_header(without_key, up_to(payload_len - 1)),
                Err(FrameError::MessageTooBig)
            );
            assert_eq!(read_header(without_key, up_to(payload_len)), Ok(None));
        }
    }

    #[test]
    fn control_frame_is_not_held_to_the_message_limit() {
        let bytes = client_header(0x89, 125, [0; 4]);
        let header = read_header(&bytes, up_to(10))
            .expect("valid")
            .expect("complete");
        assert_eq!((header.opcode, header.payload_len), (OpCode::Ping, 125));
    }

    #[test]
    fn every_first_byte_is_either_one_of_the_known_or_an_error() {
        let known = |deflate| {
            let is_known = |first: &u8| read_first_byte(*first, deflate).is_ok();
            (0..=u8::MAX).filter(is_known).collect::<Vec<_>>()
        };
        let plain = [0x00, 0x01, 0x02, 0x80, 0x81, 0x82, 0x88, 0x89, 0x8a];
        assert_eq!(known(false), plain);
        let mut compressed_as_well = [&plain[..], &[0x41, 0x42, 0xc1, 0xc2]].concat();
        compressed_as_well.sort_unstable();
        assert_eq!(known(true), compressed_as_well);
    }

    #[test]
    fn compressed_message_may_be_announced_somewhat_larger() {
        let limits = HeaderLimits {
            payload_len_max: 1_000,
            deflate: true,
        };
        for (first, longest) in [(0x81, 1_000), (0xc1, 1_189), (0x42, 1_189)] {
            let announced = |len| read_header(&client_header(first, len, [0; 4]), limits);
            let header = announced(longest).expect("not too long").expect("complete");
            assert_eq!(header.compressed, longest > 1_000);
            assert_eq!(announced(longest + 1), Err(FrameError::MessageTooBig));
        }
    }

    #[test]
    fn same_error_is_found_wherever_the_bytes_stop() {
        // Every first byte, the length codes around the borders, and lengths with a bit at each place.
        for first in 0..=u8::MAX {
            for code in [0x00, 0x7e, 0x80, 0xfd, 0xfe, 0xff] {
                for bit in 0..64 {
                    let bytes = [&[first, code], &(1_u64 << bit).to_be_bytes()[..], &[0; 4]];
                    let bytes = bytes.concat();
                    for deflate in [false, true] {
                        let limits = HeaderLimits {
                            payload_len_max: 300,
                            deflate,
                        };
                        let whole = read_header(&bytes, limits);
                        for len in 0..bytes.len() {
                            let part = read_header(&bytes[..len], limits);
                            assert!(part == Ok(None) || part == whole, "{bytes:02x?} {len}");
                        }
                    }
                }
            }
        }
    }
}
