//! New limits and rules reach connections that are already there, and cost none of them its life.

use super::*;
use crate::engine::deflate::DeflateConfig;
use crate::engine::rules::{Grant, Pattern, PublishPattern, Rules};

fn replace(bench: &mut Bench, limits: ConnLimits) {
    replace_by(bench, words(limits, &[]));
}

fn replace_by(bench: &mut Bench, endpoint: Endpoint) {
    let now = bench.now;
    bench.shard.replace_endpoint(now, 0, endpoint);
}

#[test]
fn new_limits_hold_for_open_connections() {
    let mut bench = one(LIMITS);
    let client = bench.connect();
    for topic in ["a", "b", "c"] {
        bench.say(client, &format!("sub {topic}"));
    }
    bench.hears(client);
    let limits = ConnLimits {
        message_bytes_max: 20,
        subscriptions_max: 2,
        ..LIMITS
    };
    replace(&mut bench, limits);
    bench.say(client, "sub d");
    bench.say(client, "has a");
    assert_eq!(
        bench.hears(client),
        [text("LimitReached d"), text("has true")],
        "what it had before it keeps"
    );
    bench.say(client, "has aaaaaaaaaaaaaaaaaaaaaa");
    let got = bench.hears(client);
    assert!(matches!(&got[..], [Got::Close(1009, _)]), "{got:?}");
}

#[test]
fn message_that_had_begun_may_end_under_a_lower_limit() {
    let mut bench = one(LIMITS);
    let client = bench.connect();
    let whole = frame(1, b"has topic-of-some-length");
    bench.bytes(client, &whole[..20]);
    let limits = ConnLimits {
        message_bytes_max: 10,
        ..LIMITS
    };
    replace(&mut bench, limits);
    bench.bytes(client, &whole[20..]);
    let got = bench.hears(client);
    assert_eq!(got, [text("has false")]);
}

#[test]
fn new_rules_hold_for_open_connections() {
    let mut bench = one(LIMITS);
    let client = bench.connect();
    bench.say(client, "sub private-x");
    let mut rules = Rules::default();
    let pattern = Pattern::parse("private-y").expect("a pattern");
    rules.add_subscribe(pattern, Grant::Allow);
    rules.add_publish(
        PublishPattern::parse("t:e").expect("a pattern"),
        Grant::Allow,
    );
    let endpoint = Endpoint {
        deflate: DeflateConfig::default(),
        decider: Box::new(rules),
        ..words(LIMITS, &[])
    };
    replace_by(&mut bench, endpoint);
    for words in [
        "sub private-y",
        "sub private-z",
        "pub t e",
        "pub t f",
        "has private-x",
    ] {
        bench.say(client, words);
    }
    let answers = [
        "Subscribed private-x",
        "Subscribed private-y",
        "Denied private-z",
        "Accepted t",
        "Denied t",
        "has true",
    ];
    assert_eq!(bench.hears(client), answers.map(text));
}

#[test]
fn silence_from_before_counts_against_nobody() {
    let mut bench = one(ConnLimits {
        ping_interval_ms: 0,
        idle_timeout_ms: 0,
        ..LIMITS
    });
    let clients: Vec<Key> = (0..40).map(|_| bench.connect()).collect();
    bench.tick(10_000_000);
    replace(&mut bench, LIMITS);
    bench.tick(100);
    let pinged_at_once = clients
        .iter()
        .filter(|key| !bench.hears(**key).is_empty())
        .count();
    assert!(
        pinged_at_once < 5,
        "pings are spread, {pinged_at_once} came at once"
    );
    bench.tick(30_000);
    for client in &clients {
        let got = bench.hears(*client);
        assert!(got.iter().all(|got| *got == Got::Ping), "{got:?}");
    }
    bench.tick(60_100);
    for client in &clients {
        let got = bench.hears(*client);
        assert!(matches!(got.last(), Some(Got::Close(1001, _))), "{got:?}");
    }
}

#[test]
fn shorter_times_do_not_wait_for_the_longer_ones_to_end() {
    let mut bench = one(LIMITS);
    let client = bench.connect();
    let limits = ConnLimits {
        ping_interval_ms: 1_000,
        idle_timeout_ms: 3_000,
        ..LIMITS
    };
    replace(&mut bench, limits);
    bench.tick(1_100);
    assert!(bench.hears(client).contains(&Got::Ping));
    bench.tick(2_000);
    let got = bench.hears(client);
    assert!(matches!(got.last(), Some(Got::Close(1001, _))), "{got:?}");
}

#[test]
fn lower_backpressure_limit_acts_on_the_next_publication() {
    let mut bench = one(LIMITS);
    let (slow, talker) = (bench.connect(), bench.connect());
    bench.say(slow, "sub t");
    bench.hears(slow);
    bench.sockets.room.insert(slow, 0);
    for _ in 0..5 {
        bench.say(talker, "pub t e");
        bench.hears(talker);
    }
    let limits = ConnLimits {
        backpressure_bytes_max: 100,
        backpressure_policy: BackpressurePolicy::DropNewest,
        ..LIMITS
    };
    replace(&mut bench, limits);
    let queued = bench.shard.outbox_bytes(slow);
    bench.say(talker, "pub t e");
    bench.hears(talker);
    assert_eq!(
        bench.shard.outbox_bytes(slow),
        queued,
        "nothing more goes in"
    );
    assert_eq!(bench.shard.stats().closed_for(Cause::SlowConsumer), 0);
}
