//! Goal: clients with a browser's habits are served: they offer compression and subprotocols, speak
//! before they have read anything, and leave heartbeats to their library.
//! Method: `ws` and `websockets` offer permessage-deflate of their own accord; the rest is done here.

use std::thread;
use std::time::Duration;

use crate::client::{Client, Kind};
use crate::{for_each_client, on_each_driver};

for_each_client!(behaves);

fn behaves(kind: Kind) {
    on_each_driver(&["--allow-publish", "demo"], |server| {
        chooses_subprotocol_and_no_compression(kind, &server.url());
        may_speak_before_the_welcome(kind, &server.url());
    });
    let quick = ["--ping-interval", "200ms", "--idle-timeout", "1s"];
    on_each_driver(&quick, |server| stays_alive(kind, &server.url()));
}

fn chooses_subprotocol_and_no_compression(kind: Kind, url: &str) {
    for (offer, chosen) in [
        (&[] as &[&str], ""),
        (&["chat.v2"], "chat.v2"),
        (&["chat.v2", "chat.v1"], "chat.v2"),
    ] {
        let (mut client, choice) = Client::open(kind, url, offer);
        assert_eq!(choice.subprotocol, chosen);
        assert_eq!(choice.extensions, "");
        client.expect_welcome();
        // Long and of one letter: a library that believed it had agreed on compression would do it.
        let data = format!(r#""{}""#, "a".repeat(4_000));
        client.subscribe("demo");
        client.publish("demo", "hello", &data);
        client.expect_message("demo", "hello", &data);
    }
}

/// What @strav/broadcast's client does on nearly every first connect: it subscribes at the open and
/// once more at the welcome, then sends what it had queued.
fn may_speak_before_the_welcome(kind: Kind, url: &str) {
    let (mut client, _chosen) = Client::open(kind, url, &[]);
    client.send(r#"{"t":"sub","c":"demo"}"#);
    client.expect_welcome();
    client.send(r#"{"t":"sub","c":"demo"}"#);
    client.publish("demo", "queued", "1");
    client.publish("demo", "queued", "2");
    client.expect_text(r#"{"t":"ok","c":"demo"}"#);
    client.expect_text(r#"{"t":"ok","c":"demo"}"#);
    client.expect_message("demo", "queued", "1");
    client.expect_message("demo", "queued", "2");
}

/// The idle limit passes while the client itself says nothing: its library answers the pings.
fn stays_alive(kind: Kind, url: &str) {
    let mut client = Client::connect(kind, url);
    thread::sleep(Duration::from_secs(2));
    for _ in 0..3 {
        client.expect_text(r#"{"t":"ping"}"#);
    }
    client.ping("are you there?");
    loop {
        match client.next() {
            crate::client::Event::Pong(payload) => {
                assert_eq!(payload, "are you there?");
                break;
            }
            event => assert_eq!(
                event,
                crate::client::Event::Text(r#"{"t":"ping"}"#.to_owned())
            ),
        }
    }
}
