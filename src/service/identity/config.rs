//! What an operator says about tokens, checked and read.

use std::time::Duration;

use http::Uri;

use super::algorithm::Algorithm;
use super::claims::UserClaim;
use super::key::Key;

/// How an endpoint finds out who a connection speaks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AuthConfig {
    /// Whose tokens are believed; empty: nobody's.
    pub trusted: Vec<TrustedKeys>,
    /// Where a token says who its user is.
    pub user_claim: UserClaim,
    /// By how much the clocks of issuers may differ from ours.
    pub leeway: Duration,
    /// The parameter of an upgrade request's query that may hold the token, beside `Authorization`.
    pub query_parameter: Option<String>,
    /// The cookie that may hold it.
    pub cookie: Option<String>,
    /// Whether an upgrade request without a token is refused.
    pub token_required: bool,
}

/// Keys, and the tokens that may be signed with them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TrustedKeys {
    /// The keys.
    pub source: KeySource,
    /// What `iss` must be. `None`: it does not matter.
    pub issuer: Option<String>,
    /// What `aud` must be.
    pub audience: Audience,
    /// Whether a token must have an end.
    pub expiry_required: bool,
}

/// Whom a token may be meant for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Audience {
    /// Nobody in particular: a token that names an audience is refused. Source: RFC 7519, section 4.1.3.
    None,
    /// Anybody.
    Any,
    /// One of these, among others.
    OneOf(Vec<String>),
}

/// Where keys come from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum KeySource {
    /// They were read with the configuration.
    Fixed(Vec<Key>),
    /// They are fetched while the server runs.
    Remote(RemoteSource),
}

/// A JWKS at a URL.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct RemoteSource {
    /// The URL, with a scheme of `http` or `https` and without a user.
    pub url: Uri,
    /// What keys are for that do not say it themselves.
    pub algorithm: Option<Algorithm>,
}
