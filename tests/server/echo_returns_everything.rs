//! Goal: the echo endpoint gives every message back as it came, of both kinds, up to several MiB;
//! and it is there only when asked for.
//! Method: send messages of many lengths, around each boundary of the frame format, and compare.

use super::support::client::{BINARY, Client, Incoming, TEXT, request};
use super::support::servers;

/// Around 7, 16 and 64-bit lengths, the receive buffer, and beyond what one send takes.
const LENGTHS: [usize; 11] = [
    0,
    1,
    125,
    126,
    127,
    65_535,
    65_536,
    65_537,
    1024 * 1024,
    3 * 1024 * 1024 + 1,
    8 * 1024 * 1024,
];

#[test]
fn messages_of_every_length_come_back_as_they_were() {
    for server in servers(&[1, 2], &["--dev-echo"]) {
        let mut client = Client::upgrade(server.addr, "/echo");
        for len in LENGTHS {
            // No power of two, so that no boundary falls twice on the same place of the pattern.
            let mut binary = (0..=250).collect::<Vec<u8>>().repeat(len / 251 + 1);
            binary.truncate(len);
            client.send(BINARY, &binary);
            let echoed = client.incoming();
            assert!(echoed == Incoming::Binary(binary), "{len} bytes");

            let text = "z".repeat(len);
            client.send(TEXT, text.as_bytes());
            let echoed = client.incoming();
            assert!(echoed == Incoming::Text(text), "{len} bytes of text");
        }
    }
}

#[test]
fn pipelined_messages_come_back_in_order() {
    for server in servers(&[1], &["--dev-echo"]) {
        let mut client = Client::tcp(server.addr);
        let mut all = request("/echo");
        let payloads: Vec<Vec<u8>> = (0..300_usize).map(|n| vec![n as u8; n * 7]).collect();
        for payload in &payloads {
            all.extend(client.frame(true, BINARY, payload));
        }
        client.send_raw(&all);
        client.expect_upgrade();
        for payload in payloads {
            assert_eq!(client.incoming(), Incoming::Binary(payload));
        }
    }
}

#[test]
fn echo_is_not_there_unless_asked_for() {
    for server in servers(&[1], &[]) {
        let mut client = Client::tcp(server.addr);
        client.send_raw(&request("/echo"));
        assert_eq!(client.response().status, 404);
    }
}
