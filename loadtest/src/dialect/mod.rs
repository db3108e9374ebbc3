//! What clients of the servers that can be loaded say, and what they are told.
//!
//! A publication's body is one JSON value in every dialect. What comes before and after it in a message of the
//! server is known beforehand, if the server keeps the usual order of keys: so those bytes are compared, and
//! only what differs is read as JSON, in any order of keys.

mod ignis;
mod shared_websocket;
mod strav;

use std::borrow::Cow;

use clap::ValueEnum;

/// Which protocol the server's clients speak.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Dialect {
    /// `sub`, `pub` and `msg` of @strav/broadcast
    Strav,
    /// Rooms and events of @venizia/ignis; a topic is a room, and the event of what is published there
    Ignis,
    /// Channels of @gwakko/shared-websocket; what is published is named by its topic, too
    SharedWebsocket,
}

/// One dialect, as a client of the harness needs it. What is said is given to `say` message by message, all of
/// them text.
pub(crate) trait Speech: std::fmt::Debug + Sync {
    /// Where shardcast serves it in its documentation's examples.
    fn url(&self) -> &'static str;

    /// What lets everybody publish to `topic`, as options of shardcast.
    fn permission(&self, topic: &str) -> String;

    /// The connection is a WebSocket now.
    fn on_upgrade(&self, topic: Option<&str>, say: &mut dyn FnMut(&[u8]));

    /// The server has sent its [`ServerMessage::Greeting`]. Clients without a topic are ready then.
    fn on_greeting(&self, _topic: Option<&str>, _say: &mut dyn FnMut(&[u8])) {}

    /// What is said from time to time, whenever the server sends a ping frame.
    fn heartbeat(&self) -> Option<&'static [u8]> {
        None
    }

    /// Reads any message of the server.
    fn read<'a>(&self, text: &'a [u8]) -> ServerMessage<'a>;

    /// What a publication's message begins with, up to the body; [`PUBLISH_END`] ends it.
    fn publish_head(&self, topic: &str) -> String;

    /// What the messages that subscribers get begin and end with, around the body.
    fn delivery_edges(&self, topic: &str) -> (String, DeliveryEnd);
}

/// What follows the body in a message that publishes: it comes last in every dialect.
const PUBLISH_END: &[u8] = b"}";

/// What follows the body in a message to a subscriber.
#[derive(Clone, Copy, Debug)]
pub(crate) enum DeliveryEnd {
    /// Always this.
    Fixed(&'static [u8]),
    /// This, an id that is any JSON string's inside, and that.
    AroundId(&'static [u8], &'static [u8]),
}

/// A message of the server.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum ServerMessage<'a> {
    /// The client may speak.
    Greeting,
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
    /// A publication.
    Msg {
        /// The topic.
        topic: Cow<'a, str>,
        /// The body, as it should be written; `None` if there is none or the event is not ours.
        body: Option<Cow<'a, str>>,
    },
    /// None of these, or not even JSON.
    Unknown,
}

impl Dialect {
    /// How it is spoken.
    pub(crate) fn speech(self) -> &'static dyn Speech {
        match self {
            Self::Strav => &strav::Strav,
            Self::Ignis => &ignis::Ignis,
            Self::SharedWebsocket => &shared_websocket::SharedWebsocket,
        }
    }

    /// As it is written on the command line.
    pub(crate) fn name(self) -> String {
        let value = self.to_possible_value().expect("none is hidden");
        value.get_name().to_owned()
    }
}

/// The quick way for the messages of one topic, both ways.
#[derive(Debug)]
pub(crate) struct Quick {
    publish_head: Vec<u8>,
    delivery_head: Vec<u8>,
    delivery_end: DeliveryEnd,
    body_bytes: usize,
}

impl Quick {
    /// For messages of `topic` whose bodies have `body_bytes`.
    pub(crate) fn new(speech: &dyn Speech, topic: &str, body_bytes: usize) -> Self {
        let (delivery_head, delivery_end) = speech.delivery_edges(topic);
        Self {
            publish_head: speech.publish_head(topic).into_bytes(),
            delivery_head: delivery_head.into_bytes(),
            delivery_end,
            body_bytes,
        }
    }

    /// Appends the message that publishes the body that `write_body` appends.
    pub(crate) fn write_publish(&self, out: &mut Vec<u8>, write_body: impl FnOnce(&mut Vec<u8>)) {
        out.extend_from_slice(&self.publish_head);
        write_body(out);
        out.extend_from_slice(PUBLISH_END);
    }

    /// The body; `None` sends the text the slow way.
    // Always: because there is a slow way that calls it, too, the compiler would not, at 20 instructions a delivery.
    #[inline(always)]
    pub(crate) fn body<'a>(&self, text: &'a [u8]) -> Option<&'a [u8]> {
        let rest = text.strip_prefix(self.delivery_head.as_slice())?;
        let (body, rest) = rest.split_at_checked(self.body_bytes)?;
        let is_right = match self.delivery_end {
            DeliveryEnd::Fixed(end) => rest == end,
            DeliveryEnd::AroundId(before, after) => {
                let id = rest.strip_prefix(before)?.strip_suffix(after)?;
                // Escapes and letters beyond ASCII may be right or wrong: that is for the slow way to say.
                id.iter()
                    .fold(true, |plain, byte| plain & PLAIN[usize::from(*byte)])
            }
        };
        is_right.then_some(body)
    }
}

/// Bytes that a JSON string may hold as they are.
const PLAIN: [bool; 256] = {
    let mut plain = [false; 256];
    let mut byte = 0x20;
    while byte < 0x7f {
        plain[byte] = byte != b'"' as usize && byte != b'\\' as usize;
        byte += 1;
    }
    plain
};

/// The body that a server has written as `raw`: any escapes may be in a string, of which ours have none.
fn body_of(raw: Option<&serde_json::value::RawValue>) -> Option<Cow<'_, str>> {
    let raw = raw?.get();
    Some(match serde_json::from_str::<String>(raw) {
        Ok(text) => format!("\"{text}\"").into(),
        Err(_) => raw.into(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const DIALECTS: [Dialect; 3] = [Dialect::Strav, Dialect::Ignis, Dialect::SharedWebsocket];

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
        }
    }

    #[test]
    fn both_ways_find_the_body() {
        for dialect in DIALECTS {
            for body in [r#""12345678""#, r#"{"a":[1],}"#] {
                let quick = Quick::new(dialect.speech(), "load.1", 10);
                let text = usual(dialect, "load.1", body, "01M7W7FG1995BEJN09TH3ZZT04");
                assert_eq!(quick.body(text.as_bytes()), Some(body.as_bytes()));
            }
            let text = usual(dialect, "load.1", r#""12\u003378""#, "x");
            assert_eq!(
                dialect.speech().read(text.as_bytes()),
                ServerMessage::Msg {
                    topic: "load.1".into(),
                    body: Some(r#""12378""#.into())
                }
            );
            let text = usual(dialect, "load.1", r#"{"a": 1}"#, "x");
            assert_eq!(
                dialect.speech().read(text.as_bytes()),
                ServerMessage::Msg {
                    topic: "load.1".into(),
                    body: Some(r#"{"a": 1}"#.into())
                }
            );
        }
    }

    #[test]
    fn the_quick_way_leaves_alone_what_it_does_not_know() {
        for dialect in DIALECTS {
            let quick = Quick::new(dialect.speech(), "load.1", 8);
            let usual = |topic, body| usual(dialect, topic, body, "x");
            let whole = usual("load.1", r#""123456""#);
            for text in [
                usual("load.2", r#""123456""#),
                usual("load.1", r#""12345""#),
                usual("load.1", r#""1234567""#),
                format!("{whole} "),
                whole.replace('}', r#","more":1}"#),
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
    fn what_is_no_message_of_the_server_is_unknown() {
        for dialect in DIALECTS {
            for text in ["", "{}", "[]", r#"{"t":"ok"}"#, r#"{"t":"new"}"#, "{", "7"] {
                let read = dialect.speech().read(text.as_bytes());
                assert_eq!(read, ServerMessage::Unknown, "{text}");
            }
        }
    }

    #[test]
    fn a_publication_is_what_the_server_takes_for_one() {
        let written = |dialect: Dialect| {
            let mut out = Vec::new();
            let quick = Quick::new(dialect.speech(), "load.1", 6);
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
