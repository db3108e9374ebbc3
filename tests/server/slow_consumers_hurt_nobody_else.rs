//! Goal: clients that stop reading cost bounded memory, and the others lose nothing, under each
//! policy; the stopped ones are cut, or miss messages and nothing else.
//! Method: of 100 subscribers on all shards 10 have small buffers and stop; the others read what is
//! published in portions that fit into their limit, so that none of them can ever be too slow.

use super::support::client::{Client, Incoming};
use super::support::strav::{Event, sub};
use super::support::{Server, drivers};

const HEALTHY: usize = 90;
const STOPPED: usize = 10;

const LIMIT_BYTES: usize = 256 * 1024;
const DATA_BYTES: usize = 16 * 1024;

/// Half of the limit, even if the kernel takes nothing of it.
const PORTION: usize = LIMIT_BYTES / DATA_BYTES / 2;

/// 8 MiB to each subscriber: what the kernel queues for a stopped one (about 2.5 MiB), its limit, and
/// as much again that must not be kept.
const MESSAGES: usize = 512;

/// What the server may grow by beyond the limits of those that are stopped. An unbounded queue would
/// show: payloads are shared within a shard, so on two of them it would take some 10 MiB.
const SLACK_BYTES: usize = 4 * 1024 * 1024;

struct Scene {
    server: Server,
    healthy: Vec<Client>,
    stopped: Vec<Client>,
    publisher: Client,
    filler: String,
}

impl Scene {
    fn set(driver: &str, policy: &str) -> Self {
        println!("--driver {driver} --backpressure-policy {policy}");
        let limit = LIMIT_BYTES.to_string();
        let server = Server::start(&[
            "--driver",
            driver,
            "--shards",
            "2",
            "--allow-publish",
            "*",
            "--backpressure-limit-bytes",
            &limit,
            "--backpressure-policy",
            policy,
        ]);
        let publisher = Client::open(server.addr);
        let healthy = (0..HEALTHY).map(|_| Client::open(server.addr)).collect();
        let stopped = (0..STOPPED)
            .map(|_| Client::open_with_small_buffer(server.addr))
            .collect();
        let mut scene = Self {
            server,
            healthy,
            stopped,
            publisher,
            filler: "x".repeat(DATA_BYTES),
        };
        for client in scene.healthy.iter_mut().chain(&mut scene.stopped) {
            client.subscribe("flood");
        }
        scene
    }

    /// Publishes all messages, each received by every healthy subscriber; how much the server has
    /// grown meanwhile.
    fn flood(&mut self) -> usize {
        // Before the measurement, so that buffers which are kept for reuse exist.
        self.publish_and_read(0..PORTION);
        let before = self.server.resident_bytes();
        let mut peak = before;
        for start in (PORTION..MESSAGES).step_by(PORTION) {
            self.publish_and_read(start..start + PORTION);
            peak = peak.max(self.server.resident_bytes());
        }
        peak - before
    }

    fn publish_and_read(&mut self, numbers: std::ops::Range<usize>) {
        for number in numbers.clone() {
            let data = format!("\"{number} {}\"", self.filler);
            self.publisher.publish("flood", "m", data);
        }
        for client in &mut self.healthy {
            for number in numbers.clone() {
                assert_eq!(number_of(&client.event()), number);
            }
        }
    }
}

fn number_of(event: &Event) -> usize {
    let data = event.data.as_deref().unwrap_or_default();
    let number = data.trim_start_matches('"').split(' ').next();
    number
        .and_then(|number| number.parse().ok())
        .unwrap_or_else(|| panic!("{event:?} carries no number"))
}

#[test]
fn stopped_subscribers_are_cut_and_the_others_lose_nothing() {
    for driver in drivers() {
        let mut scene = Scene::set(driver, "close");
        let descriptors = scene.server.descriptors();
        let grown = scene.flood();
        let allowed = STOPPED * LIMIT_BYTES + SLACK_BYTES;
        assert!(grown <= allowed, "grown by {grown}, not at most {allowed}");

        for client in &mut scene.stopped {
            expect_prefix_and_cut(client);
        }
        scene.server.wait_for_descriptors(descriptors - STOPPED);
        scene.publish_and_read(MESSAGES..MESSAGES + 1);
    }
}

/// What a stopped client finds when it reads again: an unbroken sequence, and then that it was cut.
fn expect_prefix_and_cut(client: &mut Client) {
    client.widen_buffer();
    let mut next = 0;
    loop {
        match client.incoming() {
            Incoming::Text(text) => {
                assert_eq!(number_of(&Event::parse(&text)), next);
                next += 1;
            }
            Incoming::Close(code, _) => {
                assert_eq!(code, Some(1_013));
                return client.answer_close(1_013);
            }
            // It came too late: the server waits two seconds for a client that it has closed.
            Incoming::Reset => break,
            other => panic!("{other:?} is no way to cut a subscriber"),
        }
    }
    assert!(next < MESSAGES, "it was not slow");
}

#[test]
fn stopped_subscribers_miss_messages_when_those_are_dropped_and_the_others_lose_nothing() {
    for driver in drivers() {
        for policy in ["drop-newest", "drop-oldest"] {
            let mut scene = Scene::set(driver, policy);
            let grown = scene.flood();
            let allowed = STOPPED * LIMIT_BYTES + SLACK_BYTES;
            assert!(grown <= allowed, "grown by {grown}, not at most {allowed}");

            let mut stopped = std::mem::take(&mut scene.stopped);
            for client in &mut stopped {
                expect_gap(client, policy);
            }
            // Who has caught up is a subscriber like all others.
            scene.healthy.append(&mut stopped);
            scene.publish_and_read(MESSAGES..MESSAGES + 1);
        }
    }
}

/// What a stopped client finds: an ascending sequence in which something is missing, and the answer
/// to a request, which no policy drops, behind it.
fn expect_gap(client: &mut Client, policy: &str) {
    client.widen_buffer();
    client.send_text(&sub("still here"));
    let mut numbers = Vec::new();
    loop {
        let text = client.text();
        if text == r#"{"t":"ok","c":"still here"}"# {
            break;
        }
        numbers.push(number_of(&Event::parse(&text)));
    }
    assert!(numbers.is_sorted_by(|a, b| a < b), "{numbers:?}");
    assert!(numbers.len() < MESSAGES, "it was not slow");
    assert_eq!(numbers[0], 0, "what the kernel had taken");
    let missing = numbers.windows(2).filter(|pair| pair[0] + 1 != pair[1]);
    let is_last = numbers.last() == Some(&(MESSAGES - 1));
    match policy {
        "drop-newest" => assert_eq!((missing.count(), is_last), (0, false), "{numbers:?}"),
        "drop-oldest" => assert_eq!((missing.count(), is_last), (1, true), "{numbers:?}"),
        other => panic!("{other} does not drop"),
    }
}
