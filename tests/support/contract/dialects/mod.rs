//! What clients of each dialect send and read, letter by letter: exact keys, exact order, nothing more.
//! None of it uses the crate's own codecs. No name that is used here needs an escape.

mod ignis;
mod shared_websocket;
mod strav;

use super::said::{Reply, Said, data};

pub(crate) use strav::publish_text;

/// A protocol, as far as its clients can tell it from the others.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Dialect {
    /// Answers every subscribe, and names channel and id in every message.
    Strav,
    /// Answers no join, and names neither: which channel a message is of, its event must tell.
    Ignis,
    /// Answers no join but a refused one, and names the channel, but no id.
    SharedWebsocket,
}

/// What a publication is called: its publisher, its channel, and its number there.
pub(crate) type Names = (usize, usize, usize);

impl Dialect {
    pub(crate) const ALL: [Self; 3] = [Self::Strav, Self::Ignis, Self::SharedWebsocket];

    /// Reads a text of the server; `None`: it can mean nothing.
    pub(crate) fn read(self, text: &str) -> Option<Said<'_>> {
        match self {
            Self::Strav => strav::read(text),
            Self::Ignis => ignis::read(text),
            Self::SharedWebsocket => shared_websocket::read(text),
        }
    }

    /// Whether the first thing that a client reads tells it its id.
    pub(crate) fn welcomes(self) -> bool {
        self != Self::SharedWebsocket
    }

    /// Whether a subscribe that is granted is acknowledged.
    pub(crate) fn acknowledges(self) -> bool {
        self == Self::Strav
    }

    /// What a request that comes to `reply` is told; nothing where the dialect has no word for it.
    /// `is_known`: whether its client has an identity.
    pub(super) fn told(self, reply: Reply, is_known: bool) -> Option<Reply> {
        match self {
            Self::Strav => Some(match reply {
                Reply::TooMany => Reply::Unauthorized,
                Reply::PublishFailed => Reply::PublishDenied,
                other => other,
            }),
            Self::Ignis => None,
            Self::SharedWebsocket => match reply {
                Reply::Ok => None,
                Reply::Unauthorized if !is_known => Some(Reply::LoginRequired),
                other => Some(other),
            },
        }
    }

    /// The data of a publication as clients read it: some are not shown `null`, which they would take
    /// for something else.
    pub(super) fn shown(self, data: Option<String>) -> Option<String> {
        data.filter(|data| self != Self::SharedWebsocket || data != "null")
    }

    /// How a client asks to become a member of a channel.
    pub(crate) fn subscribe_text(self, channel: &str) -> String {
        match self {
            Self::Strav => format!(r#"{{"t":"sub","c":"{channel}"}}"#),
            Self::Ignis => format!(r#"{{"event":"join","data":{{"rooms":["{channel}"]}}}}"#),
            Self::SharedWebsocket => {
                format!(r#"{{"event":"$channel:join","data":{{"channel":"{channel}"}}}}"#)
            }
        }
    }

    /// How it leaves one.
    pub(crate) fn unsubscribe_text(self, channel: &str) -> String {
        match self {
            Self::Strav => format!(r#"{{"c":"{channel}","t":"unsub"}}"#),
            Self::Ignis => format!(r#"{{"data":{{"rooms":["{channel}"]}},"event":"leave"}}"#),
            Self::SharedWebsocket => {
                format!(r#"{{"event":"$topic:unsubscribe","data":{{"topic":"{channel}"}}}}"#)
            }
        }
    }

    /// A publish whose event names the publication; `None` where clients publish nothing.
    pub(crate) fn publish_text(
        self,
        channel: &str,
        names: Names,
        data_bytes_max: usize,
    ) -> Option<String> {
        match self {
            Self::Strav => Some(publish_text(channel, names, data_bytes_max)),
            Self::Ignis => None,
            Self::SharedWebsocket => {
                let (publisher, of, number) = names;
                let data = data(publisher, of, number, data_bytes_max)
                    .map_or_else(String::new, |data| format!(r#","data":{data}"#));
                let event = format!("{channel}:{publisher}.{of}.{number}");
                Some(format!(r#"{{"event":"{event}"{data}}}"#))
            }
        }
    }

    /// Something that changes nothing and is answered for certain, by [`Reply::Fence`]: so it is known
    /// that all before it has been handled. strav needs none.
    pub(crate) fn fence_text(self) -> Option<&'static str> {
        match self {
            Self::Strav => None,
            Self::Ignis => Some(r#"{"event":"authenticate","data":{}}"#),
            Self::SharedWebsocket => Some(r#"{"type":"ping"}"#),
        }
    }
}

/// The event's name and, if there are any, its data, of a text that has two keys.
fn two_keys(text: &str) -> Option<(&str, Option<&str>)> {
    let (event, rest) = text.strip_prefix(r#"{"event":""#)?.split_once('"')?;
    match rest.strip_suffix('}')? {
        "" => Some((event, None)),
        data => Some((event, Some(data.strip_prefix(r#","data":"#)?))),
    }
}

/// The text that stands between these.
fn between<'t>(text: &'t str, before: &str, after: &str) -> Option<&'t str> {
    text.strip_prefix(before)?.strip_suffix(after)
}
