//! Goal: what an app server answers to a message is done as it is written: to whom, in which order,
//! and to nobody else.
//! Method: clients of one room on each of one and two shards; messages that name the action which the
//! app server then asks for.

use serde_json::{Value, json};

use super::api;
use super::support::app_server::AppServer;
use super::support::client::Client;
use super::support::http::{get, post};
use super::support::{Server, servers};

const PATH: &str = "/ws";

const FLAGS: [&str; 4] = [
    "--endpoint=/ws=ignis",
    "--on-message=do=webhook",
    "--webhook-events=authenticate",
    "--webhook-events=message",
];

/// Does what the message itself says.
fn obedient() -> AppServer {
    AppServer::start(|call| match call["type"].as_str() {
        Some("authenticate") => (200, "", json!({"userId": call["data"]["user"]})),
        _ => (200, "", json!({"actions": call["data"]})),
    })
}

struct Member {
    client: Client,
    id: String,
    user: &'static str,
}

/// A client that is known as this user, and is in the room `ws-default` as all are.
fn member(server: &Server, user: &'static str) -> Member {
    let mut client = Client::upgrade(server.addr, PATH);
    client.send_text(&json!({"event": "authenticate", "data": {"user": user}}).to_string());
    let connected: Value = serde_json::from_str(&client.text()).expect("JSON");
    let id = connected["data"]["id"].as_str().expect("an id").to_owned();
    Member { client, id, user }
}

/// Has the first member's message answered with these actions; what everybody has heard of them. What
/// one connection has sent arrives in order everywhere, so its next message tells that this is all.
fn done(members: &mut [Member], actions: &Value) -> Vec<Vec<String>> {
    let end = json!([{"type": "send", "to": {"all": true}, "event": "end"}]);
    for actions in [actions, &end] {
        let message = json!({"event": "do", "data": actions}).to_string();
        members[0].client.send_text(&message);
    }
    let heard = |member: &mut Member| {
        let names = std::iter::from_fn(|| Some(name_of(&member.client.text())));
        names.take_while(|name| name != "end").collect()
    };
    members.iter_mut().map(heard).collect()
}

fn name_of(text: &str) -> String {
    let frame: Value = serde_json::from_str(text).expect("JSON");
    frame["event"].as_str().expect("an event").to_owned()
}

#[test]
fn each_action_reaches_those_whom_it_names() {
    let app = obedient();
    let url = app.flag();
    let flags = [&FLAGS[..], &[&url]].concat();
    for server in servers(&[1, 2], &flags) {
        let mut members: Vec<Member> = ["u1", "u2", "u2", "u3"]
            .into_iter()
            .map(|user| member(&server, user))
            .collect();
        let ids: Vec<String> = members.iter().map(|member| member.id.clone()).collect();
        let given = json!({"who": {"connection": ids[2]}, "channel": "given"});
        post(api(&server), "/v1/subscribe", &given.to_string()).ok();
        let send = |to: Value, exclude: Value| {
            json!([{"type": "send", "to": to,
                "event": "e", "exclude": exclude}])
        };
        let room = json!({"channel": "ws-default"});
        for (actions, reached) in [
            (json!([{"type": "reply", "event": "e"}]), [1, 0, 0, 0]),
            (send(json!({"user": "u2"}), json!([])), [0, 1, 1, 0]),
            (send(json!({"user": "u2"}), json!([ids[1]])), [0, 0, 1, 0]),
            (send(json!({"user": "nobody"}), json!([])), [0; 4]),
            (send(json!({"connection": ids[3]}), json!([])), [0, 0, 0, 1]),
            (send(json!({"connection": "no id"}), json!([])), [0; 4]),
            (send(json!({"all": true}), json!([])), [1; 4]),
            (send(json!({"all": true}), json!(["self"])), [0, 1, 1, 1]),
            (send(room.clone(), json!(["self", ids[2]])), [0, 1, 0, 1]),
            (send(room, json!([])), [1; 4]),
            (send(json!({"channel": "given"}), json!([])), [0, 0, 1, 0]),
            (send(json!({"channel": "none"}), json!([])), [0; 4]),
            (
                json!([{"type": "publish", "channel": "ws-default", "event": "e",
                    "exclude": [ids[1]]}]),
                [1, 0, 1, 1],
            ),
            // If one action is wrong, none is done.
            (
                json!([{"type": "reply", "event": "e"}, {"type": "dance"}]),
                [0; 4],
            ),
        ] {
            let heard = done(&mut members, &actions);
            let counts: Vec<usize> = heard.iter().map(Vec::len).collect();
            assert_eq!(counts, reached, "{actions}");
        }
        let asked = app.asked("message");
        assert!(asked.iter().all(|call| call["user"] == members[0].user));
        assert!(asked.iter().all(|call| call["event"] == "do"));
    }
}

#[test]
fn actions_are_done_in_their_order_up_to_the_end_of_the_connection() {
    let app = obedient();
    let url = app.flag();
    let flags = [&FLAGS[..], &[&url]].concat();
    for server in servers(&[1, 2], &flags) {
        let mut members = vec![member(&server, "u1"), member(&server, "u2")];
        let publish = |event| json!({"type": "publish", "channel": "given", "event": event});
        let actions = json!([
            {"type": "reply", "event": "1"},
            publish("before"),
            {"type": "join", "channel": "given"},
            publish("2"),
            {"type": "leave", "channel": "given"},
            publish("behind"),
            {"type": "join", "channel": "kept"},
            {"type": "reply", "event": "3"},
        ]);
        assert_eq!(done(&mut members, &actions)[0], ["1", "2", "3"]);
        let conn = get(api(&server), &format!("/v1/connections/{}", members[0].id)).ok();
        assert_eq!(
            conn["channels"],
            json!(["kept", "ws-default", "ws-notification"])
        );
        let last = json!([
            {"type": "reply", "event": "4"},
            {"type": "close", "code": 4321, "reason": "enough"},
            {"type": "reply", "event": "5"},
            {"type": "publish", "channel": "ws-default", "event": "6"},
        ]);
        let message = json!({"event": "do", "data": last}).to_string();
        members[0].client.send_text(&message);
        assert_eq!(name_of(&members[0].client.text()), "4");
        members[0].client.expect_close(4321);
        let end = json!({"to": {"all": true}, "event": "end"}).to_string();
        assert_eq!(post(api(&server), "/v1/send", &end).ok()["subscribers"], 1);
        assert_eq!(name_of(&members[1].client.text()), "end");
    }
}
