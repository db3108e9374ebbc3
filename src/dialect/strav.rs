//! `strav`: the frames of @strav/broadcast's gateway and browser client.
//!
//! | from the server | |
//! |---|---|
//! | `{"t":"welcome","id":"<ulid>"}` | first frame |
//! | `{"t":"ok","c":"orders.42"}` | subscribed, or was already; an `unsub` is never answered |
//! | `{"t":"err","c":"orders.42","r":"unauthorized"}` | a `sub` or `pub` was refused |
//! | `{"t":"msg","c":"orders.42","e":"order.paid","d":{},"i":"<ulid>"}` | an event; no `d` when it has no data |
//! | `{"t":"ping"}` | a heartbeat; its `pong` is not waited for |
//!
//! The client sends `sub`, `unsub`, `pub` and `pong`. Whatever else it sends is passed over in
//! silence, as the reference does: not JSON, not an object, unknown `t`, a missing or empty name.
//! A name with a lone surrogate is not a Unicode string and counts as missing.

use std::borrow::Cow;

use crate::codec::json::{Value, scan_object, write_string};
use crate::codec::ws::MessageKind;
use crate::codec::ws::{OpCode, write_frame, write_frame_with};
use crate::engine::actions::{Actions, Publish};
use crate::engine::dialect::{
    ConnView, Decision, Dialect, Message, PublishOutcome, SubscribeOutcome,
};
use crate::engine::publication::{DataKind, MessageId, Publication};

/// The dialect.
#[derive(Debug, Clone, Copy)]
pub struct Strav;

/// The reasons that clients know; of a fourth, `publish failed`, there is no cause here: what is allowed
/// is published.
mod reason {
    pub(super) const UNAUTHORIZED: &str = "unauthorized";
    pub(super) const AUTHORIZATION_FAILED: &str = "authorization failed";
    pub(super) const PUBLISH_DENIED: &str = "publish denied";
}

impl Dialect for Strav {
    fn name(&self) -> &'static str {
        "strav"
    }

    fn on_open(&self, conn: &mut ConnView<'_>, actions: &mut Actions<'_>) {
        let id = conn.id.text();
        actions.reply(|out| {
            write_frame_with(out, OpCode::Text, 64, |out| {
                out.extend_from_slice(br#"{"t":"welcome","id":""#);
                out.extend_from_slice(&id);
                out.extend_from_slice(br#""}"#);
            });
        });
    }

    fn on_message<'m>(
        &self,
        _conn: &mut ConnView<'_>,
        message: Message<'m>,
        actions: &mut Actions<'m>,
    ) {
        match Request::parse(message) {
            Some(Request::Subscribe { channel }) => actions.subscribe(channel),
            Some(Request::Unsubscribe { channel }) => actions.unsubscribe(channel),
            Some(Request::Publish {
                channel,
                event,
                data,
            }) => actions.publish(Publish {
                topic: channel,
                event,
                data: data.map(Cow::Borrowed),
                kind: DataKind::Json,
                needs_access: true,
                exclude_self: false,
            }),
            Some(Request::Pong) => {}
            None => actions.ignore(),
        }
    }

    fn on_decision(
        &self,
        _conn: &mut ConnView<'_>,
        decision: &Decision<'_>,
        actions: &mut Actions<'_>,
    ) {
        let (channel, reason) = match *decision {
            Decision::Subscribe { topic, outcome } => (topic, subscribe_reason(outcome)),
            Decision::Publish { topic, outcome } => match publish_reason(outcome) {
                Some(reason) => (topic, Some(reason)),
                // A publish that succeeds is not answered.
                None => return,
            },
            // Nobody identifies by a message here.
            Decision::Authenticate(_) => return,
        };
        actions.reply(|out| {
            write_frame_with(out, OpCode::Text, channel.len() + 48, |out| {
                let head: &[u8] = match reason {
                    None => br#"{"t":"ok","c":"#,
                    Some(_) => br#"{"t":"err","c":"#,
                };
                out.extend_from_slice(head);
                write_string(out, channel);
                if let Some(reason) = reason {
                    out.extend_from_slice(br#","r":"#);
                    write_string(out, reason);
                }
                out.push(b'}');
            });
        });
    }

    /// The dialect's own ping, which a browser's script sees, and the protocol's, which its
    /// WebSocket answers by itself: that is how a dead peer is noticed.
    fn heartbeat(&self, out: &mut Vec<u8>) {
        write_frame(out, OpCode::Text, br#"{"t":"ping"}"#);
        write_frame(out, OpCode::Ping, &[]);
    }

    fn encode(&self, publication: &Publication<'_>, out: &mut Vec<u8>) {
        let data_len = publication.data.map_or(0, <[u8]>::len);
        // The constant parts and the id take 64 bytes; escapes may add to the names.
        let hint = publication.topic.len() + publication.event.len() + data_len + 64;
        write_frame_with(out, OpCode::Text, hint, |out| {
            out.extend_from_slice(br#"{"t":"msg","c":"#);
            write_string(out, publication.topic);
            out.extend_from_slice(br#","e":"#);
            write_string(out, publication.event);
            if let Some(data) = publication.data {
                out.extend_from_slice(br#","d":"#);
                out.extend_from_slice(data);
            }
            out.extend_from_slice(br#","i":"#);
            match publication.id {
                MessageId::Ulid(id) => {
                    out.push(b'"');
                    out.extend_from_slice(&id.text());
                    out.push(b'"');
                }
                MessageId::Given(id) => write_string(out, id),
            }
            out.push(b'}');
        });
    }
}

fn subscribe_reason(outcome: SubscribeOutcome) -> Option<&'static str> {
    match outcome {
        SubscribeOutcome::Subscribed | SubscribeOutcome::AlreadySubscribed => None,
        SubscribeOutcome::Denied | SubscribeOutcome::LimitReached => Some(reason::UNAUTHORIZED),
        SubscribeOutcome::Failed => Some(reason::AUTHORIZATION_FAILED),
    }
}

fn publish_reason(outcome: PublishOutcome) -> Option<&'static str> {
    match outcome {
        PublishOutcome::Accepted => None,
        PublishOutcome::AccessDenied => Some(reason::UNAUTHORIZED),
        PublishOutcome::AccessFailed => Some(reason::AUTHORIZATION_FAILED),
        // In the reference, too, a predicate that throws has denied.
        PublishOutcome::Denied | PublishOutcome::Failed => Some(reason::PUBLISH_DENIED),
    }
}

/// A frame of the client that means something.
#[derive(Debug, PartialEq, Eq)]
enum Request<'m> {
    Subscribe {
        channel: Cow<'m, str>,
    },
    Unsubscribe {
        channel: Cow<'m, str>,
    },
    Publish {
        channel: Cow<'m, str>,
        event: Cow<'m, str>,
        data: Option<&'m [u8]>,
    },
    Pong,
}

impl<'m> Request<'m> {
    fn parse(message: Message<'m>) -> Option<Self> {
        // The reference decodes binary frames as UTF-8 JSON.
        if message.kind == MessageKind::Binary {
            std::str::from_utf8(message.payload).ok()?;
        }
        let [kind, channel, event, data] =
            scan_object(message.payload, ["t", "c", "e", "d"]).ok()?;
        match &*kind?.as_text()? {
            "sub" => Some(Self::Subscribe {
                channel: name(channel)?,
            }),
            "unsub" => Some(Self::Unsubscribe {
                channel: name(channel)?,
            }),
            "pub" => Some(Self::Publish {
                channel: name(channel)?,
                event: name(event)?,
                data: data.map(|data| data.raw()),
            }),
            "pong" => Some(Self::Pong),
            _ => None,
        }
    }
}

fn name(value: Option<Value<'_>>) -> Option<Cow<'_, str>> {
    value?.as_text().filter(|name| !name.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::ids::{ConnId, ShardId, Ulid};
    use crate::base::slab::Key;
    use crate::engine::publication::{AppId, Audience, Origin};

    fn parse(payload: &str) -> Option<Request<'_>> {
        Request::parse(Message {
            kind: MessageKind::Text,
            payload: payload.as_bytes(),
        })
    }

    fn encoded(topic: &str, event: &str, data: Option<&[u8]>) -> String {
        let key = Key {
            slot: 0,
            generation: 0,
        };
        let shard = ShardId(0);
        let mut out = Vec::new();
        let publication = Publication {
            app: AppId(0),
            topic,
            event,
            data,
            kind: DataKind::Json,
            id: MessageId::Ulid(Ulid::parse(b"01M7W7FG1R99FPSSD5YMA0MJMH").expect("an id")),
            audience: Audience::Topic,
            origin: Origin::Conn(ConnId { shard, key }),
            exclude: &[],
        };
        Strav.encode(&publication, &mut out);
        let header_len = if out[1] < 126 { 2 } else { 4 };
        String::from_utf8(out.split_off(header_len)).expect("text")
    }

    #[test]
    fn frames_that_mean_nothing_are_none() {
        for payload in [
            "bad",
            "",
            "[]",
            "null",
            "5",
            r#"{"t":1,"c":"x"}"#,
            r#"{"t":"zzz"}"#,
            r#"{"t":"sub"}"#,
            r#"{"t":"sub","c":""}"#,
            r#"{"t":"sub","c":7}"#,
            r#"{"t":"sub","c":"\ud800"}"#,
            r#"{"t":"pub","c":"x"}"#,
            r#"{"t":"pub","c":"x","e":""}"#,
            r#"{"t":"pub","c":"x","e":"y","d":}"#,
            r#"{"t":"sub","c":"x"} x"#,
        ] {
            assert_eq!(parse(payload), None, "{payload}");
        }
    }

    #[test]
    fn last_duplicate_key_wins_and_escapes_are_undone() {
        let channel = Cow::Borrowed("straße");
        assert_eq!(
            parse(r#"{"c":"no","\u0074":"sub","c":"stra\u00dfe"}"#),
            Some(Request::Subscribe { channel })
        );
    }

    #[test]
    fn data_keeps_its_spelling_and_its_absence() {
        for (payload, expected) in [
            (r#"{"t":"pub","c":"c","e":"e"}"#, None),
            (r#"{"t":"pub","c":"c","e":"e","d":null}"#, Some("null")),
            (
                r#"{"t":"pub","c":"c","e":"e","d": {"n" : 1e999} }"#,
                Some(r#"{"n" : 1e999}"#),
            ),
        ] {
            let Some(Request::Publish { data, .. }) = parse(payload) else {
                panic!("{payload} is a publish");
            };
            assert_eq!(data, expected.map(str::as_bytes));
        }
    }

    #[test]
    fn event_frame_has_its_keys_in_order_and_no_data_when_there_is_none() {
        assert_eq!(
            encoded("orders.42", "order.paid", Some(br#"{"amount":4900}"#)),
            r#"{"t":"msg","c":"orders.42","e":"order.paid","d":{"amount":4900},"i":"01M7W7FG1R99FPSSD5YMA0MJMH"}"#
        );
        assert_eq!(
            encoded("a\"b", "e\n", None),
            r#"{"t":"msg","c":"a\"b","e":"e\n","i":"01M7W7FG1R99FPSSD5YMA0MJMH"}"#
        );
    }
}
