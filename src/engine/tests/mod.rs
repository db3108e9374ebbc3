//! The shard as a whole, driven by hand: a dialect of a few words, a decider that can be told to
//! ask, sockets that take as much as a test says.

mod addresses;
mod backpressure;
mod deadlines;
mod directed;
mod door;
mod drain;
mod handshake;
mod identity;
mod mailbox_full;
mod rates;
mod reload;
mod waiting;

use std::borrow::Cow;
use std::collections::HashMap;
use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;

use super::addresses::AddressLimits;
use super::admission::Admission;
use super::decider::{Decider, Handling, Question, Ruling, Verdict};
use super::dialect::{Actions, ConnView, Decision, Dialect, DialectState, Message, Publish};
use super::disconnect::{Cause, Disconnect};
use super::door::Door;
use super::endpoint::Endpoint;
use super::flush::Sink;
use super::identity::Identity;
use super::interest::Interest;
use super::mailbox::{Inbox, connect};
use super::publication::{AppId, DataKind, Publication};
use super::shard::{Shard, ShardConfig};
use crate::base::ids::{ConnId, IdKey};
use crate::base::io::{Flow, SendOutcome, SocketOp};
use crate::base::limits::{BackpressurePolicy, ConnLimits, HandshakeLimits, ReadRates};
use crate::base::slab::Key;
use crate::base::time::Now;
use crate::codec::ws::{CloseCode, OpCode, write_frame};

/// Words: `sub T`, `unsub T`, `pub T E [D]`, `timer MS`, `close`, `many A B ...` (subscribes in one
/// list, then `done`), `login X` (others wait) and `login-meanwhile X`, `logout`, `app E [D]`, `who`.
/// Answers are texts.
struct Words {
    turns_away_by_close: bool,
    needs_identity: bool,
}

const WORDS: Words = Words {
    turns_away_by_close: false,
    needs_identity: false,
};

impl Dialect for Words {
    fn name(&self) -> &'static str {
        "words"
    }

    fn on_open(&self, _conn: &mut ConnView<'_>, actions: &mut Actions<'_>) {
        say(actions, "hello");
    }

    fn on_message<'m>(
        &self,
        conn: &mut ConnView<'_>,
        message: Message<'m>,
        actions: &mut Actions<'m>,
    ) {
        let text = std::str::from_utf8(message.payload).expect("tests send text");
        let words: Vec<&'m str> = text.split(' ').collect();
        match words[..] {
            ["sub", topic] => actions.subscribe(Cow::Borrowed(topic)),
            ["unsub", topic] => actions.unsubscribe(Cow::Borrowed(topic)),
            ["has", topic] => say(actions, &format!("has {}", conn.is_subscribed(topic))),
            ["pub" | "others", topic, event, ref data @ ..] => actions.publish(Publish {
                topic: Cow::Borrowed(topic),
                event: Cow::Borrowed(event),
                data: data.first().map(|data| Cow::Borrowed(data.as_bytes())),
                kind: DataKind::Text,
                needs_access: true,
                exclude_self: words[0] == "others",
            }),
            ["login", data] => actions.authenticate(Cow::Borrowed(data.as_bytes())),
            ["login-meanwhile", data] => {
                actions.authenticate_meanwhile(Cow::Borrowed(data.as_bytes()));
            }
            ["logout"] => actions.forget_identity(),
            ["app", event, ref data @ ..] => {
                let data = data.first().map(|data| Cow::Borrowed(data.as_bytes()));
                actions.handle(Cow::Borrowed(event), data);
            }
            ["who"] => {
                let user = conn.identity.map(|identity| identity.user.as_deref());
                say(actions, &format!("{user:?}"));
            }
            ["timer", after] => actions.set_timer(after.parse().expect("milliseconds")),
            ["close"] => {
                say(actions, "bye");
                actions.close(Disconnect {
                    code: CloseCode(4000),
                    reason: Cow::Borrowed("asked"),
                });
                say(actions, "never");
            }
            ["many", ref topics @ ..] => {
                for topic in topics {
                    actions.subscribe(Cow::Borrowed(*topic));
                }
                say(actions, "done");
            }
            _ => actions.ignore(),
        }
    }

    fn on_decision(
        &self,
        _conn: &mut ConnView<'_>,
        decision: &Decision<'_>,
        actions: &mut Actions<'_>,
    ) {
        match decision {
            Decision::Subscribe { topic, outcome } => say(actions, &format!("{outcome:?} {topic}")),
            Decision::Publish { topic, outcome } => say(actions, &format!("{outcome:?} {topic}")),
            Decision::Authenticate(outcome) => say(actions, &format!("{outcome:?}")),
        }
    }

    fn on_timer(&self, _conn: &mut ConnView<'_>, actions: &mut Actions<'_>) {
        actions.subscribe(Cow::Borrowed("ticks"));
        say(actions, "tick");
    }

    fn on_identity_end(&self, conn: &mut ConnView<'_>, reason: &str, actions: &mut Actions<'_>) {
        assert!(conn.identity.is_none());
        say(actions, reason);
        actions.end(Cause::Unauthorized);
    }

    fn turns_away_by_close(&self) -> bool {
        self.turns_away_by_close
    }

    fn needs_identity(&self) -> bool {
        self.needs_identity
    }

    fn hears_everyone(&self, state: &DialectState) -> bool {
        state.is_none()
    }

    fn is_in_own_room(&self, state: &DialectState) -> bool {
        state.is_none()
    }

    fn encode(&self, publication: &Publication<'_>, out: &mut Vec<u8>) {
        let data = String::from_utf8_lossy(publication.data.unwrap_or_default());
        let text = format!("{} {} {data}", publication.topic, publication.event);
        write_frame(out, OpCode::Text, text.as_bytes());
    }
}

fn say(actions: &mut Actions<'_>, text: &str) {
    actions.reply(|out| write_frame(out, OpCode::Text, text.as_bytes()));
}

/// Topics that start `ask` are asked about, `no` is denied, `fail` fails, `mine` is for those with an
/// identity. Of events, `back` is answered, `all` and `others` are published to `lobby`, `?` is asked
/// about.
struct Scripted;

impl Decider for Scripted {
    fn handle(&self, _identity: Option<&Identity>, event: &str) -> Handling {
        match event {
            "back" => Handling::Reply,
            "all" | "others" => Handling::Publish {
                topic: "lobby".to_owned(),
                exclude_self: event == "others",
            },
            "?" => Handling::Ask,
            _ => Handling::Drop,
        }
    }

    fn decide(
        &self,
        _conn: ConnId,
        identity: Option<&Identity>,
        question: &Question<'_>,
    ) -> Ruling {
        let (Question::Subscribe { topic } | Question::Publish { topic, .. }) = question;
        if topic.starts_with("ask") {
            Ruling::Ask
        } else if topic.starts_with("no") || (topic.starts_with("mine") && identity.is_none()) {
            Ruling::Known(Verdict::Deny)
        } else if topic.starts_with("fail") {
            Ruling::Known(Verdict::Fail)
        } else {
            Ruling::Known(Verdict::Allow)
        }
    }
}

/// Where all clients of these tests come from. (192.0.2.0/24 is kept for documentation.)
const PEER: IpAddr = IpAddr::V4(Ipv4Addr::new(192, 0, 2, 1));

const LIMITS: ConnLimits = ConnLimits {
    message_bytes_max: 1_000,
    message_frames_max: 8,
    read_rates: ReadRates {
        messages_per_s: 0,
        bytes_per_s: 0,
    },
    backpressure_bytes_max: 4_000,
    backpressure_policy: BackpressurePolicy::Close,
    unproven_bytes_max: 0,
    subscriptions_max: 4,
    ping_interval_ms: 30_000,
    idle_timeout_ms: 90_000,
};

/// One shard of a small process, and what its sockets have taken.
struct Bench {
    now: Now,
    shard: Shard,
    inbox: Inbox<()>,
    sockets: Sockets,
}

/// Sockets that take everything unless told otherwise.
#[derive(Default)]
struct Sockets {
    received: HashMap<Key, Vec<u8>>,
    /// How many more bytes a socket takes.
    room: HashMap<Key, usize>,
    sends: usize,
}

impl Sink for Sockets {
    fn send(&mut self, conn: Key, bytes: &[u8]) -> SendOutcome {
        self.sends += 1;
        let room = self.room.entry(conn).or_insert(usize::MAX);
        let sent = bytes.len().min(*room);
        if sent == 0 {
            return SendOutcome::Blocked;
        }
        *room = room.saturating_sub(sent);
        self.received
            .entry(conn)
            .or_default()
            .extend_from_slice(&bytes[..sent]);
        SendOutcome::Sent(sent)
    }
}

/// What a client has received.
#[derive(Debug, PartialEq, Eq, Clone)]
enum Got {
    Text(String),
    Ping,
    Pong,
    Close(u16, String),
}

fn text(text: &str) -> Got {
    Got::Text(text.to_owned())
}

fn process(shards: usize, mailbox: usize, limits: ConnLimits) -> Vec<Bench> {
    guarded_process(shards, mailbox, limits, AddressLimits::default(), &[])
}

/// The one endpoint of these tests.
fn words(limits: ConnLimits, origins: &[&str]) -> Endpoint {
    let origins = origins.iter().map(|origin| origin.parse());
    Endpoint {
        path: "/words".to_owned(),
        app: AppId(0),
        dialect: Box::new(WORDS),
        origins: origins.map(|origin| origin.expect("an origin")).collect(),
        door: Door::default(),
        decider: Box::new(Scripted),
        limits,
    }
}

/// A process that does not take everybody.
fn guarded_process(
    shards: usize,
    mailbox: usize,
    limits: ConnLimits,
    addresses: AddressLimits,
    origins: &[&str],
) -> Vec<Bench> {
    let now = Now {
        monotonic_ms: 1_000,
        unix_ms: 1_700_000_000_000,
    };
    let interest = Arc::new(Interest::new(1, 1));
    let admission = Admission::new(100, addresses);
    connect::<()>(shards, mailbox)
        .into_iter()
        .map(|(mesh, inbox, _)| {
            let config = ShardConfig {
                id: mesh.me(),
                endpoints: vec![words(limits, origins)],
                apps: 1,
                handshake: HandshakeLimits {
                    head_bytes_max: 2_000,
                    timeout_ms: 5_000,
                },
                admission: admission.clone(),
                id_key: IdKey::new([1; 16]),
                seed: 1,
                interest: Arc::clone(&interest),
                mesh,
            };
            Bench {
                now,
                shard: Shard::new(config, now),
                inbox,
                sockets: Sockets::default(),
            }
        })
        .collect()
}

fn one(limits: ConnLimits) -> Bench {
    process(1, 4, limits).remove(0)
}

const UPGRADE: &str = "GET /words HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
    Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n";

/// A client's frame under an all-zero mask: its payload reads as it is.
fn frame(opcode: u8, payload: &[u8]) -> Vec<u8> {
    assert!(payload.len() < 126);
    let mut bytes = vec![0x80 | opcode, 0x80 | payload.len() as u8, 0, 0, 0, 0];
    bytes.extend_from_slice(payload);
    bytes
}

impl Bench {
    fn connect(&mut self) -> Key {
        let key = self
            .shard
            .handle_accepted(self.now, PEER)
            .expect("room for one");
        self.bytes(key, UPGRADE.as_bytes());
        self.flush();
        assert_eq!(self.got(key), [text("hello")]);
        key
    }

    fn bytes(&mut self, key: Key, bytes: &[u8]) -> Flow {
        self.shard.handle_bytes(self.now, key, &mut bytes.to_vec())
    }

    fn say(&mut self, key: Key, words: &str) -> Flow {
        self.bytes(key, &frame(1, words.as_bytes()))
    }

    fn flush(&mut self) {
        assert!(self.shard.flush(self.now, &mut self.sockets, usize::MAX));
    }

    /// Flushes, and takes what a client has got since the last time.
    fn hears(&mut self, key: Key) -> Vec<Got> {
        self.flush();
        self.got(key)
    }

    fn got(&mut self, key: Key) -> Vec<Got> {
        let bytes = self.sockets.received.remove(&key).unwrap_or_default();
        let mut rest = match bytes.strip_prefix(b"HTTP/1.1 101") {
            Some(_) => {
                let end = bytes.windows(4).position(|four| four == b"\r\n\r\n");
                &bytes[end.expect("a whole head") + 4..]
            }
            None => &bytes[..],
        };
        let mut got = Vec::new();
        while let [first, len, ..] = *rest {
            let (start, len) = match len {
                126 => (4, usize::from(u16::from_be_bytes([rest[2], rest[3]]))),
                len => (2, usize::from(len)),
            };
            let payload = &rest[start..start + len];
            let words = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).expect("text");
            got.push(match first {
                0x81 => Got::Text(words(payload)),
                0x89 => Got::Ping,
                0x8a => Got::Pong,
                0x88 if payload.is_empty() => Got::Close(1005, String::new()),
                0x88 => Got::Close(
                    u16::from_be_bytes([payload[0], payload[1]]),
                    words(&payload[2..]),
                ),
                other => panic!("frame {other:#x}"),
            });
            rest = &rest[start + len..];
        }
        assert!(rest.is_empty(), "a part of a frame: {rest:?}");
        got
    }

    fn tick(&mut self, after_ms: u64) {
        let step = std::time::Duration::from_millis(after_ms);
        self.now = self.now.after(step);
        self.shard.handle_tick(self.now);
    }

    fn ops(&mut self) -> Vec<(Key, SocketOp)> {
        std::iter::from_fn(|| self.shard.poll_socket_op()).collect()
    }
}

#[test]
fn publish_reaches_every_subscriber_once_and_in_one_send() {
    let mut bench = one(LIMITS);
    let clients: Vec<Key> = (0..3).map(|_| bench.connect()).collect();
    for client in &clients {
        bench.say(*client, "sub t");
        bench.say(*client, "sub t");
    }
    for client in &clients {
        let answers = [text("Subscribed t"), text("AlreadySubscribed t")];
        assert_eq!(bench.hears(*client), answers);
    }
    bench.say(clients[0], "pub t e 1");
    bench.say(clients[1], "pub t e 2");
    let sends = bench.sockets.sends;
    bench.flush();
    assert_eq!(bench.sockets.sends, sends + 3);
    assert_eq!(bench.got(clients[2]), [text("t e 1"), text("t e 2")]);
    let own = [text("t e 1"), text("Accepted t"), text("t e 2")];
    assert_eq!(bench.got(clients[0]), own);
    assert_eq!(bench.shard.stats().deliveries, 6);
}

#[test]
fn excluded_publisher_does_not_hear_itself() {
    let mut bench = one(LIMITS);
    let (one, two) = (bench.connect(), bench.connect());
    bench.say(one, "sub t");
    bench.say(two, "sub t");
    bench.say(one, "others t e");
    assert_eq!(bench.hears(one), [text("Subscribed t"), text("Accepted t")]);
    assert_eq!(bench.got(two), [text("Subscribed t"), text("t e ")]);
}

#[test]
fn unsubscribed_connection_hears_nothing_more() {
    let mut bench = one(LIMITS);
    let client = bench.connect();
    for words in ["sub t", "unsub t", "unsub never", "has t", "pub t e"] {
        bench.say(client, words);
    }
    let answers = ["Subscribed t", "has false", "Accepted t"].map(text);
    assert_eq!(bench.hears(client), answers);
    assert_eq!(bench.shard.topics().topics(), 0);
}

#[test]
fn subscription_limit_and_long_names_are_refused() {
    let mut bench = one(ConnLimits {
        message_bytes_max: 2_000,
        ..LIMITS
    });
    let client = bench.connect();
    for topic in ["a", "b", "c", "d", "e", "a"] {
        bench.say(client, &format!("sub {topic}"));
    }
    let got = bench.hears(client);
    assert_eq!(got[4], text("LimitReached e"));
    assert_eq!(got[5], text("AlreadySubscribed a"));
}

#[test]
fn public_id_finds_its_connection_while_it_is_open() {
    let mut benches = process(2, 4, LIMITS);
    let key = benches[0].connect();
    let other = benches[0].connect();
    let id = benches[0].shard.conn(key).expect("open").id;
    assert_eq!(benches[0].shard.find(id), Some(key));
    assert_eq!(benches[1].shard.find(id), None);
    let now = benches[0].now;
    benches[0].shard.handle_end(now, key, true);
    assert_eq!(benches[0].shard.find(id), None);
    benches[0].shard.handle_released(key);
    let reused = benches[0].connect();
    assert_eq!(reused.slot, key.slot);
    assert_eq!(benches[0].shard.find(id), None);
    assert_ne!(reused, other);
}

#[test]
fn dialects_close_comes_after_its_replies_and_is_the_last() {
    let mut bench = one(LIMITS);
    let client = bench.connect();
    bench.say(client, "sub t");
    bench.say(client, "close");
    bench.say(client, "sub u");
    let got = bench.hears(client);
    assert_eq!(got[1..], [text("bye"), Got::Close(4000, "asked".into())]);
    assert_eq!(bench.ops(), [(client, SocketOp::ShutdownWrite)]);
    assert_eq!(bench.shard.stats().closed_for(Cause::Dialect), 1);
    assert_eq!(bench.shard.topics().topics(), 0);
    bench.shard.handle_end(bench.now, client, false);
    assert_eq!(bench.ops(), [(client, SocketOp::Close)]);
    bench.shard.handle_released(client);
    assert_eq!(bench.shard.conns(), 0);
}

#[test]
fn frame_errors_close_with_their_codes() {
    for (bytes, code, cause) in [
        (&[0x81, 0x01, b'x'][..], 1002, Cause::ProtocolError),
        (&[0xc1, 0x80, 0, 0, 0, 0][..], 1002, Cause::ProtocolError),
        (
            &[0x81, 0x81, 0, 0, 0, 0, 0xff][..],
            1007,
            Cause::InvalidPayload,
        ),
        (
            &[0x82, 0xfe, 0x03, 0xe9, 0, 0, 0, 0][..],
            1009,
            Cause::MessageTooBig,
        ),
    ] {
        let mut bench = one(LIMITS);
        let client = bench.connect();
        bench.bytes(client, bytes);
        bench.say(client, "sub t");
        let got = bench.hears(client);
        assert!(
            matches!(&got[..], [Got::Close(found, _)] if *found == code),
            "{got:?}"
        );
        assert_eq!(bench.shard.stats().closed_for(cause), 1);
    }
}

#[test]
fn ping_is_answered_and_peers_close_is_echoed() {
    let mut bench = one(LIMITS);
    let client = bench.connect();
    bench.bytes(client, &frame(9, b"x"));
    bench.bytes(client, &frame(8, &[0x0f, 0xa1, b'b']));
    assert_eq!(
        bench.hears(client),
        [Got::Pong, Got::Close(4001, String::new())]
    );
    let client = bench.connect();
    bench.bytes(client, &frame(8, b""));
    assert_eq!(bench.hears(client), [Got::Close(1005, String::new())]);
}

#[test]
fn peer_that_only_finished_sending_is_still_answered() {
    let mut bench = one(LIMITS);
    let client = bench.connect();
    bench.say(client, "sub t");
    bench.shard.handle_end(bench.now, client, false);
    assert_eq!(bench.ops(), []);
    assert_eq!(bench.hears(client), [text("Subscribed t")]);
    assert_eq!(bench.ops(), [(client, SocketOp::Close)]);
}
