//! What an app server wants done about a message: a list of actions.

use std::fmt;

use http::StatusCode;
use serde::Deserialize;
use serde_json::value::RawValue;

use super::fault::{Fault, parse};
use crate::base::limits::NAME_BYTES_MAX;
use crate::codec::ws::CloseCode;

/// Actions in one answer: one message of one client must not keep every shard busy.
pub const ACTIONS_MAX: usize = 100;

/// Connections that one action may leave out.
pub const EXCLUDED_MAX: usize = 100;

/// The word for the connection whose message it was.
const ITSELF: &str = "self";

/// One thing to be done.
#[derive(Debug)]
pub enum Action {
    /// Say something to the connection whose message it was.
    Reply(Said),
    /// Publish to a channel.
    Publish {
        /// Where to.
        channel: String,
        /// What.
        said: Said,
        /// Who is left out.
        exclude: Exclude,
    },
    /// Say something to connections, wherever they are.
    Send {
        /// Which.
        to: Target,
        /// What.
        said: Said,
        /// Who is left out.
        exclude: Exclude,
    },
    /// Subscribe the connection to a channel; no rule is asked.
    Join {
        /// The channel.
        channel: String,
    },
    /// Take it out of a channel.
    Leave {
        /// The channel.
        channel: String,
    },
    /// End the connection.
    Close {
        /// Valid in a Close frame.
        code: CloseCode,
        /// At most 123 bytes go out.
        reason: String,
    },
}

/// An event with its data.
pub struct Said {
    /// What happened; empty where the dialect has no event names.
    pub event: String,
    /// With what, as it was written; absent is not null.
    pub data: Option<Box<RawValue>>,
}

/// The data is a user's.
impl fmt::Debug for Said {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Said")
            .field("event", &self.event)
            .finish_non_exhaustive()
    }
}

/// Who is to be sent something.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(
    rename_all = "lowercase",
    expecting = "one of connection, user, channel and all"
)]
pub enum Target {
    /// One connection, by its public id.
    Connection(String),
    /// Every connection of a user.
    User(String),
    /// Every subscriber of a channel.
    Channel(String),
    /// Every connection of the app; `false` is refused.
    All(bool),
}

/// Connections that are left out.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Exclude {
    /// The one whose message it was.
    pub itself: bool,
    /// Others, by their public ids.
    pub connections: Vec<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, expecting = "an object")]
struct Answer {
    #[serde(default)]
    actions: Vec<Written>,
}

/// An action as it is written. One flat shape, because a choice by `type` would rewrite the data.
#[derive(Deserialize)]
#[serde(deny_unknown_fields, expecting = "an object")]
struct Written {
    r#type: Type,
    event: Option<String>,
    #[serde(default, deserialize_with = "present")]
    data: Option<Box<RawValue>>,
    channel: Option<String>,
    to: Option<Target>,
    exclude: Option<Vec<String>>,
    code: Option<u16>,
    reason: Option<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Type {
    Reply,
    Publish,
    Send,
    Join,
    Leave,
    Close,
}

/// The actions of an answer; one without content asks for none.
pub(super) fn actions(status: StatusCode, body: &[u8]) -> Result<Vec<Action>, Fault> {
    if status == StatusCode::NO_CONTENT {
        return Ok(Vec::new());
    }
    let answer: Answer = parse(body)?;
    if answer.actions.len() > ACTIONS_MAX {
        return Err(Fault(format!("it has more than {ACTIONS_MAX} actions")));
    }
    let written = answer.actions.into_iter().enumerate();
    written
        .map(|(index, written)| {
            written
                .read()
                .map_err(|problem| Fault(format!("actions[{index}] {problem}")))
        })
        .collect()
}

impl Written {
    fn read(mut self) -> Result<Action, String> {
        let action = match self.r#type {
            Type::Reply => Action::Reply(self.said()?),
            Type::Publish => Action::Publish {
                channel: self.channel()?,
                said: self.said()?,
                exclude: self.exclude()?,
            },
            Type::Send => Action::Send {
                to: self.target()?,
                said: self.said()?,
                exclude: self.exclude()?,
            },
            Type::Join => Action::Join {
                channel: self.channel()?,
            },
            Type::Leave => Action::Leave {
                channel: self.channel()?,
            },
            Type::Close => Action::Close {
                code: self.code()?,
                reason: self.reason.take().unwrap_or_default(),
            },
        };
        // What is left belongs to another type: the app server meant something else.
        match self.left_over() {
            None => Ok(action),
            Some(key) => {
                let name = format!("{:?}", self.r#type).to_lowercase();
                Err(format!("has {key}, which {name} does not take"))
            }
        }
    }

    fn said(&mut self) -> Result<Said, String> {
        let event = self.event.take().unwrap_or_default();
        if event.len() > NAME_BYTES_MAX {
            return Err(format!("has an event of more than {NAME_BYTES_MAX} bytes"));
        }
        Ok(Said {
            event,
            data: self.data.take(),
        })
    }

    fn channel(&mut self) -> Result<String, String> {
        name("channel", self.channel.take().ok_or("has no channel")?)
    }

    fn target(&mut self) -> Result<Target, String> {
        Ok(match self.to.take().ok_or("does not say to whom")? {
            Target::Connection(id) => Target::Connection(name("connection", id)?),
            Target::User(user) => Target::User(name("user", user)?),
            Target::Channel(channel) => Target::Channel(name("channel", channel)?),
            Target::All(true) => Target::All(true),
            Target::All(false) => return Err("says all, but false".to_owned()),
        })
    }

    fn exclude(&mut self) -> Result<Exclude, String> {
        let listed = self.exclude.take().unwrap_or_default();
        if listed.len() > EXCLUDED_MAX {
            return Err(format!("leaves out more than {EXCLUDED_MAX} connections"));
        }
        let (itself, connections): (Vec<_>, Vec<_>) =
            listed.into_iter().partition(|id| id == ITSELF);
        let connections = connections.into_iter().map(|id| name("connection", id));
        Ok(Exclude {
            itself: !itself.is_empty(),
            connections: connections.collect::<Result<_, _>>()?,
        })
    }

    fn code(&mut self) -> Result<CloseCode, String> {
        let code = self.code.take().map_or(CloseCode::NORMAL, CloseCode);
        if code.is_valid_on_wire() {
            return Ok(code);
        }
        Err("has a code that no Close frame may have".to_owned())
    }

    fn left_over(&self) -> Option<&'static str> {
        [
            ("event", self.event.is_some()),
            ("data", self.data.is_some()),
            ("channel", self.channel.is_some()),
            ("to", self.to.is_some()),
            ("exclude", self.exclude.is_some()),
            ("code", self.code.is_some()),
            ("reason", self.reason.is_some()),
        ]
        .into_iter()
        .find_map(|(key, is_there)| is_there.then_some(key))
    }
}

fn name(what: &str, name: String) -> Result<String, String> {
    if (1..=NAME_BYTES_MAX).contains(&name.len()) {
        return Ok(name);
    }
    Err(format!("needs a {what} of 1 to {NAME_BYTES_MAX} bytes"))
}

/// `null` is data as well.
fn present<'de, D: serde::Deserializer<'de>>(data: D) -> Result<Option<Box<RawValue>>, D::Error> {
    Box::<RawValue>::deserialize(data).map(Some)
}

#[cfg(test)]
mod tests;
