//! The proof that a call comes from this server, and is not an old one.

use std::fmt::Write as _;

use aws_lc_rs::hmac;

/// The name of its header.
pub(super) const HEADER: &str = "shardcast-signature";

/// `t=UNIX,v1=HEX`: HMAC-SHA-256 under `secret` of the time, a point and the body.
///
/// The time is signed with it, so that whoever records a call cannot send it again later. `v1` names
/// the scheme: another can be added beside it without breaking who checks this one.
pub(super) fn sign(secret: &[u8], unix_s: u64, body: &[u8]) -> String {
    let key = hmac::Key::new(hmac::HMAC_SHA256, secret);
    let mut context = hmac::Context::with_key(&key);
    context.update(unix_s.to_string().as_bytes());
    context.update(b".");
    context.update(body);
    let mut text = format!("t={unix_s},v1=");
    for byte in context.sign().as_ref() {
        write!(text, "{byte:02x}").expect("a String takes everything");
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn signature_is_what_openssl_says() {
        // printf '1763664000.{"type":"connected"}' | openssl dgst -sha256 -hmac whsec_test
        assert_eq!(
            sign(b"whsec_test", 1_763_664_000, br#"{"type":"connected"}"#),
            "t=1763664000,v1=b64c1e15aeb3cac35814888b76a62805753562cd01c7c92cb7493d4b2180b572"
        );
    }
}
