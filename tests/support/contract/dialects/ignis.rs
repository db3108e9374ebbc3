//! `ignis`: `{"event":..,"data":..}`, and nothing before `connected`.

use shardcast::base::ids::Ulid;

use super::super::said::{Message, Reply, Said};
use super::{between, two_keys};

pub(super) fn read(text: &str) -> Option<Said<'_>> {
    let (event, data) = two_keys(text)?;
    match event {
        "connected" => {
            let (id, rest) = between(data?, r#"{"id":""#, r#""}"#)?.split_once('"')?;
            let (user, rest) = match rest.strip_prefix(r#","userId":""#) {
                Some(rest) => rest
                    .split_once('"')
                    .map(|(user, rest)| (Some(user), rest))?,
                None => (None, rest),
            };
            let _time = rest.strip_prefix(r#","time":""#)?;
            Some(Said::Welcome(Ulid::parse_uuid(id.as_bytes())?, user))
        }
        "error" => {
            let said = match between(data?, r#"{"message":""#, r#""}"#)? {
                "Already authenticated" => Said::Reply(Reply::Fence, None),
                "Authentication failed" => Said::Leave,
                _ => return None,
            };
            Some(said)
        }
        event => Some(Said::Message(Message {
            channel: None,
            event,
            data,
            id: None,
        })),
    }
}
