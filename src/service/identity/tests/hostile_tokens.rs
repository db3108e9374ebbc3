//! Tokens that must not let anybody in, by class, each with the reason for which it is refused.

mod algorithms;
mod claims;
mod encoding;
mod headers;
mod signatures;

use std::collections::BTreeMap;

use super::super::testing::{NOW_MS, SECRET, Signer, keys_of, trusting, verifier};
use super::super::*;

/// A class, what the token is, the token, and why it is refused.
type Row = (&'static str, &'static str, String, Rejection);

/// Of issuers that sign in four ways.
const HS: &str = "https://hs.example";
const RS: &str = "https://rs.example";
const ES: &str = "https://es.example";
const ED: &str = "https://ed.example";

/// Of a token that is in order but for what a row changes.
const HS_HEADER: &str = r#"{"alg":"HS256","typ":"JWT"}"#;
const RS_HEADER: &str = r#"{"alg":"RS256","kid":"rsa-1"}"#;
const ES_HEADER: &str = r#"{"alg":"ES256","kid":"es-256"}"#;

struct World {
    secret: Signer,
    rsa: Signer,
    p256: Signer,
    p384: Signer,
    ed25519: Signer,
    /// Nobody trusts it.
    stranger: Signer,
}

impl World {
    fn new() -> Self {
        Self {
            secret: Signer::secret(),
            rsa: Signer::rsa(),
            p256: Signer::p256(),
            p384: Signer::p384(),
            ed25519: Signer::ed25519(),
            stranger: Signer::rsa(),
        }
    }

    fn config(&self) -> AuthConfig {
        trusting(vec![
            keys_of(HS, vec![self.secret.key(Algorithm::Hs256, None)]),
            keys_of(RS, vec![self.rsa.key(Algorithm::Rs256, Some("rsa-1"))]),
            keys_of(
                ES,
                vec![
                    self.p256.key(Algorithm::Es256, Some("es-256")),
                    self.p384.key(Algorithm::Es384, Some("es-384")),
                ],
            ),
            keys_of(ED, vec![self.ed25519.key(Algorithm::EdDsa, Some("ed-1"))]),
        ])
    }

    fn hs(&self, header: &str, payload: &str) -> String {
        self.secret.token(Algorithm::Hs256, header, payload)
    }

    fn rs(&self, header: &str, payload: &str) -> String {
        self.rsa.token(Algorithm::Rs256, header, payload)
    }

    fn es(&self, header: &str, payload: &str) -> String {
        self.p256.token(Algorithm::Es256, header, payload)
    }
}

/// A payload that is in order.
fn of(issuer: &str) -> String {
    format!(r#"{{"iss":"{issuer}","aud":"api","sub":"ada","exp":1700000600}}"#)
}

/// One of the first issuer, with other claims than `iss`.
fn with(claims: &str) -> String {
    format!(r#"{{"iss":"{HS}",{claims}}}"#)
}

#[tokio::test]
async fn every_hostile_token_is_refused_for_its_own_reason() {
    let world = World::new();
    let verifier = verifier(&world.config());
    let rows: Vec<Row> = [
        algorithms::rows(&world),
        headers::rows(&world),
        claims::rows(&world),
        encoding::rows(&world),
        signatures::rows(&world),
    ]
    .concat();

    let mut wrong = Vec::new();
    let mut of_class: BTreeMap<&str, usize> = BTreeMap::new();
    for (class, what, token, expected) in &rows {
        *of_class.entry(class).or_default() += 1;
        let verdict = verifier.verify(token, NOW_MS).await;
        if !matches!(&verdict, Err(rejection) if rejection == expected) {
            wrong.push(format!("{class}: {what}: {verdict:?} and not {expected:?}"));
        }
    }
    println!("{} hostile tokens: {of_class:?}", rows.len());
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert!(rows.len() >= 60, "{}", rows.len());
}

/// Without this the table could be full of tokens that are refused for something else.
#[tokio::test]
async fn token_in_order_is_taken_from_each_issuer() {
    let world = World::new();
    let verifier = verifier(&world.config());
    let es384_header = r#"{"alg":"ES384","kid":"es-384"}"#;
    let ed_header = r#"{"alg":"EdDSA","kid":"ed-1"}"#;
    for token in [
        world.hs(HS_HEADER, &of(HS)),
        world.rs(RS_HEADER, &of(RS)),
        world.es(ES_HEADER, &of(ES)),
        world.p384.token(Algorithm::Es384, es384_header, &of(ES)),
        world.ed25519.token(Algorithm::EdDsa, ed_header, &of(ED)),
    ] {
        let identity = verifier.verify(&token, NOW_MS).await.unwrap();
        assert_eq!(identity.user.as_deref(), Some("ada"));
    }
}

/// What a client is refused for stands in the log, so it may tell nothing of what the client sent.
#[tokio::test]
async fn no_rejection_tells_anything_of_the_token() {
    let world = World::new();
    let verifier = verifier(&world.config());
    let header = r#"{"alg":"HS256","kid":"needle","typ":"needle","needle":1}"#;
    let payload = with(r#""aud":"needle","sub":"needle","exp":"needle""#);
    for token in [
        world.hs(header, &payload),
        world.hs(HS_HEADER, &payload),
        world.hs(r#"{"alg":"needle"}"#, &payload),
        world.hs(HS_HEADER, &with(r#""aud":"needle","exp":1"#)),
        format!("needle.{}", world.hs(HS_HEADER, &of(HS))),
    ] {
        let rejection = verifier.verify(&token, NOW_MS).await.unwrap_err();
        for told in [format!("{rejection}"), format!("{rejection:?}")] {
            assert!(!told.contains("needle"), "{told}");
        }
    }
    assert!(!format!("{:?}", world.config()).contains(str::from_utf8(SECRET).unwrap()));
}
