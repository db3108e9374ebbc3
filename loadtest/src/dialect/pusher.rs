//! `pusher`: the Pusher protocol, version 7: private channels, and events that clients send to each other there.
//!
//! A topic is a private channel. Who may join it is for the application to say: it signs for the client's socket with the secret of
//! its app, and the harness is told that secret. A client event goes to everybody on the channel but the sender, who must be on it,
//! so publishers join what they publish to. Joining has an answer each; the ping behind all of them has one answer.

use std::borrow::Cow;

use aws_lc_rs::hmac;
use serde::Deserialize;
use serde_json::value::RawValue;

use super::{DeliveryEnd, Role, ServerMessage, Speech, body_of};
use crate::topology::Topology;

/// Private channels begin with this.
const PRIVATE: &str = "private-";

/// The event that all publications are; clients may send only those that begin with `client-`.
const EVENT: &str = "client-load";

/// What a server knows its application by.
#[derive(Debug)]
pub(super) struct App {
    /// Its name, which is in the path.
    pub(super) key: String,
    /// What signatures are made with.
    pub(super) secret: String,
}

/// The dialect.
#[derive(Debug)]
pub(super) struct Pusher {
    key: String,
    secret: hmac::Key,
}

#[derive(Deserialize)]
struct Frame<'a> {
    #[serde(borrow)]
    event: Cow<'a, str>,
    #[serde(borrow)]
    channel: Option<Cow<'a, str>>,
    #[serde(borrow)]
    data: Option<&'a RawValue>,
}

/// What `data` holds, either as it is or written as JSON into a string.
#[derive(Default, Deserialize)]
struct Data {
    socket_id: Option<String>,
    message: Option<String>,
    error: Option<String>,
}

impl Pusher {
    /// For clients of this application.
    pub(super) fn new(app: App) -> Self {
        Self {
            secret: hmac::Key::new(hmac::HMAC_SHA256, app.secret.as_bytes()),
            key: app.key,
        }
    }

    fn subscribe(&self, topic: &str, socket_id: &str, say: &mut dyn FnMut(&[u8])) {
        let channel = format!("{PRIVATE}{topic}");
        let signed = hmac::sign(&self.secret, format!("{socket_id}:{channel}").as_bytes());
        let signature: String = signed.as_ref().iter().map(|b| format!("{b:02x}")).collect();
        let auth = format!("{}:{signature}", self.key);
        say(format!(
            r#"{{"event":"pusher:subscribe","data":{{"channel":"{channel}","auth":"{auth}"}}}}"#
        )
        .as_bytes());
    }
}

impl Speech for Pusher {
    fn url(&self) -> &str {
        "ws://127.0.0.1:6001/"
    }

    fn path(&self, base: &str, _role: &Role<'_>) -> Option<String> {
        let base = base.trim_end_matches('/');
        let is_whole = base.contains("/app/");
        (!is_whole).then(|| {
            format!(
                "{base}/app/{}?protocol=7&client=loadtest&version=1",
                self.key
            )
        })
    }

    fn objection(&self, topology: &Topology) -> Option<&'static str> {
        if topology.topics.iter().any(|topic| topic.sources.len() > 1) {
            return Some(
                "publishers are on the channels of pusher that they publish to, and would get what others publish \
                 there: let there be at most as many --publishers as --topics",
            );
        }
        let is_own = topology.clients.iter().any(|client| {
            let publisher = client
                .publisher
                .map(|index| &topology.publishers[index as usize]);
            client
                .topic
                .zip(publisher)
                .is_some_and(|(topic, publisher)| publisher.topics.contains(&topic))
        });
        is_own.then_some(
            "clients of pusher do not get what they publish themselves: p2p needs --paired",
        )
    }

    fn on_greeting(&self, role: &Role<'_>, token: Option<&str>, say: &mut dyn FnMut(&[u8])) {
        let socket_id = token.unwrap_or_default();
        for topic in role.topic.iter().chain(&role.publishes) {
            self.subscribe(topic, socket_id, say);
        }
        say(br#"{"event":"pusher:ping","data":{}}"#);
    }

    fn is_ready_on_greeting(&self, _role: &Role<'_>) -> bool {
        false
    }

    fn read<'a>(&self, text: &'a [u8]) -> ServerMessage<'a> {
        let Ok(frame) = serde_json::from_slice::<Frame<'_>>(text) else {
            return ServerMessage::Unknown;
        };
        let topic = frame
            .channel
            .as_deref()
            .and_then(|channel| channel.strip_prefix(PRIVATE));
        let topic = topic.map(|topic| Cow::from(topic.to_owned()));
        match frame.event.as_ref() {
            "pusher:connection_established" => match read_data(frame.data).socket_id {
                Some(socket_id) => ServerMessage::Greeting {
                    token: Some(socket_id.into()),
                },
                None => ServerMessage::Unknown,
            },
            "pusher_internal:subscription_succeeded" => ServerMessage::Note,
            "pusher:pong" => ServerMessage::Ready { topic: None },
            "pusher:ping" => ServerMessage::Ping(br#"{"event":"pusher:pong","data":{}}"#),
            "pusher:error" | "pusher:subscription_error" => {
                let data = read_data(frame.data);
                ServerMessage::Refused {
                    topic,
                    reason: data.message.or(data.error).unwrap_or_default().into(),
                }
            }
            event if topic.is_some() && event.starts_with("client-") => ServerMessage::Msg {
                topic,
                body: match event {
                    EVENT => body_of(frame.data),
                    _ => None,
                },
            },
            _ => ServerMessage::Unknown,
        }
    }

    fn publish_edges(&self, topic: &str, _body_bytes: usize) -> (String, String) {
        let head = format!(r#"{{"event":"{EVENT}","channel":"{PRIVATE}{topic}","data":"#);
        (head, "}".to_owned())
    }

    fn delivery_edges(&self, topic: &str, _body_bytes: usize) -> Option<(String, DeliveryEnd)> {
        let head = format!(r#"{{"event":"{EVENT}","channel":"{PRIVATE}{topic}","data":"#);
        Some((head, DeliveryEnd::Fixed("}".to_owned())))
    }
}

fn read_data(data: Option<&RawValue>) -> Data {
    let data = data.map_or("{}", RawValue::get);
    let inner = serde_json::from_str::<String>(data);
    let data = inner.as_deref().unwrap_or(data);
    serde_json::from_str(data).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::super::tests::said;
    use super::*;

    /// The application and the signature that Pusher's own documentation has as its example.
    fn example() -> Pusher {
        Pusher::new(App {
            key: "278d425bdf160c739803".to_owned(),
            secret: "7ad3773142a6692b25b8".to_owned(),
        })
    }

    #[test]
    fn signatures_are_as_pusher_documents_them() {
        let words = said(|say| example().subscribe("foobar", "1234.1234", say));
        assert_eq!(
            words,
            [concat!(
                r#"{"event":"pusher:subscribe","data":{"channel":"private-foobar","auth":"#,
                r#""278d425bdf160c739803:58df8b0c36d6982b82c3ecf6b4662e34fe8c25bba48f5369f135bf843651c3a4"}}"#
            )]
        );
    }

    #[test]
    fn publishers_join_what_they_publish_to() {
        let role = Role {
            topic: None,
            publishes: vec!["load.1", "load.2"],
        };
        let words = said(|say| example().on_greeting(&role, Some("1.2"), say));
        assert!(words[0].contains(r#""channel":"private-load.1""#));
        assert!(words[1].contains(r#""channel":"private-load.2""#));
        assert_eq!(words[2..], [r#"{"event":"pusher:ping","data":{}}"#]);
    }

    #[test]
    fn messages_are_read_whether_their_data_is_a_string_or_not() {
        for data in [r#""{\"socket_id\":\"1.2\"}""#, r#"{"socket_id":"1.2"}"#] {
            let text = format!(r#"{{"event":"pusher:connection_established","data":{data}}}"#);
            let token = Some("1.2".into());
            assert_eq!(
                example().read(text.as_bytes()),
                ServerMessage::Greeting { token }
            );
        }
        let refused = br#"{"event":"pusher:error","data":{"code":4301,"message":"too many"}}"#;
        assert_eq!(
            example().read(refused),
            ServerMessage::Refused {
                topic: None,
                reason: "too many".into()
            }
        );
        let event =
            |name: &str| format!(r#"{{"channel":"private-load.1","event":"{name}","data":"x"}}"#);
        for (name, body) in [
            ("client-load", Some(r#""x""#.into())),
            ("client-other", None),
        ] {
            let topic = Some("load.1".into());
            let message = ServerMessage::Msg { topic, body };
            assert_eq!(example().read(event(name).as_bytes()), message);
        }
        assert_eq!(
            example().read(event("other").as_bytes()),
            ServerMessage::Unknown
        );
    }

    #[test]
    fn topologies_in_which_publishers_would_hear_something_are_refused() {
        assert!(example().objection(&Topology::fan_out(4, 1, 2)).is_some());
        assert!(
            example()
                .objection(&Topology::one_to_one(4, false))
                .is_some()
        );
        assert_eq!(example().objection(&Topology::fan_out(4, 4, 2)), None);
        assert_eq!(example().objection(&Topology::one_to_one(4, true)), None);
    }
}
