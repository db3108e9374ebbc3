//! `shared-websocket`: the frames of @gwakko/shared-websocket.
//!
//! Its clients publish to channels that they have joined, which publishers here have not: what they say
//! is for the application, which is to publish it to the channel that it is named by. Joining has no
//! answer; a ping has one, and a server handles what a client says in its order.

use std::borrow::Cow;

use serde::Deserialize;
use serde_json::value::RawValue;

use super::{DeliveryEnd, Role, ServerMessage, Speech, body_of};

/// The dialect.
#[derive(Debug)]
pub(super) struct SharedWebsocket;

#[derive(Deserialize)]
struct Frame<'a> {
    #[serde(borrow, rename = "type")]
    kind: Option<Cow<'a, str>>,
    #[serde(borrow)]
    event: Option<Cow<'a, str>>,
    #[serde(borrow)]
    data: Option<&'a RawValue>,
}

#[derive(Deserialize)]
struct ErrorData<'a> {
    #[serde(borrow)]
    message: Cow<'a, str>,
    #[serde(borrow)]
    channel: Option<Cow<'a, str>>,
}

impl Speech for SharedWebsocket {
    fn url(&self) -> &str {
        "ws://127.0.0.1:7001/events"
    }

    fn permission(&self, topic: &str) -> Option<String> {
        Some(format!("--on-message {topic}=publish:{topic}"))
    }

    fn on_upgrade(&self, role: &Role<'_>, say: &mut dyn FnMut(&[u8])) {
        if let Some(topic) = role.topic {
            let join = format!(r#"{{"event":"$channel:join","data":{{"channel":"{topic}"}}}}"#);
            say(join.as_bytes());
        }
        say(br#"{"type":"ping"}"#);
    }

    fn read<'a>(&self, text: &'a [u8]) -> ServerMessage<'a> {
        let Ok(frame) = serde_json::from_slice::<Frame<'_>>(text) else {
            return ServerMessage::Unknown;
        };
        let Some(event) = frame.event else {
            return match frame.kind.as_deref() {
                Some("pong") => ServerMessage::Ready { topic: None },
                _ => ServerMessage::Unknown,
            };
        };
        if event == "error" {
            let data = frame.data.map_or("{}", RawValue::get);
            return match serde_json::from_str::<ErrorData<'_>>(data) {
                Ok(error) => ServerMessage::Refused {
                    topic: error.channel,
                    reason: error.message,
                },
                Err(_) => ServerMessage::Unknown,
            };
        }
        match event.split_once(':') {
            Some((channel, name)) => ServerMessage::Msg {
                body: match channel == name {
                    true => body_of(frame.data),
                    false => None,
                },
                topic: Some(channel.to_owned().into()),
            },
            None => ServerMessage::Unknown,
        }
    }

    fn publish_edges(&self, topic: &str, _body_bytes: usize) -> (String, String) {
        let head = format!(r#"{{"event":"{topic}","data":"#);
        (head, "}".to_owned())
    }

    fn delivery_edges(&self, topic: &str, _body_bytes: usize) -> Option<(String, DeliveryEnd)> {
        let head = format!(r#"{{"event":"{topic}:{topic}","data":"#);
        Some((head, DeliveryEnd::Fixed("}".to_owned())))
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::subscriber;
    use super::*;

    #[test]
    fn a_join_is_over_when_the_ping_behind_it_is_answered() {
        let mut said = Vec::new();
        let mut say = |text: &[u8]| said.push(String::from_utf8_lossy(text).into_owned());
        SharedWebsocket.on_upgrade(&subscriber(), &mut say);
        assert_eq!(
            said,
            [
                r#"{"event":"$channel:join","data":{"channel":"load.1"}}"#,
                r#"{"type":"ping"}"#,
            ]
        );
        assert_eq!(
            SharedWebsocket.read(br#"{"type":"pong"}"#),
            ServerMessage::Ready { topic: None }
        );
        assert_eq!(
            SharedWebsocket
                .read(br#"{"event":"error","data":{"message":"Not allowed","channel":"a"}}"#),
            ServerMessage::Refused {
                topic: Some("a".into()),
                reason: "Not allowed".into()
            }
        );
    }

    #[test]
    fn a_body_of_another_event_is_none() {
        assert_eq!(
            SharedWebsocket.read(br#"{"event":"load.1:load.2","data":"x"}"#),
            ServerMessage::Msg {
                topic: Some("load.1".into()),
                body: None
            }
        );
    }
}
