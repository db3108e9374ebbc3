//! Goal: whoever has read the acknowledgement of a subscribe gets what is published after it,
//! wherever publisher and subscriber are connected.
//! Method: publish on another connection as soon as the acknowledgement is read, for many rounds,
//! on fresh channels and on one that comes and goes under the feet of several subscribers.

use std::thread;

use super::support::client::Client;
use super::support::{Server, servers};

const ROUNDS: usize = 400;

/// With 2 or 3 shards and 8 pairs, pairs on one shard alone are out of the question.
const PAIRS: usize = 8;

struct Pair {
    subscriber: Client,
    publisher: Client,
}

fn pairs(server: &Server) -> Vec<Pair> {
    (0..PAIRS)
        .map(|_| Pair {
            subscriber: Client::open(server.addr),
            publisher: Client::open(server.addr),
        })
        .collect()
}

#[test]
fn publish_right_after_the_ack_reaches_the_subscriber() {
    for server in servers(&[1, 2, 3], &["--allow-publish", "*"]) {
        let mut pairs = pairs(&server);
        for round in 0..ROUNDS {
            let pair = &mut pairs[round % PAIRS];
            let channel = format!("fresh-{round}");
            pair.subscriber.subscribe(&channel);
            pair.publisher.publish(&channel, "now", round);
            let event = pair.subscriber.event();
            assert_eq!(
                (event.channel, event.data),
                (channel, Some(round.to_string()))
            );
        }
    }
}

#[test]
fn publish_right_after_the_ack_arrives_while_others_leave_the_channel() {
    for server in servers(&[2, 3], &["--allow-publish", "*"]) {
        thread::scope(|scope| {
            for (number, pair) in pairs(&server).into_iter().enumerate() {
                scope.spawn(move || come_and_go(number, pair));
            }
        });
    }
}

/// Subscribes and leaves again and again; a channel's first and last subscriber change all the
/// time, which is when shards say and take back that they are interested.
fn come_and_go(number: usize, mut pair: Pair) {
    let name = format!("pair-{number}");
    for round in 0..ROUNDS / 4 {
        pair.subscriber.send_text(r#"{"t":"sub","c":"busy"}"#);
        // Others publish, too; and what came before the last unsubscribe took effect may be unread.
        while pair.subscriber.text() != r#"{"t":"ok","c":"busy"}"# {}
        pair.publisher.publish("busy", &name, round);
        loop {
            let event = pair.subscriber.event();
            if event.name == name {
                assert_eq!(event.number(), round, "neither lost nor late");
                break;
            }
        }
        pair.subscriber.unsubscribe("busy");
    }
}

#[test]
fn nothing_arrives_after_a_later_request_was_answered() {
    for server in servers(&[1, 2, 3], &["--allow-publish", "*"]) {
        for Pair {
            mut subscriber,
            mut publisher,
        } in pairs(&server)
        {
            subscriber.subscribe("left");
            subscriber.unsubscribe("left");
            subscriber.subscribe("barrier");
            for number in 0..20 {
                publisher.publish("left", "late", number);
            }
            publisher.publish("barrier", "end", 20);
            let event = subscriber.event();
            assert_eq!(event.channel, "barrier", "{event:?} came after the end");
        }
    }
}
