//! A small strav server with one planted fault: blocking sockets, a thread for each connection, one lock.

use std::collections::HashMap;
use std::io::{Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Duration;

use serde_json::{Value, json};
use shardcast_contract::planted::PUBLISHED;

use crate::deflating::{Deflate, Deflating, broken_frame};

/// The answer to the key that the harness sends (the example of RFC 6455), up to its last header.
const UPGRADED: &str = "HTTP/1.1 101 Switching Protocols\r\nupgrade: websocket\r\n\
    connection: upgrade\r\nsec-websocket-accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n";

/// The publication at which a fault that happens once happens, counted from 1.
const FAULTY: u64 = 20;

/// How long anything may take that should happen at once: never reached unless something is broken.
const PATIENCE: Duration = Duration::from_secs(30);

/// What the server does, besides serving.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Plant {
    /// Nothing.
    Nothing,
    /// One subscriber gets these of [`shardcast_contract::planted::PUBLISHED`] publications, in this order.
    Deliver(&'static [u64]),
    /// One subscriber gets a publication of a topic it does not have.
    ForeignTopic,
    /// One subscriber gets a publication of another topic under its own topic's name.
    Misrouted,
    /// One subscriber gets the first publication that the server ever saw.
    Replay,
    /// One byte of one body changes.
    Corrupt,
    /// One message is no JSON.
    Garbage,
    /// One message has no id.
    NoId,
    /// Each publication takes so long, and the others wait for it.
    Busy(Duration),
    /// Who subscribed last, if somebody did before, gets this wrong from time to time.
    Latest(Wrong),
    /// Each publication leaves so many bytes behind.
    Leak(usize),
    /// Each publication takes so much longer than the one before.
    Slowing(Duration),
    /// A connection whose client says goodbye stays open until the client gives it up.
    NoGoodbye,
    /// From one publication on nothing is delivered.
    Stall,
    /// One subscriber's connection is closed.
    Cut,
    /// One subscriber gets a masked frame.
    Masked,
    /// Publications are refused.
    Refuse,
    /// Subscribes are never acknowledged.
    NoAck,
    /// The upgrade is refused.
    NoUpgrade,
    /// No fault: ids of all kinds, and keys in another order.
    OddButRight,
    /// No fault: bytes come one by one, with pings in between and messages in fragments.
    Trickle,
    /// No fault: several publications in one piece.
    Coalesce,
    /// Messages are compressed.
    Deflate(Deflate),
}

/// What who subscribed last gets wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Wrong {
    /// A publication is missing.
    Missing,
    /// One comes twice.
    Twice,
    /// One is of a topic that it does not have.
    Foreign,
    /// One is not as it was sent.
    Changed,
    /// The connection is closed.
    Cut,
}

/// How often who subscribed last gets something wrong: each such publication.
const WRONG_EVERY: u64 = 5;

/// A running server; it ends with the test's process.
pub(crate) struct Planted {
    addr: SocketAddr,
    server: Arc<Server>,
}

#[derive(Default)]
struct State {
    topics: HashMap<String, Vec<TcpStream>>,
    subscribes: u64,
    published: u64,
    first: Option<Value>,
    held: Vec<Vec<u8>>,
    leaked: Vec<Vec<u8>>,
}

struct Server {
    plant: Plant,
    state: Mutex<State>,
    deflating: Mutex<Deflating>,
    /// Somebody has subscribed or published.
    heard: Condvar,
}

impl Planted {
    /// Starts a server with this fault.
    pub(crate) fn start(plant: Plant) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let addr = listener.local_addr().expect("bound");
        let server = Arc::new(Server {
            plant,
            state: Mutex::default(),
            deflating: Mutex::default(),
            heard: Condvar::new(),
        });
        let accepting = Arc::clone(&server);
        thread::spawn(move || {
            for socket in listener.incoming().flatten() {
                let server = Arc::clone(&accepting);
                // A client that goes away ends its thread: that is no fault.
                thread::spawn(move || {
                    let peer = socket.peer_addr();
                    server.serve(socket).unwrap_or_default();
                    let mut state = server.lock();
                    for subscribers in state.topics.values_mut() {
                        subscribers
                            .retain(|other| other.peer_addr().ok() != peer.as_ref().ok().copied());
                    }
                });
            }
        });
        Self { addr, server }
    }

    /// Waits until a client has asked to be subscribed.
    pub(crate) fn wait_for_a_subscribe(&self) {
        self.wait_until(|state| state.subscribes > 0);
    }

    /// Waits until so many publications have come.
    pub(crate) fn wait_for_publications(&self, count: u64) {
        self.wait_until(|state| state.published >= count);
    }

    fn wait_until(&self, is_true: impl Fn(&State) -> bool) {
        let state = self.server.lock();
        let heard = &self.server.heard;
        let waited = heard.wait_timeout_while(state, PATIENCE, |state| !is_true(state));
        let (_state, timeout) = waited.unwrap_or_else(PoisonError::into_inner);
        assert!(!timeout.timed_out(), "what was waited for never came");
    }

    /// Where it listens.
    pub(crate) fn addr(&self) -> SocketAddr {
        self.addr
    }

    /// The arguments that lead the harness here.
    pub(crate) fn url(&self) -> String {
        format!(
            "--url ws://{}/ws --threads 2 --warmup 0s --checks-only",
            self.addr
        )
    }
}

impl Server {
    fn serve(&self, mut socket: TcpStream) -> std::io::Result<()> {
        socket.set_nodelay(true)?;
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            let mut byte = [0];
            socket.read_exact(&mut byte)?;
            head.extend(byte);
        }
        if self.plant == Plant::NoUpgrade {
            return socket.write_all(b"HTTP/1.1 403 Forbidden\r\ncontent-length: 0\r\n\r\n");
        }
        let answer = match self.plant {
            Plant::Deflate(how) => how.answer(),
            _ => "",
        };
        socket.write_all(format!("{UPGRADED}{answer}\r\n").as_bytes())?;
        self.send(&socket, &json!({"t": "welcome", "id": "1"}));
        while let Some(message) = read_message(&mut socket)? {
            let topic = message["c"].as_str().unwrap_or_default().to_owned();
            if message["t"] == "sub" {
                self.lock().subscribes += 1;
                self.heard.notify_all();
            }
            match message["t"].as_str() {
                Some("sub") if self.plant == Plant::NoAck => {}
                Some("sub") => {
                    let mut state = self.lock();
                    let subscribers = state.topics.entry(topic.clone()).or_default();
                    subscribers.push(socket.try_clone()?);
                    self.send(&socket, &json!({"t": "ok", "c": topic}));
                }
                Some("pub") if self.plant == Plant::Refuse => {
                    let refusal = json!({"t": "err", "c": topic, "r": "publish denied"});
                    self.send(&socket, &refusal);
                }
                Some("pub") => self.publish(&topic, message),
                _ => {}
            }
        }
        if self.plant == Plant::NoGoodbye {
            while socket.read(&mut [0; 1_024])? > 0 {}
        }
        Ok(())
    }

    fn publish(&self, topic: &str, mut message: Value) {
        let mut state = self.lock();
        state.published += 1;
        self.heard.notify_all();
        message["t"] = "msg".into();
        message["i"] = format!("{:026}", state.published).into();
        let first = state.first.get_or_insert_with(|| message.clone()).clone();
        let number = state.published;
        match self.plant {
            Plant::Busy(time) => thread::sleep(time),
            Plant::Slowing(time) => thread::sleep(time * state.published as u32),
            // Written to, so that the system gives the pages.
            Plant::Leak(bytes) => state.leaked.push(vec![1; bytes]),
            _ => {}
        }
        if self.plant == Plant::Stall && number >= FAULTY {
            return;
        }
        if self.plant == Plant::Coalesce {
            state.held.push(frame(message.to_string().as_bytes()));
            if state.held.len() < 4 {
                return;
            }
        }
        let State { topics, held, .. } = &mut *state;
        let subscribers = topics.get(topic).map_or(&[][..], Vec::as_slice);
        for (index, subscriber) in subscribers.iter().enumerate() {
            let is_faulty = index == 0 && number == FAULTY;
            let is_latest = index > 0 && index + 1 == subscribers.len();
            match self.plant {
                Plant::Coalesce => put(subscriber, &held.concat()),
                Plant::OddButRight => put(subscriber, &odd_but_right(number, &message)),
                Plant::Latest(wrong) if is_latest && number.is_multiple_of(WRONG_EVERY) => {
                    self.get_wrong(wrong, subscriber, &message);
                }
                Plant::Trickle => trickle(subscriber, &message),
                Plant::Deliver(places) if index == 0 && is_among_planted(number) => {
                    held.push(frame(message.to_string().as_bytes()));
                    if held.len() as u64 == PUBLISHED {
                        let frames = places.iter().map(|place| &held[*place as usize]);
                        put(subscriber, &frames.flatten().copied().collect::<Vec<u8>>());
                    }
                }
                _ if is_faulty => self.misbehave(subscriber, &message, &first),
                _ => self.send(subscriber, &message),
            }
        }
        if self.plant == Plant::Coalesce {
            held.clear();
        }
    }

    fn get_wrong(&self, wrong: Wrong, subscriber: &TcpStream, message: &Value) {
        let mut other = message.clone();
        match wrong {
            Wrong::Missing => return,
            Wrong::Cut => return subscriber.shutdown(Shutdown::Both).unwrap_or_default(),
            Wrong::Twice => {}
            Wrong::Foreign => other["c"] = "load.other".into(),
            Wrong::Changed => {
                let text = message["d"].as_str().unwrap_or_default().to_owned();
                other["d"] = format!("{}#", &text[..text.len() - 1]).into();
            }
        }
        self.send(subscriber, message);
        self.send(subscriber, &other);
    }

    fn misbehave(&self, subscriber: &TcpStream, message: &Value, first: &Value) {
        let mut message = message.clone();
        match self.plant {
            Plant::Nothing | Plant::Busy(_) | Plant::Latest(_) => {}
            Plant::Leak(_) | Plant::Slowing(_) | Plant::NoGoodbye => {}
            Plant::ForeignTopic => {
                let mut other = message.clone();
                other["c"] = "load.other".into();
                self.send(subscriber, &other);
            }
            // The very first went to the first topic; this is for runs whose faulty one does not.
            Plant::Misrouted => {
                let mut other = first.clone();
                other["c"] = message["c"].clone();
                self.send(subscriber, &other);
            }
            Plant::Replay => self.send(subscriber, first),
            Plant::Corrupt => {
                let text = message["d"].as_str().unwrap_or_default().to_owned();
                message["d"] = format!("{}#", &text[..text.len() - 1]).into();
            }
            Plant::Garbage => put(subscriber, &frame(b"{\"t\":\"msg\",")),
            Plant::NoId => {
                let envelope = message.as_object_mut().expect("an object");
                envelope.remove("i");
            }
            Plant::Cut => subscriber.shutdown(Shutdown::Both).unwrap_or_default(),
            Plant::Deflate(Deflate::Broken) => put(subscriber, &broken_frame()),
            Plant::Deflate(_) => {}
            Plant::Masked => put(subscriber, &[0x81, 0x82, 0, 0, 0, 0, b'{', b'}']),
            other => panic!("{other:?} is planted elsewhere"),
        }
        self.send(subscriber, &message);
    }

    fn send(&self, socket: &TcpStream, message: &Value) {
        let text = message.to_string();
        let Plant::Deflate(how) = self.plant else {
            return put(socket, &frame(text.as_bytes()));
        };
        // A client that has gone away misses nothing.
        let Ok(peer) = socket.peer_addr() else {
            return;
        };
        let mut deflating = self
            .deflating
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        put(socket, &deflating.frames(how, peer, text.as_bytes()));
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Whether a publication is one of those that a [`Plant::Deliver`] is about.
fn is_among_planted(number: u64) -> bool {
    (FAULTY..FAULTY + PUBLISHED).contains(&number)
}

/// Ids that any client must take, one after the other, and keys in an order of their own.
fn odd_but_right(number: u64, message: &Value) -> Vec<u8> {
    let ids = ["", "x", "a \"quoted\" id", "Größe", "\u{1}\n", "{\"t\":1}"];
    let id = json!(ids[number as usize % ids.len()]);
    let (topic, event, data) = (&message["c"], &message["e"], &message["d"]);
    let text = match number % 3 {
        0 => format!(r#"{{"i":{id},"d":{data},"new":[1,{{}}],"e":{event},"c":{topic},"t":"msg"}}"#),
        _ => format!(r#"{{"t":"msg","c":{topic},"e":{event},"d":{data},"i":{id}}}"#),
    };
    frame(text.as_bytes())
}

/// A ping, and the message in three fragments with another ping between them, byte by byte.
fn trickle(socket: &TcpStream, message: &Value) {
    let ping = [0x89, 2, b'h', b'i'];
    let text = message.to_string().into_bytes();
    let (begin, rest) = text.split_at(10);
    let (middle, end) = rest.split_at(100);
    let mut bytes = ping.to_vec();
    for (first_byte, part) in [(0x01, begin), (0x00, middle), (0x80, end)] {
        let mut part = frame(part);
        part[0] = first_byte;
        bytes.extend(part);
        if first_byte == 0 {
            bytes.extend(ping);
        }
    }
    bytes.extend(frame(br#"{"t":"ping"}"#));
    for byte in bytes {
        put(socket, &[byte]);
    }
}

fn put(mut socket: &TcpStream, bytes: &[u8]) {
    // A client that has gone away misses nothing.
    socket.write_all(bytes).unwrap_or_default();
}

fn frame(payload: &[u8]) -> Vec<u8> {
    let mut frame = match payload.len() {
        length @ 0..=125 => vec![0x81, length as u8],
        length => vec![0x81, 126, (length >> 8) as u8, length as u8],
    };
    frame.extend(payload);
    frame
}

/// The next text message as JSON; `None` when the client says goodbye.
fn read_message(socket: &mut TcpStream) -> std::io::Result<Option<Value>> {
    loop {
        let mut head = [0; 2];
        socket.read_exact(&mut head)?;
        let mut length = usize::from(head[1] & 0x7f);
        if length == 126 {
            let mut long = [0; 2];
            socket.read_exact(&mut long)?;
            length = u16::from_be_bytes(long).into();
        }
        let mut mask = [0; 4];
        socket.read_exact(&mut mask)?;
        let mut payload = vec![0; length];
        socket.read_exact(&mut payload)?;
        for (byte, mask) in payload.iter_mut().zip(mask.iter().cycle()) {
            *byte ^= mask;
        }
        match head[0] & 15 {
            1 => return Ok(serde_json::from_slice(&payload).ok()),
            8 => return Ok(None),
            _ => {}
        }
    }
}
