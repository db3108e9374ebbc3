//! Endpoints whose connections get what there is once in a while.

use super::*;

const DELAYED: ConnLimits = ConnLimits {
    flush_interval_ms: 50,
    ..LIMITS
};

/// A bench with two clients that are subscribed to `t`, and have just been sent something.
fn subscribed() -> (Bench, Key, Key) {
    let mut bench = one(DELAYED);
    let one = bench.connect();
    bench.tick(50);
    let two = bench.connect();
    for client in [one, two] {
        bench.say(client, "sub t");
    }
    bench.tick(50);
    for client in [one, two] {
        assert!(bench.hears(client).contains(&text("Subscribed t")));
    }
    assert_eq!(bench.shard.flush_due_ms(), None);
    (bench, one, two)
}

#[test]
fn messages_of_one_interval_go_out_together_and_in_order() {
    let (mut bench, publisher, subscriber) = subscribed();
    let due_ms = bench.now.monotonic_ms + 50;
    for number in 0..5 {
        bench.say(publisher, &format!("pub t {number}"));
        bench.tick(9);
        let sends = bench.sockets.sends;
        bench.flush();
        assert_eq!(bench.sockets.sends, sends, "it waits");
        assert_eq!(bench.shard.flush_due_ms(), Some(due_ms));
    }
    bench.say(subscriber, "has t");
    bench.tick(5);
    let sends = bench.sockets.sends;
    let numbers = (0..5).map(|number| text(&format!("t {number} ")));
    let heard = bench.hears(subscriber);
    assert_eq!(heard, [numbers.collect(), vec![text("has true")]].concat());
    assert_eq!(bench.sockets.sends, sends + 2, "one for each");
    assert_eq!(bench.shard.flush_due_ms(), None);
    assert_eq!(bench.got(publisher).len(), 10);
}

#[test]
fn message_after_a_pause_is_sent_at_once() {
    let (mut bench, publisher, subscriber) = subscribed();
    bench.tick(50);
    bench.say(publisher, "pub t now");
    assert_eq!(bench.hears(subscriber), [text("t now ")]);
}

#[test]
fn budget_of_a_flush_does_not_cost_another_interval() {
    let (mut bench, publisher, subscriber) = subscribed();
    bench.say(publisher, "pub t x");
    bench.flush();
    bench.tick(50);
    let (now, sockets) = (bench.now, &mut bench.sockets);
    assert!(!bench.shard.flush(now, sockets, 1));
    assert!(bench.shard.flush(now, sockets, 1));
    assert_eq!(bench.got(publisher), [text("t x "), text("Accepted t")]);
    assert_eq!(bench.got(subscriber), [text("t x ")]);
}

#[test]
fn much_does_not_wait() {
    let mut bench = one(ConnLimits {
        backpressure_bytes_max: usize::MAX,
        ..DELAYED
    });
    let client = bench.connect();
    bench.say(client, "sub t");
    bench.tick(50);
    bench.hears(client);
    let data = "x".repeat(100);
    let mut published = 0;
    while !bench.shard.wants_flush() {
        bench.say(client, &format!("pub t {data}"));
        published += 1;
        assert!(published < 100_000, "there is a bound");
    }
    bench.flush();
    assert!(bench.sockets.received[&client].len() > published * data.len());
}

#[test]
fn connection_that_ends_while_it_waits_leaves_its_slot_clean() {
    let (mut bench, publisher, subscriber) = subscribed();
    bench.say(publisher, "pub t secret");
    bench.flush();
    bench.shard.handle_end(bench.now, subscriber, true);
    bench.shard.handle_released(subscriber);
    bench.tick(50);
    let next = bench.connect();
    assert_eq!(next.slot, subscriber.slot);
    bench.say(next, "sub t");
    bench.tick(50);
    let heard = bench.hears(next);
    assert!(heard.contains(&text("Subscribed t")) && !heard.contains(&text("t secret ")));
}
