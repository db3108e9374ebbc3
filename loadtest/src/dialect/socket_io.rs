//! `socket-io`: Socket.IO (protocol 5) over Engine.IO (protocol 4), by WebSocket from the first byte on.
//!
//! Socket.IO has no words for topics: rooms are the server's own affair. Here a client emits `sub` with a topic, and the
//! server acknowledges it when the client is in the room of that name; it emits `pub` with a topic and a body, and the server emits
//! `msg` with topic, body and an id to the room.

use std::borrow::Cow;

use serde::Deserialize;
use serde_json::value::RawValue;

use super::{DeliveryEnd, Role, ServerMessage, Speech, body_of};

/// The dialect.
#[derive(Debug)]
pub(super) struct SocketIo;

#[derive(Deserialize)]
struct Refusal<'a> {
    #[serde(borrow)]
    message: Cow<'a, str>,
}

/// A publication's name, topic, body and id.
type Publication<'a> = (Cow<'a, str>, Cow<'a, str>, &'a RawValue, Cow<'a, str>);

impl Speech for SocketIo {
    fn url(&self) -> &str {
        "ws://127.0.0.1:3000/socket.io/?EIO=4&transport=websocket"
    }

    /// CONNECT, to the main namespace.
    fn on_upgrade(&self, _role: &Role<'_>, say: &mut dyn FnMut(&[u8])) {
        say(b"40");
    }

    fn on_greeting(&self, role: &Role<'_>, _token: Option<&str>, say: &mut dyn FnMut(&[u8])) {
        if let Some(topic) = role.topic {
            say(format!(r#"420["sub","{topic}"]"#).as_bytes());
        }
    }

    fn read<'a>(&self, text: &'a [u8]) -> ServerMessage<'a> {
        let Ok(text) = std::str::from_utf8(text) else {
            return ServerMessage::Unknown;
        };
        match text {
            "2" => return ServerMessage::Ping(b"3"),
            "430[]" => return ServerMessage::Ready { topic: None },
            _ => {}
        }
        if text.starts_with("0{") {
            return ServerMessage::Note;
        }
        if text.starts_with("40{") {
            return ServerMessage::Greeting { token: None };
        }
        if let Some(data) = text.strip_prefix("44") {
            return match serde_json::from_str::<Refusal<'_>>(data) {
                Ok(refusal) => ServerMessage::Refused {
                    topic: None,
                    reason: refusal.message,
                },
                Err(_) => ServerMessage::Unknown,
            };
        }
        let event = text.strip_prefix("42").unwrap_or_default();
        match serde_json::from_str::<Publication<'_>>(event) {
            Ok((event, topic, body, _id)) if event == "msg" => ServerMessage::Msg {
                topic: Some(topic),
                body: body_of(Some(body)),
            },
            _ => ServerMessage::Unknown,
        }
    }

    fn publish_edges(&self, topic: &str, _body_bytes: usize) -> (String, String) {
        (format!(r#"42["pub","{topic}","#), "]".to_owned())
    }

    fn delivery_edges(&self, topic: &str, _body_bytes: usize) -> Option<(String, DeliveryEnd)> {
        let head = format!(r#"42["msg","{topic}","#);
        let end = DeliveryEnd::AroundId(r#",""#.to_owned(), r#""]"#.to_owned());
        Some((head, end))
    }
}

#[cfg(test)]
mod tests {
    use super::super::Quick;
    use super::super::tests::{said, subscriber};
    use super::*;

    #[test]
    fn a_client_is_ready_when_its_subscription_is_acknowledged() {
        let words = said(|say| {
            SocketIo.on_upgrade(&subscriber(), say);
            SocketIo.on_greeting(&subscriber(), None, say);
            SocketIo.on_greeting(&Role::default(), None, say);
        });
        assert_eq!(words, ["40", r#"420["sub","load.1"]"#]);
        for (text, message) in [
            (
                r#"0{"sid":"a","upgrades":[],"pingInterval":25000}"#,
                ServerMessage::Note,
            ),
            (r#"40{"sid":"b"}"#, ServerMessage::Greeting { token: None }),
            ("430[]", ServerMessage::Ready { topic: None }),
            ("2", ServerMessage::Ping(b"3")),
            (
                r#"44{"message":"Not authorized"}"#,
                ServerMessage::Refused {
                    topic: None,
                    reason: "Not authorized".into(),
                },
            ),
            ("41", ServerMessage::Unknown),
            (r#"42["other","load.1","x","y"]"#, ServerMessage::Unknown),
        ] {
            assert_eq!(SocketIo.read(text.as_bytes()), message, "{text}");
        }
    }

    #[test]
    fn both_ways_find_the_body() {
        let quick = Quick::new(&SocketIo, "load.1", 6);
        let text = br#"42["msg","load.1","body","17"]"#;
        assert_eq!(quick.body(text), Some(&br#""body""#[..]));
        assert_eq!(
            SocketIo.read(text),
            ServerMessage::Msg {
                topic: Some("load.1".into()),
                body: Some(r#""body""#.into())
            }
        );
        let mut out = Vec::new();
        quick.write_publish(&mut out, |out| out.extend_from_slice(br#""body""#));
        assert_eq!(out, br#"42["pub","load.1","body"]"#);
    }
}
