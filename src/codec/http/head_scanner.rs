//! The end of a request head, found and its bytes judged as they arrive.

use super::head::HeadError;

/// Header lines of one head. 96 is the size of the decoder's own table: it would refuse more as well,
/// but only after all of them had arrived.
const HEADERS_MAX: usize = 96;

/// Bytes of one header's name. No registered name comes near 256; and the decoder panics at names
/// of 64 KiB, which a generous head limit would let through.
pub(super) const HEADER_NAME_BYTES_MAX: usize = 256;

/// Where in the head the next byte stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
enum Place {
    #[default]
    RequestStart,
    RequestLine,
    HeaderStart,
    HeaderName,
    HeaderValue,
    /// After the CR of a line that holds something.
    LineEnd,
    /// After the CR of the blank line.
    HeadEnd,
    Complete,
}

/// Finds the end of a request head while it arrives, and refuses as soon as a byte is wrong.
///
/// One scanner serves one head. It exists because the decoder bounds nothing, skips leading blank
/// lines and lets bare line feeds pass.
#[derive(Debug, Default)]
pub struct HeadScanner {
    place: Place,
    /// Bytes judged so far.
    scanned: usize,
    header_count: usize,
    header_name_bytes: usize,
}

impl HeadScanner {
    /// A scanner for a connection's first byte.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Looks at what has arrived since the last call.
    ///
    /// `input` is everything received so far, from the first byte on; how it was split over calls
    /// never matters. Bytes behind the head (a hasty client's frames) are not looked at.
    ///
    /// Returns the length of the head, blank line included, once it is complete, and `Ok(None)`
    /// before that. After an error the scanner repeats it.
    ///
    /// Shapes: `head_bytes_max` is inclusive.
    /// Cost: each byte is looked at once over all calls; no allocation.
    ///
    /// # Errors
    ///
    /// Every [`HeadError`] but [`HeadError::RequestLine`], at the first byte that shows it.
    ///
    /// Source: RFC 9112, sections 2.2 (line endings), 5 (fields) and 5.2 (folding).
    ///
    /// # Examples
    ///
    /// ```
    /// use shardcast::codec::http::{HeadError, HeadScanner};
    ///
    /// let head = b"GET /ws HTTP/1.1\r\nHost: a\r\n\r\n";
    /// let mut scanner = HeadScanner::new();
    /// assert_eq!(scanner.scan(&head[..20], 1_024), Ok(None));
    /// assert_eq!(scanner.scan(head, 1_024), Ok(Some(head.len())));
    ///
    /// assert_eq!(HeadScanner::new().scan(head, 28), Err(HeadError::TooLarge));
    /// assert_eq!(HeadScanner::new().scan(b"GET /\n", 1_024), Err(HeadError::LineEnding));
    /// ```
    pub fn scan(
        &mut self,
        input: &[u8],
        head_bytes_max: usize,
    ) -> Result<Option<usize>, HeadError> {
        while self.place != Place::Complete {
            let Some(&byte) = input.get(self.scanned) else {
                return Ok(None);
            };
            if self.scanned >= head_bytes_max {
                return Err(HeadError::TooLarge);
            }
            self.place = self.step(byte)?;
            self.scanned += 1;
        }
        Ok(Some(self.scanned))
    }

    /// The place after `byte`. Changes nothing when it fails.
    fn step(&mut self, byte: u8) -> Result<Place, HeadError> {
        match (self.place, byte) {
            (Place::LineEnd, b'\n') => Ok(Place::HeaderStart),
            (Place::HeadEnd, b'\n') => Ok(Place::Complete),
            (Place::LineEnd | Place::HeadEnd, _) | (_, b'\n') => Err(HeadError::LineEnding),

            (Place::RequestStart, b'\r') => Err(HeadError::EmptyRequestLine),
            (Place::HeaderStart, b'\r') => Ok(Place::HeadEnd),
            (Place::RequestLine | Place::HeaderValue, b'\r') => Ok(Place::LineEnd),

            (Place::HeaderStart, b' ' | b'\t') => Err(HeadError::FoldedHeader),
            (Place::HeaderValue, b'\t') => Ok(Place::HeaderValue),
            (Place::HeaderName, b'\r') => Err(HeadError::HeaderName),
            (_, 0..b' ' | 0x7f) => Err(HeadError::ControlCharacter),

            (Place::RequestStart | Place::RequestLine, _) => Ok(Place::RequestLine),
            (Place::HeaderStart, _) if is_token_byte(byte) => self.begin_header(),
            (Place::HeaderName, b':') => Ok(Place::HeaderValue),
            (Place::HeaderName, _) if is_token_byte(byte) => self.extend_header_name(),
            (Place::HeaderStart | Place::HeaderName, _) => Err(HeadError::HeaderName),
            (Place::HeaderValue | Place::Complete, _) => Ok(self.place),
        }
    }

    fn begin_header(&mut self) -> Result<Place, HeadError> {
        if self.header_count == HEADERS_MAX {
            return Err(HeadError::TooManyHeaders);
        }
        self.header_count += 1;
        self.header_name_bytes = 1;
        Ok(Place::HeaderName)
    }

    fn extend_header_name(&mut self) -> Result<Place, HeadError> {
        if self.header_name_bytes == HEADER_NAME_BYTES_MAX {
            return Err(HeadError::HeaderNameTooLong);
        }
        self.header_name_bytes += 1;
        Ok(Place::HeaderName)
    }
}

/// Whether `byte` may stand in a token, such as a header name (RFC 9110, section 5.6.2).
pub(super) fn is_token_byte(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte)
}

/// Whether `byte` may stand in a header's value (RFC 9110, section 5.5).
pub(super) fn is_value_byte(byte: u8) -> bool {
    byte == b'\t' || (byte >= b' ' && byte != 0x7f)
}

#[cfg(test)]
mod tests {
    use super::*;

    const HEAD: &str = "GET /ws/%C3%A9?a=1&b HTTP/1.1\r\nHost: example.com\r\nX-Empty:\r\n\
                        Cookie: a=1; b=\u{e9}\t \r\nsec-websocket-key: AQIDBAUGBwgJCgsMDQ4PEA==\r\n\r\n";

    fn scan_whole(head: &[u8]) -> Result<Option<usize>, HeadError> {
        HeadScanner::new().scan(head, 16 * 1_024)
    }

    #[test]
    fn scan_refuses_each_fault_at_the_byte_that_shows_it() {
        use HeadError::*;
        let many_headers = format!("GET / HTTP/1.1\r\n{}X", "a: b\r\n".repeat(HEADERS_MAX));
        let long_name = format!(
            "GET / HTTP/1.1\r\n{}",
            "a".repeat(HEADER_NAME_BYTES_MAX + 1)
        );
        // Every text ends with the byte that must be refused.
        for (text, error) in [
            ("\r", EmptyRequestLine),
            ("\n", LineEnding),
            ("GET / HTTP/1.1\n", LineEnding),
            ("GET / HTTP/1.1\r\r", LineEnding),
            ("GET / HTTP/1.1\rH", LineEnding),
            ("GET / HTTP/1.1\r\na: b\n", LineEnding),
            ("GET / HTTP/1.1\r\na: b\rc", LineEnding),
            ("GET / HTTP/1.1\r\n\n", LineEnding),
            ("GET / HTTP/1.1\r\na: b\r\n\rx", LineEnding),
            ("GET / HTTP/1.1\r\na: b\r\n\n", LineEnding),
            ("GET\t", ControlCharacter),
            ("GET /\0", ControlCharacter),
            ("GET /\u{7f}", ControlCharacter),
            ("\u{16}", ControlCharacter),
            ("GET / HTTP/1.1\r\n\0", ControlCharacter),
            ("GET / HTTP/1.1\r\na\0", ControlCharacter),
            ("GET / HTTP/1.1\r\na: \0", ControlCharacter),
            ("GET / HTTP/1.1\r\na: b\u{1b}", ControlCharacter),
            ("GET / HTTP/1.1\r\na: b\u{7f}", ControlCharacter),
            ("GET / HTTP/1.1\r\n ", FoldedHeader),
            ("GET / HTTP/1.1\r\n\t", FoldedHeader),
            ("GET / HTTP/1.1\r\na: b\r\n ", FoldedHeader),
            ("GET / HTTP/1.1\r\na: b\r\n\t", FoldedHeader),
            ("GET / HTTP/1.1\r\n:", HeaderName),
            ("GET / HTTP/1.1\r\na ", HeaderName),
            ("GET / HTTP/1.1\r\na\r", HeaderName),
            ("GET / HTTP/1.1\r\na(", HeaderName),
            ("GET / HTTP/1.1\r\n\"", HeaderName),
            (&many_headers, TooManyHeaders),
            (&long_name, HeaderNameTooLong),
        ] {
            let (sound, _) = text.split_at(text.len() - 1);
            assert_eq!(scan_whole(sound.as_bytes()), Ok(None), "{text:?}");
            assert_eq!(scan_whole(text.as_bytes()), Err(error), "{text:?}");
        }
        let umlaut = "GET / HTTP/1.1\r\n\u{fc}";
        assert_eq!(scan_whole(umlaut.as_bytes()), Err(HeaderName));
    }

    #[test]
    fn scan_counts_headers_and_bytes_inclusively() {
        let most = format!("GET / HTTP/1.1\r\n{}\r\n", "a: b\r\n".repeat(HEADERS_MAX));
        assert_eq!(scan_whole(most.as_bytes()), Ok(Some(most.len())));

        let len = HEAD.len();
        let scan = |head_bytes_max| HeadScanner::new().scan(HEAD.as_bytes(), head_bytes_max);
        assert_eq!(scan(len), Ok(Some(len)));
        assert_eq!(scan(len - 1), Err(HeadError::TooLarge));
        assert_eq!(scan(0), Err(HeadError::TooLarge));

        let endless = "GET /".to_owned() + &"x".repeat(95);
        let mut scanner = HeadScanner::new();
        assert_eq!(scanner.scan(endless.as_bytes(), 100), Ok(None));
        let longer = endless + "x";
        assert_eq!(
            scanner.scan(longer.as_bytes(), 100),
            Err(HeadError::TooLarge)
        );
    }

    /// Scans as if the bytes had arrived in pieces that end at `ends`, and then all.
    fn scan_in_pieces(
        text: &[u8],
        ends: impl IntoIterator<Item = usize>,
    ) -> Result<Option<usize>, HeadError> {
        let mut scanner = HeadScanner::new();
        for end in ends {
            if let Some(head_len) = scanner.scan(&text[..end], 200)? {
                return Ok(Some(head_len));
            }
        }
        scanner.scan(text, 200)
    }

    #[test]
    fn scan_of_a_split_head_equals_the_scan_of_the_whole() {
        let with_frame = [HEAD.as_bytes(), b"\x81\x80\0\n"].concat();
        let too_long = HEAD.replace("X-Empty:", &format!("X: {}", "x".repeat(100)));
        for text in [
            HEAD.as_bytes(),
            &with_frame,
            too_long.as_bytes(),
            b"GET / HTTP/1.1\r\na: b\r\n folded: c\r\n\r\n",
            b"GET / HTTP/1.1\r\na: b\r\n\n\r\n",
            b"GET / HTTP/1.1\r\na: b",
        ] {
            let whole = scan_in_pieces(text, []);
            for end in 0..=text.len() {
                assert_eq!(scan_in_pieces(text, [end]), whole, "split at {end}");
            }
            assert_eq!(scan_in_pieces(text, 0..=text.len()), whole, "byte by byte");
        }
    }

    #[test]
    fn scan_repeats_its_answer() {
        let mut scanner = HeadScanner::new();
        for _ in 0..3 {
            assert_eq!(
                scanner.scan(b"GET /\0\r\n", 99),
                Err(HeadError::ControlCharacter)
            );
        }
        let mut scanner = HeadScanner::new();
        for _ in 0..3 {
            assert_eq!(scanner.scan(HEAD.as_bytes(), 999), Ok(Some(HEAD.len())));
        }
    }
}
