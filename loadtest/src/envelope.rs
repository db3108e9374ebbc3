//! The messages of a strav server, and what a client tells it.
//!
//! A message of a subscribed topic has a quick way: its bytes are compared with what a server that
//! keeps the usual key order must send. Anything else is read as JSON, in any order of keys.

use std::borrow::Cow;

use serde::Deserialize;
use serde_json::value::RawValue;

/// The event that all publications carry.
const EVENT: &str = "load";

/// The answer to a server's ping.
pub(crate) const PONG: &[u8] = br#"{"t":"pong"}"#;

/// A message of the server, read in any order of keys.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum ServerMessage<'a> {
    /// The first message of a connection.
    Welcome,
    /// A subscribe took effect.
    Ok {
        /// The topic.
        topic: Cow<'a, str>,
    },
    /// A subscribe or publish was refused.
    Err {
        /// The topic.
        topic: Cow<'a, str>,
        /// Why, in the server's words.
        reason: Cow<'a, str>,
    },
    /// To be answered by [`PONG`].
    Ping,
    /// A publication.
    Msg {
        /// The topic.
        topic: Cow<'a, str>,
        /// The body, without its quotes; `None` if it is no plain string or the event is not ours.
        body: Option<Cow<'a, str>>,
    },
    /// None of these, or not even JSON.
    Unknown,
}

#[derive(Deserialize)]
struct Envelope<'a> {
    #[serde(borrow)]
    t: Cow<'a, str>,
    #[serde(borrow)]
    c: Option<Cow<'a, str>>,
    #[serde(borrow)]
    e: Option<Cow<'a, str>>,
    #[serde(borrow)]
    d: Option<&'a RawValue>,
    #[serde(borrow)]
    i: Option<Cow<'a, str>>,
    #[serde(borrow)]
    r: Option<Cow<'a, str>>,
}

/// Reads any message of the server.
pub(crate) fn read(text: &[u8]) -> ServerMessage<'_> {
    let Ok(envelope) = serde_json::from_slice::<Envelope<'_>>(text) else {
        return ServerMessage::Unknown;
    };
    match (envelope.t.as_ref(), envelope.c) {
        ("welcome", _) => ServerMessage::Welcome,
        ("ping", _) => ServerMessage::Ping,
        ("ok", Some(topic)) => ServerMessage::Ok { topic },
        ("err", Some(topic)) => ServerMessage::Err {
            topic,
            reason: envelope.r.unwrap_or_default(),
        },
        // Any string will do as an id, but one there must be.
        ("msg", Some(topic)) if envelope.i.is_some() => ServerMessage::Msg {
            topic,
            body: envelope
                .d
                .filter(|_| envelope.e.as_deref() == Some(EVENT))
                .and_then(|raw| serde_json::from_str(raw.get()).ok()),
        },
        _ => ServerMessage::Unknown,
    }
}

/// The quick way for the messages of one topic.
#[derive(Debug)]
pub(crate) struct QuickMsg {
    prefix: Vec<u8>,
    body_bytes: usize,
}

impl QuickMsg {
    const AFTER_BODY: &[u8] = br#"","i":""#;
    const END: &[u8] = br#""}"#;

    /// For messages of `topic` whose bodies have `body_bytes` between their quotes.
    pub(crate) fn new(topic: &str, body_bytes: usize) -> Self {
        Self {
            prefix: format!(r#"{{"t":"msg","c":"{topic}","e":"{EVENT}","d":""#).into_bytes(),
            body_bytes,
        }
    }

    /// The body between its quotes; `None` sends the text the slow way.
    #[inline]
    pub(crate) fn body<'a>(&self, text: &'a [u8]) -> Option<&'a [u8]> {
        let rest = text.strip_prefix(self.prefix.as_slice())?;
        let (body, rest) = rest.split_at_checked(self.body_bytes)?;
        let id = rest
            .strip_prefix(Self::AFTER_BODY)?
            .strip_suffix(Self::END)?;
        // Escapes and letters beyond ASCII may be right or wrong: that is for the slow way to say.
        let is_plain = id
            .iter()
            .fold(true, |plain, byte| plain & PLAIN[usize::from(*byte)]);
        is_plain.then_some(body)
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

/// Appends the message that subscribes to `topic`.
pub(crate) fn write_subscribe(topic: &str, out: &mut Vec<u8>) {
    out.extend_from_slice(br#"{"t":"sub","c":""#);
    out.extend_from_slice(topic.as_bytes());
    out.extend_from_slice(br#""}"#);
}

/// Appends the message that publishes to `topic` what `write_body` appends.
pub(crate) fn write_publish(topic: &str, out: &mut Vec<u8>, write_body: impl FnOnce(&mut Vec<u8>)) {
    out.extend_from_slice(br#"{"t":"pub","c":""#);
    out.extend_from_slice(topic.as_bytes());
    out.extend_from_slice(br#"","e":""#);
    out.extend_from_slice(EVENT.as_bytes());
    out.extend_from_slice(br#"","d":""#);
    write_body(out);
    out.extend_from_slice(br#""}"#);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn msg(id: &str) -> String {
        format!(r#"{{"t":"msg","c":"load.1","e":"load","d":"12345678","i":{id}}}"#)
    }

    #[test]
    fn the_quick_way_finds_the_body() {
        let quick = QuickMsg::new("load.1", 8);
        for id in [r#""""#, r#""x""#, r#""01M7W7FG1995BEJN09TH3ZZT04""#] {
            let text = msg(id);
            assert_eq!(quick.body(text.as_bytes()), Some(&b"12345678"[..]), "{id}");
        }
    }

    #[test]
    fn both_ways_agree_on_every_id() {
        let quick = QuickMsg::new("load.1", 8);
        for (id, good) in [
            (r#""a\"b""#, true),
            (r#""\u00e9""#, true),
            ("\"é\"", true),
            (r#""a"b""#, false),
            ("\"a\nb\"", false),
            ("17", false),
            ("null", false),
            (r#""x","j":"y""#, true),
        ] {
            let text = msg(id);
            assert_eq!(quick.body(text.as_bytes()), None, "{id} goes the slow way");
            let read = read(text.as_bytes());
            assert_eq!(matches!(read, ServerMessage::Msg { .. }), good, "{id}");
        }
    }

    #[test]
    fn the_quick_way_leaves_alone_what_it_does_not_know() {
        let quick = QuickMsg::new("load.1", 8);
        for text in [
            r#"{"t":"msg","c":"load.2","e":"load","d":"12345678","i":"x"}"#,
            r#"{"t":"msg","c":"load.1","e":"load","d":"1234567","i":"x"}"#,
            r#"{"t":"msg","c":"load.1","e":"other","d":"12345678","i":"x"}"#,
            r#"{"t":"msg","c":"load.1","e":"load","d":"123"#,
            "",
        ] {
            assert_eq!(quick.body(text.as_bytes()), None, "{text}");
        }
    }

    #[test]
    fn messages_are_read_in_any_order_of_keys() {
        assert_eq!(
            read(br#"{"i":"x","d":"body","e":"load","c":"a","t":"msg","more":[1]}"#),
            ServerMessage::Msg {
                topic: "a".into(),
                body: Some("body".into())
            }
        );
        assert_eq!(
            read(br#"{"r":"publish denied","c":"a","t":"err"}"#),
            ServerMessage::Err {
                topic: "a".into(),
                reason: "publish denied".into()
            }
        );
        assert_eq!(read(br#"{"t":"welcome","id":"1"}"#), ServerMessage::Welcome);
        assert_eq!(
            read(br#"{"t":"ok","c":"a"}"#),
            ServerMessage::Ok { topic: "a".into() }
        );
        assert_eq!(read(br#"{"t":"ping"}"#), ServerMessage::Ping);
        for text in ["", "{}", "[]", r#"{"t":"ok"}"#, r#"{"t":"new"}"#, "{"] {
            assert_eq!(read(text.as_bytes()), ServerMessage::Unknown, "{text}");
        }
    }

    #[test]
    fn a_body_that_is_no_string_is_none() {
        for (event, data) in [("load", "17"), ("load", "[1]"), ("other", "\"x\"")] {
            let text = format!(r#"{{"t":"msg","c":"a","e":"{event}","d":{data},"i":"x"}}"#);
            assert_eq!(
                read(text.as_bytes()),
                ServerMessage::Msg {
                    topic: "a".into(),
                    body: None
                }
            );
        }
    }
}
