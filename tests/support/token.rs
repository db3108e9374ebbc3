//! Tokens as an issuer makes them (RFC 7519), and where servers under test find the secret.

use std::time::{SystemTime, UNIX_EPOCH};

use aws_lc_rs::hmac;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};

const SECRET: &str = include_str!("token.secret");

/// The flag of a server that believes these tokens.
pub(crate) const KEY_FLAG: &str = concat!(
    "--jwt-key=secret=",
    env!("CARGO_MANIFEST_DIR"),
    "/tests/support/token.secret"
);

/// A token with these claims beside its end, `lives_s` from now.
pub(crate) fn token(claims: Value, lives_s: i64) -> String {
    let now = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .expect("after 1970");
    let mut claims = claims;
    claims["exp"] = json!(now.as_secs() as i64 + lives_s);
    let encode = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
    let signed = format!(
        "{}.{}",
        encode(&json!({"alg": "HS256", "typ": "JWT"})),
        encode(&claims)
    );
    let key = hmac::Key::new(hmac::HMAC_SHA256, SECRET.trim_end().as_bytes());
    let signature = hmac::sign(&key, signed.as_bytes());
    format!("{signed}.{}", URL_SAFE_NO_PAD.encode(signature))
}

/// A token of a user, good for an hour.
pub(crate) fn token_of(user: &str) -> String {
    token(json!({"sub": user}), 3_600)
}
