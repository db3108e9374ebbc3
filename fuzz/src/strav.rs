//! The dialect `strav`: any message, in a shard.

use std::collections::HashMap;

use serde_json::{Value, json};
use shardcast::base::ids::ConnId;
use shardcast::base::io::{Flow, SendOutcome};
use shardcast::base::limits::{BackpressurePolicy, ConnLimits, NAME_BYTES_MAX, ReadRates};
use shardcast::base::slab::Key;
use shardcast::codec::json::validate;
use shardcast::engine::decider::{Decider, Question, Ruling, Verdict};
use shardcast::engine::flush::Sink;
use shardcast::engine::identity::Identity;
use shardcast::engine::publication::AppId;
use shardcast::engine::shard::Shard;

use crate::rig::{PEER, START, UPGRADE, client_frame, process, server_frames};

const LIMITS: ConnLimits = ConnLimits {
    message_bytes_max: 8 * 1_024,
    message_frames_max: 8,
    read_rates: ReadRates {
        messages_per_s: 0,
        bytes_per_s: 0,
    },
    backpressure_bytes_max: 1 << 20,
    backpressure_policy: BackpressurePolicy::Close,
    subscriptions_max: 4,
    ping_interval_ms: 0,
    idle_timeout_ms: 0,
};

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

fn check(first: u8, data: &[u8]) {
    let text = std::str::from_utf8(data).unwrap_or_default();
    let parsed = serde_json::from_str::<Value>(text);
    let message = parsed.as_ref().unwrap_or(&Value::Null);
    // What serde_json cannot hold and the server can is sent all the same, and judged less.
    let is_certain = parsed.is_ok() || validate(text.as_bytes()).is_err();
    let request = parse(message);

    let mut world = World::new();
    let (speaker, listener) = (world.connect(), world.connect());
    match request {
        Some(Request::Unsubscribe(channel)) => world.subscribe(speaker, channel),
        Some(Request::Publish(channel, ..)) => world.subscribe(listener, channel),
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

/// A shard whose connections may do everything and always read.
struct World {
    shard: Shard,
    sockets: Sockets,
    /// Frames that each client has read.
    heard: HashMap<Key, usize>,
}

#[derive(Default)]
struct Sockets(HashMap<Key, Vec<u8>>);

impl Sink for Sockets {
    fn send(&mut self, conn: Key, bytes: &[u8]) -> SendOutcome {
        self.0.entry(conn).or_default().extend_from_slice(bytes);
        SendOutcome::Sent(bytes.len())
    }
}

struct Everything;

impl Decider for Everything {
    fn decide(
        &self,
        _conn: ConnId,
        _identity: Option<&Identity>,
        _question: &Question<'_>,
    ) -> Ruling {
        Ruling::Known(Verdict::Allow)
    }
}

impl World {
    fn new() -> Self {
        let mut process = process(1, 1, 8, LIMITS, || Box::new(Everything));
        let (shard, _) = process.shards.remove(0);
        Self {
            shard,
            sockets: Sockets::default(),
            heard: HashMap::new(),
        }
    }

    fn connect(&mut self) -> Key {
        let key = self.shard.handle_accepted(START, PEER).expect("room");
        self.send(key, UPGRADE);
        key
    }

    /// Unless the name is too long, `key` is subscribed afterwards.
    fn subscribe(&mut self, key: Key, channel: &str) {
        let message = json!({"t": "sub", "c": channel}).to_string();
        self.send(key, &client_frame(0x81, [0; 4], message.as_bytes()));
    }

    fn send(&mut self, key: Key, bytes: &[u8]) {
        let flow = self.shard.handle_bytes(START, key, &mut bytes.to_vec());
        assert_eq!(flow, Flow::Read);
    }

    /// The messages that a client has got since the last time.
    fn hears(&mut self, key: Key) -> Vec<Value> {
        assert!(self.shard.flush(START, &mut self.sockets, usize::MAX));
        let received = self.sockets.0.entry(key).or_default();
        let (_, frames, rest) = server_frames(received).expect("a whole response");
        assert_eq!(rest, 0, "whole frames");
        let skipped = self.heard.insert(key, frames.len()).unwrap_or(0);
        frames[skipped..]
            .iter()
            .map(|(opcode, payload)| {
                assert_eq!(*opcode, 1, "nothing but messages");
                assert_eq!(validate(payload), Ok(()));
                // Numbers beyond a double and lone surrogates pass through.
                serde_json::from_slice(payload).unwrap_or_default()
            })
            .collect()
    }
}
