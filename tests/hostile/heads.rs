//! A table of request heads, and what must hold for each row of each table.

use super::support::client::{Client, Incoming, PING, frame, request};
use super::support::{Server, servers, strav};

/// The status of a request that is upgraded.
pub(super) const UPGRADED: u16 = 101;

/// What the server may grow by over a table, at any time. Its rows send megabytes, and each of them may
/// make it keep its head limit and one receive.
const GROWTH_BYTES_MAX: usize = 4 * 1024 * 1024;

/// A head that is longer is not also sent one byte at a time.
const BYTEWISE_MAX: usize = 20 * 1024;

/// One request head and what must answer it.
pub(super) struct Row {
    what: String,
    head: Vec<u8>,
    status: u16,
    subprotocol: Option<&'static str>,
}

pub(super) fn row(what: impl Into<String>, head: impl Into<Vec<u8>>, status: u16) -> Row {
    Row {
        what: what.into(),
        head: head.into(),
        status,
        subprotocol: None,
    }
}

/// A request that is upgraded.
pub(super) fn good() -> String {
    String::from_utf8(request(strav::PATH)).expect("text")
}

/// The same with `part` of it replaced.
pub(super) fn changed(part: &str, replacement: &str) -> String {
    assert!(good().contains(part), "{part} is not in the request");
    good().replace(part, replacement)
}

/// The same with more header lines.
pub(super) fn with(lines: &str) -> String {
    changed("Host:", &format!("{lines}\r\nHost:"))
}

/// The same asking for another target.
pub(super) fn target(target: &str) -> String {
    changed(strav::PATH, target)
}

/// Sends each row on a connection of its own, at once and byte by byte, with more bytes behind it:
/// frames behind a request that is upgraded, which must be kept; a good request behind one that is
/// not, which nobody must read.
pub(super) fn hold(flags: &[&str], rows: &[Row]) {
    // Without pings a connection that is not ended is soon noticed.
    let flags = [&["--ping-interval", "0"], flags].concat();
    for server in servers(&[1], &flags) {
        // What the first connection leaves behind is not the table's.
        drop(Client::open(server.addr));
        let peak_bytes = server.peak_resident_bytes();
        let (mut upgraded, mut refused) = (1, 0);
        for row in rows {
            for is_split in [false, true] {
                if is_split && row.head.len() > BYTEWISE_MAX {
                    continue;
                }
                println!(
                    "{}{}",
                    row.what,
                    if is_split { ", byte by byte" } else { "" }
                );
                row.hold(&server, is_split);
                *(if row.is_good() {
                    &mut upgraded
                } else {
                    &mut refused
                }) += 1;
            }
        }
        // Had anything behind a refusal been taken for a request, it would be counted.
        assert_eq!(server.counter("upgraded", ""), upgraded);
        let of_head = server.counter("closed", r#"cause="handshake_refused""#);
        let of_origin = server.counter("closed", r#"cause="origin_refused""#);
        assert_eq!(of_head + of_origin, refused);
        let growth_bytes = server.peak_resident_bytes() - peak_bytes;
        assert!(growth_bytes <= GROWTH_BYTES_MAX, "{growth_bytes} bytes");
    }
}

impl Row {
    /// The subprotocol that the server agrees to; none otherwise.
    pub(super) fn agreeing_to(mut self, subprotocol: &'static str) -> Self {
        self.subprotocol = Some(subprotocol);
        self
    }

    fn is_good(&self) -> bool {
        self.status == UPGRADED
    }

    fn hold(&self, server: &Server, is_split: bool) {
        let mut client = Client::tcp(server.addr);
        let behind = if self.is_good() {
            frame(true, PING, b"behind", [1, 2, 3, 4])
        } else {
            good().into_bytes()
        };
        let bytes = [&self.head[..], &behind].concat();
        let mut pieces = bytes.chunks(if is_split { 1 } else { bytes.len() });
        // A server that has refused need not take the rest.
        let _all = pieces.all(|piece| client.try_send_raw(piece));
        if self.is_good() {
            self.expect_upgrade(&mut client);
        } else {
            self.expect_refusal(&mut client);
        }
    }

    fn expect_upgrade(&self, client: &mut Client) {
        let head = client.head();
        assert!(head.starts_with("HTTP/1.1 101 "), "{}: {head}", self.what);
        let headers = head.lines().filter_map(|line| line.split_once(": "));
        let mut agreed = headers.filter(|(name, _)| name.starts_with("Sec-WebSocket-"));
        let is_accept = |header| matches!(header, Some(("Sec-WebSocket-Accept", _)));
        assert!(is_accept(agreed.next()), "{head}");
        let subprotocol = self
            .subprotocol
            .map(|name| ("Sec-WebSocket-Protocol", name));
        assert_eq!(agreed.next(), subprotocol, "{}", self.what);
        assert_eq!(agreed.next(), None, "{}", self.what);
        assert!(client.text().starts_with(r#"{"t":"welcome""#));
        assert_eq!(client.incoming(), Incoming::Pong(b"behind".to_vec()));
    }

    /// Exactly one response, and the end of the connection.
    fn expect_refusal(&self, client: &mut Client) {
        let response = client.response();
        assert_eq!(response.status, self.status, "{}: {response:?}", self.what);
        assert!(response.head.contains("\r\nConnection: close\r\n"));
        if self.head.starts_with(b"HEAD ") {
            assert_eq!(response.body, "", "{}: {response:?}", self.what);
        } else {
            let length = format!("\r\nContent-Length: {}\r\n", response.body.len());
            assert!(response.head.contains(&length), "{response:?}");
            assert!(response.body.ends_with('.'), "a sentence: {response:?}");
        }
    }
}
