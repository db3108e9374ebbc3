//! `raw`: a server that sends what one client says to the others, and says nothing itself.
//!
//! There is one topic then, and nobody is told that they have joined it. Whether the one who said it gets it as well does not
//! matter: publishers that do not subscribe hear each other, and do not listen.

use super::{DeliveryEnd, Role, ServerMessage, Speech, unworded};
use crate::topology::Topology;

/// The dialect.
#[derive(Debug)]
pub(super) struct Raw;

impl Speech for Raw {
    fn url(&self) -> &str {
        "ws://127.0.0.1:7001/"
    }

    fn objection(&self, topology: &Topology) -> Option<&'static str> {
        (topology.topics.len() > 1).then_some(
            "raw knows no topics: it can do a fanout with --topics 1, idle and handshakes",
        )
    }

    fn is_ready_on_upgrade(&self, _role: &Role<'_>) -> bool {
        true
    }

    fn read<'a>(&self, text: &'a [u8]) -> ServerMessage<'a> {
        unworded(text)
    }

    fn publish_edges(&self, _topic: &str, _body_bytes: usize) -> (String, String) {
        Default::default()
    }

    fn delivery_edges(&self, _topic: &str, _body_bytes: usize) -> Option<(String, DeliveryEnd)> {
        Some((String::new(), DeliveryEnd::Fixed(String::new())))
    }
}

#[cfg(test)]
mod tests {
    use super::super::Quick;
    use super::*;

    #[test]
    fn a_message_is_its_body() {
        let quick = Quick::new(&Raw, "load.0", 6);
        assert_eq!(quick.body(b"\"abcd\""), Some(&b"\"abcd\""[..]));
        assert_eq!(quick.body(b"\"abcde\""), None);
        assert_eq!(Raw.read(b"\xff"), ServerMessage::Unknown);
    }

    #[test]
    fn more_than_one_topic_is_refused() {
        assert!(Raw.objection(&Topology::fan_out(4, 2, 1)).is_some());
        assert!(Raw.objection(&Topology::one_to_one(4, false)).is_some());
        assert_eq!(Raw.objection(&Topology::fan_out(4, 1, 3)), None);
    }
}
