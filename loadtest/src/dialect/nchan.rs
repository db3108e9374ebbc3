//! `nchan`: the WebSocket subscribers and publishers of Nchan.
//!
//! A connection's path says what it is for, and there are no envelopes: below the URL's path, `sub/TOPIC` is that of subscribers,
//! `pub/TOPIC` that of publishers, and `pubsub/ITS/OTHER` that of clients which publish to OTHER and subscribe to ITS. A
//! subscriber is one before it is a WebSocket. A publisher is told after each publication what has become of it.

use super::{DeliveryEnd, Role, ServerMessage, Speech, unworded};
use crate::topology::Topology;

/// What a publisher is told begins with one of these: the first state of the channel comes with it, or the next one.
const ACKNOWLEDGEMENT: &str = "queued messages: ";

/// The dialect.
#[derive(Debug)]
pub(super) struct Nchan;

impl Speech for Nchan {
    fn url(&self) -> &str {
        "ws://127.0.0.1:8080/"
    }

    fn path(&self, base: &str, role: &Role<'_>) -> Option<String> {
        let base = base.trim_end_matches('/');
        match (role.topic, role.publishes.first()) {
            (Some(topic), Some(other)) => Some(format!("{base}/pubsub/{topic}/{other}")),
            (Some(topic), None) => Some(format!("{base}/sub/{topic}")),
            (None, Some(other)) => Some(format!("{base}/pub/{other}")),
            (None, None) => None,
        }
    }

    fn objection(&self, topology: &Topology) -> Option<&'static str> {
        let mut publishers = topology.publishers.iter();
        publishers.any(|publisher| publisher.topics.len() > 1).then_some(
            "a connection to Nchan publishes to one topic: let there be as many --publishers as --topics, or more",
        )
    }

    fn is_ready_on_upgrade(&self, _role: &Role<'_>) -> bool {
        true
    }

    fn read<'a>(&self, text: &'a [u8]) -> ServerMessage<'a> {
        match text.starts_with(ACKNOWLEDGEMENT.as_bytes()) {
            true => ServerMessage::Note,
            false => unworded(text),
        }
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
    use super::super::tests::subscriber;
    use super::*;

    #[test]
    fn a_path_says_what_a_client_is_for() {
        let both = Role {
            topic: Some("load.1"),
            publishes: vec!["load.2"],
        };
        let publisher = Role {
            topic: None,
            ..both.clone()
        };
        for (base, role, path) in [
            ("/", subscriber(), "/sub/load.1"),
            ("/a/", publisher, "/a/pub/load.2"),
            ("/a", both, "/a/pubsub/load.1/load.2"),
        ] {
            assert_eq!(Nchan.path(base, &role).as_deref(), Some(path));
        }
        assert_eq!(Nchan.path("/", &Role::default()), None);
    }

    #[test]
    fn who_would_publish_to_two_topics_is_refused() {
        assert!(Nchan.objection(&Topology::fan_out(4, 4, 2)).is_some());
        assert_eq!(Nchan.objection(&Topology::fan_out(4, 4, 4)), None);
        assert_eq!(Nchan.objection(&Topology::fan_out(4, 2, 4)), None);
        assert_eq!(Nchan.objection(&Topology::one_to_one(4, true)), None);
    }

    #[test]
    fn what_a_publisher_is_told_is_no_publication() {
        let told = b"queued messages: 1\r\nlast requested: 0 sec. ago\r\n";
        assert_eq!(Nchan.read(told), ServerMessage::Note);
        assert_eq!(
            Nchan.read(b"\"body\""),
            ServerMessage::Msg {
                topic: None,
                body: Some("\"body\"".into())
            }
        );
    }
}
