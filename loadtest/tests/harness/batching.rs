//! Small servers of other protocols that gather what is published: blocking sockets, a thread for each connection, one lock.

use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;

use serde_json::{Value, json};
use tungstenite::protocol::Role;
use tungstenite::{Message, WebSocket};

/// So many publications are gathered before they are delivered: a burst of the tests.
const GATHERED: usize = 5;

/// Bytes of the WebSocket messages that a stream is cut into, in turn: inside of lines, inside of bodies, over several messages.
const PIECES: [usize; 6] = [1, 9, 40, 3, 700, 160];

/// The batch, counted from 1, that lacks a publication if one is to be lost.
const FAULTY: u64 = 4;

/// What a template says of [`Protocol::Lines`].
const LINES: &str = r#"
separator = "\n"
subscribe = ['{"sub":"${TOPIC}"}']
ready = '{"ok":"${TOPIC}"}'
publish = '{"pub":"${TOPIC}","data":${BODY}}'
delivery = '{"data":${BODY},"on":"${TOPIC}"}'
notes = ['{"note":${ANY}}']
"#;

/// What the server speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Protocol {
    /// That of NATS, cut into messages anywhere.
    Nats,
    /// One of its own, with a whole batch in a message, line by line.
    Lines,
    /// None: what one says goes to all others.
    Raw,
}

/// A running server; it ends with the test's process.
pub(crate) struct Batching {
    addr: SocketAddr,
    protocol: Protocol,
}

struct Server {
    protocol: Protocol,
    loses: bool,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    subscribers: Vec<WebSocket<TcpStream>>,
    gathered: Vec<String>,
    batches: u64,
    piece: usize,
}

impl Batching {
    /// Starts a server; one that `loses` leaves a publication away, in the middle of a batch for one subscriber.
    pub(crate) fn start(protocol: Protocol, loses: bool) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let addr = listener.local_addr().expect("bound");
        let server = Arc::new(Server {
            protocol,
            loses,
            state: Mutex::default(),
        });
        thread::spawn(move || {
            for socket in listener.incoming().flatten() {
                let server = Arc::clone(&server);
                // A client that goes away ends its thread: that is no fault.
                thread::spawn(move || server.serve(socket).unwrap_or_default());
            }
        });
        Self { addr, protocol }
    }

    /// The arguments that lead the harness here and let it speak.
    pub(crate) fn flags(&self) -> String {
        let dialect = match self.protocol {
            Protocol::Nats => "nats".to_owned(),
            Protocol::Raw => "raw".to_owned(),
            Protocol::Lines => {
                let name = format!("lines-{}.toml", self.addr.port());
                let template = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(name);
                std::fs::write(&template, LINES).expect("a place for temporary files");
                format!("custom --template {}", template.display())
            }
        };
        format!(
            "--url ws://{}/ --dialect {dialect} --threads 2 --warmup 0s --checks-only",
            self.addr
        )
    }
}

impl Server {
    fn serve(&self, socket: TcpStream) -> tungstenite::Result<()> {
        socket.set_nodelay(true)?;
        let sender = WebSocket::from_raw_socket(socket.try_clone()?, Role::Server, None);
        let mut socket = {
            // Clients of the raw protocol are subscribers before they know that they are connected.
            let mut state = self.lock();
            let accepted =
                tungstenite::accept(socket).map_err(|_| tungstenite::Error::ConnectionClosed)?;
            if self.protocol == Protocol::Raw {
                state.subscribers.push(sender);
                drop(state);
                return self.repeat(accepted);
            }
            accepted
        };
        if self.protocol == Protocol::Nats {
            socket.send(Message::binary("INFO {\"max_payload\":1048576} \r\n"))?;
        }
        let mut sender = Some(sender);
        loop {
            let message = socket.read()?;
            let is_right = match self.protocol {
                Protocol::Nats => message.is_binary(),
                Protocol::Lines | Protocol::Raw => message.is_text(),
            };
            if !is_right {
                continue;
            }
            let text = String::from_utf8(message.into_data().to_vec()).expect("text");
            match self.protocol {
                Protocol::Nats if text.starts_with("PUB ") => {
                    let (_, payload) = text.split_once("\r\n").expect("two lines");
                    let length = payload.len() - 2;
                    self.gather(format!("MSG load.0 1 {length}\r\n{payload}"));
                }
                Protocol::Nats if text.starts_with("SUB ") => {
                    self.lock().subscribers.extend(sender.take());
                }
                // With the answer, another question.
                Protocol::Nats if text == "PING\r\n" => {
                    socket.send(Message::binary("PONG\r\nPING\r\n"))?;
                }
                Protocol::Nats => assert!(
                    ["CONNECT", "PONG\r\n"]
                        .iter()
                        .any(|start| text.starts_with(start))
                ),
                Protocol::Lines | Protocol::Raw => {
                    let said: Value = serde_json::from_str(&text).expect("JSON");
                    match said["pub"].as_str() {
                        Some(topic) => {
                            self.gather(json!({"on": topic, "data": said["data"]}).to_string())
                        }
                        None => {
                            let ok = json!({"ok": said["sub"]});
                            // Before the answer: deliveries may follow it at once.
                            let mut state = self.lock();
                            socket.send(Message::text(format!("{{\"note\":1}}\n{ok}\n")))?;
                            state.subscribers.extend(sender.take());
                        }
                    }
                }
            }
        }
    }

    fn repeat(&self, mut socket: WebSocket<TcpStream>) -> tungstenite::Result<()> {
        let own = socket.get_ref().peer_addr()?;
        loop {
            let message = socket.read()?;
            if message.is_text() {
                for other in &mut self.lock().subscribers {
                    if other.get_ref().peer_addr().is_ok_and(|addr| addr != own) {
                        // A client that has gone away misses nothing.
                        other.send(message.clone()).unwrap_or_default();
                    }
                }
            }
        }
    }

    /// Delivers it, if with it there are enough.
    fn gather(&self, message: String) {
        let mut state = self.lock();
        state.gathered.push(message);
        if state.gathered.len() < GATHERED {
            return;
        }
        state.batches += 1;
        let State {
            subscribers,
            gathered,
            batches,
            piece,
        } = &mut *state;
        for (index, subscriber) in subscribers.iter_mut().enumerate() {
            let mut batch = gathered.clone();
            if self.loses && index == 0 && *batches == FAULTY {
                batch.remove(2);
            }
            // A client that has gone away misses nothing.
            if self.protocol == Protocol::Lines {
                subscriber
                    .send(Message::text(batch.join("\n")))
                    .unwrap_or_default();
                continue;
            }
            let bytes = batch.concat().into_bytes();
            let mut rest = bytes.as_slice();
            while !rest.is_empty() {
                *piece += 1;
                let (now, later) = rest.split_at(rest.len().min(PIECES[*piece % PIECES.len()]));
                subscriber
                    .send(Message::binary(now.to_vec()))
                    .unwrap_or_default();
                rest = later;
            }
        }
        gathered.clear();
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
