//! The one trait that every protocol of a client implements, and what it is told.
//!
//! A dialect turns messages into [`Actions`] and publications into frames. It holds no connections,
//! does no I/O and never waits: whether a subscribe is allowed is decided by the engine, which
//! comes back with a [`Decision`], at once or later, and lets nothing of that connection overtake.

use std::any::Any;

use super::actions::Actions;
use super::disconnect::{Cause, Disconnect};
use super::identity::Identity;
use super::publication::{AppId, Publication};
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
