//! The two answers to a handshake: the switch of protocols, or a refusal that says why.

use std::borrow::Cow;

use ::http::StatusCode;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use sha1::{Digest, Sha1};

use super::head_scanner::{is_token_byte, is_value_byte};
use super::upgrade::UpgradeRequest;

/// What a server appends to the client's key before hashing. Source: RFC 6455, section 1.3.
const KEY_GUID: &[u8] = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11";

/// An answer that is not the one hoped for, after which the connection closes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusal {
    /// The status; its usual reason phrase is written beside it.
    pub status: StatusCode,
    /// Headers beyond `Content-Type`, `Content-Length` and `Connection: close`.
    pub headers: Vec<(Cow<'static, str>, Cow<'static, str>)>,
    /// One sentence of plain text for whoever debugs the client; empty where no content may be.
    pub body: Cow<'static, str>,
}

impl Refusal {
    /// A refusal without further headers.
    #[must_use]
    pub fn new(status: StatusCode, body: impl Into<Cow<'static, str>>) -> Self {
        Self {
            status,
            headers: Vec::new(),
            body: body.into(),
        }
    }

    /// The same with one more header.
    #[must_use]
    pub fn with_header(
        mut self,
        name: impl Into<Cow<'static, str>>,
        value: impl Into<Cow<'static, str>>,
    ) -> Self {
        self.headers.push((name.into(), value.into()));
        self
    }

    /// The same without the sentence: the answer to HEAD, behind which a client reads no content and
    /// would take it for another answer (RFC 9110, section 9.3.2).
    #[must_use]
    pub fn without_content(mut self) -> Self {
        self.body = Cow::Borrowed("");
        self
    }

    /// 400: the request breaks the protocol.
    #[must_use]
    pub fn bad_request(body: impl Into<Cow<'static, str>>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, body)
    }

    /// 404: no endpoint has this path.
    #[must_use]
    pub fn not_found() -> Self {
        Self::new(StatusCode::NOT_FOUND, "There is no endpoint at this path.")
    }

    /// 405: a handshake is a GET.
    #[must_use]
    pub fn method_not_allowed() -> Self {
        Self::new(
            StatusCode::METHOD_NOT_ALLOWED,
            "A WebSocket handshake uses the method GET.",
        )
        .with_header("Allow", "GET")
    }

    /// 408: the head did not arrive in time.
    #[must_use]
    pub fn request_timeout() -> Self {
        Self::new(
            StatusCode::REQUEST_TIMEOUT,
            "The request head did not arrive in time.",
        )
    }

    /// 426: the request does not ask for the one protocol spoken here, WebSocket version 13.
    #[must_use]
    pub fn upgrade_required(body: impl Into<Cow<'static, str>>) -> Self {
        Self::new(StatusCode::UPGRADE_REQUIRED, body)
            .with_header("Upgrade", "websocket")
            .with_header("Connection", "Upgrade")
            .with_header("Sec-WebSocket-Version", "13")
    }

    /// 431: the head, or a part of it, is larger than allowed.
    #[must_use]
    pub fn head_too_large(body: impl Into<Cow<'static, str>>) -> Self {
        Self::new(StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE, body)
    }

    /// 401: the request shows no token that opens this endpoint.
    #[must_use]
    pub fn unauthorized() -> Self {
        Self::new(
            StatusCode::UNAUTHORIZED,
            "This endpoint needs a valid token.",
        )
        .with_header("WWW-Authenticate", "Bearer")
    }

    /// 403: the page that asks is not one of those that may.
    #[must_use]
    pub fn origin_not_allowed() -> Self {
        Self::new(
            StatusCode::FORBIDDEN,
            "Pages of this origin may not connect here.",
        )
    }

    /// 429: too much from one address; the client may try again after so many seconds.
    #[must_use]
    pub fn too_many_requests(retry_after_s: u32) -> Self {
        Self::new(
            StatusCode::TOO_MANY_REQUESTS,
            "Too many connections come from this address.",
        )
        .with_header("Retry-After", retry_after_s.to_string())
    }

    /// 503: not now; the client may try again after so many seconds.
    #[must_use]
    pub fn unavailable(retry_after_s: u32) -> Self {
        Self::new(
            StatusCode::SERVICE_UNAVAILABLE,
            "The server takes no connections at the moment.",
        )
        .with_header("Retry-After", retry_after_s.to_string())
    }
}

/// Appends the whole response to a request that was refused.
///
/// A header whose name or value could not stand in a response is left out.
///
/// # Examples
///
/// ```
/// use shardcast::codec::http::{Refusal, write_refusal};
///
/// let mut out = Vec::new();
/// write_refusal(&mut out, &Refusal::unavailable(5));
/// let text = String::from_utf8_lossy(&out);
/// assert!(text.starts_with("HTTP/1.1 503 Service Unavailable\r\n"));
/// assert!(text.contains("Retry-After: 5\r\n"));
/// assert!(text.ends_with("\r\n\r\nThe server takes no connections at the moment."));
/// ```
pub fn write_refusal(out: &mut Vec<u8>, refusal: &Refusal) {
    let reason = refusal.status.canonical_reason().unwrap_or_default();
    out.extend_from_slice(b"HTTP/1.1 ");
    out.extend_from_slice(refusal.status.as_str().as_bytes());
    out.push(b' ');
    out.extend_from_slice(reason.as_bytes());
    out.extend_from_slice(b"\r\n");
    if !refusal.body.is_empty() {
        write_header(out, "Content-Type", "text/plain; charset=utf-8");
        write_header(out, "Content-Length", &refusal.body.len().to_string());
    }
    write_header(out, "Connection", "close");
    for (name, value) in &refusal.headers {
        write_header(out, name, value);
    }
    out.extend_from_slice(b"\r\n");
    out.extend_from_slice(refusal.body.as_bytes());
}

/// Appends the response after which both sides speak WebSocket.
///
/// `subprotocol` is the one of the client's offers that was chosen. `headers` come on top, one line
/// each (so that several `Set-Cookie` stay apart); one whose name is no token or whose value holds
/// a control character is left out, for it could forge another line.
///
/// Source: RFC 6455, section 4.2.2.
///
/// # Examples
///
/// ```
/// use bytes::BytesMut;
/// use shardcast::codec::http::{check_upgrade, parse_head, write_switching_protocols};
///
/// let mut received = BytesMut::from(
///     "GET /ws HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
///      Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n",
/// );
/// let request = check_upgrade(parse_head(&mut received)?).expect("a sound handshake");
/// let mut out = Vec::new();
/// write_switching_protocols(&mut out, &request, None, &[("Set-Cookie", "a=1")]);
/// let text = String::from_utf8_lossy(&out);
/// assert!(text.starts_with("HTTP/1.1 101 Switching Protocols\r\n"));
/// assert!(text.contains("Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n"));
/// assert!(text.ends_with("Set-Cookie: a=1\r\n\r\n"));
/// # Ok::<(), shardcast::codec::http::HeadError>(())
/// ```
pub fn write_switching_protocols(
    out: &mut Vec<u8>,
    request: &UpgradeRequest,
    subprotocol: Option<&str>,
    headers: &[(&str, &str)],
) {
    out.extend_from_slice(b"HTTP/1.1 101 Switching Protocols\r\n");
    write_header(out, "Upgrade", "websocket");
    write_header(out, "Connection", "Upgrade");
    write_header(out, "Sec-WebSocket-Accept", &accept_key(request.key()));
    if let Some(subprotocol) = subprotocol {
        write_header(out, "Sec-WebSocket-Protocol", subprotocol);
    }
    for (name, value) in headers {
        write_header(out, name, value);
    }
    out.extend_from_slice(b"\r\n");
}

/// The proof that a handshake was understood: what `Sec-WebSocket-Accept` answers to `key`.
///
/// # Examples
///
/// ```
/// // The example of RFC 6455, section 1.3.
/// let accept = shardcast::codec::http::accept_key("dGhlIHNhbXBsZSBub25jZQ==");
/// assert_eq!(accept, "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=");
/// ```
#[must_use]
pub fn accept_key(key: &str) -> String {
    let hash = Sha1::new()
        .chain_update(key)
        .chain_update(KEY_GUID)
        .finalize();
    STANDARD.encode(hash)
}

/// One header line, or nothing if name or value would break it.
fn write_header(out: &mut Vec<u8>, name: &str, value: &str) {
    let is_sound =
        !name.is_empty() && name.bytes().all(is_token_byte) && value.bytes().all(is_value_byte);
    if is_sound {
        for part in [name, ": ", value, "\r\n"] {
            out.extend_from_slice(part.as_bytes());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(refusal: &Refusal) -> String {
        let mut out = Vec::new();
        write_refusal(&mut out, refusal);
        String::from_utf8(out).expect("made of text")
    }

    #[test]
    fn write_refusal_writes_a_whole_response() {
        assert_eq!(
            written(&Refusal::method_not_allowed()),
            "HTTP/1.1 405 Method Not Allowed\r\n\
             Content-Type: text/plain; charset=utf-8\r\n\
             Content-Length: 42\r\n\
             Connection: close\r\n\
             Allow: GET\r\n\
             \r\n\
             A WebSocket handshake uses the method GET."
        );
    }

    #[test]
    fn refusal_without_content_announces_none() {
        assert_eq!(
            written(&Refusal::method_not_allowed().without_content()),
            "HTTP/1.1 405 Method Not Allowed\r\nConnection: close\r\nAllow: GET\r\n\r\n"
        );
    }

    #[test]
    fn each_refusal_has_its_status_and_headers() {
        for (refusal, status_line, header) in [
            (
                Refusal::bad_request("No."),
                "400 Bad Request",
                "Content-Length: 3",
            ),
            (Refusal::not_found(), "404 Not Found", "Connection: close"),
            (
                Refusal::method_not_allowed(),
                "405 Method Not Allowed",
                "Allow: GET",
            ),
            (
                Refusal::request_timeout(),
                "408 Request Timeout",
                "Connection: close",
            ),
            (
                Refusal::upgrade_required("No."),
                "426 Upgrade Required",
                "Upgrade: websocket",
            ),
            (
                Refusal::upgrade_required("No."),
                "426 Upgrade Required",
                "Connection: Upgrade",
            ),
            (
                Refusal::upgrade_required("No."),
                "426 Upgrade Required",
                "Sec-WebSocket-Version: 13",
            ),
            (
                Refusal::head_too_large("No."),
                "431 Request Header Fields Too Large",
                "Content-Type: text/plain; charset=utf-8",
            ),
            (
                Refusal::unavailable(30),
                "503 Service Unavailable",
                "Retry-After: 30",
            ),
        ] {
            let text = written(&refusal);
            assert!(
                text.starts_with(&format!("HTTP/1.1 {status_line}\r\n")),
                "{text}"
            );
            assert!(text.contains(&format!("\r\n{header}\r\n")), "{text}");
        }
    }

    #[test]
    fn content_length_counts_bytes_not_characters() {
        assert!(written(&Refusal::bad_request("Über")).contains("Content-Length: 5\r\n"));
    }

    #[test]
    fn header_that_would_break_its_line_is_left_out() {
        let plain = Refusal::bad_request("No.");
        for (name, value) in [
            ("X-A", "a\r\nX-Forged: b"),
            ("X-A", "a\rb"),
            ("X-A", "a\nb"),
            ("X-A", "a\0b"),
            ("X-A: b\r\nX-Forged", "c"),
            ("X A", "b"),
            ("X:A", "b"),
            ("", "b"),
        ] {
            let with_header = plain.clone().with_header(name, value);
            assert_eq!(
                written(&with_header),
                written(&plain),
                "{name:?}: {value:?}"
            );
        }
    }
}
