//! One key, bound to one algorithm.

use std::fmt;

use aws_lc_rs::signature::{self, ParsedPublicKey, RsaPublicKeyComponents};
use aws_lc_rs::{hmac, rsa};
use rustls::pki_types::pem::{self, SectionKind};

use super::algorithm::{Algorithm, Checks};

/// Bits of an RSA key. Source: RFC 7518, section 3.3, for the least; the library's bound for the most.
const RSA_BITS: std::ops::RangeInclusive<usize> = 2048..=8192;

/// What checks signatures made with one algorithm.
#[derive(Clone)]
pub struct Key {
    algorithm: Algorithm,
    kid: Option<String>,
    material: Material,
}

#[derive(Clone)]
enum Material {
    Secret(Box<[u8]>),
    Public(ParsedPublicKey),
}

/// Why something is no key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum KeyError {
    /// Source: RFC 7518, section 3.2.
    #[error("has a secret of {bytes} bytes, and {algorithm} needs {least}")]
    SecretTooShort {
        /// What there is.
        bytes: usize,
        /// What would do.
        least: usize,
        /// What it was meant for.
        algorithm: Algorithm,
    },
    /// Source: RFC 7518, section 3.3.
    #[error("has an RSA key of {0} bits, and 2048 to 8192 are safe and usable")]
    RsaSize(usize),
    /// It is of another family, or of another curve.
    #[error("has no key for {0}")]
    WrongAlgorithm(Algorithm),
    /// Nothing there is in PEM.
    #[error("has no public key in PEM")]
    NotPem,
    /// More than a server should know.
    #[error("has a private key")]
    Private,
    /// A certificate may have ended, and nobody would ask.
    #[error("has a certificate")]
    Certificate,
    /// What `ssh-keygen` and old tools write.
    #[error("has an RSA key in the form of PKCS #1")]
    Pkcs1,
    /// A curve or a kind that no algorithm here uses, or no key at all.
    #[error("has a key that is none of RSA, P-256, P-384 and Ed25519")]
    Unknown,
}

impl KeyError {
    /// What to do about it.
    #[must_use]
    pub fn fix(self) -> &'static str {
        match self {
            Self::SecretTooShort { .. } => {
                "write a longer one, such as what openssl rand -hex 32 prints (-hex 64 for HS512)"
            }
            Self::RsaSize(_) => "let the issuer sign with a key of 2048 bits or more",
            Self::WrongAlgorithm(_) => "leave alg out, or name the one that the issuer signs with",
            Self::NotPem => "name a file with a line -----BEGIN PUBLIC KEY-----",
            Self::Private => {
                "keep that with the issuer; openssl pkey -pubout gives the public half"
            }
            Self::Certificate => "take the key out of it: openssl x509 -pubkey -noout -in FILE",
            Self::Pkcs1 => "rewrite it: openssl rsa -RSAPublicKey_in -pubout -in FILE",
            Self::Unknown => "let the issuer sign with one of these",
        }
    }
}

impl Key {
    /// A secret shared with the issuer; HS256 unless another of its family is named.
    ///
    /// # Errors
    ///
    /// It is shorter than the algorithm's hash, or the algorithm takes no secret.
    pub fn from_secret(
        secret: &[u8],
        algorithm: Option<Algorithm>,
        kid: Option<String>,
    ) -> Result<Self, KeyError> {
        let algorithm = algorithm.unwrap_or(Algorithm::Hs256);
        let Checks::Hmac(hash) = algorithm.checks() else {
            return Err(KeyError::WrongAlgorithm(algorithm));
        };
        let least = hash.digest_algorithm().output_len;
        if secret.len() < least {
            return Err(KeyError::SecretTooShort {
                bytes: secret.len(),
                least,
                algorithm,
            });
        }
        Ok(Self {
            algorithm,
            kid,
            material: Material::Secret(secret.into()),
        })
    }

    /// The first public key of a PEM file. What it is tells the algorithm; of RSA's, RS256 unless
    /// another is named.
    ///
    /// # Errors
    ///
    /// See [`KeyError`].
    pub fn from_pem(
        text: &[u8],
        algorithm: Option<Algorithm>,
        kid: Option<String>,
    ) -> Result<Self, KeyError> {
        let der = public_der(text)?;
        // It tells apart by what each refuses: the first three know their own kind alone.
        let of_kind = if let Ok(key) = rsa::PublicKey::from_der(&der) {
            let n = RsaPublicKeyComponents::<Vec<u8>>::from(&key).n;
            check_rsa_size(&n)?;
            Algorithm::Rs256
        } else {
            [Algorithm::Es256, Algorithm::Es384, Algorithm::EdDsa]
                .into_iter()
                .find(|algorithm| parse_public(*algorithm, &der).is_ok())
                .ok_or(KeyError::Unknown)?
        };
        let algorithm = algorithm.unwrap_or(of_kind);
        let key = parse_public(algorithm, &der)?;
        Ok(Self::new_public(algorithm, kid, key))
    }

    /// Modulus and exponent, big-endian.
    pub(super) fn from_rsa(
        n: &[u8],
        e: &[u8],
        algorithm: Algorithm,
        kid: Option<String>,
    ) -> Result<Self, KeyError> {
        let Checks::Rsa(parameters) = algorithm.checks() else {
            return Err(KeyError::WrongAlgorithm(algorithm));
        };
        // The library takes no zeros in front, and some issuers write one for the sign.
        let first = n.iter().position(|byte| *byte != 0);
        let n = &n[first.unwrap_or(n.len())..];
        check_rsa_size(n)?;
        let key = RsaPublicKeyComponents { n, e }.to_parsed_public_key(parameters);
        let key = key.map_err(|_| KeyError::Unknown)?;
        Ok(Self::new_public(algorithm, kid, key))
    }

    /// A point of a curve: uncompressed as in SEC 1 for ECDSA, as in RFC 8032 for Ed25519.
    pub(super) fn from_point(
        point: &[u8],
        algorithm: Algorithm,
        kid: Option<String>,
    ) -> Result<Self, KeyError> {
        let key = parse_public(algorithm, point)?;
        Ok(Self::new_public(algorithm, kid, key))
    }

    fn new_public(algorithm: Algorithm, kid: Option<String>, key: ParsedPublicKey) -> Self {
        Self {
            algorithm,
            kid,
            material: Material::Public(key),
        }
    }

    /// The only algorithm that it checks.
    #[must_use]
    pub fn algorithm(&self) -> Algorithm {
        self.algorithm
    }

    /// Whether a token that names `kid`, or none, may be signed with it. A key without a name may
    /// have signed any token, and a token that names no key may be signed with any.
    pub(super) fn may_be(&self, kid: Option<&str>) -> bool {
        match (&self.kid, kid) {
            (Some(own), Some(wanted)) => own == wanted,
            _ => true,
        }
    }

    /// Whether `signature` is that of `message`. The time it takes does not tell how much of a wrong
    /// signature is right.
    pub(super) fn verifies(&self, message: &[u8], signature: &[u8]) -> bool {
        match (&self.material, self.algorithm.checks()) {
            (Material::Secret(secret), Checks::Hmac(hash)) => {
                let key = hmac::Key::new(hash, secret);
                hmac::verify(&key, message, signature).is_ok()
            }
            (Material::Public(key), _) => key.verify_sig(message, signature).is_ok(),
            (Material::Secret(_), _) => unreachable!("a secret is made for an HMAC alone"),
        }
    }
}

/// The same key for the same algorithm under the same name.
impl PartialEq for Key {
    fn eq(&self, other: &Self) -> bool {
        let same_material = match (&self.material, &other.material) {
            (Material::Secret(one), Material::Secret(other)) => one == other,
            (Material::Public(one), Material::Public(other)) => one.as_ref() == other.as_ref(),
            _ => false,
        };
        same_material && self.algorithm == other.algorithm && self.kid == other.kid
    }
}

impl Eq for Key {}

/// Without the key itself, which may be a secret.
impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Key")
            .field("algorithm", &self.algorithm)
            .field("kid", &self.kid)
            .finish_non_exhaustive()
    }
}

/// The DER of the first public key, or what is there instead of one.
fn public_der(text: &[u8]) -> Result<Vec<u8>, KeyError> {
    match pem::from_buf(&mut &text[..]) {
        Ok(Some((SectionKind::PublicKey, der))) => Ok(der),
        Ok(Some((SectionKind::Certificate, _))) => Err(KeyError::Certificate),
        Ok(Some((
            SectionKind::PrivateKey | SectionKind::RsaPrivateKey | SectionKind::EcPrivateKey,
            _,
        ))) => Err(KeyError::Private),
        _ if text.starts_with(b"-----BEGIN RSA PUBLIC KEY-----") => Err(KeyError::Pkcs1),
        _ => Err(KeyError::NotPem),
    }
}

fn parse_public(algorithm: Algorithm, bytes: &[u8]) -> Result<ParsedPublicKey, KeyError> {
    let key = match algorithm.checks() {
        Checks::Hmac(_) => return Err(KeyError::WrongAlgorithm(algorithm)),
        Checks::Rsa(parameters) => ParsedPublicKey::new(parameters, bytes),
        Checks::Ec(curve) => ParsedPublicKey::new(curve, bytes),
        Checks::Ed25519 => ParsedPublicKey::new(&signature::ED25519, bytes),
    };
    key.map_err(|_| KeyError::WrongAlgorithm(algorithm))
}

/// `n` has no zeros in front.
fn check_rsa_size(n: &[u8]) -> Result<(), KeyError> {
    let unused = n.first().map_or(0, |byte| byte.leading_zeros() as usize);
    let bits = n.len() * 8 - unused;
    if RSA_BITS.contains(&bits) {
        Ok(())
    } else {
        Err(KeyError::RsaSize(bits))
    }
}
