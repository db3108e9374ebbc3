//! Why a token is not believed.

/// Why a token is not believed.
///
/// For the log of the server alone: a client learns that it was refused, not how near it came. No text
/// here tells anything of the token.
///
/// Of several keys, the one that came furthest has the reason worth telling, so those about keys stand first
/// and in this order. Keys that are not there come last of them: what they would have said is not known.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, thiserror::Error)]
#[non_exhaustive]
pub enum Rejection {
    /// No key of its issuer has the name that it gives.
    #[error("the token names a key that its issuer does not have")]
    UnknownKey,
    /// It names an algorithm that is unknown, or not the one of the key that it names.
    #[error("the token's algorithm is not that of a trusted key")]
    AlgorithmNotAllowed,
    /// It was not signed with a trusted key, or was changed afterwards.
    #[error("the token's signature is wrong")]
    BadSignature,
    /// Its issuer's keys could not be fetched so far.
    #[error("the issuer's keys could not be fetched")]
    KeysUnavailable,
    /// It has more than 8 KiB.
    #[error("the token is longer than 8 KiB")]
    TooLong,
    /// It is no JWT in the compact form, or a claim that counts is not of its type.
    #[error("the token is malformed: {0}")]
    Malformed(&'static str),
    /// Its header says that it is something else than a token for access.
    #[error("the token is of another type: its typ is neither JWT nor at+jwt")]
    WrongType,
    /// Its header demands an extension (`crit`, `b64`), and this server knows none.
    #[error("the token demands an extension that this server does not know")]
    UnknownExtension,
    /// It names no issuer, or one that is not trusted.
    #[error("the token's issuer (iss) is not trusted")]
    WrongIssuer,
    /// It is meant for others.
    #[error("the token's audience (aud) is another")]
    WrongAudience,
    /// It would be valid for ever.
    #[error("the token has no end (exp)")]
    NoExpiry,
    /// Its time is over.
    #[error("the token has expired (exp)")]
    Expired,
    /// Its time has not come.
    #[error("the token is not valid yet (nbf)")]
    NotYetValid,
}

impl Rejection {
    /// Whether nothing is wrong with the token as far as anybody could tell.
    pub(in crate::service) fn is_our_fault(self) -> bool {
        self == Self::KeysUnavailable
    }

    /// Whether another key might say otherwise.
    pub(super) fn is_about_keys(self) -> bool {
        matches!(
            self,
            Self::UnknownKey
                | Self::AlgorithmNotAllowed
                | Self::BadSignature
                | Self::KeysUnavailable
        )
    }
}
