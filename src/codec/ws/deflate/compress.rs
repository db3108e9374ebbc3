//! Making a compressed frame of a plain one.

use zlib_rs::{Deflate, DeflateConfig, DeflateFlush, Status};

use super::super::frame::COMPRESSED_BIT;
use super::super::write::{payload_of, write_frame_like};
use super::{TAIL, WindowBits};

/// How hard it is tried, 1 to 9.
///
/// A JSON event of 675 bytes becomes 379 bytes in 3.0 us at 1, 300 bytes in 8.5 us at 3, 301 bytes in
/// 8.9 us at 6; 5.5 KiB of them 1,394 bytes in 8 us, 990 in 19 us, 909 in 25 us. The bytes are saved for
/// each of those who get it, the time is taken once.
const LEVEL: i32 = 3;

/// How much of a message is looked at before a block is written, as zlib counts it: 2^(6 + this)
/// symbols. 5 is 2,048 symbols, at 16 bytes each: longer messages get a block more.
const MEM_LEVEL: i32 = 5;

/// Compresses the messages to one client, or to all clients that agreed on the same window and on no
/// context of ours.
pub struct Compressor {
    stream: Deflate,
    keeps_context: bool,
}

impl std::fmt::Debug for Compressor {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Compressor")
            .field("keeps_context", &self.keeps_context)
            .finish_non_exhaustive()
    }
}

impl Compressor {
    /// `keeps_context`: whether messages may refer to those before, as was agreed on.
    #[must_use]
    pub fn new(window: WindowBits, keeps_context: bool) -> Self {
        let config = DeflateConfig {
            level: LEVEL,
            // Negative: without zlib's own header.
            window_bits: -i32::from(window.get()),
            mem_level: MEM_LEVEL,
            ..DeflateConfig::default()
        };
        Self {
            stream: Deflate::new_with_config(config),
            keeps_context,
        }
    }

    /// Bytes that one of this window takes.
    #[must_use]
    pub const fn bytes(window: WindowBits) -> usize {
        // Text and links, each of two bytes for every byte of the window; a table of 2^16 places; the
        // symbols of a block; its state.
        (4 << window.get()) + (2 << 16) + (4 << (6 + MEM_LEVEL)) + 8 * 1024
    }

    /// Appends a frame that says the same as `frame`, a whole data frame of ours; whether that is any
    /// smaller. If it is not, nothing is appended, unless a context is kept: the client's would
    /// otherwise lack what ours has.
    ///
    /// Source: RFC 7692, section 7.2.1.
    pub fn append(&mut self, frame: &[u8], out: &mut Vec<u8>) -> bool {
        if !self.keeps_context {
            self.stream.reset();
        }
        let start = out.len();
        let payload = payload_of(frame);
        write_frame_like(out, frame[0] | COMPRESSED_BIT, payload.len(), |out| {
            self.deflate(payload, out);
        });
        let is_smaller = out.len() - start < frame.len();
        if !is_smaller && !self.keeps_context {
            out.truncate(start);
        }
        is_smaller || self.keeps_context
    }

    fn deflate(&mut self, mut input: &[u8], out: &mut Vec<u8>) {
        if input.is_empty() {
            // A flush behind which nothing is gives nothing. Source: RFC 7692, section 7.2.3.6.
            out.push(0x00);
            return;
        }
        loop {
            let filled = out.len();
            // Enough for nearly all at once; what does not fit comes in the next round.
            let room = input.len() + input.len() / 8 + 64;
            out.resize(filled + room, 0);
            let before = (self.stream.total_in(), self.stream.total_out());
            let status = self
                .stream
                .compress(input, &mut out[filled..], DeflateFlush::SyncFlush);
            let taken = usize::try_from(self.stream.total_in() - before.0).unwrap_or(input.len());
            let made = usize::try_from(self.stream.total_out() - before.1).unwrap_or(room);
            out.truncate(filled + made);
            input = &input[taken..];
            match status {
                Ok(Status::Ok) if made == room || !input.is_empty() => {}
                // No progress was possible: it had ended with the round before.
                Ok(_) => break,
                Err(error) => unreachable!("a compressor takes anything: {error:?}"),
            }
        }
        debug_assert!(out.ends_with(&TAIL), "a flush ends with an empty block");
        out.truncate(out.len() - TAIL.len());
    }
}
