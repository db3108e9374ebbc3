//! Codes of Close frames: the client stops for good at 1008, and in some modes at 1000.

use super::bench::{Bench, Got, LIMITS, frame, join};
use crate::dialect::shared_websocket::{Settings, SharedWebsocket};
use crate::engine::dialect::Dialect;
use crate::engine::disconnect::Cause;
use crate::engine::drain::DrainPhase;

#[test]
fn no_cause_but_bad_credentials_is_told_by_a_code_that_ends_reconnecting() {
    let dialect = SharedWebsocket::new(Settings::default());
    for cause in Cause::ALL {
        let Some(disconnect) = dialect.disconnect(cause) else {
            continue;
        };
        let code = disconnect.code.0;
        assert_ne!(code, 1000, "{cause:?}");
        assert_eq!(code == 1008, cause == Cause::Unauthorized, "{cause:?}");
    }
}

fn code(bench: &mut Bench, bytes: &[u8]) -> u16 {
    let client = bench.connect();
    bench.bytes(client, bytes);
    match &bench.hears(client)[..] {
        [Got::Close(code, _)] => *code,
        other => panic!("{other:?}"),
    }
}

#[test]
fn binary_message_is_closed_with_1003_and_wrong_frames_as_the_book_says() {
    let mut bench = Bench::new();
    assert_eq!(code(&mut bench, &frame(0x82, b"{}")), 1003);
    assert_eq!(code(&mut bench, &frame(0x82, b"\xff")), 1003);
    assert_eq!(code(&mut bench, &[0x81, 0x01, b'x']), 1002);
    assert_eq!(code(&mut bench, &frame(0x81, b"\xff")), 1007);
    let longest = vec![b' '; LIMITS.message_bytes_max];
    let client = bench.connect();
    bench.bytes(client, &frame(0x81, &longest));
    assert_eq!(bench.hears(client), []);
    let longer = vec![b' '; LIMITS.message_bytes_max + 1];
    assert_eq!(code(&mut bench, &frame(0x81, &longer)), 1009);
}

#[test]
fn shutdown_is_1001() {
    let mut bench = Bench::new();
    let client = bench.connect();
    let by_ms = bench.now.monotonic_ms + 2_000;
    for phase in [
        DrainPhase::Quiesce,
        DrainPhase::Settle,
        DrainPhase::Close { by_ms },
    ] {
        bench.shard.handle_drain(bench.now, phase);
    }
    let got = bench.hears(client);
    assert!(matches!(got[..], [Got::Close(1001, _)]), "{got:?}");
}

#[test]
fn slow_consumer_is_cut_with_1013() {
    let mut bench = Bench::new();
    let client = bench.connect();
    bench.say(client, &join("x"));
    bench.sockets.blocked = Some(client);
    let data = format!("\"{}\"", "x".repeat(10_000));
    for _ in 0..8 {
        bench.publish("x", "e", Some(&data));
        bench.flush();
    }
    bench.sockets.blocked = None;
    bench.shard.handle_writable(client);
    let got = bench.hears(client);
    let last = got.last().expect("something was queued");
    assert!(matches!(last, Got::Close(1013, _)), "{got:?}");
    assert_eq!(bench.shard.stats().closed_for(Cause::SlowConsumer), 1);
}
