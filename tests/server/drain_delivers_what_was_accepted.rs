//! Goal: SIGTERM ends the server without losing anything that it has accepted, and in bounded time;
//! a second signal ends it at once.
//! Method: signal in the middle of a broadcast; all subscribers must have got the same unbroken
//! sequence, with everything that was known to be accepted, before Close 1001.

use std::io::ErrorKind;
use std::net::TcpStream;
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use super::support::client::{Client, Incoming, request};
use super::support::strav::{self, Event};
use super::support::{Server, drivers, wait_until};

const SUBSCRIBERS: usize = 16;

/// Published and known to be accepted before the signal.
const CERTAIN: usize = 500;

const FLAGS: [&str; 6] = [
    "--allow-publish",
    "*",
    "--backpressure-limit-bytes",
    "256MiB",
    "--log-level",
    "info",
];

fn start(driver: &str, shards: &str, drain_timeout: &str) -> Server {
    println!("--driver {driver} --shards {shards} --drain-timeout {drain_timeout}");
    let own = ["--driver", driver, "--shards", shards];
    let drain = ["--drain-timeout", drain_timeout];
    Server::start_logged(&[own.as_slice(), &drain, &FLAGS].concat())
}

#[test]
fn broadcast_that_is_cut_short_arrives_the_same_at_all_who_read() {
    for driver in drivers() {
        for shards in ["1", "2", "3"] {
            drain_amid_broadcast(start(driver, shards, "30s"));
        }
    }
}

fn drain_amid_broadcast(mut server: Server) {
    let mut subscribers: Vec<Client> = (0..SUBSCRIBERS)
        .map(|_| Client::open(server.addr))
        .collect();
    for subscriber in &mut subscribers {
        subscriber.subscribe("all");
    }
    let mut publishers: Vec<Client> = (0..3).map(|_| Client::open(server.addr)).collect();
    for (number, publisher) in publishers.iter_mut().enumerate() {
        let name = format!("p{number}");
        for message in 0..CERTAIN {
            publisher.publish("all", &name, message);
        }
        publisher.expect_pong();
    }

    let (underway, broadcast_underway) = mpsc::channel();
    let ends: Vec<[usize; 3]> = thread::scope(|scope| {
        let readers: Vec<_> = subscribers
            .into_iter()
            .map(|subscriber| {
                let underway = underway.clone();
                scope.spawn(move || read_to_close(subscriber, &underway))
            })
            .collect();
        for (number, publisher) in publishers.into_iter().enumerate() {
            scope.spawn(move || publish_until_cut(publisher, number));
        }
        broadcast_underway.recv().expect("subscribers receive");
        server.signal("TERM");
        let join = |reader: thread::ScopedJoinHandle<'_, _>| reader.join().expect("no fault");
        readers.into_iter().map(join).collect()
    });
    for end in &ends {
        assert_eq!(end, &ends[0], "all get what was accepted, or nobody does");
        assert!(end.iter().all(|count| *count >= CERTAIN), "{end:?}");
    }
    assert_eq!(server.wait().code(), Some(0));
    let log = server.log();
    assert!(!log.contains("time was over"), "{log}");
}

/// Counts what each publisher's sequence got to, up to Close 1001 and the end of the stream; tells
/// when there is something that was not certain.
fn read_to_close(mut subscriber: Client, underway: &mpsc::Sender<()>) -> [usize; 3] {
    let mut next = [0; 3];
    let mut told = false;
    loop {
        match subscriber.incoming() {
            Incoming::Text(text) => {
                let event = Event::parse(&text);
                let publisher: usize = event.name[1..].parse().expect("p and a number");
                assert_eq!(event.number(), next[publisher], "{event:?}");
                next[publisher] += 1;
                if !told && next[publisher] > CERTAIN {
                    underway.send(()).expect("the test listens");
                    told = true;
                }
            }
            Incoming::Close(code, reason) => {
                assert_eq!((code, &*reason), (Some(1_001), "server shutting down"));
                subscriber.answer_close(1_001);
                return next;
            }
            other => panic!("{other:?} before Close"),
        }
    }
}

/// Publishes as fast as the server reads, until it closes the connection.
fn publish_until_cut(mut publisher: Client, number: usize) {
    let name = format!("p{number}");
    let mut message = CERTAIN;
    while !publisher.has_input(Duration::from_millis(1)) {
        let mut pipelined = Vec::new();
        for _ in 0..100 {
            pipelined.extend(publisher.publish_frame("all", &name, message));
            message += 1;
        }
        publisher.send_raw(&pipelined);
    }
    publisher.expect_close(1_001);
}

#[test]
fn idle_server_ends_at_once() {
    for driver in drivers() {
        for clients in [0, 40] {
            // Longer than a test waits for anything.
            let mut server = start(driver, "3", "1h");
            let clients: Vec<Client> = (0..clients).map(|_| Client::open(server.addr)).collect();
            server.signal("INT");
            for mut client in clients {
                client.expect_close(1_001);
            }
            assert_eq!(server.wait().code(), Some(0));
        }
    }
}

/// Messages of 32 KiB for a client that does not read: more than the kernel takes for it.
const QUEUED: usize = 200;

/// A subscriber that does not read, for which more is queued than the kernel takes.
fn stopped_subscriber(server: &Server) -> Client {
    let mut stopped = Client::open_with_small_buffer(server.addr);
    stopped.subscribe("flood");
    let mut publisher = Client::open(server.addr);
    let data = format!("\"{}\"", "x".repeat(32 * 1024));
    for _ in 0..QUEUED {
        publisher.publish("flood", "m", &data);
    }
    publisher.expect_pong();
    stopped
}

#[test]
fn second_signal_ends_a_drain_that_waits_for_a_client() {
    for driver in drivers() {
        let mut server = start(driver, "2", "1h");
        let _stopped = stopped_subscriber(&server);
        server.signal("TERM");
        server.log_line("draining");
        server.signal("TERM");
        assert_eq!(server.wait().code(), Some(1));
        assert!(server.log().contains("second signal"));
    }
}

#[test]
fn client_that_does_not_read_is_given_up_when_the_time_is_over() {
    for driver in drivers() {
        let mut server = start(driver, "2", "1s");
        let _stopped = stopped_subscriber(&server);
        server.signal("TERM");
        assert_eq!(server.wait().code(), Some(0));
        assert!(server.log().contains("time was over"));
    }
}

#[test]
fn client_that_reads_late_gets_all_of_it_within_the_drain() {
    for driver in drivers() {
        let mut server = start(driver, "2", "1h");
        let mut stopped = stopped_subscriber(&server);
        server.signal("TERM");
        server.log_line("draining");
        stopped.widen_buffer();
        for _ in 0..QUEUED {
            assert_eq!(stopped.event().name, "m");
        }
        stopped.expect_close(1_001);
        assert_eq!(server.wait().code(), Some(0));
    }
}

#[test]
fn nobody_is_let_in_while_draining() {
    for driver in drivers() {
        let mut server = start(driver, "2", "1h");
        let _stopped = stopped_subscriber(&server);
        let mut unfinished = Client::tcp(server.addr);
        unfinished.send_raw(&request(strav::PATH)[..20]);
        Client::open(server.addr).expect_pong();
        server.signal("TERM");
        server.log_line("draining");
        // The head is not complete, so this connection was not let in yet.
        assert_eq!(unfinished.response().status, 503);
        // A shard that has not heard of the drain yet still accepts, and one that is just closing
        // its listener resets what waits there.
        wait_until("connections are refused", || {
            let connected = TcpStream::connect(server.addr);
            connected.is_err_and(|error| error.kind() == ErrorKind::ConnectionRefused)
        });
    }
}

#[test]
fn drain_without_time_still_tells_everybody() {
    for driver in drivers() {
        let mut server = start(driver, "3", "0");
        let clients: Vec<Client> = (0..40).map(|_| Client::open(server.addr)).collect();
        server.signal("TERM");
        for mut client in clients {
            client.expect_close(1_001);
        }
        assert_eq!(server.wait().code(), Some(0));
    }
}
