//! Who may subscribe and publish: asked on the shard, answered at once or by the control plane.

use std::borrow::Cow;

use super::rules::Rules;
use crate::base::ids::ConnId;

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
    /// Rules on one question about one connection.
    fn decide(&self, conn: ConnId, question: &Question<'_>) -> Ruling;
}

impl Decider for Rules {
    fn decide(&self, _conn: ConnId, question: &Question<'_>) -> Ruling {
        let allowed = match question {
            Question::Subscribe { topic } => self.may_subscribe(topic),
            Question::Publish { topic, event, .. } => self.may_publish(topic, event),
        };
        Ruling::Known(if allowed {
            Verdict::Allow
        } else {
            Verdict::Deny
        })
    }
}

/// A question on its way to the control plane.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Asked {
    /// The connection it is about.
    pub conn: ConnId,
    /// To be given back with the answer; an answer to an older question of the same connection, or
    /// one after its end, changes nothing.
    pub ticket: u32,
    /// The question.
    pub question: Question<'static>,
}
