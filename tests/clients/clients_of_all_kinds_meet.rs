//! Goal: whoever publishes, every kind of client receives it, and in the publisher's order.
//! Method: three clients of each kind, which the kernel spreads over two shards; one of each kind publishes.

use crate::client::{Client, Kind};
use crate::on_each_driver;

const MESSAGES: usize = 20;

#[test]
fn what_one_kind_publishes_every_kind_receives() {
    on_each_driver(&["--allow-publish", "*:client-*"], |server| {
        let kinds = Kind::ALL.iter().cycle().take(3 * Kind::ALL.len());
        let mut clients: Vec<Client> = kinds
            .map(|kind| Client::connect(*kind, &server.url()))
            .collect();
        for client in &mut clients {
            client.subscribe("meeting");
        }
        for publisher in 0..Kind::ALL.len() {
            for message in 0..MESSAGES {
                let data = format!(
                    r#"{{"from":"{:?}","n":{message}}}"#,
                    clients[publisher].kind
                );
                clients[publisher].publish("meeting", "client-said", &data);
            }
            for client in &clients {
                for message in 0..MESSAGES {
                    let data = format!(
                        r#"{{"from":"{:?}","n":{message}}}"#,
                        clients[publisher].kind
                    );
                    client.expect_message("meeting", "client-said", &data);
                }
            }
        }
    });
}
