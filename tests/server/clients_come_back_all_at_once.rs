//! Goal: after a restart all clients come back within a second, each with all its subscriptions, often
//! twice; all of them are in, and nobody is counted twice.
//! Method: a thousand clients of each dialect that send everything in one piece behind the request,
//! as clients do that wait for nothing.

use serde_json::json;

use super::support::client::{Client, TEXT, request};
use super::support::http::post;
use super::support::{Server, servers};

const CLIENTS: usize = 1_000;

/// Each client is in five of them.
const ROOMS: usize = 100;

/// Where a dialect is served, and what its clients send when they come back: first, for each room,
/// and how an event of a room begins.
struct Dialect {
    path: &'static str,
    first: &'static str,
    join: fn(&str) -> String,
    event: fn(&str) -> String,
}

const DIALECTS: [Dialect; 3] = [
    Dialect {
        path: "/_broadcast",
        first: r#"{"t":"pong"}"#,
        join: |room| json!({"t": "sub", "c": room}).to_string(),
        event: |room| format!(r#"{{"t":"msg","c":"{room}","e":"e""#),
    },
    Dialect {
        path: "/events",
        first: r#"{"type":"ping"}"#,
        join: |room| json!({"event": "$channel:join", "data": {"channel": room}}).to_string(),
        event: |room| format!(r#"{{"event":"{room}:e""#),
    },
    Dialect {
        path: "/ws",
        first: r#"{"event":"authenticate"}"#,
        join: |room| json!({"event": "join", "data": {"rooms": [room]}}).to_string(),
        event: |room| format!(r#"{{"event":"e","data":"{room}""#),
    },
];

fn rooms_of(client: usize) -> impl Iterator<Item = String> {
    (0..5).map(move |copy| format!("room.{}", (client + copy) % ROOMS))
}

fn publish(server: &Server, app: &str, room: &str) -> u64 {
    let body = json!({"app": app, "channel": room, "event": "e", "data": room});
    let api = server.api.expect("the banner names the API");
    let answer = post(api, "/v1/publish", &body.to_string()).ok();
    answer["subscribers"].as_u64().expect("a number")
}

#[test]
fn all_of_them_are_in_and_in_their_rooms_once() {
    let flags = [
        "--endpoint=/_broadcast=strav",
        "--endpoint=/events=shared-websocket",
        "--endpoint=/ws=ignis",
        "--allow-subscribe=room.*",
    ];
    for server in servers(&[2], &flags) {
        for dialect in DIALECTS {
            come_back(&server, &dialect);
        }
    }
}

fn come_back(server: &Server, dialect: &Dialect) {
    let mut clients: Vec<Client> = (0..CLIENTS).map(|_| Client::tcp(server.addr)).collect();
    for (index, client) in clients.iter_mut().enumerate() {
        let mut all = request(dialect.path);
        all.extend(client.frame(true, TEXT, dialect.first.as_bytes()));
        let joins = rooms_of(index).chain(rooms_of(index));
        if dialect.path != "/ws" {
            for room in joins {
                all.extend(client.frame(true, TEXT, (dialect.join)(&room).as_bytes()));
            }
        }
        client.send_raw(&all);
    }
    for (index, client) in clients.iter_mut().enumerate() {
        client.expect_upgrade();
        if dialect.path == "/ws" {
            // Before it is known who they are, these clients may join nothing, and know it.
            assert!(client.text().starts_with(r#"{"event":"connected""#));
            for room in rooms_of(index).chain(rooms_of(index)) {
                client.send_text(&(dialect.join)(&room));
            }
        }
    }
    let asked = r#"{"t":"sub","c":"last"}"#;
    for client in &mut clients {
        // Whatever is answered before this has been done.
        match dialect.path {
            "/_broadcast" => {
                client.send_text(asked);
                while client.text() != r#"{"t":"ok","c":"last"}"# {}
            }
            "/events" => {
                assert_eq!(client.text(), r#"{"type":"pong"}"#);
                client.expect_pong();
            }
            _ => client.expect_pong(),
        }
    }
    for room in 0..ROOMS {
        let room = format!("room.{room}");
        let members = (CLIENTS / ROOMS * 5) as u64;
        assert_eq!(publish(server, dialect.path, &room), members, "{room}");
    }
    for (index, client) in clients.iter_mut().enumerate() {
        let mut expected: Vec<String> = rooms_of(index).collect();
        expected.sort_by_key(|room| room["room.".len()..].parse::<usize>().expect("a number"));
        for room in expected {
            let text = client.text();
            assert!(text.starts_with(&(dialect.event)(&room)), "{room}: {text}");
        }
        client.expect_pong();
    }
}
