//! Goal: messages up to the limit arrive intact, in one frame or in a thousand fragments, and one
//! byte more closes the connection with 1009.
//! Method: publish data that differs at every place, at the limit and beyond it, to subscribers on
//! all shards.

use super::support::client::{CONTINUATION, Client, Incoming, PING, TEXT, frame};
use super::support::{Server, servers, strav};

const MESSAGE_BYTES_MAX: usize = 2 * 1024 * 1024;

const FLAGS: [&str; 6] = [
    "--allow-publish",
    "big",
    "--max-message-bytes",
    "2MiB",
    "--backpressure-limit-bytes",
    "16MiB",
];

/// A publish of exactly so many bytes, and its data.
fn publish_of(bytes: usize) -> (String, String) {
    let envelope = strav::publish("big", "e", "\"\"").len();
    // No two places of a kilobyte look the same, and some characters take several bytes.
    let pattern = (0_u32..).map(|n| char::from_u32(0x61 + n * 7 % 26 + n / 1_000 % 2 * 0x3a0));
    let mut data = String::from("\"");
    for character in pattern.flatten() {
        let left = bytes - envelope + 1 - data.len();
        if left < 2 {
            data.extend((0..left).map(|_| 'x'));
            break;
        }
        data.push(character);
    }
    data.push('"');
    let text = strav::publish("big", "e", &data);
    assert_eq!(text.len(), bytes);
    (text, data)
}

fn subscribers(server: &Server) -> Vec<Client> {
    let mut subscribers: Vec<Client> = (0..6).map(|_| Client::open(server.addr)).collect();
    for subscriber in &mut subscribers {
        subscriber.subscribe("big");
    }
    subscribers
}

fn expect_data(subscribers: &mut [Client], data: &str) {
    for subscriber in subscribers {
        let event = subscriber.event();
        // Not assert_eq: nobody wants to see a megabyte.
        assert!(event.data.as_deref() == Some(data), "it arrived damaged");
    }
}

#[test]
fn megabyte_arrives_intact_in_one_frame_and_in_a_thousand() {
    for server in servers(&[1, 2, 3], &FLAGS) {
        let mut subscribers = subscribers(&server);
        let mut publisher = Client::open(server.addr);
        let (text, data) = publish_of(1024 * 1024);

        publisher.send_text(&text);
        expect_data(&mut subscribers, &data);

        let mut pieces = text.as_bytes().chunks(1_049).peekable();
        let mut opcode = TEXT;
        let mut pings = 0;
        while let Some(piece) = pieces.next() {
            let fragment = publisher.frame(pieces.peek().is_none(), opcode, piece);
            publisher.send_raw(&fragment);
            opcode = CONTINUATION;
            if piece[0].is_multiple_of(16) {
                publisher.send(PING, b"amid");
                pings += 1;
            }
        }
        expect_data(&mut subscribers, &data);
        for _ in 0..pings {
            assert_eq!(publisher.incoming(), Incoming::Pong(b"amid".to_vec()));
        }
        assert!(pings > 0, "some piece begins with such a byte");
    }
}

#[test]
fn message_at_the_limit_passes_and_one_byte_more_is_1009() {
    for server in servers(&[1, 2], &FLAGS) {
        let mut subscribers = subscribers(&server);
        let mut publisher = Client::open(server.addr);
        let (text, data) = publish_of(MESSAGE_BYTES_MAX);
        publisher.send_text(&text);
        expect_data(&mut subscribers, &data);

        // Announced: it need not come.
        let (text, _) = publish_of(MESSAGE_BYTES_MAX + 1);
        let whole = publisher.frame(true, TEXT, text.as_bytes());
        publisher.send_raw(&whole[..14]);
        publisher.expect_close(1_009);

        // In sum.
        let mut publisher = Client::open(server.addr);
        let (head, tail) = text.as_bytes().split_at(MESSAGE_BYTES_MAX);
        let head = publisher.frame(false, TEXT, head);
        publisher.send_raw(&head);
        let tail = publisher.frame(true, CONTINUATION, tail);
        publisher.send_raw(&tail);
        publisher.expect_close(1_009);

        for subscriber in &mut subscribers {
            subscriber.expect_nothing_unread();
        }
    }
}

#[test]
fn announced_length_costs_no_memory_before_the_bytes_come() {
    let flags = ["--max-message-bytes", "256MiB"];
    let limit = ["--backpressure-limit-bytes", "1GiB"];
    for server in servers(&[1], &[flags, limit].concat()) {
        let mut clients: Vec<Client> = (0..20).map(|_| Client::open(server.addr)).collect();
        let before = server.resident_bytes();
        // The header and the first bytes of a message of 200 MiB.
        let mut header = vec![0x82, 0xff];
        header.extend((200_u64 * 1024 * 1024).to_be_bytes());
        header.extend([1, 2, 3, 4]);
        header.extend([0; 100]);
        for client in &mut clients {
            client.send_raw(&header);
        }
        // Handled: the bytes went before these, on the same shard or connection.
        let mut other = Client::open(server.addr);
        other.send_raw(&frame(true, PING, b"", [9, 9, 9, 9]));
        assert_eq!(other.incoming(), Incoming::Pong(Vec::new()));
        let grown = server.resident_bytes().saturating_sub(before);
        assert!(grown < 64 * 1024 * 1024, "grown by {grown}");
    }
}
