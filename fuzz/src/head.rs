//! The request head, from its first byte to the response.

use bytes::BytesMut;
use shardcast::codec::http::{
    HeadError, HeadScanner, check_upgrade, parse_head, write_refusal, write_switching_protocols,
};

use crate::pieces::cut;

/// Above what libFuzzer makes by itself, so that other errors than this one are found.
const HEAD_BYTES_MAX: usize = 64 * 1_024;

/// Reads `data` as what a connection sent first.
///
/// - However it is split, the scanner finds the same end or the same error, and repeats it.
/// - The limit is exact: a head of `n` bytes passes at `n` and is too large at `n - 1`.
/// - The parser takes exactly what the scanner found, and leaves what follows.
/// - Whatever is answered is one sound response: no line but those written by us, none that the
///   request smuggled in.
pub fn head(data: &[u8]) {
    let whole = HeadScanner::new().scan(data, HEAD_BYTES_MAX);
    assert_eq!(scan(data, 1), whole, "byte by byte");
    assert_eq!(scan(data, 40), whole, "in pieces");
    let head_len = match whole {
        Ok(Some(head_len)) => head_len,
        Ok(None) => return,
        Err(error) => return check_response(|out| write_refusal(out, &error.refusal())),
    };
    assert!(data[..head_len].ends_with(b"\r\n\r\n"));
    assert_eq!(HeadScanner::new().scan(data, head_len), whole);
    let short = HeadScanner::new().scan(data, head_len - 1);
    assert_eq!(short, Err(HeadError::TooLarge));

    let mut received = BytesMut::from(data);
    let parsed = parse_head(&mut received);
    assert_eq!(&received[..], &data[head_len..], "what follows the head");
    let parsed = match parsed {
        Ok(parsed) => parsed,
        Err(error) => {
            assert_eq!(error, HeadError::RequestLine);
            return check_response(|out| write_refusal(out, &error.refusal()));
        }
    };
    match check_upgrade(parsed) {
        Ok(request) => {
            assert!(request.path().starts_with('/'), "{}", request.path());
            assert_eq!(
                (request.headers("host").len(), request.key().len()),
                (1, 24)
            );
            assert_eq!(request.header("sec-websocket-version"), Some("13"));
            let subprotocol = request.subprotocols().next();
            check_response(|out| write_switching_protocols(out, &request, subprotocol, &[]));
        }
        Err(refusal) => {
            assert!(
                refusal.status.is_client_error(),
                "{refusal:?} is the peer's fault"
            );
            check_response(|out| write_refusal(out, &refusal));
        }
    }
}

/// Scans `data` as if it had arrived in pieces of up to `longest` bytes.
fn scan(data: &[u8], longest: u32) -> Result<Option<usize>, HeadError> {
    let mut scanner = HeadScanner::new();
    let mut end = 0;
    for piece in cut(data, longest) {
        end += piece.len();
        let scanned = scanner.scan(&data[..end], HEAD_BYTES_MAX);
        if scanned != Ok(None) {
            let again = scanner.scan(data, HEAD_BYTES_MAX);
            assert_eq!(again, scanned, "the answer is repeated");
            return scanned;
        }
    }
    Ok(None)
}

/// Whether `write` writes one whole response. It is held against the request head's own scanner,
/// for which the status line is as good as a request line.
fn check_response(write: impl FnOnce(&mut Vec<u8>)) {
    const NAMES: [&str; 10] = [
        "upgrade",
        "connection",
        "sec-websocket-accept",
        "sec-websocket-protocol",
        "sec-websocket-version",
        "content-type",
        "content-length",
        "retry-after",
        "allow",
        "date",
    ];
    let mut response = Vec::new();
    write(&mut response);
    let scanned = HeadScanner::new().scan(&response, HEAD_BYTES_MAX);
    let Ok(Some(head_len)) = scanned else {
        panic!("{scanned:?}: {}", String::from_utf8_lossy(&response));
    };
    let head = String::from_utf8_lossy(&response[..head_len - 4]);
    let mut lines = head.split("\r\n");
    let status = lines.next().unwrap_or_default();
    assert!(status.starts_with("HTTP/1.1 "), "{head}");
    let mut body_len = 0;
    for line in lines {
        let (name, value) = line.split_once(": ").expect("a header");
        assert!(NAMES.contains(&&*name.to_ascii_lowercase()), "{head}");
        if name.eq_ignore_ascii_case("content-length") {
            body_len = value.parse().expect("a length");
        }
    }
    assert_eq!(response.len() - head_len, body_len, "{head}");
}
