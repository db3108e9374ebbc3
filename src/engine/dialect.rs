//! The one trait that every protocol of a client implements, and what it may do.
//!
//! A dialect turns messages into [`Actions`] and publications into frames. It holds no connections,
//! does no I/O and never waits: whether a subscribe is allowed is decided by the engine, which
//! comes back with a [`Decision`], at once or later, and lets nothing of that connection overtake.

use std::any::Any;
use std::borrow::Cow;
use std::ops::Range;

use smallvec::SmallVec;

use super::disconnect::{Cause, Disconnect};
use super::identity::Identity;
use super::publication::{AppId, DataKind, Publication};
use super::topic_table::{Subscriptions, TopicTable};
use crate::base::ids::Ulid;
use crate::base::time::Now;
use crate::codec::http::{Refusal, UpgradeRequest};
use crate::codec::ws::MessageKind;
use crate::codec::ws::{OpCode, write_frame};

/// What a dialect keeps for one connection; `None` costs nothing.
pub type DialectState = Option<Box<dyn Any>>;

/// One protocol.
pub trait Dialect {
    /// Its name in `--endpoint PATH=NAME` and in metrics.
    fn name(&self) -> &'static str;

    /// Decides on a well-formed upgrade request for one of its endpoints.
    ///
    /// By default every request is accepted, with the first subprotocol that was offered: a browser
    /// that offers some fails the connection unless one is selected.
    fn on_upgrade(&self, request: &UpgradeRequest) -> UpgradeDecision {
        UpgradeDecision::Accept(Acceptance {
            subprotocol: request.subprotocols().next().map(str::to_owned),
            ..Acceptance::default()
        })
    }

    /// The handshake is done: the first thing a connection is told, if anything.
    fn on_open(&self, conn: &mut ConnView<'_>, actions: &mut Actions<'_>);

    /// A whole message; text is valid UTF-8.
    fn on_message<'m>(
        &self,
        conn: &mut ConnView<'_>,
        message: Message<'m>,
        actions: &mut Actions<'m>,
    );

    /// What became of an [`Actions::subscribe`] or [`Actions::publish`], after it took effect.
    fn on_decision(
        &self,
        conn: &mut ConnView<'_>,
        decision: &Decision<'_>,
        actions: &mut Actions<'_>,
    );

    /// The connection's identity has ended, and what it was allowed with it: it has expired, or was
    /// revoked. By default such a connection is closed for [`Cause::Unauthorized`].
    fn on_identity_end(&self, _conn: &mut ConnView<'_>, _reason: &str, actions: &mut Actions<'_>) {
        actions.end(Cause::Unauthorized);
    }

    /// The timer set by [`Actions::set_timer`] has run out.
    fn on_timer(&self, _conn: &mut ConnView<'_>, _actions: &mut Actions<'_>) {}

    /// The connection is over; it has left its topics already.
    fn on_close(&self, _state: &mut DialectState, _cause: Cause) {}

    /// Writes the frames of one heartbeat; the same for all connections of an endpoint.
    fn heartbeat(&self, out: &mut Vec<u8>) {
        write_frame(out, OpCode::Ping, &[]);
    }

    /// Writes a publication as one whole frame.
    fn encode(&self, publication: &Publication<'_>, out: &mut Vec<u8>);

    /// Whether some connections get publications in a form that is theirs alone, so that
    /// [`Dialect::encode_for`] has to be asked about each.
    fn encodes_for_each(&self) -> bool {
        false
    }

    /// Writes a publication as one whole frame for the connection in this state; `false`, and
    /// nothing is written, when it gets what [`Dialect::encode`] writes.
    fn encode_for(
        &self,
        _state: &mut DialectState,
        _publication: &Publication<'_>,
        _out: &mut Vec<u8>,
    ) -> bool {
        false
    }

    /// Whether clients have to say who they are before anything else.
    fn needs_identity(&self) -> bool {
        false
    }

    /// Whether a connection in this state gets what is published to everyone.
    fn hears_everyone(&self, _state: &DialectState) -> bool {
        true
    }

    /// Whether a connection in this state gets what is published to the topic that is its own
    /// public id, as a UUID.
    fn is_in_own_room(&self, _state: &DialectState) -> bool {
        false
    }

    /// The public id as clients of this dialect know it.
    fn id_text(&self, id: Ulid) -> String {
        id.to_string()
    }

    /// How a client is told that its upgrade request had no valid credentials: by a 101 and what
    /// [`Dialect::disconnect`] says about [`Cause::Unauthorized`], since no script in a browser
    /// learns the status of a refused upgrade; or, by default, by that status, 401.
    fn turns_away_by_close(&self) -> bool {
        false
    }

    /// What a peer is told when its connection ends for `cause`.
    fn disconnect(&self, cause: Cause) -> Option<Disconnect> {
        cause.disconnect()
    }
}

/// How an upgrade request is answered.
#[derive(Debug)]
pub enum UpgradeDecision {
    /// 101.
    Accept(Acceptance),
    /// An HTTP response, then the end.
    Reject(Refusal),
}

/// What goes with a 101.
#[derive(Debug, Default)]
pub struct Acceptance {
    /// One of those offered.
    pub subprotocol: Option<String>,
    /// Further header lines, such as `Set-Cookie`.
    pub headers: Vec<(String, String)>,
    /// What the dialect keeps for the connection.
    pub state: DialectState,
}

/// A connection as its dialect sees it.
pub struct ConnView<'a> {
    /// The public id.
    pub id: Ulid,
    /// What time it is.
    pub now: Now,
    /// What the dialect keeps for it.
    pub state: &'a mut DialectState,
    /// What is known about its peer.
    pub identity: Option<&'a Identity>,
    pub(super) app: AppId,
    pub(super) topics: &'a TopicTable,
    pub(super) subscriptions: &'a Subscriptions,
}

impl ConnView<'_> {
    /// Whether the connection is a member of the topic.
    #[must_use]
    pub fn is_subscribed(&self, topic: &str) -> bool {
        self.topics
            .is_subscribed(self.app, topic, self.subscriptions)
    }
}

impl std::fmt::Debug for ConnView<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ConnView")
            .field("id", &self.id)
            .finish_non_exhaustive()
    }
}

/// A message from a client.
#[derive(Debug, Clone, Copy)]
pub struct Message<'m> {
    /// Text or binary.
    pub kind: MessageKind,
    /// The whole payload.
    pub payload: &'m [u8],
}

/// What a dialect wants done, in order.
#[derive(Debug, Default)]
pub struct Actions<'m> {
    pub(super) list: SmallVec<[Action<'m>; 2]>,
    /// The frames of all replies, one after the other.
    pub(super) frames: Vec<u8>,
    pub(super) ignored: bool,
}

/// One thing to be done.
#[derive(Debug)]
pub(super) enum Action<'m> {
    Reply(Range<usize>),
    Subscribe(Cow<'m, str>),
    Join(Cow<'m, str>),
    Unsubscribe(Cow<'m, str>),
    Publish(Publish<'m>),
    Dispatch(Dispatch<'m>),
    Authenticate {
        data: Cow<'m, [u8]>,
        in_turn: bool,
    },
    Forget,
    Handle {
        event: Cow<'m, str>,
        data: Option<Cow<'m, [u8]>>,
    },
    SetTimer {
        after_ms: u64,
    },
    Close(Disconnect),
    End(Cause),
}

/// Something sent without asking the rules, since it is not a client that wants it sent.
#[derive(Debug)]
pub struct Dispatch<'m> {
    /// Who is to get it.
    pub to: To<'m>,
    /// The topic, or what frames that name one shall say.
    pub topic: Cow<'m, str>,
    /// What happened.
    pub event: Cow<'m, str>,
    /// With what: JSON.
    pub data: Option<Cow<'m, [u8]>>,
    /// Whether the connection that it is about, when it would get it, is left out.
    pub exclude_sender: bool,
    /// The public ids of others that must not get it.
    pub exclude: Vec<Ulid>,
}

/// Whom a [`Dispatch`] goes to.
#[derive(Debug)]
pub enum To<'m> {
    /// The connection whose message this is about.
    Sender,
    /// The subscribers of its topic.
    Topic,
    /// Every connection of this user.
    User(Cow<'m, str>),
    /// The connection that shows this id.
    Conn(Ulid),
    /// Everyone.
    Everyone,
}

/// A publish that a client asks for.
#[derive(Debug)]
pub struct Publish<'m> {
    /// Where to.
    pub topic: Cow<'m, str>,
    /// What happened; empty where the dialect has no event names.
    pub event: Cow<'m, str>,
    /// With what.
    pub data: Option<Cow<'m, [u8]>>,
    /// What the data is.
    pub kind: DataKind,
    /// Whether only those may publish who might also subscribe.
    pub needs_access: bool,
    /// Whether the publisher, when subscribed, is left out.
    pub exclude_self: bool,
}

impl<'m> Actions<'m> {
    /// Sends the frames that `write` appends, to this connection alone.
    pub fn reply(&mut self, write: impl FnOnce(&mut Vec<u8>)) {
        let start = self.frames.len();
        write(&mut self.frames);
        self.list.push(Action::Reply(start..self.frames.len()));
    }

    /// Subscribes to a topic if that is allowed; [`Decision::Subscribe`] follows.
    pub fn subscribe(&mut self, topic: Cow<'m, str>) {
        self.list.push(Action::Subscribe(topic));
    }

    /// Subscribes to a topic that the dialect or the application itself has chosen: no rule is asked,
    /// and nothing follows.
    pub fn join(&mut self, topic: Cow<'m, str>) {
        self.list.push(Action::Join(topic));
    }

    /// Leaves a topic; nothing follows, and a topic that it is not a member of is no error.
    pub fn unsubscribe(&mut self, topic: Cow<'m, str>) {
        self.list.push(Action::Unsubscribe(topic));
    }

    /// Publishes if that is allowed; [`Decision::Publish`] follows.
    pub fn publish(&mut self, publish: Publish<'m>) {
        self.list.push(Action::Publish(publish));
    }

    /// Has the peer's credentials looked at; [`Decision::Authenticate`] follows. Later messages are
    /// handled meanwhile, and it is for the dialect to say what becomes of them and when it has
    /// been too long.
    pub fn authenticate_meanwhile(&mut self, data: Cow<'m, [u8]>) {
        let in_turn = false;
        self.list.push(Action::Authenticate { data, in_turn });
    }

    /// The same, and later messages wait until it is known.
    pub fn authenticate(&mut self, data: Cow<'m, [u8]>) {
        let in_turn = true;
        self.list.push(Action::Authenticate { data, in_turn });
    }

    /// Gives up the connection's identity, and every topic that it would not be let into without.
    pub fn forget_identity(&mut self) {
        self.list.push(Action::Forget);
    }

    /// Leaves a message to the application.
    pub fn handle(&mut self, event: Cow<'m, str>, data: Option<Cow<'m, [u8]>>) {
        self.list.push(Action::Handle { event, data });
    }

    /// Sends something that the application wants sent.
    pub fn dispatch(&mut self, dispatch: Dispatch<'m>) {
        self.list.push(Action::Dispatch(dispatch));
    }

    /// Calls [`Dialect::on_timer`] in `after_ms`, instead of at any time set before.
    pub fn set_timer(&mut self, after_ms: u64) {
        self.list.push(Action::SetTimer { after_ms });
    }

    /// Ends the connection, after the replies before it.
    pub fn close(&mut self, disconnect: Disconnect) {
        self.list.push(Action::Close(disconnect));
    }

    /// Ends the connection for a cause, with what the dialect says about it.
    pub fn end(&mut self, cause: Cause) {
        self.list.push(Action::End(cause));
    }

    /// Puts `later` behind what is here.
    pub(super) fn append(&mut self, later: Self) {
        let offset = self.frames.len();
        self.frames.extend_from_slice(&later.frames);
        self.list
            .extend(later.list.into_iter().map(|action| match action {
                Action::Reply(range) => Action::Reply(range.start + offset..range.end + offset),
                other => other,
            }));
    }

    /// The message meant nothing in this dialect: it is counted and otherwise passed over.
    pub fn ignore(&mut self) {
        self.ignored = true;
    }
}

impl Publish<'_> {
    pub(super) fn into_owned(self) -> Publish<'static> {
        Publish {
            topic: Cow::Owned(self.topic.into_owned()),
            event: Cow::Owned(self.event.into_owned()),
            data: self.data.map(|data| Cow::Owned(data.into_owned())),
            kind: self.kind,
            needs_access: self.needs_access,
            exclude_self: self.exclude_self,
        }
    }
}

impl Dispatch<'_> {
    fn into_owned(self) -> Dispatch<'static> {
        Dispatch {
            to: match self.to {
                To::Sender => To::Sender,
                To::Topic => To::Topic,
                To::User(user) => To::User(Cow::Owned(user.into_owned())),
                To::Conn(id) => To::Conn(id),
                To::Everyone => To::Everyone,
            },
            topic: Cow::Owned(self.topic.into_owned()),
            event: Cow::Owned(self.event.into_owned()),
            data: self.data.map(|data| Cow::Owned(data.into_owned())),
            exclude_sender: self.exclude_sender,
            exclude: self.exclude,
        }
    }
}

impl Action<'_> {
    /// Whether it must not overtake what the connection waits for. Replies do not count as such:
    /// in what a timer asks for they are about the waiting itself.
    pub(super) fn needs_turn(&self) -> bool {
        match self {
            Self::Subscribe(_)
            | Self::Join(_)
            | Self::Unsubscribe(_)
            | Self::Publish(_)
            | Self::Dispatch(_)
            | Self::Authenticate { .. }
            | Self::Forget
            | Self::Handle { .. } => true,
            Self::Reply(_) | Self::SetTimer { .. } | Self::Close(_) | Self::End(_) => false,
        }
    }

    pub(super) fn into_owned(self) -> Action<'static> {
        let owned = |text: Cow<'_, str>| Cow::Owned(text.into_owned());
        match self {
            Self::Reply(range) => Action::Reply(range),
            Self::Subscribe(topic) => Action::Subscribe(owned(topic)),
            Self::Join(topic) => Action::Join(owned(topic)),
            Self::Unsubscribe(topic) => Action::Unsubscribe(owned(topic)),
            Self::Publish(publish) => Action::Publish(publish.into_owned()),
            Self::Dispatch(dispatch) => Action::Dispatch(dispatch.into_owned()),
            Self::Authenticate { data, in_turn } => Action::Authenticate {
                data: Cow::Owned(data.into_owned()),
                in_turn,
            },
            Self::Forget => Action::Forget,
            Self::Handle { event, data } => Action::Handle {
                event: owned(event),
                data: data.map(|data| Cow::Owned(data.into_owned())),
            },
            Self::SetTimer { after_ms } => Action::SetTimer { after_ms },
            Self::Close(disconnect) => Action::Close(disconnect),
            Self::End(cause) => Action::End(cause),
        }
    }
}

/// What became of a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Decision<'a> {
    /// Of a subscribe.
    Subscribe {
        /// The topic asked for.
        topic: &'a str,
        /// The outcome.
        outcome: SubscribeOutcome,
    },
    /// Of a publish.
    Publish {
        /// The topic asked for.
        topic: &'a str,
        /// The outcome.
        outcome: PublishOutcome,
    },
    /// Of credentials.
    Authenticate(AuthenticateOutcome),
}

/// What credentials came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AuthenticateOutcome {
    /// The connection has its identity now.
    Accepted,
    /// They are wrong; an identity from before has been given up.
    Rejected,
    /// Nobody could tell; nothing has changed.
    Failed,
}

/// How a subscribe ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SubscribeOutcome {
    /// Every shard routes the topic to this connection now.
    Subscribed,
    /// It was a member before; nothing was asked again.
    AlreadySubscribed,
    /// The rules say no.
    Denied,
    /// Nobody could tell.
    Failed,
    /// It has as many topics as a connection may have.
    LimitReached,
}

/// How a publish ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PublishOutcome {
    /// Every shard with subscribers has it.
    Accepted,
    /// The publisher might not even subscribe.
    AccessDenied,
    /// Nobody could tell whether it might subscribe.
    AccessFailed,
    /// The rules say no.
    Denied,
    /// It could not be published.
    Failed,
}
