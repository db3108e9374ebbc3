//! What the server shows of itself where it speaks TLS.

mod by_name;

use std::fmt;
use std::sync::{Arc, LazyLock};

use aws_lc_rs::digest::{Context, SHA256};
use rustls::RootCertStore;
use rustls::crypto::aws_lc_rs::{Ticketer, default_provider};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::{NoServerSessionStorage, ProducesTickets, WebPkiClientVerifier};
use rustls::sign::CertifiedKey;

use self::by_name::ByName;
use crate::codec::tls::TlsConfig;

/// A certificate with those that vouch for it, and its key: the texts of two PEM files.
#[derive(Clone, Copy)]
pub struct PemPair<'a> {
    /// The server's own certificate first.
    pub chain: &'a [u8],
    /// One private key.
    pub key: &'a [u8],
}

/// Certificates that were read and found to be in order, ready to be shown.
///
/// Two are equal if they were made of the same texts.
#[derive(Clone)]
pub struct Certificates {
    /// For clients.
    pub(super) clients: Arc<TlsConfig>,
    /// For the API, which asks nobody for a certificate.
    pub(super) api: Arc<TlsConfig>,
    fingerprint: [u8; 32],
}

/// What is wrong with the files.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CertificateError {
    /// The file has no certificate, or something that is none.
    #[error("holds no certificates in PEM")]
    NoCertificate,
    /// The file has no private key.
    #[error("holds no private key in PEM")]
    NoKey,
    /// The key is of a kind that TLS does not know, or broken.
    #[error("holds a key that cannot be used ({0})")]
    BadKey(String),
    /// Certificate and key belong to others.
    #[error("holds the key of another certificate")]
    WrongKey,
    /// Clients' certificates could not be checked with it.
    #[error("holds no certificate that could vouch for clients ({0})")]
    BadAuthority(String),
}

/// Which of the given files is at fault, and why.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Fault {
    /// The certificate of this pair.
    Chain(usize, CertificateError),
    /// The key of this pair.
    Key(usize, CertificateError),
    /// The authority of clients.
    ClientAuthority(CertificateError),
}

impl Certificates {
    /// Of one pair at least; `client_authority`: clients must show a certificate for which one of these
    /// vouches.
    ///
    /// # Errors
    ///
    /// The first file that cannot be used.
    pub fn new(pairs: &[PemPair<'_>], client_authority: Option<&[u8]>) -> Result<Self, Fault> {
        let mut digest = Context::new(&SHA256);
        let mut keys = Vec::new();
        for (index, pair) in pairs.iter().enumerate() {
            for text in [pair.chain, pair.key] {
                digest.update(&text.len().to_le_bytes());
                digest.update(text);
            }
            keys.push(Arc::new(certified(pair, index)?));
        }
        if let Some(text) = client_authority {
            digest.update(text);
        }
        let resolver = Arc::new(ByName::new(keys));
        let verifier = client_authority
            .map(verifier)
            .transpose()
            .map_err(Fault::ClientAuthority)?;
        let fingerprint = digest.finish();
        let fingerprint = fingerprint
            .as_ref()
            .try_into()
            .expect("SHA-256 has 32 bytes");
        Ok(Self {
            clients: config(verifier, Arc::clone(&resolver)),
            api: config(None, resolver),
            fingerprint,
        })
    }
}

impl PartialEq for Certificates {
    fn eq(&self, other: &Self) -> bool {
        self.fingerprint == other.fingerprint
    }
}

impl Eq for Certificates {}

impl fmt::Debug for Certificates {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Certificates").finish_non_exhaustive()
    }
}

fn certified(pair: &PemPair<'_>, index: usize) -> Result<CertifiedKey, Fault> {
    let chain = certificates(pair.chain).map_err(|error| Fault::Chain(index, error))?;
    let of_key = |error| Fault::Key(index, error);
    let key =
        PrivateKeyDer::from_pem_slice(pair.key).map_err(|_| of_key(CertificateError::NoKey))?;
    CertifiedKey::from_der(chain, key, &default_provider()).map_err(|error| match error {
        rustls::Error::InconsistentKeys(_) => of_key(CertificateError::WrongKey),
        rustls::Error::InvalidCertificate(_) => {
            Fault::Chain(index, CertificateError::NoCertificate)
        }
        error => of_key(CertificateError::BadKey(error.to_string())),
    })
}

fn certificates(text: &[u8]) -> Result<Vec<CertificateDer<'static>>, CertificateError> {
    let all: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(text).collect();
    let all = all.map_err(|_| CertificateError::NoCertificate)?;
    if all.is_empty() {
        return Err(CertificateError::NoCertificate);
    }
    Ok(all)
}

type Verifier = Arc<dyn rustls::server::danger::ClientCertVerifier>;

fn verifier(authority: &[u8]) -> Result<Verifier, CertificateError> {
    let bad = |error: &dyn fmt::Display| CertificateError::BadAuthority(error.to_string());
    let mut roots = RootCertStore::empty();
    for root in certificates(authority)? {
        roots.add(root).map_err(|error| bad(&error))?;
    }
    let provider = Arc::new(default_provider());
    WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider)
        .build()
        .map_err(|error| bad(&error))
}

fn config(verifier: Option<Verifier>, resolver: Arc<ByName>) -> Arc<TlsConfig> {
    let builder = TlsConfig::builder_with_provider(Arc::new(default_provider()))
        .with_safe_default_protocol_versions()
        .expect("the provider knows TLS 1.2 and 1.3");
    let builder = match verifier {
        Some(verifier) => builder.with_client_cert_verifier(verifier),
        None => builder.with_no_client_auth(),
    };
    let mut config = builder.with_cert_resolver(resolver);
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    // What a client needs to resume lies with the client, encrypted: nothing of it is kept here.
    config.session_storage = Arc::new(NoServerSessionStorage {});
    config.ticketer = Arc::clone(&TICKETER);
    Arc::new(config)
}

/// One for the life of the process, so that a reload does not make every client start anew. Its keys
/// are replaced by themselves.
static TICKETER: LazyLock<Arc<dyn ProducesTickets>> =
    LazyLock::new(|| Ticketer::new().expect("the system gives randomness"));

#[cfg(test)]
mod tests;
