//! The words of a run: what clients ask for and are told, and publications whose names tell every byte of
//! them. How they are spelled is in [`super::dialects`].

use shardcast::base::ids::Ulid;

/// A channel of a run, and what its requests come to.
#[derive(Debug, Clone)]
pub(crate) struct Channel {
    pub(crate) name: String,
    /// What becomes of a subscribe of somebody who is not a member.
    pub(crate) subscribe: Reply,
    /// Whether nobody is let in without an identity.
    pub(crate) needs_login: bool,
    /// What is wrong with a publish; nothing when it is accepted.
    pub(crate) publish: Option<Reply>,
    /// Whether a request here may have to wait for a decision.
    pub(crate) may_wait: bool,
}

impl Channel {
    /// What becomes of a subscribe of somebody who has an identity, or has none.
    pub(super) fn subscribed(&self, is_known: bool) -> Reply {
        match self.subscribe {
            Reply::Ok if self.needs_login && !is_known => Reply::Unauthorized,
            outcome => outcome,
        }
    }

    /// The same of a publish.
    pub(super) fn published(&self, is_known: bool) -> Option<Reply> {
        if self.needs_login && !is_known {
            return Some(Reply::Unauthorized);
        }
        self.publish
    }
}

/// What a client asked for on a channel.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Request {
    Subscribe,
    Unsubscribe,
    Publish { number: usize },
}

/// What a client is told about a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Reply {
    Ok,
    Unauthorized,
    AuthorizationFailed,
    PublishDenied,
    PublishFailed,
    /// Whoever speaks for nobody is not let in.
    LoginRequired,
    /// It is a member of as many channels as one may be.
    TooMany,
    /// It speaks for the user that its token names.
    LoggedIn,
    /// Its token is wrong, and it speaks for nobody.
    TokenRejected,
    /// A fence has been reached.
    Fence,
}

impl Reply {
    pub(crate) const ALL: [Self; 10] = [
        Self::Ok,
        Self::Unauthorized,
        Self::AuthorizationFailed,
        Self::PublishDenied,
        Self::PublishFailed,
        Self::LoginRequired,
        Self::TooMany,
        Self::LoggedIn,
        Self::TokenRejected,
        Self::Fence,
    ];
}

/// What a text of the server says.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Said<'t> {
    /// The connection's id, and for whom it speaks if that is said.
    Welcome(Ulid, Option<&'t str>),
    /// The answer to a wish, and the channel or user that it names.
    Reply(Reply, Option<&'t str>),
    /// The identity has ended, for this reason.
    Revoked(&'t str),
    Message(Message<'t>),
    /// It is to be closed, since its identity has ended.
    Leave,
    Ping,
}

/// What was published, as far as the dialect shows it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Message<'t> {
    pub(crate) channel: Option<&'t str>,
    pub(crate) event: &'t str,
    pub(crate) data: Option<&'t str>,
    pub(crate) id: Option<Ulid>,
}

/// The data of a publication, from its names alone: so a receiver knows every byte it must get.
///
/// Some have none, some are spelled as no serialiser would, most are an object of any length up to
/// `bytes_max`.
pub(crate) fn data(publisher: usize, channel: usize, number: usize, max: usize) -> Option<String> {
    let mut mixed = (publisher as u64) << 40 ^ (channel as u64) << 20 ^ number as u64;
    mixed = (mixed ^ 0x5bd1).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    mixed ^= mixed >> 31;
    match mixed % 8 {
        0 => None,
        1 => Some(format!(r#"{{ "n" : {number}e999 , "p":{publisher} }}"#)),
        2 => Some("null".to_owned()),
        _ => {
            let filler = (mixed >> 8) as usize % max;
            let letter = char::from(b'a' + (mixed >> 3) as u8 % 26);
            let filler = String::from(letter).repeat(filler);
            Some(format!(
                r#"{{"p":{publisher},"c":{channel},"n":{number},"x":"{filler}"}}"#
            ))
        }
    }
}
