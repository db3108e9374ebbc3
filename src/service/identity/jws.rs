//! The three parts of a token, before anything in it is believed.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Map, Value};

use super::algorithm::Algorithm;
use super::rejection::Rejection;
use super::strict_json::read_object;

/// Bytes of a token. A browser's cookie has at most 4 KiB and a request's head here 16 KiB; what is
/// longer is refused before anything is decoded.
pub(super) const TOKEN_BYTES_MAX: usize = 8 * 1024;

/// A JWS in the compact form. Source: RFC 7515, section 7.1.
pub(super) struct Jws<'t> {
    /// What the token says that it is signed with.
    pub(super) algorithm: Algorithm,
    /// The key that it names.
    pub(super) kid: Option<String>,
    /// What is signed: header and payload as they were sent.
    pub(super) signed: &'t [u8],
    pub(super) payload: Map<String, Value>,
    pub(super) signature: Vec<u8>,
}

impl<'t> Jws<'t> {
    pub(super) fn read(token: &'t str) -> Result<Self, Rejection> {
        if token.len() > TOKEN_BYTES_MAX {
            return Err(Rejection::TooLong);
        }
        let mut parts = token.split('.');
        let (Some(header), Some(payload), Some(signature), None) =
            (parts.next(), parts.next(), parts.next(), parts.next())
        else {
            return Err(Rejection::Malformed("it has not three parts"));
        };
        let signed = &token.as_bytes()[..header.len() + 1 + payload.len()];

        let header = read_object(&decode(header)?)
            .ok_or(Rejection::Malformed("its header is no JSON object"))?;
        let algorithm = text(&header, "alg")?.ok_or(Rejection::Malformed("it names no alg"))?;
        let algorithm = Algorithm::from_name(algorithm).ok_or(Rejection::AlgorithmNotAllowed)?;
        // An extension changes what the rest means (RFC 7515, section 4.1.11); RFC 7797's takes the
        // payload out of the encoding.
        if header.contains_key("crit") || header.get("b64").is_some_and(|b64| *b64 != true) {
            return Err(Rejection::UnknownExtension);
        }
        if !text(&header, "typ")?.is_none_or(is_token_type) {
            return Err(Rejection::WrongType);
        }
        let kid = text(&header, "kid")?.map(str::to_owned);

        let payload = read_object(&decode(payload)?)
            .ok_or(Rejection::Malformed("its payload is no JSON object"))?;
        let signature = decode(signature)?;
        if signature.is_empty() {
            return Err(Rejection::Malformed("it has no signature"));
        }
        Ok(Self {
            algorithm,
            kid,
            signed,
            payload,
            signature,
        })
    }
}

/// Without padding, line breaks or bits that say nothing, so that a token has one spelling.
fn decode(part: &str) -> Result<Vec<u8>, Rejection> {
    URL_SAFE_NO_PAD
        .decode(part)
        .map_err(|_| Rejection::Malformed("a part is not in base64url"))
}

fn text<'h>(header: &'h Map<String, Value>, name: &str) -> Result<Option<&'h str>, Rejection> {
    match header.get(name) {
        None => Ok(None),
        Some(Value::String(text)) => Ok(Some(text)),
        Some(_) => Err(Rejection::Malformed("a parameter of its header is no text")),
    }
}

/// A JWT, or one for access (RFC 9068). An issuer's other tokens are signed with the same keys: a logout
/// token or a security event must not let anybody in. Source: RFC 8725, section 3.11.
fn is_token_type(typ: &str) -> bool {
    let typ = typ.to_ascii_lowercase();
    matches!(
        typ.strip_prefix("application/").unwrap_or(&typ),
        "jwt" | "at+jwt"
    )
}
