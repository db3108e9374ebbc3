//! Goal: endpoints that name the same app share channels across dialects, each with its own frames;
//! others do not (traps 5 and 16 of the dialects: absent data and null are not the same everywhere).
//! Method: a client of each dialect on one channel, publications by the API and by each of them.

use super::api;
use super::support::Server;
use super::support::client::{Client, request};
use super::support::http::post;

const CONFIG: &str = r#"
allow-publish = ["room"]
allow-subscribe = ["room"]

[[endpoint]]
path = "/_broadcast"
dialect = "strav"
app = "shop"

[[endpoint]]
path = "/ws"
dialect = "ignis"
app = "shop"

[[endpoint]]
path = "/events"
dialect = "shared-websocket"
app = "shop"

[[endpoint]]
path = "/apart"
dialect = "strav"
"#;

fn start() -> Server {
    let name = format!("shardcast-shared-app-{}.toml", std::process::id());
    let path = std::env::temp_dir().join(name);
    std::fs::write(&path, CONFIG).expect("room on the disk");
    let flag = format!("--config={}", path.display());
    let server = Server::start(&[&flag, "--shards=2"]);
    std::fs::remove_file(path).expect("it is there");
    server
}

fn open(server: &Server, path: &str) -> Client {
    let mut client = Client::tcp(server.addr);
    client.send_raw(&request(path));
    client.expect_upgrade();
    client
}

/// One client of each dialect, in the channel `room`; and one elsewhere.
fn clients(server: &Server) -> [Client; 4] {
    let mut strav = open(server, "/_broadcast");
    strav.text();
    strav.subscribe("room");
    let mut ignis = open(server, "/ws");
    ignis.send_text(r#"{"event":"authenticate","data":{}}"#);
    assert!(ignis.text().starts_with(r#"{"event":"connected""#));
    ignis.send_text(r#"{"event":"join","data":{"rooms":["room"]}}"#);
    // No answer to a join: it took effect when the next request is answered.
    ignis.send_text(r#"{"event":"authenticate"}"#);
    assert!(ignis.text().contains("Already authenticated"));
    let mut shared = open(server, "/events");
    shared.send_text(r#"{"event":"$channel:join","data":{"channel":"room"}}"#);
    shared.send_text(r#"{"type":"ping"}"#);
    assert_eq!(shared.text(), r#"{"type":"pong"}"#);
    let mut apart = open(server, "/apart");
    apart.text();
    apart.subscribe("room");
    [strav, ignis, shared, apart]
}

#[test]
fn what_is_published_comes_in_the_frames_of_each_dialect() {
    let server = start();
    let [mut strav, mut ignis, mut shared, mut apart] = clients(&server);
    for (data, of_strav, of_others, of_shared) in [
        (
            r#","data":{"n": 1}"#,
            r#","d":{"n": 1}"#,
            r#","data":{"n": 1}"#,
            r#","data":{"n": 1}"#,
        ),
        (r#","data":null"#, r#","d":null"#, r#","data":null"#, ""),
        (
            r#","data":false"#,
            r#","d":false"#,
            r#","data":false"#,
            r#","data":false"#,
        ),
        ("", "", "", ""),
    ] {
        let body = format!(r#"{{"app":"shop","channel":"room","event":"e","id":"x"{data}}}"#);
        assert_eq!(
            post(api(&server), "/v1/publish", &body).ok()["subscribers"],
            3
        );
        let frame = format!(r#"{{"t":"msg","c":"room","e":"e"{of_strav},"i":"x"}}"#);
        assert_eq!(strav.text(), frame);
        assert_eq!(ignis.text(), format!(r#"{{"event":"e"{of_others}}}"#));
        assert_eq!(shared.text(), format!(r#"{{"event":"room:e"{of_shared}}}"#));
    }
    apart.expect_nothing_unread();
}

#[test]
fn what_clients_publish_crosses_dialects() {
    let server = start();
    let [mut strav, mut ignis, mut shared, mut apart] = clients(&server);
    strav.publish("room", "a", 1);
    shared.send_text(r#"{"event":"room:b","data":2}"#);
    let mut events = [strav.event(), strav.event()];
    events.sort_unstable_by(|a, b| a.name.cmp(&b.name));
    let names = events.map(|event| (event.channel, event.name, event.data));
    let expected = [("room", "a", "1"), ("room", "b", "2")];
    for ((channel, name, data), expected) in names.iter().zip(expected) {
        assert_eq!(
            (channel.as_str(), name.as_str(), data.as_deref()),
            (expected.0, expected.1, Some(expected.2))
        );
    }
    let mut heard = [ignis.text(), ignis.text()];
    heard.sort_unstable();
    assert_eq!(
        heard,
        [r#"{"event":"a","data":1}"#, r#"{"event":"b","data":2}"#]
    );
    let mut heard = [shared.text(), shared.text()];
    heard.sort_unstable();
    assert_eq!(
        heard,
        [
            r#"{"event":"room:a","data":1}"#,
            r#"{"event":"room:b","data":2}"#
        ]
    );
    apart.expect_nothing_unread();
}
