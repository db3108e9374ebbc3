//! UTF-8 that arrives in pieces: text messages are checked while their bytes come in.

use super::error::FrameError;

/// Checks a text that comes in chunks, and fails at the first byte that cannot be part of it.
///
/// A chunk may stop inside a character: its first bytes (three at most) are kept until the next
/// chunk. Failing early matters because a message may take minutes to arrive, and its sender should
/// not be able to make the server hold what is already known to be worthless.
///
/// # Examples
///
/// ```
/// use shardcast::codec::ws::{FrameError, Utf8Validator};
///
/// let mut utf8 = Utf8Validator::default();
/// utf8.feed(b"5 \xe2\x82")?;
/// assert_eq!(utf8.finish(), Err(FrameError::InvalidUtf8), "the character is incomplete");
/// utf8.feed(b"\xac")?;
/// utf8.finish()?;
/// assert_eq!(utf8.feed(b"\xed\xa0"), Err(FrameError::InvalidUtf8), "half of a surrogate");
/// # Ok::<(), FrameError>(())
/// ```
#[derive(Debug, Clone, Copy, Default)]
pub struct Utf8Validator {
    /// The bytes so far of a character that has begun: `carry[..carry_len]`.
    carry: [u8; 3],
    carry_len: u8,
}

impl Utf8Validator {
    /// Checks the next bytes of the text.
    ///
    /// # Errors
    ///
    /// [`FrameError::InvalidUtf8`] when no continuation could make the text valid.
    pub fn feed(&mut self, chunk: &[u8]) -> Result<(), FrameError> {
        let chunk = self.complete_carry(chunk)?;
        let rest = check(chunk)?;
        if !rest.is_empty() {
            self.keep(rest);
        }
        Ok(())
    }

    /// Checks that the text may end here.
    ///
    /// # Errors
    ///
    /// [`FrameError::InvalidUtf8`] when the last character is incomplete.
    pub fn finish(&self) -> Result<(), FrameError> {
        if self.carry_len == 0 {
            Ok(())
        } else {
            Err(FrameError::InvalidUtf8)
        }
    }

    /// Ends the character that an earlier chunk began, and returns what follows it.
    ///
    /// Byte by byte, three times at most: each byte must be judged when it comes.
    fn complete_carry<'a>(&mut self, mut chunk: &'a [u8]) -> Result<&'a [u8], FrameError> {
        while self.carry_len > 0
            && let Some((&byte, rest)) = chunk.split_first()
        {
            let begun = usize::from(self.carry_len);
            let mut character = [0; 4];
            character[..begun].copy_from_slice(&self.carry[..begun]);
            character[begun] = byte;
            let incomplete = check(&character[..=begun])?;
            self.keep(incomplete);
            chunk = rest;
        }
        Ok(chunk)
    }

    fn keep(&mut self, incomplete: &[u8]) {
        self.carry[..incomplete.len()].copy_from_slice(incomplete);
        self.carry_len = incomplete.len() as u8;
    }
}

/// Returns the incomplete character at the end of `text`: at most three bytes, mostly none.
fn check(text: &[u8]) -> Result<&[u8], FrameError> {
    match std::str::from_utf8(text) {
        Ok(_) => Ok(&[]),
        // No error length means: the text stops inside a character that can still become valid.
        Err(error) if error.error_len().is_none() => Ok(&text[error.valid_up_to()..]),
        Err(_) => Err(FrameError::InvalidUtf8),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const VALID: [&str; 6] = [
        "",
        "plain",
        "κόσμε",
        "\u{0}\u{7f}\u{80}\u{7ff}\u{800}",
        "\u{d7ff}\u{e000}\u{fffd}\u{ffff}",
        "a\u{10000}b\u{1f600}\u{10ffff}",
    ];

    /// A text and the index of the byte that makes it impossible.
    const INVALID: [(&[u8], usize); 14] = [
        (b"\x80", 0),
        (b"ab\xbf", 2),
        (b"\xc0\xaf", 0),
        (b"\xc1\xbf", 0),
        (b"\xe0\x80\x80", 1),
        (b"\xf0\x80\x80\x80", 1),
        (b"x\xed\xa0\x80", 2),
        (b"\xed\xbf\xbf", 1),
        (b"\xf4\x90\x80\x80", 1),
        (b"\xf5\x80\x80\x80", 0),
        (b"\xff", 0),
        (b"\xce\xbaa\xce\x20", 4),
        (b"\xe2\x82\x20", 2),
        (b"\xf0\x9f\x98\xc0", 3),
    ];

    fn verdict(chunks: &[&[u8]]) -> Result<(), FrameError> {
        let mut utf8 = Utf8Validator::default();
        chunks.iter().try_for_each(|chunk| utf8.feed(chunk))?;
        utf8.finish()
    }

    #[test]
    fn validator_agrees_with_std_for_every_split_into_three() {
        let valid = VALID.iter().map(|text| text.as_bytes());
        for text in valid.chain(INVALID.iter().map(|&(text, _)| text)) {
            let expected = std::str::from_utf8(text).is_ok();
            for first in 0..=text.len() {
                for second in first..=text.len() {
                    let chunks = [&text[..first], &text[first..second], &text[second..]];
                    assert_eq!(verdict(&chunks).is_ok(), expected, "{chunks:02x?}");
                }
            }
        }
    }

    #[test]
    fn impossible_text_fails_at_the_byte_that_makes_it_so() {
        for (text, impossible_at) in INVALID {
            for split in 0..=impossible_at {
                let mut utf8 = Utf8Validator::default();
                assert_eq!(utf8.feed(&text[..split]), Ok(()), "{text:02x?}");
                assert_eq!(utf8.feed(&text[split..impossible_at]), Ok(()));
                let failure = utf8.feed(&text[impossible_at..=impossible_at]);
                assert_eq!(failure, Err(FrameError::InvalidUtf8), "{text:02x?} {split}");
            }
        }
    }

    #[test]
    fn text_that_ends_inside_a_character_fails_only_at_its_end() {
        for text in [&b"\xc3"[..], b"ab\xe2\x82", b"\xf0\x9f\x98"] {
            let mut utf8 = Utf8Validator::default();
            assert_eq!(utf8.feed(text), Ok(()));
            assert_eq!(utf8.finish(), Err(FrameError::InvalidUtf8));
        }
    }
}
