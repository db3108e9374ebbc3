//! The dialect `ignis`: any message, in a shard, from a client in each of its states.

use std::collections::HashSet;
use std::sync::Arc;

use serde_json::{Value, json};
use shardcast::base::slab::Key;
use shardcast::codec::json::validate;
use shardcast::dialect::ignis::{Encryption, Ignis, IgnisConfig};
use shardcast::engine::decider::{Inquiry, Proof};
use shardcast::engine::identity::Identity;

use crate::one_shard::{LIMITS, OneShard};
use crate::rig::{START, client_frame};

/// Sends `data` as one message to a shard, as binary and, if it is UTF-8, as text.
///
/// - It does what it says, read by serde_json, and nothing else: a question about credentials, rooms
///   more or fewer, an error in the reference's words, or nothing but a count.
pub fn ignis(data: &[u8]) {
    if data.len() > LIMITS.message_bytes_max {
        return;
    }
    for state in [
        State::Unauthorized,
        State::Authenticating,
        State::Authenticated,
    ] {
        check(state, 0x82, data);
        if std::str::from_utf8(data).is_ok() {
            check(state, 0x81, data);
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Unauthorized,
    Authenticating,
    Authenticated,
}

/// A message of the protocol.
enum Request<'a> {
    Authenticate,
    Heartbeat,
    Join(HashSet<&'a str>),
    Leave(HashSet<&'a str>),
    Other,
}

/// What `message` asks for, by the page about the dialect, of a client whose id is `own_id`: the room
/// of that name is its own, and not counted.
fn parse<'a>(message: &'a Value, own_id: &str) -> Option<Request<'a>> {
    let event = message.as_object()?.get("event")?;
    let is_truthy = match event {
        Value::Null => false,
        Value::Bool(is_true) => *is_true,
        Value::Number(number) => number.as_f64() != Some(0.0),
        Value::String(text) => !text.is_empty(),
        Value::Array(_) | Value::Object(_) => true,
    };
    let rooms = || -> HashSet<&str> {
        let rooms = message.pointer("/data/rooms").and_then(Value::as_array);
        let is_room = |room: &&str| {
            let is_short = (1..=256).contains(&room.encode_utf16().count());
            is_short && !room.starts_with("ws:") && *room != own_id
        };
        let texts = rooms.into_iter().flatten().filter_map(Value::as_str);
        texts.filter(is_room).collect()
    };
    is_truthy.then(|| match event.as_str() {
        Some("authenticate") => Request::Authenticate,
        Some("heartbeat") => Request::Heartbeat,
        Some("join") => Request::Join(rooms()),
        Some("leave") => Request::Leave(rooms()),
        _ => Request::Other,
    })
}

/// A client in this state, in no room; and its id, if it knows it.
fn connect(world: &mut OneShard, state: State) -> (Key, String) {
    let client = world.connect();
    if state != State::Unauthorized {
        world.say(client, &json!({"event": "authenticate"}));
        let asked = world.shard.poll_asked().expect("a question");
        if state == State::Authenticated {
            let proof = Proof::Accepted(Arc::new(Identity {
                user: None,
                claims: json!({}),
                expires_unix_ms: None,
            }));
            world
                .shard
                .handle_proof(START, client, asked.ticket, &proof);
        }
    }
    let heard = world.hears(client);
    let id = heard.first().and_then(|told| told["data"]["id"].as_str());
    (client, id.unwrap_or_default().to_owned())
}

fn check(state: State, first: u8, data: &[u8]) {
    let text = std::str::from_utf8(data).unwrap_or_default();
    let parsed = serde_json::from_str::<Value>(text);
    let message = parsed.as_ref().unwrap_or(&Value::Null);
    let is_json = validate(text.as_bytes()).is_ok();
    // What serde_json cannot hold and the server can is sent all the same, and judged less.
    let is_certain = parsed.is_ok() || !is_json;

    let mut world = OneShard::new(Box::new(Ignis::new(IgnisConfig {
        auth_timeout_ms: 5_000,
        heartbeat_interval_ms: 30_000,
        heartbeat_timeout_ms: 90_000,
        default_rooms: Vec::new(),
        encryption: Encryption::Off,
        encryption_info: "fuzz".to_owned(),
    })));
    let (client, own_id) = connect(&mut world, state);
    let request = parse(message, &own_id);
    if let (State::Authenticated, Some(Request::Leave(rooms))) = (state, &request) {
        let rooms: Vec<&str> = rooms.iter().copied().collect();
        world.say(client, &json!({"event": "join", "data": {"rooms": rooms}}));
    }
    let before = world.shard.stats().messages_ignored;

    world.send(client, &client_frame(first, [1, 2, 3, 4], data));
    let answers = world.hears(client);
    assert!(answers.len() <= 1, "one answer at most: {answers:?}");
    if !is_certain {
        return;
    }
    let rooms = world.shard.topics().subscriptions();
    let asked = world.shard.poll_asked();
    let ignored = world.shard.stats().messages_ignored - before;
    let error = match (&request, state) {
        _ if !is_json => Some("Invalid message format"),
        (None | Some(Request::Heartbeat), _) => None,
        (Some(Request::Authenticate), State::Unauthorized) => None,
        (Some(Request::Authenticate), _) => Some("Already authenticated"),
        (_, State::Unauthorized | State::Authenticating) => Some("Not authenticated"),
        _ => None,
    };
    let expected = error.map(|error| json!({"event": "error", "data": {"message": error}}));
    assert_eq!(answers.first(), expected.as_ref(), "{state:?} {message}");

    let is_known = state == State::Authenticated;
    let is_ignored = match request {
        _ if !is_json => false,
        None => true,
        Some(Request::Other) => is_known,
        Some(_) => false,
    };
    assert_eq!(ignored, u64::from(is_ignored), "{state:?} {message}");
    let joined = match &request {
        Some(Request::Join(rooms)) if is_known => rooms.len().min(LIMITS.subscriptions_max),
        _ => 0,
    };
    assert_eq!(rooms, joined, "{state:?} {message}");
    let is_asked = matches!(request, Some(Request::Authenticate)) && state == State::Unauthorized;
    match asked.map(|asked| asked.inquiry) {
        Some(Inquiry::Authenticate { data }) if is_asked => assert_eq!(validate(&data), Ok(())),
        other => assert!(
            other.is_none() && !is_asked,
            "{state:?} {message} {other:?}"
        ),
    }
}
