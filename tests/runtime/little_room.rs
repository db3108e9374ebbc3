//! A kernel that takes little at a time, of bytes or of requests, loses nothing and holds nobody up.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::num::NonZeroUsize;
use std::sync::Arc;
use std::sync::mpsc::channel;

use shardcast::base::io::SendOutcome;
use shardcast::runtime::SharedAddress;

use crate::support::{ANY_PORT, Server, on_each_driver, pattern};

#[test]
fn sends_that_are_taken_in_part_bring_everything_in_order() {
    on_each_driver(|driver| {
        // The kernel raises it to the least that it can work with.
        let address = SharedAddress::new(ANY_PORT, 1, Some(NonZeroUsize::MIN));
        let server = Server::try_start(driver, Arc::new(address)).unwrap();

        let (mut client, conn) = server.connect_known();
        let bytes = pattern(64 * 1024);
        let part = bytes.clone();
        let outcome = server.ask(move |_, sockets| sockets.send(conn, &part));
        let SendOutcome::Sent(sent) = outcome else {
            panic!("{outcome:?}");
        };
        assert!(sent < bytes.len(), "all of {sent} bytes taken at once");
        let mut came = vec![0; sent];
        client.read_exact(&mut came).unwrap();
        assert!(came == bytes[..sent]);

        // Echoed by several at a time, each of which is cut in hundreds of parts.
        let echo = |mut client: TcpStream, bytes: &[u8]| {
            let mut writer = client.try_clone().unwrap();
            std::thread::scope(|scope| {
                scope.spawn(move || writer.write_all(bytes).unwrap());
                let mut came = vec![0; bytes.len()];
                client.read_exact(&mut came).unwrap();
                assert!(came == bytes);
            });
        };
        let bytes = pattern(1024 * 1024);
        std::thread::scope(|scope| {
            for client in (0..4).map(|_| server.connect()) {
                scope.spawn(|| echo(client, &bytes));
            }
        });
    });
}

/// Connections that are active at a time: more than one turn takes.
const CROWD: usize = 1_100;

#[test]
fn crowd_that_is_active_at_once_is_served_whole() {
    on_each_driver(|driver| {
        let server = Server::start(driver);
        for round in 0..2 {
            let mut clients: Vec<TcpStream> = (0..CROWD).map(|_| server.connect()).collect();
            for exchange in 0..10 {
                // The shard looks again when all have written: all of them are ready at once.
                let (go, gone) = channel();
                server.post(move |_, _| gone.recv().unwrap());
                for (number, client) in clients.iter_mut().enumerate() {
                    write!(client, "{round}:{exchange}:{number:04}").unwrap();
                }
                go.send(()).unwrap();
                for (number, client) in clients.iter_mut().enumerate() {
                    let mut answer = [0; 8];
                    client.read_exact(&mut answer).unwrap();
                    assert_eq!(answer, format!("{round}:{exchange}:{number:04}").as_bytes());
                }
            }
            assert_eq!(server.ask(|_, sockets| sockets.open()), CROWD);
            drop(clients);
            while server.ask(|_, sockets| sockets.open()) > 0 {}
        }
    });
}
