//! Goal: a client of an ignis server goes its whole way here: known by its token, in its rooms, heard
//! from time to time, and told when that is over.
//! Method: tokens of a known secret, on real servers with one and two shards; the API for what the
//! application sends.

use serde_json::{Value, json};

use super::support::client::{Client, Incoming};
use super::support::http::post;
use super::support::token::{KEY_FLAG, token, token_of};
use super::support::{Server, servers};

const FLAGS: [&str; 6] = [
    KEY_FLAG,
    "--jwt-leeway=0s",
    "--endpoint=/ws=ignis",
    "--allow-subscribe=lobby*",
    "--allow-subscribe=team.*=claim:/teams",
    "--ignis-heartbeat-interval=200ms",
];

/// A client that is known by this token, and the id that it was told.
fn authenticated(server: &Server, token: &str) -> (Client, String) {
    let mut client = Client::upgrade(server.addr, "/ws");
    let data = json!({"type": "Bearer", "token": token});
    client.send_text(&json!({"event": "authenticate", "data": data}).to_string());
    let connected: Value = serde_json::from_str(&client.text()).expect("JSON");
    assert_eq!(connected["event"], "connected", "{connected}");
    assert_eq!(connected["data"]["userId"], "u1");
    let id = connected["data"]["id"].as_str().expect("an id").to_owned();
    (client, id)
}

fn join(client: &mut Client, event: &str, rooms: &[&str]) {
    client.send_text(&json!({"event": event, "data": {"rooms": rooms}}).to_string());
    // Not answered; what comes after it has seen it.
    client.expect_pong();
}

/// Publishes to a room; how many are there.
fn publish(server: &Server, room: &str, data: &Value) -> u64 {
    let api = server.api.expect("the banner names the API");
    let publish = json!({"channel": room, "event": "e", "data": data});
    let answer = post(api, "/v1/publish", &publish.to_string()).ok();
    answer["subscribers"].as_u64().expect("a number")
}

#[test]
fn rooms_are_joined_left_and_heard() {
    for server in servers(&[1, 2], &FLAGS) {
        let token = token(json!({"sub": "u1", "teams": ["team.a"]}), 60);
        let (mut client, id) = authenticated(&server, &token);
        join(
            &mut client,
            "join",
            &["lobby", "team.a", "team.b", "other", "ws:x"],
        );
        for (room, members) in [
            ("ws-default", 1),
            ("ws-notification", 1),
            ("lobby", 1),
            ("team.a", 1),
            ("team.b", 0),
            ("other", 0),
            ("ws:x", 0),
            (&id, 1),
        ] {
            assert_eq!(publish(&server, room, &json!(room)), members, "{room}");
            if members == 1 {
                assert_eq!(client.text(), format!(r#"{{"event":"e","data":"{room}"}}"#));
            }
        }
        join(&mut client, "leave", &["lobby", "ws-default", &id]);
        for room in ["lobby", "ws-default", &id] {
            assert_eq!(publish(&server, room, &json!(1)), 0, "{room}");
        }
        client.expect_pong();
    }
}

#[test]
fn token_that_ends_ends_the_connection_with_4003() {
    for server in servers(&[1, 2], &FLAGS) {
        let (mut client, _) = authenticated(&server, &token(json!({"sub": "u1"}), 2));
        let message = r#"{"event":"error","data":{"message":"Authentication failed"}}"#;
        assert_eq!(client.incoming(), Incoming::Text(message.to_owned()));
        let closed = Incoming::Close(Some(4003), "Authentication failed".to_owned());
        assert_eq!(client.incoming(), closed);
        client.answer_close(4003);
    }
}

#[test]
fn silent_client_is_closed_with_4002_and_one_that_sends_heartbeats_is_not() {
    let flags = [&FLAGS[..], &["--ignis-heartbeat-timeout=2s"]].concat();
    for server in servers(&[1, 2], &flags) {
        let (mut silent, _) = authenticated(&server, &token_of("u1"));
        let (mut heard, _) = authenticated(&server, &token_of("u1"));
        let closed = Incoming::Close(Some(4002), "Heartbeat timeout".to_owned());
        loop {
            heard.send_text(r#"{"event":"heartbeat"}"#);
            heard.expect_pong();
            if silent.has_input(std::time::Duration::from_millis(100)) {
                break;
            }
        }
        assert_eq!(silent.incoming(), closed);
        heard.send_text("nope");
        let message = r#"{"event":"error","data":{"message":"Invalid message format"}}"#;
        assert_eq!(heard.text(), message);
    }
}
