//! Everybody comes back at once: a constant second after a restart, each with all its joins.

use super::bench::{Bench, join};
use crate::dialect::shared_websocket::Settings;
use crate::engine::decider::Verdict;
use crate::engine::door::Door;

#[test]
fn ten_thousand_clients_join_five_channels_each_and_nobody_is_asked() {
    const CLIENTS: usize = 10_000;
    let mut bench = Bench::with(Settings::default(), Door::default(), CLIENTS);
    let clients: Vec<_> = (0..CLIENTS).map(|_| bench.knock("/events", "")).collect();
    bench.flush();
    bench.sockets.received.clear();
    // Everything twice, as the client does at its first connect.
    for round in 0..2 {
        for (index, client) in clients.iter().enumerate() {
            for channel in 0..5 {
                let name = format!("room:{}", (index + channel) % 1_000);
                bench.say(*client, &join(&name));
            }
        }
        assert!(bench.shard.poll_asked().is_none());
        bench.flush();
        assert_eq!(bench.sockets.received.len(), 0, "nothing is answered");
        assert_eq!(bench.shard.topics().subscriptions(), 5 * CLIENTS, "{round}");
    }
    assert_eq!(bench.publish("room:7", "e", Some("1")), 50);
    assert_eq!(bench.shard.stats().messages_ignored, 0);
    assert_eq!(bench.shard.stats().publications, 0);
}

/// Where the application decides, it is asked once for a topic and connection.
#[test]
fn webhook_is_asked_once_however_often_a_client_joins() {
    let mut bench = Bench::new();
    let client = bench.connect();
    for _ in 0..2 {
        for name in ["ask:1", "ask:2"] {
            bench.say(client, &join(name));
        }
    }
    for _ in 0..2 {
        let asked = bench.shard.poll_asked().expect("a question");
        bench
            .shard
            .handle_verdict(bench.now, client, asked.ticket, Verdict::Allow, 10_000);
    }
    let leave = join("ask:1").replace(":join", ":leave");
    for message in [leave, join("ask:1")] {
        assert_eq!(bench.ask(client, &message), []);
    }
    assert!(bench.shard.poll_asked().is_none());
    assert_eq!(bench.topics(client), ["ask:1", "ask:2"]);
}

/// A connection that comes back is a new one: nothing of the old is kept for it.
#[test]
fn new_connection_is_in_no_channel() {
    let mut bench = Bench::new();
    let client = bench.connect();
    bench.say(client, &join("x"));
    bench.shard.handle_end(bench.now, client, true);
    assert_eq!(bench.publish("x", "e", None), 0);
    bench.shard.handle_released(client);
    let again = bench.connect();
    assert_eq!(bench.topics(again), [""; 0]);
}
