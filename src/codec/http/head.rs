//! The head of a request, parsed once when a scanner has found it complete; and what can be wrong
//! with one.

use bytes::BytesMut;
use monoio_codec::{Decoded, Decoder};
use monoio_http::h1::codec::decoder::RequestHeadDecoder;

use super::response::Refusal;

pub use ::http::request::Parts as RequestHead;

/// What is wrong with a request head; always the peer's fault.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum HeadError {
    /// A line ends with LF alone, or a CR is followed by something else. Proxies disagree on where
    /// such a line ends, and smuggling lives on that.
    #[error("A line of the request head does not end with CR LF.")]
    LineEnding,
    /// A control character where none may stand.
    #[error("The request head holds a control character.")]
    ControlCharacter,
    /// The head begins with an empty line.
    #[error("The request begins with an empty line.")]
    EmptyRequestLine,
    /// A header line begins with a space or a tab: the folding that RFC 9112 retired.
    #[error("A header line begins with whitespace.")]
    FoldedHeader,
    /// A header line has no colon, or something else than a token before it.
    #[error("A header name is empty or not a token.")]
    HeaderName,
    /// A header name of more than 256 bytes.
    #[error("A header name is too long.")]
    HeaderNameTooLong,
    /// More than 96 header lines.
    #[error("The request has too many headers.")]
    TooManyHeaders,
    /// The head does not end within the bytes allowed.
    #[error("The request head is too large.")]
    TooLarge,
    /// The first line is not `METHOD target HTTP/1.x`.
    #[error("The first line is not a request line of HTTP/1.1.")]
    RequestLine,
}

impl HeadError {
    /// The answer to send before closing: 431 when there is too much of something, 400 otherwise.
    #[must_use]
    pub fn refusal(self) -> Refusal {
        match self {
            Self::HeaderNameTooLong | Self::TooManyHeaders | Self::TooLarge => {
                Refusal::head_too_large(self.to_string())
            }
            _ => Refusal::bad_request(self.to_string()),
        }
    }
}

/// Parses a head that a [`HeadScanner`](super::HeadScanner) has found complete, and takes it off the front of `head`;
/// bytes behind it stay.
///
/// # Errors
///
/// [`HeadError::RequestLine`]: method, target or version are none. All else the scanner has judged.
///
/// # Panics
///
/// The decoder may panic on bytes that no scanner has passed.
///
/// # Examples
///
/// ```
/// use bytes::BytesMut;
/// use shardcast::codec::http::parse_head;
///
/// let mut received = BytesMut::from(&b"GET /ws?a=1 HTTP/1.1\r\nHost: a\r\n\r\n\x81\x80"[..]);
/// let head = parse_head(&mut received)?;
/// assert_eq!((head.uri.path(), head.headers.len()), ("/ws", 1));
/// assert_eq!(&received[..], b"\x81\x80");
/// # Ok::<(), shardcast::codec::http::HeadError>(())
/// ```
pub fn parse_head(head: &mut BytesMut) -> Result<RequestHead, HeadError> {
    let is_target_sound = is_target_sound(head);
    match RequestHeadDecoder.decode(head) {
        Ok(Decoded::Some(head)) if is_target_sound => Ok(head),
        _ => Err(HeadError::RequestLine),
    }
}

/// Whether the request target is free of what the decoder lets pass: it drops a fragment, which no
/// target has, and takes bytes that are not ASCII and an absolute form without a scheme.
///
/// Source: RFC 9112, section 3.2; RFC 3986, appendix A.
fn is_target_sound(head: &[u8]) -> bool {
    let line = head.split(|&byte| byte == b'\r').next();
    let target = line.and_then(|line| line.split(|&byte| byte == b' ').nth(1));
    target.is_some_and(|target| {
        let is_sound = |byte: &u8| byte.is_ascii_graphic() && *byte != b'#';
        target.first() != Some(&b':') && target.iter().all(is_sound)
    })
}

#[cfg(test)]
mod tests {
    use super::super::head_scanner::{
        HEADER_NAME_BYTES_MAX, HeadScanner, is_token_byte, is_value_byte,
    };
    use super::*;
    use crate::base::random::Random;

    const HEAD: &str = "GET /ws/%C3%A9?a=1&b HTTP/1.1\r\nHost: example.com\r\nX-Empty:\r\n\
                        Cookie: a=1; b=\u{e9}\t \r\nsec-websocket-key: AQIDBAUGBwgJCgsMDQ4PEA==\r\n\r\n";

    fn scan_whole(head: &[u8]) -> Result<Option<usize>, HeadError> {
        HeadScanner::new().scan(head, 16 * 1_024)
    }

    #[test]
    fn parse_head_reads_the_head_and_leaves_what_follows() {
        let mut received = BytesMut::from(HEAD);
        received.extend_from_slice(b"\x81\x80\r\n\r\n");
        let head = parse_head(&mut received).expect("a sound head");
        assert_eq!(head.method, "GET");
        assert_eq!(head.uri, "/ws/%C3%A9?a=1&b");
        assert_eq!(head.version, ::http::Version::HTTP_11);
        assert_eq!(head.headers["x-empty"], "");
        assert_eq!(head.headers["cookie"].as_bytes(), "a=1; b=é".as_bytes());
        assert_eq!(&received[..], b"\x81\x80\r\n\r\n");
    }

    #[test]
    fn parse_head_refuses_request_lines_that_are_none() {
        for line in [
            "GET",
            "GET /",
            "GET / ",
            "GET /  HTTP/1.1",
            " GET / HTTP/1.1",
            "GET / HTTP/1.1 ",
            "GET / HTTP/2.0",
            "GET / HTTP/0.9",
            "GET / http/1.1",
            "GET / a HTTP/1.1",
            "G(T / HTTP/1.1",
            "GET a/b HTTP/1.1",
            "PRI * HTTP/2.0",
            "GET /#a HTTP/1.1",
            "GET /?a#b HTTP/1.1",
            "GET /?\u{e9} HTTP/1.1",
            "GET ://a/ HTTP/1.1",
        ] {
            let text = format!("{line}\r\nHost: a\r\n\r\n");
            assert_eq!(scan_whole(text.as_bytes()), Ok(Some(text.len())), "{line}");
            let parsed = parse_head(&mut BytesMut::from(text.as_str()));
            assert_eq!(parsed.err(), Some(HeadError::RequestLine), "{line}");
        }
    }

    #[test]
    fn parse_head_survives_whatever_the_scanner_passes() {
        const TELLING: &[u8] = b"\r\n\t :/?#[]@%*\"()<>{}\\^`|~,;=.0129AZaz\0\x7f\x80\xc3\xa9\xff";
        let mut random = Random::new(9);
        let below = |random: &mut Random, bound: usize| random.below(bound as u32) as usize;
        let (mut passed_count, mut parsed_count) = (0, 0);
        for _ in 0..20_000 {
            let mut text = HEAD.as_bytes().to_vec();
            for _ in 0..=random.below(4) {
                let at = below(&mut random, text.len());
                let byte = TELLING[below(&mut random, TELLING.len())];
                match random.below(4) {
                    0 => text.insert(at, byte),
                    1 => drop(text.remove(at)),
                    2 => {
                        let from = below(&mut random, text.len());
                        let len = below(&mut random, (text.len() - from).min(40));
                        let copied = text[from..from + len].to_vec();
                        text.splice(at..at, copied);
                    }
                    _ => text[at] = byte,
                }
            }
            let Ok(Some(head_len)) = scan_whole(&text) else {
                continue;
            };
            passed_count += 1;
            let mut received = BytesMut::from(&text[..]);
            let parsed = parse_head(&mut received);
            assert_eq!(
                &received[..],
                &text[head_len..],
                "the scanner's end is the parser's"
            );
            parsed_count += usize::from(parsed.is_ok());
        }
        assert!(
            passed_count > 2_000 && parsed_count > 1_000,
            "{passed_count} {parsed_count}"
        );
    }

    #[test]
    fn parse_head_survives_every_byte_that_names_and_values_may_hold() {
        let name: String = (0..=0x7f)
            .map(char::from)
            .filter(|&c| is_token_byte(c as u8))
            .collect();
        let mut text = format!("GET / HTTP/1.1\r\n{name}: ").into_bytes();
        text.extend((0..=0xff).filter(|&byte| is_value_byte(byte)));
        text.extend_from_slice(b"\r\n");
        text.extend_from_slice("N".repeat(HEADER_NAME_BYTES_MAX).as_bytes());
        text.extend_from_slice(b": x\r\n\r\n");
        assert_eq!(scan_whole(&text), Ok(Some(text.len())));
        let head = parse_head(&mut BytesMut::from(&text[..])).expect("a sound head");
        assert_eq!(head.headers.len(), 2);
    }

    #[test]
    fn head_error_becomes_400_or_431() {
        assert_eq!(HeadError::TooLarge.refusal().status, 431);
        assert_eq!(HeadError::TooManyHeaders.refusal().status, 431);
        let refusal = HeadError::LineEnding.refusal();
        assert_eq!(refusal.status, 400);
        assert_eq!(refusal.body, HeadError::LineEnding.to_string());
    }
}
