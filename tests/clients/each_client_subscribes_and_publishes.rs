//! Goal: a client gets what it publishes, byte for byte, from its subscribe's `ok` to its unsubscribe.
//! Method: one client, a list of awkward data, and the refusals it may meet; without compression and with it,
//! which clients use that offer it by themselves, as all do that others wrote.

use crate::client::{Client, Kind};
use crate::{for_each_client, on_each_driver};

for_each_client!(behaves);

fn behaves(kind: Kind) {
    for mode in ["off", "shared", "dedicated"] {
        let flags = ["--allow-publish", "demo:hello", "--deflate", mode];
        on_each_driver(
            &[&flags[..], &["--deflate-min-bytes", "1"]].concat(),
            |server| {
                let mut client = Client::connect(kind, &server.url());
                client.subscribe("demo");
                // Idempotent, and still one copy of each message.
                client.subscribe("demo");
                gets_its_own_data(&mut client);
                is_told_what_is_refused(&mut client);
                gets_nothing_after_it_unsubscribed(&mut client);
                let compressed = server.counter("deflate_messages", "direction=\"out\"");
                println!("{compressed} messages were compressed");
                assert_eq!(compressed > 0, mode != "off" && kind.offers_deflate());
            },
        );
    }
}

fn gets_its_own_data(client: &mut Client) {
    let large = format!(r#""{}""#, "0123456789".repeat(5_000));
    let mut last_id = String::new();
    for data in [
        "null",
        "[]",
        r#"{"text":"hi"}"#,
        // As it was written: spaces, an exponent, more digits than a double has, escapes.
        r#"{ "a" : [ 1.0, 1e2, 12345678901234567890123 ], "b":"\u00e9\/\ud800" }"#,
        r#"{"emoji":"😀","text":"grüße, 世界, שלום","nothing":"\u0000"}"#,
        r#"{"a":{"b":{"c":{"d":[[[[{"e":null}]]]]}}}}"#,
        &large,
    ] {
        client.publish("demo", "hello", data);
        let id = client.expect_message("demo", "hello", data);
        assert!(id > last_id, "ids ascend: {last_id}, {id}");
        last_id = id;
    }
    client.send(r#"{"t":"pub","c":"demo","e":"hello"}"#);
    let text = client.text();
    let without_data = r#"{"t":"msg","c":"demo","e":"hello","i":""#;
    assert!(text.starts_with(without_data), "{text}");
}

fn is_told_what_is_refused(client: &mut Client) {
    client.send(r#"{"t":"sub","c":"private-x"}"#);
    client.expect_text(r#"{"t":"err","c":"private-x","r":"unauthorized"}"#);
    client.publish("demo", "other", "1");
    client.expect_text(r#"{"t":"err","c":"demo","r":"publish denied"}"#);
    client.publish("elsewhere", "hello", "1");
    client.expect_text(r#"{"t":"err","c":"elsewhere","r":"publish denied"}"#);
    // Not one of the protocol's frames: no answer, and the connection stays.
    client.send("hello?");
}

fn gets_nothing_after_it_unsubscribed(client: &mut Client) {
    client.unsubscribe("demo");
    client.publish("demo", "hello", "1");
    // The answer to this comes after anything that the publish might have brought.
    client.subscribe("demo");
    client.publish("demo", "hello", "2");
    client.expect_message("demo", "hello", "2");
}
