//! Goal: what an app server publishes reaches every subscriber on every shard, unchanged and in order.
//! Method: subscribe over WebSocket, publish over HTTP, compare the frames byte for byte.

use serde_json::{Value, json};

use super::api;
use super::support::client::Client;
use super::support::http::post;
use super::support::servers;

/// More than enough for the kernel to give each of two shards some.
const SUBSCRIBERS: usize = 16;

fn subscribers(addr: std::net::SocketAddr, channel: &str) -> Vec<Client> {
    let open = |_| {
        let mut client = Client::open(addr);
        client.subscribe(channel);
        client
    };
    (0..SUBSCRIBERS).map(open).collect()
}

#[test]
fn data_arrives_byte_for_byte_at_subscribers_of_all_shards() {
    for server in servers(&[1, 2], &[]) {
        let mut subscribers = subscribers(server.addr, "demo");
        // Spaces, an exponent, an escape and a double key: whatever reads and writes JSON loses some.
        for data in [
            r#"{"text": "hi",  "n":1.0e+2,"u":"\u00fc","n":1}"#,
            "[1,\n 2]",
            "18446744073709551616",
            "null",
            "false",
            r#""""#,
        ] {
            let body = format!(r#"{{"channel":"demo","event":"hello","data":{data}}}"#);
            let answer = post(api(&server), "/v1/publish", &body).ok();
            assert_eq!(answer["subscribers"], SUBSCRIBERS, "{answer}");
            let id = answer["id"].as_str().expect("a new id");
            assert_eq!(id.len(), 26, "a ULID");
            for subscriber in &mut subscribers {
                let frame =
                    format!(r#"{{"t":"msg","c":"demo","e":"hello","d":{data},"i":"{id}"}}"#);
                assert_eq!(subscriber.text(), frame);
            }
        }
    }
}

#[test]
fn absent_data_stays_absent_and_nobody_is_no_error() {
    for server in servers(&[1, 2], &[]) {
        let mut subscribers = subscribers(server.addr, "demo");
        let nobody = r#"{"channel":"empty","event":"hello"}"#;
        let answer = post(api(&server), "/v1/publish", nobody).ok();
        assert_eq!(answer["subscribers"], 0);
        let body = r#"{"app":"/_broadcast","channel":"demo","event":"hello","id":"x"}"#;
        post(api(&server), "/v1/publish", body).ok();
        for subscriber in &mut subscribers {
            let frame = r#"{"t":"msg","c":"demo","e":"hello","i":"x"}"#;
            assert_eq!(subscriber.text(), frame);
        }
    }
}

#[test]
fn names_and_ids_arrive_as_they_were_given_whatever_they_contain() {
    for server in servers(&[1, 2], &[]) {
        for text in [
            "order-17",
            "with space",
            "\"quoted\" and \\",
            "line\nbreak\u{1}",
            "gr\u{fc}n \u{1f600}",
            "','--",
        ] {
            let mut subscriber = Client::open(server.addr);
            subscriber.send_text(&json!({"t": "sub", "c": text}).to_string());
            let ok: Value = serde_json::from_str(&subscriber.text()).expect("JSON");
            assert_eq!(ok, json!({"t": "ok", "c": text}));
            let body = json!({"channel": text, "event": text, "data": 1, "id": text});
            let answer = post(api(&server), "/v1/publish", &body.to_string()).ok();
            assert_eq!(answer, json!({"id": text, "subscribers": 1}));
            let got: Value = serde_json::from_str(&subscriber.text()).expect("JSON");
            let event = json!({"t": "msg", "c": text, "e": text, "d": 1, "i": text});
            assert_eq!(got, event);
        }
    }
}

#[test]
fn batch_keeps_its_order_and_one_bad_publication_harms_no_other() {
    const PUBLICATIONS: usize = 200;
    const BAD: usize = 77;
    for server in servers(&[1, 2], &[]) {
        let mut subscribers = subscribers(server.addr, "demo");
        let publication = |number| {
            let app = if number == BAD {
                "/nowhere"
            } else {
                "/_broadcast"
            };
            json!({"app": app, "channel": "demo", "event": "e", "data": number})
        };
        let publications: Vec<Value> = (0..PUBLICATIONS).map(publication).collect();
        let body = json!({ "publications": publications }).to_string();
        let answer = post(api(&server), "/v1/publish/batch", &body).ok();
        let results = answer["results"].as_array().expect("a list");
        assert_eq!(results.len(), PUBLICATIONS);
        for (number, result) in results.iter().enumerate() {
            if number == BAD {
                assert_eq!(result["error"], "unknown_app");
            } else {
                assert_eq!(result["subscribers"], SUBSCRIBERS);
            }
        }
        for subscriber in &mut subscribers {
            for number in (0..PUBLICATIONS).filter(|number| *number != BAD) {
                assert_eq!(subscriber.event().number(), number);
            }
            subscriber.expect_nothing_unread();
        }
    }
}
