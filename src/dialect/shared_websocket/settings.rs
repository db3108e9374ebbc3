//! What an operator may set about the dialect: the client lets its application rename and reshape
//! nearly everything, and says none of it on the wire.

use std::fmt;

use serde_json::Value;

/// How the dialect speaks at one endpoint.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settings {
    /// What the frames of the client look like.
    pub shape: FrameShape,
    /// What fields and events are called.
    pub names: Names,
    /// The client's ping; `None`: it sends none that differs from its other messages.
    pub ping: Option<PingMessage>,
    /// What is answered to it, a JSON text; `None`: nothing.
    pub pong: Option<String>,
    /// What becomes of data that is absent or `null` on its way to a client.
    pub empty_data: EmptyData,
    /// Whether whoever publishes to a channel is left out.
    pub publish_excludes_self: bool,
}

impl Settings {
    /// What the client does by default, for this shape of frames.
    #[must_use]
    pub fn new(shape: FrameShape) -> Self {
        Self {
            shape,
            names: Names::new(shape),
            ping: PingMessage::parse(PING),
            pong: Some(PONG.to_owned()),
            empty_data: EmptyData::Omit,
            publish_excludes_self: false,
        }
    }
}

impl Default for Settings {
    fn default() -> Self {
        Self::new(FrameShape::TwoKeys)
    }
}

/// The client's ping, and the usual answer.
pub const PING: &str = r#"{"type":"ping"}"#;
/// See [`PING`].
pub const PONG: &str = r#"{"type":"pong"}"#;

/// What the frames of the client look like; those of the server always have two keys, since the
/// client reads nothing else.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FrameShape {
    /// `{"event":"$channel:join","data":{"channel":"x"}}`: as the client does by itself.
    TwoKeys,
    /// `{"type":"subscribe","channel":"x"}`: the form of its documentation's `frameBuilder`.
    Flat,
}

/// What becomes of data that is absent or `null` on its way to a client, whose handlers get the whole
/// frame in place of either.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EmptyData {
    /// There is no data field.
    Omit,
    /// It is `{}`.
    Object,
    /// It stays what it was.
    Keep,
}

/// Something that has a name in frames.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    /// The field of the event's name.
    EventField,
    /// The field of its data.
    DataField,
    /// What an event is called that has neither name nor channel.
    DefaultEvent,
    /// The client joins a channel.
    ChannelJoin,
    /// The client leaves one.
    ChannelLeave,
    /// The client subscribes to a topic.
    TopicSubscribe,
    /// The client gives it up.
    TopicUnsubscribe,
    /// The client shows a token.
    AuthLogin,
    /// The client gives up its identity.
    AuthLogout,
    /// The server tells that an identity has ended.
    AuthRevoked,
    /// The server tells that something was refused.
    Error,
    /// The server tells that a login succeeded; not told unless it has a name.
    AuthOk,
    /// The server tells that a channel or a topic was joined; not told unless it has a name.
    ChannelJoined,
}

impl Role {
    /// All of them.
    pub const ALL: [Self; 13] = [
        Self::EventField,
        Self::DataField,
        Self::DefaultEvent,
        Self::ChannelJoin,
        Self::ChannelLeave,
        Self::TopicSubscribe,
        Self::TopicUnsubscribe,
        Self::AuthLogin,
        Self::AuthLogout,
        Self::AuthRevoked,
        Self::Error,
        Self::AuthOk,
        Self::ChannelJoined,
    ];

    /// What the client may send: no two of them may be called alike.
    pub(super) const REQUESTS: [Self; 6] = [
        Self::ChannelJoin,
        Self::ChannelLeave,
        Self::TopicSubscribe,
        Self::TopicUnsubscribe,
        Self::AuthLogin,
        Self::AuthLogout,
    ];

    /// As an operator writes it.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::EventField => "event-field",
            Self::DataField => "data-field",
            Self::DefaultEvent => "default-event",
            Self::ChannelJoin => "channel-join",
            Self::ChannelLeave => "channel-leave",
            Self::TopicSubscribe => "topic-subscribe",
            Self::TopicUnsubscribe => "topic-unsubscribe",
            Self::AuthLogin => "auth-login",
            Self::AuthLogout => "auth-logout",
            Self::AuthRevoked => "auth-revoked",
            Self::Error => "error",
            Self::AuthOk => "auth-ok",
            Self::ChannelJoined => "channel-joined",
        }
    }

    /// The role of that name.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|role| role.as_str() == name)
    }

    /// What it is called where nobody has said anything; empty: nothing.
    fn default_name(self, shape: FrameShape) -> &'static str {
        match (self, shape) {
            (Self::EventField, _) => "event",
            (Self::DataField, _) => "data",
            (Self::DefaultEvent, _) => "message",
            (Self::ChannelJoin, FrameShape::TwoKeys) => "$channel:join",
            (Self::ChannelJoin, FrameShape::Flat) => "subscribe",
            (Self::ChannelLeave, FrameShape::TwoKeys) => "$channel:leave",
            (Self::ChannelLeave, FrameShape::Flat) => "unsubscribe",
            (Self::TopicSubscribe, FrameShape::TwoKeys) => "$topic:subscribe",
            (Self::TopicSubscribe, FrameShape::Flat) => "topic.subscribe",
            (Self::TopicUnsubscribe, FrameShape::TwoKeys) => "$topic:unsubscribe",
            (Self::TopicUnsubscribe, FrameShape::Flat) => "topic.unsubscribe",
            (Self::AuthLogin, FrameShape::TwoKeys) => "$auth:login",
            (Self::AuthLogin, FrameShape::Flat) => "auth",
            (Self::AuthLogout, FrameShape::TwoKeys) => "$auth:logout",
            (Self::AuthLogout, FrameShape::Flat) => "logout",
            (Self::AuthRevoked, _) => "$auth:revoked",
            (Self::Error, _) => "error",
            (Self::AuthOk | Self::ChannelJoined, _) => "",
        }
    }
}

impl fmt::Display for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// The name of every role.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Names([String; Role::ALL.len()]);

impl Names {
    /// The client's defaults for frames of this shape.
    #[must_use]
    pub fn new(shape: FrameShape) -> Self {
        Self(Role::ALL.map(|role| role.default_name(shape).to_owned()))
    }

    /// What it is called; empty: it has no name, and is not said.
    #[must_use]
    pub fn of(&self, role: Role) -> &str {
        &self.0[role as usize]
    }

    /// Calls it something else.
    pub fn set(&mut self, role: Role, name: &str) {
        name.clone_into(&mut self.0[role as usize]);
    }

    /// Two roles with one name whose frames could not be told apart.
    #[must_use]
    pub fn clash(&self) -> Option<(Role, Role)> {
        let alike = |roles: &[Role]| {
            roles.iter().enumerate().find_map(|(index, one)| {
                let later = &roles[index + 1..];
                let other = later.iter().find(|other| self.of(**other) == self.of(*one));
                other.map(|other| (*one, *other))
            })
        };
        alike(&[Role::EventField, Role::DataField]).or_else(|| alike(&Role::REQUESTS))
    }
}

/// The client's ping: known by its value, however it is spelled.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PingMessage {
    text: String,
    value: Value,
}

impl PingMessage {
    /// Reads it; `None` when the text is no JSON.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        Some(Self {
            value: serde_json::from_str(text).ok()?,
            text: text.to_owned(),
        })
    }

    /// As it was written.
    #[must_use]
    pub fn text(&self) -> &str {
        &self.text
    }

    /// Whether `message` spells it just like that, which it nearly always does.
    pub(super) fn is_spelled(&self, message: &[u8]) -> bool {
        self.text.as_bytes() == message
    }

    /// Whether `message` is the same JSON value. Cost: builds the value.
    pub(super) fn is_value(&self, message: &[u8]) -> bool {
        serde_json::from_slice::<Value>(message).is_ok_and(|value| value == self.value)
    }

    /// The text of one of its fields.
    pub(super) fn text_of(&self, field: &str) -> Option<&str> {
        self.value.get(field)?.as_str()
    }

    pub(super) fn is_object(&self) -> bool {
        self.value.is_object()
    }
}
