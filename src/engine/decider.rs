//! What is decided about a connection: by the shard's own rules at once, or by the control plane.

use std::borrow::Cow;
use std::net::IpAddr;
use std::sync::Arc;

use super::identity::Identity;
use super::rules::Rules;
use crate::base::ids::ConnId;
use crate::codec::http::{Refusal, UpgradeRequest};

/// What is to be decided about one connection.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Question<'a> {
    /// May it receive what is published on the topic?
    Subscribe {
        /// The topic's name.
        topic: Cow<'a, str>,
    },
    /// May it publish this?
    Publish {
        /// The topic's name.
        topic: Cow<'a, str>,
        /// The event's name.
        event: Cow<'a, str>,
        /// The data, if there is any.
        data: Option<Cow<'a, [u8]>>,
    },
}

impl Question<'_> {
    /// The question on its own, to be sent to another thread.
    #[must_use]
    pub fn into_owned(self) -> Question<'static> {
        let owned = |text: Cow<'_, str>| Cow::Owned(text.into_owned());
        match self {
            Self::Subscribe { topic } => Question::Subscribe {
                topic: owned(topic),
            },
            Self::Publish { topic, event, data } => Question::Publish {
                topic: owned(topic),
                event: owned(event),
                data: data.map(|data| Cow::Owned(data.into_owned())),
            },
        }
    }
}

/// An answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// Yes.
    Allow,
    /// No.
    Deny,
    /// Nobody could tell (an error, a time-out): treated as no, and said as such.
    Fail,
}

/// What a shard knows by itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ruling {
    /// The answer.
    Known(Verdict),
    /// The control plane must be asked; the connection's later messages wait meanwhile.
    Ask,
}

/// Decides what it can without waiting.
pub trait Decider {
    /// Rules on one question about one connection, of which this much is known.
    fn decide(&self, conn: ConnId, identity: Option<&Identity>, question: &Question<'_>) -> Ruling;

    /// What becomes of a message that means nothing to the dialect itself.
    fn handle(&self, _identity: Option<&Identity>, _event: &str) -> Handling {
        Handling::Drop
    }
}

/// What becomes of a message that its dialect leaves to the application.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Handling {
    /// Nothing.
    Drop,
    /// It goes back to its sender, and to nobody else.
    Reply,
    /// It is published, whatever the rules for clients say.
    Publish {
        /// Where to.
        topic: String,
        /// Whether its sender, when subscribed, is left out.
        exclude_self: bool,
    },
    /// The control plane says; the connection's later messages wait meanwhile.
    Ask,
}

impl Decider for Rules {
    fn decide(
        &self,
        _conn: ConnId,
        identity: Option<&Identity>,
        question: &Question<'_>,
    ) -> Ruling {
        match question {
            Question::Subscribe { topic } => self.of_subscribe(topic).ruling(identity, topic),
            Question::Publish { topic, event, .. } => {
                self.of_publish(topic, event).ruling(identity, topic)
            }
        }
    }

    fn handle(&self, _identity: Option<&Identity>, event: &str) -> Handling {
        self.of_message(event).clone()
    }
}

/// What the control plane is asked.
#[derive(Debug)]
pub enum Inquiry {
    /// A decision; answered by [`Shard::handle_verdict`](super::shard::Shard::handle_verdict).
    Decide(Question<'static>),
    /// To which of these topics it may subscribe; answered by
    /// [`Shard::handle_verdicts`](super::shard::Shard::handle_verdicts).
    DecideAll(Vec<String>),
    /// Who this is, by what it sent; answered by
    /// [`Shard::handle_proof`](super::shard::Shard::handle_proof).
    Authenticate {
        /// The credentials: a JSON text, of whatever shape the application's clients use.
        data: Box<[u8]>,
    },
    /// Whether this may come in, and who it is; answered by
    /// [`Shard::handle_admission`](super::shard::Shard::handle_admission).
    Admit(Box<Newcomer>),
    /// What is to be done about a message; answered by
    /// [`Shard::handle_deeds`](super::shard::Shard::handle_deeds).
    Message {
        /// The event's name.
        event: Box<str>,
        /// The data, if there is any.
        data: Option<Box<[u8]>>,
    },
}

/// Somebody at the door.
#[derive(Debug)]
pub struct Newcomer {
    /// The request as it came.
    pub request: Arc<UpgradeRequest>,
    /// The client's address: behind a trusted proxy what that says, if it says anything.
    pub peer: IpAddr,
    /// The token found in the request, if the endpoint looks for one.
    pub token: Option<String>,
}

/// A question on its way to the control plane.
#[derive(Debug)]
pub struct Asked {
    /// The connection it is about.
    pub conn: ConnId,
    /// Its public id as its client knows it.
    pub id: Arc<str>,
    /// Its endpoint, by index.
    pub endpoint: u16,
    /// What is known about its peer.
    pub identity: Option<Arc<Identity>>,
    /// To be given back with the answer; an answer to an older question of the same connection, or
    /// one after its end, changes nothing.
    pub ticket: u32,
    /// The question.
    pub inquiry: Inquiry,
}

impl Asked {
    /// Bytes of what it carries beside its own fields: names, data, a request.
    #[must_use]
    pub fn bytes(&self) -> usize {
        match &self.inquiry {
            Inquiry::Decide(Question::Subscribe { topic }) => topic.len(),
            Inquiry::Decide(Question::Publish { topic, event, data }) => {
                topic.len() + event.len() + data.as_ref().map_or(0, |data| data.len())
            }
            Inquiry::DecideAll(topics) => topics.iter().map(String::len).sum(),
            Inquiry::Authenticate { data } => data.len(),
            Inquiry::Admit(newcomer) => newcomer.request.bytes(),
            Inquiry::Message { event, data } => {
                event.len() + data.as_ref().map_or(0, |data| data.len())
            }
        }
    }
}

/// What credentials have proven.
#[derive(Debug, Clone)]
pub enum Proof {
    /// This.
    Accepted(Arc<Identity>),
    /// Nothing: they are wrong, or have ended.
    Rejected,
    /// Nobody could tell (an error, a time-out).
    Failed,
}

/// What is answered to a [`Newcomer`].
#[derive(Debug, Clone)]
pub enum Admission {
    /// Come in.
    Admit {
        /// Who it is; `None`: nobody knows, and nobody has to.
        identity: Option<Arc<Identity>>,
        /// Further header lines of the 101, such as `Set-Cookie`.
        headers: Vec<(String, String)>,
        /// Topics that it is subscribed to from the start.
        topics: Vec<String>,
    },
    /// Its credentials are wrong: the dialect says how such a client is told.
    Unauthorized,
    /// Stay out, with this answer.
    Refuse(Refusal),
    /// Nobody could tell.
    Failed,
}
