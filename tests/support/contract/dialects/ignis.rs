//! `ignis`: `{"event":..,"data":..}`, and nothing before `connected`.

use shardcast::base::ids::Ulid;

use super::super::said::{Message, Reply, Said};
use super::{between, two_keys};

pub(super) fn read(text: &str) -> Option<Said<'_>> {
    let (event, data) = two_keys(text)?;
    match event {
        "connected" => {
            let (id, rest) = between(data?, r#"{"id":""#, r#""}"#)?.split_once('"')?;
            let _time = rest.strip_prefix(r#","time":""#)?;
            Some(Said::Welcome(Ulid::parse_uuid(id.as_bytes())?))
        }
        "error" => {
            let reply = match between(data?, r#"{"message":""#, r#""}"#)? {
                "Already authenticated" => Reply::Fence,
                _ => return None,
            };
            Some(Said::Reply(reply, None))
        }
        event => Some(Said::Message(Message {
            channel: None,
            event,
            data,
            id: None,
        })),
    }
}
