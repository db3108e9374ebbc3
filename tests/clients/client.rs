//! One way to drive clients of all kinds.

use std::sync::mpsc::{Receiver, RecvTimeoutError};

use crate::support::PATIENCE;
use crate::{client_in_process, client_in_script};

/// Whose client it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// The crate `tokio-tungstenite`, in this process.
    Rust,
    /// The npm package `ws`, under Node.
    Node,
    /// The PyPI package `websockets`, under Python.
    Python,
}

impl Kind {
    pub(crate) const ALL: [Self; 3] = [Self::Rust, Self::Node, Self::Python];

    /// Whether it asks for compression.
    pub(crate) fn offers_deflate(self) -> bool {
        self != Self::Rust
    }
}

/// What a client is told to do.
#[derive(Debug)]
pub(crate) enum Command {
    Send(String),
    Ping(String),
    /// Close with this code.
    Close(u16),
}

/// What a client notices.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Event {
    Open {
        subprotocol: String,
        extensions: String,
    },
    Text(String),
    Pong(String),
    /// What the server's Close frame said.
    Closed {
        code: u16,
        reason: String,
    },
    Failed(String),
}

/// The end of a client that takes commands; dropping it ends the client.
pub(crate) trait Driven {
    fn order(&mut self, command: Command);
}

/// A client that is connected.
pub(crate) struct Client {
    pub(crate) kind: Kind,
    driven: Box<dyn Driven>,
    events: Receiver<Event>,
}

/// What the server chose at the upgrade.
pub(crate) struct Chosen {
    pub(crate) subprotocol: String,
    pub(crate) extensions: String,
}

impl Client {
    /// Connects without waiting for the welcome.
    pub(crate) fn open(kind: Kind, url: &str, subprotocols: &[&str]) -> (Self, Chosen) {
        let (driven, events) = match kind {
            Kind::Rust => client_in_process::start(url, subprotocols),
            Kind::Node => {
                client_in_script::start(client_in_script::node("client.cjs"), url, subprotocols)
            }
            Kind::Python => client_in_script::start(client_in_script::python(), url, subprotocols),
        };
        let client = Self {
            kind,
            driven,
            events,
        };
        match client.next() {
            Event::Open {
                subprotocol,
                extensions,
            } => {
                let chosen = Chosen {
                    subprotocol,
                    extensions,
                };
                (client, chosen)
            }
            event => panic!("{kind:?} did not connect: {event:?}"),
        }
    }

    /// Connects and reads the welcome.
    pub(crate) fn connect(kind: Kind, url: &str) -> Self {
        let (client, _chosen) = Self::open(kind, url, &[]);
        client.expect_welcome();
        client
    }

    pub(crate) fn send(&mut self, frame: &str) {
        self.driven.order(Command::Send(frame.to_owned()));
    }

    pub(crate) fn ping(&mut self, payload: &str) {
        self.driven.order(Command::Ping(payload.to_owned()));
    }

    pub(crate) fn close(&mut self, code: u16) {
        self.driven.order(Command::Close(code));
    }

    /// Subscribes and waits for the answer.
    pub(crate) fn subscribe(&mut self, channel: &str) {
        self.send(&format!(r#"{{"t":"sub","c":"{channel}"}}"#));
        self.expect_text(&format!(r#"{{"t":"ok","c":"{channel}"}}"#));
    }

    pub(crate) fn unsubscribe(&mut self, channel: &str) {
        self.send(&format!(r#"{{"t":"unsub","c":"{channel}"}}"#));
    }

    /// Publishes `data`, which is JSON.
    pub(crate) fn publish(&mut self, channel: &str, event: &str, data: &str) {
        let frame = format!(r#"{{"t":"pub","c":"{channel}","e":"{event}","d":{data}}}"#);
        self.send(&frame);
    }

    /// The next event, whatever it is.
    pub(crate) fn next(&self) -> Event {
        match self.events.recv_timeout(PATIENCE) {
            Ok(event) => event,
            Err(RecvTimeoutError::Timeout) => panic!("{:?} notices nothing more", self.kind),
            Err(RecvTimeoutError::Disconnected) => panic!("{:?} has ended", self.kind),
        }
    }

    /// The next event, which must be a text.
    pub(crate) fn text(&self) -> String {
        match self.next() {
            Event::Text(text) => text,
            event => panic!("{:?} expected a text, but: {event:?}", self.kind),
        }
    }

    pub(crate) fn expect_text(&self, text: &str) {
        assert_eq!(self.text(), text, "{:?}", self.kind);
    }

    /// The welcome, with its connection id.
    pub(crate) fn expect_welcome(&self) -> String {
        let text = self.text();
        let id = text
            .strip_prefix(r#"{"t":"welcome","id":""#)
            .and_then(|rest| rest.strip_suffix(r#""}"#))
            .unwrap_or_else(|| panic!("{:?} expected a welcome, but: {text}", self.kind));
        assert_is_ulid(id);
        id.to_owned()
    }

    /// The next event, which must be this message with this very data; gives its id.
    pub(crate) fn expect_message(&self, channel: &str, event: &str, data: &str) -> String {
        let text = self.text();
        let head = format!(r#"{{"t":"msg","c":"{channel}","e":"{event}","d":{data},"i":""#);
        let id = text
            .strip_prefix(&head)
            .and_then(|rest| rest.strip_suffix(r#""}"#))
            .unwrap_or_else(|| panic!("{:?} expected {head}..., but: {text}", self.kind));
        assert_is_ulid(id);
        id.to_owned()
    }

    /// The next event, which must be the server's Close frame.
    pub(crate) fn expect_closed(&self, code: u16, reason: &str) {
        let closed = Event::Closed {
            code,
            reason: reason.to_owned(),
        };
        assert_eq!(self.next(), closed, "{:?}", self.kind);
    }
}

fn assert_is_ulid(id: &str) {
    let crockford = |c: char| c.is_ascii_digit() || (c.is_ascii_uppercase() && !"ILOU".contains(c));
    assert!(id.len() == 26 && id.chars().all(crockford), "{id}");
}
