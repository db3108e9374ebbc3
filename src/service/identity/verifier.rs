//! Whether a token is to be believed, and who its bearer is.

use std::sync::Arc;
use std::time::Duration;

use futures_util::future::join_all;

use super::claims::{Claims, UserClaim};
use super::config::{AuthConfig, KeySource, TrustedKeys};
use super::jws::Jws;
use super::key::Key;
use super::rejection::Rejection;
use super::remote::{RemoteKeySets, RemoteKeys};
use crate::engine::identity::Identity;

/// Judges the tokens of one endpoint.
pub struct Verifier {
    trusted: Vec<Trusted>,
    user_claim: UserClaim,
    leeway: Duration,
}

struct Trusted {
    config: TrustedKeys,
    /// `None`: the configuration has the keys.
    remote: Option<Arc<RemoteKeys>>,
}

impl Verifier {
    /// A verifier for what `config` trusts. Keys at URLs are fetched from now on, by a task of the tokio
    /// runtime that this is called in.
    #[must_use]
    pub fn new(config: &AuthConfig, remote_sets: &RemoteKeySets) -> Self {
        let trusted = config.trusted.iter().map(|config| Trusted {
            config: config.clone(),
            remote: match &config.source {
                KeySource::Fixed(_) => None,
                KeySource::Remote(source) => Some(remote_sets.get(source)),
            },
        });
        Self {
            trusted: trusted.collect(),
            user_claim: config.user_claim.clone(),
            leeway: config.leeway,
        }
    }

    /// Who a token speaks for at `now_unix_ms`.
    ///
    /// Waits only for keys from a URL: the first time, and when a token names a key that is not among
    /// them, but then at most once in 30 s for all tokens together, and 5 s at most.
    ///
    /// What it gives ends when the token would not be taken any more: at `exp` and the leeway.
    ///
    /// # Errors
    ///
    /// See [`Rejection`].
    pub async fn verify(&self, token: &str, now_unix_ms: u64) -> Result<Identity, Rejection> {
        let mut jws = Jws::read(token)?;
        let claims = Claims::read(std::mem::take(&mut jws.payload))?;
        let mut verdict = self.judge(&jws, &claims, now_unix_ms);
        let waits = self.remotes_lacking_the_key(&jws, &claims);
        if verdict.is_err_and(Rejection::is_about_keys) && !waits.is_empty() {
            join_all(waits.into_iter().map(RemoteKeys::newer)).await;
            verdict = self.judge(&jws, &claims, now_unix_ms);
        }
        verdict?;
        Ok(Identity {
            user: claims.user(&self.user_claim)?,
            expires_unix_ms: claims.ends(self.leeway),
            claims: claims.into_value(),
        })
    }

    /// Whether a key that is held now says yes.
    ///
    /// What the token says of its issuer, key and algorithm only chooses among the keys that are there;
    /// each checks with its own algorithm alone.
    fn judge(&self, jws: &Jws<'_>, claims: &Claims, now_unix_ms: u64) -> Result<(), Rejection> {
        let mut rejection = None;
        for trusted in self.trusted.iter().filter(|trusted| trusted.is_for(claims)) {
            let verdict = trusted
                .check_signature(jws)
                .and_then(|()| claims.check(&trusted.config, self.leeway, now_unix_ms));
            match verdict {
                Ok(()) => return Ok(()),
                Err(other) => rejection = rejection.max(Some(other)),
            }
        }
        Err(rejection.unwrap_or(Rejection::WrongIssuer))
    }

    /// Those that might have a key that is not here yet.
    fn remotes_lacking_the_key(&self, jws: &Jws<'_>, claims: &Claims) -> Vec<&RemoteKeys> {
        let trusted = self.trusted.iter().filter(|trusted| trusted.is_for(claims));
        let remotes = trusted.filter_map(|trusted| trusted.remote.as_deref());
        let lacks_key = |remote: &&RemoteKeys| {
            let keys = remote.keys();
            !keys.is_some_and(|keys| keys.iter().any(|key| key.may_be(jws.kid.as_deref())))
        };
        remotes.filter(lacks_key).collect()
    }
}

impl Trusted {
    fn is_for(&self, claims: &Claims) -> bool {
        let issuer = self.config.issuer.as_ref();
        issuer.is_none_or(|issuer| claims.issuer.as_ref() == Some(issuer))
    }

    fn check_signature(&self, jws: &Jws<'_>) -> Result<(), Rejection> {
        match (&self.config.source, &self.remote) {
            (KeySource::Fixed(keys), _) => check_signature(keys, jws),
            (KeySource::Remote(_), remote) => {
                let keys = remote.as_ref().and_then(|remote| remote.keys());
                check_signature(&keys.ok_or(Rejection::KeysUnavailable)?, jws)
            }
        }
    }
}

fn check_signature(keys: &[Key], jws: &Jws<'_>) -> Result<(), Rejection> {
    let mut named = keys
        .iter()
        .filter(|key| key.may_be(jws.kid.as_deref()))
        .peekable();
    if named.peek().is_none() {
        return Err(Rejection::UnknownKey);
    }
    let mut fit = named
        .filter(|key| key.algorithm() == jws.algorithm)
        .peekable();
    if fit.peek().is_none() {
        return Err(Rejection::AlgorithmNotAllowed);
    }
    if fit.any(|key| key.verifies(jws.signed, &jws.signature)) {
        Ok(())
    } else {
        Err(Rejection::BadSignature)
    }
}
