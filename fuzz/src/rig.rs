//! Shards without sockets, and the frames of both sides.

use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;

use shardcast::base::ids::IdKey;
use shardcast::base::limits::{ConnLimits, HandshakeLimits};
use shardcast::base::time::Now;
use shardcast::codec::http::HeadScanner;
use shardcast::codec::ws::unmask;
use shardcast::engine::addresses::AddressLimits;
use shardcast::engine::admission::Admission;
use shardcast::engine::context_memory::ContextMemory;
use shardcast::engine::decider::Decider;
use shardcast::engine::deflate::DeflateConfig;
use shardcast::engine::dialect::Dialect;
use shardcast::engine::door::Door;
use shardcast::engine::endpoint::Endpoint;
use shardcast::engine::interest::Interest;
use shardcast::engine::mailbox::{Inbox, connect};
use shardcast::engine::publication::AppId;
use shardcast::engine::shard::{Shard, ShardConfig};

/// Where all clients come from. (192.0.2.0/24 is kept for documentation.)
pub(crate) const PEER: IpAddr = IpAddr::V4(Ipv4Addr::new(192, 0, 2, 1));

/// When everything begins.
pub(crate) const START: Now = Now {
    monotonic_ms: 1_000,
    unix_ms: 1_700_000_000_000,
};

/// A sound request.
pub(crate) const UPGRADE: &[u8] =
    b"GET / HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
    Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n";

/// Bytes of a head that a shard here takes.
const HEAD_BYTES_MAX: usize = 1_024;

/// What shards share, and each of them with its mailbox.
pub(crate) struct Process {
    pub(crate) shards: Vec<(Shard, Inbox<()>)>,
    pub(crate) interest: Arc<Interest>,
    pub(crate) admission: Admission,
}

/// A process whose one endpoint speaks `dialect`.
pub(crate) fn process(
    shards: usize,
    mailbox: usize,
    conns_max: usize,
    limits: ConnLimits,
    dialect: impl Fn() -> Box<dyn Dialect>,
    decider: impl Fn() -> Box<dyn Decider>,
) -> Process {
    let interest = Arc::new(Interest::new(1, 1));
    let admission = Admission::new(conns_max, AddressLimits::default());
    let shards = connect::<()>(shards, mailbox)
        .into_iter()
        .map(|(mesh, inbox, _)| {
            let config = ShardConfig {
                id: mesh.me(),
                endpoints: vec![Endpoint {
                    path: "/".to_owned(),
                    app: AppId(0),
                    dialect: dialect(),
                    origins: Vec::new(),
                    door: Door::default(),
                    decider: decider(),
                    limits,
                    deflate: DeflateConfig::default(),
                }],
                apps: 1,
                handshake: HandshakeLimits {
                    head_bytes_max: HEAD_BYTES_MAX,
                    timeout_ms: 5_000,
                },
                admission: admission.clone(),
                id_key: IdKey::new([1; 16]),
                seed: 1,
                interest: Arc::clone(&interest),
                mesh,
                tls: None,
                context_memory: ContextMemory::new(1024 * 1024),
                stopwatch: || 0,
            };
            (Shard::new(config, START), inbox)
        })
        .collect();
    Process {
        shards,
        interest,
        admission,
    }
}

/// A client's frame; `first` is its first byte as it stands on the wire.
pub(crate) fn client_frame(first: u8, key: [u8; 4], payload: &[u8]) -> Vec<u8> {
    let mut frame = vec![first];
    match payload.len() {
        len @ 0..=125 => frame.push(0x80 | len as u8),
        len => {
            frame.push(0xfe);
            let len = u16::try_from(len).expect("no target sends more");
            frame.extend_from_slice(&len.to_be_bytes());
        }
    }
    frame.extend_from_slice(&key);
    let header_len = frame.len();
    frame.extend_from_slice(payload);
    unmask(&mut frame[header_len..], key, 0);
    frame
}

/// A frame of the server: its opcode and its payload.
pub(crate) type ServerFrame<'a> = (u8, &'a [u8]);

/// What a client has received: the status of the response, the whole frames behind it, and the
/// bytes of one that is not whole. `None` while the response is not whole.
///
/// Checks that the frames are such as a server may send, and that nothing follows a Close frame.
pub(crate) fn server_frames(received: &[u8]) -> Option<(&[u8], Vec<ServerFrame<'_>>, usize)> {
    // For the scanner a status line is as good as a request line.
    let head_len = HeadScanner::new()
        .scan(received, received.len())
        .expect("a response has a sound head")?;
    let (head, mut rest) = received.split_at(head_len);
    let status = head.get(9..12).expect("a status");
    let mut frames = Vec::new();
    if status != b"101" {
        return Some((status, frames, rest.len()));
    }
    while let Some((opcode, payload, behind)) = server_frame(rest) {
        frames.push((opcode, payload));
        rest = behind;
        assert!(opcode != 8 || rest.is_empty(), "something follows a Close");
    }
    Some((status, frames, rest.len()))
}

fn server_frame(bytes: &[u8]) -> Option<(u8, &[u8], &[u8])> {
    let [first, length_code, rest @ ..] = bytes else {
        return None;
    };
    assert_eq!(first & 0xf0, 0x80, "FIN and no reserved bit");
    let (len, rest) = match length_code {
        0..=125 => (usize::from(*length_code), rest),
        126 => {
            let (len, rest) = rest.split_first_chunk::<2>()?;
            let len = usize::from(u16::from_be_bytes(*len));
            assert!(len > 125, "the shortest form of length");
            (len, rest)
        }
        _ => panic!("no target makes a server send as much, or to mask it"),
    };
    let (payload, behind) = rest.split_at_checked(len)?;
    let opcode = first & 0x0f;
    match opcode {
        1 => assert!(std::str::from_utf8(payload).is_ok(), "text is UTF-8"),
        8..=10 => assert!(payload.len() <= 125, "control frames are short"),
        _ => panic!("opcode {opcode}"),
    }
    Some((opcode, payload, behind))
}
