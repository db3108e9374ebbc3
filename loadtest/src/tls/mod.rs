//! TLS as the clients want it: whom they believe, and whether they come back with a ticket.

mod tickets;

use std::path::{Path, PathBuf};
use std::sync::Arc;

use clap::Args;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::client::{ClientConnection, Resumption};
use rustls::crypto::{CryptoProvider, aws_lc_rs};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{
    CipherSuite, ClientConfig, DigitallySignedStruct, HandshakeKind, RootCertStore, SignatureScheme,
};

use self::tickets::Tickets;
use crate::failure::Failure;

/// What the command line says of it.
#[derive(Clone, Debug, Default, Args)]
pub(crate) struct TlsArgs {
    /// For wss://: believe certificates that these ones have signed, in PEM
    #[arg(long, value_name = "FILE", conflicts_with = "tls_insecure")]
    tls_ca: Option<PathBuf>,
    /// For wss://: believe every certificate, and spare the client the work of looking at it
    #[arg(long)]
    tls_insecure: bool,
    /// For wss://: come back with a ticket of an earlier connection, where there is one
    #[arg(long)]
    tls_resume: bool,
}

/// What each connection to a server begins with.
#[derive(Clone, Debug)]
pub(crate) struct ClientTls {
    config: Arc<ClientConfig>,
    name: ServerName<'static>,
}

/// What a connection came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Secured {
    /// The protocol's version, as it is called.
    pub(crate) version: &'static str,
    /// The cipher suite, as it is called.
    pub(crate) cipher_suite: &'static str,
    /// Whether a ticket made it short.
    pub(crate) is_resumed: bool,
}

impl TlsArgs {
    /// Everybody is believed.
    pub(crate) fn insecure() -> Self {
        Self {
            tls_insecure: true,
            ..Self::default()
        }
    }

    /// Whether anything is said.
    pub(crate) fn is_any(&self) -> bool {
        self.tls_ca.is_some() || self.tls_insecure || self.tls_resume
    }
}

impl ClientTls {
    /// For connections to a host of this name or address.
    ///
    /// # Errors
    ///
    /// When nobody is to be believed, or the file does not say who.
    pub(crate) fn new(args: &TlsArgs, host: &str) -> Result<Self, Failure> {
        let usage = |why: String| Failure::Usage(why);
        let name = ServerName::try_from(host.to_owned())
            .map_err(|error| usage(format!("--url: {host:?} is no name for TLS: {error}")))?;
        let provider = Arc::new(as_browsers(aws_lc_rs::default_provider()));
        let builder = ClientConfig::builder_with_provider(Arc::clone(&provider))
            .with_safe_default_protocol_versions()
            .map_err(|error| Failure::system("cannot set up TLS", error))?;
        let builder = match &args.tls_ca {
            Some(file) => builder.with_root_certificates(read_roots(file)?),
            None if args.tls_insecure => builder
                .dangerous()
                .with_custom_certificate_verifier(Arc::new(Everybody(provider))),
            None => {
                return Err(usage(
                    "wss:// needs --tls-ca FILE, or --tls-insecure".into(),
                ));
            }
        };
        let mut config = builder.with_no_client_auth();
        config.resumption = match args.tls_resume {
            true => Resumption::store(Arc::new(Tickets::default())),
            false => Resumption::disabled(),
        };
        Ok(Self {
            config: Arc::new(config),
            name,
        })
    }

    /// A new connection's part of it.
    ///
    /// # Errors
    ///
    /// When there is no randomness, for example.
    pub(crate) fn connection(&self) -> Result<ClientConnection, rustls::Error> {
        ClientConnection::new(Arc::clone(&self.config), self.name.clone())
    }
}

impl Secured {
    /// What a connection came to, once its handshake is done.
    pub(crate) fn of(connection: &ClientConnection) -> Option<Self> {
        let version = connection.protocol_version()?.as_str()?;
        let suite = connection.negotiated_cipher_suite()?.suite();
        Some(Self {
            version,
            cipher_suite: suite.as_str()?,
            is_resumed: connection.handshake_kind() == Some(HandshakeKind::Resumed),
        })
    }
}

/// Prefers what browsers prefer, AES with 128 bits: a server that lets its clients choose does the same work for them.
fn as_browsers(mut provider: CryptoProvider) -> CryptoProvider {
    provider.cipher_suites.sort_by_key(|suite| {
        !matches!(
            suite.suite(),
            CipherSuite::TLS13_AES_128_GCM_SHA256
                | CipherSuite::TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256
                | CipherSuite::TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256
        )
    });
    provider
}

fn read_roots(file: &Path) -> Result<RootCertStore, Failure> {
    let wrong = |why: String| Failure::Usage(format!("--tls-ca {}: {why}", file.display()));
    let mut roots = RootCertStore::empty();
    let certificates =
        CertificateDer::pem_file_iter(file).map_err(|error| wrong(error.to_string()))?;
    for certificate in certificates {
        let certificate = certificate.map_err(|error| wrong(error.to_string()))?;
        roots
            .add(certificate)
            .map_err(|error| wrong(error.to_string()))?;
    }
    match roots.is_empty() {
        true => Err(wrong("it holds no certificate".to_owned())),
        false => Ok(roots),
    }
}

/// Believes every certificate: a handshake is measured on the server, and looking at certificates is half of the
/// client's work.
#[derive(Debug)]
struct Everybody(Arc<CryptoProvider>);

impl ServerCertVerifier for Everybody {
    fn verify_server_cert(
        &self,
        _end_entity: &CertificateDer<'_>,
        _intermediates: &[CertificateDer<'_>],
        _server_name: &ServerName<'_>,
        _ocsp_response: &[u8],
        _now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        _message: &[u8],
        _certificate: &CertificateDer<'_>,
        _signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        Ok(HandshakeSignatureValid::assertion())
    }

    fn verify_tls13_signature(
        &self,
        _message: &[u8],
        _certificate: &CertificateDer<'_>,
        _signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        Ok(HandshakeSignatureValid::assertion())
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        let algorithms = self.0.signature_verification_algorithms;
        algorithms.supported_schemes()
    }
}
