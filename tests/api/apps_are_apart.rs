//! Goal: what is asked and done in one app concerns nobody in another, even of the same user; and what
//! is counted is what was done.
//! Method: a user's connections in three apps, each of another dialect, on one and two shards.

use std::time::{SystemTime, UNIX_EPOCH};

use serde_json::{Value, json};

use super::api;
use super::support::client::{Client, Incoming, request};
use super::support::http::{get, post};
use super::support::token::{KEY_FLAG, token_of};
use super::support::{Server, servers};

const FLAGS: [&str; 6] = [
    "--endpoint=/one=strav",
    "--endpoint=/two=ignis",
    "--endpoint=/three=shared-websocket",
    "--max-subscriptions=4",
    "--max-message-bytes=4KiB",
    KEY_FLAG,
];

fn call(server: &Server, path: &str, body: &Value) -> Value {
    post(api(server), path, &body.to_string()).ok()
}

/// One connection of the user in each app.
fn clients(server: &Server, user: &str) -> [Client; 3] {
    let plain = String::from_utf8(request("/one")).expect("text");
    let plain = plain.strip_suffix("\r\n").expect("an empty line");
    let token = token_of(user);
    let mut one = Client::tcp(server.addr);
    one.send_raw(format!("{plain}Authorization: Bearer {token}\r\n\r\n").as_bytes());
    one.expect_upgrade();
    assert!(one.text().starts_with(r#"{"t":"welcome""#));
    let mut two = Client::upgrade(server.addr, "/two");
    let data = json!({"token": token});
    two.send_text(&json!({"event": "authenticate", "data": data}).to_string());
    assert!(two.text().starts_with(r#"{"event":"connected""#));
    let mut three = Client::upgrade(server.addr, "/three");
    three.send_text(&json!({"event": "$auth:login", "data": data}).to_string());
    three.expect_pong();
    three.send_text(r#"{"type":"ping"}"#);
    assert_eq!(three.text(), r#"{"type":"pong"}"#);
    [one, two, three]
}

fn ids(server: &Server, path: &str) -> Vec<String> {
    let page = get(api(server), path).ok();
    let conns = page["connections"].as_array().expect("a list").iter();
    conns
        .map(|conn| conn["id"].as_str().expect("an id").to_owned())
        .collect()
}

#[test]
fn user_of_several_apps_is_reached_in_the_one_that_is_named() {
    for server in servers(&[1, 2], &FLAGS) {
        let mut clients = clients(&server, "u1");
        let since = SystemTime::now().duration_since(UNIX_EPOCH);
        let since_ms = since.expect("after 1970").as_millis() as u64;
        for (index, app) in ["/one", "/two", "/three"].into_iter().enumerate() {
            let user = get(api(&server), &format!("/v1/users/u1?app={app}")).ok();
            assert_eq!(user["connections"].as_array().map(Vec::len), Some(1));
            assert_eq!(user["connections"][0]["endpoint"], app);
            let accepted_ms = user["connections"][0]["accepted_at"].as_u64();
            assert!((since_ms - 60_000..=since_ms).contains(&accepted_ms.expect("a number")));
            assert_eq!(
                ids(&server, &format!("/v1/connections?app={app}")),
                ids(&server, &format!("/v1/users/u1?app={app}"))
            );
            // As many as there are is not more.
            let page = get(api(&server), &format!("/v1/connections?app={app}&limit=1")).ok();
            assert_eq!(page["more"], false);

            let to_user = json!({"app": app, "to": {"user": "u1"}, "event": "hello"});
            assert_eq!(call(&server, "/v1/send", &to_user)["subscribers"], 1);
            let (id, who) = (
                ids(&server, &format!("/v1/users/u1?app={app}")).remove(0),
                json!({"user": "u1"}),
            );
            let to_conn = json!({"to": {"connection": id}, "event": "hello"});
            assert_eq!(call(&server, "/v1/send", &to_conn)["subscribers"], 1);
            for (path, members) in [("subscribe", [1, 0]), ("unsubscribe", [0, 0])] {
                let body = json!({"app": app, "who": who, "channel": "given"});
                let path = format!("/v1/{path}");
                assert_eq!(call(&server, &path, &body)["connections"], 1);
                let others = ["/one", "/two", "/three"].map(|other| {
                    let body = json!({"app": other, "channel": "given", "event": "e"});
                    call(&server, "/v1/publish", &body)["subscribers"].as_u64()
                });
                let expected = [0, 1, 2].map(|at| Some(members[usize::from(at != index)]));
                assert_eq!(others, expected, "{path} {app}");
            }
            for _ in 0..2 {
                assert!(clients[index].text().contains("hello"));
            }
            assert!(clients[index].text().contains("given") || index == 1);
        }
        let [mut one, mut two, mut three] = clients;
        let revoke = |app: &str| {
            let body = json!({"app": app, "who": {"user": "u1"}, "reason": "account_suspended"});
            assert_eq!(call(&server, "/v1/revoke", &body)["connections"], 1);
        };
        revoke("/three");
        let told = r#"{"event":"$auth:revoked","data":{"reason":"account_suspended"}}"#;
        assert_eq!(three.text(), told);
        revoke("/two");
        assert!(two.text().contains("Authentication failed"));
        two.expect_close(4003);
        one.expect_pong();
        three.expect_pong();

        let [_one, mut two, mut three] = self::clients(&server, "u2");
        let longest = "x".repeat(123);
        let body = json!({"app": "/three", "who": {"user": "u2"}, "code": 4000, "reason": longest});
        assert_eq!(call(&server, "/v1/disconnect", &body)["connections"], 1);
        assert_eq!(three.incoming(), Incoming::Close(Some(4000), longest));
        three.answer_close(4000);
        two.expect_pong();
    }
}

#[test]
fn those_are_counted_to_whom_it_was_done() {
    for server in servers(&[1, 2], &FLAGS) {
        let mut one = clients(&server, "u1");
        let mut other = clients(&server, "u1");
        for channel in ["a", "b", "c", "d"] {
            one[0].subscribe(channel);
        }
        let subscribe = |channel: &str| {
            let body = json!({"who": {"user": "u1"}, "channel": channel});
            call(&server, "/v1/subscribe", &body)["connections"].clone()
        };
        assert_eq!((subscribe("a"), subscribe("e")), (json!(2), json!(1)));
        let full = ids(&server, "/v1/users/u1").into_iter().find(|id| {
            let conn = get(api(&server), &format!("/v1/connections/{id}")).ok();
            conn["subscriptions"] == 4
        });
        let body = json!({"who": {"connection": full.expect("one of them")}, "channel": "e"});
        assert_eq!(call(&server, "/v1/subscribe", &body)["connections"], 0);
        let body = json!({"channel": "e", "event": "e"});
        assert_eq!(call(&server, "/v1/publish", &body)["subscribers"], 1);
        assert_eq!(other[0].event().channel, "e");
    }
}

#[test]
fn idempotency_key_belongs_to_one_request_of_one_app() {
    for server in servers(&[1, 2], &FLAGS) {
        let mut clients = clients(&server, "u1");
        let ids = ["/one", "/two"].map(|app| ids(&server, &format!("/v1/users/u1?app={app}")));
        let send = |change: Value| {
            let mut body = json!({"to": {"user": "u1"}, "event": "e", "data": 1, "channel": "c",
                "idempotency_key": "k"});
            for (name, value) in change.as_object().expect("an object") {
                body[name] = value.clone();
            }
            post(api(&server), "/v1/send", &body.to_string())
        };
        let first = send(json!({})).ok();
        assert_eq!(first["subscribers"], 1);
        assert_eq!(send(json!({})).ok(), first);
        for other in [
            json!({"data": 2}),
            json!({"data": null}),
            json!({"event": "f"}),
            json!({"id": "mine"}),
            json!({"channel": "d"}),
            json!({"exclude": ids[0]}),
            json!({"to": {"user": "u2"}}),
            json!({"to": {"connection": ids[0][0]}}),
            json!({"to": {"all": true}}),
        ] {
            let answer = send(other.clone());
            assert_eq!(answer.status, 409, "{other}");
        }
        let elsewhere = send(json!({"app": "/two"})).ok();
        assert_eq!(elsewhere["subscribers"], 1);
        assert_ne!(elsewhere["id"], first["id"]);
        clients[0].event();
        clients[0].expect_pong();
        assert_eq!(clients[1].text(), r#"{"event":"e","data":1}"#);
        clients[1].expect_pong();
    }
}

#[test]
fn bounds_of_what_is_sent_are_inclusive_and_count_the_channel() {
    for server in servers(&[1], &FLAGS) {
        let mut clients = clients(&server, "u1");
        let nobody = vec!["01M7W7FG1995BEJN09TH3ZZT04"; 100];
        for (channel_len, bytes, status) in
            [(1_000, 4_096, 200), (1_000, 4_097, 413), (0, 4_096, 200)]
        {
            // Beside these: a byte of id, two of the event, two quotes.
            let data = "d".repeat(bytes - channel_len - 5);
            let body = json!({"to": {"user": "u1"}, "exclude": nobody, "id": "x", "event": "ev",
                "channel": "c".repeat(channel_len), "data": data});
            let answer = post(api(&server), "/v1/send", &body.to_string());
            assert_eq!(answer.status, status, "{channel_len} {bytes} {answer:?}");
        }
        for _ in 0..2 {
            assert!(clients[0].text().starts_with(r#"{"t":"msg","c":""#));
        }
        clients[0].expect_pong();
    }
}
