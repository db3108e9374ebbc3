//! What goes out: names, and data that is there or not.

use serde_json::json;

use super::bench::{Bench, Got, join, text};
use crate::base::ids::Ulid;
use crate::dialect::shared_websocket::{EmptyData, Role};
use crate::engine::publication::Audience;

fn heard(bench: &mut Bench, topic: &str, event: &str, data: Option<&str>) -> Vec<Got> {
    let client = bench.connect();
    if !topic.is_empty() {
        bench.say(client, &join(topic));
    }
    bench.publish_to(Audience::Everyone, topic, event, data);
    bench.hears(client)
}

#[test]
fn event_is_named_by_its_channel_a_colon_and_itself() {
    for (topic, event, name) in [
        ("chat:room_1", "message", "chat:room_1:message"),
        ("x", "a:b", "x:a:b"),
        ("", "order.created", "order.created"),
        ("chat", "", "chat"),
        ("", "", "message"),
        ("a\"b", "e\n\u{1f600}", "a\\\"b:e\\n\u{1f600}"),
    ] {
        let got = heard(&mut Bench::new(), topic, event, Some("[1]"));
        let frame = format!(r#"{{"event":"{name}","data":[1]}}"#);
        assert_eq!(got, [text(&frame)]);
    }
}

#[test]
fn data_passes_as_it_was_written() {
    for data in ["{}", "0", "false", "\"\"", "[ 1 , 1e999 ]", r#""\ud800""#] {
        let got = heard(&mut Bench::new(), "x", "e", Some(data));
        assert_eq!(got, [text(&format!(r#"{{"event":"x:e","data":{data}}}"#))]);
    }
}

/// The client gives its handlers the whole frame in place of data that is null.
#[test]
fn null_is_never_sent_unless_that_is_set() {
    let object = r#"{"event":"x:e","data":{}}"#;
    let without = r#"{"event":"x:e"}"#;
    let null = r#"{"event":"x:e","data":null}"#;
    for (empty_data, for_none, for_null) in [
        (EmptyData::Omit, without, without),
        (EmptyData::Object, object, object),
        (EmptyData::Keep, without, null),
    ] {
        let mut bench = Bench::set(|settings| settings.empty_data = empty_data);
        assert_eq!(heard(&mut bench, "x", "e", None), [text(for_none)]);
        assert_eq!(heard(&mut bench, "x", "e", Some("null")), [text(for_null)]);
    }
}

/// Nor does a null that a client publishes come out as one.
#[test]
fn null_of_another_client_is_not_sent_either() {
    let mut bench = Bench::new();
    let client = bench.connect();
    bench.say(client, &join("chat"));
    let got = bench.ask(client, r#"{"event":"chat:e","data": null }"#);
    assert_eq!(got, [text(r#"{"event":"chat:e"}"#)]);
}

#[test]
fn users_connections_and_everyone_get_bare_events() {
    let mut bench = Bench::new();
    let (client, other) = (bench.connect(), bench.connect());
    bench.log_in(client, "u1", None);
    bench.log_in(other, "u2", None);
    bench.say(client, &join("ask"));
    let id = bench.shard.poll_asked().expect("a question").id;
    let id = Ulid::parse(id.as_bytes()).expect("the client knows it so");
    for (audience, others) in [
        (Audience::User("u1"), 0),
        (Audience::Conn(id), 0),
        (Audience::Everyone, 1),
    ] {
        bench.publish_to(audience, "", "notification", Some("{}"));
        let got = [text(r#"{"event":"notification","data":{}}"#)];
        assert_eq!(bench.hears(client), got);
        assert_eq!(bench.hears(other).len(), others, "{audience:?}");
    }
    assert_eq!(bench.publish_to(Audience::Conn(Ulid(3)), "", "e", None), 0);
}

#[test]
fn fields_are_called_as_is_set() {
    let mut bench = Bench::set(|settings| {
        settings.names.set(Role::EventField, "e\"");
        settings.names.set(Role::DataField, "payload");
        settings.names.set(Role::DefaultEvent, "*");
    });
    let got = heard(&mut bench, "x", "y", Some("1"));
    assert_eq!(got, [text(r#"{"e\"":"x:y","payload":1}"#)]);
    let got = heard(&mut bench, "", "", Some("1"));
    assert_eq!(got, [text(r#"{"e\"":"*","payload":1}"#)]);
}

/// The client resolves a pending request with whatever frame has a `requestId` at its top.
#[test]
fn frames_have_no_key_but_event_and_data() {
    let mut bench = Bench::new();
    let client = bench.connect();
    let mut all = heard(&mut bench, "x", "e", Some(r#"{"requestId":1}"#));
    // What went to everyone is in there as well.
    all.extend(bench.ask(client, r#"{"event":"echo","requestId":"7","data":{}}"#));
    all.extend(bench.ask(client, &join("private:x")));
    assert_eq!(all.len(), 4);
    for got in all {
        let Got::Text(frame) = got else {
            panic!("{got:?}");
        };
        let frame: serde_json::Value = serde_json::from_str(&frame).expect("JSON");
        let keys: Vec<&String> = frame.as_object().expect("an object").keys().collect();
        assert_eq!(json!(keys), json!(["data", "event"]));
    }
}
