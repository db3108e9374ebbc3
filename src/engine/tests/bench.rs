//! What these tests are made with: a dialect of a few words, a decider that can be told to ask, sockets
//! that take as much as a test says.

use super::super::context_memory::ContextMemory;
use super::super::deflate::DeflateConfig;
use super::*;

/// Words: `sub T`, `unsub T`, `pub T E [D]`, `timer MS`, `close`, `many A B ...` (subscribes in one
/// list, then `done`), `login X` (others wait) and `login-meanwhile X`, `logout`, `app E [D]`, `who`.
/// Answers are texts.
pub(super) struct Words {
    pub(super) turns_away_by_close: bool,
    pub(super) needs_identity: bool,
    pub(super) stays_without_identity: bool,
}

pub(super) const WORDS: Words = Words {
    turns_away_by_close: false,
    needs_identity: false,
    stays_without_identity: false,
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
        if !self.stays_without_identity {
            actions.end(Cause::Unauthorized);
        }
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

pub(super) fn say(actions: &mut Actions<'_>, text: &str) {
    actions.reply(|out| write_frame(out, OpCode::Text, text.as_bytes()));
}

/// Topics that start `ask` are asked about, `no` is denied, `fail` fails, `mine` is for those with an
/// identity. Of events, `back` is answered, `all` and `others` are published to `lobby`, `?` is asked
/// about.
pub(super) struct Scripted;

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
pub(super) const PEER: IpAddr = IpAddr::V4(Ipv4Addr::new(192, 0, 2, 1));

pub(super) const LIMITS: ConnLimits = ConnLimits {
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
    flush_interval_ms: 0,
};

/// One shard of a small process, and what its sockets have taken.
pub(super) struct Bench {
    pub(super) now: Now,
    pub(super) shard: Shard,
    pub(super) inbox: Inbox<()>,
    pub(super) sockets: Sockets,
}

/// Sockets that take everything unless told otherwise.
#[derive(Default)]
pub(super) struct Sockets {
    pub(super) received: HashMap<Key, Vec<u8>>,
    /// How many more bytes a socket takes.
    pub(super) room: HashMap<Key, usize>,
    pub(super) sends: usize,
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
pub(super) enum Got {
    Text(String),
    Ping,
    Pong,
    Close(u16, String),
}

pub(super) fn text(text: &str) -> Got {
    Got::Text(text.to_owned())
}

pub(super) fn process(shards: usize, mailbox: usize, limits: ConnLimits) -> Vec<Bench> {
    guarded_process(shards, mailbox, limits, AddressLimits::default(), &[])
}

/// The one endpoint of these tests.
pub(super) fn words(limits: ConnLimits, origins: &[&str]) -> Endpoint {
    let origins = origins.iter().map(|origin| origin.parse());
    Endpoint {
        path: "/words".to_owned(),
        app: AppId(0),
        dialect: Box::new(WORDS),
        origins: origins.map(|origin| origin.expect("an origin")).collect(),
        door: Door::default(),
        decider: Box::new(Scripted),
        limits,
        deflate: DeflateConfig::default(),
    }
}

/// A process that does not take everybody.
pub(super) fn guarded_process(
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
                tls: None,
                context_memory: ContextMemory::new(1024 * 1024),
                stopwatch: || 0,
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

pub(super) fn one(limits: ConnLimits) -> Bench {
    process(1, 4, limits).remove(0)
}

pub(super) const UPGRADE: &str = "GET /words HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
    Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n";

/// A client's frame under an all-zero mask: its payload reads as it is.
pub(super) fn frame(opcode: u8, payload: &[u8]) -> Vec<u8> {
    assert!(payload.len() < 126);
    let mut bytes = vec![0x80 | opcode, 0x80 | payload.len() as u8, 0, 0, 0, 0];
    bytes.extend_from_slice(payload);
    bytes
}

impl Bench {
    pub(super) fn connect(&mut self) -> Key {
        let key = self
            .shard
            .handle_accepted(self.now, PEER)
            .expect("room for one");
        self.bytes(key, UPGRADE.as_bytes());
        self.flush();
        assert_eq!(self.got(key), [text("hello")]);
        key
    }

    pub(super) fn bytes(&mut self, key: Key, bytes: &[u8]) -> Flow {
        self.shard.handle_bytes(self.now, key, &mut bytes.to_vec())
    }

    pub(super) fn say(&mut self, key: Key, words: &str) -> Flow {
        self.bytes(key, &frame(1, words.as_bytes()))
    }

    pub(super) fn flush(&mut self) {
        assert!(self.shard.flush(self.now, &mut self.sockets, usize::MAX));
    }

    /// Flushes, and takes what a client has got since the last time.
    pub(super) fn hears(&mut self, key: Key) -> Vec<Got> {
        self.flush();
        self.got(key)
    }

    pub(super) fn got(&mut self, key: Key) -> Vec<Got> {
        let bytes = self.sockets.received.remove(&key).unwrap_or_default();
        let mut got = Vec::new();
        for (frame, payload) in frames_in(&bytes) {
            let words = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).expect("text");
            got.push(match frame[0] {
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
        }
        got
    }

    pub(super) fn tick(&mut self, after_ms: u64) {
        let step = std::time::Duration::from_millis(after_ms);
        self.now = self.now.after(step);
        self.shard.handle_tick(self.now);
    }

    pub(super) fn ops(&mut self) -> Vec<(Key, SocketOp)> {
        std::iter::from_fn(|| self.shard.poll_socket_op()).collect()
    }
}

/// What a client has received, behind the answer to its request if that is there: each frame, and its
/// payload.
pub(super) fn frames_in(bytes: &[u8]) -> Vec<(&[u8], &[u8])> {
    let mut rest = match bytes.strip_prefix(b"HTTP/1.1 101") {
        Some(_) => {
            let end = bytes.windows(4).position(|four| four == b"\r\n\r\n");
            &bytes[end.expect("a whole head") + 4..]
        }
        None => bytes,
    };
    let mut frames = Vec::new();
    while let [_, len, ..] = *rest {
        let (start, len) = match len {
            126 => (4, usize::from(u16::from_be_bytes([rest[2], rest[3]]))),
            len => (2, usize::from(len)),
        };
        frames.push((&rest[..start + len], &rest[start..start + len]));
        rest = &rest[start + len..];
    }
    assert!(rest.is_empty(), "a part of a frame: {rest:?}");
    frames
}
