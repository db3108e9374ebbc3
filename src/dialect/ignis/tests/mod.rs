//! The dialect on a shard of its own: sockets that take everything, credentials that a test answers
//! for, and a clock that a test moves.

mod authentication;
mod delivery;
mod encryption;
mod hostile;
mod rooms;
mod silence;

use std::collections::HashMap;
use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;
use std::time::Duration;

use serde_json::{Value, json};

use super::{Encryption, Ignis, IgnisConfig};
use crate::base::ids::{IdKey, Ulid};
use crate::base::io::SendOutcome;
use crate::base::limits::{BackpressurePolicy, ConnLimits, HandshakeLimits, ReadRates};
use crate::base::slab::Key;
use crate::base::time::Now;
use crate::codec::ws::OpCode;
use crate::engine::addresses::AddressLimits;
use crate::engine::admission::Admission;
use crate::engine::context_memory::ContextMemory;
use crate::engine::decider::{Asked, Inquiry, Proof};
use crate::engine::deflate::DeflateConfig;
use crate::engine::door::Door;
use crate::engine::endpoint::Endpoint;
use crate::engine::flush::Sink;
use crate::engine::identity::Identity;
use crate::engine::interest::Interest;
use crate::engine::mailbox::connect;
use crate::engine::publication::{AppId, Audience, DataKind, MessageId, Origin, Publication};
use crate::engine::rules::{Grant, Pattern, Rules};
use crate::engine::shard::{Shard, ShardConfig};

const LIMITS: ConnLimits = ConnLimits {
    message_bytes_max: 131_072,
    message_frames_max: 8,
    read_rates: ReadRates {
        messages_per_s: 0,
        bytes_per_s: 0,
    },
    backpressure_bytes_max: 1 << 20,
    backpressure_policy: BackpressurePolicy::DropNewest,
    unproven_bytes_max: 0,
    subscriptions_max: 128,
    // So that only the dialect's own timer is at work.
    ping_interval_ms: 0,
    idle_timeout_ms: 0,
    flush_interval_ms: 0,
};

fn config() -> IgnisConfig {
    IgnisConfig {
        auth_timeout_ms: 5_000,
        heartbeat_interval_ms: 30_000,
        heartbeat_timeout_ms: 90_000,
        default_rooms: vec!["ws-default".to_owned(), "ws-notification".to_owned()],
        encryption: Encryption::Off,
        encryption_info: "ignis-ecdh-p256-aes-256-gcm-v1".to_owned(),
    }
}

/// What a client has received, Close frames included.
#[derive(Debug, PartialEq, Eq, Clone)]
enum Got {
    Text(String),
    Close(u16, String),
}

fn error(message: &str) -> Got {
    Got::Text(format!(
        r#"{{"event":"error","data":{{"message":"{message}"}}}}"#
    ))
}

fn close(code: u16, reason: &str) -> Got {
    Got::Close(code, reason.to_owned())
}

#[derive(Default)]
struct Sockets(HashMap<Key, Vec<u8>>);

impl Sink for Sockets {
    fn send(&mut self, conn: Key, bytes: &[u8]) -> SendOutcome {
        self.0.entry(conn).or_default().extend_from_slice(bytes);
        SendOutcome::Sent(bytes.len())
    }
}

struct Bench {
    now: Now,
    shard: Shard,
    sockets: Sockets,
}

impl Bench {
    /// A shard whose clients may join rooms that begin with `open`; nobody knows about `ask`.
    fn new(config: IgnisConfig) -> Self {
        let mut rules = Rules::new(super::DEFAULT_RULES);
        for (pattern, grant) in [("open*", Grant::Allow), ("ask*", Grant::Webhook)] {
            rules.add_subscribe(Pattern::parse(pattern).expect("a pattern"), grant);
        }
        let now = Now {
            monotonic_ms: 1_000,
            unix_ms: 1_770_796_800_000,
        };
        let (mesh, _inbox, _commands) = connect::<()>(1, 4).remove(0);
        let config = ShardConfig {
            id: mesh.me(),
            endpoints: vec![Endpoint {
                path: "/ws".to_owned(),
                app: AppId(0),
                dialect: Box::new(Ignis::new(config)),
                origins: Vec::new(),
                door: Door::default(),
                decider: Box::new(rules),
                limits: LIMITS,
                deflate: DeflateConfig::default(),
            }],
            apps: 1,
            handshake: HandshakeLimits {
                head_bytes_max: 2_000,
                timeout_ms: 5_000,
            },
            admission: Admission::new(100, AddressLimits::default()),
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

    /// A client that has said nothing yet.
    fn connect(&mut self) -> Key {
        let peer = IpAddr::V4(Ipv4Addr::new(192, 0, 2, 1));
        let key = self.shard.handle_accepted(self.now, peer).expect("room");
        let upgrade =
            b"GET /ws HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
            Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n";
        self.shard
            .handle_bytes(self.now, key, &mut upgrade.to_vec());
        assert_eq!(self.hears(key), [], "silent until the client speaks");
        key
    }

    fn say(&mut self, key: Key, text: &str) {
        self.send(key, OpCode::Text, text.as_bytes());
    }

    /// A frame under an all-zero mask: its payload reads as it is.
    fn send(&mut self, key: Key, opcode: OpCode, payload: &[u8]) {
        let mut bytes = vec![0x80 | opcode as u8, 0xff];
        bytes.extend_from_slice(&(payload.len() as u64).to_be_bytes());
        if payload.len() < 126 {
            bytes = vec![0x80 | opcode as u8, 0x80 | payload.len() as u8];
        } else if let Ok(len) = u16::try_from(payload.len()) {
            bytes = vec![0x80 | opcode as u8, 0xfe];
            bytes.extend_from_slice(&len.to_be_bytes());
        }
        bytes.extend_from_slice(&[0; 4]);
        bytes.extend_from_slice(payload);
        self.shard.handle_bytes(self.now, key, &mut bytes);
    }

    /// What a client has got since the last time.
    fn hears(&mut self, key: Key) -> Vec<Got> {
        assert!(self.shard.flush(self.now, &mut self.sockets, usize::MAX));
        let bytes = self.sockets.0.remove(&key).unwrap_or_default();
        let mut rest = &bytes[..];
        if bytes.starts_with(b"HTTP/1.1 101") {
            let end = bytes.windows(4).position(|four| four == b"\r\n\r\n");
            rest = &bytes[end.expect("a whole head") + 4..];
        }
        let mut got = Vec::new();
        while let [first, len, ..] = *rest {
            let (start, len) = match len {
                126 => (4, usize::from(u16::from_be_bytes([rest[2], rest[3]]))),
                127 => {
                    let len = rest[2..10].try_into().expect("eight bytes");
                    (
                        10,
                        usize::try_from(u64::from_be_bytes(len)).expect("it fits"),
                    )
                }
                len => (2, usize::from(len)),
            };
            let payload = &rest[start..start + len];
            let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).expect("text");
            got.push(match first {
                0x81 => Got::Text(text(payload)),
                0x88 => Got::Close(
                    u16::from_be_bytes([payload[0], payload[1]]),
                    text(&payload[2..]),
                ),
                other => panic!("frame {other:#x}"),
            });
            rest = &rest[start + len..];
        }
        assert!(rest.is_empty(), "a part of a frame: {rest:?}");
        got
    }

    fn wait(&mut self, ms: u64) {
        self.now = self.now.after(Duration::from_millis(ms));
        self.shard.handle_tick(self.now);
        assert!(self.shard.flush(self.now, &mut self.sockets, usize::MAX));
    }

    /// The one question about credentials that is out.
    fn asked(&mut self) -> Asked {
        let asked = self.shard.poll_asked().expect("a question");
        assert!(matches!(asked.inquiry, Inquiry::Authenticate { .. }));
        asked
    }

    fn answer(&mut self, asked: &Asked, proof: &Proof) {
        self.shard
            .handle_proof(self.now, asked.conn.key, asked.ticket, proof);
    }

    /// Sends `authenticate` with this data, and has it accepted.
    fn authenticate(&mut self, key: Key, data: &Value, user: Option<&str>) -> Vec<Got> {
        self.say(
            key,
            &json!({"event": "authenticate", "data": data}).to_string(),
        );
        let asked = self.asked();
        self.answer(&asked, &Proof::Accepted(identity(user)));
        self.hears(key)
    }

    /// A client that is known as `u1`, with its id.
    fn known(&mut self) -> (Key, Ulid) {
        let key = self.connect();
        let got = self.authenticate(key, &json!({}), Some("u1"));
        let [Got::Text(connected)] = &got[..] else {
            panic!("{got:?}");
        };
        let connected: Value = serde_json::from_str(connected).expect("JSON");
        let id = connected["data"]["id"].as_str().expect("an id");
        (
            key,
            Ulid::parse_uuid(id.as_bytes()).expect("a version 4 UUID"),
        )
    }

    fn publish(&mut self, audience: Audience<'_>, topic: &str, data: Option<&str>) -> u64 {
        self.publish_but(audience, topic, data, &[])
    }

    fn publish_but(
        &mut self,
        audience: Audience<'_>,
        topic: &str,
        data: Option<&str>,
        exclude: &[Ulid],
    ) -> u64 {
        self.shard.handle_command_publication(&Publication {
            app: AppId(0),
            topic,
            audience,
            event: "e",
            data: data.map(str::as_bytes),
            kind: DataKind::Json,
            id: MessageId::Ulid(Ulid(1)),
            origin: Origin::Api,
            exclude,
        })
    }
}

fn identity(user: Option<&str>) -> Arc<Identity> {
    Arc::new(Identity {
        user: user.map(Arc::from),
        claims: json!({}),
        expires_unix_ms: None,
    })
}

fn event(data: &str) -> Got {
    Got::Text(format!(r#"{{"event":"e","data":{data}}}"#))
}

fn uuid(id: Ulid) -> String {
    String::from_utf8(id.uuid_text().to_vec()).expect("ASCII")
}
