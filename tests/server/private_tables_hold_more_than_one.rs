//! Goal: with a descriptor table for each shard there is room for more connections than one table holds,
//! and shards work together as ever, to the end.
//! Method: a low limit of open files, more connections than that, and a publication to all of them.

use std::process::Command;

use super::support::client::{Client, Incoming, request};
use super::support::{Server, drivers, strav};

/// Descriptors that a table may have.
const LIMIT: &str = "200";
const CLIENTS: usize = 240;

/// A server that may have so few.
fn start(driver: &str, flags: &[&str]) -> Server {
    let own = ["--driver", driver, "--shards", "3", "--allow-publish", "*"];
    let server = Server::command(&[&own, flags].concat());
    let mut limited = Command::new("sh");
    limited
        .args(["-c", r#"ulimit -n "$0" && exec "$@""#, LIMIT])
        .arg(server.get_program())
        .args(server.get_args());
    Server::spawn(limited)
}

#[test]
fn all_are_served_and_drained() {
    for driver in drivers() {
        let mut server = start(driver, &["--private-fd-tables"]);
        let mut clients: Vec<Client> = (0..CLIENTS).map(|_| Client::open(server.addr)).collect();
        for client in &mut clients {
            client.subscribe("demo");
        }
        clients[0].publish("demo", "hello", 1);
        for client in &mut clients {
            assert!(client.text().contains("hello"));
        }
        server.signal("TERM");
        for client in &mut clients {
            let last = client.incoming();
            assert!(matches!(last, Incoming::Close(Some(1_001), _)), "{last:?}");
        }
        drop(clients);
        assert!(server.wait().success());
    }
}

#[test]
fn one_table_for_all_has_no_room_for_so_many() {
    for driver in drivers() {
        let server = start(driver, &[]);
        let mut clients: Vec<Client> = (0..CLIENTS).map(|_| Client::tcp(server.addr)).collect();
        let upgraded = clients.iter_mut().filter_map(|client| {
            let sent = client.try_send_raw(&request(strav::PATH));
            (sent && client.was_upgraded()).then_some(())
        });
        let upgraded = upgraded.count();
        assert!((50..150).contains(&upgraded), "{upgraded} of {CLIENTS}");
    }
}
