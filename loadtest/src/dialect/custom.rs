//! `custom`: what a template says, for servers that no dialect here is for.

use std::fs;
use std::path::Path;

use serde::Deserialize;

use super::pattern::Pattern;
use super::{DeliveryEnd, Framing, Role, ServerMessage, Speech};
use crate::failure::Failure;
use crate::frames::Opcode;

/// The file, as it is written.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Template {
    url: Option<String>,
    #[serde(default)]
    binary: bool,
    separator: Option<String>,
    #[serde(default)]
    on_upgrade: Vec<String>,
    greeting: Option<String>,
    #[serde(default)]
    subscribe: Vec<String>,
    ready: Option<String>,
    publish: String,
    delivery: String,
    #[serde(default)]
    notes: Vec<String>,
    refused: Option<String>,
    ping: Option<String>,
    pong: Option<String>,
}

/// The dialect.
#[derive(Debug)]
pub(super) struct Custom {
    url: String,
    opcode: Opcode,
    framing: Framing,
    on_upgrade: Vec<Pattern>,
    greeting: Option<Pattern>,
    subscribe: Vec<Pattern>,
    ready: Option<Pattern>,
    publish: Pattern,
    delivery: Pattern,
    notes: Vec<Pattern>,
    refused: Option<Pattern>,
    /// What the server asks, and what it is to be answered.
    ping: Option<(Pattern, &'static [u8])>,
}

impl Custom {
    /// Reads a template.
    ///
    /// # Errors
    ///
    /// [`Failure::Usage`] when there is no such file, or it is no template.
    pub(super) fn read(path: &Path) -> Result<Self, Failure> {
        let usage = |why: String| Failure::Usage(format!("--template {}: {why}", path.display()));
        let text = fs::read_to_string(path).map_err(|error| usage(error.to_string()))?;
        Self::parse(&text).map_err(usage)
    }

    fn parse(text: &str) -> Result<Self, String> {
        let template: Template = toml::from_str(text).map_err(|error| error.to_string())?;
        let one = |text: Option<String>| text.as_deref().map(Pattern::parse).transpose();
        let list = |texts: &[String]| -> Result<Vec<Pattern>, String> {
            texts.iter().map(|text| Pattern::parse(text)).collect()
        };
        let custom = Self {
            url: template
                .url
                .unwrap_or_else(|| "ws://127.0.0.1:7001/".to_owned()),
            opcode: match template.binary {
                true => Opcode::Binary,
                false => Opcode::Text,
            },
            framing: match template.separator.as_deref().map(str::as_bytes) {
                None => Framing::Single,
                Some([byte]) => Framing::Separated(*byte),
                Some(_) => return Err("separator is one byte, such as \"\\n\"".to_owned()),
            },
            on_upgrade: list(&template.on_upgrade)?,
            greeting: one(template.greeting)?,
            subscribe: list(&template.subscribe)?,
            ready: one(template.ready)?,
            publish: Pattern::parse(&template.publish)?,
            delivery: Pattern::parse(&template.delivery)?,
            notes: list(&template.notes)?,
            refused: one(template.refused)?,
            ping: match (one(template.ping)?, template.pong) {
                (Some(ping), Some(pong)) => Some((ping, pong.leak().as_bytes())),
                (None, None) => None,
                _ => return Err("ping and pong go together".to_owned()),
            },
        };
        custom.check()?;
        Ok(custom)
    }

    fn check(&self) -> Result<(), String> {
        if !self.publish.has_one_body() || !self.delivery.has_one_body() {
            return Err("publish and delivery have one ${BODY} each".to_owned());
        }
        let said = self.on_upgrade.iter().chain(&self.subscribe);
        if !said.chain([&self.publish]).all(Pattern::can_be_said) {
            return Err("${ANY} cannot stand in what clients say".to_owned());
        }
        Ok(())
    }

    fn subscribe(&self, role: &Role<'_>, say: &mut dyn FnMut(&[u8])) {
        if let Some(topic) = role.topic {
            for pattern in &self.subscribe {
                say(pattern.fill(topic).as_bytes());
            }
        }
    }

    /// Whether a client waits for nothing once all is said.
    fn is_ready_when_said(&self, role: &Role<'_>) -> bool {
        role.topic.is_none() || self.ready.is_none()
    }
}

impl Speech for Custom {
    fn url(&self) -> &str {
        &self.url
    }

    fn opcode(&self) -> Opcode {
        self.opcode
    }

    fn framing(&self) -> Framing {
        self.framing
    }

    fn on_upgrade(&self, role: &Role<'_>, say: &mut dyn FnMut(&[u8])) {
        for pattern in &self.on_upgrade {
            say(pattern.fill(role.topic.unwrap_or_default()).as_bytes());
        }
        if self.greeting.is_none() {
            self.subscribe(role, say);
        }
    }

    fn is_ready_on_upgrade(&self, role: &Role<'_>) -> bool {
        self.greeting.is_none() && self.is_ready_when_said(role)
    }

    fn on_greeting(&self, role: &Role<'_>, _token: Option<&str>, say: &mut dyn FnMut(&[u8])) {
        self.subscribe(role, say);
    }

    fn is_ready_on_greeting(&self, role: &Role<'_>) -> bool {
        self.is_ready_when_said(role)
    }

    /// Publications first: the others are few.
    fn read<'a>(&self, text: &'a [u8]) -> ServerMessage<'a> {
        let Ok(text) = std::str::from_utf8(text) else {
            return ServerMessage::Unknown;
        };
        if let Some(blanks) = self.delivery.read(text) {
            return ServerMessage::Msg {
                topic: blanks.topic.map(Into::into),
                body: blanks.body.map(Into::into),
            };
        }
        let read = |pattern: &Option<Pattern>| pattern.as_ref()?.read(text);
        if let Some((ping, pong)) = &self.ping
            && ping.read(text).is_some()
        {
            return ServerMessage::Ping(pong);
        }
        if read(&self.greeting).is_some() {
            return ServerMessage::Greeting { token: None };
        }
        if let Some(blanks) = read(&self.ready) {
            let topic = blanks.topic.map(Into::into);
            return ServerMessage::Ready { topic };
        }
        if let Some(blanks) = read(&self.refused) {
            return ServerMessage::Refused {
                topic: blanks.topic.map(Into::into),
                reason: text.into(),
            };
        }
        match self.notes.iter().any(|note| note.read(text).is_some()) {
            true => ServerMessage::Note,
            false => ServerMessage::Unknown,
        }
    }

    fn publish_edges(&self, topic: &str, _body_bytes: usize) -> (String, String) {
        self.publish.edges(topic)
    }

    fn delivery_edges(&self, topic: &str, _body_bytes: usize) -> Option<(String, DeliveryEnd)> {
        self.delivery.delivery_edges(topic)
    }
}

#[cfg(test)]
mod tests {
    use super::super::Quick;
    use super::super::tests::{said, subscriber};
    use super::*;

    /// The JSON protocol of Centrifuge, whose servers put several messages into one, line by line.
    const CENTRIFUGE: &str = r#"
        separator = "\n"
        on_upgrade = ['{"id":1,"connect":{}}']
        greeting = '{"id":1,"connect":{${ANY}}}'
        subscribe = ['{"id":2,"subscribe":{"channel":"${TOPIC}"}}']
        ready = '{"id":2,"subscribe":{${ANY}}}'
        publish = '{"id":3,"publish":{"channel":"${TOPIC}","data":${BODY}}}'
        delivery = '{"push":{"channel":"${TOPIC}","pub":{"data":${BODY}}}}'
        notes = ['{"id":3,"publish":{}}']
        refused = '{"id":${ANY},"error":${ANY}}'
        ping = "{}"
        pong = "{}"
    "#;

    #[test]
    fn a_template_speaks_the_protocol_of_centrifuge() {
        let custom = Custom::parse(CENTRIFUGE).expect("a template");
        let words = said(|say| {
            custom.on_upgrade(&subscriber(), say);
            custom.on_greeting(&subscriber(), None, say);
        });
        assert_eq!(
            words,
            [
                r#"{"id":1,"connect":{}}"#,
                r#"{"id":2,"subscribe":{"channel":"load.1"}}"#,
            ]
        );
        assert!(!custom.is_ready_on_upgrade(&Role::default()));
        assert!(custom.is_ready_on_greeting(&Role::default()));
        assert!(!custom.is_ready_on_greeting(&subscriber()));
        let msg = r#"{"push":{"channel":"load.1","pub":{"data":"body"}}}"#;
        for (text, message) in [
            (
                r#"{"id":1,"connect":{"client":"a","ping":25}}"#,
                ServerMessage::Greeting { token: None },
            ),
            (
                r#"{"id":2,"subscribe":{}}"#,
                ServerMessage::Ready { topic: None },
            ),
            (r#"{"id":3,"publish":{}}"#, ServerMessage::Note),
            ("{}", ServerMessage::Ping(b"{}")),
            (
                r#"{"id":2,"error":{"code":103}}"#,
                ServerMessage::Refused {
                    topic: None,
                    reason: r#"{"id":2,"error":{"code":103}}"#.into(),
                },
            ),
            (
                msg,
                ServerMessage::Msg {
                    topic: Some("load.1".into()),
                    body: Some(r#""body""#.into()),
                },
            ),
            (r#"{"id":4}"#, ServerMessage::Unknown),
        ] {
            assert_eq!(custom.read(text.as_bytes()), message, "{text}");
        }
        let quick = Quick::new(&custom, "load.1", 6);
        assert_eq!(quick.body(msg.as_bytes()), Some(&br#""body""#[..]));
    }

    #[test]
    fn without_greeting_and_answer_a_client_is_ready_at_once() {
        let custom = Custom::parse(
            r#"
            subscribe = ["+${TOPIC}"]
            publish = "${TOPIC} ${BODY}"
            delivery = "${TOPIC} ${BODY}"
            "#,
        )
        .expect("a template");
        let words = said(|say| custom.on_upgrade(&subscriber(), say));
        assert_eq!(words, ["+load.1"]);
        assert!(custom.is_ready_on_upgrade(&subscriber()));
    }

    #[test]
    fn what_is_wrong_with_a_template_is_said() {
        for (text, why) in [
            ("publish = '${BODY}'", "delivery"),
            ("publish = ''\ndelivery = '${BODY}'", "${BODY}"),
            ("publish = '${BODY}${ANY}'\ndelivery = '${BODY}'", "${ANY}"),
            (
                "publish = '${BODY}'\ndelivery = '${BODY}'\nping = ''",
                "pong",
            ),
            (
                "publish = '${BODY}'\ndelivery = '${BODY}'\nseparator = 'ab'",
                "separator",
            ),
            (
                "publish = '${BODY}'\ndelivery = '${BODY}'\nwrong = 1",
                "wrong",
            ),
        ] {
            let error = Custom::parse(text).expect_err(text);
            assert!(error.contains(why), "{text}: {error}");
        }
    }
}
