//! The frames of the strav dialect as a client sees them.
//!
//! The dialect itself reads these frames for the server, under other duties: it must take what
//! browsers take and copy nothing. Here a few frames a second are read with `serde_json`.

use std::collections::HashMap;

use serde_json::value::RawValue;

/// The answer to a ping.
pub(super) const PONG: &str = r#"{"t":"pong"}"#;

/// Asks to be subscribed to `channel`.
pub(super) fn subscribe(channel: &str) -> String {
    format!(r#"{{"t":"sub","c":{}}}"#, quoted(channel))
}

/// Publishes; `data` goes out as it was written, so that no number is rounded on the way.
pub(super) fn publish(channel: &str, event: &str, data: Option<&RawValue>) -> String {
    let (channel, event) = (quoted(channel), quoted(event));
    match data {
        None => format!(r#"{{"t":"pub","c":{channel},"e":{event}}}"#),
        Some(data) => format!(r#"{{"t":"pub","c":{channel},"e":{event},"d":{data}}}"#),
    }
}

/// The text as a JSON string.
pub(super) fn quoted(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}

/// A frame from the server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum ServerFrame<'a> {
    /// A subscription is in force.
    Subscribed { channel: String },
    /// A subscription or publish was refused.
    Refused { channel: String, reason: String },
    /// A message; the data is its JSON text.
    Message {
        channel: String,
        event: String,
        data: Option<&'a str>,
    },
    /// The server wants a sign of life.
    Ping,
    /// Anything else: the welcome, and what later servers may say.
    Other,
}

impl<'a> ServerFrame<'a> {
    /// Reads a frame; what is not understood is [`ServerFrame::Other`].
    pub(super) fn parse(text: &'a str) -> Self {
        let Ok(fields) = serde_json::from_str::<HashMap<String, &'a RawValue>>(text) else {
            return Self::Other;
        };
        let string = |key: &str| -> Option<String> {
            let raw = fields.get(key)?.get();
            serde_json::from_str(raw).ok()
        };
        let frame = match string("t").as_deref() {
            Some("ok") => string("c").map(|channel| Self::Subscribed { channel }),
            Some("err") => string("c").map(|channel| Self::Refused {
                channel,
                reason: string("r").unwrap_or_default(),
            }),
            Some("msg") => string("c").map(|channel| Self::Message {
                channel,
                event: string("e").unwrap_or_default(),
                data: fields.get("d").map(|data| data.get()),
            }),
            Some("ping") => Some(Self::Ping),
            _ => None,
        };
        frame.unwrap_or(Self::Other)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_data_are_written_as_json() {
        let data: &RawValue = serde_json::from_str("1.10e400").unwrap();
        assert_eq!(
            publish("a\"b", "line\n", Some(data)),
            r#"{"t":"pub","c":"a\"b","e":"line\n","d":1.10e400}"#
        );
        assert_eq!(publish("a", "b", None), r#"{"t":"pub","c":"a","e":"b"}"#);
        assert_eq!(subscribe("x"), r#"{"t":"sub","c":"x"}"#);
    }

    #[test]
    fn data_of_a_message_stays_as_it_came() {
        let text = r#"{"t":"msg","c":"a","e":"b","d":{"z":1.0, "a":1e999},"i":"X"}"#;
        let expected = ServerFrame::Message {
            channel: "a".to_owned(),
            event: "b".to_owned(),
            data: Some(r#"{"z":1.0, "a":1e999}"#),
        };
        assert_eq!(ServerFrame::parse(text), expected);
    }

    #[test]
    fn what_is_not_understood_is_other() {
        for text in [
            "",
            "5",
            "[]",
            "{}",
            r#"{"t":5}"#,
            r#"{"t":"welcome","id":"X"}"#,
            r#"{"t":"ok"}"#,
            r#"{"t":"msg","c":5}"#,
        ] {
            assert_eq!(ServerFrame::parse(text), ServerFrame::Other, "{text}");
        }
    }

    #[test]
    fn answers_name_their_channel() {
        assert_eq!(
            ServerFrame::parse(r#"{"t":"ok","c":"a"}"#),
            ServerFrame::Subscribed {
                channel: "a".to_owned()
            }
        );
        assert_eq!(
            ServerFrame::parse(r#"{"t":"err","c":"a","r":"publish denied"}"#),
            ServerFrame::Refused {
                channel: "a".to_owned(),
                reason: "publish denied".to_owned()
            }
        );
        assert_eq!(ServerFrame::parse(r#"{"t":"ping"}"#), ServerFrame::Ping);
    }
}
