//! Goal: whoever breaks the framing is told why with the right close code, and nobody else notices.
//! Method: a table of faults, each sent by a client of its own between two publications that a
//! bystander on each shard must get.

use super::support::client::{BINARY, CLOSE, CONTINUATION, Client, Incoming, PING, TEXT, frame};
use super::support::servers;

const MASK: [u8; 4] = [0x11, 0x22, 0x33, 0x44];

/// What is sent, and the code that it is closed with.
fn faults() -> Vec<(&'static str, Vec<u8>, u16)> {
    let text = |payload: &[u8]| frame(true, TEXT, payload, MASK);
    let with_first_byte = |first: u8| {
        let mut frame = text(b"{}");
        frame[0] = first;
        frame
    };
    let unmasked = vec![0x81, 2, b'{', b'}'];
    let pieces = |pieces: &[(bool, u8, &[u8])]| {
        let frames = pieces
            .iter()
            .map(|(is_final, opcode, payload)| frame(*is_final, *opcode, payload, MASK));
        frames.collect::<Vec<_>>().concat()
    };
    let too_big = vec![b'x'; 64 * 1024 + 1];
    vec![
        ("an unmasked frame", unmasked, 1_002),
        ("the first reserved bit", with_first_byte(0xc1), 1_002),
        ("the second reserved bit", with_first_byte(0xa1), 1_002),
        ("the third reserved bit", with_first_byte(0x91), 1_002),
        ("an opcode for data to come", with_first_byte(0x83), 1_002),
        (
            "an opcode for control to come",
            with_first_byte(0x8b),
            1_002,
        ),
        (
            "a length that is longer than need be",
            [&[0x81, 0x80 | 126, 0, 2], &MASK[..], b"{}"].concat(),
            1_002,
        ),
        (
            "a length with its highest bit set",
            [&[0x82, 0x80 | 127], &[0xff; 8][..], &MASK].concat(),
            1_002,
        ),
        (
            "a continuation of nothing",
            frame(true, CONTINUATION, b"x", MASK),
            1_002,
        ),
        (
            "a message within a message",
            pieces(&[(false, TEXT, b"a"), (true, TEXT, b"b")]),
            1_002,
        ),
        ("a ping in pieces", frame(false, PING, b"x", MASK), 1_002),
        ("a long ping", frame(true, PING, &[b'x'; 126], MASK), 1_002),
        (
            "half a close code",
            frame(true, CLOSE, b"\x03", MASK),
            1_002,
        ),
        (
            "a close code that may not be sent",
            frame(true, CLOSE, &1_005_u16.to_be_bytes(), MASK),
            1_002,
        ),
        (
            "a close reason that is not UTF-8",
            frame(true, CLOSE, b"\x03\xe8\xff", MASK),
            1_007,
        ),
        ("a text that is not UTF-8", text(b"abc\xff"), 1_007),
        (
            "a text that ends amid a character",
            text(b"\xe2\x82"),
            1_007,
        ),
        ("a surrogate in a text", text(b"\xed\xa0\x80"), 1_007),
        (
            "bad UTF-8 in a first fragment, at once",
            frame(false, TEXT, b"\xc0\xaf", MASK),
            1_007,
        ),
        (
            "a character that its next fragment does not go on with",
            pieces(&[(false, TEXT, b"\xe2"), (false, CONTINUATION, b"a")]),
            1_007,
        ),
        ("a message beyond the limit", text(&too_big), 1_009),
        (
            "fragments beyond the limit",
            pieces(&[
                (false, BINARY, &too_big[..40_000]),
                (false, CONTINUATION, &too_big[..40_000]),
            ]),
            1_009,
        ),
    ]
}

#[test]
fn fault_closes_its_connection_and_the_bystanders_get_everything() {
    for server in servers(&[1, 2], &["--allow-publish", "*"]) {
        let mut publisher = Client::open(server.addr);
        let mut bystanders: Vec<Client> = (0..8).map(|_| Client::open(server.addr)).collect();
        for bystander in &mut bystanders {
            bystander.subscribe("all");
        }
        for (number, (fault, bytes, code)) in faults().into_iter().enumerate() {
            println!("{fault}");
            let mut culprit = Client::open(server.addr);
            culprit.subscribe("all");
            publisher.publish("all", "before", number);
            assert_eq!(culprit.event().number(), number);
            culprit.send_raw(&bytes);
            // What is pipelined behind a fault is not looked at.
            let late = culprit.publish_frame("all", "late", number);
            culprit.try_send_raw(&late);
            culprit.expect_close(code);

            publisher.publish("all", "after", number);
            for bystander in &mut bystanders {
                for name in ["before", "after"] {
                    let event = bystander.event();
                    assert_eq!((&*event.name, event.number()), (name, number));
                }
            }
        }
    }
}

#[test]
fn close_of_the_client_is_answered_with_its_code() {
    for server in servers(&[1, 2], &[]) {
        for code in [1_000, 1_001, 3_000, 4_999] {
            let mut client = Client::open(server.addr);
            let payload = [&u16::to_be_bytes(code), &b"enough"[..]].concat();
            client.send(CLOSE, &payload);
            client.expect_close(code);
        }
        let mut client = Client::open(server.addr);
        client.send(CLOSE, b"");
        assert_eq!(client.incoming(), Incoming::Close(None, String::new()));
        assert_eq!(client.incoming(), Incoming::End);
    }
}
