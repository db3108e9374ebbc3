//! The dialect `strav`: any message, in a shard.

use serde_json::{Value, json};
use shardcast::base::limits::NAME_BYTES_MAX;
use shardcast::codec::json::validate;
use shardcast::dialect::strav::Strav;
use shardcast::engine::publication::AppId;

use crate::one_shard::{LIMITS, OneShard};
use crate::rig::client_frame;

/// Sends `data` as one message to a shard, as binary and, if it is UTF-8, as text.
///
/// - It does what it says, read by serde_json, and nothing else: one subscription more, one fewer,
///   one event for whoever listens, or nothing but a count of what meant nothing.
/// - The event that goes out is JSON, with channel, event and data as they came in.
pub fn strav(data: &[u8]) {
    if data.len() > LIMITS.message_bytes_max {
        return;
    }
    check(0x82, data);
    if std::str::from_utf8(data).is_ok() {
        check(0x81, data);
    }
}

/// A message of the protocol.
enum Request<'a> {
    Subscribe(&'a str),
    Unsubscribe(&'a str),
    Publish(&'a str, &'a str, Option<&'a Value>),
    Pong,
}

/// What `message` asks for, by the table in `dialect/strav.rs`.
fn parse(message: &Value) -> Option<Request<'_>> {
    let name = |key| message.get(key)?.as_str().filter(|name| !name.is_empty());
    match message.get("t")?.as_str()? {
        "sub" => Some(Request::Subscribe(name("c")?)),
        "unsub" => Some(Request::Unsubscribe(name("c")?)),
        "pub" => Some(Request::Publish(name("c")?, name("e")?, message.get("d"))),
        "pong" => Some(Request::Pong),
        _ => None,
    }
}

/// Unless the name is too long, whoever says this is subscribed afterwards.
fn subscribe(channel: &str) -> Value {
    json!({"t": "sub", "c": channel})
}

fn check(first: u8, data: &[u8]) {
    let text = std::str::from_utf8(data).unwrap_or_default();
    let parsed = serde_json::from_str::<Value>(text);
    let message = parsed.as_ref().unwrap_or(&Value::Null);
    // What serde_json cannot hold and the server can is sent all the same, and judged less.
    let is_certain = parsed.is_ok() || validate(text.as_bytes()).is_err();
    let request = parse(message);

    let mut world = OneShard::new(Box::new(Strav));
    let (speaker, listener) = (world.connect(), world.connect());
    match request {
        Some(Request::Unsubscribe(channel)) => world.say(speaker, &subscribe(channel)),
        Some(Request::Publish(channel, ..)) => world.say(listener, &subscribe(channel)),
        _ => {}
    }
    let before = world.shard.topics().subscriptions();
    world.hears(speaker);
    world.hears(listener);

    world.send(speaker, &client_frame(first, [1, 2, 3, 4], data));
    let (answers, events) = (world.hears(speaker), world.hears(listener));
    assert!(answers.len() <= 1, "one answer at most: {answers:?}");
    if !is_certain {
        return;
    }
    let is_ignored = world.shard.stats().messages_ignored == 1;
    assert_eq!(is_ignored, request.is_none(), "{message}");
    let topics = world.shard.topics();
    let after = topics.subscriptions();
    match request {
        None | Some(Request::Pong) => {
            assert_eq!((answers.len(), events.len(), after), (0, 0, before));
        }
        Some(Request::Subscribe(channel)) if channel.len() > NAME_BYTES_MAX => {
            let refusal = json!({"t": "err", "c": channel, "r": "unauthorized"});
            assert_eq!((&answers[0], after), (&refusal, 0));
        }
        Some(Request::Subscribe(channel)) => {
            assert_eq!(answers[0], json!({"t": "ok", "c": channel}));
            let page = topics.page(AppId(0), "", "", usize::MAX);
            assert_eq!(page, [(channel.to_owned(), 1)]);
        }
        Some(Request::Unsubscribe(_)) => assert_eq!((answers.len(), after), (0, 0)),
        Some(Request::Publish(channel, event, _))
            if channel.len().max(event.len()) > NAME_BYTES_MAX =>
        {
            let refusal = json!({"t": "err", "c": channel, "r": "publish denied"});
            assert_eq!((&answers[0], events.len()), (&refusal, 0));
        }
        Some(Request::Publish(channel, event, data)) => {
            assert_eq!((answers.len(), events.len()), (0, 1));
            let mut expected = json!({"t": "msg", "c": channel, "e": event, "i": events[0]["i"]});
            if let Some(data) = data {
                expected["d"] = data.clone();
            }
            assert_eq!(events[0], expected);
        }
    }
}
