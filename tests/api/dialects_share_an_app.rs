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
on-message = ["say=publish:room"]

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

/// Data that is absent, null, false and something else, in the same words for the field.
const DATA: [Option<&str>; 4] = [None, Some("null"), Some("false"), Some(r#"{"n": 1}"#)];

#[test]
fn what_clients_publish_crosses_dialects() {
    let server = start();
    let [mut strav, mut ignis, mut shared, mut apart] = clients(&server);
    for publisher in ["strav", "ignis", "shared-websocket"] {
        for data in DATA {
            let field =
                |name: &str| data.map_or(String::new(), |data| format!(",\"{name}\":{data}"));
            match publisher {
                "strav" => {
                    let d = field("d");
                    strav.send_text(&format!(r#"{{"t":"pub","c":"room","e":"say"{d}}}"#));
                }
                "ignis" => ignis.send_text(&format!(r#"{{"event":"say"{}}}"#, field("data"))),
                _ => shared.send_text(&format!(r#"{{"event":"room:say"{}}}"#, field("data"))),
            }
            let heard = strav.event();
            assert_eq!((&*heard.channel, &*heard.name), ("room", "say"));
            assert_eq!(heard.data.as_deref(), data, "{publisher}");
            let frame = format!(r#"{{"event":"say"{}}}"#, field("data"));
            assert_eq!(ignis.text(), frame, "{publisher}");
            // Its client would take the whole frame for the data.
            let given = match data {
                Some("null") => String::new(),
                _ => field("data"),
            };
            let frame = format!(r#"{{"event":"room:say"{given}}}"#);
            assert_eq!(shared.text(), frame, "{publisher}");
        }
    }
    apart.expect_nothing_unread();
}
