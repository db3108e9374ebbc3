//! Joining and leaving: what is asked for, what is granted, and that nobody is told.

use super::*;
use crate::engine::decider::Verdict;

fn list(event: &str, rooms: &Value) -> String {
    json!({"event": event, "data": {"rooms": rooms}}).to_string()
}

fn topics(bench: &Bench, client: Key) -> Vec<String> {
    let mut topics: Vec<String> = bench
        .shard
        .topics_of(client)
        .iter()
        .map(|t| t.to_string())
        .collect();
    topics.sort();
    topics
}

#[test]
fn everybody_is_in_the_default_rooms_and_may_leave_them() {
    let mut bench = Bench::new(config());
    let (client, _) = bench.known();
    assert_eq!(topics(&bench, client), ["ws-default", "ws-notification"]);
    assert_eq!(bench.publish(Audience::Topic, "ws-default", None), 1);
    bench.say(
        client,
        &list("leave", &json!(["ws-default", "ws-default", "never"])),
    );
    assert_eq!(topics(&bench, client), ["ws-notification"]);
    // No rule lets it come back.
    bench.say(client, &list("join", &json!(["ws-default"])));
    assert_eq!(topics(&bench, client), ["ws-notification"]);
    assert_eq!(bench.hears(client).len(), 1);
}

#[test]
fn default_rooms_are_those_of_the_operator() {
    let mut bench = Bench::new(IgnisConfig {
        default_rooms: vec!["lobby".to_owned()],
        ..config()
    });
    let (client, _) = bench.known();
    assert_eq!(topics(&bench, client), ["lobby"]);
}

#[test]
fn granted_rooms_are_joined_and_nobody_is_told() {
    let mut bench = Bench::new(config());
    let (client, _) = bench.known();
    bench.say(
        client,
        &list("join", &json!(["open1", "closed", "open2", "open1"])),
    );
    bench.say(client, &list("join", &json!(["open1"])));
    let expected = ["open1", "open2", "ws-default", "ws-notification"];
    assert_eq!(topics(&bench, client), expected);
    bench.say(client, &list("leave", &json!(["open1"])));
    bench.say(client, &list("leave", &json!(["open1"])));
    assert_eq!(topics(&bench, client), expected[1..]);
    assert_eq!(bench.hears(client), []);
}

#[test]
fn rooms_are_texts_of_1_to_256_units_that_do_not_begin_with_ws() {
    let mut bench = Bench::new(IgnisConfig {
        default_rooms: Vec::new(),
        ..config()
    });
    let (client, _) = bench.known();
    // 256 units each: of one byte, of three, and pairs of surrogates of four.
    let longest = [
        format!("open{}", "x".repeat(252)),
        format!("open{}", "€".repeat(252)),
        format!("open{}", "\u{1f600}".repeat(126)),
    ];
    let too_long = longest.clone().map(|room| format!("{room}x"));
    for room in &longest {
        assert_eq!(room.encode_utf16().count(), 256);
    }
    bench.say(client, &list("join", &json!(too_long)));
    bench.say(
        client,
        &list("join", &json!(["", 5, null, ["open"], {"open": 1}, true])),
    );
    assert_eq!(topics(&bench, client), Vec::<String>::new());
    bench.say(client, &list("join", &json!(longest)));
    assert_eq!(topics(&bench, client).len(), 3);
    // Whatever the rules say: the servers among themselves use these.
    assert!(!super::super::is_room_name("ws:room:x"));
    assert!(!super::super::is_room_name("ws:"));
    assert!(super::super::is_room_name("ws"));
}

#[test]
fn lists_of_another_shape_are_dropped() {
    let mut bench = Bench::new(config());
    let (client, _) = bench.known();
    for data in [
        "null",
        "5",
        "[]",
        "\"open\"",
        "{}",
        r#"{"rooms":null}"#,
        r#"{"rooms":"open"}"#,
        r#"{"rooms":{"0":"open","length":1}}"#,
        r#"{"rooms":7}"#,
        r#"{"rooms":true}"#,
        r#"{"rooms":[]}"#,
        r#"{"rooms":["\ud800open"]}"#,
    ] {
        for event in ["join", "leave"] {
            bench.say(client, &format!(r#"{{"event":"{event}","data":{data}}}"#));
        }
    }
    for event in ["join", "leave"] {
        bench.say(client, &format!(r#"{{"event":"{event}"}}"#));
    }
    assert_eq!(bench.hears(client), []);
    assert_eq!(topics(&bench, client).len(), 2);
}

#[test]
fn own_room_is_left_and_joined_again_while_the_client_stays_reachable() {
    let mut bench = Bench::new(config());
    let (client, id) = bench.known();
    let own = uuid(id);
    assert_eq!(bench.publish(Audience::Topic, &own, Some("1")), 1);
    bench.say(client, &list("leave", &json!([own])));
    assert_eq!(bench.publish(Audience::Topic, &own, Some("2")), 0);
    assert_eq!(bench.publish(Audience::Conn(id), "", Some("3")), 1);
    bench.say(client, &list("join", &json!([own])));
    assert_eq!(bench.publish(Audience::Topic, &own, Some("4")), 1);
    assert_eq!(bench.hears(client), [event("1"), event("3"), event("4")]);
    // The room of another client is one like any other.
    let (other, _) = bench.known();
    bench.say(other, &list("join", &json!([own])));
    assert_eq!(bench.publish(Audience::Topic, &own, None), 1);
}

/// The application may subscribe a client to the room that it is in anyway.
#[test]
fn own_room_is_heard_once_however_often_it_was_given() {
    let mut bench = Bench::new(config());
    let (client, id) = bench.known();
    let own = uuid(id);
    assert!(bench.shard.join(client, &own));
    assert_eq!(bench.publish(Audience::Topic, &own, Some("1")), 1);
    bench.say(client, &list("leave", &json!([own])));
    assert_eq!(bench.publish(Audience::Topic, &own, Some("2")), 0);
    assert!(bench.shard.join(client, &own));
    assert_eq!(bench.publish(Audience::Topic, &own, Some("3")), 1);
    assert_eq!(bench.hears(client), [event("1"), event("3")]);
}

#[test]
fn room_that_is_asked_about_holds_up_this_client_alone() {
    let mut bench = Bench::new(config());
    let (client, _) = bench.known();
    let (other, _) = bench.known();
    bench.say(client, &list("join", &json!(["ask1", "open1"])));
    bench.say(other, &list("join", &json!(["open1"])));
    assert_eq!(topics(&bench, client).len(), 2);
    assert_eq!(topics(&bench, other).len(), 3);
    let asked = bench.shard.poll_asked().expect("a question");
    let now = bench.now;
    bench
        .shard
        .handle_verdict(now, client, asked.ticket, Verdict::Allow, 0);
    assert_eq!(
        topics(&bench, client),
        ["ask1", "open1", "ws-default", "ws-notification"]
    );
    bench.say(client, &list("join", &json!(["ask2", "open2"])));
    let asked = bench.shard.poll_asked().expect("a question");
    bench
        .shard
        .handle_verdict(now, client, asked.ticket, Verdict::Fail, 0);
    assert_eq!(topics(&bench, client).len(), 5, "open2 alone");
    assert_eq!(bench.hears(client), []);
}
