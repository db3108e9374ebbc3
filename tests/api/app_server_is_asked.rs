//! Goal: an app server decides who comes in, who may subscribe and publish, and what is done about
//! messages; it hears of every connection, in order; and nobody gets anything while it does not answer.
//! Method: an app server that answers by name, behind real servers.

use serde_json::{Value, json};

use super::api;
use super::support::app_server::{AppServer, Reply};
use super::support::client::{Client, request};
use super::support::http::{get, post};
use super::support::token::{KEY_FLAG, token_of};
use super::support::{servers, wait_until};

/// Says yes to names that begin with `yes`, and who somebody is by the query.
fn by_name(call: &Value) -> Reply {
    let is_yes = |name: &Value| name.as_str().is_some_and(|name| name.starts_with("yes"));
    let answer = match call["type"].as_str() {
        Some("connect") => match call["query"].as_str() {
            Some("stranger") => return (403, "Set-Cookie: seen=1\r\n", json!("No strangers.")),
            Some("broken") => return (500, "", json!({})),
            Some(user) => json!({"allow": true, "userId": user, "setCookie": ["a=b"],
                "channels": ["yes-from-start"]}),
            None => json!({"allow": true}),
        },
        Some("subscribe") => json!({"allow": is_yes(&call["channel"]), "cacheFor": 60}),
        Some("publish") => json!({"allow": is_yes(&call["event"])}),
        _ => json!({}),
    };
    (200, "", answer)
}

fn flags(app: &AppServer) -> Vec<String> {
    let rules = ["--allow-subscribe=*=webhook", "--allow-publish=*=webhook"];
    let mut flags: Vec<String> = rules.map(str::to_owned).to_vec();
    flags.push(app.flag());
    flags
}

fn connect(addr: std::net::SocketAddr, user: &str) -> Client {
    let mut client = Client::tcp(addr);
    client.send_raw(&request(&format!("/_broadcast?{user}")));
    let head = client.head();
    assert!(head.starts_with("HTTP/1.1 101 "), "{head}");
    assert!(head.contains("\r\nset-cookie: a=b\r\n") || head.contains("\r\nSet-Cookie: a=b\r\n"));
    assert!(client.text().starts_with(r#"{"t":"welcome""#));
    client
}

#[test]
fn it_says_who_comes_in_and_who_may_what() {
    let app = AppServer::start(by_name);
    let flags = flags(&app);
    let flags: Vec<&str> = flags.iter().map(String::as_str).collect();
    for server in servers(&[1, 2], &flags) {
        let mut client = connect(server.addr, "u1");
        let user = get(api(&server), "/v1/users/u1").ok();
        assert_eq!(user["connections"][0]["subscriptions"], 1);

        for (message, answer) in [
            (r#"{"t":"sub","c":"yes-1"}"#, r#"{"t":"ok","c":"yes-1"}"#),
            (
                r#"{"t":"sub","c":"no-1"}"#,
                r#"{"t":"err","c":"no-1","r":"unauthorized"}"#,
            ),
            (
                r#"{"t":"pub","c":"yes-1","e":"no-e","d":1}"#,
                r#"{"t":"err","c":"yes-1","r":"publish denied"}"#,
            ),
            (
                r#"{"t":"pub","c":"no-1","e":"yes-e","d":1}"#,
                r#"{"t":"err","c":"no-1","r":"unauthorized"}"#,
            ),
        ] {
            client.send_text(message);
            assert_eq!(client.text(), answer);
        }
        client.send_text(r#"{"t":"pub","c":"yes-1","e":"yes-e","d":{"n":1}}"#);
        assert_eq!(client.event().name, "yes-e");

        let mut stranger = Client::tcp(server.addr);
        stranger.send_raw(&request("/_broadcast?stranger"));
        let head = stranger.head();
        assert!(
            head.starts_with("HTTP/1.1 403 ") && head.contains("seen=1"),
            "{head}"
        );
        let mut unlucky = Client::tcp(server.addr);
        unlucky.send_raw(&request("/_broadcast?broken"));
        assert!(unlucky.head().starts_with("HTTP/1.1 503 "));
    }
    let publish = app.asked("publish");
    assert_eq!(publish.last().expect("asked")["data"], json!({"n": 1}));
    assert!(publish.iter().all(|call| call["user"] == "u1"));
}

#[test]
fn answer_that_holds_is_not_asked_for_again() {
    let app = AppServer::start(by_name);
    let flags = flags(&app);
    let flags: Vec<&str> = flags.iter().map(String::as_str).collect();
    for server in servers(&[1], &flags) {
        let before = app.asked("subscribe").len();
        let mut client = connect(server.addr, "u1");
        for _ in 0..20 {
            client.subscribe("yes-1");
            client.unsubscribe("yes-1");
        }
        assert_eq!(app.asked("subscribe").len() - before, 1);
    }
}

#[test]
fn it_hears_of_every_connection_from_beginning_to_end() {
    const CLIENTS: usize = 50;
    let app = AppServer::start(by_name);
    let url = app.flag();
    for server in servers(&[1, 2], &[&url]) {
        let before = app.asked("disconnected").len();
        let clients: Vec<Client> = (0..CLIENTS).map(|_| connect(server.addr, "u1")).collect();
        let (gone, kicked) = clients.split_at(CLIENTS / 2);
        for client in gone {
            client.finish_sending();
        }
        app.wait_for("disconnected", before + gone.len());
        let body = r#"{"who":{"user":"u1"},"code":4005,"reason":"bye"}"#;
        post(api(&server), "/v1/disconnect", body).ok();
        let ended = app.wait_for("disconnected", before + CLIENTS);
        let codes = |code| {
            ended[before..]
                .iter()
                .filter(|call| call["code"] == code)
                .count()
        };
        assert_eq!((codes(1006), codes(4005)), (gone.len(), kicked.len()));
        let began = app.asked("connected");
        for end in &ended[before..] {
            assert_eq!(end["user"], "u1");
            assert_eq!(end["wasClean"], end["code"] == 4005);
            assert!(
                began
                    .iter()
                    .any(|call| call["connection"] == end["connection"])
            );
        }
    }
}

#[test]
fn it_hears_of_what_it_wants_to_hear_and_of_nothing_else() {
    let kinds = ["connected", "authenticated", "disconnected"];
    for wanted in kinds {
        let app = AppServer::start(|_| (200, "", json!({})));
        let (url, events) = (app.flag(), format!("--webhook-events={wanted}"));
        let flags = [KEY_FLAG, "--endpoint=/ws=ignis", &events, &url];
        for (round, mut server) in servers(&[1, 2], &flags).enumerate() {
            let mut client = Client::upgrade(server.addr, "/ws");
            let data = json!({"token": token_of("u1")});
            client.send_text(&json!({"event": "authenticate", "data": data}).to_string());
            assert!(client.text().starts_with(r#"{"event":"connected""#));
            client.finish_sending();
            // At its end it has told everything.
            server.signal("TERM");
            assert!(server.wait().success());
            for kind in kinds {
                let expected = if kind == wanted { round + 1 } else { 0 };
                assert_eq!(app.asked(kind).len(), expected, "{kind} of {wanted}");
            }
            let user = if wanted == "connected" {
                json!(null)
            } else {
                json!("u1")
            };
            assert_eq!(app.asked(wanted)[round]["user"], user);
        }
    }
}

/// Better that it comes back when there is room than that it is there and nobody hears of it.
#[test]
fn connection_that_it_cannot_be_told_of_is_turned_back() {
    let app = AppServer::start(|_| {
        loop {
            std::thread::park();
        }
    });
    let url = app.flag();
    let flags = [
        "--webhook-events=connected",
        "--webhook-timeout=5s",
        // Room for six notices; each connection takes that of its end along with its own.
        "--max-connections=2",
        &url,
    ];
    for server in servers(&[1], &flags) {
        for _ in 0..3 {
            drop(Client::open(server.addr));
            wait_until("its end", || {
                get(api(&server), "/v1/stats").ok()["total"]["connections"] == 0
            });
        }
        Client::upgrade(server.addr, "/_broadcast").expect_close(1013);
    }
}

/// Nobody listens any more when the last of them end.
#[test]
fn it_hears_of_those_that_end_with_the_server() {
    const CLIENTS: usize = 100;
    let app = AppServer::start(by_name);
    let url = app.flag();
    for (round, mut server) in servers(&[1, 2], &[&url]).enumerate() {
        let mut clients: Vec<Client> = (0..CLIENTS).map(|_| connect(server.addr, "u1")).collect();
        server.signal("TERM");
        for client in &mut clients {
            client.expect_close(1001);
        }
        assert!(server.wait().success());
        let ended = app.asked("disconnected");
        assert_eq!(ended.len(), (round + 1) * CLIENTS);
        assert!(ended.iter().all(|call| call["code"] == 1001));
    }
}

#[test]
fn it_is_told_whose_token_it_is_and_has_the_last_word() {
    let app = AppServer::start(|call| {
        let answer = match call["user"].as_str() {
            Some("u1") => json!({"allow": true, "userId": "other"}),
            Some("u2") => json!({"allow": true}),
            _ => json!({"allow": false, "status": 401}),
        };
        (200, "", answer)
    });
    let url = app.flag();
    let flags = [KEY_FLAG, "--webhook-events=connect", &url];
    for server in servers(&[1, 2], &flags) {
        let knock = |headers: &str| {
            let plain = String::from_utf8(request("/_broadcast")).expect("text");
            let plain = plain.strip_suffix("\r\n").expect("an empty line");
            let mut client = Client::tcp(server.addr);
            client.send_raw(format!("{plain}{headers}\r\n").as_bytes());
            (client.head()[9..12].to_owned(), client)
        };
        let with = |user: &str| knock(&format!("Authorization: Bearer {}\r\n", token_of(user)));
        let (one, two) = (with("u1"), with("u2"));
        assert_eq!((&*one.0, &*two.0), ("101", "101"));
        for (user, count) in [("u1", 0), ("other", 1), ("u2", 1)] {
            let conns = get(api(&server), &format!("/v1/users/{user}")).ok()["connections"].clone();
            assert_eq!(conns.as_array().map(Vec::len), Some(count), "{user}");
        }
        assert_eq!(with("u3").0, "401");
        assert_eq!(knock("").0, "401");
        // What the keys refuse, nobody is asked about.
        let asked = app.asked("connect").len();
        assert_eq!(knock("Authorization: Bearer x\r\n").0, "401");
        assert_eq!(app.asked("connect").len(), asked);
    }
    // The keys are where nobody answers: that is nobody's fault who brings a token.
    let keys = ["--jwt-key=jwks=http://127.0.0.1:1/,alg=RS256"];
    for server in servers(&[1], &keys) {
        let mut client = Client::tcp(server.addr);
        let plain = String::from_utf8(request("/_broadcast")).expect("text");
        let token = "eyJhbGciOiJSUzI1NiIsImtpZCI6ImsifQ.e30.AAAA";
        let headers = format!("Authorization: Bearer {token}\r\n\r\n");
        client.send_raw(
            plain
                .replacen("\r\n\r\n", &format!("\r\n{headers}"), 1)
                .as_bytes(),
        );
        assert_eq!(&client.head()[9..12], "503");
    }
}

#[test]
fn rejection_is_not_an_error_and_rooms_of_one_list_are_asked_about_at_once() {
    let app = AppServer::start(|call| match call["type"].as_str() {
        Some("authenticate") => match call["data"]["token"].as_str() {
            Some("good") => (200, "", json!({"userId": "u1"})),
            Some("bad") => (200, "", json!(null)),
            _ => (500, "", json!(null)),
        },
        _ => (200, "", json!({"allowed": ["ask-1", "ask-2", "ask-4"]})),
    });
    let url = app.flag();
    let flags = [
        "--endpoint=/ws=ignis",
        "--allow-subscribe=ask-*=webhook",
        "--webhook-events=authenticate",
        "--webhook-events=subscribe",
        &url,
    ];
    for (round, server) in servers(&[1, 2], &flags).enumerate() {
        let knock = |token: &str| {
            let mut client = Client::upgrade(server.addr, "/ws");
            let data = json!({"token": token});
            client.send_text(&json!({"event": "authenticate", "data": data}).to_string());
            let said: Value = serde_json::from_str(&client.text()).expect("JSON");
            (said["data"]["message"].clone(), client)
        };
        for (token, message) in [
            ("bad", "Authentication failed"),
            ("broken", "Authentication error"),
        ] {
            let (said, mut client) = knock(token);
            assert_eq!(said, message);
            client.expect_close(4003);
        }
        let (_, mut client) = knock("good");
        let rooms = ["ask-1", "ask-2", "ask-3", "other"];
        client.send_text(&json!({"event": "join", "data": {"rooms": rooms}}).to_string());
        client.send_text("no JSON");
        assert!(client.text().contains("Invalid message format"));
        let asked = app.asked("subscribe");
        assert_eq!(asked.len(), round + 1);
        assert_eq!(asked[round]["channels"], json!(["ask-1", "ask-2", "ask-3"]));
        assert_eq!(asked[round]["user"], "u1");
        for (room, members) in [("ask-1", 1), ("ask-2", 1), ("ask-3", 0), ("ask-4", 0)] {
            let body = json!({"channel": room, "event": "e"}).to_string();
            let answer = post(api(&server), "/v1/publish", &body).ok();
            assert_eq!(answer["subscribers"], members, "{room}");
        }
    }
}

#[test]
fn nobody_gets_anything_while_it_does_not_answer() {
    // Nothing listens there.
    let flags = [
        "--webhook-url=http://127.0.0.1:1/",
        "--allow-subscribe=*=webhook",
        "--webhook-events=subscribe",
    ];
    for server in servers(&[1, 2], &flags) {
        let mut client = Client::open(server.addr);
        client.send_text(r#"{"t":"sub","c":"x"}"#);
        assert_eq!(
            client.text(),
            r#"{"t":"err","c":"x","r":"authorization failed"}"#
        );
        assert!(server.counter("webhook_failures", r#"kind="subscribe""#) >= 1);
    }
}

/// The request() of shared-websocket clients takes for its answer whatever has the same event name.
#[test]
fn message_is_answered_with_actions_before_the_next_one_is_handled() {
    let app = AppServer::start(|call| {
        let answer = json!({"actions": [
            {"type": "join", "channel": "private:x"},
            {"type": "publish", "channel": "open", "event": "seen", "exclude": ["self"]},
            {"type": "reply", "event": call["event"], "data": {"echo": call["data"]}},
        ]});
        (200, "", answer)
    });
    let url = app.flag();
    let flags = [
        "--endpoint=/events=shared-websocket",
        "--webhook-events=message",
        "--on-message=user.*=webhook",
        "--on-message=echo=reply",
        "--on-message=news=publish-others:open",
        &url,
    ];
    for server in servers(&[1, 2], &flags) {
        let open = || {
            let mut client = Client::upgrade(server.addr, "/events");
            client.send_text(r#"{"event":"$channel:join","data":{"channel":"open"}}"#);
            client.send_text(r#"{"type":"ping"}"#);
            assert_eq!(client.text(), r#"{"type":"pong"}"#);
            client
        };
        let (mut client, mut other) = (open(), open());
        for message in [
            r#"{"event":"user.get","data":{"id":7}}"#,
            r#"{"event":"echo","data":[1, 2]}"#,
            r#"{"event":"unknown","data":1}"#,
            r#"{"event":"news","data":"n"}"#,
            r#"{"type":"ping"}"#,
        ] {
            client.send_text(message);
        }
        for answer in [
            r#"{"event":"user.get","data":{"echo":{"id":7}}}"#,
            r#"{"event":"echo","data":[1, 2]}"#,
            r#"{"type":"pong"}"#,
        ] {
            assert_eq!(client.text(), answer);
        }
        assert_eq!(other.text(), r#"{"event":"open:seen"}"#);
        assert_eq!(other.text(), r#"{"event":"open:news","data":"n"}"#);
        let body = r#"{"channel":"private:x","event":"e"}"#;
        assert_eq!(
            post(api(&server), "/v1/publish", body).ok()["subscribers"],
            1
        );
    }
    let asked = app.asked("message");
    assert_eq!(asked[0]["data"], json!({"id": 7}));
    assert!(asked.iter().all(|call| call["event"] == "user.get"));
}
