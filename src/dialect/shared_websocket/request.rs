//! What a message of the client asks for.

use std::borrow::Cow;

use super::settings::{FrameShape, PingMessage, Role, Settings};
use crate::codec::json::{NotAnObject, Value, scan_object};

/// A message that means something.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Request<'m> {
    Ping,
    Join(Cow<'m, str>),
    Leave(Cow<'m, str>),
    /// With the JSON that holds the credentials.
    Login(&'m [u8]),
    Logout,
    Event {
        /// Where it is for, if the frame says so in a field of its own.
        channel: Option<Cow<'m, str>>,
        event: Cow<'m, str>,
        data: Option<&'m [u8]>,
    },
}

/// The fields of a frame that may matter.
struct Frame<'m> {
    kind: Option<Value<'m>>,
    event: Option<Value<'m>>,
    data: Option<Value<'m>>,
    channel: Option<Value<'m>>,
    topic: Option<Value<'m>>,
}

/// The field that says in a flat frame what it is, and in the client's own ping.
const KIND_FIELD: &str = "type";

impl Settings {
    /// Reads a text message; `None`: it means nothing.
    pub(super) fn read<'m>(&self, message: &'m [u8]) -> Option<Request<'m>> {
        let ping = self.ping.as_ref();
        if ping.is_some_and(|ping| ping.is_spelled(message)) {
            return Some(Request::Ping);
        }
        let Ok(frame) = self.scan(message) else {
            let is_ping = |ping: &PingMessage| !ping.is_object() && ping.is_value(message);
            return ping.is_some_and(is_ping).then_some(Request::Ping);
        };
        let request = match self.shape {
            FrameShape::TwoKeys => self.two_keys(&frame),
            FrameShape::Flat => self.flat(&frame, message),
        };
        match request {
            Some(Request::Event { .. }) | None if self.is_ping(&frame, message) => {
                Some(Request::Ping)
            }
            request => request,
        }
    }

    fn scan<'m>(&self, message: &'m [u8]) -> Result<Frame<'m>, NotAnObject> {
        let names = &self.names;
        let fields = [
            names.of(Role::EventField),
            names.of(Role::DataField),
            KIND_FIELD,
            "channel",
            "topic",
        ];
        let [event, data, kind, channel, topic] = scan_object(message, fields)?;
        Ok(Frame {
            kind,
            event,
            data,
            channel,
            topic,
        })
    }

    /// Whether it is the ping in another spelling. The two texts that tell frames apart are compared
    /// first: the whole value is built for hardly anything else.
    fn is_ping(&self, frame: &Frame<'_>, message: &[u8]) -> bool {
        let Some(ping) = &self.ping else {
            return false;
        };
        let has_text = |value: Option<Value<'_>>, field: &str| {
            let text = value.and_then(|value| value.as_text());
            text.as_deref() == ping.text_of(field)
        };
        ping.is_object()
            && has_text(frame.event, self.names.of(Role::EventField))
            && has_text(frame.kind, KIND_FIELD)
            && ping.is_value(message)
    }

    fn role(&self, name: &str) -> Option<Role> {
        Role::REQUESTS
            .into_iter()
            .find(|role| self.names.of(*role) == name)
    }

    fn two_keys<'m>(&self, frame: &Frame<'m>) -> Option<Request<'m>> {
        let event = name(frame.event)?;
        let data = frame.data.map(|data| data.raw());
        let inside = |field: &str| {
            let [name_of] = scan_object(data?, [field]).ok()?;
            name(name_of)
        };
        match self.role(&event) {
            Some(Role::ChannelJoin) => inside("channel").map(Request::Join),
            Some(Role::ChannelLeave) => inside("channel").map(Request::Leave),
            Some(Role::TopicSubscribe) => inside("topic").map(Request::Join),
            Some(Role::TopicUnsubscribe) => inside("topic").map(Request::Leave),
            // Without any credentials it is as wrong as with bad ones.
            Some(Role::AuthLogin) => Some(Request::Login(data.unwrap_or(b"{}"))),
            Some(Role::AuthLogout) => Some(Request::Logout),
            _ => Some(Request::Event {
                channel: None,
                event,
                data,
            }),
        }
    }

    /// In flat frames the kind says what it is, and anything but a request is an event: named by its
    /// own field, or else by the kind.
    fn flat<'m>(&self, frame: &Frame<'m>, message: &'m [u8]) -> Option<Request<'m>> {
        let kind = name(frame.kind);
        match kind.as_deref().and_then(|kind| self.role(kind)) {
            Some(Role::ChannelJoin) => name(frame.channel).map(Request::Join),
            Some(Role::ChannelLeave) => name(frame.channel).map(Request::Leave),
            Some(Role::TopicSubscribe) => name(frame.topic).map(Request::Join),
            Some(Role::TopicUnsubscribe) => name(frame.topic).map(Request::Leave),
            Some(Role::AuthLogin) => Some(Request::Login(message)),
            Some(Role::AuthLogout) => Some(Request::Logout),
            _ => Some(Request::Event {
                channel: name(frame.channel),
                event: name(frame.event).or(kind)?,
                data: frame.data.map(|data| data.raw()),
            }),
        }
    }
}

fn name(value: Option<Value<'_>>) -> Option<Cow<'_, str>> {
    value?.as_text().filter(|name| !name.is_empty())
}
