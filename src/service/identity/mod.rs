//! Who a token (JWT, RFC 7519) speaks for, and whether it may be believed.
//!
//! Everything here runs on the control thread. A [`Verifier`] knows the keys of one endpoint; each key
//! is bound to one algorithm, so that a token never chooses how it is checked, and to an issuer. What
//! a token's header offers as a key (`jwk`, `x5c`) or as the place of one (`jku`, `x5u`) is not looked at.

mod algorithm;
mod claims;
mod config;
mod jwks;
mod jws;
mod key;
mod rejection;
mod remote;
mod strict_json;
mod verifier;

pub use algorithm::Algorithm;
pub use claims::UserClaim;
pub use config::{Audience, AuthConfig, KeySource, RemoteSource, TrustedKeys};
pub use jwks::{JwksError, read_jwks};
pub use key::{Key, KeyError};
pub use rejection::Rejection;
pub use remote::{RemoteKeySets, RemoteKeys};
pub use verifier::Verifier;

#[cfg(test)]
mod testing;
#[cfg(test)]
mod tests;
