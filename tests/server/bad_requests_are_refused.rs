//! Goal: a request that is no handshake is refused with the status that tells why, in bounded time
//! and memory, and nobody else notices.
//! Method: a table of requests, each sent by a client of its own that reads to the stream's end;
//! a bystander must get what is published meanwhile.

use std::time::Duration;

use super::support::client::{Client, Response, request};
use super::support::{Server, servers, strav, wait_until};

/// The good request with one part of it replaced.
fn request_with(part: &str, replacement: &str) -> Vec<u8> {
    let good = String::from_utf8(request(strav::PATH)).expect("text");
    assert!(good.contains(part), "{part} is not in the request");
    good.replace(part, replacement).into_bytes()
}

/// What is sent, and the status and header that answer it.
fn refusals() -> Vec<(&'static str, Vec<u8>, u16, &'static str)> {
    let endless = format!("GET / HTTP/1.1\r\nX: {}", "x".repeat(20_000));
    let version_of = "Sec-WebSocket-Version: 13\r\n";
    vec![
        ("an unknown path", request("/nowhere"), 404, ""),
        ("a longer path", request("/_broadcast/x"), 404, ""),
        (
            "a plain request",
            b"GET /_broadcast HTTP/1.1\r\nHost: localhost\r\n\r\n".to_vec(),
            426,
            version_of,
        ),
        (
            "an older version of the protocol",
            request_with("Version: 13", "Version: 8"),
            426,
            version_of,
        ),
        (
            "another protocol",
            request_with("Upgrade: websocket", "Upgrade: h2c"),
            426,
            version_of,
        ),
        (
            "no key",
            request_with("Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n", ""),
            400,
            "",
        ),
        (
            "a key of the wrong length",
            request_with("dGhlIHNhbXBsZSBub25jZQ==", "dGhlIHNhbXBsZQ=="),
            400,
            "",
        ),
        (
            "another method",
            request_with("GET", "POST"),
            405,
            "Allow: GET\r\n",
        ),
        (
            "no HTTP",
            b"\x16\x03\x01\x02\x00\x01\r\n\r\n".to_vec(),
            400,
            "",
        ),
        ("bare line feeds", b"GET / HTTP/1.1\n\n".to_vec(), 400, ""),
        (
            "a header without a colon",
            request_with("Host: ", "Host "),
            400,
            "",
        ),
        (
            "two hosts",
            request_with("Host: ", "Host: other\r\nHost: "),
            400,
            "",
        ),
        ("a head without an end", endless.into_bytes(), 431, ""),
    ]
}

#[test]
fn request_that_is_no_handshake_gets_its_status_and_the_bystander_gets_everything() {
    for server in servers(&[1, 2], &["--allow-publish", "*"]) {
        let mut publisher = Client::open(server.addr);
        let mut bystander = Client::open(server.addr);
        bystander.subscribe("all");
        for (number, (what, bytes, status, header)) in refusals().into_iter().enumerate() {
            println!("{what}");
            let mut client = Client::tcp(server.addr);
            client.send_raw(&bytes);
            publisher.publish("all", "meanwhile", number);
            let response = client.response();
            assert_eq!(response.status, status, "{what}: {response:?}");
            assert!(response.head.contains(header), "{what}: {response:?}");
            assert!(response.head.contains("Connection: close"), "{response:?}");
            assert!(response.body.ends_with('.'), "a sentence: {response:?}");
            assert_eq!(bystander.event().number(), number);
        }
    }
}

#[test]
fn head_that_does_not_end_in_time_gets_408_whatever_trickles_in() {
    for server in servers(&[1, 2], &["--handshake-timeout", "1s"]) {
        let mut silent = Client::tcp(server.addr);
        let mut trickling = Client::tcp(server.addr);
        trickling.send_raw(b"GET /_broadcast HTTP/1.1\r\nX: ");
        // A byte every now and then, until the server has had enough.
        while !trickling.has_input(Duration::from_millis(20)) {
            trickling.try_send_raw(b"x");
        }
        assert_eq!(trickling.response().status, 408);
        assert_eq!(silent.response().status, 408);
        // An upgraded connection is not meant.
        Client::open(server.addr).expect_pong();
    }
}

#[test]
fn connection_beyond_the_limit_gets_503_until_one_leaves() {
    for server in servers(&[1, 2], &["--max-connections", "2"]) {
        let mut first = Client::open(server.addr);
        let second = Client::open(server.addr);
        let response = ask(&server);
        assert_eq!(response.status, 503);
        assert!(response.head.contains("Retry-After: 1\r\n"), "{response:?}");

        drop(second);
        wait_for_a_place(&server);
        first.expect_pong();
    }
}

fn wait_for_a_place(server: &Server) {
    wait_until("a place for one more", || {
        let mut client = Client::tcp(server.addr);
        client.send_raw(&request(strav::PATH));
        client.was_upgraded()
    });
}

fn ask(server: &Server) -> Response {
    let mut client = Client::tcp(server.addr);
    client.send_raw(&request(strav::PATH));
    client.response()
}

const FLOOD: usize = 200;

#[test]
fn flood_of_connections_beyond_the_limit_is_shut_out_and_leaves_nothing_behind() {
    for server in servers(&[1, 2], &["--max-connections", "2"]) {
        let mut first = Client::open(server.addr);
        let baseline = server.descriptors();
        let flood: Vec<Client> = (0..FLOOD).map(|_| Client::tcp(server.addr)).collect();
        // One more is welcome, and 16 may stay to be told why not; the others are closed.
        wait_until("the others to be shut out", || {
            let ended = |client: &&Client| client.has_input(Duration::from_millis(1));
            flood.iter().filter(ended).count() >= FLOOD - 17
        });
        first.expect_pong();
        drop(flood);
        wait_for_a_place(&server);
        server.wait_for_descriptors(baseline);
    }
}
