//! `strav`: the frames of @strav/broadcast.

use std::borrow::Cow;

use serde::Deserialize;
use serde_json::value::RawValue;

use super::{DeliveryEnd, Role, ServerMessage, Speech, body_of};

/// The event that all publications carry.
const EVENT: &str = "load";

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

/// The dialect.
#[derive(Debug)]
pub(super) struct Strav;

impl Speech for Strav {
    fn url(&self) -> &str {
        "ws://127.0.0.1:7001/_broadcast"
    }

    fn permission(&self, _topic: &str) -> Option<String> {
        Some("--allow-publish 'load.*'".to_owned())
    }

    fn on_upgrade(&self, role: &Role<'_>, say: &mut dyn FnMut(&[u8])) {
        if let Some(topic) = role.topic {
            say(format!(r#"{{"t":"sub","c":"{topic}"}}"#).as_bytes());
        }
    }

    fn read<'a>(&self, text: &'a [u8]) -> ServerMessage<'a> {
        let Ok(envelope) = serde_json::from_slice::<Envelope<'_>>(text) else {
            return ServerMessage::Unknown;
        };
        match (envelope.t.as_ref(), envelope.c) {
            ("welcome", _) => ServerMessage::Greeting { token: None },
            ("ping", _) => ServerMessage::Ping(br#"{"t":"pong"}"#),
            ("ok", topic @ Some(_)) => ServerMessage::Ready { topic },
            ("err", topic @ Some(_)) => ServerMessage::Refused {
                topic,
                reason: envelope.r.unwrap_or_default(),
            },
            // Any string will do as an id, but one there must be.
            ("msg", topic @ Some(_)) if envelope.i.is_some() => ServerMessage::Msg {
                topic,
                body: match envelope.e.as_deref() {
                    Some(EVENT) => body_of(envelope.d),
                    _ => None,
                },
            },
            _ => ServerMessage::Unknown,
        }
    }

    fn publish_edges(&self, topic: &str, _body_bytes: usize) -> (String, String) {
        let head = format!(r#"{{"t":"pub","c":"{topic}","e":"{EVENT}","d":"#);
        (head, "}".to_owned())
    }

    fn delivery_edges(&self, topic: &str, _body_bytes: usize) -> Option<(String, DeliveryEnd)> {
        let head = format!(r#"{{"t":"msg","c":"{topic}","e":"{EVENT}","d":"#);
        let end = DeliveryEnd::AroundId(r#","i":""#.to_owned(), r#""}"#.to_owned());
        Some((head, end))
    }
}

#[cfg(test)]
mod tests {
    use super::super::Quick;
    use super::*;

    fn msg(id: &str) -> String {
        format!(r#"{{"t":"msg","c":"load.1","e":"load","d":"12345678","i":{id}}}"#)
    }

    #[test]
    fn both_ways_agree_on_every_id() {
        let quick = Quick::new(&Strav, "load.1", 10);
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
            let read = Strav.read(text.as_bytes());
            assert_eq!(matches!(read, ServerMessage::Msg { .. }), good, "{id}");
        }
    }

    #[test]
    fn messages_are_read_in_any_order_of_keys() {
        assert_eq!(
            Strav.read(br#"{"i":"x","d":"body","e":"load","c":"a","t":"msg","more":[1]}"#),
            ServerMessage::Msg {
                topic: Some("a".into()),
                body: Some(r#""body""#.into())
            }
        );
        assert_eq!(
            Strav.read(br#"{"r":"publish denied","c":"a","t":"err"}"#),
            ServerMessage::Refused {
                topic: Some("a".into()),
                reason: "publish denied".into()
            }
        );
        assert_eq!(
            Strav.read(br#"{"t":"welcome","id":"1"}"#),
            ServerMessage::Greeting { token: None }
        );
        assert_eq!(
            Strav.read(br#"{"t":"ok","c":"a"}"#),
            ServerMessage::Ready {
                topic: Some("a".into())
            }
        );
        assert_eq!(
            Strav.read(br#"{"t":"ping"}"#),
            ServerMessage::Ping(br#"{"t":"pong"}"#)
        );
    }

    #[test]
    fn a_body_of_another_event_or_without_data_is_none() {
        for rest in [r#""e":"load""#, r#""e":"other","d":"x""#] {
            let text = format!(r#"{{"t":"msg","c":"a",{rest},"i":"x"}}"#);
            assert_eq!(
                Strav.read(text.as_bytes()),
                ServerMessage::Msg {
                    topic: Some("a".into()),
                    body: None
                }
            );
        }
    }
}
