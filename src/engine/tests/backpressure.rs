//! Peers that do not read.

use super::*;

fn slow(policy: BackpressurePolicy) -> (Bench, Key, Key) {
    let mut bench = one(ConnLimits {
        backpressure_policy: policy,
        ..LIMITS
    });
    let (healthy, slow) = (bench.connect(), bench.connect());
    for client in [healthy, slow] {
        bench.say(client, "sub t");
    }
    bench.flush();
    bench.got(healthy);
    bench.got(slow);
    bench.ops();
    // Five bytes into the next frame.
    bench.sockets.room.insert(slow, 5);
    (bench, healthy, slow)
}

/// Frames of 100 bytes and their header.
fn publish(bench: &mut Bench, client: Key, numbers: std::ops::Range<usize>) {
    for number in numbers {
        bench.say(client, &format!("pub t {number:092}"));
        bench.flush();
    }
}

fn numbers(got: &[Got]) -> Vec<usize> {
    let number = |got: &Got| match got {
        Got::Text(text) => text.strip_prefix("t ")?.trim().parse().ok(),
        _ => None,
    };
    got.iter().filter_map(number).collect()
}

#[test]
fn slow_consumer_is_closed_with_1013_and_the_healthy_miss_nothing() {
    let (mut bench, healthy, slow) = slow(BackpressurePolicy::Close);
    publish(&mut bench, healthy, 0..100);
    assert_eq!(numbers(&bench.got(healthy)), (0..100).collect::<Vec<_>>());
    assert_eq!(bench.shard.stats().closed_for(Cause::SlowConsumer), 1);
    assert!(bench.shard.outbox_bytes(slow) < 400, "the queue is dropped");
    assert_eq!(bench.ops(), [(slow, SocketOp::WatchWritable)]);

    bench.sockets.room.insert(slow, usize::MAX);
    bench.shard.handle_writable(slow);
    let got = bench.hears(slow);
    assert_eq!(numbers(&got), [0], "the frame that had begun is finished");
    assert_eq!(got[1], Got::Close(1013, "slow consumer".into()));
    assert_eq!(bench.ops(), [(slow, SocketOp::ShutdownWrite)]);
}

/// Found by the fuzz target `shard`: the Close frame was all that such a client got.
#[test]
fn slow_consumer_that_has_read_nothing_yet_gets_its_response_before_the_close() {
    let mut bench = one(LIMITS);
    let healthy = bench.connect();
    let slow = bench.shard.handle_accepted(bench.now, PEER).expect("room");
    bench.sockets.room.insert(slow, 0);
    bench.bytes(slow, UPGRADE.as_bytes());
    bench.say(slow, "sub t");
    publish(&mut bench, healthy, 0..100);
    assert_eq!(bench.shard.stats().closed_for(Cause::SlowConsumer), 1);

    bench.sockets.room.insert(slow, usize::MAX);
    bench.shard.handle_writable(slow);
    bench.flush();
    assert!(bench.sockets.received[&slow].starts_with(b"HTTP/1.1 101 "));
    assert_eq!(bench.got(slow), [Got::Close(1013, "slow consumer".into())]);
}

#[test]
fn slow_consumer_that_never_reads_is_reset() {
    let (mut bench, healthy, slow) = slow(BackpressurePolicy::Close);
    publish(&mut bench, healthy, 0..100);
    bench.ops();
    bench.tick(1_500);
    assert_eq!(bench.ops(), []);
    bench.tick(1_000);
    assert_eq!(bench.ops(), [(slow, SocketOp::Reset)]);
    assert_eq!(bench.shard.outbox_bytes(slow), 0);
}

#[test]
fn drop_oldest_keeps_the_newest_and_every_reply() {
    let (mut bench, healthy, slow) = slow(BackpressurePolicy::DropOldest);
    publish(&mut bench, healthy, 0..50);
    bench.say(slow, "sub u");
    publish(&mut bench, healthy, 50..100);
    assert!(bench.shard.outbox_bytes(slow) <= 4_000);
    bench.sockets.room.insert(slow, usize::MAX);
    bench.shard.handle_writable(slow);
    let got = bench.hears(slow);
    let kept = numbers(&got);
    assert_eq!(kept[0], 0, "the frame that had begun");
    assert_eq!(kept[1..], (100 - (kept.len() - 1)..100).collect::<Vec<_>>());
    assert!(got.contains(&text("Subscribed u")));
    let dropped = bench.shard.stats().dropped() as usize;
    assert_eq!(kept.len() + dropped, 100);
}

#[test]
fn drop_newest_keeps_the_oldest_and_every_reply() {
    let (mut bench, healthy, slow) = slow(BackpressurePolicy::DropNewest);
    publish(&mut bench, healthy, 0..50);
    bench.say(slow, "sub u");
    publish(&mut bench, healthy, 50..100);
    bench.sockets.room.insert(slow, usize::MAX);
    bench.shard.handle_writable(slow);
    let got = bench.hears(slow);
    let kept = numbers(&got);
    assert_eq!(kept, (0..kept.len()).collect::<Vec<_>>());
    assert!(got.contains(&text("Subscribed u")));
    assert_eq!(kept.len() as u64 + bench.shard.stats().dropped(), 100);
    assert_eq!(numbers(&bench.got(healthy)).len(), 100);
}

#[test]
fn connection_that_cannot_hold_its_replies_is_closed_whatever_the_policy() {
    let (mut bench, _, slow) = slow(BackpressurePolicy::DropOldest);
    for _ in 0..100 {
        bench.say(slow, "has t");
        bench.flush();
    }
    assert_eq!(bench.shard.stats().closed_for(Cause::SlowConsumer), 1);
}

#[test]
fn short_send_goes_on_where_it_stopped() {
    let (mut bench, healthy, slow) = slow(BackpressurePolicy::Close);
    publish(&mut bench, healthy, 0..10);
    for _ in 0..500 {
        bench.sockets.room.insert(slow, 7);
        bench.shard.handle_writable(slow);
        bench.flush();
    }
    assert_eq!(numbers(&bench.got(slow)), (0..10).collect::<Vec<_>>());
    assert_eq!(bench.shard.outbox_bytes(slow), 0);
}

#[test]
fn flush_stops_at_its_budget_and_goes_on_in_the_next_turn() {
    let mut bench = one(LIMITS);
    let clients: Vec<Key> = (0..10).map(|_| bench.connect()).collect();
    for client in &clients {
        bench.say(*client, "sub t");
        bench.flush();
        bench.got(*client);
    }
    let sends = bench.sockets.sends;
    bench.say(clients[0], "pub t one");
    assert!(!bench.shard.flush(bench.now, &mut bench.sockets, 4));
    bench.say(clients[0], "pub t two");
    bench.flush();
    let sends = bench.sockets.sends - sends;
    assert_eq!(sends, 4 + 10, "both in one send for those who had none");
    for client in &clients[1..] {
        assert_eq!(bench.got(*client), [text("t one "), text("t two ")]);
    }
}
