//! `strav`: `{"t":..}`.

use shardcast::base::ids::Ulid;

use super::super::said::{Message, Reply, Said, data};
use super::{Names, between};

/// Bytes of `,"i":"<ulid>"}`.
const ID_PART: usize = 6 + Ulid::TEXT_LEN + 2;

pub(super) fn read(text: &str) -> Option<Said<'_>> {
    if text == r#"{"t":"ping"}"# {
        return Some(Said::Ping);
    }
    let ulid = |text: &str| Ulid::parse(text.as_bytes());
    if let Some(id) = between(text, r#"{"t":"welcome","id":""#, r#""}"#) {
        return Some(Said::Welcome(ulid(id)?, None));
    }
    if let Some(channel) = between(text, r#"{"t":"ok","c":""#, r#""}"#) {
        return Some(Said::Reply(Reply::Ok, Some(channel)));
    }
    if let Some(rest) = between(text, r#"{"t":"err","c":""#, r#""}"#) {
        let (channel, reason) = rest.split_once(r#"","r":""#)?;
        let reply = match reason {
            "unauthorized" => Reply::Unauthorized,
            "authorization failed" => Reply::AuthorizationFailed,
            "publish denied" => Reply::PublishDenied,
            _ => return None,
        };
        return Some(Said::Reply(reply, Some(channel)));
    }
    let rest = text.strip_prefix(r#"{"t":"msg","c":""#)?;
    let (channel, rest) = rest.split_once(r#"","e":""#)?;
    let (event, rest) = rest.split_once('"')?;
    let (rest, id) = rest.split_at_checked(rest.len().checked_sub(ID_PART)?)?;
    let id = ulid(between(id, r#","i":""#, r#""}"#)?)?;
    let data = match rest {
        "" => None,
        data => Some(data.strip_prefix(r#","d":"#)?),
    };
    Some(Said::Message(Message {
        channel: Some(channel),
        event,
        data,
        id: Some(id),
    }))
}

/// A publish whose event names the publication.
pub(crate) fn publish_text(
    channel: &str,
    (publisher, of, number): Names,
    data_bytes_max: usize,
) -> String {
    let data = data(publisher, of, number, data_bytes_max)
        .map_or_else(String::new, |data| format!(r#","d":{data}"#));
    format!(r#"{{"t":"pub","c":"{channel}","e":"{publisher}.{of}.{number}"{data}}}"#)
}
