//! Goal: whoever sends what costs a server more than its sender is told so, or read later, and is counted;
//! memory stays bounded, and healthy clients on all shards get everything in order meanwhile.
//! Method: one test for each abuse, with a publisher and subscribers that never stop.

use std::time::Duration;

use super::abuse::{Abuse, MIB, sized};
use super::support::client::{
    BINARY, CLOSE, CONTINUATION, Client, Incoming, PING, PONG, TEXT, frame, request,
};
use super::support::http::post;
use super::support::{strav, wait_until};

const MASK: [u8; 4] = [0x55, 0xaa, 0x0f, 0xf0];

#[test]
fn slow_heads_and_silence_end_in_408() {
    // Each takes a descriptor here and one of the server's.
    let crowd = sized(2_000, 10_000);
    let abuse = Abuse {
        // Longer than it takes to connect all of them.
        flags: &["--handshake-timeout", "3s"],
        // A connection and a head that has begun: a quarter of what the head limit would let each keep.
        growth_bytes_max: crowd * 4 * 1024,
        counted: Some(("closed", r#"cause="handshake_timeout""#, crowd as u64)),
    };
    abuse.hold(|server| {
        let mut crowd: Vec<Client> = (0..crowd).map(|_| Client::tcp(server.addr)).collect();
        // Every other one says nothing at all.
        for client in crowd.iter_mut().step_by(2) {
            client.send_raw(b"GET /_broadcast HTTP/1.1\r\nX: ");
        }
        wait_until("the first of them to be answered", || {
            for client in crowd.iter_mut().step_by(2) {
                client.try_send_raw(b"xxxxxxxx");
            }
            crowd[0].has_input(Duration::from_millis(50))
        });
        for client in &mut crowd {
            assert_eq!(client.response().status, 408);
        }
    });
}

#[test]
fn message_of_a_million_fragments_ends_in_1009() {
    for payload in [&b"x"[..], b""] {
        let abuse = Abuse {
            // The frames of a message are far fewer than would fill it.
            flags: &[
                "--max-message-bytes",
                "1MiB",
                "--backpressure-limit-bytes",
                "2MiB",
            ],
            growth_bytes_max: 4 * MIB,
            counted: Some(("closed", r#"cause="message_too_big""#, 1)),
        };
        abuse.hold(|server| {
            let mut culprit = Client::open(server.addr);
            culprit.send_raw(&frame(false, BINARY, payload, MASK));
            let portion = frame(false, CONTINUATION, payload, MASK).repeat(10_000);
            // A million; the server is free to end it before.
            let _all = (0..100).all(|_| culprit.try_send_raw(&portion));
            culprit.expect_close(1_009);
        });
    }
}

#[test]
fn message_of_a_million_fragments_takes_no_more_than_its_bytes_where_it_is_allowed() {
    let frames = sized(100_000, 1_000_000);
    for payload in [&b"x"[..], b""] {
        let abuse = Abuse {
            flags: &[
                "--max-message-frames",
                "1000000",
                "--max-message-bytes",
                "1MiB",
                "--backpressure-limit-bytes",
                "2MiB",
            ],
            growth_bytes_max: 4 * MIB,
            counted: Some(("messages_received", "", 1)),
        };
        abuse.hold(|server| {
            let mut culprit = Client::open(server.addr);
            let before = server.counter("messages_ignored", "");
            culprit.send_raw(&frame(false, BINARY, payload, MASK));
            let portion = frame(false, CONTINUATION, payload, MASK).repeat(999);
            for _ in 0..frames / 1_000 {
                culprit.send_raw(&portion);
                // Between the fragments of a message, as RFC 6455, section 5.4, allows.
                culprit.send_raw(&frame(true, PONG, b"", MASK));
            }
            culprit.send_raw(&frame(true, CONTINUATION, payload, MASK));
            culprit.expect_pong();
            assert_eq!(server.counter("messages_ignored", ""), before + 1);
        });
    }
}

#[test]
fn pings_and_pongs_in_a_flood_cost_few_answers() {
    let abuse = Abuse {
        growth_bytes_max: 8 * MIB,
        ..Abuse::default()
    };
    abuse.hold(|server| {
        for opcode in [PING, PONG] {
            let mut culprit = Client::open(server.addr);
            let portion = frame(true, opcode, &[b'x'; 125], MASK).repeat(1_000);
            for _ in 0..100 {
                culprit.send_raw(&portion);
            }
            // The last ping is always answered, and of the flood far from all.
            culprit.send(PING, b"last");
            let mut answers = 1;
            loop {
                match culprit.incoming() {
                    Incoming::Pong(payload) if payload == b"last" => break,
                    Incoming::Pong(_) => answers += 1,
                    other => panic!("pongs were to come, but {other:?} did"),
                }
            }
            assert!(answers < 50_000, "{answers} answers");
        }
    });
}

#[test]
fn frames_behind_a_close_count_for_nothing() {
    let abuse = Abuse {
        growth_bytes_max: 4 * MIB,
        counted: Some(("closed", r#"cause="peer_closed""#, 1)),
        ..Abuse::default()
    };
    abuse.hold(|server| {
        let mut witness = Client::open(server.addr);
        witness.subscribe("late");
        let mut culprit = Client::open(server.addr);
        let late = culprit.publish_frame("late", "late", 1);
        culprit.send(CLOSE, &1_000_u16.to_be_bytes());
        let _all = (0..100).all(|_| culprit.try_send_raw(&late.repeat(1_000)));
        culprit.expect_close(1_000);
        witness.publish("late", "in-time", 2);
        assert_eq!(witness.event().number(), 2);
    });
}

#[test]
fn unmasked_frames_and_announced_lengths_take_no_memory() {
    let header = |len: u64| [&[0x82, 0x80 | 127], &len.to_be_bytes()[..], &MASK].concat();
    let abuse = Abuse {
        growth_bytes_max: 4 * MIB,
        counted: Some(("closed", r#"cause="message_too_big""#, 2 * 100)),
        ..Abuse::default()
    };
    abuse.hold(|server| {
        for (bytes, code) in [
            (vec![0x81, 2, b'{', b'}'], 1_002),
            (header(u64::MAX), 1_002),
            (header(1 << 63), 1_002),
            (header((1 << 63) - 1), 1_009),
            (header(1 << 32), 1_009),
        ] {
            for _ in 0..100 {
                let mut culprit = Client::open(server.addr);
                culprit.send_raw(&bytes);
                culprit.expect_close(code);
            }
        }
        let broken = server.counter("closed", r#"cause="protocol_error""#);
        assert_eq!(broken, 3 * 100);
    });
}

#[test]
fn subscriptions_in_a_churn_leave_nothing() {
    let churn = sized(100_000, 1_000_000);
    let abuse = Abuse {
        growth_bytes_max: 8 * MIB,
        counted: Some(("messages_received", "", 2 * churn as u64)),
        ..Abuse::default()
    };
    abuse.hold(|server| {
        let mut culprit = Client::open(server.addr);
        let texts = [
            strav::sub("churn"),
            r#"{"t":"unsub","c":"churn"}"#.to_owned(),
        ];
        let pair: Vec<u8> = texts
            .iter()
            .flat_map(|text| frame(true, TEXT, text.as_bytes(), MASK))
            .collect();
        for _ in 0..churn / 1_000 {
            culprit.send_raw(&pair.repeat(1_000));
            for _ in 0..1_000 {
                assert_eq!(culprit.text(), strav::ok("churn"));
            }
        }
    });
}

#[test]
fn topics_are_bounded_for_each_connection_whatever_their_names() {
    const NAMES: usize = 2_000;
    let abuse = Abuse {
        // 128 names of 1,024 bytes for each of the connections, thrice over, beside what has been sent.
        growth_bytes_max: 16 * MIB,
        counted: Some(("messages_received", "", 8 * NAMES as u64)),
        ..Abuse::default()
    };
    abuse.hold(|server| {
        // Long names that differ in their ends alone, and anagrams of two blocks: what weak hashes
        // map to few values.
        let long = |number: usize| format!("{}{number:04}", "x".repeat(1_020));
        let blocks = |number: usize| {
            (0..11)
                .map(|bit| if number >> bit & 1 == 0 { "Aa" } else { "BB" })
                .collect()
        };
        let shapes: [&dyn Fn(usize) -> String; 2] = [&long, &blocks];
        let mut crowd: Vec<Client> = Vec::new();
        for name in shapes.iter().cycle().take(8) {
            let mut culprit = Client::open(server.addr);
            let mut taken = 0;
            // In portions whose answers fit into what may wait for a client.
            for first in (0..NAMES).step_by(250) {
                let names: Vec<String> = (first..first + 250).map(name).collect();
                for name in &names {
                    culprit.send_text(&strav::sub(name));
                }
                let is_taken = |name: &&String| culprit.text() == strav::ok(name);
                taken += names.iter().filter(is_taken).count();
            }
            assert_eq!(taken, 128);
            crowd.push(culprit);
        }
    });
}

#[test]
fn json_of_every_kind_is_taken_or_ignored() {
    let deep = format!(
        r#"{{"t":"pub","c":"j","e":"e","d":{}"#,
        "[".repeat(1_000_000)
    );
    let data = |data: &str| strav::publish("j", "e", data);
    let ignored = [
        deep,
        data(&format!("{}{}", "[".repeat(1_000_000), "]".repeat(999_999))),
        format!("\u{feff}{}", data("1")),
        data("01"),
        data("1e"),
        data("NaN"),
        data("\"\\u12\""),
        data("\"\n\""),
        data("1") + "x",
        "[".repeat(1_000_000),
        "{\"t\":".repeat(100_000),
    ];
    let abuse = Abuse {
        flags: &[
            "--max-message-bytes",
            "4MiB",
            "--backpressure-limit-bytes",
            "16MiB",
        ],
        growth_bytes_max: 16 * MIB,
        counted: Some(("messages_ignored", "", ignored.len() as u64)),
    };
    abuse.hold(|server| {
        let mut witness = Client::open(server.addr);
        witness.subscribe("j");
        let mut culprit = Client::open(server.addr);
        for text in &ignored {
            culprit.send_text(text);
        }
        // What is JSON goes on as it was written, however odd.
        for data_text in [
            &"9".repeat(100_000),
            "1e999999999",
            "-0",
            r#""\ud800""#,
            r#""\u0000""#,
            r#"{"a":1,"a":2}"#,
        ] {
            culprit.send_text(&data(data_text));
            let text = witness.text();
            assert!(
                text.contains(&format!(r#","d":{data_text},"#)),
                "{text:.100}"
            );
        }
        culprit.expect_pong();
    });
}

#[test]
fn flood_of_publications_is_read_at_its_rate_and_loses_nothing() {
    const FLOOD: usize = 4_000;
    let abuse = Abuse {
        flags: &["--max-message-rate", "2000", "--limit-loopback"],
        growth_bytes_max: 8 * MIB,
        counted: Some(("throttled", "", 1)),
    };
    abuse.hold(|server| {
        let mut witness = Client::open(server.addr);
        witness.subscribe("flood");
        let mut culprit = Client::open(server.addr);
        let frames: Vec<u8> = (0..FLOOD)
            .flat_map(|number| culprit.publish_frame("flood", "e", number))
            .collect();
        culprit.send_raw(&frames);
        for number in 0..FLOOD {
            assert_eq!(witness.event().number(), number);
        }
    });
}

#[test]
fn peers_that_never_read_are_cut_with_1013() {
    let peers = sized(200, 4_000);
    let abuse = Abuse {
        flags: &[
            "--backpressure-limit-bytes",
            "128KiB",
            // Thousands would otherwise make the kernel keep gigabytes.
            "--send-buffer-bytes",
            "128KiB",
        ],
        // Some publications, which all of them share, and what a connection takes by itself.
        growth_bytes_max: 4 * MIB + peers * 2 * 1024,
        counted: Some(("closed", r#"cause="slow_consumer""#, peers as u64)),
    };
    abuse.hold(|server| {
        let count = peers as u64;
        let open = |_| Client::open_with_small_buffer(server.addr);
        let mut peers: Vec<Client> = (0..peers).map(open).collect();
        for peer in &mut peers {
            peer.subscribe("unread");
        }
        let mut publisher = Client::open(server.addr);
        let filler = format!("\"{}\"", "x".repeat(60_000));
        wait_until("all of them to be cut", || {
            // One at a time, so that all of them have something queued before anybody is cut.
            publisher.publish("unread", "e", &filler);
            publisher.expect_pong();
            server.counter("closed", r#"cause="slow_consumer""#) >= count
        });
    });
}

#[test]
fn huge_bodies_of_the_api_are_refused() {
    let abuse = Abuse {
        growth_bytes_max: 16 * MIB,
        ..Abuse::default()
    };
    let large = format!(
        r#"{{"channel":"c","event":"e","data":"{}"}}"#,
        "x".repeat(32 * MIB)
    );
    let deep = format!(
        r#"{{"channel":"c","event":"e","data":{}"#,
        "[".repeat(60_000)
    );
    abuse.hold(|server| {
        let api = server.api.expect("the banner names the API");
        for _ in 0..4 {
            assert_eq!(post(api, "/v1/publish", &large).status, 413);
            assert_eq!(post(api, "/v1/publish", &deep).status, 400);
        }
    });
}

#[test]
fn crowd_of_one_address_is_refused_with_429() {
    let abuse = Abuse {
        flags: &["--max-connections-per-address", "20", "--limit-loopback"],
        growth_bytes_max: 8 * MIB,
        counted: Some(("closed", r#"cause="address_connections""#, 200)),
    };
    abuse.hold(|server| {
        let ask = || {
            let mut client = Client::tcp(server.addr);
            client.send_raw(&request(strav::PATH));
            client
        };
        // The healthy ones have seven of the twenty.
        let _kept: Vec<Client> = (0..13).map(|_| Client::open(server.addr)).collect();
        for _ in 0..200 {
            assert_eq!(ask().response().status, 429);
        }
    });
}
