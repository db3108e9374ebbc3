//! What the server says, as JSON.

use std::time::{Duration, UNIX_EPOCH};

use super::sealing::Handshake;
use crate::base::ids::Ulid;
use crate::codec::json::write_string;

/// `{"event":E,"data":D}`; without data the key is left out, which is not the same as `null`.
pub(super) fn write_event(out: &mut Vec<u8>, event: &str, data: Option<&[u8]>) {
    out.extend_from_slice(br#"{"event":"#);
    write_string(out, event);
    if let Some(data) = data {
        out.extend_from_slice(br#","data":"#);
        out.extend_from_slice(data);
    }
    out.push(b'}');
}

pub(super) fn write_error(out: &mut Vec<u8>, message: &str) {
    out.extend_from_slice(br#"{"event":"error","data":{"message":"#);
    write_string(out, message);
    out.extend_from_slice(b"}}");
}

/// What a client is told once it is known.
#[derive(Debug)]
pub(super) struct Connected<'a> {
    pub(super) id: Ulid,
    /// `None`: nobody in particular; the key is left out.
    pub(super) user: Option<&'a str>,
    pub(super) unix_ms: u64,
    /// What its frames will be encrypted with from now on.
    pub(super) handshake: Option<&'a Handshake>,
}

impl Connected<'_> {
    pub(super) fn write(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(br#"{"event":"connected","data":{"id":""#);
        out.extend_from_slice(&self.id.uuid_text());
        out.push(b'"');
        if let Some(user) = self.user {
            out.extend_from_slice(br#","userId":"#);
            write_string(out, user);
        }
        out.extend_from_slice(br#","time":"#);
        write_string(out, &time_text(self.unix_ms));
        if let Some(handshake) = self.handshake {
            out.extend_from_slice(br#","serverPublicKey":"#);
            write_string(out, &handshake.server_public_key);
            out.extend_from_slice(br#","salt":"#);
            write_string(out, &handshake.salt);
        }
        out.extend_from_slice(b"}}");
    }
}

/// As JavaScript's `toISOString`: UTC with milliseconds.
fn time_text(unix_ms: u64) -> String {
    let time = UNIX_EPOCH + Duration::from_millis(unix_ms);
    humantime::format_rfc3339_millis(time).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn time_has_milliseconds_and_a_z() {
        for (unix_ms, text) in [
            (0, "1970-01-01T00:00:00.000Z"),
            (1_770_796_800_000, "2026-02-11T08:00:00.000Z"),
            (1_770_796_800_007, "2026-02-11T08:00:00.007Z"),
        ] {
            assert_eq!(time_text(unix_ms), text);
        }
    }

    #[test]
    fn keys_of_connected_are_in_order_and_those_without_a_value_are_left_out() {
        let mut connected = Connected {
            id: Ulid::parse(b"01M7W7FG1R99FPSSD5YMA0MJMH").expect("an id"),
            user: Some("u\"1"),
            unix_ms: 1_770_796_800_000,
            handshake: None,
        };
        let id = String::from_utf8(connected.id.uuid_text().to_vec()).expect("text");
        let written = |connected: &Connected<'_>| {
            let mut out = Vec::new();
            connected.write(&mut out);
            String::from_utf8(out).expect("text")
        };
        let time = r#""time":"2026-02-11T08:00:00.000Z""#;
        assert_eq!(
            written(&connected),
            format!(r#"{{"event":"connected","data":{{"id":"{id}","userId":"u\"1",{time}}}}}"#)
        );
        connected.user = None;
        assert_eq!(
            written(&connected),
            format!(r#"{{"event":"connected","data":{{"id":"{id}",{time}}}}}"#)
        );
    }

    #[test]
    fn event_keeps_absent_null_false_and_zero_apart() {
        for (data, expected) in [
            (None, r#"{"event":"e\n"}"#),
            (Some("null"), r#"{"event":"e\n","data":null}"#),
            (Some("0"), r#"{"event":"e\n","data":0}"#),
            (Some("false"), r#"{"event":"e\n","data":false}"#),
            (Some(r#"{"a" : 1}"#), r#"{"event":"e\n","data":{"a" : 1}}"#),
        ] {
            let mut out = Vec::new();
            write_event(&mut out, "e\n", data.map(str::as_bytes));
            assert_eq!(String::from_utf8(out).expect("text"), expected);
        }
    }
}
