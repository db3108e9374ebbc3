//! Every way in which a connection ends releases it, once.

use std::io::{ErrorKind, Read, Write};
use std::time::Duration;

use rustix::net::sockopt::set_socket_linger;
use shardcast::base::io::{Flow, SendOutcome};
use shardcast::runtime::{DriverChoice, ReadEnd, Sockets};

use crate::support::{Event, Server, on_each_driver};

#[test]
fn reset_by_the_peer_is_told_as_failed() {
    on_each_driver(|driver| {
        let server = Server::start(driver);
        let (client, conn) = server.connect_known();
        set_socket_linger(&client, Some(Duration::ZERO)).unwrap();
        drop(client);
        assert_eq!(server.next_event(), Event::Ended(conn, ReadEnd::Failed));
        assert_eq!(server.next_event(), Event::Released(conn));
    });
}

#[test]
fn closed_connection_ends_orderly_for_the_peer() {
    on_each_driver(|driver| {
        let server = Server::start(driver);
        let (mut client, conn) = server.connect_known();
        server.ask(move |_, sockets| {
            assert_eq!(sockets.send(conn, b"bye"), SendOutcome::Sent(3));
            sockets.close(conn);
            // Closing twice is closing once.
            sockets.close(conn);
        });
        let mut last = String::new();
        client.read_to_string(&mut last).unwrap();
        assert_eq!(last, "bye");
        assert_eq!(server.next_event(), Event::Released(conn));
    });
}

#[test]
fn last_bytes_come_with_the_end() {
    on_each_driver(|driver| {
        let server = Server::start(driver);
        let (mut client, conn) = server.connect_known();
        server.ask(move |_, sockets| {
            assert_eq!(sockets.send(conn, b"good"), SendOutcome::Sent(4));
            assert_eq!(sockets.send_last(conn, b"bye"), SendOutcome::Sent(3));
            sockets.shutdown_write(conn);
        });
        let mut last = String::new();
        client.read_to_string(&mut last).unwrap();
        assert_eq!(last, "goodbye");
    });
}

#[test]
fn reset_connection_ends_with_an_error_for_the_peer() {
    on_each_driver(|driver| {
        let server = Server::start(driver);
        let (mut client, conn) = server.connect_known();
        server.ask(move |_, sockets| sockets.reset(conn));
        let error = client.read(&mut [0; 8]).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::ConnectionReset);
        assert_eq!(server.next_event(), Event::Released(conn));
    });
}

#[test]
fn handler_that_stops_reading_closes() {
    on_each_driver(|driver| {
        let server = Server::start(driver);
        server.ask(|probe, _| {
            probe.echo = false;
            probe.flow = Flow::Stop;
        });
        let (mut client, conn) = server.connect_known();
        client.write_all(b"enough").unwrap();
        assert_eq!(
            server.next_event(),
            Event::Received(conn, b"enough".to_vec())
        );
        assert_eq!(server.next_event(), Event::Released(conn));
        assert_eq!(client.read(&mut [0; 8]).unwrap(), 0);
    });
}

#[test]
fn paused_connection_can_be_closed_and_reset() {
    on_each_driver(|driver| {
        for end in [Sockets::close, Sockets::reset] {
            let server = Server::start(driver);
            server.ask(|probe, _| {
                probe.echo = false;
                probe.flow = Flow::Pause;
            });
            let (mut client, conn) = server.connect_known();
            client.write_all(b"x").unwrap();
            server.wait_for(&Event::Received(conn, b"x".to_vec()));
            server.ask(move |_, sockets| end(sockets, conn));
            assert_eq!(server.next_event(), Event::Released(conn));
        }
    });
}

#[test]
fn blocked_connection_can_be_closed_and_reset() {
    on_each_driver(|driver| {
        for end in [Sockets::close, Sockets::reset] {
            let server = Server::start(driver);
            let (_client, conn) = server.connect_known();
            fill(&server, conn);
            server.ask(move |_, sockets| end(sockets, conn));
            assert_eq!(server.next_event(), Event::Released(conn));
        }
    });
}

#[test]
fn blocked_connection_whose_peer_resets_is_released() {
    on_each_driver(|driver| {
        let server = Server::start(driver);
        server.ask(|probe, _| probe.echo = false);
        let (client, conn) = server.connect_known();
        fill(&server, conn);
        set_socket_linger(&client, Some(Duration::ZERO)).unwrap();
        drop(client);
        server.wait_for(&Event::Ended(conn, ReadEnd::Failed));
        server.wait_for(&Event::Released(conn));
    });
}

#[test]
fn stale_key_does_nothing_to_the_next_connection() {
    on_each_driver(|driver| {
        let server = Server::start(driver);
        let (first, stale) = server.connect_known();
        drop(first);
        server.wait_for(&Event::Released(stale));
        let (mut second, conn) = server.connect_known();
        assert_eq!(stale.slot, conn.slot);
        server.ask(move |_, sockets| {
            assert_eq!(sockets.send(stale, b"wrong"), SendOutcome::Failed);
            sockets.watch_writable(stale);
            sockets.shutdown_write(stale);
            sockets.close(stale);
            sockets.reset(stale);
        });
        second.write_all(b"right").unwrap();
        let mut answer = [0; 5];
        second.read_exact(&mut answer).unwrap();
        assert_eq!(&answer, b"right");
    });
}

#[test]
fn exit_closes_and_releases_everything() {
    on_each_driver(|driver| {
        let server = Server::start(driver);
        let mut clients: Vec<_> = (0..20).map(|_| server.connect_heard()).collect();
        let addr = server.addr;
        // One in each state: idle, blocked, paused.
        server.ask(|probe, _| probe.flow = Flow::Pause);
        clients[1].0.write_all(b"x").unwrap();
        clients[1].0.read_exact(&mut [0]).unwrap();
        fill(&server, clients[2].1);
        let events = server.stop();
        for (client, conn) in &mut clients {
            assert!(events.contains(&Event::Released(*conn)), "{conn:?}");
            let mut rest = Vec::new();
            client.read_to_end(&mut rest).unwrap();
        }
        assert!(std::net::TcpStream::connect(addr).is_err());
    });
}

#[test]
fn shard_that_has_exited_leaves_no_descriptor() {
    // All other tests of this binary open descriptors meanwhile; a process of its own does not.
    crate::support::in_child_process(
        "closing::shard_that_has_exited_leaves_no_descriptor",
        || {
            let descriptors = || std::fs::read_dir("/proc/self/fd").unwrap().count();
            let before = descriptors();
            on_each_driver(|driver: DriverChoice| {
                for _ in 0..3 {
                    let server = Server::start(driver);
                    let clients: Vec<_> = (0..10).map(|_| server.connect_heard()).collect();
                    fill(&server, clients[0].1);
                    drop(server);
                }
            });
            // The kernel takes a ring apart in the background.
            let deadline = std::time::Instant::now() + crate::support::DEADLINE;
            while descriptors() > before {
                assert!(std::time::Instant::now() < deadline, "{}", descriptors());
                std::thread::sleep(Duration::from_millis(10));
            }
        },
    );
}

/// Sends until the kernel takes no more, and watches.
fn fill(server: &Server, conn: shardcast::base::slab::Key) {
    server.ask(move |_, sockets| {
        while let SendOutcome::Sent(_) = sockets.send(conn, &[0; 64 * 1024]) {}
        sockets.watch_writable(conn);
        sockets.watch_writable(conn);
    });
}
