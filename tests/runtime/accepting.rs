//! Who gets in, and who no longer.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::sync::Arc;

use rustix::net::{AddressFamily, SocketType, connect, socket};
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use shardcast::runtime::SharedAddress;

use crate::support::{ANY_PORT, Event, Server, in_child_process, on_each_driver};

#[test]
fn stopping_accepts_what_is_queued_and_then_refuses() {
    on_each_driver(|driver| {
        let server = Server::start(driver);
        let addr = server.addr;
        // The kernel completes these while the shard is busy with the letter.
        let mut queued: Vec<TcpStream> = server.ask(move |_, sockets| {
            let connect_and_speak = |_| {
                let mut client = TcpStream::connect(addr).unwrap();
                client.write_all(b"?").unwrap();
                client
            };
            let queued = (0..150).map(connect_and_speak).collect();
            sockets.stop_accepting();
            queued
        });
        for client in &mut queued {
            client.read_exact(&mut [0]).unwrap();
        }
        // The listener closes in the turn that finds its queue empty.
        while TcpStream::connect(addr).is_ok() {}
        assert_eq!(server.ask(|_, sockets| sockets.open()), 150);
    });
}

#[test]
fn refused_connection_is_closed() {
    on_each_driver(|driver| {
        let server = Server::start(driver);
        server.ask(|probe, _| probe.welcome = false);
        assert_eq!(server.connect().read(&mut [0]).unwrap(), 0);
        server.ask(|probe, _| probe.welcome = true);
        server.connect_known();
    });
}

#[test]
fn shards_of_one_address_share_its_connections() {
    on_each_driver(|driver| {
        let address = Arc::new(SharedAddress::new(ANY_PORT, 3, None));
        let servers: Vec<_> = (0..3)
            .map(|_| Server::try_start(driver, Arc::clone(&address)).unwrap())
            .collect();
        let addr = address.bound().unwrap();
        let mut clients: Vec<_> = (0..300)
            .map(|_| TcpStream::connect(addr).unwrap())
            .collect();
        for client in &mut clients {
            client.write_all(b"?").unwrap();
            client.read_exact(&mut [0]).unwrap();
        }
        let shares: Vec<_> = servers
            .iter()
            .map(|server| server.ask(|_, sockets| sockets.open()))
            .collect();
        assert_eq!(shares.iter().sum::<usize>(), 300);
        // The kernel chooses by a hash of the addresses: an empty share is out of the question.
        assert!(shares.iter().all(|share| *share > 0), "{shares:?}");
    });
}

#[test]
fn lack_of_descriptors_is_told_and_passes() {
    // The limit is the process's: it must not be that of the other tests.
    in_child_process("accepting::lack_of_descriptors_is_told_and_passes", || {
        on_each_driver(|driver| {
            let server = Server::start(driver);
            let (mut client, _) = server.connect_known();
            // Made before the limit falls, so that only the shard lacks descriptors.
            let unconnected: Vec<_> = (0..3)
                .map(|_| socket(AddressFamily::INET, SocketType::STREAM, None).unwrap())
                .collect();
            let before = getrlimit(Resource::Nofile);
            // The standard streams hold these three. (With none at all, `poll` refuses to work.)
            let nothing_more = Rlimit {
                current: Some(3),
                maximum: before.maximum,
            };
            setrlimit(Resource::Nofile, nothing_more).unwrap();
            let mut more = Vec::new();
            for socket in unconnected {
                connect(&socket, &server.addr).unwrap();
                more.push(TcpStream::from(socket));
            }
            let mut turns = None;
            loop {
                match server.next_event() {
                    Event::AcceptFailed(_) if turns.is_some() => break,
                    Event::AcceptFailed(_) => turns = Some(server.turns()),
                    _ => {}
                }
            }
            // It waits between two attempts rather than trying without end.
            let between = server.turns() - turns.unwrap();
            assert!(between < 100, "{between} turns between two attempts");
            // Those who are in are served meanwhile, and the rest as soon as there is room.
            client.write_all(b"?").unwrap();
            client.read_exact(&mut [0]).unwrap();
            setrlimit(Resource::Nofile, before).unwrap();
            for client in &mut more {
                client.write_all(b"?").unwrap();
                client.read_exact(&mut [0]).unwrap();
            }
            while server.next_event() != Event::AcceptRecovered {}
        });
    });
}
