//! Bytes come in, reach the handler, and what it sends goes out.

use std::io::{Read, Write};
use std::net::Shutdown;

use shardcast::runtime::ReadEnd;

use crate::support::{Event, Server, on_each_driver, pattern};

#[test]
fn small_message_comes_back() {
    on_each_driver(|driver| {
        let server = Server::start(driver);
        let (mut client, conn) = server.connect_known();
        for message in [b"one", b"two"] {
            client.write_all(message).unwrap();
            let mut answer = [0; 3];
            client.read_exact(&mut answer).unwrap();
            assert_eq!(&answer, message);
            server.wait_for(&Event::Received(conn, message.to_vec()));
        }
    });
}

#[test]
fn message_larger_than_all_buffers_comes_back_whole() {
    on_each_driver(|driver| {
        let server = Server::start(driver);
        let sent = pattern(8 * 1024 * 1024);
        let mut reader = server.connect();
        let mut writer = reader.try_clone().unwrap();
        let to_write = sent.clone();
        let writing = std::thread::spawn(move || {
            writer.write_all(&to_write).unwrap();
            writer.shutdown(Shutdown::Write).unwrap();
        });
        let mut came_back = Vec::new();
        reader.read_to_end(&mut came_back).unwrap();
        writing.join().unwrap();
        assert!(came_back == sent, "{} of {}", came_back.len(), sent.len());
    });
}

#[test]
fn two_hundred_connections_are_served_side_by_side() {
    on_each_driver(|driver| {
        let server = Server::start(driver);
        let mut clients: Vec<_> = (0..200).map(|_| server.connect()).collect();
        for round in 0..5 {
            for (number, client) in clients.iter_mut().enumerate() {
                write!(client, "{round}:{number:03}").unwrap();
            }
            for (number, client) in clients.iter_mut().enumerate() {
                let mut answer = [0; 5];
                client.read_exact(&mut answer).unwrap();
                assert_eq!(answer, format!("{round}:{number:03}").as_bytes());
            }
        }
        assert_eq!(server.ask(|_, sockets| sockets.open()), 200);
    });
}

#[test]
fn peer_that_has_sent_its_fin_still_gets_its_answer() {
    on_each_driver(|driver| {
        let server = Server::start(driver);
        let (mut client, conn) = server.connect_known();
        client.write_all(b"last words").unwrap();
        client.shutdown(Shutdown::Write).unwrap();
        let mut answer = String::new();
        client.read_to_string(&mut answer).unwrap();
        assert_eq!(answer, "last words");
        server.wait_for(&Event::Ended(conn, ReadEnd::Eof));
        server.wait_for(&Event::Released(conn));
    });
}

#[test]
fn ended_connection_stays_until_it_is_closed() {
    on_each_driver(|driver| {
        let server = Server::start(driver);
        server.ask(|probe, _| probe.echo = false);
        let (mut client, conn) = server.connect_known();
        client.shutdown(Shutdown::Write).unwrap();
        server.wait_for(&Event::Ended(conn, ReadEnd::Eof));
        // Resuming what was not paused must not wait on a socket that is always readable.
        server.ask(move |_, sockets| sockets.resume(conn));
        let sent = server.ask(move |_, sockets| sockets.send(conn, b"late"));
        assert_eq!(sent, shardcast::base::io::SendOutcome::Sent(4));
        server.ask(move |_, sockets| sockets.shutdown_write(conn));
        let mut answer = String::new();
        client.read_to_string(&mut answer).unwrap();
        assert_eq!(answer, "late");
        assert_eq!(server.ask(|_, sockets| sockets.open()), 1);
        server.ask(move |_, sockets| sockets.close(conn));
        assert_eq!(server.next_event(), Event::Released(conn));
    });
}
