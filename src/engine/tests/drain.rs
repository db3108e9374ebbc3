//! The graceful end.

use super::super::drain::DrainPhase;
use super::*;

fn close_phase(bench: &Bench) -> DrainPhase {
    DrainPhase::Close {
        by_ms: bench.now.monotonic_ms + 10_000,
    }
}

#[test]
fn phases_end_in_order_and_everybody_is_told() {
    let mut bench = one(LIMITS);
    let (client, handshaking) = (
        bench.connect(),
        bench.shard.handle_accepted(bench.now, PEER),
    );
    bench.say(client, "sub t");
    bench.shard.handle_drain(bench.now, DrainPhase::Quiesce);
    assert_eq!(bench.shard.poll_drained(true), Some(DrainPhase::Quiesce));
    assert_eq!(bench.shard.poll_drained(true), None, "told once");
    bench.say(client, "sub too late");

    bench.shard.handle_drain(bench.now, DrainPhase::Settle);
    assert_eq!(bench.shard.poll_drained(false), None);
    assert_eq!(bench.shard.poll_drained(true), Some(DrainPhase::Settle));

    let close = close_phase(&bench);
    bench.shard.handle_drain(bench.now, close);
    let got = bench.hears(client);
    let bye = Got::Close(1001, "server shutting down".into());
    assert_eq!(got, [text("Subscribed t"), bye]);
    let refused = &bench.sockets.received[&handshaking.expect("accepted")];
    assert!(refused.starts_with(b"HTTP/1.1 503"));
    assert_eq!(bench.shard.poll_drained(true), None);
    for key in [client, handshaking.expect("accepted")] {
        bench.shard.handle_end(bench.now, key, false);
        bench.shard.handle_released(key);
    }
    assert_eq!(bench.shard.poll_drained(true), Some(close));
}

#[test]
fn quiescing_waits_for_publications_without_room() {
    let mut benches = process(2, 1, LIMITS);
    let mut there = benches.pop().expect("two");
    let mut here = benches.pop().expect("two");
    let (publisher, subscriber) = (here.connect(), there.connect());
    there.say(subscriber, "sub t");
    there.hears(subscriber);
    for number in 0..3 {
        here.say(publisher, &format!("pub t e {number}"));
    }
    here.shard.handle_drain(here.now, DrainPhase::Quiesce);
    assert_eq!(here.shard.poll_drained(true), None);
    while here.shard.has_stalled() {
        let letter = there.inbox.take_publication().expect("a letter");
        there.shard.handle_publication(&letter);
        here.shard.retry_stalled(here.now);
    }
    assert_eq!(here.shard.poll_drained(true), Some(DrainPhase::Quiesce));
    let letter = there.inbox.take_publication().expect("the last letter");
    there.shard.handle_publication(&letter);
    assert_eq!(
        there.hears(subscriber),
        ["t e 0", "t e 1", "t e 2"].map(text)
    );
}

#[test]
fn peer_that_reads_gets_what_was_accepted_before_the_close() {
    let mut bench = one(LIMITS);
    let client = bench.connect();
    bench.say(client, "sub t");
    bench.hears(client);
    bench.sockets.room.insert(client, 3);
    for number in 0..20 {
        bench.say(client, &format!("pub t e {number}"));
        bench.flush();
    }
    bench.shard.handle_drain(bench.now, close_phase(&bench));
    bench.flush();
    for _ in 0..40 {
        bench.tick(200);
        bench.sockets.room.insert(client, 30);
        bench.shard.handle_writable(client);
        bench.flush();
    }
    let got = bench.got(client);
    assert_eq!(
        got.iter()
            .filter(|got| matches!(got, Got::Text(text) if text.starts_with("t e")))
            .count(),
        20
    );
    assert!(matches!(got.last(), Some(Got::Close(1001, _))));
}

#[test]
fn many_connections_are_closed_over_time() {
    let mut bench = one(LIMITS);
    bench.shard.admission = Admission::new(10_000, AddressLimits::default());
    let clients: Vec<Key> = (0..10_000).map(|_| bench.connect()).collect();
    bench.shard.handle_drain(bench.now, close_phase(&bench));
    let closed = |bench: &mut Bench| {
        bench.flush();
        let open = clients.iter().filter(|key| bench.shard.is_open(**key));
        10_000 - open.count()
    };
    assert_eq!(closed(&mut bench), 256);
    bench.tick(2_500);
    assert_eq!(closed(&mut bench), 512, "a share in each tick that is seen");
    for _ in 0..50 {
        bench.tick(100);
    }
    assert_eq!(closed(&mut bench), 10_000);
}
