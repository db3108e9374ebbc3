//! Goal: the server listens where it was told, and only if nobody else does; it runs as many shards
//! as were asked for.
//! Method: start servers beside each other, and more shards than this machine has cores.

use std::process::Command;

use super::support::client::Client;
use super::support::{Server, drivers, servers};

#[test]
fn second_server_on_one_port_is_refused_by_name_and_the_first_serves_on() {
    for server in servers(&[1, 2], &["--allow-publish", "*"]) {
        let addr = server.addr.to_string();
        for shards in ["1", "2"] {
            let mut command = Command::new(env!("CARGO_BIN_EXE_shardcast"));
            let output = command
                .args(["serve", "--listen", &addr, "--shards", shards])
                .output()
                .expect("the binary runs");
            let told = String::from_utf8_lossy(&output.stderr);
            assert_eq!(output.status.code(), Some(1), "{told}");
            let expected = format!("error: cannot listen on {addr}: ");
            assert!(told.starts_with(&expected), "{told}");
            assert!(told.contains("another process listens there"), "{told}");
            assert_eq!(output.stdout, b"", "no banner");
        }
        // Not one connection has gone astray.
        let mut clients: Vec<Client> = (0..32).map(|_| Client::open(server.addr)).collect();
        for client in &mut clients {
            client.expect_pong();
        }
    }
}

#[test]
fn port_0_is_a_free_port_that_the_banner_names() {
    for driver in drivers() {
        let first = Server::start(&["--driver", driver]);
        let second = Server::start(&["--driver", driver]);
        assert_ne!(first.addr, second.addr);
        assert_ne!(first.addr.port(), 0);
        for server in [first, second] {
            let url = format!("ws://{}/_broadcast (strav)", server.addr);
            assert!(server.banner.contains(&url), "{}", server.banner);
            Client::open(server.addr).expect_pong();
        }
    }
}

#[test]
fn more_shards_than_cores_serve_everybody() {
    for server in servers(&[5, 16], &["--allow-publish", "*"]) {
        let mut clients: Vec<Client> = (0..80).map(|_| Client::open(server.addr)).collect();
        for client in &mut clients {
            client.subscribe("all");
        }
        for number in 0..clients.len() {
            clients[number].publish("all", "from", number);
            for client in &mut clients {
                assert_eq!(client.event().number(), number);
            }
        }
    }
}

#[test]
fn port_may_be_taken_again_right_after_a_server_with_clients_ended() {
    for signal in ["TERM", "KILL"] {
        for mut server in servers(&[1, 2], &[]) {
            let mut clients: Vec<Client> = (0..8).map(|_| Client::open(server.addr)).collect();
            let addr = server.addr;
            server.signal(signal);
            if signal == "TERM" {
                for client in &mut clients {
                    client.expect_close(1_001);
                }
            }
            server.wait();
            // The kernel takes down the rings of a process that was killed, and with them its
            // listeners, a few milliseconds after the process is gone: the next one waits for that.
            let mut command = Command::new(env!("CARGO_BIN_EXE_shardcast"));
            command.args(["serve", "--listen", &addr.to_string(), "--shards", "2"]);
            command.args(["--api-listen", "127.0.0.1:0"]);
            let next = Server::spawn(command);
            assert_eq!(next.addr, addr);
            Client::open(addr).expect_pong();
        }
    }
}
