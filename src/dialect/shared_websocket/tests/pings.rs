//! The client's heartbeat, which has no event by which to know it.

use super::bench::{Bench, Got, text};
use crate::dialect::shared_websocket::{FrameShape, PingMessage, Settings};
use crate::engine::door::Door;

fn bench(ping: &str) -> Bench {
    Bench::set(|settings| settings.ping = PingMessage::parse(ping))
}

fn pong() -> [Got; 1] {
    [text(r#"{"type":"pong"}"#)]
}

#[test]
fn ping_is_answered_however_it_is_spelled() {
    for (ping, spellings) in [
        (
            r#"{"type":"ping"}"#,
            &[
                r#"{"type":"ping"}"#,
                " {\"type\" :\t\"ping\"}\r\n",
                r#"{"type":"\u0070ing"}"#,
                r#"{"\u0074ype":"ping"}"#,
                r#"{"type":"x","type":"ping"}"#,
            ][..],
        ),
        (
            r#"{"event":"ping","data":{"a":[1,null],"b":2}}"#,
            &[
                r#"{"event":"ping","data":{"a":[1,null],"b":2}}"#,
                r#"{"data":{"b":2, "a":[1,null]},"event":"ping"}"#,
            ],
        ),
        (r#""ping""#, &[r#""ping""#, r#" "\u0070ing""#]),
        ("[2]", &["[2]", "[ 2 ]"]),
        ("{}", &["{}", "{ }"]),
    ] {
        let mut bench = bench(ping);
        let client = bench.connect();
        for spelling in spellings {
            assert_eq!(bench.ask(client, spelling), pong(), "{spelling}");
        }
        assert_eq!(bench.shard.stats().messages_ignored, 0);
    }
}

#[test]
fn what_only_looks_like_a_ping_is_none() {
    for (ping, others) in [
        (
            r#"{"type":"ping"}"#,
            &[
                r#"{"type":"pong"}"#,
                r#"{"type":"ping","at":1}"#,
                r#"{"type":"ping","event":"x"}"#,
                r#"{"event":"ping"}"#,
                r#"{"type":["ping"]}"#,
                r#""ping""#,
                "ping",
            ][..],
        ),
        (r#"{"event":"ping"}"#, &[r#"{"event":"ping","data":1}"#]),
        (r#""ping""#, &["\"pong\"", "ping", "\"ping", "{}"]),
    ] {
        let mut bench = bench(ping);
        let client = bench.connect();
        for other in others {
            assert_eq!(bench.ask(client, other), [], "{other}");
        }
    }
}

#[test]
fn answer_is_what_is_set_and_can_be_nothing() {
    for pong in [None, Some(r#"{"event":"pong","data":{}}"#), Some("1")] {
        let mut bench = Bench::set(|settings| settings.pong = pong.map(str::to_owned));
        let client = bench.connect();
        let expected: Vec<Got> = pong.into_iter().map(text).collect();
        assert_eq!(bench.ask(client, r#"{"type":"ping"}"#), expected);
        assert_eq!(bench.shard.stats().messages_ignored, 0);
    }
    let mut bench = Bench::set(|settings| settings.ping = None);
    let client = bench.connect();
    assert_eq!(bench.ask(client, r#"{"type":"ping"}"#), []);
    assert_eq!(bench.shard.stats().messages_ignored, 1);
}

#[test]
fn ping_is_known_among_flat_frames() {
    let mut bench = Bench::with(Settings::new(FrameShape::Flat), Door::default(), 10);
    let client = bench.connect();
    for spelling in [r#"{"type":"ping"}"#, r#"{ "type":"ping" }"#] {
        assert_eq!(bench.ask(client, spelling), pong());
    }
    assert_eq!(bench.ask(client, r#"{"type":"pings"}"#), []);
}
