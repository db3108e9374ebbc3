//! What an app server answers, read strictly: what is not understood is no answer.

use std::sync::Arc;
use std::time::Duration;

use http::header::HeaderValue;
use serde::Deserialize;
use serde::de::{Deserializer, Error as _, Unexpected};
use serde_json::{Map, Value};

use super::fault::{Fault, parse};
use super::refusal;
use crate::base::limits::NAME_BYTES_MAX;
use crate::codec::http::Refusal;
use crate::engine::identity::Identity;

/// The longest time for which an answer is remembered: a day. A longer one is taken for this.
const CACHE_MAX: Duration = Duration::from_secs(24 * 60 * 60);

/// Beyond the year 5000: whoever says that has counted in milliseconds.
const UNIX_SECONDS_MAX: f64 = 1e11;

/// Whether a client may connect.
#[derive(Debug)]
pub enum ConnectAnswer {
    /// It may.
    Accepted(Accepted),
    /// It is answered this.
    Refused(Refusal),
}

/// A client that may connect.
#[derive(Debug)]
pub struct Accepted {
    /// Who it is; `None`: nothing was said about that.
    pub identity: Option<Arc<Identity>>,
    /// `Set-Cookie` lines for the response to its handshake.
    pub headers: Vec<(String, String)>,
    /// Channels that it is subscribed to from the start.
    pub channels: Vec<String>,
}

/// An answer to a question of yes and no.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Permission {
    /// Yes.
    pub allow: bool,
    /// For how long the same answer holds for the same question of the same connection.
    pub cache_for: Duration,
}

/// Which of several channels a connection may subscribe to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Permissions {
    /// One for each channel, in the order asked.
    pub allow: Vec<bool>,
    /// For how long the answer holds for each of them.
    pub cache_for: Duration,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, expecting = "an object")]
struct Connect {
    allow: bool,
    status: Option<u16>,
    user_id: Option<Name>,
    subject: Option<Map<String, Value>>,
    expires_at: Option<UnixSeconds>,
    #[serde(default)]
    channels: Vec<Name>,
    #[serde(default)]
    set_cookie: Vec<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, expecting = "an object")]
struct Authenticate {
    user_id: Option<Name>,
    metadata: Option<Map<String, Value>>,
    expires_at: Option<UnixSeconds>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, expecting = "an object")]
struct Allow {
    allow: bool,
    #[serde(default)]
    cache_for: Seconds,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, expecting = "an object")]
struct Allowed {
    allowed: Vec<String>,
    #[serde(default)]
    cache_for: Seconds,
}

pub(super) fn connect(body: &[u8]) -> Result<ConnectAnswer, Fault> {
    let answer: Connect = parse(body)?;
    let cookies = answer.set_cookie.into_iter().map(|cookie| {
        // What has a line break could forge another header.
        match HeaderValue::from_str(&cookie) {
            Ok(_) => Ok(("Set-Cookie".to_owned(), cookie)),
            Err(_) => Err(Fault("a cookie has signs that no header may have".into())),
        }
    });
    let headers: Vec<(String, String)> = cookies.collect::<Result<_, _>>()?;
    refusal::check_size(&headers)?;
    if !answer.allow {
        let status = refusal::status(answer.status)?;
        return Ok(ConnectAnswer::Refused(refusal::with(status, headers, "")));
    }
    let says_who =
        answer.user_id.is_some() || answer.subject.is_some() || answer.expires_at.is_some();
    let identity = says_who.then(|| {
        let claims = answer.subject.unwrap_or_default();
        identity(answer.user_id, claims, answer.expires_at)
    });
    Ok(ConnectAnswer::Accepted(Accepted {
        identity,
        headers,
        channels: answer.channels.into_iter().map(|Name(name)| name).collect(),
    }))
}

/// `None`: it is not who it says.
pub(super) fn authenticate(body: &[u8]) -> Result<Option<Arc<Identity>>, Fault> {
    if matches!(body.trim_ascii(), b"null" | b"false") {
        return Ok(None);
    }
    let answer: Authenticate = parse(body)?;
    let claims = answer.metadata.unwrap_or_default();
    Ok(Some(identity(answer.user_id, claims, answer.expires_at)))
}

pub(super) fn permission(body: &[u8]) -> Result<Permission, Fault> {
    let answer: Allow = parse(body)?;
    Ok(Permission {
        allow: answer.allow,
        cache_for: answer.cache_for.0,
    })
}

/// Names that were not asked about change nothing.
pub(super) fn permissions(channels: &[String], body: &[u8]) -> Result<Permissions, Fault> {
    let answer: Allowed = parse(body)?;
    let is_allowed = |channel: &String| answer.allowed.contains(channel);
    Ok(Permissions {
        allow: channels.iter().map(is_allowed).collect(),
        cache_for: answer.cache_for.0,
    })
}

/// Rules read claims: the user's name is there as `sub`, as in a token, whatever the app server's own
/// object has under this name.
fn identity(
    user: Option<Name>,
    mut claims: Map<String, Value>,
    expires: Option<UnixSeconds>,
) -> Arc<Identity> {
    if let Some(Name(user)) = &user {
        claims.insert("sub".to_owned(), Value::from(user.as_str()));
    }
    Arc::new(Identity {
        user: user.map(|Name(user)| user.into()),
        claims: Value::Object(claims),
        expires_unix_ms: expires.map(|UnixSeconds(seconds)| (seconds * 1e3) as u64),
    })
}

struct Name(String);

impl<'de> Deserialize<'de> for Name {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let name = String::deserialize(deserializer)?;
        if (1..=NAME_BYTES_MAX).contains(&name.len()) {
            return Ok(Self(name));
        }
        let expected = format!("a name of 1 to {NAME_BYTES_MAX} bytes");
        Err(D::Error::invalid_value(
            Unexpected::Str(&name),
            &expected.as_str(),
        ))
    }
}

struct UnixSeconds(f64);

impl<'de> Deserialize<'de> for UnixSeconds {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        bounded(
            deserializer,
            UNIX_SECONDS_MAX,
            &"a Unix time in seconds, not milliseconds",
        )
        .map(Self)
    }
}

#[derive(Default)]
struct Seconds(Duration);

impl<'de> Deserialize<'de> for Seconds {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let seconds = bounded(deserializer, f64::MAX, &"a number of seconds")?;
        let seconds = seconds.min(CACHE_MAX.as_secs_f64());
        Ok(Self(Duration::from_secs_f64(seconds)))
    }
}

fn bounded<'de, D: Deserializer<'de>>(
    deserializer: D,
    max: f64,
    expected: &&'static str,
) -> Result<f64, D::Error> {
    let number = f64::deserialize(deserializer)?;
    if (0.0..=max).contains(&number) {
        return Ok(number);
    }
    Err(D::Error::invalid_value(Unexpected::Float(number), expected))
}

#[cfg(test)]
mod tests;
