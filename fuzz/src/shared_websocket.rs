//! The dialect `shared-websocket`: any message, in a shard.

use serde_json::{Value, json};
use shardcast::base::limits::NAME_BYTES_MAX;
use shardcast::codec::json::validate;
use shardcast::dialect::shared_websocket::{FrameShape, Settings, SharedWebsocket};
use shardcast::engine::decider::Inquiry;

use crate::one_shard::{LIMITS, OneShard};
use crate::rig::client_frame;

/// Sends `data` as one text message to a shard, whose clients speak as they do by default, and to one
/// where their frames are flat.
///
/// - It does what it says, read by serde_json, and nothing else: a pong, one subscription more or
///   fewer, a question about credentials, an event for whoever listens, or nothing but a count.
/// - The event that goes out is JSON, named by channel and event, and has no null.
pub fn shared_websocket(data: &[u8]) {
    if data.len() > LIMITS.message_bytes_max {
        return;
    }
    if let Ok(text) = std::str::from_utf8(data) {
        for shape in [FrameShape::TwoKeys, FrameShape::Flat] {
            check(shape, text);
        }
    }
}

/// A message of the protocol.
enum Request<'a> {
    Ping,
    Join(&'a str),
    Leave(&'a str),
    Login,
    Logout,
    Event(Option<&'a str>, &'a str, Option<&'a Value>),
}

/// What `message` asks for, by the page about the dialect.
fn parse(shape: FrameShape, message: &Value) -> Option<Request<'_>> {
    if *message == json!({"type": "ping"}) {
        return Some(Request::Ping);
    }
    let object = message.as_object()?;
    let own = |key: &str| object.get(key);
    let inside = |key: &str| own("data")?.as_object()?.get(key);
    Some(match (shape, name(own("event")), name(own("type"))) {
        (FrameShape::TwoKeys, Some("$channel:join"), _) => Request::Join(name(inside("channel"))?),
        (FrameShape::TwoKeys, Some("$channel:leave"), _) => {
            Request::Leave(name(inside("channel"))?)
        }
        (FrameShape::TwoKeys, Some("$topic:subscribe"), _) => Request::Join(name(inside("topic"))?),
        (FrameShape::TwoKeys, Some("$topic:unsubscribe"), _) => {
            Request::Leave(name(inside("topic"))?)
        }
        (FrameShape::TwoKeys, Some("$auth:login"), _) => Request::Login,
        (FrameShape::TwoKeys, Some("$auth:logout"), _) => Request::Logout,
        (FrameShape::TwoKeys, event, _) => Request::Event(None, event?, own("data")),
        (FrameShape::Flat, _, Some("subscribe")) => Request::Join(name(own("channel"))?),
        (FrameShape::Flat, _, Some("unsubscribe")) => Request::Leave(name(own("channel"))?),
        (FrameShape::Flat, _, Some("topic.subscribe")) => Request::Join(name(own("topic"))?),
        (FrameShape::Flat, _, Some("topic.unsubscribe")) => Request::Leave(name(own("topic"))?),
        (FrameShape::Flat, _, Some("auth")) => Request::Login,
        (FrameShape::Flat, _, Some("logout")) => Request::Logout,
        (FrameShape::Flat, event, kind) => {
            Request::Event(name(own("channel")), event.or(kind)?, own("data"))
        }
    })
}

fn name(value: Option<&Value>) -> Option<&str> {
    value?.as_str().filter(|name| !name.is_empty())
}

/// Unless the name is too long, whoever says this is in the channel afterwards.
fn join(shape: FrameShape, channel: &str) -> Value {
    match shape {
        FrameShape::TwoKeys => json!({"event": "$channel:join", "data": {"channel": channel}}),
        FrameShape::Flat => json!({"type": "subscribe", "channel": channel}),
    }
}

/// The channels that are joined before an event, the longest last: what stands before its first
/// colon and before its second.
fn channels<'a>(channel: Option<&'a str>, event: &'a str) -> Vec<&'a str> {
    if let Some(channel) = channel {
        return vec![channel];
    }
    let ends = event.match_indices(':').map(|(at, _)| at);
    let usable = ends.filter(|at| *at > 0 && *at + 1 < event.len() && *at <= NAME_BYTES_MAX);
    usable.take(2).map(|at| &event[..at]).collect()
}

fn check(shape: FrameShape, text: &str) {
    let parsed = serde_json::from_str::<Value>(text);
    let message = parsed.as_ref().unwrap_or(&Value::Null);
    // What serde_json cannot hold and the server can is sent all the same, and judged less.
    let is_certain = parsed.is_ok() || validate(text.as_bytes()).is_err();
    let request = parse(shape, message);

    let settings = Settings::new(shape);
    let mut world = OneShard::new(Box::new(SharedWebsocket::new(settings)));
    let (speaker, listener) = (world.connect(), world.connect());
    let mut channel = None;
    match request {
        Some(Request::Leave(name)) => world.say(speaker, &join(shape, name)),
        Some(Request::Event(named, event, _)) => {
            for name in channels(named, event) {
                world.say(speaker, &join(shape, name));
                world.say(listener, &join(shape, name));
                channel = Some(name).filter(|name| name.len() <= NAME_BYTES_MAX);
            }
        }
        _ => {}
    }
    let before = world.shard.topics().subscriptions();
    world.hears(speaker);
    world.hears(listener);

    world.send(speaker, &client_frame(0x81, [1, 2, 3, 4], text.as_bytes()));
    let (answers, events) = (world.hears(speaker), world.hears(listener));
    assert!(answers.len() <= 1, "one answer at most: {answers:?}");
    if !is_certain {
        return;
    }
    let asked = world.shard.poll_asked();
    let is_login = matches!(request, Some(Request::Login));
    assert_eq!(asked.is_some(), is_login, "{message}");
    let after = world.shard.topics().subscriptions();
    let ignored = world.shard.stats().messages_ignored;
    let quiet = (0, 0, before);
    let seen = (answers.len(), events.len(), after);
    match request {
        None => assert_eq!((seen, ignored), (quiet, 1), "{message}"),
        Some(Request::Ping) => assert_eq!(answers, [json!({"type": "pong"})]),
        Some(Request::Join(name)) if name.len() > NAME_BYTES_MAX => {
            assert_eq!((&answers[0]["data"]["channel"], after), (&json!(name), 0));
        }
        Some(Request::Join(_)) => assert_eq!(seen, (0, 0, 1)),
        Some(Request::Leave(_)) => assert_eq!(seen, (0, 0, 0)),
        Some(Request::Login) => {
            let Some(Inquiry::Authenticate { data }) = asked.map(|asked| asked.inquiry) else {
                panic!("credentials are asked about");
            };
            assert_eq!(validate(&data), Ok(()));
            assert_eq!(seen, quiet);
        }
        Some(Request::Logout) => assert_eq!((seen, ignored), (quiet, 0)),
        Some(Request::Event(named, event, data)) => {
            let Some(channel) = channel else {
                // For the application, and nobody is there.
                assert_eq!((seen, ignored), (quiet, 1), "{message}");
                return;
            };
            let event = match named {
                Some(_) => event,
                None => &event[channel.len() + 1..],
            };
            if event.len() > NAME_BYTES_MAX {
                assert_eq!(answers[0]["event"], "error");
                assert_eq!(events.len(), 0);
                return;
            }
            let mut expected = json!({"event": format!("{channel}:{event}")});
            if let Some(data) = data.filter(|data| !data.is_null()) {
                expected["data"] = data.clone();
            }
            assert_eq!(
                (&answers, &events),
                (&vec![expected.clone()], &vec![expected])
            );
        }
    }
}
