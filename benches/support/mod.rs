//! A shard without sockets, for the benches of the engine.

use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;

use shardcast::base::ids::{ConnId, IdKey, ShardId, Ulid};
use shardcast::base::io::SendOutcome;
use shardcast::base::limits::{BackpressurePolicy, ConnLimits, HandshakeLimits, ReadRates};
use shardcast::base::slab::Key;
use shardcast::base::time::Now;
use shardcast::dialect::strav::Strav;
use shardcast::engine::addresses::AddressLimits;
use shardcast::engine::admission::Admission;
use shardcast::engine::context_memory::ContextMemory;
use shardcast::engine::deflate::DeflateConfig;
use shardcast::engine::door::Door;
use shardcast::engine::endpoint::Endpoint;
use shardcast::engine::flush::Sink;
use shardcast::engine::interest::Interest;
use shardcast::engine::mailbox::connect;
use shardcast::engine::publication::{AppId, Audience, DataKind, MessageId, Origin, Publication};
use shardcast::engine::rules::{Grant, PublishPattern, Rules};
use shardcast::engine::shard::{Shard, ShardConfig};

/// The instant at which everything here happens.
const PEER: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);

pub(crate) const NOW: Now = Now {
    monotonic_ms: 1_000,
    unix_ms: 1_700_000_000_000,
};

/// 128 bytes of JSON: a string.
pub(crate) const DATA: [u8; 128] = {
    let mut data = [b'x'; 128];
    data[0] = b'"';
    data[127] = b'"';
    data
};

/// A socket that takes everything, and counts it.
#[derive(Default)]
pub(crate) struct NullSink {
    pub(crate) sends: usize,
    pub(crate) bytes: usize,
}

impl Sink for NullSink {
    fn send(&mut self, _conn: Key, bytes: &[u8]) -> SendOutcome {
        self.sends += 1;
        self.bytes += bytes.len();
        SendOutcome::Sent(bytes.len())
    }
}

/// A publication of [`DATA`] on `topic`, from elsewhere.
pub(crate) fn publication(topic: &str) -> Publication<'_> {
    let key = Key {
        slot: 0,
        generation: 0,
    };
    Publication {
        app: AppId(0),
        topic,
        event: "event",
        data: Some(&DATA),
        kind: DataKind::Json,
        id: MessageId::Ulid(Ulid(1 << 100)),
        audience: Audience::Topic,
        origin: Origin::Conn(ConnId {
            shard: ShardId(9),
            key,
        }),
        exclude: &[],
    }
}

/// A client's text frame under an all-zero mask.
pub(crate) fn frame(text: &str) -> Vec<u8> {
    let len = u16::try_from(text.len()).expect("a short text");
    let mut bytes = match len {
        0..126 => vec![0x81, 0x80 | len as u8],
        _ => [&[0x81, 0x80 | 126], &len.to_be_bytes()[..]].concat(),
    };
    bytes.extend_from_slice(&[0; 4]);
    bytes.extend_from_slice(text.as_bytes());
    bytes
}

fn all_may_publish() -> Rules {
    let mut rules = Rules::default();
    let all = PublishPattern::parse("*").expect("a pattern");
    rules.add_publish(all, Grant::Allow);
    rules
}

/// A shard whose one endpoint speaks strav, with `subscribers` connections, number `n` of which is
/// subscribed to `topic(n)`.
pub(crate) fn shard_with_subscribers(subscribers: u32, topic: impl Fn(u32) -> String) -> Shard {
    let (mesh, ..) = connect::<()>(1, 1).remove(0);
    let config = ShardConfig {
        id: ShardId(0),
        endpoints: vec![Endpoint {
            path: "/".to_owned(),
            app: AppId(0),
            dialect: Box::new(Strav),
            origins: Vec::new(),
            door: Door::default(),
            decider: Box::new(all_may_publish()),
            deflate: DeflateConfig::default(),
            limits: ConnLimits {
                message_bytes_max: 64 * 1024,
                message_frames_max: 131_072,
                read_rates: ReadRates::default(),
                backpressure_bytes_max: 1024 * 1024,
                backpressure_policy: BackpressurePolicy::Close,
                unproven_bytes_max: 0,
                subscriptions_max: 128,
                ping_interval_ms: 0,
                idle_timeout_ms: 0,
                flush_interval_ms: 0,
            },
        }],
        apps: 1,
        handshake: HandshakeLimits {
            head_bytes_max: 16 * 1024,
            timeout_ms: 5_000,
        },
        admission: Admission::new(usize::MAX / 32, AddressLimits::default()),
        id_key: IdKey::new([1; 16]),
        seed: 1,
        interest: Arc::new(Interest::new(1, 1)),
        mesh,
        tls: None,
        context_memory: ContextMemory::new(1024 * 1024),
        stopwatch: || 0,
    };
    let mut shard = Shard::new(config, NOW);
    for number in 0..subscribers {
        let key = open(&mut shard);
        let mut frame = frame(&format!(r#"{{"t":"sub","c":"{}"}}"#, topic(number)));
        shard.handle_bytes(NOW, key, &mut frame);
        assert!(shard.flush(NOW, &mut NullSink::default(), usize::MAX));
    }
    assert_eq!(shard.topics().subscriptions(), subscribers as usize);
    shard
}

/// One more connection, which is a WebSocket when this returns.
pub(crate) fn open(shard: &mut Shard) -> Key {
    let key = shard.handle_accepted(NOW, PEER).expect("room");
    let mut head = b"GET / HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
        Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
        .to_vec();
    shard.handle_bytes(NOW, key, &mut head);
    key
}
