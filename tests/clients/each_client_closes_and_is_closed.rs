//! Goal: a close is a handshake with the code that was meant, whoever begins it.
//! Method: the client closes with 1000 and with a code of its own; a message that is too large gets
//! 1009; SIGTERM gets 1001, after what was published before it.

use crate::client::{Client, Event, Kind};
use crate::{for_each_client, on_each_driver};

for_each_client!(behaves);

fn behaves(kind: Kind) {
    on_each_driver(&["--allow-publish", "demo"], |server| {
        let url = server.url();
        for code in [1000, 4321] {
            let mut client = Client::connect(kind, &url);
            client.ping("still there?");
            assert_eq!(client.next(), Event::Pong("still there?".to_owned()));
            client.close(code);
            client.expect_closed(code, "");
        }

        let mut client = Client::connect(kind, &url);
        let data = format!(r#""{}""#, "x".repeat(64 << 10));
        client.publish("demo", "hello", &data);
        client.expect_closed(1009, "message too big");

        let mut clients = [Client::connect(kind, &url), Client::connect(kind, &url)];
        for client in &mut clients {
            client.subscribe("demo");
        }
        clients[0].publish("demo", "last", "1");
        clients[0].expect_message("demo", "last", "1");
        server.signal("TERM");
        clients[1].expect_message("demo", "last", "1");
        for client in clients {
            client.expect_closed(1001, "server shutting down");
        }
        assert!(server.wait().success());
    });
}
