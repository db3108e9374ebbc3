//! What a token says about its bearer, and whether it holds here and now.

use std::sync::Arc;
use std::time::Duration;

use serde_json::{Map, Value};

use super::config::{Audience, TrustedKeys};
use super::rejection::Rejection;

/// The claims of a token, those that count here read. Source: RFC 7519, section 4.1.
pub(super) struct Claims {
    pub(super) issuer: Option<String>,
    /// `None`: the token does not say whom it is for.
    audiences: Option<Vec<String>>,
    expires_unix_ms: Option<u64>,
    begins_unix_ms: Option<u64>,
    all: Map<String, Value>,
}

impl Claims {
    pub(super) fn read(all: Map<String, Value>) -> Result<Self, Rejection> {
        let issuer = match all.get("iss") {
            None => None,
            Some(Value::String(issuer)) => Some(issuer.clone()),
            Some(_) => return Err(Rejection::Malformed("its iss is no text")),
        };
        Ok(Self {
            issuer,
            audiences: read_audiences(&all)?,
            expires_unix_ms: read_date(&all, "exp")?,
            begins_unix_ms: read_date(&all, "nbf")?,
            all,
        })
    }

    /// Whether the token holds now, for us. Who has signed it is known by now.
    pub(super) fn check(
        &self,
        trusted: &TrustedKeys,
        leeway: Duration,
        now_unix_ms: u64,
    ) -> Result<(), Rejection> {
        if self.expires_unix_ms.is_none() && trusted.expiry_required {
            return Err(Rejection::NoExpiry);
        }
        if self.ends(leeway).is_some_and(|end| end <= now_unix_ms) {
            return Err(Rejection::Expired);
        }
        let latest = now_unix_ms.saturating_add(millis(leeway));
        if self.begins_unix_ms.is_some_and(|begin| begin > latest) {
            return Err(Rejection::NotYetValid);
        }
        let is_for_us = match (&trusted.audience, &self.audiences) {
            (Audience::Any, _) | (Audience::None, None) => true,
            (Audience::OneOf(ours), Some(theirs)) => theirs.iter().any(|name| ours.contains(name)),
            // Who names no audience is in none: such a token is meant for somebody else.
            (Audience::None, Some(_)) | (Audience::OneOf(_), None) => false,
        };
        if is_for_us {
            Ok(())
        } else {
            Err(Rejection::WrongAudience)
        }
    }

    /// When the token is not taken any more.
    pub(super) fn ends(&self, leeway: Duration) -> Option<u64> {
        self.expires_unix_ms
            .map(|expiry| expiry.saturating_add(millis(leeway)))
    }

    pub(super) fn into_value(self) -> Value {
        Value::Object(self.all)
    }

    pub(super) fn user(&self, claim: &UserClaim) -> Result<Option<Arc<str>>, Rejection> {
        match claim.find(&self.all) {
            None | Some(Value::Null) => Ok(None),
            Some(Value::String(name)) if !name.is_empty() => Ok(Some(name.as_str().into())),
            // Many issuers number their users.
            Some(Value::Number(number)) if !number.is_f64() => Ok(Some(number.to_string().into())),
            Some(_) => Err(Rejection::Malformed("its claim of the user is no name")),
        }
    }
}

/// Where a token says who its user is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UserClaim(String);

impl UserClaim {
    /// A claim's name, or an RFC 6901 pointer, which begins with a slash. `None`: it is neither.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let mut escapes = text.split('~').skip(1);
        let is_pointer = text.starts_with('/');
        let is_well_escaped = escapes.all(|rest| rest.starts_with(['0', '1']));
        (!text.is_empty() && (!is_pointer || is_well_escaped)).then(|| Self(text.to_owned()))
    }

    fn find<'c>(&self, claims: &'c Map<String, Value>) -> Option<&'c Value> {
        let Some(path) = self.0.strip_prefix('/') else {
            return claims.get(&self.0);
        };
        let (first, rest) = match path.find('/') {
            Some(slash) => path.split_at(slash),
            None => (path, ""),
        };
        let first = first.replace("~1", "/").replace("~0", "~");
        claims.get(&first)?.pointer(rest)
    }
}

/// One name, or a list of them.
fn read_audiences(claims: &Map<String, Value>) -> Result<Option<Vec<String>>, Rejection> {
    let name = |value: &Value| value.as_str().map(str::to_owned);
    let names = match claims.get("aud") {
        None => return Ok(None),
        Some(Value::Array(list)) => list.iter().map(name).collect(),
        Some(one) => name(one).map(|name| vec![name]),
    };
    let names: Vec<String> = names.ok_or(Rejection::Malformed("its aud is no text"))?;
    Ok(Some(names))
}

/// Seconds since 1970, which may have a fraction; what lies before counts as 1970.
fn read_date(claims: &Map<String, Value>, name: &str) -> Result<Option<u64>, Rejection> {
    match claims.get(name) {
        None => Ok(None),
        Some(Value::Number(number)) => Ok(Some(match number.as_u64() {
            Some(seconds) => seconds.saturating_mul(1000),
            // A cast from a float stops at the bounds of its type.
            None => number.as_f64().map_or(0, |seconds| (seconds * 1e3) as u64),
        })),
        Some(_) => Err(Rejection::Malformed("its exp or nbf is no number")),
    }
}

fn millis(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}
