//! Goal: when shards get more than their mailboxes hold, publishers wait, and nothing is lost,
//! doubled or out of order; nobody who does not publish notices.
//! Method: shards that share one core, so that a shard which reads its publishers' floods cannot be
//! kept up with: in one turn it reads 256 KiB of each of them, which is several times the 4,096
//! letters that a mailbox takes. All subscribers compare with the whole sequence.

use std::thread;

use super::support::client::Client;
use super::support::{Server, drivers};

const PUBLISHERS: usize = 6;
const SUBSCRIBERS: usize = 6;

/// Of about 44 bytes: 250 KiB for each publisher, more than its share of a turn.
const MESSAGES: usize = 6_000;

fn start(driver: &str, shards: &str) -> Server {
    println!("--driver {driver} --shards {shards}");
    Server::start(&[
        "--driver",
        driver,
        "--shards",
        shards,
        "--cpus",
        "0",
        "--allow-publish",
        "*",
        // 36,000 messages of about 150 bytes with their bookkeeping: no subscriber is too slow.
        "--backpressure-limit-bytes",
        "64MiB",
    ])
}

#[test]
fn floods_across_shards_arrive_complete_and_in_order() {
    for driver in drivers() {
        for shards in ["2", "3"] {
            let server = start(driver, shards);
            let subscribers: Vec<Client> = (0..SUBSCRIBERS)
                .map(|_| {
                    let mut subscriber = Client::open(server.addr);
                    subscriber.subscribe("flood");
                    subscriber
                })
                .collect();
            let mut bystander = Client::open(server.addr);
            let publishers: Vec<Client> =
                (0..PUBLISHERS).map(|_| Client::open(server.addr)).collect();
            thread::scope(|scope| {
                for subscriber in subscribers {
                    scope.spawn(move || expect_floods(subscriber));
                }
                let floods: Vec<_> = publishers
                    .into_iter()
                    .enumerate()
                    .map(|(number, publisher)| scope.spawn(move || flood(publisher, number)))
                    .collect();
                // Those who do not publish are answered all the while.
                while !floods.iter().all(thread::ScopedJoinHandle::is_finished) {
                    bystander.expect_pong();
                }
            });
        }
    }
}

fn flood(mut publisher: Client, number: usize) {
    let name = format!("p{number}");
    let frames: Vec<Vec<u8>> = (0..MESSAGES)
        .map(|message| publisher.publish_frame("flood", &name, message))
        .collect();
    publisher.send_raw(&frames.concat());
    // Its reads have paused and gone on: control frames behind the flood are still answered.
    publisher.expect_pong();
}

fn expect_floods(mut subscriber: Client) {
    let mut next = [0; PUBLISHERS];
    for _ in 0..PUBLISHERS * MESSAGES {
        let event = subscriber.event();
        let publisher: usize = event.name[1..].parse().expect("p and a number");
        assert_eq!(event.number(), next[publisher], "{event:?}");
        next[publisher] += 1;
    }
    assert_eq!(next, [MESSAGES; PUBLISHERS]);
    subscriber.expect_nothing_unread();
}

#[test]
fn publisher_that_goes_away_behind_a_full_mailbox_has_still_published() {
    for driver in drivers() {
        let server = start(driver, "3");
        let mut subscribers: Vec<Client> = (0..SUBSCRIBERS)
            .map(|_| Client::open(server.addr))
            .collect();
        for subscriber in &mut subscribers {
            subscriber.subscribe("flood");
        }
        for number in 0..PUBLISHERS {
            let mut publisher = Client::open(server.addr);
            let name = format!("p{number}");
            let frames: Vec<Vec<u8>> = (0..MESSAGES)
                .map(|message| publisher.publish_frame("flood", &name, message))
                .collect();
            publisher.send_raw(&frames.concat());
            // Gone as soon as the kernel has taken it: the server reads all of it, and then the end.
            publisher.finish_sending();
            thread::spawn(
                move || while publisher.incoming() != super::support::client::Incoming::End {},
            );
        }
        thread::scope(|scope| {
            for subscriber in subscribers {
                scope.spawn(move || expect_floods(subscriber));
            }
        });
    }
}
