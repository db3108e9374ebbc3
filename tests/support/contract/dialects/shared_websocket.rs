//! `shared-websocket`: `{"event":"channel:event","data":..}`.

use super::super::said::{Message, Reply, Said};
use super::{between, two_keys};

pub(super) fn read(text: &str) -> Option<Said<'_>> {
    if text == r#"{"type":"pong"}"# {
        return Some(Said::Reply(Reply::Fence, None));
    }
    let (event, data) = two_keys(text)?;
    match event {
        "error" => return read_error(data?),
        "auth.ok" => {
            let user = between(data?, r#"{"userId":""#, r#""}"#)?;
            return Some(Said::Reply(Reply::LoggedIn, Some(user)));
        }
        "$auth:revoked" => {
            return Some(match between(data?, r#"{"reason":""#, r#""}"#)? {
                "invalid_token" => Said::Reply(Reply::TokenRejected, None),
                reason => Said::Revoked(reason),
            });
        }
        _ => {}
    }
    // No event's name here has a colon, but channels do.
    let (channel, event) = match event.rsplit_once(':') {
        Some((channel, event)) => (Some(channel), event),
        None => (None, event),
    };
    Some(Said::Message(Message {
        channel,
        event,
        data,
        id: None,
    }))
}

fn read_error(data: &str) -> Option<Said<'_>> {
    let rest = between(data, r#"{"message":""#, r#""}"#)?;
    let (message, channel) = match rest.split_once(r#"","channel":""#) {
        Some((message, channel)) => (message, Some(channel)),
        None => (rest, None),
    };
    let reply = match message {
        "Authentication required" => Reply::LoginRequired,
        "Not allowed" => Reply::Unauthorized,
        "Too many channels" => Reply::TooMany,
        "Authorization failed" => Reply::AuthorizationFailed,
        "Publish not allowed" => Reply::PublishDenied,
        "Publish failed" => Reply::PublishFailed,
        _ => return None,
    };
    Some(Said::Reply(reply, channel))
}
