//! Which of several certificates a client is shown.

use std::sync::Arc;

use rustls::client::verify_server_name;
use rustls::pki_types::ServerName;
use rustls::server::{ClientHello, ParsedCertificate, ResolvesServerCert};
use rustls::sign::CertifiedKey;

/// The first certificate that is good for the name a client asks for (SNI); the first of all for who
/// asks for none, or for a name that nobody has.
#[derive(Debug)]
pub(super) struct ByName {
    keys: Vec<Arc<CertifiedKey>>,
}

impl ByName {
    pub(super) fn new(keys: Vec<Arc<CertifiedKey>>) -> Self {
        Self { keys }
    }

    pub(super) fn of(&self, name: &str) -> Option<&Arc<CertifiedKey>> {
        let name = ServerName::try_from(name).ok()?;
        self.keys.iter().find(|key| is_good_for(key, &name))
    }
}

fn is_good_for(key: &CertifiedKey, name: &ServerName<'_>) -> bool {
    let parsed = key.end_entity_cert().and_then(ParsedCertificate::try_from);
    parsed.is_ok_and(|certificate| verify_server_name(&certificate, name).is_ok())
}

impl ResolvesServerCert for ByName {
    fn resolve(&self, hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        let named = match &self.keys[..] {
            // Nothing to choose from.
            [_] => None,
            _ => hello.server_name().and_then(|name| self.of(name)),
        };
        named.or_else(|| self.keys.first()).cloned()
    }
}
