//! `ignis`: the frames of @venizia/ignis.
//!
//! Its clients cannot publish: what they say is for the application, which is to send it to the room
//! that it is named by. Joining has no answer either. A second `authenticate` has one, and a server
//! handles what a client says in its order.

use std::borrow::Cow;

use serde::Deserialize;
use serde_json::value::RawValue;

use super::{DeliveryEnd, Role, ServerMessage, Speech, body_of};

/// What a server says to whoever authenticates twice.
const ALREADY: &str = "Already authenticated";

/// The dialect.
#[derive(Debug)]
pub(super) struct Ignis;

#[derive(Deserialize)]
struct Frame<'a> {
    #[serde(borrow)]
    event: Cow<'a, str>,
    #[serde(borrow)]
    data: Option<&'a RawValue>,
}

#[derive(Deserialize)]
struct ErrorData<'a> {
    #[serde(borrow)]
    message: Cow<'a, str>,
}

impl Speech for Ignis {
    fn url(&self) -> &str {
        "ws://127.0.0.1:7001/ws"
    }

    fn permission(&self, topic: &str) -> Option<String> {
        Some(format!(
            "--allow-subscribe 'load.*' --on-message {topic}=publish:{topic}"
        ))
    }

    fn on_upgrade(&self, _role: &Role<'_>, say: &mut dyn FnMut(&[u8])) {
        say(br#"{"event":"authenticate","data":{}}"#);
    }

    fn on_greeting(&self, role: &Role<'_>, _token: Option<&str>, say: &mut dyn FnMut(&[u8])) {
        if let Some(topic) = role.topic {
            say(format!(r#"{{"event":"join","data":{{"rooms":["{topic}"]}}}}"#).as_bytes());
            say(br#"{"event":"authenticate"}"#);
        }
    }

    /// A ping frame comes every 30 s by default, and silence is borne for 90 s.
    fn heartbeat(&self) -> Option<&'static [u8]> {
        Some(br#"{"event":"heartbeat"}"#)
    }

    fn read<'a>(&self, text: &'a [u8]) -> ServerMessage<'a> {
        let Ok(frame) = serde_json::from_slice::<Frame<'_>>(text) else {
            return ServerMessage::Unknown;
        };
        match frame.event.as_ref() {
            "connected" => ServerMessage::Greeting { token: None },
            "error" => {
                let data = frame.data.map_or("{}", RawValue::get);
                match serde_json::from_str::<ErrorData<'_>>(data) {
                    Ok(error) if error.message == ALREADY => ServerMessage::Ready { topic: None },
                    Ok(error) => ServerMessage::Refused {
                        topic: None,
                        reason: error.message,
                    },
                    Err(_) => ServerMessage::Unknown,
                }
            }
            _ => ServerMessage::Msg {
                topic: Some(frame.event),
                body: body_of(frame.data),
            },
        }
    }

    fn publish_edges(&self, topic: &str, _body_bytes: usize) -> (String, String) {
        let head = format!(r#"{{"event":"{topic}","data":"#);
        (head, "}".to_owned())
    }

    fn delivery_edges(&self, topic: &str, _body_bytes: usize) -> Option<(String, DeliveryEnd)> {
        let head = format!(r#"{{"event":"{topic}","data":"#);
        Some((head, DeliveryEnd::Fixed("}".to_owned())))
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::subscriber;
    use super::*;

    #[test]
    fn a_join_is_over_when_the_second_authentication_is_refused() {
        let mut said = Vec::new();
        let mut say = |text: &[u8]| said.push(String::from_utf8_lossy(text).into_owned());
        Ignis.on_upgrade(&subscriber(), &mut say);
        Ignis.on_greeting(&subscriber(), None, &mut say);
        Ignis.on_greeting(&Role::default(), None, &mut say);
        assert_eq!(
            said,
            [
                r#"{"event":"authenticate","data":{}}"#,
                r#"{"event":"join","data":{"rooms":["load.1"]}}"#,
                r#"{"event":"authenticate"}"#,
            ]
        );
        assert_eq!(
            Ignis.read(br#"{"event":"connected","data":{"id":"x"}}"#),
            ServerMessage::Greeting { token: None }
        );
        assert_eq!(
            Ignis.read(br#"{"event":"error","data":{"message":"Already authenticated"}}"#),
            ServerMessage::Ready { topic: None }
        );
        assert_eq!(
            Ignis.read(br#"{"event":"error","data":{"message":"Authentication failed"}}"#),
            ServerMessage::Refused {
                topic: None,
                reason: "Authentication failed".into()
            }
        );
    }

    #[test]
    fn a_message_without_data_has_no_body() {
        assert_eq!(
            Ignis.read(br#"{"event":"a"}"#),
            ServerMessage::Msg {
                topic: Some("a".into()),
                body: None
            }
        );
    }
}
