//! What happens when nothing happens.

use super::*;

#[test]
fn silent_peer_is_pinged_and_then_cut() {
    let mut bench = one(LIMITS);
    let client = bench.connect();
    bench.tick(29_000);
    assert_eq!(bench.hears(client), []);
    for _ in 0..2 {
        bench.tick(1_100);
        assert_eq!(bench.hears(client), [Got::Ping]);
        bench.tick(29_000);
    }
    bench.tick(1_000);
    let got = bench.hears(client);
    assert!(
        matches!(&got[..], [Got::Close(1001, reason)] if reason == "idle timeout"),
        "{got:?}"
    );
    assert_eq!(bench.shard.stats().closed_for(Cause::Idle), 1);
}

#[test]
fn any_byte_from_the_peer_keeps_it() {
    let mut bench = one(LIMITS);
    let client = bench.connect();
    for _ in 0..20 {
        bench.tick(60_000);
        bench.bytes(client, &frame(10, b""));
    }
    assert!(bench.hears(client).iter().all(|got| *got == Got::Ping));
}

#[test]
fn heartbeat_of_a_tick_is_written_once_for_all() {
    let mut bench = one(LIMITS);
    let clients: Vec<Key> = (0..5).map(|_| bench.connect()).collect();
    bench.tick(30_100);
    assert_eq!(bench.shard.log.bytes(), 2);
    for client in clients {
        assert_eq!(bench.hears(client), [Got::Ping]);
    }
}

#[test]
fn intervals_of_zero_are_off() {
    let mut bench = one(ConnLimits {
        ping_interval_ms: 0,
        idle_timeout_ms: 0,
        ..LIMITS
    });
    let client = bench.connect();
    for _ in 0..100 {
        bench.tick(100_000);
    }
    assert_eq!(bench.hears(client), []);
}

#[test]
fn dialects_timer_fires_once_and_is_replaced_by_a_later_one() {
    let mut bench = one(LIMITS);
    let client = bench.connect();
    bench.say(client, "timer 500");
    bench.say(client, "timer 2000");
    bench.tick(600);
    assert_eq!(bench.hears(client), []);
    bench.tick(1_500);
    assert_eq!(bench.hears(client), ["Subscribed ticks", "tick"].map(text));
    bench.tick(10_000);
    assert_eq!(bench.hears(client), []);
}

#[test]
fn closing_connection_is_reset_when_its_peer_does_not_finish() {
    let mut bench = one(LIMITS);
    let client = bench.connect();
    bench.say(client, "close");
    bench.flush();
    assert_eq!(bench.ops(), [(client, SocketOp::ShutdownWrite)]);
    assert_eq!(bench.say(client, "sub t"), Flow::Read, "thrown away");
    bench.tick(2_100);
    assert_eq!(bench.ops(), [(client, SocketOp::Reset)]);
    assert_eq!(bench.say(client, "sub t"), Flow::Stop);
}
