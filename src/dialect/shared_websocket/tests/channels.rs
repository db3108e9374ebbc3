//! Joining and leaving, and events that name a channel.

use super::bench::{Bench, join, refused, text};
use crate::engine::decider::Verdict;

const CHANNEL_JOIN: &str = r#"{"event":"$channel:join","data":{"channel":"x"}}"#;
const CHANNEL_LEAVE: &str = r#"{"event":"$channel:leave","data":{"channel":"x"}}"#;
const TOPIC_SUBSCRIBE: &str = r#"{"event":"$topic:subscribe","data":{"topic":"x"}}"#;
const TOPIC_UNSUBSCRIBE: &str = r#"{"event":"$topic:unsubscribe","data":{"topic":"x"}}"#;

#[test]
fn memberships_are_a_set_and_nothing_is_answered() {
    let mut bench = Bench::new();
    let client = bench.connect();
    // One handle leaves, another one was joined: the server counts nothing.
    for message in [CHANNEL_JOIN, CHANNEL_JOIN, TOPIC_SUBSCRIBE] {
        assert_eq!(bench.ask(client, message), []);
        assert_eq!(bench.topics(client), ["x"]);
    }
    for message in [CHANNEL_LEAVE, CHANNEL_LEAVE, TOPIC_UNSUBSCRIBE] {
        assert_eq!(bench.ask(client, message), []);
        assert_eq!(bench.topics(client), [""; 0]);
    }
    assert_eq!(bench.shard.stats().messages_ignored, 0);
}

#[test]
fn channels_and_topics_are_one_name_space() {
    for (enter, leave) in [
        (CHANNEL_JOIN, TOPIC_UNSUBSCRIBE),
        (TOPIC_SUBSCRIBE, CHANNEL_LEAVE),
    ] {
        let mut bench = Bench::new();
        let client = bench.connect();
        bench.say(client, enter);
        assert_eq!(bench.publish("x", "e", None), 1);
        bench.say(client, leave);
        assert_eq!(bench.publish("x", "e", None), 0);
    }
}

#[test]
fn joined_is_told_where_it_has_a_name() {
    use crate::dialect::shared_websocket::Role;
    let mut bench = Bench::set(|settings| {
        settings.names.set(Role::ChannelJoined, "$channel:joined");
    });
    let client = bench.connect();
    let ack = text(r#"{"event":"$channel:joined","data":{"channel":"x"}}"#);
    for message in [CHANNEL_JOIN, CHANNEL_JOIN, TOPIC_SUBSCRIBE] {
        assert_eq!(bench.ask(client, message), std::slice::from_ref(&ack));
    }
    assert_eq!(bench.ask(client, CHANNEL_LEAVE), []);
    let refusal = [refused("Authentication required", "private:x")];
    assert_eq!(bench.ask(client, &join("private:x")), refusal);
}

#[test]
fn gated_names_are_refused_without_a_close_and_open_ones_are_not() {
    let mut bench = Bench::new();
    let client = bench.connect();
    for name in ["private:x", "user:7", "notifications:orders"] {
        let refusal = refused("Authentication required", name);
        assert_eq!(
            bench.ask(client, &join(name)),
            std::slice::from_ref(&refusal)
        );
        let topic = join(name).replace("$channel:join", "$topic:subscribe");
        let topic = topic.replace(r#""channel":"#, r#""topic":"#);
        assert_eq!(bench.ask(client, &topic), [refusal]);
    }
    for name in ["x", "private-x", "users", "a private:x"] {
        assert_eq!(bench.ask(client, &join(name)), [], "{name}");
    }
    assert_eq!(bench.topics(client).len(), 4);
}

#[test]
fn refusals_say_what_was_wrong() {
    let mut bench = Bench::new();
    let client = bench.connect();
    for index in 0..8 {
        assert_eq!(bench.ask(client, &join(&format!("c{index}"))), []);
    }
    assert_eq!(
        bench.ask(client, &join("one more")),
        [refused("Too many channels", "one more")]
    );
    bench.log_in(client, "u1", None);
    bench.say(client, &CHANNEL_LEAVE.replace("\"x\"", "\"c0\""));
    let long = "x".repeat(1_025);
    assert_eq!(
        bench.ask(client, &join(&long)),
        [refused("Not allowed", &long)]
    );
    bench.say(client, &join("ask"));
    let ticket = bench.shard.poll_asked().expect("a question").ticket;
    bench
        .shard
        .handle_verdict(bench.now, client, ticket, Verdict::Fail, 0);
    assert_eq!(
        bench.hears(client),
        [refused("Authorization failed", "ask")]
    );
}

#[test]
fn event_goes_to_the_longest_joined_channel_that_it_begins_with() {
    let mut bench = Bench::new();
    let (client, chat, room) = (bench.connect(), bench.connect(), bench.connect());
    for name in ["chat", "chat:1"] {
        bench.say(client, &join(name));
    }
    bench.say(chat, &join("chat"));
    bench.say(room, &join("chat:1"));
    for (event, to_chat, to_room) in [
        ("chat:1:typing", 0, 1),
        ("chat:1:a:b", 0, 1),
        ("chat:2:typing", 1, 0),
        ("chat:1", 1, 0),
        ("chat:1:", 1, 0),
        ("chat::x", 1, 0),
    ] {
        let sent = text(&format!(r#"{{"event":"{event}","data":{{"n": 1}}}}"#));
        let message = format!(r#"{{"event":"{event}","data":{{"n": 1}}}}"#);
        assert_eq!(
            bench.ask(client, &message),
            std::slice::from_ref(&sent),
            "{event}"
        );
        assert_eq!(bench.hears(chat), vec![sent.clone(); to_chat], "{event}");
        assert_eq!(bench.hears(room), vec![sent; to_room], "{event}");
    }
}

#[test]
fn event_of_a_channel_that_was_not_joined_is_for_the_application() {
    let mut bench = Bench::new();
    let (client, member) = (bench.connect(), bench.connect());
    for name in ["chat", "echo"] {
        bench.say(member, &join(name));
    }
    for event in ["chat:typing", "chat", "chat:", ":typing", ":", "::"] {
        let message = format!(r#"{{"event":"{event}"}}"#);
        assert_eq!(bench.ask(client, &message), [], "{event}");
    }
    assert_eq!(bench.shard.stats().messages_ignored, 6);
    assert_eq!(bench.shard.stats().publications, 0);
    let message = r#"{"event":"echo:x","data":1}"#;
    assert_eq!(bench.ask(client, message), [text(message)]);
    assert_eq!(bench.hears(member), []);
}

#[test]
fn publishes_are_denied_unless_a_rule_allows_them() {
    let mut bench = Bench::new();
    let client = bench.connect();
    bench.say(client, &join("room"));
    assert_eq!(
        bench.ask(client, r#"{"event":"room:typing","data":{}}"#),
        [refused("Publish not allowed", "room")]
    );
}

#[test]
fn publisher_hears_itself_unless_that_is_set() {
    for excluded in [false, true] {
        let mut bench = Bench::set(|settings| settings.publish_excludes_self = excluded);
        let (client, other) = (bench.connect(), bench.connect());
        bench.say(client, &join("chat"));
        bench.say(other, &join("chat"));
        let message = r#"{"event":"chat:typing","data":true}"#;
        let own = bench.ask(client, message);
        assert_eq!(own.len(), usize::from(!excluded));
        assert_eq!(bench.hears(other), [text(message)]);
    }
}

#[test]
fn request_is_answered_with_its_own_name_on_its_connection_alone() {
    let mut bench = Bench::new();
    let (client, other) = (bench.connect(), bench.connect());
    for message in [
        r#"{"event":"echo.user","data":{"id": 7}}"#,
        r#"{"event":"echo"}"#,
    ] {
        assert_eq!(bench.ask(client, message), [text(message)]);
        assert_eq!(bench.hears(other), []);
    }
}

#[test]
fn keys_before_the_event_and_after_it_change_nothing() {
    let mut bench = Bench::new();
    let client = bench.connect();
    bench.say(client, &join("chat"));
    let sent = text(r#"{"event":"chat:e","data":{"b":1}}"#);
    for message in [
        r#"{"type":"event","event":"chat:e","data":{"b":1}}"#,
        r#"{"type":"event","channel":"x","topic":1,"event":"chat:e","data":{"b":1}}"#,
        r#"{"data":{"b":1},"requestId":"7","event":"chat:e"}"#,
    ] {
        assert_eq!(bench.ask(client, message), std::slice::from_ref(&sent));
    }
}
