//! Goal: what an app server sends to connections, does to them and asks about them concerns exactly
//! those that are meant, on every shard.
//! Method: some clients on each of one and two shards, each of which knows its own id.

use serde_json::{Value, json};

use super::api;
use super::support::client::Client;
use super::support::http::{get, post};
use super::support::{Server, servers};

/// More than enough for the kernel to give each of two shards some.
const CLIENTS: usize = 16;

fn clients(server: &Server) -> Vec<(String, Client)> {
    let open = |_| Client::open_with_id(server.addr);
    (0..CLIENTS).map(open).collect()
}

fn send(server: &Server, body: Value) -> Value {
    post(api(server), "/v1/send", &body.to_string()).ok()
}

#[test]
fn send_reaches_those_meant_and_nobody_else() {
    for server in servers(&[1, 2], &[]) {
        let mut clients = clients(&server);
        let ids: Vec<String> = clients.iter().map(|(id, _)| id.clone()).collect();
        for (id, client) in &mut clients {
            let body =
                json!({"to": {"connection": id}, "channel": "you", "event": "e", "data": null});
            let answer = send(&server, body);
            assert_eq!(answer["subscribers"], 1);
            let number = answer["id"].as_str().expect("a new id");
            let frame = format!(r#"{{"t":"msg","c":"you","e":"e","d":null,"i":"{number}"}}"#);
            assert_eq!(client.text(), frame);
        }
        clients[0].1.subscribe("c");
        clients[1].1.subscribe("c");
        for (to, exclude, reached) in [
            (json!({"all": true}), vec![], CLIENTS),
            (json!({"all": true}), vec![&ids[0], &ids[5]], CLIENTS - 2),
            (json!({"channel": "c"}), vec![], 2),
            (json!({"channel": "c"}), vec![&ids[0], &ids[9]], 1),
            (json!({"channel": "nobody"}), vec![], 0),
            (json!({"user": "nobody"}), vec![], 0),
            (json!({"user": ""}), vec![], 0),
            (json!({"connection": "no id"}), vec![], 0),
            (json!({"all": false}), vec![], 0),
            (json!({"connection": ids[3]}), vec![&ids[3]], 0),
            (
                json!({"connection": "01M7W7FG1995BEJN09TH3ZZT04"}),
                vec![],
                0,
            ),
        ] {
            let body = json!({"to": to, "exclude": exclude, "event": "e", "id": "x"});
            assert_eq!(
                send(&server, body.clone())["subscribers"],
                reached,
                "{body}"
            );
        }
        let texts = |channel: &str, event| {
            format!(r#"{{"t":"msg","c":"{channel}","e":"{event}","i":"x"}}"#)
        };
        for (index, (id, client)) in clients.iter_mut().enumerate() {
            let end = json!({"to": {"connection": id}, "event": "end", "id": "x"});
            send(&server, end);
            let mut expected = vec![texts("", "e")];
            if ![0, 5].contains(&index) {
                expected.push(texts("", "e"));
            }
            expected.extend(vec![
                texts("c", "e");
                [1, 2].get(index).copied().unwrap_or(0)
            ]);
            expected.push(texts("", "end"));
            for text in expected {
                assert_eq!(client.text(), text, "client {index}");
            }
        }
    }
}

#[test]
fn membership_on_behalf_is_like_any_other() {
    for server in servers(&[1, 2], &[]) {
        let mut clients = clients(&server);
        for (id, _) in &clients {
            // The rules for clients are not asked.
            let body = json!({"who": {"connection": id}, "channel": "private-x"}).to_string();
            for _ in 0..2 {
                let answer = post(api(&server), "/v1/subscribe", &body).ok();
                assert_eq!(answer["connections"], 1);
            }
        }
        let publication = r#"{"channel":"private-x","event":"e","id":"x"}"#;
        let answer = post(api(&server), "/v1/publish", publication).ok();
        assert_eq!(answer["subscribers"], CLIENTS);
        for (id, client) in &mut clients {
            assert_eq!(
                client.text(),
                r#"{"t":"msg","c":"private-x","e":"e","i":"x"}"#
            );
            let body = json!({"who": {"connection": id}, "channel": "private-x"}).to_string();
            post(api(&server), "/v1/unsubscribe", &body).ok();
        }
        let answer = post(api(&server), "/v1/publish", publication).ok();
        assert_eq!(answer["subscribers"], 0);
    }
}

#[test]
fn disconnect_closes_with_the_code_it_is_given() {
    for server in servers(&[1, 2], &[]) {
        let mut clients = clients(&server);
        for (extra, code) in [
            (json!({}), 1001),
            (json!({"code": 4321}), 4321),
            (json!({"code": 1008, "reason": "go"}), 1008),
        ] {
            let (id, mut client) = clients.pop().expect("enough");
            let mut body = json!({"who": {"connection": id}});
            body.as_object_mut()
                .expect("an object")
                .extend(extra.as_object().expect("an object").clone());
            let answer = post(api(&server), "/v1/disconnect", &body.to_string()).ok();
            assert_eq!(answer["connections"], 1);
            client.expect_close(code);
            let again = post(api(&server), "/v1/disconnect", &body.to_string());
            assert_eq!(
                (again.status, &again.json()["error"]),
                (404, &json!("unknown_connection"))
            );
        }
        for (_, client) in &mut clients {
            client.expect_nothing_unread();
        }
        assert_eq!(server.counter("closed", "kicked"), 3);
    }
}

#[test]
fn connections_are_listed_page_by_page_and_one_by_one() {
    for server in servers(&[1, 2], &[]) {
        let mut clients = clients(&server);
        clients[3].1.subscribe("b");
        clients[3].1.subscribe("a");
        let mut ids: Vec<String> = clients.iter().map(|(id, _)| id.clone()).collect();
        ids.sort_unstable();

        let mut listed: Vec<String> = Vec::new();
        loop {
            let after = listed.last().cloned().unwrap_or_default();
            let page = get(
                api(&server),
                &format!("/v1/connections?limit=5&after={after}"),
            )
            .ok();
            for conn in page["connections"].as_array().expect("a list") {
                assert_eq!(conn["endpoint"], "/_broadcast");
                listed.push(conn["id"].as_str().expect("an id").to_owned());
            }
            if page["more"] == false {
                break;
            }
            assert_eq!(listed.len() % 5, 0);
        }
        assert_eq!(listed, ids);

        let one = get(api(&server), &format!("/v1/connections/{}", clients[3].0)).ok();
        assert_eq!(one["channels"], json!(["a", "b"]));
        assert_eq!(one["subscriptions"], 2);
        let channel = get(api(&server), "/v1/channels/a").ok();
        assert_eq!(channel["members"][0]["id"], json!(clients[3].0));
        assert_eq!(
            (&channel["subscribers"], &channel["more"]),
            (&json!(1), &json!(false))
        );
        let nobody = get(api(&server), "/v1/users/nobody").ok();
        assert_eq!(nobody["connections"], json!([]));
        for (path, status) in [
            ("/v1/connections/01M7W7FG1995BEJN09TH3ZZT04", 404),
            ("/v1/connections/x", 404),
            ("/v1/connections?limit=0", 400),
        ] {
            assert_eq!(get(api(&server), path).status, status, "{path}");
        }
    }
}

#[test]
fn wrong_requests_are_refused_by_name() {
    for server in servers(&[1], &[]) {
        let (id, _client) = Client::open_with_id(server.addr);
        let long = "x".repeat(124);
        let many = vec![id.as_str(); 101];
        for (path, body, word) in [
            ("send", json!({"event": "e"}), "to"),
            (
                "send",
                json!({"to": {"all": true, "user": "u"}, "event": "e"}),
                "to",
            ),
            ("send", json!({"to": {"all": true}, "event": ""}), "event"),
            (
                "send",
                json!({"to": {"all": true}, "event": "e", "exclude": many}),
                "100",
            ),
            ("subscribe", json!({"who": {"connection": id}}), "channel"),
            (
                "subscribe",
                json!({"who": {"connection": id}, "channel": ""}),
                "channel",
            ),
            ("unsubscribe", json!({"channel": "c"}), "who"),
            (
                "disconnect",
                json!({"who": {"connection": id}, "code": 1005}),
                "1005",
            ),
            (
                "disconnect",
                json!({"who": {"connection": id}, "reason": "r"}),
                "code",
            ),
            (
                "disconnect",
                json!({"who": {"connection": id}, "code": 4000, "reason": long}),
                "123",
            ),
            (
                "revoke",
                json!({"who": {"user": "u"}, "reason": ""}),
                "reason",
            ),
        ] {
            let answer = post(api(&server), &format!("/v1/{path}"), &body.to_string());
            assert_eq!(answer.status, 400, "{path} {body}: {answer:?}");
            let message = answer.json()["message"].to_string();
            assert!(message.contains(word), "{path} {body}: {message}");
        }
    }
}

#[test]
fn same_idempotency_key_publishes_once() {
    for server in servers(&[1, 2], &[]) {
        let mut subscriber = Client::open(server.addr);
        subscriber.subscribe("c");
        let body = r#"{"channel":"c","event":"e","idempotency_key":"k1"}"#;
        let first = post(api(&server), "/v1/publish", body).ok();
        let again = post(api(&server), "/v1/publish", body).ok();
        assert_eq!(first, again);
        let other = r#"{"channel":"c","event":"other","idempotency_key":"k1"}"#;
        let refused = post(api(&server), "/v1/publish", other);
        assert_eq!(
            (refused.status, &refused.json()["error"]),
            (409, &json!("key_reused"))
        );
        let batch = r#"{"publications":[{"channel":"c","event":"e","idempotency_key":"k1"},
            {"channel":"c","event":"e","idempotency_key":"k2"}]}"#;
        let results = post(api(&server), "/v1/publish/batch", batch).ok()["results"].clone();
        assert_eq!(results[0], first);
        assert_ne!(results[1]["id"], first["id"]);
        for id in [&first["id"], &results[1]["id"]] {
            let frame = format!(r#"{{"t":"msg","c":"c","e":"e","i":{id}}}"#);
            assert_eq!(subscriber.text(), frame);
        }
        subscriber.expect_nothing_unread();
    }
}
