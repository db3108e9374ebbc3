//! What a dialect, or the application behind it, wants done about a connection.

use std::borrow::Cow;
use std::ops::Range;

use smallvec::SmallVec;

use super::disconnect::{Cause, Disconnect};
use super::publication::DataKind;
use crate::base::ids::Ulid;

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
    /// Behind a pointer, so that the actions of every message stay small.
    Dispatch(Box<Dispatch<'m>>),
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

    /// Subscribes to a topic if that is allowed;
    /// [`Decision::Subscribe`](super::dialect::Decision::Subscribe) follows.
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

    /// Publishes if that is allowed; [`Decision::Publish`](super::dialect::Decision::Publish)
    /// follows.
    pub fn publish(&mut self, publish: Publish<'m>) {
        self.list.push(Action::Publish(publish));
    }

    /// Has the peer's credentials looked at;
    /// [`Decision::Authenticate`](super::dialect::Decision::Authenticate) follows. Later messages are
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
        self.list.push(Action::Dispatch(Box::new(dispatch)));
    }

    /// Calls [`Dialect::on_timer`](super::dialect::Dialect::on_timer) in `after_ms`, instead of at any
    /// time set before.
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
            Self::Dispatch(dispatch) => Action::Dispatch(Box::new(dispatch.into_owned())),
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
