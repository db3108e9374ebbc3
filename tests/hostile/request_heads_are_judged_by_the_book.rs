//! Goal: whatever two readers of a request head could understand differently is refused; all else that
//! RFC 9110, RFC 9112 and RFC 6455 allow is upgraded.
//! Method: one table of heads for each class of doubt.

use super::heads::{Row, UPGRADED, changed, good, hold, row, target, with};
use super::support::strav;

const KEY: &str = "dGhlIHNhbXBsZSBub25jZQ==";
const KEY_LINE: &str = "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n";

#[test]
fn line_endings_and_folding() {
    hold(
        &[],
        &[
            row("as it should be", good(), UPGRADED),
            row("line feeds alone", good().replace("\r\n", "\n"), 400),
            row("carriage returns alone", good().replace("\r\n", "\r"), 400),
            row(
                "a bare LF after the first line",
                changed("1.1\r\n", "1.1\n"),
                400,
            ),
            row(
                "a bare LF after a header",
                changed("localhost\r\n", "localhost\n"),
                400,
            ),
            row(
                "a bare LF in a header",
                changed("localhost", "local\nX: host"),
                400,
            ),
            row(
                "a bare CR in a header",
                changed("localhost", "local\rhost"),
                400,
            ),
            row("CR CR LF", changed("localhost\r\n", "localhost\r\r\n"), 400),
            row("LF CR", changed("localhost\r\n", "localhost\n\r"), 400),
            row(
                "a bare LF for the blank line",
                changed("\r\n\r\n", "\r\n\n"),
                400,
            ),
            row(
                "a CR in the blank line",
                changed("\r\n\r\n", "\r\n\r\r\n"),
                400,
            ),
            row("a blank line first", format!("\r\n{}", good()), 400),
            row("a header folded by a space", with("X: a\r\n b"), 400),
            row("a header folded by a tab", with("X: a\r\n\tb"), 400),
            row(
                "a folded first header",
                changed("1.1\r\n", "1.1\r\n X: a\r\n"),
                400,
            ),
            row(
                "a line of spaces for the blank line",
                changed("\r\n\r\n", "\r\n  \r\n\r\n"),
                400,
            ),
        ],
    );
}

#[test]
fn nul_and_control_bytes() {
    let mut rows = vec![
        row("tabs within a value", with("X: a\tb"), UPGRADED),
        row("tabs around a value", with("X:\t a \t"), UPGRADED),
        row(
            "Latin-1 in a value",
            bytes(&with("X: a\x01b"), 0xe9),
            UPGRADED,
        ),
        row(
            "a byte of no charset in a value",
            bytes(&with("X: a\x01b"), 0xff),
            UPGRADED,
        ),
        row("Latin-1 in a name", bytes(&with("X\x01: a"), 0xe9), 400),
        row(
            "Latin-1 in the method",
            bytes(&changed("GET", "GE\x01T"), 0xe9),
            400,
        ),
        row(
            "Latin-1 in the target",
            bytes(&target("/_broadcast?\x01"), 0xe9),
            400,
        ),
    ];
    for control in (0..0x20)
        .filter(|byte| !b"\t\r\n".contains(byte))
        .chain([0x7f])
    {
        for (place, head) in [
            ("the method", changed("GET", "GE\x01T")),
            ("the target", target("/_broadcast?\x01")),
            ("the version", changed("HTTP/1.1", "HTTP/1.1\x01")),
            ("a name", with("X\x01: a")),
            ("a value", with("X: a\x01b")),
            ("the last value", changed("\r\n\r\n", "\x01\r\n\r\n")),
        ] {
            rows.push(row(
                format!("{control:#04x} in {place}"),
                bytes(&head, control),
                400,
            ));
        }
    }
    rows.push(row("a tab for a space", changed("GET ", "GET\t"), 400));
    rows.push(row("a tab in a name", with("X\t: a"), 400));
    hold(&[], &rows);
}

/// `head` with `byte` in the place of its 0x01.
fn bytes(head: &str, byte: u8) -> Vec<u8> {
    let bytes = head.bytes();
    bytes.map(|it| if it == 1 { byte } else { it }).collect()
}

#[test]
fn duplicate_missing_and_malformed_headers() {
    let mut rows = vec![
        row("a cookie twice", with("Cookie: a\r\nCookie: b"), UPGRADED),
        row("an empty header", with("X:"), UPGRADED),
        row("an empty host", changed("localhost", ""), UPGRADED),
        row(
            "a host with a port",
            changed("localhost", "localhost:7001"),
            UPGRADED,
        ),
        row(
            "a host with an empty port",
            changed("localhost", "localhost:"),
            UPGRADED,
        ),
        row("an IPv6 host", changed("localhost", "[::1]:7001"), UPGRADED),
        row("no host", changed("Host: localhost\r\n", ""), 400),
        row("two hosts", with("Host: other"), 400),
        row("the same host twice", with("Host: localhost"), 400),
        row("two hosts of different case", with("hOST: other"), 400),
        row("no key", changed(KEY_LINE, ""), 400),
        row("two keys", with(KEY_LINE.trim_end()), 400),
        row("an empty key", changed(KEY, ""), 400),
        row(
            "a key of 15 bytes",
            changed(KEY, "dGhlIHNhbXBsZSBub25j"),
            400,
        ),
        row(
            "a key of 17 bytes",
            changed(KEY, "dGhlIHNhbXBsZSBub25jZWE="),
            400,
        ),
        row(
            "a key that is no base64",
            changed(KEY, "dGhl*HNhbXBsZSBub25jZQ=="),
            400,
        ),
        row(
            "two keys in one",
            changed(KEY, &format!("{KEY}, {KEY}")),
            400,
        ),
        row("a space before the colon", with("X : a"), 400),
        row("a header without a colon", with("X"), 400),
        row("a header without a name", with(": a"), 400),
    ];
    for host in [
        "a b", "a/b", "a@b", "a?b", "a#b", "a\\b", "a,b:x", "a:b", "a:1:2", "[::1", "::1", "a%",
        "a%zz", "<a>",
    ] {
        rows.push(row(
            format!("the host {host}"),
            changed("localhost", host),
            400,
        ));
    }
    hold(&[], &rows);
}

#[test]
fn content_length_and_transfer_encoding() {
    let refused = [
        "Content-Length: 1",
        "Content-Length: 18446744073709551616",
        "Content-Length:",
        "Content-Length: +0",
        "Content-Length: -0",
        "Content-Length: 0x0",
        "Content-Length: 0, 0",
        "Content-Length: 0\r\nContent-Length: 0",
        "Content-Length: 0\r\ncontent-length: 44",
        "Transfer-Encoding: chunked",
        "Transfer-Encoding: identity",
        "Transfer-Encoding: xchunked",
        "Transfer-Encoding:",
        "Transfer-Encoding: chunked\r\nTransfer-Encoding: identity",
        "Transfer-Encoding: chunked\r\nContent-Length: 0",
        "Content-Length: 5\r\nTransfer-Encoding: chunked",
        "Transfer-Encoding : chunked",
        "Transfer_Encoding\r\n: chunked",
    ];
    let mut rows: Vec<Row> = refused.map(|lines| row(lines, with(lines), 400)).into();
    rows.push(row(
        "a body of nothing",
        with("Content-Length: 0"),
        UPGRADED,
    ));
    rows.push(row("100-continue", with("Expect: 100-continue"), UPGRADED));
    rows.push(row(
        "trailers",
        with("Trailer: X\r\nTE: trailers"),
        UPGRADED,
    ));
    hold(&[], &rows);
}

#[test]
fn versions() {
    let mut rows = vec![row(
        "HTTP/1.0, whose Upgrade counts for nothing",
        changed("HTTP/1.1", "HTTP/1.0"),
        426,
    )];
    for version in [
        "HTTP/0.9",
        "HTTP/1.10",
        "HTTP/1",
        "HTTP/1.",
        "HTTP/11",
        "HTTP/2.0",
        "HTTP/3",
        "http/1.1",
        "HTTP/1.1 ",
        " HTTP/1.1",
        "HTTP/01.1",
        "HTTP 1.1",
        "HTTPS/1.1",
        "ICY/1.1",
        "",
    ] {
        rows.push(row(
            format!("{version:?}"),
            changed("HTTP/1.1", version),
            400,
        ));
    }
    rows.push(row("no version", changed(" HTTP/1.1", ""), 400));
    let preface = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
    rows.push(row("the preface of HTTP/2", preface, 400));
    rows.push(row(
        "a ClientHello of TLS",
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n",
        400,
    ));
    for version in [
        "12", "14", "013", "+13", "13.0", "", "13, 8", "8, 13", "13 8", "x",
    ] {
        let head = changed("Version: 13", &format!("Version: {version}"));
        rows.push(row(format!("version {version:?} of WebSocket"), head, 426));
    }
    rows.push(row(
        "two versions of WebSocket",
        with("Sec-WebSocket-Version: 13"),
        426,
    ));
    rows.push(row(
        "no version of WebSocket",
        changed("Sec-WebSocket-Version: 13\r\n", ""),
        426,
    ));
    hold(&[], &rows);
}

#[test]
fn methods() {
    let mut rows = Vec::new();
    for method in [
        "HEAD", "POST", "PUT", "DELETE", "OPTIONS", "TRACE", "PATCH", "get", "Get", "GETT", "GE",
        "XGET", "G#T",
    ] {
        rows.push(row(method, changed("GET", method), 405));
    }
    rows.push(row(
        "OPTIONS *",
        changed("GET /_broadcast", "OPTIONS *"),
        405,
    ));
    rows.push(row(
        "CONNECT",
        changed("GET /_broadcast", "CONNECT a:80"),
        405,
    ));
    for method in [
        "", " GET", "GET ", "G T", "G(T", "G\"T", "GET:", "GET,", "{GET}", "G/T",
    ] {
        rows.push(row(format!("{method:?}"), changed("GET", method), 400));
    }
    hold(&[], &rows);
}

#[test]
fn tokens_of_connection_and_upgrade() {
    let mut rows = Vec::new();
    for (value, status) in [
        ("upgrade", UPGRADED),
        ("UPGRADE", UPGRADED),
        ("keep-alive, Upgrade", UPGRADED),
        ("Upgrade,keep-alive", UPGRADED),
        (", ,\tupgrade ,", UPGRADED),
        ("keep-alive\r\nConnection: upgrade", UPGRADED),
        ("", 426),
        ("keep-alive", 426),
        ("upgrades", 426),
        ("not-upgrade", 426),
        ("up grade", 426),
        ("\"upgrade\"", 426),
        ("upgrade;q=1", 426),
        ("keep-alive; upgrade", 426),
    ] {
        let head = changed("Connection: Upgrade", &format!("Connection: {value}"));
        rows.push(row(format!("Connection: {value}"), head, status));
    }
    for (value, status) in [
        ("WebSocket", UPGRADED),
        ("WEBSOCKET", UPGRADED),
        ("h2c, websocket", UPGRADED),
        ("h2c\r\nUpgrade: websocket", UPGRADED),
        ("", 426),
        ("h2c", 426),
        ("websockets", 426),
        ("websocket/13", 426),
        ("web socket", 426),
        ("\"websocket\"", 426),
    ] {
        let head = changed("Upgrade: websocket", &format!("Upgrade: {value}"));
        rows.push(row(format!("Upgrade: {value}"), head, status));
    }
    rows.push(row(
        "no Connection",
        changed("Connection: Upgrade\r\n", ""),
        426,
    ));
    rows.push(row(
        "no Upgrade",
        changed("Upgrade: websocket\r\n", ""),
        426,
    ));
    hold(&[], &rows);
}

#[test]
fn sizes() {
    let limit = 16 * 1024;
    let rows = |limit: usize| {
        let headers = |count: usize| with(&vec!["X: a"; count - 5].join("\r\n"));
        vec![
            row("exactly the limit", padded(limit), UPGRADED),
            row("one byte more", padded(limit + 1), 431),
            row("96 headers", headers(96), UPGRADED),
            row("97 headers", headers(97), 431),
            row("10,000 headers", headers(10_000), 431),
            row(
                "a name of 256 bytes",
                with(&format!("{}: a", "x".repeat(256))),
                UPGRADED,
            ),
            row(
                "a name of 257 bytes",
                with(&format!("{}: a", "x".repeat(257))),
                431,
            ),
            row(
                "a value of 2 MiB",
                with(&format!("X: {}", "x".repeat(2 << 20))),
                431,
            ),
            row("a name of 2 MiB", with(&"x".repeat(2 << 20)), 431),
            row("a target of 2 MiB", target(&"/x".repeat(1 << 20)), 431),
            row(
                "a method of 2 MiB",
                changed("GET", &"G".repeat(2 << 20)),
                431,
            ),
        ]
    };
    hold(&[], &rows(limit));
    hold(&["--max-head-bytes", "1MiB"], &rows(1 << 20));
    hold(
        &["--max-head-bytes", "1KiB"],
        &[
            row("exactly the limit", padded(1_024), UPGRADED),
            row("one byte more", padded(1_025), 431),
        ],
    );
}

/// A good request of this many bytes.
fn padded(len: usize) -> String {
    let padding = len - with("X: ").len();
    with(&format!("X: {}", "x".repeat(padding)))
}

#[test]
fn paths() {
    let path = strav::PATH;
    let mut rows = Vec::new();
    for found in [
        "/_broadcast?",
        "/_broadcast?a=1&b=%00",
        "/_broadcast??/..",
        "http://localhost/_broadcast",
        "http://other.example:80/_broadcast?a",
        "ws://localhost/_broadcast",
    ] {
        rows.push(row(found, target(found), UPGRADED));
    }
    for missing in [
        "/",
        "//",
        "/_broadcast/",
        "//_broadcast",
        "/_Broadcast",
        "/%5Fbroadcast",
        "/_broadcast%00",
        "/_broadcast%3F",
        "/_broadcast;a",
        "/x/../_broadcast",
        "/./_broadcast",
        "/_broadcast/..",
        "/..",
        "/../../etc/passwd",
        "/%2e%2e/_broadcast",
        "/\\_broadcast",
        "http://localhost",
        "http://localhost/",
        "/http://localhost/_broadcast",
    ] {
        rows.push(row(missing, target(missing), 404));
    }
    for wrong in [
        "*",
        "",
        "_broadcast",
        "?a",
        "localhost:80",
        "http://",
        "://localhost/_broadcast",
        "/_broadcast#a",
        "/_broadcast?a#b",
        "http://localhost/_broadcast#",
        "/_broadcast é",
        "/_broadcast?é",
        "/_broad cast",
    ] {
        rows.push(row(format!("{wrong:?}"), target(wrong), 400));
    }
    rows.push(row("two spaces", changed(path, &format!(" {path}")), 400));
    hold(&[], &rows);
}

#[test]
fn origins() {
    let flags = [
        "--allow-origin",
        "https://app.example.com",
        "--allow-origin",
        "https://*.example.org:8443",
    ];
    let mut rows = vec![row("no origin: no browser", good(), UPGRADED)];
    for (origin, status) in [
        ("https://app.example.com", UPGRADED),
        ("https://app.example.com:443", UPGRADED),
        ("HTTPS://App.Example.COM", UPGRADED),
        ("https://a.example.org:8443", UPGRADED),
        ("https://a.b.example.org:8443", UPGRADED),
        ("", 403),
        ("null", 403),
        ("*", 403),
        ("app.example.com", 403),
        ("http://app.example.com", 403),
        ("http://app.example.com:443", 403),
        ("https://app.example.com:8443", 403),
        ("https://app.example.com.", 403),
        ("https://app.example.com/", 403),
        ("https://app.example.com.evil.test", 403),
        ("https://app.example.computer", 403),
        ("https://evil-app.example.com", 403),
        ("https://evil.test/https://app.example.com", 403),
        ("https://evil.test#https://app.example.com", 403),
        ("https://app.example.com@evil.test", 403),
        ("https://evil@app.example.com", 403),
        ("https://app.example.com evil", 403),
        ("https://app.example.com, https://evil.test", 403),
        ("https://evil.test\r\nOrigin: https://app.example.com", 403),
        (
            "https://app.example.com\r\nOrigin: https://app.example.com",
            403,
        ),
        ("https://example.org:8443", 403),
        ("https://.example.org:8443", 403),
        ("https://a..example.org:8443", 403),
        ("https://evilexample.org:8443", 403),
        ("https://a.example.org", 403),
        ("https://a.example.org:8443.evil.test", 403),
        ("https://a.example.org.:8443", 403),
    ] {
        rows.push(row(origin, with(&format!("Origin: {origin}")), status));
    }
    hold(&flags, &rows);
}

#[test]
fn subprotocols_and_extensions() {
    let mut rows: Vec<Row> = [
        ("chat", "chat"),
        ("chat, superchat\r\nSec-WebSocket-Protocol: third", "chat"),
        (", ,\tsuperchat ,", "superchat"),
        ("a b, \"c\", \u{e9}, (d), chat", "chat"),
    ]
    .map(|(offers, agreed)| offer(offers).agreeing_to(agreed))
    .into();
    rows.extend(["", ", ,", "a b", "\u{e9}", "\"chat\"", "a/b"].map(offer));
    // None is known, and none that is malformed is a reason to refuse.
    for extensions in [
        "permessage-deflate; client_max_window_bits",
        "x; y=\"",
        ";,=",
    ] {
        let head = with(&format!("Sec-WebSocket-Extensions: {extensions}"));
        rows.push(row(extensions, head, UPGRADED));
    }
    hold(&[], &rows);
}

/// A request that offers subprotocols.
fn offer(offers: &str) -> Row {
    let head = with(&format!("Sec-WebSocket-Protocol: {offers}"));
    row(offers, head, UPGRADED)
}
