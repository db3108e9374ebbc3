//! The words of a run: the strav texts that are read, letter by letter (exact keys, exact order, nothing
//! more), and publications whose names tell every byte of them.

use shardcast::base::ids::Ulid;

/// A channel of a run, and what its requests must be answered.
#[derive(Debug, Clone)]
pub(crate) struct Channel {
    pub(crate) name: String,
    /// What a subscribe of somebody who is not a member is told.
    pub(crate) subscribe: Reply,
    /// What a publish is told; nothing when it is accepted.
    pub(crate) publish: Option<Reply>,
    /// Whether a request here may have to wait for a decision.
    pub(crate) may_wait: bool,
}

/// What a client asked for.
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
}

impl Reply {
    pub(crate) const ALL: [Self; 5] = [
        Self::Ok,
        Self::Unauthorized,
        Self::AuthorizationFailed,
        Self::PublishDenied,
        Self::PublishFailed,
    ];

    /// The reply that an `err` with this reason is.
    pub(crate) fn from_reason(reason: &str) -> Option<Self> {
        match reason {
            "unauthorized" => Some(Self::Unauthorized),
            "authorization failed" => Some(Self::AuthorizationFailed),
            "publish denied" => Some(Self::PublishDenied),
            "publish failed" => Some(Self::PublishFailed),
            _ => None,
        }
    }
}

/// What a text of the server says.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Said<'t> {
    Welcome(Ulid),
    Ok(&'t str),
    Err(&'t str, &'t str),
    Msg {
        channel: &'t str,
        event: &'t str,
        data: Option<&'t str>,
        id: Ulid,
    },
    Ping,
}

/// Reads a text; no name used here needs an escape.
pub(crate) fn read_text(text: &str) -> Option<Said<'_>> {
    if text == r#"{"t":"ping"}"# {
        return Some(Said::Ping);
    }
    let ulid = |text: &str| Ulid::parse(text.as_bytes());
    if let Some(rest) = text.strip_prefix(r#"{"t":"welcome","id":""#) {
        return Some(Said::Welcome(ulid(rest.strip_suffix(r#""}"#)?)?));
    }
    if let Some(rest) = text.strip_prefix(r#"{"t":"ok","c":""#) {
        return Some(Said::Ok(rest.strip_suffix(r#""}"#)?));
    }
    if let Some(rest) = text.strip_prefix(r#"{"t":"err","c":""#) {
        let (channel, reason) = rest.strip_suffix(r#""}"#)?.split_once(r#"","r":""#)?;
        return Some(Said::Err(channel, reason));
    }
    let rest = text.strip_prefix(r#"{"t":"msg","c":""#)?;
    let (channel, rest) = rest.split_once(r#"","e":""#)?;
    let (event, rest) = rest.split_once('"')?;
    let (rest, id) = rest.split_at_checked(rest.len().checked_sub(ID_PART)?)?;
    let id = ulid(id.strip_prefix(r#","i":""#)?.strip_suffix(r#""}"#)?)?;
    let data = match rest {
        "" => None,
        data => Some(data.strip_prefix(r#","d":"#)?),
    };
    Some(Said::Msg {
        channel,
        event,
        data,
        id,
    })
}

/// Bytes of `,"i":"<ulid>"}`.
const ID_PART: usize = 6 + Ulid::TEXT_LEN + 2;

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

/// A publish whose event names the publication: publisher, channel and number.
pub(crate) fn publish_text(
    name: &str,
    (publisher, channel, number): (usize, usize, usize),
    data_bytes_max: usize,
) -> String {
    let data = data(publisher, channel, number, data_bytes_max)
        .map_or_else(String::new, |data| format!(r#","d":{data}"#));
    format!(r#"{{"t":"pub","c":"{name}","e":"{publisher}.{channel}.{number}"{data}}}"#)
}
