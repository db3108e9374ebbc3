//! WebSocket frames as a client writes and reads them (RFC 6455, section 5).
//!
//! Written apart from the server's own codec, so that a fault there does not hide itself.

use std::ops::Range;

/// The largest payload a server's frame may announce: far above anything a run sends.
const PAYLOAD_BYTES_MAX: u64 = 64 << 20;

/// What a frame is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Opcode {
    /// More of the message before.
    Continuation,
    /// The begin of a text message.
    Text,
    /// The begin of a binary message.
    Binary,
    /// The end of the connection.
    Close,
    /// To be answered by a pong.
    Ping,
    /// The answer to a ping.
    Pong,
}

impl Opcode {
    fn from_bits(bits: u8) -> Option<Self> {
        Some(match bits {
            0 => Self::Continuation,
            1 => Self::Text,
            2 => Self::Binary,
            8 => Self::Close,
            9 => Self::Ping,
            10 => Self::Pong,
            _ => return None,
        })
    }

    fn bits(self) -> u8 {
        match self {
            Self::Continuation => 0,
            Self::Text => 1,
            Self::Binary => 2,
            Self::Close => 8,
            Self::Ping => 9,
            Self::Pong => 10,
        }
    }

    fn is_control(self) -> bool {
        self.bits() >= 8
    }
}

/// The header of a server's frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Header {
    /// Whether the message ends with this frame.
    pub(crate) is_last: bool,
    /// Whether the message that begins here is compressed, for which something must have been agreed on.
    pub(crate) is_compressed: bool,
    /// What the frame is for.
    pub(crate) opcode: Opcode,
    /// Bytes before the payload.
    pub(crate) header_bytes: usize,
    /// Bytes of payload.
    pub(crate) payload_bytes: usize,
}

impl Header {
    /// Bytes of the whole frame.
    pub(crate) fn frame_bytes(&self) -> usize {
        self.header_bytes + self.payload_bytes
    }
}

/// What a server must not send.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum FrameFault {
    /// An opcode without a meaning.
    UnknownOpcode,
    /// A reserved bit that no extension explains.
    ReservedBit,
    /// A mask, which only clients use.
    Masked,
    /// A length not written in its shortest form.
    LongLength,
    /// A payload beyond reason.
    TooBig,
    /// A control frame that is fragmented or longer than 125 bytes.
    BadControl,
}

impl FrameFault {
    /// The fault in words.
    pub(crate) fn text(self) -> &'static str {
        match self {
            Self::UnknownOpcode => "a frame with an unknown opcode",
            Self::ReservedBit => "a frame with a reserved bit, without an extension",
            Self::Masked => "a masked frame",
            Self::LongLength => "a frame whose length is not in its shortest form",
            Self::TooBig => "a frame of more than 64 MiB",
            Self::BadControl => "a control frame that is fragmented or too long",
        }
    }
}

/// Reads the header of a server's frame; `None` if `input` ends before it does.
///
/// # Errors
///
/// [`FrameFault`], what is wrong with it.
pub(crate) fn read_header(input: &[u8]) -> Result<Option<Header>, FrameFault> {
    let &[first, second, ..] = input else {
        return Ok(None);
    };
    if first & 0x30 != 0 {
        return Err(FrameFault::ReservedBit);
    }
    if second & 0x80 != 0 {
        return Err(FrameFault::Masked);
    }
    let opcode = Opcode::from_bits(first & 15).ok_or(FrameFault::UnknownOpcode)?;
    let is_last = first & 0x80 != 0;
    // RFC 7692, section 6: it stands on the first frame of a message, and nowhere else.
    let is_compressed = first & 0x40 != 0;
    if is_compressed && !matches!(opcode, Opcode::Text | Opcode::Binary) {
        return Err(FrameFault::ReservedBit);
    }
    if opcode.is_control() && (!is_last || second > 125) {
        return Err(FrameFault::BadControl);
    }
    let (header_bytes, payload_bytes, shortest) = match second {
        126 => {
            let Some(length) = input.get(2..4) else {
                return Ok(None);
            };
            let length = u16::from_be_bytes([length[0], length[1]]);
            (4, u64::from(length), 126)
        }
        127 => {
            let Some(length) = input.get(2..10) else {
                return Ok(None);
            };
            let length = length
                .iter()
                .fold(0, |sum, byte| sum << 8 | u64::from(*byte));
            (10, length, 65_536)
        }
        length => (2, u64::from(length), 0),
    };
    if payload_bytes < shortest {
        return Err(FrameFault::LongLength);
    }
    if payload_bytes > PAYLOAD_BYTES_MAX {
        return Err(FrameFault::TooBig);
    }
    Ok(Some(Header {
        is_last,
        is_compressed,
        opcode,
        header_bytes,
        payload_bytes: payload_bytes as usize,
    }))
}

/// Appends a whole masked frame.
pub(crate) fn write_masked(opcode: Opcode, payload: &[u8], mask: u32, out: &mut Vec<u8>) {
    write_header(opcode, payload.len(), 0x80, out);
    let mask = mask.to_ne_bytes();
    out.extend_from_slice(&mask);
    let from = out.len();
    out.extend_from_slice(payload);
    apply_mask(mask, &mut out[from..]);
}

/// Appends a whole frame as a server writes it.
pub(crate) fn write_unmasked(opcode: Opcode, payload: &[u8], out: &mut Vec<u8>) {
    write_header(opcode, payload.len(), 0, out);
    out.extend_from_slice(payload);
}

/// Unmasks the client's frame at the front of `input`; returns what it is for, if that has a meaning, and where its payload
/// lies, or `None` if it is not all there. The frame ends where its payload does.
pub(crate) fn read_masked(input: &mut [u8]) -> Option<(Option<Opcode>, Range<usize>)> {
    let opcode = Opcode::from_bits(input.first()? & 15);
    let (length_end, payload_bytes) = match *input.get(1)? & 0x7f {
        126 => (
            4,
            usize::from(u16::from_be_bytes(*input.get(2..)?.first_chunk()?)),
        ),
        127 => (
            10,
            u64::from_be_bytes(*input.get(2..)?.first_chunk()?) as usize,
        ),
        length => (2, usize::from(length)),
    };
    let mask = *input.get(length_end..)?.first_chunk::<4>()?;
    let payload = length_end + 4..length_end + 4 + payload_bytes;
    apply_mask(mask, input.get_mut(payload.clone())?);
    Some((opcode, payload))
}

/// Puts a mask on, or takes it off.
pub(crate) fn apply_mask(mask: [u8; 4], payload: &mut [u8]) {
    // Chunks of a fixed size let the compiler use wide registers.
    let (chunks, rest) = payload.as_chunks_mut::<4>();
    for chunk in chunks {
        *chunk = (u32::from_ne_bytes(*chunk) ^ u32::from_ne_bytes(mask)).to_ne_bytes();
    }
    for (byte, mask) in rest.iter_mut().zip(mask) {
        *byte ^= mask;
    }
}

fn write_header(opcode: Opcode, payload_bytes: usize, mask_bit: u8, out: &mut Vec<u8>) {
    out.push(0x80 | opcode.bits());
    match payload_bytes {
        0..=125 => out.push(mask_bit | payload_bytes as u8),
        126..=65_535 => {
            out.push(mask_bit | 126);
            out.extend_from_slice(&(payload_bytes as u16).to_be_bytes());
        }
        _ => {
            out.push(mask_bit | 127);
            out.extend_from_slice(&(payload_bytes as u64).to_be_bytes());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn server_frame(payload_bytes: usize) -> Vec<u8> {
        let mut frame = Vec::new();
        write_unmasked(Opcode::Text, &vec![b'x'; payload_bytes], &mut frame);
        frame
    }

    #[test]
    fn headers_of_every_length_class_are_read_at_their_last_byte() {
        for (payload_bytes, header_bytes) in [(0, 2), (125, 2), (126, 4), (65_535, 4), (65_536, 10)]
        {
            let frame = server_frame(payload_bytes);
            for end in 0..header_bytes {
                assert_eq!(read_header(&frame[..end]), Ok(None), "{end} bytes");
            }
            let header = read_header(&frame[..header_bytes])
                .expect("a good header")
                .expect("a whole one");
            assert_eq!(header.frame_bytes(), frame.len());
            assert_eq!((header.opcode, header.is_last), (Opcode::Text, true));
        }
    }

    #[test]
    fn what_a_server_must_not_send_is_named() {
        for (input, fault) in [
            (&[0x83, 0][..], FrameFault::UnknownOpcode),
            (&[0xa1, 0], FrameFault::ReservedBit),
            (&[0xc0, 0], FrameFault::ReservedBit),
            (&[0xc9, 0], FrameFault::ReservedBit),
            (&[0x81, 0x80], FrameFault::Masked),
            (&[0x81, 126, 0, 125], FrameFault::LongLength),
            (
                &[0x81, 127, 0, 0, 0, 0, 0, 0, 255, 255],
                FrameFault::LongLength,
            ),
            (&[0x81, 127, 0, 0, 0, 1, 0, 0, 0, 0], FrameFault::TooBig),
            (&[0x09, 0], FrameFault::BadControl),
            (&[0x89, 126], FrameFault::BadControl),
        ] {
            assert_eq!(read_header(input), Err(fault), "{input:?}");
        }
    }

    #[test]
    fn a_compressed_message_is_told_by_its_first_frame() {
        for (first, is_compressed) in [(0xc1, true), (0x42, true), (0x81, false), (0x02, false)] {
            let header = read_header(&[first, 0]).expect("a good header");
            let header = header.expect("a whole one");
            assert_eq!(header.is_compressed, is_compressed, "{first:x}");
        }
    }

    #[test]
    fn a_masked_frame_unmasks_to_its_payload() {
        for payload in [&b""[..], b"a", b"abcd", b"abcdefg", &[7; 300]] {
            let mut frame = Vec::new();
            write_masked(Opcode::Text, payload, 0x0102_a3f4, &mut frame);
            assert_eq!(frame[1] & 0x80, 0x80, "the mask bit");
            if !payload.is_empty() {
                assert!(!frame.ends_with(payload), "it is masked");
            }
            for end in 0..frame.len() {
                assert_eq!(read_masked(&mut frame[..end]), None, "{end} bytes");
            }
            let (opcode, at) = read_masked(&mut frame).expect("a whole frame");
            assert_eq!(opcode, Some(Opcode::Text));
            assert_eq!(at.end, frame.len());
            assert_eq!(&frame[at], payload);
        }
    }
}
