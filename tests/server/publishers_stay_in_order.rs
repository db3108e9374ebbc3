//! Goal: each subscriber sees each publisher's messages of a channel exactly once and in order.
//! Method: several publishers pipeline thousands of numbered messages to subscribers on all shards,
//! which compare what they get with the whole sequence.

use std::thread;

use super::support::client::Client;
use super::support::servers;

const PUBLISHERS: usize = 6;
const SUBSCRIBERS: usize = 12;
const CHANNELS: [&str; 2] = ["left", "right"];
const MESSAGES: usize = 1_000;

/// A subscriber gets 12,000 messages of about 150 bytes with their bookkeeping: it is never cut for
/// being slow, whatever this machine is busy with.
const FLAGS: [&str; 4] = [
    "--allow-publish",
    "*",
    "--backpressure-limit-bytes",
    "16MiB",
];

#[test]
fn numbered_messages_arrive_in_sequence_on_every_shard() {
    for server in servers(&[1, 2, 3], &FLAGS) {
        let subscribers: Vec<Client> = (0..SUBSCRIBERS)
            .map(|_| {
                let mut subscriber = Client::open(server.addr);
                for channel in CHANNELS {
                    subscriber.subscribe(channel);
                }
                subscriber
            })
            .collect();
        let publishers: Vec<Client> = (0..PUBLISHERS).map(|_| Client::open(server.addr)).collect();
        thread::scope(|scope| {
            for subscriber in subscribers {
                scope.spawn(move || expect_sequences(subscriber));
            }
            for (number, publisher) in publishers.into_iter().enumerate() {
                scope.spawn(move || publish_sequences(publisher, number));
            }
        });
    }
}

/// Alternates between the channels, in writes of very different sizes.
fn publish_sequences(mut publisher: Client, number: usize) {
    let name = format!("p{number}");
    let mut pipelined = Vec::new();
    for message in 0..MESSAGES {
        for channel in CHANNELS {
            pipelined.extend(publisher.publish_frame(channel, &name, message));
        }
        if message % (1 + 37 * number) == 0 {
            publisher.send_raw(&pipelined);
            pipelined.clear();
        }
    }
    publisher.send_raw(&pipelined);
    publisher.expect_pong();
}

fn expect_sequences(mut subscriber: Client) {
    let mut next = [[0; PUBLISHERS]; CHANNELS.len()];
    for _ in 0..PUBLISHERS * CHANNELS.len() * MESSAGES {
        let event = subscriber.event();
        let channel = CHANNELS.iter().position(|name| **name == event.channel);
        let publisher: usize = event.name[1..].parse().expect("p and a number");
        let next = &mut next[channel.expect("one of the two")][publisher];
        assert_eq!(event.number(), *next, "{event:?}");
        *next += 1;
    }
    assert_eq!(next, [[MESSAGES; PUBLISHERS]; CHANNELS.len()]);
    subscriber.expect_nothing_unread();
}
