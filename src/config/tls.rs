//! Reads certificates and their keys, so that a wrong file is a complaint and not a surprise.

use super::complaint::Fault;
use super::option::OptionRecord;
use super::options;
use super::reader::Reader;
use crate::service::tls::{self, Certificates, PemPair};

/// What the options say; `Some(None)`: no TLS.
pub(super) fn read(reader: &mut Reader<'_>) -> Option<Option<Certificates>> {
    let chains = reader.files(&options::TLS_CERT);
    let keys = reader.files(&options::TLS_KEY);
    let authority = reader.file(&options::TLS_CLIENT_CA);
    if chains.len() != keys.len() {
        let (longer, shorter) = if chains.len() > keys.len() {
            (&options::TLS_CERT, &options::TLS_KEY)
        } else {
            (&options::TLS_KEY, &options::TLS_CERT)
        };
        let fix = format!(
            "give {} as often, in the same order: each certificate has its own key",
            reader.name(shorter)
        );
        let index = chains.len().min(keys.len());
        reader.complain(longer, index, Fault::new("is one too many", fix));
        return None;
    }
    if chains.is_empty() {
        if authority?.is_some() {
            let fix = format!(
                "give {} and {}",
                options::TLS_CERT.flag(),
                options::TLS_KEY.flag()
            );
            let fault = Fault::new("asks clients for certificates, but there is no TLS", fix);
            reader.complain(&options::TLS_CLIENT_CA, 0, fault);
            return None;
        }
        return Some(None);
    }
    let texts: Option<Vec<(Vec<u8>, Vec<u8>)>> = chains
        .into_iter()
        .zip(keys)
        .map(|(chain, key)| chain.zip(key))
        .collect();
    let (texts, authority) = (texts?, authority?);
    let pairs: Vec<PemPair<'_>> = texts
        .iter()
        .map(|(chain, key)| PemPair { chain, key })
        .collect();
    Certificates::new(&pairs, authority.as_deref())
        .map_err(|fault| complain(reader, fault))
        .ok()
        .map(Some)
}

fn complain(reader: &mut Reader<'_>, fault: tls::Fault) {
    const CERTIFICATE: &str =
        "name a PEM file with -----BEGIN CERTIFICATE-----, the server's own one first";
    const KEY: &str = "name the PEM file with the -----BEGIN PRIVATE KEY----- of the certificate at \
        the same place";
    const AUTHORITY: &str = "name a PEM file with the certificates that vouch for clients";
    let (option, index, error, fix): (&OptionRecord, _, _, _) = match fault {
        tls::Fault::Chain(index, error) => (&options::TLS_CERT, index, error, CERTIFICATE),
        tls::Fault::Key(index, error) => (&options::TLS_KEY, index, error, KEY),
        tls::Fault::ClientAuthority(error) => (&options::TLS_CLIENT_CA, 0, error, AUTHORITY),
    };
    reader.complain(option, index, Fault::new(error.to_string(), fix));
}
