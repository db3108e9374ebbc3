//! Whether a request asks for a WebSocket, and what it tells besides.

use ::http::{Method, Version};
use base64::Engine as _;
use base64::alphabet;
use base64::engine::{GeneralPurpose, GeneralPurposeConfig};

use super::head::RequestHead;
use super::head_scanner::is_token_byte;
use super::host::is_host;
use super::response::Refusal;

/// Base64 of 16 bytes: 22 characters and two of padding.
const KEY_BASE64_BYTES: usize = 24;

/// The example key of RFC 6455, section 4.1, leaves bits in its last character that decode to
/// nothing; a strict decoder would refuse it, and clients that copied it.
const KEY_DECODER: GeneralPurpose = GeneralPurpose::new(
    &alphabet::STANDARD,
    GeneralPurposeConfig::new().with_decode_allow_trailing_bits(true),
);

/// A handshake that [`check_upgrade`] found sound, with the head it came in.
#[derive(Debug)]
pub struct UpgradeRequest {
    head: RequestHead,
}

impl UpgradeRequest {
    /// The path asked for: begins with a slash, percent escapes as they came.
    #[must_use]
    pub fn path(&self) -> &str {
        self.head.uri.path()
    }

    /// What follows the question mark, if there is one.
    #[must_use]
    pub fn query(&self) -> Option<&str> {
        self.head.uri.query()
    }

    /// Bytes of its target and its headers.
    #[must_use]
    pub fn bytes(&self) -> usize {
        let lines = self.head.headers.iter();
        let lines: usize = lines
            .map(|(name, value)| name.as_str().len() + value.len())
            .sum();
        let target = self.head.uri.path_and_query();
        lines + target.map_or(0, |target| target.as_str().len())
    }

    /// The first header of this name (in any case); `None` if it is absent or not UTF-8.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        let value = self.head.headers.get(name)?;
        std::str::from_utf8(value.as_bytes()).ok()
    }

    /// The value of each line of a header; one that is not UTF-8 is empty.
    #[must_use]
    pub fn headers(&self, name: &str) -> Vec<&str> {
        let values = self.head.headers.get_all(name).iter();
        values
            .map(|value| std::str::from_utf8(value.as_bytes()).unwrap_or_default())
            .collect()
    }

    /// The elements of a header that is a comma-separated list, over all its lines, empty ones
    /// left out.
    pub fn header_list(&self, name: &str) -> impl Iterator<Item = &str> {
        list_elements(&self.head, name)
    }

    /// The value of `Sec-WebSocket-Key`.
    #[must_use]
    pub fn key(&self) -> &str {
        self.header("sec-websocket-key").unwrap_or_default()
    }

    /// The subprotocols offered, the client's favourite first. What is no token is no offer: it could
    /// not be agreed to.
    pub fn subprotocols(&self) -> impl Iterator<Item = &str> {
        let offers = self.header_list("sec-websocket-protocol");
        offers.filter(|offer| offer.bytes().all(is_token_byte))
    }
}

/// Checks that a request is a WebSocket handshake by the book; whether its path exists is the
/// caller's question.
///
/// The first offence decides: method, version of HTTP, anything that could be a body, target, host,
/// then the WebSocket headers.
///
/// # Errors
///
/// - 405 when the method is not GET.
/// - 426 when the request is of HTTP/1.0 (whose `Upgrade` a server must not heed), when it does not
///   ask for `websocket`, or for another version than 13.
/// - 400 when there is a body or doubt about it, when the target is no path, and when `Host` or
///   `Sec-WebSocket-Key` is missing, repeated or unfit.
///
/// Source: RFC 6455, sections 4.2.1 and 4.4; RFC 9110, section 7.8; RFC 9112, sections 3.2 and 6.3.
///
/// # Examples
///
/// ```
/// use bytes::BytesMut;
/// use shardcast::codec::http::{check_upgrade, parse_head};
///
/// let mut received = BytesMut::from("GET /ws HTTP/1.1\r\nHost: a\r\n\r\n");
/// let refusal = check_upgrade(parse_head(&mut received)?).expect_err("no upgrade asked for");
/// assert_eq!(refusal.status, 426);
/// # Ok::<(), shardcast::codec::http::HeadError>(())
/// ```
pub fn check_upgrade(head: RequestHead) -> Result<UpgradeRequest, Refusal> {
    if head.method == Method::HEAD {
        return Err(Refusal::method_not_allowed().without_content());
    }
    if head.method != Method::GET {
        return Err(Refusal::method_not_allowed());
    }
    if head.version != Version::HTTP_11 {
        return Err(Refusal::upgrade_required(
            "A WebSocket handshake needs HTTP/1.1.",
        ));
    }
    check_no_body(&head)?;
    if !head.uri.path().starts_with('/') {
        return Err(Refusal::bad_request("The request target is not a path."));
    }
    if !the_only(&head, "host").is_some_and(is_host) {
        return Err(Refusal::bad_request(
            "The request needs exactly one Host header, which names a host.",
        ));
    }
    if !list_contains(&head, "upgrade", "websocket") {
        return Err(Refusal::upgrade_required(
            "This endpoint speaks WebSocket: the request needs the header Upgrade: websocket.",
        ));
    }
    if !list_contains(&head, "connection", "upgrade") {
        return Err(Refusal::upgrade_required(
            "The request needs the header Connection: Upgrade; a proxy may have removed it.",
        ));
    }
    if the_only(&head, "sec-websocket-version") != Some(b"13") {
        return Err(Refusal::upgrade_required(
            "The request needs the header Sec-WebSocket-Version: 13, once.",
        ));
    }
    if !the_only(&head, "sec-websocket-key").is_some_and(is_key) {
        return Err(Refusal::bad_request(
            "The request needs one Sec-WebSocket-Key of 16 bytes in base64.",
        ));
    }
    Ok(UpgradeRequest { head })
}

/// Bytes behind the head are WebSocket frames; were they a body to a proxy in front, one could
/// smuggle requests in it.
fn check_no_body(head: &RequestHead) -> Result<(), Refusal> {
    let lengths = count(head, "content-length");
    let has_transfer_encoding = count(head, "transfer-encoding") > 0;
    let offence = if has_transfer_encoding && lengths > 0 {
        "Transfer-Encoding and Content-Length exclude each other."
    } else if lengths > 1 {
        "The request has more than one Content-Length."
    } else if has_transfer_encoding || (lengths == 1 && !is_zero_length(head)) {
        "A WebSocket handshake has no body."
    } else {
        return Ok(());
    };
    Err(Refusal::bad_request(offence))
}

fn is_zero_length(head: &RequestHead) -> bool {
    the_only(head, "content-length")
        .is_some_and(|length| !length.is_empty() && length.iter().all(|&digit| digit == b'0'))
}

fn count(head: &RequestHead, name: &str) -> usize {
    head.headers.get_all(name).iter().count()
}

/// The value of a header that must not be repeated.
fn the_only<'a>(head: &'a RequestHead, name: &str) -> Option<&'a [u8]> {
    let mut values = head.headers.get_all(name).iter();
    let value = values.next()?;
    values.next().is_none().then_some(value.as_bytes())
}

fn list_contains(head: &RequestHead, name: &str, token: &str) -> bool {
    list_elements(head, name).any(|element| element.eq_ignore_ascii_case(token))
}

fn list_elements<'a>(head: &'a RequestHead, name: &str) -> impl Iterator<Item = &'a str> + use<'a> {
    let lines = head.headers.get_all(name).into_iter();
    lines
        .filter_map(|value| std::str::from_utf8(value.as_bytes()).ok())
        .flat_map(|line| line.split(','))
        .map(|element| element.trim_matches([' ', '\t']))
        .filter(|element| !element.is_empty())
}

fn is_key(value: &[u8]) -> bool {
    // The decoder wants room for 18 bytes before it looks at the padding.
    let mut key = [0; KEY_BASE64_BYTES / 4 * 3];
    value.len() == KEY_BASE64_BYTES && KEY_DECODER.decode_slice(value, &mut key) == Ok(16)
}

#[cfg(test)]
mod tests {
    use bytes::BytesMut;

    use super::super::{HeadScanner, parse_head, write_switching_protocols};
    use super::*;

    const SOUND: &str = "GET /ws HTTP/1.1\r\nHost: example.com\r\nUpgrade: websocket\r\n\
                         Connection: Upgrade\r\nSec-WebSocket-Version: 13\r\n\
                         Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n";

    fn check(text: &str) -> Result<UpgradeRequest, Refusal> {
        assert_eq!(
            HeadScanner::new().scan(text.as_bytes(), 4_096),
            Ok(Some(text.len())),
            "{text}"
        );
        check_upgrade(parse_head(&mut BytesMut::from(text)).expect(text))
    }

    /// The sound handshake with one piece of text put in another's place.
    fn changed(from: &str, to: &str) -> String {
        assert!(SOUND.contains(from), "{from}");
        SOUND.replace(from, to)
    }

    fn with_header(line: &str) -> String {
        changed("Host:", &format!("{line}\r\nHost:"))
    }

    #[test]
    fn check_upgrade_takes_sound_handshakes_however_they_are_spelled() {
        for text in [
            SOUND.to_owned(),
            SOUND
                .to_lowercase()
                .replace("get /ws http", "GET /ws HTTP")
                .replace("dghlihnhbxbszsbub25jzq==", "dGhlIHNhbXBsZSBub25jZQ=="),
            changed("Upgrade: websocket", "UPGRADE: WebSocket"),
            changed("Upgrade: websocket", "Upgrade: h2c , \twebsocket"),
            changed("Upgrade: websocket", "Upgrade: h2c\r\nUpgrade: websocket"),
            changed("Connection: Upgrade", "Connection: keep-alive, UPGRADE"),
            changed("Connection: Upgrade", "Connection: ,,upgrade,"),
            changed(
                "Connection: Upgrade",
                "Connection: keep-alive\r\nConnection: upgrade",
            ),
            with_header("Content-Length: 0"),
            with_header("Content-Length: 00"),
            changed("GET /ws", "GET http://example.com/ws"),
            changed("example.com", ""),
            // The example key of RFC 6455, section 4.1.
            changed("dGhlIHNhbXBsZSBub25jZQ==", "AQIDBAUGBwgJCgsMDQ4PEC=="),
        ] {
            let request = check(&text).unwrap_or_else(|refusal| panic!("{text}: {refusal:?}"));
            assert_eq!(request.path(), "/ws");
        }
    }

    #[test]
    fn check_upgrade_refuses_each_offence_with_its_status() {
        let key = "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n";
        for (text, status) in [
            (changed("GET", "POST"), 405),
            (changed("GET", "HEAD"), 405),
            (changed("GET", "get"), 405),
            (changed("GET /ws", "OPTIONS *"), 405),
            (changed("HTTP/1.1", "HTTP/1.0"), 426),
            (with_header("Content-Length: 1"), 400),
            (with_header("Content-Length: "), 400),
            (with_header("Content-Length: -0"), 400),
            (with_header("Content-Length: 0, 0"), 400),
            (with_header("Content-Length: 0\r\nContent-Length: 0"), 400),
            (with_header("Content-Length: 0\r\nContent-Length: 5"), 400),
            (with_header("Transfer-Encoding: chunked"), 400),
            (with_header("Transfer-Encoding: identity"), 400),
            (
                with_header("Transfer-Encoding: chunked\r\nContent-Length: 0"),
                400,
            ),
            (changed("GET /ws", "GET *"), 400),
            (changed("GET /ws", "GET example.com:80"), 400),
            (changed("Host: example.com\r\n", ""), 400),
            (with_header("Host: other.example"), 400),
            (with_header("Host: example.com"), 400),
            (changed("example.com", "a@example.com"), 400),
            (changed("Upgrade: websocket\r\n", ""), 426),
            (changed("Upgrade: websocket", "Upgrade: h2c"), 426),
            (changed("Upgrade: websocket", "Upgrade: websockets"), 426),
            (changed("Connection: Upgrade\r\n", ""), 426),
            (
                changed("Connection: Upgrade", "Connection: keep-alive"),
                426,
            ),
            (
                changed("Connection: Upgrade", "Connection: not-upgrade"),
                426,
            ),
            (changed("Sec-WebSocket-Version: 13\r\n", ""), 426),
            (changed("Version: 13", "Version: 8"), 426),
            (changed("Version: 13", "Version: 013"), 426),
            (changed("Version: 13", "Version: 13, 8"), 426),
            (with_header("Sec-WebSocket-Version: 13"), 426),
            (with_header("Sec-WebSocket-Version: 8"), 426),
            (changed(key, ""), 400),
            (with_header(key.trim_end()), 400),
            (changed("dGhlIHNhbXBsZSBub25jZQ==", ""), 400),
            (
                changed("dGhlIHNhbXBsZSBub25jZQ==", "dGhlIHNhbXBsZSBub25jZQ"),
                400,
            ),
            (
                changed("dGhlIHNhbXBsZSBub25jZQ==", "dGhlIHNhbXBsZSBub25jZQ=a"),
                400,
            ),
            (
                changed("dGhlIHNhbXBsZSBub25jZQ==", "dGhlIHNhbXBsZSBub25jZXM="),
                400,
            ),
            (
                changed("dGhlIHNhbXBsZSBub25jZQ==", "dGhlIHNhbXBsZSBub25jZXMh"),
                400,
            ),
            (
                changed("dGhlIHNhbXBsZSBub25jZQ==", "dGhl-HNhbXBsZSBub25jZQ=="),
                400,
            ),
            (changed("dGhlIHNhbXBsZSBub25jZQ==", "c2hvcnQ="), 400),
        ] {
            let refusal = check(&text).expect_err(&text);
            assert_eq!(refusal.status, status, "{text}");
            let upgrade = ("Upgrade".into(), "websocket".into());
            let version = ("Sec-WebSocket-Version".into(), "13".into());
            assert_eq!(refusal.headers.contains(&upgrade), status == 426, "{text}");
            assert_eq!(refusal.headers.contains(&version), status == 426, "{text}");
        }
    }

    #[test]
    fn refusal_of_head_has_no_content() {
        let refused = |method| check(&changed("GET", method)).expect_err("no GET");
        assert_eq!(refused("HEAD"), refused("POST").without_content());
    }

    #[test]
    fn upgrade_request_tells_what_the_head_held() {
        let text = changed("/ws", "/ws/a%2Fb?token=x%20y&n").replace(
            "Host:",
            "Origin: https://a.example\r\nX-Name: Ünal\r\nX-Odd: a\r\nX-Odd: b\r\n\
             Sec-WebSocket-Protocol: a b, chat.v2, \"c\", chat.v1 ,\r\nSec-WebSocket-Protocol: chat\r\nHost:",
        );
        let request = check(&text).expect("sound");
        assert_eq!(request.path(), "/ws/a%2Fb");
        assert_eq!(request.query(), Some("token=x%20y&n"));
        assert_eq!(request.header("ORIGIN"), Some("https://a.example"));
        assert_eq!(request.header("x-name"), Some("Ünal"));
        assert_eq!(request.header("x-odd"), Some("a"));
        assert_eq!(request.header("no such name"), None);
        assert_eq!(request.key(), "dGhlIHNhbXBsZSBub25jZQ==");
        let offered: Vec<_> = request.subprotocols().collect();
        assert_eq!(offered, ["chat.v2", "chat.v1", "chat"]);
        assert_eq!(check(SOUND).expect("sound").query(), None);
    }

    #[test]
    fn switching_protocols_is_written_line_by_line() {
        let request = check(SOUND).expect("sound");
        let mut out = Vec::new();
        let headers = [
            ("Set-Cookie", "a=1"),
            ("Set-Cookie", "b=2\r\nX-Forged: c"),
            ("Set-Cookie", "d=4"),
        ];
        write_switching_protocols(&mut out, &request, Some("chat"), &headers);
        assert_eq!(
            String::from_utf8_lossy(&out),
            "HTTP/1.1 101 Switching Protocols\r\n\
             Upgrade: websocket\r\n\
             Connection: Upgrade\r\n\
             Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\
             Sec-WebSocket-Protocol: chat\r\n\
             Set-Cookie: a=1\r\n\
             Set-Cookie: d=4\r\n\
             \r\n"
        );
    }
}
