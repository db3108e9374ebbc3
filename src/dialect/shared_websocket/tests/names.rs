//! Everything by another name, and the flat form.

use super::bench::{Bench, identity, refused, text};
use crate::dialect::shared_websocket::{FrameShape, Names, Role, Settings};
use crate::engine::decider::Proof;
use crate::engine::door::Door;

fn flat() -> Bench {
    Bench::with(Settings::new(FrameShape::Flat), Door::default(), 10)
}

#[test]
fn every_request_is_known_by_the_name_that_is_set_and_by_no_other() {
    let mut bench = Bench::set(|settings| {
        for (role, name) in [
            (Role::EventField, "op"),
            (Role::DataField, "d"),
            (Role::ChannelJoin, "join"),
            (Role::ChannelLeave, "leave"),
            (Role::TopicSubscribe, "sub"),
            (Role::TopicUnsubscribe, "unsub"),
            (Role::AuthLogin, "login"),
            (Role::AuthLogout, "logout"),
            (Role::AuthRevoked, "revoked"),
            (Role::AuthOk, "welcome"),
            (Role::Error, "oops"),
        ] {
            settings.names.set(role, name);
        }
    });
    let client = bench.connect();
    for (message, topics) in [
        (r#"{"op":"join","d":{"channel":"a"}}"#, &["a"][..]),
        (r#"{"op":"sub","d":{"topic":"b"}}"#, &["a", "b"]),
        (r#"{"op":"leave","d":{"channel":"a"}}"#, &["b"]),
        (r#"{"op":"unsub","d":{"topic":"b"}}"#, &[]),
        (r#"{"op":"$channel:join","d":{"channel":"a"}}"#, &[]),
        (r#"{"event":"join","data":{"channel":"a"}}"#, &[]),
    ] {
        assert_eq!(bench.ask(client, message), [], "{message}");
        assert_eq!(bench.topics(client), topics, "{message}");
    }
    let refusal = r#"{"op":"oops","d":{"message":"Authentication required","channel":"user:1"}}"#;
    let message = r#"{"op":"join","d":{"channel":"user:1"}}"#;
    assert_eq!(bench.ask(client, message), [text(refusal)]);
    bench.say(client, r#"{"op":"login","d":{"token":"t"}}"#);
    let known = identity("u1", None, bench.now);
    bench.prove(&Proof::Accepted(known));
    let ok = r#"{"op":"welcome","d":{"userId":"u1"}}"#;
    assert_eq!(bench.hears(client), [text(ok)]);
    bench.say(client, r#"{"op":"login","d":{"token":"t"}}"#);
    bench.prove(&Proof::Rejected);
    let revoked = r#"{"op":"revoked","d":{"reason":"invalid_token"}}"#;
    assert_eq!(bench.hears(client), [text(revoked)]);
}

#[test]
fn flat_frames_say_by_their_type_what_they_are() {
    let mut bench = flat();
    let client = bench.connect();
    for (message, topics) in [
        (r#"{"type":"subscribe","channel":"chat"}"#, &["chat"][..]),
        (r#"{"type":"subscribe","channel":"chat"}"#, &["chat"]),
        (r#"{"type":"topic.subscribe","topic":"t"}"#, &["chat", "t"]),
        (r#"{"type":"unsubscribe","channel":"chat"}"#, &["t"]),
        (r#"{"type":"topic.unsubscribe","topic":"t"}"#, &[]),
    ] {
        assert_eq!(bench.ask(client, message), [], "{message}");
        assert_eq!(bench.topics(client), topics, "{message}");
    }
    let refusal = [refused("Authentication required", "user:1")];
    let message = r#"{"type":"subscribe","channel":"user:1"}"#;
    assert_eq!(bench.ask(client, message), refusal);
}

/// The credentials are the whole frame, where the token stands as it does in data otherwise.
#[test]
fn flat_login_and_logout_are_known() {
    let mut bench = flat();
    let client = bench.connect();
    let login = r#"{"type":"auth","token":"t"}"#;
    bench.say(client, login);
    let known = identity("u1", None, bench.now);
    assert_eq!(bench.prove(&Proof::Accepted(known)), login);
    bench.say(client, r#"{"type":"subscribe","channel":"user:u1"}"#);
    assert_eq!(bench.topics(client), ["user:u1"]);
    assert_eq!(bench.ask(client, r#"{"type":"logout"}"#), []);
    assert_eq!(bench.topics(client), [""; 0]);
}

#[test]
fn flat_event_names_its_channel_in_a_field() {
    let mut bench = flat();
    let client = bench.connect();
    bench.say(client, r#"{"type":"subscribe","channel":"chat:1"}"#);
    let sent = text(r#"{"event":"chat:1:e","data":1}"#);
    for message in [
        r#"{"type":"event","channel":"chat:1","event":"e","data":1}"#,
        r#"{"type":"event","event":"chat:1:e","data":1}"#,
        r#"{"type":"e","channel":"chat:1","data":1}"#,
        r#"{"event":"chat:1:e","data":1}"#,
    ] {
        assert_eq!(
            bench.ask(client, message),
            std::slice::from_ref(&sent),
            "{message}"
        );
    }
    // Not joined, so it is for the application: by the name that it has everywhere else.
    let elsewhere = r#"{"type":"event","channel":"echo","event":"e","data":1}"#;
    let answer = text(r#"{"event":"echo:e","data":1}"#);
    assert_eq!(bench.ask(client, elsewhere), [answer]);
    let bare = r#"{"type":"event","event":"echo","data":1}"#;
    let answer = text(r#"{"event":"echo","data":1}"#);
    assert_eq!(bench.ask(client, bare), [answer]);
}

#[test]
fn two_requests_of_one_name_are_found() {
    let mut names = Names::new(FrameShape::TwoKeys);
    assert_eq!(names.clash(), None);
    assert_eq!(Names::new(FrameShape::Flat).clash(), None);
    names.set(Role::Error, "$auth:login");
    assert_eq!(names.clash(), None, "the server says it, not the client");
    names.set(Role::TopicSubscribe, "$channel:leave");
    let clash = (Role::ChannelLeave, Role::TopicSubscribe);
    assert_eq!(names.clash(), Some(clash));
    names.set(Role::DataField, "event");
    let clash = (Role::EventField, Role::DataField);
    assert_eq!(names.clash(), Some(clash));
}

#[test]
fn roles_stand_in_the_order_of_their_names() {
    for (index, role) in Role::ALL.into_iter().enumerate() {
        assert_eq!(role as usize, index);
        assert_eq!(Role::from_name(role.as_str()), Some(role));
    }
    assert_eq!(Role::from_name("event"), None);
}
