//! What clients of the servers that can be loaded say, and what they are told.
//!
//! A publication's body is one JSON value in every dialect, whose bytes stand in the messages as they are. Most messages of a
//! server are as they were expected to the byte, which is all that is looked at (see [`Quick`]); the others are read in any order of keys.

mod args;
mod custom;
mod ignis;
mod nats;
mod nchan;
mod pattern;
mod pusher;
mod quick;
mod raw;
mod shared_websocket;
mod socket_io;
mod strav;

use std::borrow::Cow;

use clap::ValueEnum;

use crate::failure::Failure;
use crate::frames::Opcode;
use crate::topology::Topology;

pub(crate) use self::args::DialectArgs;
pub(crate) use self::quick::{DeliveryEnd, Quick};

/// Which protocol the server's clients speak.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Dialect {
    /// `sub`, `pub` and `msg` of @strav/broadcast
    Strav,
    /// Rooms and events of @venizia/ignis; a topic is a room, and the event of what is published there
    Ignis,
    /// Channels of @gwakko/shared-websocket; what is published is named by its topic, too
    SharedWebsocket,
    /// Private channels and client events of Pusher, protocol 7
    Pusher,
    /// Events `sub`, `pub` and `msg` of a server on Socket.IO, protocol 5
    SocketIo,
    /// Subscribers and publishers of Nchan, each with a path of its own
    Nchan,
    /// The protocol of NATS, in binary messages
    Nats,
    /// No words at all: the server sends on what it gets
    Raw,
    /// What --template says
    Custom,
}

/// What a client is there for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Role<'a> {
    /// The topic that it subscribes to.
    pub(crate) topic: Option<&'a str>,
    /// The topics that it publishes to.
    pub(crate) publishes: Vec<&'a str>,
}

/// How messages of the server lie in WebSocket messages.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Framing {
    /// Each in one of its own.
    Single,
    /// One or more in each, with this byte between them.
    Separated(u8),
    /// End to end, wherever a WebSocket message ends. The function tells the length of the first one, or `None` if that is not
    /// all there.
    Stream(fn(&[u8]) -> Option<usize>),
}

/// One dialect, as a client of the harness needs it. What is said is given to `say` message by message.
pub(crate) trait Speech: std::fmt::Debug + Sync {
    /// Where its server is to be found in its documentation's examples.
    fn url(&self) -> &str;

    /// The path that a client of this role connects to, below the URL's own path; `None` if that is everybody's.
    fn path(&self, _base: &str, _role: &Role<'_>) -> Option<String> {
        None
    }

    /// Why its clients cannot do what is asked of them, if they cannot.
    fn objection(&self, _topology: &Topology) -> Option<&'static str> {
        None
    }

    /// What lets everybody publish to `topic`, as options of shardcast; `None` if shardcast does not speak it.
    fn permission(&self, _topic: &str) -> Option<String> {
        None
    }

    /// What kind of messages the clients send.
    fn opcode(&self) -> Opcode {
        Opcode::Text
    }

    /// How the server's messages come.
    fn framing(&self) -> Framing {
        Framing::Single
    }

    /// The connection is a WebSocket now.
    fn on_upgrade(&self, _role: &Role<'_>, _say: &mut dyn FnMut(&[u8])) {}

    /// Whether nothing more is to be waited for then.
    fn is_ready_on_upgrade(&self, _role: &Role<'_>) -> bool {
        false
    }

    /// The server has sent its [`ServerMessage::Greeting`], with this token if it has one.
    fn on_greeting(&self, _role: &Role<'_>, _token: Option<&str>, _say: &mut dyn FnMut(&[u8])) {}

    /// Whether nothing more is to be waited for then.
    fn is_ready_on_greeting(&self, role: &Role<'_>) -> bool {
        role.topic.is_none()
    }

    /// What is said from time to time, whenever the server sends a ping frame.
    fn heartbeat(&self) -> Option<&'static [u8]> {
        None
    }

    /// Reads any message of the server.
    fn read<'a>(&self, text: &'a [u8]) -> ServerMessage<'a>;

    /// What stands before and after the body of `body_bytes` in a message that publishes.
    fn publish_edges(&self, topic: &str, body_bytes: usize) -> (String, String);

    /// What stands before and after it in the messages that subscribers get; `None` if that cannot be told beforehand.
    fn delivery_edges(&self, topic: &str, body_bytes: usize) -> Option<(String, DeliveryEnd)>;
}

/// A message of the server.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum ServerMessage<'a> {
    /// The client may speak.
    Greeting {
        /// What it needs to know for that.
        token: Option<Cow<'a, str>>,
    },
    /// All that the client asked for has taken effect.
    Ready {
        /// The topic that was subscribed to, if the server says it.
        topic: Option<Cow<'a, str>>,
    },
    /// Something was refused.
    Refused {
        /// The topic, if the server says it.
        topic: Option<Cow<'a, str>>,
        /// Why, in the server's words.
        reason: Cow<'a, str>,
    },
    /// To be answered by this.
    Ping(&'static [u8]),
    /// Right, and nothing that a client waits for.
    Note,
    /// A publication.
    Msg {
        /// The topic, if the server says it.
        topic: Option<Cow<'a, str>>,
        /// The body, as it should be written; `None` if there is none or the event is not ours.
        body: Option<Cow<'a, str>>,
    },
    /// None of these, or not even of its form.
    Unknown,
}

impl Dialect {
    /// How it is spoken, with what the command line says of it.
    ///
    /// # Errors
    ///
    /// When it says too little or too much, or the template is none.
    pub(crate) fn speech(self, args: &DialectArgs) -> Result<&'static dyn Speech, Failure> {
        args.check(self)?;
        Ok(match self {
            Self::Strav => &strav::Strav,
            Self::Ignis => &ignis::Ignis,
            Self::SharedWebsocket => &shared_websocket::SharedWebsocket,
            // There is one dialect in a run, and it is needed to its end.
            Self::Pusher => Box::leak(Box::new(pusher::Pusher::new(args.pusher_app()?))),
            Self::SocketIo => &socket_io::SocketIo,
            Self::Nchan => &nchan::Nchan,
            Self::Nats => &nats::Nats,
            Self::Raw => &raw::Raw,
            Self::Custom => Box::leak(Box::new(custom::Custom::read(args.template()?)?)),
        })
    }

    /// As it is written on the command line.
    pub(crate) fn name(self) -> String {
        let value = self.to_possible_value().expect("none is hidden");
        value.get_name().to_owned()
    }
}

/// The body that a server has written as `raw`: any escapes may be in a string, of which ours have none.
fn body_of(raw: Option<&serde_json::value::RawValue>) -> Option<Cow<'_, str>> {
    let raw = raw?.get();
    Some(match serde_json::from_str::<String>(raw) {
        Ok(text) => format!("\"{text}\"").into(),
        Err(_) => raw.into(),
    })
}

/// A message without an envelope.
fn unworded(text: &[u8]) -> ServerMessage<'_> {
    match std::str::from_utf8(text) {
        Ok(body) => ServerMessage::Msg {
            topic: None,
            body: Some(body.into()),
        },
        Err(_) => ServerMessage::Unknown,
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    /// One that subscribes and does nothing else.
    pub(super) fn subscriber() -> Role<'static> {
        Role {
            topic: Some("load.1"),
            publishes: Vec::new(),
        }
    }

    /// What is said.
    pub(super) fn said(talk: impl FnOnce(&mut dyn FnMut(&[u8]))) -> Vec<String> {
        let mut said = Vec::new();
        talk(&mut |text| said.push(String::from_utf8_lossy(text).into_owned()));
        said
    }

    fn speech(dialect: Dialect) -> &'static dyn Speech {
        let speech = dialect.speech(&DialectArgs::default());
        speech.expect("it needs no more")
    }

    /// Those that write JSON around the body.
    const DIALECTS: [Dialect; 5] = [
        Dialect::Strav,
        Dialect::Ignis,
        Dialect::SharedWebsocket,
        Dialect::Pusher,
        Dialect::SocketIo,
    ];

    /// What a server that keeps the usual order of keys sends.
    fn usual(dialect: Dialect, topic: &str, body: &str, id: &str) -> String {
        match dialect {
            Dialect::Strav => {
                format!(r#"{{"t":"msg","c":"{topic}","e":"load","d":{body},"i":"{id}"}}"#)
            }
            Dialect::Ignis => format!(r#"{{"event":"{topic}","data":{body}}}"#),
            Dialect::SharedWebsocket => {
                format!(r#"{{"event":"{topic}:{topic}","data":{body}}}"#)
            }
            Dialect::Pusher => {
                format!(r#"{{"event":"client-load","channel":"private-{topic}","data":{body}}}"#)
            }
            Dialect::SocketIo => format!(r#"42["msg","{topic}",{body},"{id}"]"#),
            _ => unreachable!("what has no JSON around the body has tests of its own"),
        }
    }

    #[test]
    fn both_ways_find_the_body() {
        for dialect in DIALECTS {
            for body in [r#""12345678""#, r#"{"a":[1],}"#] {
                let quick = Quick::new(speech(dialect), "load.1", 10);
                let text = usual(dialect, "load.1", body, "01M7W7FG1995BEJN09TH3ZZT04");
                assert_eq!(quick.body(text.as_bytes()), Some(body.as_bytes()));
            }
            let text = usual(dialect, "load.1", r#""12\u003378""#, "x");
            assert_eq!(
                speech(dialect).read(text.as_bytes()),
                ServerMessage::Msg {
                    topic: Some("load.1".into()),
                    body: Some(r#""12378""#.into())
                }
            );
            let text = usual(dialect, "load.1", r#"{"a": 1}"#, "x");
            assert_eq!(
                speech(dialect).read(text.as_bytes()),
                ServerMessage::Msg {
                    topic: Some("load.1".into()),
                    body: Some(r#"{"a": 1}"#.into())
                }
            );
        }
    }

    #[test]
    fn the_quick_way_leaves_alone_what_it_does_not_know() {
        for dialect in DIALECTS {
            let quick = Quick::new(speech(dialect), "load.1", 8);
            let usual = |topic, body| usual(dialect, topic, body, "x");
            let whole = usual("load.1", r#""123456""#);
            let last = whole.len() - 1;
            for text in [
                usual("load.2", r#""123456""#),
                usual("load.1", r#""12345""#),
                usual("load.1", r#""1234567""#),
                format!("{whole} "),
                format!(r#"{},"more":1{}"#, &whole[..last], &whole[last..]),
                String::new(),
            ] {
                assert_eq!(quick.body(text.as_bytes()), None, "{text}");
            }
            for end in 0..whole.len() {
                assert_eq!(quick.body(&whole.as_bytes()[..end]), None);
            }
        }
    }

    #[test]
    fn what_is_told_of_one_dialect_is_not_told_of_another() {
        #[derive(clap::Parser)]
        struct Line {
            #[command(flatten)]
            args: DialectArgs,
        }
        let speech = |dialect: Dialect, words: &str| {
            let words = ["loadtest"].into_iter().chain(words.split_whitespace());
            let line = <Line as clap::Parser>::try_parse_from(words).expect("known words");
            dialect.speech(&line.args).map(|_| ())
        };
        assert!(speech(Dialect::Strav, "--template a.toml").is_err());
        assert!(speech(Dialect::Strav, "--pusher-key a").is_err());
        assert!(speech(Dialect::Custom, "").is_err());
        assert!(speech(Dialect::Custom, "--template none.toml").is_err());
        assert!(speech(Dialect::Pusher, "--pusher-key a --pusher-secret b").is_ok());
        assert!(speech(Dialect::Pusher, "--pusher-key a/b").is_err());
    }

    #[test]
    fn what_is_no_message_of_the_server_is_unknown() {
        for dialect in DIALECTS {
            for text in ["", "{}", "[]", r#"{"t":"ok"}"#, r#"{"t":"new"}"#, "{", "7"] {
                let read = speech(dialect).read(text.as_bytes());
                assert_eq!(read, ServerMessage::Unknown, "{text}");
            }
        }
    }

    #[test]
    fn a_publication_is_what_the_server_takes_for_one() {
        let written = |dialect: Dialect| {
            let mut out = Vec::new();
            let quick = Quick::new(speech(dialect), "load.1", 6);
            quick.write_publish(&mut out, |out| out.extend_from_slice(br#""body""#));
            String::from_utf8(out).expect("text")
        };
        assert_eq!(
            written(Dialect::Strav),
            r#"{"t":"pub","c":"load.1","e":"load","d":"body"}"#
        );
        for dialect in [Dialect::Ignis, Dialect::SharedWebsocket] {
            assert_eq!(written(dialect), r#"{"event":"load.1","data":"body"}"#);
        }
    }
}
