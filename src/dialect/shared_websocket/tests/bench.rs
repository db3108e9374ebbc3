//! One shard with one endpoint of this dialect, driven by hand: its sockets take everything.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;
use std::time::Duration;

use serde_json::{Value, json};

use crate::base::ids::{IdKey, Ulid};
use crate::base::io::{Flow, SendOutcome};
use crate::base::limits::{BackpressurePolicy, ConnLimits, HandshakeLimits, ReadRates};
use crate::base::slab::Key;
use crate::base::time::Now;
use crate::dialect::shared_websocket::{DEFAULT_RULES, Settings, SharedWebsocket};
use crate::engine::addresses::AddressLimits;
use crate::engine::admission::Admission;
use crate::engine::context_memory::ContextMemory;
use crate::engine::decider::{Handling, Inquiry, Proof};
use crate::engine::deflate::DeflateConfig;
use crate::engine::door::Door;
use crate::engine::endpoint::Endpoint;
use crate::engine::flush::Sink;
use crate::engine::identity::Identity;
use crate::engine::interest::Interest;
use crate::engine::mailbox::connect;
use crate::engine::publication::{AppId, Audience, DataKind, MessageId, Origin, Publication};
use crate::engine::rules::{Grant, Pattern, PublishPattern, Rules};
use crate::engine::shard::{Shard, ShardConfig};

/// (192.0.2.0/24 is kept for documentation.)
const PEER: IpAddr = IpAddr::V4(Ipv4Addr::new(192, 0, 2, 1));

pub(super) const LIMITS: ConnLimits = ConnLimits {
    message_bytes_max: 4_000,
    message_frames_max: 8,
    read_rates: ReadRates {
        messages_per_s: 0,
        bytes_per_s: 0,
    },
    backpressure_bytes_max: 64_000,
    backpressure_policy: BackpressurePolicy::Close,
    unproven_bytes_max: 0,
    subscriptions_max: 8,
    ping_interval_ms: 30_000,
    idle_timeout_ms: 90_000,
    flush_interval_ms: 0,
};

/// What a client has received.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Got {
    Text(String),
    Ping,
    Close(u16, String),
}

pub(super) fn text(text: &str) -> Got {
    Got::Text(text.to_owned())
}

/// The refusal of the client's sample servers.
pub(super) fn refused(message: &str, channel: &str) -> Got {
    let channel = json!(channel);
    Got::Text(format!(
        r#"{{"event":"error","data":{{"message":"{message}","channel":{channel}}}}}"#
    ))
}

/// Joins a channel, by the client's own words.
pub(super) fn join(channel: &str) -> String {
    json!({"event": "$channel:join", "data": {"channel": channel}}).to_string()
}

/// What the operator says beyond the dialect's defaults: `chat*` may be published to by all, `ask*`
/// is asked about, and of messages `echo` is answered and `?` is asked about.
pub(super) fn rules() -> Rules {
    let mut rules = Rules::new(DEFAULT_RULES);
    let pattern = |text| Pattern::parse(text).expect("a pattern");
    rules.add_publish(
        PublishPattern::parse("chat*:*").expect("a pattern"),
        Grant::Allow,
    );
    rules.add_subscribe(pattern("ask*"), Grant::Webhook);
    rules.add_message(pattern("echo*"), Handling::Reply);
    rules.add_message(pattern("?"), Handling::Ask);
    rules
}

pub(super) struct Bench {
    pub(super) now: Now,
    pub(super) shard: Shard,
    pub(super) sockets: Sockets,
}

#[derive(Default)]
pub(super) struct Sockets {
    pub(super) received: HashMap<Key, Vec<u8>>,
    /// Takes nothing any more.
    pub(super) blocked: Option<Key>,
}

impl Sink for Sockets {
    fn send(&mut self, conn: Key, bytes: &[u8]) -> SendOutcome {
        if self.blocked == Some(conn) {
            return SendOutcome::Blocked;
        }
        self.received
            .entry(conn)
            .or_default()
            .extend_from_slice(bytes);
        SendOutcome::Sent(bytes.len())
    }
}

impl Bench {
    pub(super) fn new() -> Self {
        Self::with(Settings::default(), Door::default(), 100)
    }

    pub(super) fn set(change: impl FnOnce(&mut Settings)) -> Self {
        let mut settings = Settings::default();
        change(&mut settings);
        Self::with(settings, Door::default(), 100)
    }

    pub(super) fn with(settings: Settings, door: Door, conns_max: usize) -> Self {
        let now = Now {
            monotonic_ms: 1_000,
            unix_ms: 1_700_000_000_000,
        };
        let (mesh, _, _) = connect::<()>(1, 4).remove(0);
        let config = ShardConfig {
            id: mesh.me(),
            endpoints: vec![Endpoint {
                path: "/events".to_owned(),
                app: AppId(0),
                dialect: Box::new(SharedWebsocket::new(settings)),
                origins: Vec::new(),
                door,
                decider: Box::new(rules()),
                limits: LIMITS,
                deflate: DeflateConfig::default(),
            }],
            apps: 1,
            handshake: HandshakeLimits {
                head_bytes_max: 2_000,
                timeout_ms: 5_000,
            },
            admission: Admission::new(conns_max, AddressLimits::default()),
            id_key: IdKey::new([1; 16]),
            seed: 1,
            interest: Arc::new(Interest::new(1, 1)),
            mesh,
            tls: None,
            context_memory: ContextMemory::new(1024 * 1024),
            stopwatch: || 0,
        };
        Self {
            now,
            shard: Shard::new(config, now),
            sockets: Sockets::default(),
        }
    }

    /// Asks for an upgrade at `target`, such as `/events?token=t`.
    pub(super) fn knock(&mut self, target: &str, headers: &str) -> Key {
        let accepted = self.shard.handle_accepted(self.now, PEER);
        let key = accepted.expect("room for one");
        let request = format!(
            "GET {target} HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
             Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\
             {headers}\r\n"
        );
        self.bytes(key, request.as_bytes());
        key
    }

    pub(super) fn connect(&mut self) -> Key {
        let key = self.knock("/events", "");
        assert_eq!(self.hears(key), []);
        key
    }

    pub(super) fn bytes(&mut self, key: Key, bytes: &[u8]) -> Flow {
        self.shard.handle_bytes(self.now, key, &mut bytes.to_vec())
    }

    /// One text message, unmasked by a mask of zeros.
    pub(super) fn say(&mut self, key: Key, message: &str) {
        self.bytes(key, &frame(0x81, message.as_bytes()));
    }

    /// Says all of it, and takes what is answered.
    pub(super) fn ask(&mut self, key: Key, message: &str) -> Vec<Got> {
        self.say(key, message);
        self.hears(key)
    }

    pub(super) fn flush(&mut self) {
        assert!(self.shard.flush(self.now, &mut self.sockets, usize::MAX));
    }

    /// Flushes, and takes what a client has got since the last time.
    pub(super) fn hears(&mut self, key: Key) -> Vec<Got> {
        self.flush();
        let bytes = self.sockets.received.remove(&key).unwrap_or_default();
        let head_len = match bytes.starts_with(b"HTTP/1.1 ") {
            true => bytes.windows(4).position(|four| four == b"\r\n\r\n"),
            false => None,
        };
        let mut rest = &bytes[head_len.map_or(0, |at| at + 4)..];
        let mut got = Vec::new();
        while let [first, len, ..] = *rest {
            let (start, len) = match len {
                126 => (4, usize::from(u16::from_be_bytes([rest[2], rest[3]]))),
                len => (2, usize::from(len)),
            };
            let (payload, behind) = (&rest[start..start + len], &rest[start + len..]);
            let words = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).expect("text");
            got.push(match first {
                0x81 => Got::Text(words(payload)),
                0x89 => Got::Ping,
                0x88 => Got::Close(
                    u16::from_be_bytes([payload[0], payload[1]]),
                    words(&payload[2..]),
                ),
                other => panic!("frame {other:#x}"),
            });
            rest = behind;
        }
        got
    }

    pub(super) fn tick(&mut self, after_ms: u64) {
        self.now = self.now.after(Duration::from_millis(after_ms));
        self.shard.handle_tick(self.now);
    }

    /// Answers the one question about credentials; what was asked with.
    pub(super) fn prove(&mut self, proof: &Proof) -> String {
        let asked = self.shard.poll_asked().expect("a question");
        let Inquiry::Authenticate { data } = &asked.inquiry else {
            panic!("{asked:?}");
        };
        let data = String::from_utf8(data.to_vec()).expect("text");
        let key = asked.conn.key;
        self.shard.handle_proof(self.now, key, asked.ticket, proof);
        data
    }

    pub(super) fn log_in(&mut self, key: Key, user: &str, lives_ms: Option<u64>) {
        self.say(key, r#"{"event":"$auth:login","data":{"token":"t"}}"#);
        let known = identity(user, lives_ms, self.now);
        self.prove(&Proof::Accepted(known));
    }

    /// What an app server publishes; how many get it.
    pub(super) fn publish(&mut self, topic: &str, event: &str, data: Option<&str>) -> u64 {
        self.publish_to(Audience::Topic, topic, event, data)
    }

    pub(super) fn publish_to(
        &mut self,
        audience: Audience<'_>,
        topic: &str,
        event: &str,
        data: Option<&str>,
    ) -> u64 {
        self.shard.handle_command_publication(&Publication {
            app: AppId(0),
            topic,
            audience,
            event,
            data: data.map(str::as_bytes),
            kind: DataKind::Json,
            id: MessageId::Ulid(Ulid(1)),
            origin: Origin::Api,
            exclude: &[],
        })
    }

    /// The connection's topics, by name.
    pub(super) fn topics(&self, key: Key) -> Vec<String> {
        let names = self.shard.topics_of(key);
        let mut names: Vec<String> = names.iter().map(|name| name.to_string()).collect();
        names.sort();
        names
    }
}

pub(super) fn identity(user: &str, lives_ms: Option<u64>, now: Now) -> Arc<Identity> {
    Arc::new(Identity {
        user: Some(Arc::from(user)),
        claims: Value::Null,
        expires_unix_ms: lives_ms.map(|ms| now.unix_ms + ms),
    })
}

/// A client's frame under a mask of zeros.
pub(super) fn frame(first: u8, payload: &[u8]) -> Vec<u8> {
    let mut bytes = vec![first];
    match u16::try_from(payload.len()).expect("tests send less") {
        len @ 0..126 => bytes.push(0x80 | len as u8),
        len => {
            bytes.push(0xfe);
            bytes.extend_from_slice(&len.to_be_bytes());
        }
    }
    bytes.extend_from_slice(&[0; 4]);
    bytes.extend_from_slice(payload);
    bytes
}
