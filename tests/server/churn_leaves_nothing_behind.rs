//! Goal: clients that come, subscribe and vanish leave nothing behind, however they vanish.
//! Method: several hundred of them, in each way of leaving, again and again; then the server's
//! descriptors are as many as before, and a publish reaches those who stayed and nobody else.

use super::support::client::{CLOSE, Client, request};
use super::support::{Server, servers, strav};

const ROUNDS: usize = 6;
const CLIENTS: usize = 120;

#[test]
fn descriptors_return_to_the_baseline_and_publishing_works() {
    for server in servers(&[1, 3], &["--allow-publish", "*"]) {
        let mut staying = Client::open(server.addr);
        staying.subscribe("crowd");
        let baseline = server.descriptors();
        for round in 0..ROUNDS {
            let crowd: Vec<Client> = (0..CLIENTS).map(|number| come(&server, number)).collect();
            staying.publish("crowd", "now", round);
            assert_eq!(staying.event().number(), round);
            for (number, client) in crowd.into_iter().enumerate() {
                leave(client, number + round);
            }
        }
        server.wait_for_descriptors(baseline);
        staying.publish("crowd", "afterwards", ROUNDS);
        assert_eq!(staying.event().number(), ROUNDS);
        staying.expect_nothing_unread();
    }
}

/// Some get as far as a subscription, some vanish within the handshake.
fn come(server: &Server, number: usize) -> Client {
    match number % 8 {
        0 => Client::tcp(server.addr),
        1 => {
            let mut client = Client::tcp(server.addr);
            client.send_raw(&request(strav::PATH)[..40]);
            client
        }
        2 => {
            // Gone before it has read the welcome.
            let mut client = Client::tcp(server.addr);
            client.send_raw(&request(strav::PATH));
            client
        }
        _ => {
            let mut client = Client::open(server.addr);
            client.subscribe("crowd");
            client.subscribe(&format!("own-{number}"));
            client
        }
    }
}

fn leave(mut client: Client, way: usize) {
    match way % 5 {
        // With what it has not read, which resets the connection.
        0 => drop(client),
        1 => client.reset(),
        2 => {
            let close = client.frame(true, CLOSE, &1_000_u16.to_be_bytes());
            client.try_send_raw(&close);
        }
        // In the middle of a frame.
        3 => {
            let frame = client.publish_frame("crowd", "never", 0);
            client.try_send_raw(&frame[..frame.len() / 2]);
        }
        _ => client.finish_sending(),
    }
}
