//! Turns compressed messages back into what was published.
//!
//! Where a server keeps no context, the same bytes always mean the same text. A publication comes to all of its
//! subscribers in the same bytes then, so only the first of a thread's connections inflates it; for the others bytes
//! are compared, or the harness would work more than the server. Where contexts are kept, each connection has
//! its own, and everything is inflated.

use flate2::{Decompress, FlushDecompress, Status};

use crate::deflate::Agreement;

/// What a sender leaves away at the end of each message (RFC 7692, section 7.2.1).
const END: [u8; 4] = [0, 0, 0xff, 0xff];

/// The largest message: far above anything a run sends, and an end to what inflates to no end.
const TEXT_BYTES_MAX: usize = 64 << 20;

/// So much room is made for text at a time.
const ROOM_BYTES: usize = 4 << 10;

/// The smallest window that the inflater takes; it reads what was written with a smaller one.
const WINDOW_BITS_MIN: u8 = 9;

/// How a connection's messages are compressed.
#[derive(Debug)]
pub(super) enum Context {
    /// Not at all: nothing was agreed on.
    None,
    /// Each for itself.
    Fresh,
    /// Each after those before it.
    Kept(Box<Decompress>),
}

/// What compressed messages came to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Inflated {
    /// Compressed messages.
    pub(crate) messages: u64,
    /// Bytes of their payloads as they came.
    pub(crate) compressed_bytes: u64,
    /// Bytes of what was in them.
    pub(crate) text_bytes: u64,
}

impl std::ops::Add for Inflated {
    type Output = Self;

    fn add(self, other: Self) -> Self {
        Self {
            messages: self.messages + other.messages,
            compressed_bytes: self.compressed_bytes + other.compressed_bytes,
            text_bytes: self.text_bytes + other.text_bytes,
        }
    }
}

impl std::ops::Sub for Inflated {
    type Output = Self;

    fn sub(self, earlier: Self) -> Self {
        Self {
            messages: self.messages - earlier.messages,
            compressed_bytes: self.compressed_bytes - earlier.compressed_bytes,
            text_bytes: self.text_bytes - earlier.text_bytes,
        }
    }
}

/// A thread's part in it.
#[derive(Debug)]
pub(super) struct Inflating {
    /// What came so far.
    pub(super) counts: Inflated,
    fresh: Decompress,
    recent: Vec<Recent>,
    /// The place of the oldest, which is the next to go.
    oldest: usize,
    /// Where the last message was found, behind which the next one may be.
    last: usize,
    text: Vec<u8>,
}

/// A message that was inflated a moment ago.
#[derive(Debug, Default)]
struct Recent {
    compressed: Vec<u8>,
    text: Vec<u8>,
}

impl Context {
    /// As a server has agreed to it.
    pub(super) fn new(agreement: Option<Agreement>) -> Self {
        match agreement {
            None => Self::None,
            Some(agreement) if agreement.server_keeps_context => {
                let bits = agreement.server_window_bits.max(WINDOW_BITS_MIN);
                Self::Kept(Box::new(Decompress::new_with_window_bits(false, bits)))
            }
            Some(_) => Self::Fresh,
        }
    }
}

impl Inflating {
    /// Messages that are kept: a few bursts' worth, as many as bodies.
    const RECENT_MAX: usize = 64;

    /// Nothing seen yet.
    pub(super) fn new() -> Self {
        let recent = (0..Self::RECENT_MAX).map(|_| Recent::default());
        Self {
            counts: Inflated::default(),
            fresh: Decompress::new(false),
            recent: recent.collect(),
            oldest: 0,
            last: 0,
            text: Vec::new(),
        }
    }

    /// The text of a compressed message.
    ///
    /// # Errors
    ///
    /// Words for why it is none.
    pub(super) fn inflate(
        &mut self,
        context: &mut Context,
        compressed: &[u8],
    ) -> Result<&[u8], String> {
        let text = match context {
            Context::None => return Err("a compressed message, without an agreement".to_owned()),
            Context::Kept(decompress) => {
                inflate(decompress, compressed, &mut self.text)?;
                &self.text
            }
            Context::Fresh => {
                let place = match self.find(compressed) {
                    Some(place) => place,
                    None => self.add(compressed)?,
                };
                self.last = place;
                &self.recent[place].text
            }
        };
        self.counts.messages += 1;
        self.counts.compressed_bytes += compressed.len() as u64;
        self.counts.text_bytes += text.len() as u64;
        Ok(text)
    }

    /// Where the same bytes were seen. Messages mostly come in the order in which they came to another connection.
    fn find(&self, compressed: &[u8]) -> Option<usize> {
        let is_same = |place: &usize| self.recent[*place].compressed == compressed;
        let next = (self.last + 1) % Self::RECENT_MAX;
        let newest_first = (1..=Self::RECENT_MAX).map(|back| self.oldest + Self::RECENT_MAX - back);
        std::iter::once(next)
            .chain(newest_first.map(|place| place % Self::RECENT_MAX))
            .find(is_same)
            // No message is empty, and a place that nothing was put into is.
            .filter(|_| !compressed.is_empty())
    }

    fn add(&mut self, compressed: &[u8]) -> Result<usize, String> {
        let place = self.oldest;
        let recent = &mut self.recent[place];
        recent.compressed.clear();
        self.fresh.reset(false);
        inflate(&mut self.fresh, compressed, &mut recent.text)?;
        recent.compressed.extend_from_slice(compressed);
        self.oldest = (place + 1) % Self::RECENT_MAX;
        Ok(place)
    }
}

/// Inflates one message into `text`, and leaves the context as it is after it.
fn inflate(
    decompress: &mut Decompress,
    compressed: &[u8],
    text: &mut Vec<u8>,
) -> Result<(), String> {
    text.clear();
    for mut input in [compressed, &END] {
        loop {
            text.reserve(ROOM_BYTES);
            let (taken_before, text_before) = (decompress.total_in(), text.len());
            let status = decompress
                .decompress_vec(input, text, FlushDecompress::Sync)
                .map_err(|error| format!("a message that does not inflate: {error}"))?;
            let taken = (decompress.total_in() - taken_before) as usize;
            input = &input[taken..];
            if text.len() > TEXT_BYTES_MAX {
                return Err("a message that inflates to more than 64 MiB".to_owned());
            }
            // A sender may end its stream with a message; what follows begins a new one.
            let has_ended = status == Status::StreamEnd;
            if has_ended {
                decompress.reset(false);
            }
            // Text that fills the room may go on without further input.
            let may_go_on = !has_ended && text.len() == text.capacity();
            if input.is_empty() && !may_go_on {
                break;
            }
            if taken == 0 && text.len() == text_before && !has_ended {
                return Err("a message that does not inflate".to_owned());
            }
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use flate2::{Compress, Compression, FlushCompress};

    use super::*;

    /// What a server makes of a message.
    fn deflate(compress: &mut Compress, text: &[u8]) -> Vec<u8> {
        let mut out = Vec::with_capacity(text.len() + 100);
        let status = compress.compress_vec(text, &mut out, FlushCompress::Sync);
        assert_eq!(status.expect("nothing is wrong"), Status::Ok);
        assert!(out.ends_with(&END));
        out.truncate(out.len() - END.len());
        out
    }

    fn compress() -> Compress {
        Compress::new(Compression::default(), false)
    }

    fn agreed(server_keeps_context: bool) -> Context {
        Context::new(Some(Agreement {
            server_keeps_context,
            server_window_bits: 15,
        }))
    }

    fn message(number: usize) -> Vec<u8> {
        let text = format!("message {number}, {}", number * number);
        text.repeat(1 + number % 50).into_bytes()
    }

    #[test]
    fn what_stands_for_itself_is_inflated_for_every_connection() {
        let mut inflating = Inflating::new();
        let mut contexts = [agreed(false), agreed(false), agreed(false)];
        for burst in 0..20 {
            let texts: Vec<_> = (0..30).map(|number| message(burst * 30 + number)).collect();
            for context in &mut contexts {
                for text in &texts {
                    let compressed = deflate(&mut compress(), text);
                    assert_eq!(inflating.inflate(context, &compressed), Ok(&text[..]));
                }
            }
        }
        assert_eq!(inflating.counts.messages, 3 * 20 * 30);
        assert!(inflating.counts.compressed_bytes < inflating.counts.text_bytes);
    }

    #[test]
    fn a_kept_context_goes_from_message_to_message() {
        let mut inflating = Inflating::new();
        let (mut one, mut other) = (agreed(true), agreed(true));
        let (mut to_one, mut to_other) = (compress(), compress());
        for number in 0..100 {
            let text = message(number);
            let compressed = deflate(&mut to_one, &text);
            assert_eq!(inflating.inflate(&mut one, &compressed), Ok(&text[..]));
            if number % 3 == 0 {
                let compressed = deflate(&mut to_other, &text);
                assert_eq!(inflating.inflate(&mut other, &compressed), Ok(&text[..]));
            }
        }
    }

    #[test]
    fn a_message_of_any_size_and_a_stream_that_ends_with_its_message_are_inflated() {
        let mut inflating = Inflating::new();
        let mut context = agreed(false);
        for bytes in [0, 1, ROOM_BYTES - 1, ROOM_BYTES, ROOM_BYTES + 1, 1 << 20] {
            let text = vec![b'x'; bytes];
            let mut out = Vec::with_capacity(bytes + 100);
            let status = compress().compress_vec(&text, &mut out, FlushCompress::Finish);
            assert_eq!(status.expect("nothing is wrong"), Status::StreamEnd);
            out.push(0);
            for compressed in [deflate(&mut compress(), &text), out] {
                let inflated = inflating.inflate(&mut context, &compressed);
                assert!(inflated == Ok(&text[..]), "{bytes} bytes");
            }
        }
    }

    #[test]
    fn a_changed_byte_is_not_taken_for_what_was_seen() {
        let mut inflating = Inflating::new();
        let mut context = agreed(false);
        let text = message(7);
        let compressed = deflate(&mut compress(), &text);
        for at in 0..compressed.len() {
            assert_eq!(inflating.inflate(&mut context, &compressed), Ok(&text[..]));
            let mut changed = compressed.clone();
            changed[at] ^= 4;
            let inflated = inflating.inflate(&mut context, &changed);
            assert_ne!(inflated, Ok(&text[..]), "byte {at}");
        }
    }

    #[test]
    fn nothing_is_inflated_without_an_agreement_or_without_end() {
        let mut inflating = Inflating::new();
        let compressed = deflate(&mut compress(), b"text");
        let refused = inflating.inflate(&mut Context::new(None), &compressed);
        assert!(refused.is_err());
        let bomb = deflate(&mut compress(), &vec![0; TEXT_BYTES_MAX + ROOM_BYTES]);
        assert!(inflating.inflate(&mut agreed(false), &bomb).is_err());
    }
}
