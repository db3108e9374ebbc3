//! Whom the clients believe where a server speaks TLS.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use clap::ArgMatches;
use rustls::crypto::aws_lc_rs::default_provider;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{CertificateError, ClientConfig, RootCertStore};

use super::command::TLS_CA;
use super::failure::Failure;

/// Those whose signature under a server's certificate is believed.
pub(super) enum Trust {
    /// Whom this system believes.
    System,
    /// The certificates of this file.
    File(PathBuf),
}

impl Trust {
    /// As the command line says.
    pub(super) fn new(matches: &ArgMatches) -> Self {
        let file: Option<&PathBuf> = matches.get_one(TLS_CA);
        file.map_or(Self::System, |file| Self::File(file.clone()))
    }

    /// What connections to `host` begin with.
    pub(super) fn tls(&self, host: &str) -> Result<ServerTls, Failure> {
        let name = ServerName::try_from(host.to_owned())
            .map_err(|_| Failure::usage(format!("{host:?} cannot be the name of a server")))?;
        let roots = match self {
            Self::System => roots_of_system()?,
            Self::File(file) => roots_of(file)?,
        };
        let builder = ClientConfig::builder_with_provider(Arc::new(default_provider()))
            .with_safe_default_protocol_versions()
            .expect("the provider knows TLS 1.2 and 1.3");
        let config = builder.with_root_certificates(roots).with_no_client_auth();
        Ok(ServerTls {
            config: Arc::new(config),
            name,
        })
    }
}

/// TLS to one server.
pub(super) struct ServerTls {
    pub(super) config: Arc<ClientConfig>,
    pub(super) name: ServerName<'static>,
}

fn roots_of_system() -> Result<RootCertStore, Failure> {
    let found = rustls_native_certs::load_native_certs();
    let mut roots = RootCertStore::empty();
    // Systems keep some that are of no use here.
    let (taken, _left) = roots.add_parsable_certificates(found.certs);
    if taken == 0 {
        return Err(Failure::world(
            "this system believes no certificates at all; install its ca-certificates, or name whom to \
             believe with --tls-ca FILE"
                .to_owned(),
        ));
    }
    Ok(roots)
}

fn roots_of(file: &Path) -> Result<RootCertStore, Failure> {
    let refuse = |why: &str| Failure::usage(format!("--tls-ca: {} {why}", file.display()));
    let text = fs::read(file).map_err(|error| refuse(&format!("cannot be read: {error}")))?;
    let mut roots = RootCertStore::empty();
    for certificate in CertificateDer::pem_slice_iter(&text) {
        let is_taken = certificate.is_ok_and(|certificate| roots.add(certificate).is_ok());
        if !is_taken {
            return Err(refuse("holds something that is no certificate in PEM"));
        }
    }
    if roots.is_empty() {
        return Err(refuse("holds no certificate in PEM"));
    }
    Ok(roots)
}

/// What a failed handshake is told as, with what helps; `None`: the error is not of TLS.
pub(super) fn explain(error: &io::Error) -> Option<String> {
    let tls: &rustls::Error = error.get_ref()?.downcast_ref()?;
    Some(match tls {
        rustls::Error::InvalidCertificate(why) => match why {
            // Somebody of the same name is believed, but it was not him.
            CertificateError::UnknownIssuer | CertificateError::BadSignature => {
                "nobody who is believed vouches for its certificate; name whom to believe with --tls-ca FILE"
                    .to_owned()
            }
            why => format!("its certificate is not valid: {why}"),
        },
        rustls::Error::InvalidMessage(_) => {
            "it does not speak TLS there; try the URL without the s: ws:// or http://".to_owned()
        }
        tls => format!("TLS: {tls}"),
    })
}
