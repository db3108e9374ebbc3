//! Opening what a client has compressed, without ever holding more than the message may have.

use zlib_rs::{Inflate, InflateFlush, Status};

use super::super::error::FrameError;
use super::TAIL;

/// What a client's window can be, whatever was agreed on: the largest takes what any smaller one makes.
const WINDOW_BITS: u8 = 15;

/// Bytes by which an output grows while it is not known how large it will be.
const STEP_BYTES: usize = 4 * 1024;

/// Bytes that a message of `bytes_max` may have when it is compressed: somewhat more, because what does
/// not get smaller gets larger.
///
/// An eighth, and a little for what is short: what zlib's own worst case needs, in blocks of fixed
/// codes. Source: `deflateBound` in zlib's deflate.c.
#[must_use]
pub const fn compressed_len_max(bytes_max: usize) -> usize {
    bytes_max.saturating_add(bytes_max / 8).saturating_add(64)
}

/// Opens the messages of one client, or of all clients that keep no context.
///
/// Memory: about 40 KiB.
pub struct Inflater {
    stream: Inflate,
    keeps_context: bool,
}

impl std::fmt::Debug for Inflater {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Inflater")
            .field("keeps_context", &self.keeps_context)
            .finish_non_exhaustive()
    }
}

impl Inflater {
    /// Bytes that one takes: window and state.
    pub const BYTES: usize = 48 * 1024;

    /// `keeps_context`: whether messages may refer to those before, as was agreed on. Otherwise one
    /// inflater serves any number of clients.
    #[must_use]
    pub fn new(keeps_context: bool) -> Self {
        Self {
            stream: Inflate::new(false, WINDOW_BITS),
            keeps_context,
        }
    }

    /// Appends a message's text to `out`; `payload` are its frames' payloads, put together.
    ///
    /// What it was cannot be told after an error: the connection must end.
    ///
    /// Memory: `out` grows with what comes out, and to `bytes_max` at the most.
    ///
    /// # Errors
    ///
    /// - [`FrameError::MessageTooBig`]: more than `bytes_max` would come out; nothing beyond is
    ///   inflated.
    /// - [`FrameError::BadCompression`]: it is no compressed data, or not whole.
    ///
    /// Source: RFC 7692, section 7.2.2.
    pub fn inflate(
        &mut self,
        payload: &[u8],
        bytes_max: usize,
        out: &mut Vec<u8>,
    ) -> Result<(), FrameError> {
        if !self.keeps_context {
            self.stream.reset(false);
        }
        let start = out.len();
        self.feed(payload, start, bytes_max, out)?;
        self.feed(&TAIL, start, bytes_max, out)
    }

    fn feed(
        &mut self,
        mut input: &[u8],
        start: usize,
        bytes_max: usize,
        out: &mut Vec<u8>,
    ) -> Result<(), FrameError> {
        loop {
            let filled = out.len();
            // One byte more than allowed, which tells a message that is too large from one that just
            // is not.
            let room = bytes_max
                .saturating_add(1)
                .saturating_sub(filled - start)
                .min(STEP_BYTES.max(2 * input.len()));
            out.resize(filled + room, 0);
            let before = (self.stream.total_in(), self.stream.total_out());
            let status = self
                .stream
                .decompress(input, &mut out[filled..], InflateFlush::SyncFlush);
            let taken = usize::try_from(self.stream.total_in() - before.0).unwrap_or(input.len());
            let made = usize::try_from(self.stream.total_out() - before.1).unwrap_or(room);
            out.truncate(filled + made);
            input = &input[taken..];
            if out.len() - start > bytes_max {
                return Err(FrameError::MessageTooBig);
            }
            match status.map_err(|_| FrameError::BadCompression)? {
                // A sender may end its stream with a message, behind which only the empty block
                // follows. What comes next begins anew: so it does not refer to anything before.
                Status::StreamEnd => self.stream.reset(false),
                Status::Ok | Status::BufError if made == room => {}
                Status::Ok | Status::BufError if input.is_empty() => return Ok(()),
                Status::Ok | Status::BufError if taken > 0 || made > 0 => {}
                Status::Ok | Status::BufError => return Err(FrameError::BadCompression),
            }
            if input.is_empty() && made < room {
                return Ok(());
            }
        }
    }
}
