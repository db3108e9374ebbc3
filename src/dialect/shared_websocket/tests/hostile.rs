//! Messages that mean nothing, and names made to be expensive.

use super::bench::{Bench, join, refused};

#[test]
fn what_means_nothing_is_passed_over_and_counted() {
    let mut bench = Bench::new();
    let client = bench.connect();
    let deep = format!(r#"{{"event":"x","data":{}"#, "[".repeat(3_000));
    let messages = [
        "",
        "bad",
        "null",
        "5",
        "\"ping\"",
        "[]",
        "{}",
        r#"{"data":{}}"#,
        r#"{"event":null,"data":{}}"#,
        r#"{"event":7}"#,
        r#"{"event":""}"#,
        r#"{"event":"\ud800"}"#,
        r#"{"event":["$channel:join"],"data":{"channel":"x"}}"#,
        r#"{"event":"$channel:join"}"#,
        r#"{"event":"$channel:join","data":null}"#,
        r#"{"event":"$channel:join","data":"x"}"#,
        r#"{"event":"$channel:join","data":["x"]}"#,
        r#"{"event":"$channel:join","data":{}}"#,
        r#"{"event":"$channel:join","data":{"channel":""}}"#,
        r#"{"event":"$channel:join","data":{"channel":7}}"#,
        r#"{"event":"$channel:join","data":{"topic":"x"}}"#,
        r#"{"event":"$channel:join","data":{"channel":"\udfff"}}"#,
        r#"{"event":"$channel:join","channel":"x"}"#,
        r#"{"event":"$channel:leave","data":{"channel":["x"]}}"#,
        r#"{"event":"$topic:subscribe","data":{"channel":"x"}}"#,
        r#"{"event":"$topic:unsubscribe","data":{}}"#,
        r#"{"event":"$channel:join","data":{"channel":"x"}} x"#,
        r#"{"event":"$channel:join","data":{"channel":"x"}"#,
        r#"{"type":"subscribe","channel":"x"}"#,
        deep.as_str(),
    ];
    for (index, message) in messages.iter().enumerate() {
        assert_eq!(bench.ask(client, message), [], "{message}");
        let ignored = bench.shard.stats().messages_ignored;
        assert_eq!(ignored, index as u64 + 1, "{message}");
        assert_eq!(bench.topics(client), [""; 0], "{message}");
    }
    assert!(bench.shard.poll_asked().is_none());
}

/// Last of two keys and escapes, as `JSON.parse` has it: nobody gets past a rule by spelling.
#[test]
fn spelling_gets_nobody_past_a_rule() {
    let mut bench = Bench::new();
    let client = bench.connect();
    for message in [
        r#"{"event":"$channel:join","data":{"channel":"x","channel":"private:x"}}"#,
        r#"{"event":"$channel:join","data":{"channel":"x"},"data":{"channel":"private:x"}}"#,
        r#"{"event":"$channel:join","data":{"channel":"\u0070rivate:x"}}"#,
        r#"{"event":"$channel\u003ajoin","data":{"\u0063hannel":"private:x"}}"#,
    ] {
        let refusal = refused("Authentication required", "private:x");
        assert_eq!(bench.ask(client, message), [refusal], "{message}");
    }
    assert_eq!(bench.topics(client), [""; 0]);
}

/// Gated names are what rules say, byte for byte: a lookalike is another channel, which nobody
/// publishes to.
#[test]
fn names_are_compared_byte_for_byte() {
    let mut bench = Bench::new();
    let client = bench.connect();
    for name in ["Private:x", "private\u{ff1a}x", " private:x"] {
        assert_eq!(bench.ask(client, &join(name)), []);
    }
    assert_eq!(bench.publish("private:x", "e", None), 0);
}

#[test]
fn event_of_nothing_but_colons_is_an_event_like_any_other() {
    let mut bench = Bench::new();
    let client = bench.connect();
    bench.say(client, &join("chat"));
    for len in [1, 2, 1_024, 1_025, 1_026, 3_900] {
        let message = format!(r#"{{"event":"{}"}}"#, ":".repeat(len));
        assert_eq!(bench.ask(client, &message), []);
    }
    assert_eq!(bench.shard.stats().messages_ignored, 6);
    // A name as long as one may be still is a channel's.
    let longest = "chat:".repeat(205)[..1_024].to_owned();
    let member = bench.connect();
    for key in [client, member] {
        bench.say(key, &join(&longest));
    }
    let message = format!(r#"{{"event":"{longest}:e","data":1}}"#);
    assert_eq!(bench.ask(client, &message).len(), 1);
    assert_eq!(bench.hears(member).len(), 1, "it went to that channel");
    let long_event = format!(r#"{{"event":"chat:{}"}}"#, "e".repeat(1_025));
    let refusal = [refused("Publish not allowed", "chat")];
    assert_eq!(bench.ask(client, &long_event), refusal);
}
