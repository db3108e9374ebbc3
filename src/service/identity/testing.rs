//! Issuers for tests: they sign whatever they are told.

use std::time::Duration;

use aws_lc_rs::encoding::{AsDer, PublicKeyX509Der};
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::KeySize;
use aws_lc_rs::signature::{
    self, ECDSA_P256_SHA256_FIXED_SIGNING, ECDSA_P384_SHA384_FIXED_SIGNING, EcdsaKeyPair,
    EcdsaSigningAlgorithm, Ed25519KeyPair, KeyPair, RsaEncoding, RsaKeyPair,
};
use aws_lc_rs::{hmac, rsa};
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use serde_json::{Value, json};

use super::*;

/// When the tests take place.
pub(super) const NOW_S: u64 = 1_700_000_000;
pub(super) const NOW_MS: u64 = NOW_S * 1000;

/// Fit for every HMAC.
pub(super) const SECRET: &[u8] =
    b"0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";

/// A key pair, or a secret.
pub(super) enum Signer {
    Secret(Vec<u8>),
    Rsa(Box<RsaKeyPair>),
    P256(EcdsaKeyPair),
    P384(EcdsaKeyPair),
    Ed25519(Box<Ed25519KeyPair>),
}

impl Signer {
    pub(super) fn secret() -> Self {
        Self::Secret(SECRET.to_vec())
    }

    pub(super) fn rsa() -> Self {
        Self::Rsa(Box::new(RsaKeyPair::generate(KeySize::Rsa2048).unwrap()))
    }

    pub(super) fn p256() -> Self {
        Self::P256(EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING).unwrap())
    }

    pub(super) fn p384() -> Self {
        Self::P384(EcdsaKeyPair::generate(&ECDSA_P384_SHA384_FIXED_SIGNING).unwrap())
    }

    pub(super) fn ed25519() -> Self {
        Self::Ed25519(Box::new(Ed25519KeyPair::generate().unwrap()))
    }

    /// A token with these parts, which need be no JSON.
    pub(super) fn token(&self, algorithm: Algorithm, header: &str, payload: &str) -> String {
        let signed = format!("{}.{}", part(header), part(payload));
        let signature = self.sign(algorithm, signed.as_bytes());
        format!("{signed}.{}", part(signature))
    }

    pub(super) fn sign(&self, algorithm: Algorithm, message: &[u8]) -> Vec<u8> {
        let random = SystemRandom::new();
        match self {
            Self::Secret(secret) => {
                let hash = match algorithm {
                    Algorithm::Hs384 => hmac::HMAC_SHA384,
                    Algorithm::Hs512 => hmac::HMAC_SHA512,
                    _ => hmac::HMAC_SHA256,
                };
                hmac::sign(&hmac::Key::new(hash, secret), message)
                    .as_ref()
                    .to_vec()
            }
            Self::Rsa(pair) => {
                let encoding: &dyn RsaEncoding = match algorithm {
                    Algorithm::Rs384 => &signature::RSA_PKCS1_SHA384,
                    Algorithm::Rs512 => &signature::RSA_PKCS1_SHA512,
                    Algorithm::Ps256 => &signature::RSA_PSS_SHA256,
                    Algorithm::Ps384 => &signature::RSA_PSS_SHA384,
                    Algorithm::Ps512 => &signature::RSA_PSS_SHA512,
                    _ => &signature::RSA_PKCS1_SHA256,
                };
                let mut signature = vec![0; pair.public_modulus_len()];
                pair.sign(encoding, &random, message, &mut signature)
                    .unwrap();
                signature
            }
            Self::P256(pair) | Self::P384(pair) => {
                pair.sign(&random, message).unwrap().as_ref().to_vec()
            }
            Self::Ed25519(pair) => pair.sign(message).as_ref().to_vec(),
        }
    }

    /// The same signature of ECDSA in DER, as X.509 has it.
    pub(super) fn sign_in_der(
        &self,
        algorithm: &'static EcdsaSigningAlgorithm,
        message: &[u8],
    ) -> Vec<u8> {
        let (Self::P256(pair) | Self::P384(pair)) = self else {
            panic!("no key of ECDSA");
        };
        let private = pair.to_pkcs8v1().unwrap();
        let pair = EcdsaKeyPair::from_pkcs8(algorithm, private.as_ref()).unwrap();
        pair.sign(&SystemRandom::new(), message)
            .unwrap()
            .as_ref()
            .to_vec()
    }

    /// The public half in DER, as X.509 has it.
    pub(super) fn der(&self) -> Vec<u8> {
        let der: PublicKeyX509Der<'_> = match self {
            Self::Secret(_) => panic!("a secret has no public half"),
            Self::Rsa(pair) => pair.public_key().as_der(),
            Self::P256(pair) | Self::P384(pair) => pair.public_key().as_der(),
            Self::Ed25519(pair) => pair.public_key().as_der(),
        }
        .unwrap();
        der.as_ref().to_vec()
    }

    /// The public half in PEM.
    pub(super) fn pem(&self) -> String {
        pem("PUBLIC KEY", &self.der())
    }

    /// The public half, or the secret, as a JWK.
    pub(super) fn jwk(&self, kid: &str) -> Value {
        match self {
            Self::Secret(secret) => json!({ "kty": "oct", "k": part(secret), "kid": kid }),
            Self::Rsa(pair) => {
                let public: &rsa::PublicKey = pair.public_key();
                let parts = signature::RsaPublicKeyComponents::<Vec<u8>>::from(public);
                json!({ "kty": "RSA", "n": part(parts.n), "e": part(parts.e), "kid": kid })
            }
            Self::P256(pair) | Self::P384(pair) => {
                let point = &pair.public_key().as_ref()[1..];
                let (x, y) = point.split_at(point.len() / 2);
                let crv = if x.len() == 32 { "P-256" } else { "P-384" };
                json!({ "kty": "EC", "crv": crv, "x": part(x), "y": part(y), "kid": kid })
            }
            Self::Ed25519(pair) => {
                let x = part(pair.public_key());
                json!({ "kty": "OKP", "crv": "Ed25519", "x": x, "kid": kid })
            }
        }
    }

    /// What a server trusts.
    pub(super) fn key(&self, algorithm: Algorithm, kid: Option<&str>) -> Key {
        let kid = kid.map(str::to_owned);
        match self {
            Self::Secret(secret) => Key::from_secret(secret, Some(algorithm), kid),
            _ => Key::from_pem(self.pem().as_bytes(), Some(algorithm), kid),
        }
        .unwrap()
    }
}

/// One part of a token.
pub(super) fn part(bytes: impl AsRef<[u8]>) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}

pub(super) fn pem(label: &str, der: &[u8]) -> String {
    let text = STANDARD.encode(der);
    let lines: Vec<&str> = text
        .as_bytes()
        .chunks(64)
        .map(|line| str::from_utf8(line).unwrap())
        .collect();
    format!(
        "-----BEGIN {label}-----\n{}\n-----END {label}-----\n",
        lines.join("\n")
    )
}

pub(super) fn trusting(trusted: Vec<TrustedKeys>) -> AuthConfig {
    AuthConfig {
        trusted,
        user_claim: UserClaim::parse("sub").unwrap(),
        leeway: Duration::from_secs(30),
        query_parameter: None,
        cookie: None,
        token_required: false,
    }
}

pub(super) fn keys_of(issuer: &str, keys: Vec<Key>) -> TrustedKeys {
    TrustedKeys {
        source: KeySource::Fixed(keys),
        issuer: Some(issuer.to_owned()),
        audience: Audience::OneOf(vec!["api".to_owned(), "spare".to_owned()]),
        expiry_required: true,
    }
}

/// A verifier whose keys are all in its configuration.
pub(super) fn verifier(config: &AuthConfig) -> Verifier {
    Verifier::new(
        config,
        &RemoteKeySets::new(crate::service::outbound::client()),
    )
}
