//! A slow reader on either side loses nothing and holds nobody up.

use std::io::{Read, Write};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;

use shardcast::base::io::{Flow, SendOutcome};
use shardcast::base::limits::RECV_BUFFER_BYTES;
use shardcast::runtime::Turn;

use crate::support::{DEADLINE, Event, Server, on_each_driver, pattern};

#[test]
fn paused_connection_is_left_alone_and_loses_nothing() {
    on_each_driver(|driver| {
        let server = Server::start(driver);
        server.ask(|probe, _| {
            probe.echo = false;
            probe.flow = Flow::Pause;
        });
        let (mut client, conn) = server.connect_known();
        let sent = pattern(4 * 1024 * 1024);
        let to_write = sent.clone();
        let writing = std::thread::spawn(move || client.write_all(&to_write).unwrap());
        let mut received = Vec::new();
        while received.len() < sent.len() {
            let Event::Received(_, bytes) = server.next_event() else {
                panic!("nothing but bytes comes from a peer that only writes");
            };
            assert!(bytes.len() <= RECV_BUFFER_BYTES);
            received.extend(bytes);
            // Turns in which more could be read, if it were not paused.
            for _ in 0..5 {
                server.ask(|_, _| ());
            }
            assert!(server.events.try_recv().is_err(), "read while paused");
            server.ask(move |_, sockets| sockets.resume(conn));
        }
        assert!(received == sent);
        writing.join().unwrap();
    });
}

#[test]
fn blocked_socket_is_reported_writable_once_its_peer_reads() {
    on_each_driver(|driver| {
        let server = Server::start(driver);
        let (mut client, conn) = server.connect_known();
        for _ in 0..3 {
            let sent = server.ask(move |_, sockets| {
                let mut sent = 0;
                loop {
                    match sockets.send(conn, &[7; 64 * 1024]) {
                        SendOutcome::Sent(count) => sent += count,
                        SendOutcome::Blocked => break,
                        SendOutcome::Failed => panic!("the peer is there"),
                    }
                }
                sockets.watch_writable(conn);
                sent
            });
            for _ in 0..5 {
                server.ask(|_, _| ());
            }
            assert!(server.events.try_recv().is_err(), "told without a reader");
            client.read_exact(&mut vec![0; sent]).unwrap();
            assert_eq!(server.next_event(), Event::Writable(conn));
        }
    });
}

#[test]
fn peer_that_never_stops_sending_does_not_starve_the_others() {
    on_each_driver(|driver| {
        let server = Server::start(driver);
        server.ask(|probe, _| probe.echo = false);
        let stop = Arc::new(AtomicBool::new(false));
        let hogs: Vec<_> = (0..2)
            .map(|_| {
                let mut hog = server.connect();
                let stop = Arc::clone(&stop);
                std::thread::spawn(move || {
                    let bytes = vec![0; 1024 * 1024];
                    while !stop.load(Ordering::Relaxed) {
                        hog.write_all(&bytes).unwrap();
                    }
                })
            })
            .collect();
        let mut polite = server.connect();
        for _ in 0..100 {
            polite.write_all(b"please").unwrap();
            while !matches!(server.next_event(), Event::Received(_, bytes) if bytes == b"please") {}
        }
        stop.store(true, Ordering::Relaxed);
        for hog in hogs {
            hog.join().unwrap();
        }
    });
}

#[test]
fn shard_with_endless_work_still_serves_its_sockets() {
    on_each_driver(|driver| {
        let server = Server::start(driver);
        server.ask(|probe, _| probe.turn = Turn::Again);
        // Ticks alone would take a quarter of an hour for these.
        let begun = Instant::now();
        while server.turns() < 10_000 {
            assert!(begun.elapsed() < DEADLINE, "{} turns", server.turns());
            std::thread::yield_now();
        }
        let mut client = server.connect();
        for _ in 0..100 {
            client.write_all(b"!").unwrap();
            client.read_exact(&mut [0]).unwrap();
        }
        server.ask(|probe, _| probe.turn = Turn::Idle(None));
    });
}
