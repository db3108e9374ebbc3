//! Clients that want compression, beside those that do not.

use super::super::context_memory::ContextMemory;
use super::super::deflate::{DeflateConfig, DeflateMode};
use super::*;
use crate::codec::ws::data_payload_len;
use crate::codec::ws::deflate::{Compressor, Inflater, WindowBits};

const BROWSER: &str = "permessage-deflate; client_max_window_bits";

/// Compresses as well as any event of an app.
fn words_of(number: usize) -> String {
    format!(
        "{number}:{}",
        "order.paid,amount=4900,currency=EUR;".repeat(8)
    )
}

fn bench(mode: DeflateMode, limits: ConnLimits) -> Bench {
    let mut bench = one(limits);
    let deflate = DeflateConfig {
        mode,
        bytes_min: 100,
        window: WindowBits::MAX,
    };
    let endpoint = Endpoint {
        deflate,
        ..words(limits, &[])
    };
    bench.shard.replace_endpoint(bench.now, 0, endpoint);
    bench
}

/// A client with both its contexts.
struct Client {
    key: Key,
    inflater: Inflater,
    compressor: Compressor,
    extension: Option<String>,
}

impl Client {
    /// One that offers this, and knows what it was answered.
    fn connect(bench: &mut Bench, offer: &str) -> Self {
        let key = bench
            .shard
            .handle_accepted(bench.now, PEER)
            .expect("room for one");
        let head = UPGRADE.replace(
            "Host: x\r\n",
            &format!("Host: x\r\nSec-WebSocket-Extensions: {offer}\r\n"),
        );
        bench.bytes(key, head.as_bytes());
        bench.flush();
        let response = String::from_utf8_lossy(&bench.sockets.received[&key]).into_owned();
        let line = response
            .lines()
            .find_map(|line| line.strip_prefix("Sec-WebSocket-Extensions: "));
        let keeps = |side: &str| line.is_some_and(|line| !line.contains(side));
        let mut client = Self {
            key,
            inflater: Inflater::new(keeps("server_no_context_takeover")),
            compressor: Compressor::new(WindowBits::MAX, keeps("client_no_context_takeover")),
            extension: line.map(str::to_owned),
        };
        assert_eq!(client.hears(bench), ["hello"]);
        client
    }

    /// A message as this client compresses it, in one frame under an all-zero mask.
    fn compressed(&mut self, text: &[u8]) -> Vec<u8> {
        let (mut plain, mut ours) = (Vec::new(), Vec::new());
        write_frame(&mut plain, OpCode::Text, text);
        assert!(self.compressor.append(&plain, &mut ours));
        let len = data_payload_len(&ours).expect("a data frame");
        let payload = &ours[ours.len() - len..];
        let mut frame = vec![0xc1, 0x80 | 126];
        frame.extend_from_slice(&u16::try_from(len).expect("short").to_be_bytes());
        if len < 126 {
            frame.truncate(1);
            frame.push(0x80 | len as u8);
        }
        frame.extend_from_slice(&[0; 4]);
        frame.extend_from_slice(payload);
        frame
    }

    fn say(&mut self, bench: &mut Bench, text: &str) -> Flow {
        let frame = self.compressed(text.as_bytes());
        bench.bytes(self.key, &frame)
    }

    fn hears(&mut self, bench: &mut Bench) -> Vec<String> {
        bench.flush();
        self.got(bench).into_iter().map(|(_, text)| text).collect()
    }

    /// The frames that have come since the last time, and what they say; a Close is its code.
    fn got(&mut self, bench: &mut Bench) -> Vec<(Vec<u8>, String)> {
        let bytes = bench.sockets.received.remove(&self.key).unwrap_or_default();
        let mut got = Vec::new();
        for (frame, payload) in frames_in(&bytes) {
            let mut text = payload.to_vec();
            if frame[0] == 0xc1 {
                text.clear();
                let opened = self.inflater.inflate(payload, 100_000, &mut text);
                opened.expect("what a client can inflate");
            } else if frame[0] == 0x88 {
                text = u16::from_be_bytes([payload[0], payload[1]])
                    .to_string()
                    .into_bytes();
            }
            got.push((frame.to_vec(), String::from_utf8(text).expect("text")));
        }
        got
    }
}

/// One publication, said by a client that compresses.
fn publish(bench: &mut Bench, client: &mut Client, number: usize) {
    client.say(bench, &format!("pub t {}", words_of(number)));
}

fn heard(number: usize) -> String {
    format!("t {} ", words_of(number))
}

fn subscribe(bench: &mut Bench, client: &mut Client) {
    bench.say(client.key, "sub t");
    assert_eq!(client.hears(bench), ["Subscribed t"]);
}

#[test]
fn publication_is_compressed_once_for_all_who_agreed_on_the_same() {
    let mut bench = bench(DeflateMode::Shared, LIMITS);
    let plain = bench.connect();
    bench.say(plain, "sub t");
    bench.hears(plain);
    let offers = [
        BROWSER,
        BROWSER,
        "permessage-deflate; server_max_window_bits=9",
    ];
    let mut clients = offers.map(|offer| Client::connect(&mut bench, offer));
    for client in &mut clients {
        subscribe(&mut bench, client);
    }
    let before = bench.shard.deflate_stats();

    publish(&mut bench, &mut clients[0], 1);
    bench.say(plain, "pub t short");
    assert_eq!(
        bench.hears(plain),
        [heard(1), "t short ".to_owned(), "Accepted t".to_owned()].map(Got::Text)
    );
    let got = clients.each_mut().map(|client| client.got(&mut bench));
    assert_eq!(got[0].len(), 3, "its own answer comes in between");
    for (got, first) in got.iter().zip([0xc1, 0xc1, 0xc1]) {
        assert_eq!((got[0].0[0], &got[0].1), (first, &heard(1)));
        let last = got.last().expect("two at least");
        assert_eq!((last.0[0], last.1.as_str()), (0x81, "t short "));
    }
    assert_eq!(got[0][0].0, got[1][0].0, "the same bytes");
    assert!(got[0][0].0.len() * 4 < heard(1).len());
    let stats = bench.shard.deflate_stats();
    let compressed = stats.compressed.messages - before.compressed.messages;
    assert_eq!(compressed, 2, "once for each window");
    assert_eq!(stats.inflated.messages, 1);
}

#[test]
fn what_does_not_get_smaller_goes_out_as_it_is() {
    let mut bench = bench(DeflateMode::Shared, LIMITS);
    let mut client = Client::connect(&mut bench, BROWSER);
    subscribe(&mut bench, &mut client);
    let mut random = crate::base::random::Random::new(1);
    let noise: String = (0..110)
        .map(|_| char::from(b'!' + random.below(94) as u8))
        .collect();
    bench.say(client.key, &format!("pub t {noise}"));
    bench.flush();
    let got = client.got(&mut bench);
    assert_eq!(
        (got[0].0[0], got[0].1.as_str()),
        (0x81, &*format!("t {noise} "))
    );
}

#[test]
fn large_replies_are_compressed_too() {
    for mode in [DeflateMode::Shared, DeflateMode::Dedicated] {
        let mut bench = bench(mode, LIMITS);
        let mut client = Client::connect(&mut bench, BROWSER);
        let topic = words_of(1);
        client.say(&mut bench, &format!("sub {topic}"));
        bench.flush();
        let got = client.got(&mut bench);
        assert_eq!(
            (got[0].0[0], &got[0].1),
            (0xc1, &format!("Subscribed {topic}"))
        );
    }
}

#[test]
fn nothing_is_agreed_on_that_was_not_offered_or_is_off() {
    let refused = "permessage-deflate; server_max_window_bits=8, x-webkit-deflate-frame";
    for (mode, offer) in [
        (DeflateMode::Off, BROWSER),
        (DeflateMode::Shared, refused),
        (DeflateMode::Dedicated, "permessage-bzip2"),
    ] {
        let mut bench = bench(mode, LIMITS);
        let mut client = Client::connect(&mut bench, offer);
        assert_eq!(client.extension, None, "{offer}");
        bench.bytes(client.key, &[0xc1]);
        assert_eq!(client.hears(&mut bench), ["1002"], "{offer}");
    }
}

#[test]
fn contexts_are_kept_only_where_both_sides_want_it_and_there_is_memory() {
    let no_server = "permessage-deflate; server_no_context_takeover";
    let no_client = "permessage-deflate; client_no_context_takeover";
    let neither = "permessage-deflate; server_no_context_takeover; client_no_context_takeover";
    let offer = "permessage-deflate";
    for (mode, offer, expected) in [
        (DeflateMode::Shared, offer, neither),
        (DeflateMode::Dedicated, offer, offer),
        (DeflateMode::Dedicated, no_server, no_server),
        (DeflateMode::Dedicated, no_client, no_client),
        (DeflateMode::Dedicated, neither, neither),
    ] {
        let mut bench = bench(mode, LIMITS);
        let client = Client::connect(&mut bench, offer);
        assert_eq!(client.extension.as_deref(), Some(expected));
    }

    let mut bench = bench(DeflateMode::Dedicated, LIMITS);
    let one = Compressor::bytes(WindowBits::MAX) + Inflater::BYTES;
    bench.shard.context_memory = ContextMemory::new(2 * one);
    let clients: Vec<Client> = (0..3).map(|_| Client::connect(&mut bench, offer)).collect();
    let answers = clients.iter().map(|client| client.extension.as_deref());
    assert!(answers.eq([Some(offer), Some(offer), Some(neither)]));
    assert_eq!(bench.shard.context_memory.taken(), 2 * one);
    bench.shard.handle_end(bench.now, clients[0].key, true);
    bench.shard.handle_released(clients[0].key);
    let client = Client::connect(&mut bench, offer);
    assert_eq!(
        client.extension.as_deref(),
        Some(offer),
        "it was given back"
    );
}

#[test]
fn contexts_stay_in_step_whatever_is_dropped_or_waits() {
    for policy in [
        BackpressurePolicy::DropNewest,
        BackpressurePolicy::DropOldest,
    ] {
        let limits = ConnLimits {
            backpressure_policy: policy,
            ..LIMITS
        };
        let mut bench = bench(DeflateMode::Dedicated, limits);
        let mut publisher = Client::connect(&mut bench, BROWSER);
        let mut slow = Client::connect(&mut bench, BROWSER);
        subscribe(&mut bench, &mut slow);
        let mut next = 0;
        let mut heard_numbers = Vec::new();
        for (rounds, room) in [
            (5, usize::MAX),
            (3, 7),
            (40, 0),
            (1, 30),
            (40, 0),
            (5, usize::MAX),
        ] {
            bench.sockets.room.insert(slow.key, room);
            bench.shard.handle_writable(slow.key);
            bench.flush();
            for _ in 0..rounds {
                publish(&mut bench, &mut publisher, next);
                next += 1;
                if next % 2 == 0 {
                    bench.flush();
                }
            }
            publisher.hears(&mut bench);
        }
        for (frame, text) in slow.got(&mut bench) {
            let number = text
                .strip_prefix("t ")
                .and_then(|text| text.split(':').next());
            let number: usize = number.expect("a number").parse().expect("a number");
            assert_eq!((frame[0], text), (0xc1, heard(number)));
            heard_numbers.push(number);
        }
        assert!(heard_numbers.is_sorted() && heard_numbers.len() < next);
        assert_eq!(heard_numbers[..5], [0, 1, 2, 3, 4]);
        assert_eq!(heard_numbers.last(), Some(&(next - 1)));
        assert!(bench.shard.stats().dropped() > 0);
    }
}

#[test]
fn slow_consumer_with_contexts_is_told_why_it_is_closed() {
    let mut bench = bench(DeflateMode::Dedicated, LIMITS);
    let mut publisher = Client::connect(&mut bench, BROWSER);
    let mut slow = Client::connect(&mut bench, BROWSER);
    subscribe(&mut bench, &mut slow);
    bench.sockets.room.insert(slow.key, 5);
    for number in 0..40 {
        publish(&mut bench, &mut publisher, number);
        bench.flush();
    }
    assert_eq!(bench.shard.stats().closed_for(Cause::SlowConsumer), 1);
    bench.sockets.room.insert(slow.key, usize::MAX);
    bench.shard.handle_writable(slow.key);
    assert_eq!(slow.hears(&mut bench), [heard(0), "1013".to_owned()]);
}

#[test]
fn messages_that_wait_are_opened_in_their_turn_and_in_their_order() {
    let mut bench = bench(DeflateMode::Dedicated, LIMITS);
    let mut client = Client::connect(&mut bench, BROWSER);
    let said = ["ask-me", "one", "two", "three"].map(|topic| format!("{topic}-{}", words_of(0)));
    for topic in &said {
        client.say(&mut bench, &format!("sub {topic}"));
    }
    assert_eq!(bench.shard.deflate_stats().inflated.messages, 1);
    let asked = bench.shard.poll_asked().expect("a question");
    bench
        .shard
        .handle_verdict(bench.now, client.key, asked.ticket, Verdict::Deny, 0);
    let expected = [
        format!("Denied {}", said[0]),
        format!("Subscribed {}", said[1]),
        format!("Subscribed {}", said[2]),
        format!("Subscribed {}", said[3]),
    ];
    assert_eq!(client.hears(&mut bench), expected);
}

#[test]
fn compressed_message_may_come_in_fragments() {
    let mut bench = bench(DeflateMode::Shared, LIMITS);
    let mut client = Client::connect(&mut bench, BROWSER);
    let whole = client.compressed(format!("sub {}", words_of(1)).as_bytes());
    let payload = &whole[whole.len() - usize::from(whole[1] & 0x7f)..];
    let (begin, end) = payload.split_at(10);
    let mut bytes = frame(0, end);
    bytes.splice(0..0, frame(9, b""));
    bytes.splice(0..0, frame(1, begin));
    bytes[0] = 0x41;
    for byte in bytes {
        bench.bytes(client.key, &[byte]);
    }
    let heard = client.hears(&mut bench);
    assert_eq!(
        heard,
        ["".to_owned(), format!("Subscribed {}", words_of(1))]
    );
}

#[test]
fn offences_of_compression_close_with_their_code() {
    type Offence = fn(&mut Client) -> Vec<u8>;
    let offences: [(&str, Offence, &str); 8] = [
        ("a bomb", |client| client.compressed(&[b'x'; 1_001]), "1009"),
        ("no UTF-8", |client| client.compressed(&[0xff; 200]), "1007"),
        ("noise", |_| frame_with(0xc1, &[0xff; 9]), "1007"),
        (
            "cut within a stored block",
            |_| frame_with(0xc2, b"\x00\x05\x00\xfa\xffab"),
            "1007",
        ),
        ("a ping", |_| frame_with(0xc9, b""), "1002"),
        (
            "a continuation",
            |_| [frame_with(0x01, b"a"), frame_with(0xc0, b"b")].concat(),
            "1002",
        ),
        ("RSV2", |_| frame_with(0xa1, b""), "1002"),
        ("RSV1 and RSV3", |_| frame_with(0xd1, b""), "1002"),
    ];
    for mode in [DeflateMode::Shared, DeflateMode::Dedicated] {
        for (name, offence, code) in offences {
            let mut bench = bench(mode, LIMITS);
            let mut client = Client::connect(&mut bench, BROWSER);
            let bytes = offence(&mut client);
            bench.bytes(client.key, &bytes);
            assert_eq!(client.hears(&mut bench), [code], "{name}");
        }
    }
}

/// A frame under an all-zero mask that begins with any byte.
fn frame_with(first: u8, payload: &[u8]) -> Vec<u8> {
    let mut bytes = frame(0, payload);
    bytes[0] = first;
    bytes
}

#[test]
fn messages_that_are_much_work_let_the_others_have_their_turn() {
    let limits = ConnLimits {
        message_bytes_max: 1024 * 1024,
        ..LIMITS
    };
    let mut bench = bench(DeflateMode::Shared, limits);
    let mut client = Client::connect(&mut bench, BROWSER);
    let long = "x".repeat(1024 * 1024);
    let much = client.compressed(long.as_bytes()).repeat(9);
    assert_eq!(bench.bytes(client.key, &much), Flow::Pause);
    let opened = |bench: &Bench| bench.shard.deflate_stats().inflated.messages;
    assert_eq!(opened(&bench), 2);
    bench.tick(100);
    assert_eq!(opened(&bench), 4);
    bench.say(client.key, "has t");
    assert_eq!(client.hears(&mut bench), [""; 0], "it waits its turn");
    bench.tick(100);
    bench.tick(100);
    assert_eq!(opened(&bench), 8);
    assert!(!bench.ops().contains(&(client.key, SocketOp::Resume)));
    bench.tick(100);
    assert_eq!(opened(&bench), 9);
    assert_eq!(client.hears(&mut bench), ["has false"]);
    assert!(bench.ops().contains(&(client.key, SocketOp::Resume)));
}

#[test]
fn what_is_inflated_counts_before_it_is_known_who_it_is() {
    let limits = ConnLimits {
        unproven_bytes_max: 2_000,
        ..LIMITS
    };
    let mut bench = bench(DeflateMode::Shared, limits);
    let deflate = bench.shard.endpoints[0].deflate;
    let dialect = Words {
        needs_identity: true,
        ..WORDS
    };
    let endpoint = Endpoint {
        dialect: Box::new(dialect),
        deflate,
        ..words(limits, &[])
    };
    bench.shard.replace_endpoint(bench.now, 0, endpoint);
    let mut client = Client::connect(&mut bench, BROWSER);
    for _ in 0..3 {
        let message = client.compressed(&[b'x'; 900]);
        bench.bytes(client.key, &message);
    }
    assert_eq!(
        bench.shard.stats().closed_for(Cause::UnauthenticatedBytes),
        1
    );
}
