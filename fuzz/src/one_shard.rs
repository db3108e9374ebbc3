//! One shard, for the targets that look at the messages of a dialect.

use std::cell::Cell;
use std::collections::HashMap;

use serde_json::Value;
use shardcast::base::ids::ConnId;
use shardcast::base::io::{Flow, SendOutcome};
use shardcast::base::limits::{BackpressurePolicy, ConnLimits, ReadRates};
use shardcast::base::slab::Key;
use shardcast::codec::json::validate;
use shardcast::engine::decider::{Decider, Question, Ruling, Verdict};
use shardcast::engine::dialect::Dialect;
use shardcast::engine::flush::Sink;
use shardcast::engine::identity::Identity;
use shardcast::engine::shard::Shard;

use crate::rig::{PEER, START, UPGRADE, client_frame, process, server_frames};

/// What its connections may send.
pub(crate) const LIMITS: ConnLimits = ConnLimits {
    message_bytes_max: 8 * 1_024,
    message_frames_max: 8,
    read_rates: ReadRates {
        messages_per_s: 0,
        bytes_per_s: 0,
    },
    backpressure_bytes_max: 1 << 20,
    backpressure_policy: BackpressurePolicy::Close,
    unproven_bytes_max: 0,
    subscriptions_max: 4,
    ping_interval_ms: 0,
    idle_timeout_ms: 0,
    flush_interval_ms: 0,
};

/// A shard whose connections may do everything and always read.
pub(crate) struct OneShard {
    pub(crate) shard: Shard,
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

impl OneShard {
    pub(crate) fn new(dialect: Box<dyn Dialect>) -> Self {
        let dialect = Cell::new(Some(dialect));
        let take = || dialect.take().expect("one shard");
        let mut process = process(1, 1, 8, LIMITS, take, || Box::new(Everything));
        let (shard, _) = process.shards.remove(0);
        Self {
            shard,
            sockets: Sockets::default(),
            heard: HashMap::new(),
        }
    }

    pub(crate) fn connect(&mut self) -> Key {
        let key = self.shard.handle_accepted(START, PEER).expect("room");
        self.send(key, UPGRADE);
        key
    }

    pub(crate) fn say(&mut self, key: Key, message: &Value) {
        let message = message.to_string();
        self.send(key, &client_frame(0x81, [0; 4], message.as_bytes()));
    }

    pub(crate) fn send(&mut self, key: Key, bytes: &[u8]) {
        let flow = self.shard.handle_bytes(START, key, &mut bytes.to_vec());
        assert_eq!(flow, Flow::Read);
    }

    /// The messages that a client has got since the last time.
    pub(crate) fn hears(&mut self, key: Key) -> Vec<Value> {
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
