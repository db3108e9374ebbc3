//! Goal: whoever shows a valid token is its user, wherever the token stands: with the user's own
//! channels, reached by what is sent to the user, and only for as long as the token holds.
//! Method: tokens of a known secret, on real servers with one and two shards.

use serde_json::json;

use super::api;
use super::support::client::{Client, Incoming, request};
use super::support::http::{get, post};
use super::support::token::{KEY_FLAG, token, token_of};
use super::support::{Server, servers};

const FLAGS: [&str; 7] = [
    KEY_FLAG,
    "--jwt-leeway=0s",
    "--token-query-parameter=token",
    "--token-cookie=session",
    "--allow-subscribe=private-user.*=private-user.{sub}",
    "--allow-subscribe=private-team.*=claim:/teams",
    "--allow-subscribe=private-all=authenticated",
];

/// An upgrade request with this query and these headers.
fn asking(query: &str, headers: &str) -> Vec<u8> {
    let plain = String::from_utf8(request(&format!("/_broadcast{query}"))).expect("text");
    let plain = plain.strip_suffix("\r\n").expect("an empty line");
    format!("{plain}{headers}\r\n").into_bytes()
}

fn connect(server: &Server, query: &str, headers: &str) -> Client {
    let mut client = Client::tcp(server.addr);
    client.send_raw(&asking(query, headers));
    client.expect_upgrade();
    assert!(client.text().starts_with(r#"{"t":"welcome""#));
    client
}

/// A client that shows a user's token.
fn connect_as(server: &Server, token: &str) -> Client {
    connect(server, "", &format!("Authorization: Bearer {token}\r\n"))
}

#[test]
fn token_is_found_wherever_it_may_stand() {
    for server in servers(&[1, 2], &FLAGS) {
        let token = token(
            json!({"sub": "u1", "teams": ["private-team.a", "private-team.b*"]}),
            60,
        );
        for (query, headers) in [
            (String::new(), format!("Authorization: Bearer {token}\r\n")),
            (format!("?token={token}"), String::new()),
            (String::new(), format!("Cookie: session={token}\r\n")),
        ] {
            let mut client = connect(&server, &query, &headers);
            for (channel, is_allowed) in [
                ("open", true),
                ("private-user.u1", true),
                ("private-user.u2", false),
                ("private-team.a", true),
                ("private-team.b7", true),
                ("private-team.c", false),
                ("private-all", true),
                ("private-other", false),
            ] {
                client.send_text(&format!(r#"{{"t":"sub","c":"{channel}"}}"#));
                let answer = client.text();
                let expected = if is_allowed { "ok" } else { "err" };
                assert!(
                    answer.starts_with(&format!(r#"{{"t":"{expected}","c":"{channel}""#)),
                    "{answer}"
                );
            }
        }
        let mut nobody = Client::open(server.addr);
        for channel in ["private-user.u1", "private-team.a", "private-all"] {
            nobody.send_text(&format!(r#"{{"t":"sub","c":"{channel}"}}"#));
            assert!(nobody.text().ends_with(r#""r":"unauthorized"}"#));
        }
    }
}

#[test]
fn wrong_token_is_refused_and_a_missing_one_if_it_is_needed() {
    let needs = [&FLAGS[..], &["--require-token"]].concat();
    for (flags, missing) in [(&FLAGS[..], 101), (&needs, 401)] {
        for server in servers(&[1], flags) {
            let good = token_of("u1");
            let forged = format!("{}x", &good[..good.len() - 1]);
            let expired = token(json!({"sub": "u1"}), -1);
            for (headers, status) in [
                (format!("Authorization: Bearer {good}\r\n"), 101),
                (format!("Authorization: Bearer {forged}\r\n"), 401),
                (format!("Authorization: Bearer {expired}\r\n"), 401),
                ("Authorization: Bearer x\r\n".to_owned(), 401),
                ("Cookie: session=x\r\n".to_owned(), 401),
                (String::new(), missing),
            ] {
                let mut client = Client::tcp(server.addr);
                client.send_raw(&asking("", &headers));
                let head = client.head();
                assert!(head.starts_with(&format!("HTTP/1.1 {status} ")), "{head}");
            }
        }
    }
}

#[test]
fn user_is_reached_on_every_connection_and_can_be_told_to_go() {
    for server in servers(&[1, 2], &FLAGS) {
        let mut own: Vec<Client> = (0..8)
            .map(|_| connect_as(&server, &token_of("u1")))
            .collect();
        let mut other = connect_as(&server, &token_of("u2"));
        let body = r#"{"to":{"user":"u1"},"event":"e","id":"x"}"#;
        assert_eq!(post(api(&server), "/v1/send", body).ok()["subscribers"], 8);
        for client in &mut own {
            assert_eq!(client.text(), r#"{"t":"msg","c":"","e":"e","i":"x"}"#);
        }
        let user = get(api(&server), "/v1/users/u1").ok();
        assert_eq!(user["connections"].as_array().map(Vec::len), Some(8));
        assert_eq!(user["connections"][0]["user"], "u1");

        let body = r#"{"who":{"user":"u1"},"channel":"private-x"}"#;
        assert_eq!(
            post(api(&server), "/v1/subscribe", body).ok()["connections"],
            8
        );
        let body = r#"{"channel":"private-x","event":"e","id":"x"}"#;
        assert_eq!(
            post(api(&server), "/v1/publish", body).ok()["subscribers"],
            8
        );

        let body = r#"{"who":{"user":"u1"},"reason":"account_suspended"}"#;
        assert_eq!(
            post(api(&server), "/v1/revoke", body).ok()["connections"],
            8
        );
        for client in &mut own {
            assert_eq!(
                client.text(),
                r#"{"t":"msg","c":"private-x","e":"e","i":"x"}"#
            );
            client.expect_close(1008);
        }
        assert_eq!(
            get(api(&server), "/v1/users/u1").ok()["connections"],
            json!([])
        );
        let body = r#"{"who":{"user":"u2"},"code":4001,"reason":"bye"}"#;
        assert_eq!(
            post(api(&server), "/v1/disconnect", body).ok()["connections"],
            1
        );
        other.expect_close(4001);
    }
}

#[test]
fn connection_ends_with_its_token() {
    for server in servers(&[1, 2], &FLAGS) {
        let mut short = connect_as(&server, &token(json!({"sub": "u1"}), 2));
        let mut long = connect_as(&server, &token_of("u1"));
        short.subscribe("private-user.u1");
        long.subscribe("private-user.u1");
        assert!(matches!(short.incoming(), Incoming::Close(Some(1008), _)));
        let body = r#"{"channel":"private-user.u1","event":"e"}"#;
        assert_eq!(
            post(api(&server), "/v1/publish", body).ok()["subscribers"],
            1
        );
        assert_eq!(long.event().name, "e");
        assert_eq!(server.counter("closed", "unauthorized"), 1);
    }
}

/// A browser sends its cookies from pages of every site.
#[test]
fn cookie_counts_only_from_pages_of_allowed_sites() {
    let own = ["--allow-origin=https://app.example.com"];
    for server in servers(&[1, 2], &[&FLAGS[..], &own].concat()) {
        let cookie = format!("Cookie: session={}\r\n", token_of("u1"));
        for (origin, status) in [
            ("Origin: https://app.example.com\r\n", "101"),
            ("Origin: https://evil.test\r\n", "403"),
            ("Origin: https://app.example.com.evil.test\r\n", "403"),
            ("Origin: http://app.example.com\r\n", "403"),
            ("Origin: null\r\n", "403"),
        ] {
            let mut client = Client::tcp(server.addr);
            client.send_raw(&asking("", &format!("{cookie}{origin}")));
            assert_eq!(&client.head()[9..12], status, "{origin}");
        }
    }
}

#[test]
fn tokens_are_nowhere_but_where_they_are_looked_at() {
    let dialects = [
        "--endpoint=/_broadcast=strav",
        "--endpoint=/ws=ignis",
        "--endpoint=/events=shared-websocket",
    ];
    // The keys judge; or an app server does, which is not there.
    let unanswered = [
        "--webhook-url=http://127.0.0.1:1/",
        "--webhook-events=authenticate",
    ];
    for judge in [&FLAGS[..], &unanswered] {
        let loud = ["--log-level=trace"];
        let mut server = Server::start_logged(&[&dialects[..], judge, &loud].concat());
        let good = token_of("u1");
        let forged = format!("{good}x");
        let is_judged_here = judge.len() == FLAGS.len();
        for token in [&good, &forged] {
            let mut client = Client::tcp(server.addr);
            client.send_raw(&asking(&format!("?token={token}"), ""));
            client.head();
            let mut client = Client::tcp(server.addr);
            client.send_raw(&asking("", &format!("Authorization: Bearer {token}\r\n")));
            client.head();
            for (path, login) in [("/ws", "authenticate"), ("/events", "$auth:login")] {
                let mut client = Client::upgrade(server.addr, path);
                let message = json!({"event": login, "data": {"token": token}});
                client.send_text(&message.to_string());
                let is_silent = path == "/events" && is_judged_here && *token == good;
                if is_silent {
                    client.expect_pong();
                } else {
                    assert!(client.text().starts_with(r#"{"event":""#));
                }
            }
        }
        let signature = good.rsplit('.').next().expect("three parts");
        for path in [
            "/metrics",
            "/v1/stats",
            "/v1/connections",
            "/v1/connections?app=/ws",
            "/v1/users/u1",
        ] {
            let answer = get(api(&server), path);
            assert_eq!(answer.status, 200);
            assert!(!answer.body.contains(signature), "{path}: {answer:?}");
        }
        server.signal("TERM");
        server.wait();
        let log = server.log();
        let said = if is_judged_here {
            "a token is refused: "
        } else {
            "a call of the webhook failed: "
        };
        assert!(log.contains(said), "{log}");
        assert!(!log.contains(signature), "{log}");
    }
}
