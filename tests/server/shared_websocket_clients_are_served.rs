//! Goal: the client @gwakko/shared-websocket works as it is, over real sockets.
//! Method: replay what it was recorded to send, and do to it what it must survive: a restart,
//! messages of codecs.

use std::fs;
use std::path::PathBuf;

use serde_json::json;

use super::support::client::{BINARY, Client, Incoming, TEXT, request};
use super::support::http::post;
use super::support::token::{KEY_FLAG, token, token_of};
use super::support::{Server, servers, strav};
use super::transcripts_are_kept::lines;

const G_1: &str = include_str!("../dialects/shared-websocket/g-1.txt");
const G_2: &str = include_str!("../dialects/shared-websocket/g-2.txt");

const PATH: &str = "/events";

const FLAGS: [&str; 6] = [
    "--endpoint",
    "/events=shared-websocket",
    "--allow-publish",
    "x:*",
    KEY_FLAG,
    "--jwt-leeway=0s",
];

/// What an app server publishes; how many it reached.
fn publish(server: &Server, channel: &str) -> u64 {
    let body = format!(r#"{{"channel":"{channel}","event":"e","data":{{"n": 1}}}}"#);
    let api = server.api.expect("the banner names the API");
    let answer = post(api, "/v1/publish", &body).ok();
    answer["subscribers"].as_u64().expect("a number")
}

/// The next message has come from this channel.
fn expect_event(client: &mut Client, channel: &str) {
    let frame = format!(r#"{{"event":"{channel}:e","data":{{"n": 1}}}}"#);
    assert_eq!(client.incoming(), Incoming::Text(frame));
}

/// What a client of this user sends.
fn said(transcript: &str, user: &str) -> Vec<String> {
    let token = token_of(user);
    let lines = lines(transcript, "> ");
    lines.map(|line| line.replace("JWT", &token)).collect()
}

/// Connects as the client does with a token.
fn connect_with(server: &Server, token: &str) -> Client {
    Client::upgrade(server.addr, &format!("{PATH}?token={token}"))
}

fn expect_text(client: &mut Client, text: &str) {
    assert_eq!(client.incoming(), Incoming::Text(text.to_owned()));
}

/// Joins, and says whether it was let in.
fn is_let_in(client: &mut Client, channel: &str) -> bool {
    client.send_text(&format!(
        r#"{{"event":"$channel:join","data":{{"channel":"{channel}"}}}}"#
    ));
    client.send_text(r#"{"type":"ping"}"#);
    let refusal = format!(
        r#"{{"event":"error","data":{{"message":"Authentication required","channel":"{channel}"}}}}"#
    );
    let is_in = match client.incoming() {
        Incoming::Text(text) if text == refusal => false,
        Incoming::Text(text) if text == PONG => return true,
        other => panic!("{other:?}"),
    };
    expect_text(client, PONG);
    is_in
}

const PONG: &str = r#"{"type":"pong"}"#;

#[test]
fn transcript_g_1_makes_everything_of_the_first_connect_once() {
    for server in servers(&[1, 2], &FLAGS) {
        let mut client = connect_with(&server, &token_of("u1"));
        for line in said(G_1, "u1") {
            client.send_text(&line);
        }
        for expected in lines(G_1, "< ") {
            assert_eq!(client.incoming(), Incoming::Text(expected.to_owned()));
        }
        client.expect_pong();
        for channel in ["x", "x:y", "top"] {
            assert_eq!(publish(&server, channel), 1, "{channel}");
            expect_event(&mut client, channel);
        }
        client.expect_pong();
    }
}

/// The client sends without waiting for anything, not even for the answer to its request.
#[test]
fn transcript_g_1_is_the_same_in_one_piece_behind_the_request() {
    for server in servers(&[1, 2], &FLAGS) {
        let mut client = Client::tcp(server.addr);
        let mut all = request(&format!("{PATH}?token={}", token_of("u1")));
        for line in said(G_1, "u1") {
            all.extend(client.frame(true, TEXT, line.as_bytes()));
        }
        client.send_raw(&all);
        client.expect_upgrade();
        for expected in lines(G_1, "< ") {
            assert_eq!(client.incoming(), Incoming::Text(expected.to_owned()));
        }
        client.expect_pong();
    }
}

#[test]
fn transcript_g_2_restart_is_1001_and_the_new_connection_begins_empty() {
    for mut server in servers(&[1, 2], &FLAGS) {
        let mut client = Client::upgrade(server.addr, PATH);
        for line in lines(G_2, "> ") {
            client.send_text(line);
        }
        client.expect_pong();
        server.signal("TERM");
        client.expect_close(1001);
        assert!(server.wait().success());

        let server = Server::start(&FLAGS);
        let mut client = Client::upgrade(server.addr, PATH);
        client.expect_pong();
        assert_eq!(publish(&server, "x"), 0);
        for line in lines(G_2, "> ") {
            client.send_text(line);
        }
        client.expect_pong();
        for channel in ["x", "x:y", "top"] {
            assert_eq!(publish(&server, channel), 1, "{channel}");
            expect_event(&mut client, channel);
        }
    }
}

/// "Server closes 1008: no further connection."
#[test]
fn transcript_g_2_bad_token_at_the_door_is_1008_and_nothing_else_is() {
    for server in servers(&[1, 2], &FLAGS) {
        let ended = token(json!({"sub": "u1"}), -10);
        for bad in ["T1", &ended, &format!("{}x", token_of("u1"))] {
            connect_with(&server, bad).expect_close(1008);
        }
        // No token is no bad one.
        Client::upgrade(server.addr, PATH).expect_pong();
    }
    let needed = [&FLAGS[..], &["--require-token"]].concat();
    for server in servers(&[1], &needed) {
        Client::upgrade(server.addr, PATH).expect_close(1008);
        connect_with(&server, &token_of("u1")).expect_pong();
    }
}

#[test]
fn login_opens_and_logout_closes_what_is_gated() {
    for server in servers(&[1, 2], &FLAGS) {
        let mut client = Client::upgrade(server.addr, PATH);
        assert!(!is_let_in(&mut client, "user:u1"));
        for _ in 0..2 {
            let login = json!({"event": "$auth:login", "data": {"token": token_of("u1")}});
            client.send_text(&login.to_string());
        }
        assert!(is_let_in(&mut client, "user:u1"));
        assert!(is_let_in(&mut client, "x"));
        assert_eq!((publish(&server, "user:u1"), publish(&server, "x")), (1, 1));
        expect_event(&mut client, "user:u1");
        expect_event(&mut client, "x");
        client.send_text(r#"{"event":"$auth:logout","data":{}}"#);
        client.expect_pong();
        assert_eq!((publish(&server, "user:u1"), publish(&server, "x")), (0, 1));
        expect_event(&mut client, "x");
        assert!(!is_let_in(&mut client, "user:u1"));
    }
}

#[test]
fn bad_and_ended_logins_are_revoked_and_the_connection_stays() {
    for server in servers(&[1, 2], &FLAGS) {
        let mut client = connect_with(&server, &token(json!({"sub": "u1"}), 3));
        assert!(is_let_in(&mut client, "private:x"));
        assert!(is_let_in(&mut client, "x"));
        expect_text(
            &mut client,
            r#"{"event":"$auth:revoked","data":{"reason":"token_expired"}}"#,
        );
        assert_eq!(
            (publish(&server, "private:x"), publish(&server, "x")),
            (0, 1)
        );
        expect_event(&mut client, "x");
        for data in [r#"{"token":"T1"}"#, r#"{"token":7}"#, "{}", "null", "[]"] {
            client.send_text(&format!(r#"{{"event":"$auth:login","data":{data}}}"#));
            expect_text(
                &mut client,
                r#"{"event":"$auth:revoked","data":{"reason":"invalid_token"}}"#,
            );
        }
        client.expect_pong();
    }
}

#[test]
fn codecs_are_told_1003_and_nobody_else_notices() {
    for server in servers(&[1], &FLAGS) {
        let (mut client, mut other) = (
            Client::upgrade(server.addr, PATH),
            Client::upgrade(server.addr, PATH),
        );
        client.send(BINARY, br#"{"type":"ping"}"#);
        client.expect_close(1003);
        other.send_text(r#"{"type":"ping"}"#);
        expect_text(&mut other, PONG);
    }
}

#[test]
fn options_reach_the_dialect() {
    let flags = [
        "--event-name",
        "channel-joined=$channel:joined",
        "--event-name",
        "event-field=e",
        "--ping-message",
        r#"{"op":"ping","n":[1]}"#,
        "--pong-message",
        r#"{"op":"pong"}"#,
        "--empty-data",
        "object",
        "--publish-excludes-self",
    ];
    for server in servers(&[1], &[&FLAGS[..], &flags].concat()) {
        let mut client = Client::upgrade(server.addr, PATH);
        for (said, answered) in [
            (
                r#"{"e":"$channel:join","data":{"channel":"x"}}"#,
                Some(r#"{"e":"$channel:joined","data":{"channel":"x"}}"#),
            ),
            (r#"{ "n": [1], "op": "ping" }"#, Some(r#"{"op":"pong"}"#)),
            (r#"{"e":"x:evt"}"#, None),
        ] {
            client.send_text(said);
            if let Some(answered) = answered {
                assert_eq!(client.incoming(), Incoming::Text(answered.to_owned()));
            }
        }
        client.expect_pong();
        let api = server.api.expect("the banner names the API");
        let body = r#"{"channel":"x","event":"e","data":null}"#;
        assert_eq!(post(api, "/v1/publish", body).ok()["subscribers"], 1);
        let event = r#"{"e":"x:e","data":{}}"#.to_owned();
        assert_eq!(client.incoming(), Incoming::Text(event));
    }
}

/// A file that is gone after its test.
struct Written(PathBuf);

impl Drop for Written {
    fn drop(&mut self) {
        let _gone = fs::remove_file(&self.0);
    }
}

/// Channel and event are one name here and two there, and data is absent, null or neither.
#[test]
fn endpoints_of_one_app_hear_each_other_across_dialects() {
    let name = format!("shardcast-dialects-{}.toml", std::process::id());
    let file = Written(std::env::temp_dir().join(name));
    let endpoint = |path: &str, dialect: &str| {
        format!("[[endpoint]]\npath = \"{path}\"\ndialect = \"{dialect}\"\napp = \"shop\"\n")
    };
    let text = format!(
        "allow-publish = [\"*:*\"]\n{}{}",
        endpoint(strav::PATH, "strav"),
        endpoint(PATH, "shared-websocket")
    );
    fs::write(&file.0, text).expect("a place for files");
    let path = file.0.to_str().expect("a plain name");
    for server in servers(&[1, 2], &["--config", path]) {
        let mut one = Client::open(server.addr);
        one.subscribe("chat:1");
        let mut two = Client::upgrade(server.addr, PATH);
        assert!(is_let_in(&mut two, "chat:1"));

        for (data, heard) in [
            (r#","d":{"n": 1}"#, r#","data":{"n": 1}"#),
            (r#","d":null"#, ""),
            ("", ""),
        ] {
            one.send_text(&format!(r#"{{"t":"pub","c":"chat:1","e":"a:b"{data}}}"#));
            expect_text(&mut two, &format!(r#"{{"event":"chat:1:a:b"{heard}}}"#));
            one.event();
        }
        for (data, heard) in [
            (",\"data\":0", Some("0")),
            (",\"data\":null", Some("null")),
            ("", None),
        ] {
            two.send_text(&format!(r#"{{"event":"chat:1:typing"{data}}}"#));
            let event = one.event();
            assert_eq!((&*event.channel, &*event.name), ("chat:1", "typing"));
            assert_eq!(event.data.as_deref(), heard);
        }
    }
}
