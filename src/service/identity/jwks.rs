//! A set of keys as JSON (RFC 7517).

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::Deserialize;
use serde_json::Value;

use super::algorithm::Algorithm;
use super::key::{Key, KeyError};

/// Keys of one set that are kept. Issuers have two or three; a token that names no key is tried with all.
const KEYS_MAX: usize = 32;

/// Why a text is no set of keys.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum JwksError {
    /// It has another form.
    #[error("is no JWKS: no JSON object with a list \"keys\"")]
    NotJwks,
    /// No key in it can check a token here.
    #[error("has no key that could check a token")]
    NoKey,
    /// Nor can this one, which was the first.
    #[error("{0}")]
    Key(KeyError),
}

#[derive(Deserialize)]
struct Jwks {
    keys: Vec<Value>,
}

/// Source: RFC 7517, section 4, RFC 7518, section 6, and RFC 8037, section 2. What it does not name here is
/// not looked at: private halves, certificates and where to get some.
#[derive(Deserialize)]
struct Jwk {
    kty: String,
    alg: Option<String>,
    kid: Option<String>,
    #[serde(rename = "use")]
    usage: Option<String>,
    key_ops: Option<Vec<String>>,
    crv: Option<String>,
    n: Option<String>,
    e: Option<String>,
    x: Option<String>,
    y: Option<String>,
    k: Option<String>,
}

/// The keys of a set that check signatures. Others are left out: sets are made for many readers.
///
/// A key that names no algorithm is for `algorithm`, or else for the usual one of its kind; with
/// `algorithm`, keys that name another are left out. Secrets are taken only `with_secrets`: in a place
/// that anybody may read, a key is public, and whoever reads a secret could sign.
///
/// # Errors
///
/// The text is no set, or nothing is left of it.
pub fn read_jwks(
    text: &[u8],
    algorithm: Option<Algorithm>,
    with_secrets: bool,
) -> Result<Vec<Key>, JwksError> {
    let set: Jwks = serde_json::from_slice(text).map_err(|_| JwksError::NotJwks)?;
    let mut first_error = JwksError::NoKey;
    let mut keys = Vec::new();
    for value in set.keys {
        let Ok(jwk) = serde_json::from_value::<Jwk>(value) else {
            continue;
        };
        if !jwk.is_for_signatures() || (jwk.kty == "oct" && !with_secrets) {
            continue;
        }
        match jwk.read(algorithm) {
            Ok(Some(key)) => keys.push(key),
            Ok(None) => {}
            Err(error) if first_error == JwksError::NoKey => first_error = JwksError::Key(error),
            Err(_) => {}
        }
        if keys.len() == KEYS_MAX {
            break;
        }
    }
    if keys.is_empty() {
        return Err(first_error);
    }
    Ok(keys)
}

impl Jwk {
    fn is_for_signatures(&self) -> bool {
        let may_verify = |ops: &Vec<String>| ops.iter().any(|op| op == "verify");
        self.usage.as_deref().is_none_or(|usage| usage == "sig")
            && self.key_ops.as_ref().is_none_or(may_verify)
    }

    /// `None`: it is for something that is not wanted or not known here.
    fn read(self, wanted: Option<Algorithm>) -> Result<Option<Key>, KeyError> {
        let own = match &self.alg {
            Some(name) => match Algorithm::from_name(name) {
                Some(algorithm) => Some(algorithm),
                None => return Ok(None),
            },
            None => None,
        };
        if own.is_some() && wanted.is_some() && own != wanted {
            return Ok(None);
        }
        let algorithm = own.or(wanted);
        let kid = self.kid.clone();
        let bytes = |text: &Option<String>| {
            let text = text.as_deref().ok_or(KeyError::Unknown)?;
            URL_SAFE_NO_PAD.decode(text).map_err(|_| KeyError::Unknown)
        };
        let key = match (self.kty.as_str(), self.crv.as_deref()) {
            ("oct", _) => Key::from_secret(&bytes(&self.k)?, algorithm, kid),
            ("RSA", _) => {
                let algorithm = algorithm.unwrap_or(Algorithm::Rs256);
                Key::from_rsa(&bytes(&self.n)?, &bytes(&self.e)?, algorithm, kid)
            }
            ("EC", Some(curve @ ("P-256" | "P-384"))) => {
                let (of_curve, length) = match curve {
                    "P-256" => (Algorithm::Es256, 32),
                    _ => (Algorithm::Es384, 48),
                };
                let (x, y) = (bytes(&self.x)?, bytes(&self.y)?);
                if x.len() != length || y.len() != length {
                    return Err(KeyError::Unknown);
                }
                let point = [&[4], x.as_slice(), y.as_slice()].concat();
                match algorithm {
                    Some(other) if other != of_curve => Err(KeyError::WrongAlgorithm(other)),
                    _ => Key::from_point(&point, of_curve, kid),
                }
            }
            ("OKP", Some("Ed25519")) => {
                let x = bytes(&self.x)?;
                match algorithm {
                    Some(other) if other != Algorithm::EdDsa => {
                        Err(KeyError::WrongAlgorithm(other))
                    }
                    _ if x.len() != 32 => Err(KeyError::Unknown),
                    _ => Key::from_point(&x, Algorithm::EdDsa, kid),
                }
            }
            _ => return Ok(None),
        };
        key.map(Some)
    }
}
