//! How tokens are signed.

use std::fmt;

use aws_lc_rs::hmac;
use aws_lc_rs::signature::{self, EcdsaVerificationAlgorithm, RsaParameters};

/// A signature algorithm. Source: RFC 7518, section 3.1, and RFC 8037.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[allow(missing_docs, reason = "their names are those of the registry")]
pub enum Algorithm {
    Hs256,
    Hs384,
    Hs512,
    Rs256,
    Rs384,
    Rs512,
    Ps256,
    Ps384,
    Ps512,
    Es256,
    Es384,
    EdDsa,
}

/// What an algorithm checks with.
pub(super) enum Checks {
    Hmac(hmac::Algorithm),
    Rsa(&'static RsaParameters),
    Ec(&'static EcdsaVerificationAlgorithm),
    Ed25519,
}

impl Algorithm {
    /// All of them.
    pub const ALL: [Self; 12] = [
        Self::Hs256,
        Self::Hs384,
        Self::Hs512,
        Self::Rs256,
        Self::Rs384,
        Self::Rs512,
        Self::Ps256,
        Self::Ps384,
        Self::Ps512,
        Self::Es256,
        Self::Es384,
        Self::EdDsa,
    ];

    /// The one with this name, in exactly this spelling.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|known| known.name() == name)
    }

    /// As a token's header and a JWK have it.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Hs256 => "HS256",
            Self::Hs384 => "HS384",
            Self::Hs512 => "HS512",
            Self::Rs256 => "RS256",
            Self::Rs384 => "RS384",
            Self::Rs512 => "RS512",
            Self::Ps256 => "PS256",
            Self::Ps384 => "PS384",
            Self::Ps512 => "PS512",
            Self::Es256 => "ES256",
            Self::Es384 => "ES384",
            Self::EdDsa => "EdDSA",
        }
    }

    pub(super) fn checks(self) -> Checks {
        match self {
            Self::Hs256 => Checks::Hmac(hmac::HMAC_SHA256),
            Self::Hs384 => Checks::Hmac(hmac::HMAC_SHA384),
            Self::Hs512 => Checks::Hmac(hmac::HMAC_SHA512),
            Self::Rs256 => Checks::Rsa(&signature::RSA_PKCS1_2048_8192_SHA256),
            Self::Rs384 => Checks::Rsa(&signature::RSA_PKCS1_2048_8192_SHA384),
            Self::Rs512 => Checks::Rsa(&signature::RSA_PKCS1_2048_8192_SHA512),
            Self::Ps256 => Checks::Rsa(&signature::RSA_PSS_2048_8192_SHA256),
            Self::Ps384 => Checks::Rsa(&signature::RSA_PSS_2048_8192_SHA384),
            Self::Ps512 => Checks::Rsa(&signature::RSA_PSS_2048_8192_SHA512),
            // The fixed form, r and s one after the other (RFC 7518, section 3.4), and not the DER of X.509.
            Self::Es256 => Checks::Ec(&signature::ECDSA_P256_SHA256_FIXED),
            Self::Es384 => Checks::Ec(&signature::ECDSA_P384_SHA384_FIXED),
            Self::EdDsa => Checks::Ed25519,
        }
    }
}

impl fmt::Display for Algorithm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}
