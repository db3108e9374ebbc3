//! `nats`: the client protocol of NATS, in binary WebSocket messages.
//!
//! A WebSocket message is whatever the server had to say at that moment: many messages, or half of one. So they are read as what
//! comes over TCP is, end to end.

use std::borrow::Cow;

use super::{DeliveryEnd, Framing, Role, ServerMessage, Speech};
use crate::frames::Opcode;

/// No second INFO, which only protocol 1 has, and no word for each publication.
const CONNECT: &[u8] = b"CONNECT {\"verbose\":false,\"pedantic\":false,\"tls_required\":false,\
    \"lang\":\"rust\",\"version\":\"1\",\"protocol\":0,\"echo\":true}\r\n";

/// The longest line: nats-server's own INFO has some hundred bytes.
const LINE_BYTES_MAX: usize = 64 << 10;

/// The dialect.
#[derive(Debug)]
pub(super) struct Nats;

impl Speech for Nats {
    fn url(&self) -> &str {
        "ws://127.0.0.1:8080/"
    }

    fn opcode(&self) -> Opcode {
        Opcode::Binary
    }

    fn framing(&self) -> Framing {
        Framing::Stream(message_bytes)
    }

    /// The server handles what a client says in its order, so the subscription is there when the ping is answered.
    fn on_greeting(&self, role: &Role<'_>, _token: Option<&str>, say: &mut dyn FnMut(&[u8])) {
        say(CONNECT);
        if let Some(topic) = role.topic {
            say(format!("SUB {topic} 1\r\n").as_bytes());
        }
        say(b"PING\r\n");
    }

    fn is_ready_on_greeting(&self, _role: &Role<'_>) -> bool {
        false
    }

    fn read<'a>(&self, text: &'a [u8]) -> ServerMessage<'a> {
        let Some(text) = std::str::from_utf8(text)
            .ok()
            .and_then(|text| text.strip_suffix("\r\n"))
        else {
            return ServerMessage::Unknown;
        };
        let (line, payload) = match text.split_once("\r\n") {
            Some((line, payload)) => (line, Some(payload)),
            None => (text, None),
        };
        let (verb, rest) = line.split_once(' ').unwrap_or((line, ""));
        match (verb, payload) {
            ("INFO", None) => ServerMessage::Greeting { token: None },
            ("PONG", None) => ServerMessage::Ready { topic: None },
            ("PING", None) => ServerMessage::Ping(b"PONG\r\n"),
            ("+OK", None) => ServerMessage::Note,
            ("-ERR", None) => ServerMessage::Refused {
                topic: None,
                reason: rest.trim_matches('\'').into(),
            },
            ("MSG", Some(payload)) => ServerMessage::Msg {
                topic: rest.split(' ').next().map(Cow::from),
                body: Some(payload.into()),
            },
            _ => ServerMessage::Unknown,
        }
    }

    fn publish_edges(&self, topic: &str, body_bytes: usize) -> (String, String) {
        (format!("PUB {topic} {body_bytes}\r\n"), "\r\n".to_owned())
    }

    fn delivery_edges(&self, topic: &str, body_bytes: usize) -> Option<(String, DeliveryEnd)> {
        let head = format!("MSG {topic} 1 {body_bytes}\r\n");
        Some((head, DeliveryEnd::Fixed("\r\n".to_owned())))
    }
}

/// Bytes of the first message in `bytes`: a line, and after a MSG line as many bytes as it says with a line's end.
/// What is no message has all there is.
fn message_bytes(bytes: &[u8]) -> Option<usize> {
    let Some(at) = bytes.windows(2).position(|pair| pair == b"\r\n") else {
        return (bytes.len() > LINE_BYTES_MAX).then_some(bytes.len());
    };
    let line_bytes = at + 2;
    if !bytes.starts_with(b"MSG ") {
        return Some(line_bytes);
    }
    let last = bytes[..at].rsplit(|byte| *byte == b' ').next();
    let payload_bytes = last
        .and_then(|last| std::str::from_utf8(last).ok())
        .and_then(|last| last.parse::<u32>().ok());
    match payload_bytes {
        Some(payload_bytes) => {
            let all = line_bytes + payload_bytes as usize + 2;
            (bytes.len() >= all).then_some(all)
        }
        None => Some(bytes.len()),
    }
}

#[cfg(test)]
mod tests {
    use super::super::Quick;
    use super::super::tests::{said, subscriber};
    use super::*;

    #[test]
    fn a_client_is_ready_when_its_ping_is_answered() {
        let words = said(|say| Nats.on_greeting(&subscriber(), None, say));
        assert!(words[0].starts_with("CONNECT {"));
        assert_eq!(words[1..], ["SUB load.1 1\r\n", "PING\r\n"]);
        assert!(!Nats.is_ready_on_greeting(&Role::default()));
        for (text, message) in [
            (
                "INFO {\"a\":1} \r\n",
                ServerMessage::Greeting { token: None },
            ),
            ("PONG\r\n", ServerMessage::Ready { topic: None }),
            ("PING\r\n", ServerMessage::Ping(b"PONG\r\n")),
            ("+OK\r\n", ServerMessage::Note),
            (
                "-ERR 'Authorization Violation'\r\n",
                ServerMessage::Refused {
                    topic: None,
                    reason: "Authorization Violation".into(),
                },
            ),
            ("PONG", ServerMessage::Unknown),
            ("MSG load.1 1 3\r\n", ServerMessage::Unknown),
        ] {
            assert_eq!(Nats.read(text.as_bytes()), message, "{text}");
        }
    }

    #[test]
    fn messages_are_measured_wherever_the_bytes_end() {
        let two = b"MSG load.1 1 6\r\n\"a\r\nb\"\r\nPING\r\n";
        for end in 0..24 {
            assert_eq!(message_bytes(&two[..end]), None, "{end}");
        }
        for end in 24..two.len() {
            assert_eq!(message_bytes(&two[..end]), Some(24), "{end}");
        }
        assert_eq!(message_bytes(&two[24..]), Some(6));
        assert_eq!(message_bytes(b"MSG load.1 1 x\r\nabc"), Some(19));
        let endless = vec![b'x'; LINE_BYTES_MAX + 1];
        assert_eq!(message_bytes(&endless), Some(endless.len()));
    }

    #[test]
    fn the_quick_way_takes_one_message_of_several() {
        let quick = Quick::new(&Nats, "load.1", 6);
        let one = b"MSG load.1 1 6\r\n\"abcd\"\r\n";
        let two = [one, &one[..]].concat();
        let (body, rest) = quick.front(&two).expect("a message");
        assert_eq!((body, rest), (&b"\"abcd\""[..], &one[..]));
        for end in 0..one.len() {
            assert_eq!(quick.front(&one[..end]), None, "{end}");
        }
        assert_eq!(quick.front(b"MSG load.2 1 6\r\n\"abcd\"\r\n"), None);
    }
}
