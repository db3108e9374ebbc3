//! Messages that are made to break something.

use super::*;

/// Falsy in JavaScript, so no event at all; truthy, so one that is not allowed yet.
#[test]
fn event_counts_if_javascript_takes_it_for_true() {
    let mut bench = Bench::new(config());
    let client = bench.connect();
    for falsy in [
        "null", "false", "0", "-0", "0.0", "0e9", "-0.0e-1", "1e-999", "\"\"",
    ] {
        bench.say(client, &format!(r#"{{"event":{falsy}}}"#));
        assert_eq!(bench.hears(client), [], "{falsy}");
    }
    for truthy in [
        "true",
        "1",
        "-1e999",
        "0.1",
        "[]",
        "{}",
        "\"0\"",
        "\" \"",
        r#""\u0000""#,
    ] {
        bench.say(client, &format!(r#"{{"event":{truthy}}}"#));
        assert_eq!(
            bench.hears(client),
            [error("Not authenticated")],
            "{truthy}"
        );
    }
}

#[test]
fn what_is_no_json_is_answered_in_every_state_and_closes_nothing() {
    let mut bench = Bench::new(config());
    let stranger = bench.connect();
    let beginner = bench.connect();
    bench.say(beginner, r#"{"event":"authenticate"}"#);
    bench.asked();
    let (known, _) = bench.known();
    for client in [stranger, beginner, known] {
        for text in [
            "",
            " ",
            "{",
            "{\"event\":\"join\"",
            "{'event':1}",
            "\u{feff}{}",
            "NaN",
            "{}{}",
        ] {
            bench.say(client, text);
            assert_eq!(
                bench.hears(client),
                [error("Invalid message format")],
                "{text:?}"
            );
        }
        bench.send(client, OpCode::Binary, b"{\"event\":\"\xff\"}");
        assert_eq!(bench.hears(client), [error("Invalid message format")]);
    }
}

#[test]
fn binary_messages_count_as_their_text() {
    let mut bench = Bench::new(config());
    let client = bench.connect();
    bench.send(client, OpCode::Binary, br#"{"event":"chat"}"#);
    assert_eq!(bench.hears(client), [error("Not authenticated")]);
}

#[test]
fn last_of_two_keys_counts_and_escapes_are_undone() {
    let mut bench = Bench::new(config());
    let (client, _) = bench.known();
    bench.say(
        client,
        r#"{"event":"leave","data":{"rooms":["ws-default"]},"\u0065vent":"join","data":{"rooms":["x"],"room\u0073":["op\u0065n"]}}"#,
    );
    let topics = bench.shard.topics_of(client);
    assert!(topics.iter().any(|topic| &**topic == "open"), "{topics:?}");
    assert_eq!(topics.len(), 3);
}

#[test]
fn long_list_of_rooms_ends_at_the_limit_of_topics() {
    let mut bench = Bench::new(config());
    let (client, _) = bench.known();
    let rooms: Vec<String> = (0..10_000).map(|number| format!("open{number}")).collect();
    bench.say(
        client,
        &json!({"event": "join", "data": {"rooms": rooms}}).to_string(),
    );
    assert_eq!(
        bench.shard.topics_of(client).len(),
        LIMITS.subscriptions_max
    );
    assert_eq!(bench.hears(client), []);
    bench.say(
        client,
        &json!({"event": "leave", "data": {"rooms": rooms}}).to_string(),
    );
    assert_eq!(bench.shard.topics_of(client).len(), 2);
}

#[test]
fn deep_and_wide_texts_cost_no_more_than_their_bytes() {
    let mut bench = Bench::new(config());
    let (client, _) = bench.known();
    let deep = format!(
        r#"{{"event":"x","data":{}{}}}"#,
        "[".repeat(50_000),
        "]".repeat(50_000)
    );
    let wide = format!(
        r#"{{"event":"join","data":{{"rooms":[{}1]}}}}"#,
        "1,".repeat(60_000)
    );
    for text in [deep, wide] {
        bench.say(client, &text);
        assert_eq!(bench.hears(client), []);
    }
}
