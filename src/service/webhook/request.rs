//! What an app server is sent.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::net::IpAddr;
use std::sync::Arc;

use http::{HeaderName, header};
use serde::Serialize;
use serde_json::value::RawValue;

use super::config::Kind;
use crate::codec::http::UpgradeRequest;
use crate::codec::ws::CloseCode;
use crate::engine::identity::Identity;

/// The connection that a call is about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Peer {
    /// The public id, as its client knows it.
    pub connection: Arc<str>,
    /// The user, if it is known who it is.
    pub user: Option<Arc<str>>,
}

impl Peer {
    /// The connection of that id, with the user that its identity names.
    #[must_use]
    pub fn new(connection: impl Into<Arc<str>>, identity: Option<&Identity>) -> Self {
        Self {
            connection: connection.into(),
            user: identity.and_then(|identity| identity.user.clone()),
        }
    }
}

/// A client's request, as `connect` tells it.
#[derive(Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ConnectRequest {
    method: &'static str,
    path: String,
    /// As it came: the app server needs the token that may be in it.
    query: Option<String>,
    headers: BTreeMap<String, String>,
    remote_address: Option<IpAddr>,
}

impl ConnectRequest {
    /// Takes from a handshake what the app server shall see of it.
    #[must_use]
    pub fn new(
        request: &UpgradeRequest,
        remote_address: Option<IpAddr>,
        passed_on: &[HeaderName],
    ) -> Self {
        let headers = passed_on
            .iter()
            .map(|name| {
                let lines = request.headers(name.as_str());
                // Lines of one name are a list, and only that of cookies has no commas between.
                // Source: RFC 9110, section 5.3; RFC 6265, section 5.4.
                let between = if name == header::COOKIE { "; " } else { ", " };
                (name.as_str().to_owned(), lines.join(between))
            })
            .filter(|(_, value)| !value.is_empty())
            .collect();
        Self {
            // The only one with which a WebSocket begins.
            method: "GET",
            path: request.path().to_owned(),
            query: request.query().map(str::to_owned),
            headers,
            remote_address,
        }
    }
}

/// Query and headers carry credentials: neither is printed.
impl std::fmt::Debug for ConnectRequest {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ConnectRequest")
            .field("path", &self.path)
            .field("remote_address", &self.remote_address)
            .finish_non_exhaustive()
    }
}

/// Something in the life of a connection, which the app server is told without being asked anything.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Notice {
    /// The connection.
    pub peer: Peer,
    /// What happened.
    pub what: Happened,
}

/// What happened to a connection.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(untagged)]
pub enum Happened {
    /// It is open.
    Connected {},
    /// It is known who it is.
    Authenticated {},
    /// It has ended.
    #[serde(rename_all = "camelCase")]
    Disconnected {
        /// As in RFC 6455, section 7.1.5: 1005 without a code, 1006 without a Close frame.
        #[serde(serialize_with = "number")]
        code: CloseCode,
        /// Often empty.
        reason: Cow<'static, str>,
        /// Whether both sides said Close.
        was_clean: bool,
    },
}

impl Happened {
    pub(super) fn kind(&self) -> Kind {
        match self {
            Self::Connected {} => Kind::Connected,
            Self::Authenticated {} => Kind::Authenticated,
            Self::Disconnected { .. } => Kind::Disconnected,
        }
    }
}

fn number<S: serde::Serializer>(code: &CloseCode, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_u16(code.0)
}

/// The body of every call.
#[derive(Serialize)]
pub(super) struct Body<'a, T> {
    #[serde(rename = "type")]
    pub(super) kind: Kind,
    pub(super) connection: &'a str,
    pub(super) user: Option<&'a str>,
    pub(super) endpoint: &'a str,
    pub(super) app: &'a str,
    /// Unix time in seconds, as everywhere in calls and answers.
    pub(super) time: f64,
    #[serde(flatten)]
    pub(super) detail: T,
}

#[derive(Serialize)]
pub(super) struct Authenticate<'a> {
    pub(super) data: &'a RawValue,
}

#[derive(Serialize)]
pub(super) struct Subscribe<'a> {
    pub(super) channel: &'a str,
}

#[derive(Serialize)]
pub(super) struct SubscribeAll<'a> {
    pub(super) channels: &'a [String],
}

#[derive(Serialize)]
pub(super) struct Publish<'a> {
    pub(super) channel: &'a str,
    pub(super) event: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) data: Option<&'a RawValue>,
}

#[derive(Serialize)]
pub(super) struct Message<'a> {
    pub(super) event: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) data: Option<&'a RawValue>,
}

#[cfg(test)]
mod tests {
    use bytes::BytesMut;

    use super::*;
    use crate::codec::http::{check_upgrade, parse_head};

    fn body_of<T: Serialize>(kind: Kind, user: Option<&str>, detail: T) -> String {
        let body = Body {
            kind,
            connection: "c1",
            user,
            endpoint: "/ws",
            app: "shop",
            time: 1_763_664_000.25,
            detail,
        };
        serde_json::to_string(&body).unwrap()
    }

    #[test]
    fn data_goes_out_as_it_was_written_and_absent_is_not_null() {
        let written = r#"{ "n" : 1.50, "n": 2, "s":"\ud800" }"#;
        let data: &RawValue = serde_json::from_str(written).unwrap();
        let publish = |data| Publish {
            channel: "c",
            event: "e",
            data,
        };
        let head = r#"{"type":"publish","connection":"c1","user":"ann","endpoint":"/ws","app":"shop","time":1763664000.25,"channel":"c","event":"e""#;
        assert_eq!(
            body_of(Kind::Publish, Some("ann"), publish(Some(data))),
            format!(r#"{head},"data":{written}}}"#)
        );
        let null: &RawValue = serde_json::from_str("null").unwrap();
        assert_eq!(
            body_of(Kind::Publish, Some("ann"), publish(Some(null))),
            format!(r#"{head},"data":null}}"#)
        );
        assert_eq!(
            body_of(Kind::Publish, Some("ann"), publish(None)),
            format!("{head}}}")
        );
    }

    #[test]
    fn notices_say_what_happened() {
        let head = |kind| {
            format!(
                r#"{{"type":"{kind}","connection":"c1","user":null,"endpoint":"/ws","app":"shop","time":1763664000.25"#
            )
        };
        let notice = |what: Happened| body_of(what.kind(), None, what);
        assert_eq!(
            notice(Happened::Connected {}),
            format!("{}}}", head("connected"))
        );
        assert_eq!(
            notice(Happened::Authenticated {}),
            format!("{}}}", head("authenticated"))
        );
        let disconnected = Happened::Disconnected {
            code: CloseCode::GOING_AWAY,
            reason: "bye".into(),
            was_clean: true,
        };
        assert_eq!(
            notice(disconnected),
            format!(
                r#"{},"code":1001,"reason":"bye","wasClean":true}}"#,
                head("disconnected")
            )
        );
    }

    #[test]
    fn connect_tells_the_headers_on_the_list_and_no_others() {
        let mut received = BytesMut::from(
            "GET /ws?token=t%201 HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\n\
             Connection: Upgrade\r\nSec-WebSocket-Version: 13\r\n\
             Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nCookie: a=1\r\nCOOKIE: b=2\r\n\
             X-Forwarded-For: 10.0.0.1\r\nX-Forwarded-For: 10.0.0.2\r\nX-Secret: s\r\n\r\n",
        );
        let request = check_upgrade(parse_head(&mut received).unwrap()).unwrap();
        let passed_on = [
            header::COOKIE,
            HeaderName::from_static("x-forwarded-for"),
            header::ORIGIN,
        ];
        let request = ConnectRequest::new(&request, Some([192, 0, 2, 1].into()), &passed_on);
        let body = body_of(Kind::Connect, None, &request);
        let told = body.split_once(r#""time":1763664000.25,"#).unwrap().1;
        assert_eq!(
            told,
            r#""method":"GET","path":"/ws","query":"token=t%201","headers":{"cookie":"a=1; b=2","x-forwarded-for":"10.0.0.1, 10.0.0.2"},"remoteAddress":"192.0.2.1"}"#
        );
        assert!(!format!("{request:?}").contains("token"));
    }
}
