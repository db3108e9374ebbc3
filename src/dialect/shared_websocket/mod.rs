//! `shared-websocket`: the frames of @gwakko/shared-websocket, a client whose tabs share one
//! connection.
//!
//! | from the client | |
//! |---|---|
//! | `{"type":"ping"}` | its heartbeat, known by its value |
//! | `{"event":"$channel:join","data":{"channel":"chat:1"}}` | also `$channel:leave` |
//! | `{"event":"$topic:subscribe","data":{"topic":"news"}}` | also `$topic:unsubscribe` |
//! | `{"event":"$auth:login","data":{"token":"…"}}` | may come again at any time |
//! | `{"event":"$auth:logout","data":{}}` | |
//! | `{"event":"chat:1:typing","data":…}` | published to `chat:1`, if that was joined; else left to the application |
//!
//! | from the server | |
//! |---|---|
//! | `{"event":"chat:1:message","data":…}` | an event of a channel or a topic |
//! | `{"event":"order.created","data":…}` | an event without a channel |
//! | `{"event":"$auth:revoked","data":{"reason":"…"}}` | the identity has ended; the connection has not |
//! | `{"event":"error","data":{"message":"…","channel":"…"}}` | something was refused |
//! | `{"type":"pong"}` | the answer to a ping |
//!
//! All names may be other ones, and the client's frames flat: see [`Settings`]. Channels and topics
//! are one name space, and memberships a set: the client sends a join for every handle of every tab,
//! often twice, and counts nothing. What else it sends is passed over: not JSON, no object, no event.

mod request;
mod settings;

#[cfg(test)]
mod tests;

pub use settings::{EmptyData, FrameShape, Names, PING, PONG, PingMessage, Role, Settings};

use std::borrow::Cow;

use self::request::Request;
use crate::base::limits::NAME_BYTES_MAX;
use crate::codec::json::{write_joined, write_string};
use crate::codec::ws::{CloseCode, MessageKind, OpCode, write_frame, write_frame_with};
use crate::engine::actions::{Actions, Publish};
use crate::engine::dialect::{
    AuthenticateOutcome, ConnView, Decision, Dialect, Message, PublishOutcome, SubscribeOutcome,
};
use crate::engine::disconnect::{Cause, Disconnect};
use crate::engine::publication::{DataKind, Publication};
use crate::engine::rules::{Defaults, Grant};

/// Who may join what where the operator says nothing: as the client's sample servers have it.
pub const DEFAULT_RULES: Defaults = &[
    ("private:", Grant::Authenticated),
    ("user:", Grant::Authenticated),
    ("notifications:", Grant::Authenticated),
    ("", Grant::Allow),
];

/// The dialect.
#[derive(Debug, Clone)]
pub struct SharedWebsocket {
    settings: Settings,
    /// `{"event":`
    event_head: Vec<u8>,
    /// `,"data":`
    data_head: Vec<u8>,
}

/// What refusals say.
mod refusal {
    /// The word of the client's sample servers for whoever is not logged in.
    pub(super) const UNAUTHENTICATED: &str = "Authentication required";
    pub(super) const FORBIDDEN: &str = "Not allowed";
    pub(super) const UNDECIDED: &str = "Authorization failed";
    pub(super) const TOO_MANY: &str = "Too many channels";
    pub(super) const PUBLISH_FORBIDDEN: &str = "Publish not allowed";
    pub(super) const PUBLISH_FAILED: &str = "Publish failed";
    pub(super) const LOGIN_UNDECIDED: &str = "Authentication failed for now, try again";
}

impl SharedWebsocket {
    /// Speaks as `settings` say.
    #[must_use]
    pub fn new(settings: Settings) -> Self {
        let head = |start: u8, role| {
            let mut head = vec![start];
            write_string(&mut head, settings.names.of(role));
            head.push(b':');
            head
        };
        Self {
            event_head: head(b'{', Role::EventField),
            data_head: head(b',', Role::DataField),
            settings,
        }
    }

    fn name(&self, role: Role) -> &str {
        self.settings.names.of(role)
    }

    /// What the client sent, for the channel or for the application.
    fn hand_on<'m>(
        &self,
        conn: &ConnView<'_>,
        channel: Option<Cow<'m, str>>,
        event: Cow<'m, str>,
        data: Option<&'m [u8]>,
        actions: &mut Actions<'m>,
    ) {
        let data = data.map(Cow::Borrowed);
        let (topic, event) = match channel {
            Some(channel) if conn.is_subscribed(&channel) => (channel, event),
            Some(channel) => {
                let event = Cow::Owned(format!("{channel}:{event}"));
                return actions.handle(event, data);
            }
            None => match joined_channel(conn, &event) {
                Some(len) => split_at_colon(event, len),
                None => return actions.handle(event, data),
            },
        };
        actions.publish(Publish {
            topic,
            event,
            data,
            kind: DataKind::Json,
            // It is a member, so it has been asked.
            needs_access: false,
            exclude_self: self.settings.publish_excludes_self,
        });
    }

    fn say(&self, actions: &mut Actions<'_>, event: &str, write_data: impl FnOnce(&mut Vec<u8>)) {
        actions.reply(|out| {
            write_frame_with(out, OpCode::Text, 125, |out| {
                out.extend_from_slice(&self.event_head);
                write_string(out, event);
                out.extend_from_slice(&self.data_head);
                write_data(out);
                out.push(b'}');
            });
        });
    }

    fn refuse(&self, actions: &mut Actions<'_>, message: &str, channel: Option<&str>) {
        self.say(actions, self.name(Role::Error), |out| {
            out.extend_from_slice(br#"{"message":"#);
            write_string(out, message);
            if let Some(channel) = channel {
                out.extend_from_slice(br#","channel":"#);
                write_string(out, channel);
            }
            out.push(b'}');
        });
    }

    fn revoke(&self, actions: &mut Actions<'_>, reason: &str) {
        self.say(actions, self.name(Role::AuthRevoked), |out| {
            write_field(out, "reason", reason);
        });
    }
}

impl Dialect for SharedWebsocket {
    fn name(&self) -> &'static str {
        "shared-websocket"
    }

    /// The client speaks first, or stays silent.
    fn on_open(&self, _conn: &mut ConnView<'_>, _actions: &mut Actions<'_>) {}

    fn on_message<'m>(
        &self,
        conn: &mut ConnView<'_>,
        message: Message<'m>,
        actions: &mut Actions<'m>,
    ) {
        if message.kind == MessageKind::Binary {
            // Its application has codecs of its own, which nobody here can read.
            return actions.close(Disconnect {
                code: CloseCode::UNSUPPORTED_DATA,
                reason: Cow::Borrowed("text messages only"),
            });
        }
        match self.settings.read(message.payload) {
            Some(Request::Ping) => {
                if let Some(pong) = &self.settings.pong {
                    actions.reply(|out| write_frame(out, OpCode::Text, pong.as_bytes()));
                }
            }
            Some(Request::Join(channel)) => actions.subscribe(channel),
            Some(Request::Leave(channel)) => actions.unsubscribe(channel),
            Some(Request::Login(data)) => actions.authenticate(Cow::Borrowed(data)),
            Some(Request::Logout) => actions.forget_identity(),
            Some(Request::Event {
                channel,
                event,
                data,
            }) => self.hand_on(conn, channel, event, data, actions),
            None => actions.ignore(),
        }
    }

    fn on_decision(
        &self,
        conn: &mut ConnView<'_>,
        decision: &Decision<'_>,
        actions: &mut Actions<'_>,
    ) {
        match *decision {
            Decision::Subscribe { topic, outcome } => {
                let message = match outcome {
                    SubscribeOutcome::Subscribed | SubscribeOutcome::AlreadySubscribed => {
                        let joined = self.name(Role::ChannelJoined);
                        if !joined.is_empty() {
                            self.say(actions, joined, |out| write_field(out, "channel", topic));
                        }
                        return;
                    }
                    SubscribeOutcome::Denied if conn.identity.is_none() => refusal::UNAUTHENTICATED,
                    SubscribeOutcome::Denied => refusal::FORBIDDEN,
                    SubscribeOutcome::Failed => refusal::UNDECIDED,
                    SubscribeOutcome::LimitReached => refusal::TOO_MANY,
                };
                self.refuse(actions, message, Some(topic));
            }
            Decision::Publish { topic, outcome } => {
                let message = match outcome {
                    PublishOutcome::Accepted => return,
                    PublishOutcome::AccessDenied | PublishOutcome::Denied => {
                        refusal::PUBLISH_FORBIDDEN
                    }
                    PublishOutcome::AccessFailed | PublishOutcome::Failed => {
                        refusal::PUBLISH_FAILED
                    }
                };
                self.refuse(actions, message, Some(topic));
            }
            Decision::Authenticate(AuthenticateOutcome::Accepted) => {
                let ok = self.name(Role::AuthOk);
                if ok.is_empty() {
                    return;
                }
                let user = conn.identity.and_then(|identity| identity.user.as_deref());
                self.say(actions, ok, |out| match user {
                    Some(user) => write_field(out, "userId", user),
                    None => out.extend_from_slice(b"{}"),
                });
            }
            Decision::Authenticate(AuthenticateOutcome::Rejected) => {
                self.revoke(actions, "invalid_token");
            }
            // `revoked` would make the client forget a token that may well be good.
            Decision::Authenticate(AuthenticateOutcome::Failed) => {
                self.refuse(actions, refusal::LOGIN_UNDECIDED, None);
            }
        }
    }

    /// The client logs in again, or goes on as nobody: the connection stays for both.
    fn on_identity_end(&self, _conn: &mut ConnView<'_>, reason: &str, actions: &mut Actions<'_>) {
        self.revoke(actions, reason);
    }

    fn encode(&self, publication: &Publication<'_>, out: &mut Vec<u8>) {
        let Publication { topic, event, .. } = *publication;
        let data = match (publication.data, self.settings.empty_data) {
            (data, EmptyData::Keep) => data,
            (Some(data), _) if data != b"null" => Some(data),
            (_, EmptyData::Object) => Some(&b"{}"[..]),
            (_, EmptyData::Omit) => None,
        };
        let heads = self.event_head.len() + self.data_head.len();
        // Quotes, a colon and the bracket; escapes may add to the names.
        let hint = heads + topic.len() + event.len() + data.map_or(0, <[u8]>::len) + 4;
        write_frame_with(out, OpCode::Text, hint, |out| {
            out.extend_from_slice(&self.event_head);
            match (topic, event) {
                ("", "") => write_string(out, self.name(Role::DefaultEvent)),
                ("", name) | (name, "") => write_string(out, name),
                (topic, event) => write_joined(out, [topic, ":", event]),
            }
            if let Some(data) = data {
                out.extend_from_slice(&self.data_head);
                out.extend_from_slice(data);
            }
            out.push(b'}');
        });
    }

    /// The client stops for good at 1008, and learns nothing from a status.
    fn turns_away_by_close(&self) -> bool {
        true
    }

    /// Never 1000, after which some of its modes do not come back; 1008 for credentials alone.
    fn disconnect(&self, cause: Cause) -> Option<Disconnect> {
        match cause {
            Cause::Dialect => Cause::Kicked.disconnect(),
            cause => cause.disconnect(),
        }
    }
}

/// The length of the longest channel of this connection that `event` begins with, a colon and
/// something more behind it.
///
/// Cost: one look-up for each colon where a channel's name may end.
fn joined_channel(conn: &ConnView<'_>, event: &str) -> Option<usize> {
    let last = event.len().checked_sub(2)?.min(NAME_BYTES_MAX);
    let mut colons = (1..=last).rev().filter(|at| event.as_bytes()[*at] == b':');
    colons.find(|at| conn.is_subscribed(&event[..*at]))
}

/// What stands before the colon at `at`, and what behind it.
fn split_at_colon(text: Cow<'_, str>, at: usize) -> (Cow<'_, str>, Cow<'_, str>) {
    match text {
        Cow::Borrowed(text) => (text[..at].into(), text[at + 1..].into()),
        Cow::Owned(text) => (
            text[..at].to_owned().into(),
            text[at + 1..].to_owned().into(),
        ),
    }
}

/// `{"field":"text"}`
fn write_field(out: &mut Vec<u8>, field: &str, text: &str) {
    out.push(b'{');
    write_string(out, field);
    out.push(b':');
    write_string(out, text);
    out.push(b'}');
}
