//! The token chooses how it is checked: no signature at all, or a public key taken for a secret.

use aws_lc_rs::signature::KeyPair;

use super::super::super::testing::part;
use super::*;
use Rejection::{AlgorithmNotAllowed, BadSignature, Malformed};

pub(super) fn rows(world: &World) -> Vec<Row> {
    [nones(world), confusions(world)].concat()
}

fn nones(world: &World) -> Vec<Row> {
    const NO_TEXT: Rejection = Malformed("a parameter of its header is no text");
    let algs = [
        ("none", r#""none""#, AlgorithmNotAllowed),
        ("None", r#""None""#, AlgorithmNotAllowed),
        ("NONE", r#""NONE""#, AlgorithmNotAllowed),
        ("nOnE", r#""nOnE""#, AlgorithmNotAllowed),
        ("none, escaped", r#""n\u006fne""#, AlgorithmNotAllowed),
        ("empty", r#""""#, AlgorithmNotAllowed),
        ("lower case", r#""hs256""#, AlgorithmNotAllowed),
        ("with a space", r#""HS256 ""#, AlgorithmNotAllowed),
        ("with a NUL", r#""HS256\u0000""#, AlgorithmNotAllowed),
        ("unknown", r#""HS257""#, AlgorithmNotAllowed),
        ("RSA with SHA-1", r#""RS1""#, AlgorithmNotAllowed),
        ("of encryption", r#""dir""#, AlgorithmNotAllowed),
        ("null", "null", NO_TEXT),
        ("false", "false", NO_TEXT),
        ("number", "256", NO_TEXT),
        ("list", r#"["HS256"]"#, NO_TEXT),
    ];
    let mut rows = Vec::new();
    for (what, alg, rejection) in algs {
        let header = format!(r#"{{"alg":{alg},"typ":"JWT"}}"#);
        rows.push(("alg", what, world.hs(&header, &of(HS)), rejection));
    }
    for (what, alg) in [("none", "none"), ("NonE", "NonE"), ("HS256", "HS256")] {
        let header = format!(r#"{{"alg":"{alg}"}}"#);
        let token = format!("{}.{}.", part(header), part(of(HS)));
        let rejection = match alg {
            "HS256" => Malformed("it has no signature"),
            _ => AlgorithmNotAllowed,
        };
        rows.push(("alg without a signature", what, token, rejection));
    }
    let missing = world.hs(r#"{"typ":"JWT"}"#, &of(HS));
    rows.push(("alg", "missing", missing, Malformed("it names no alg")));
    rows
}

fn confusions(world: &World) -> Vec<Row> {
    const CLASS: &str = "confusion";
    let pem = world.rsa.pem();
    let Signer::Rsa(pair) = &world.rsa else {
        unreachable!("made above")
    };
    let pkcs1 = pair.public_key().as_ref();
    let der = world.rsa.der();
    let jwk = world.rsa.jwk("rsa-1").to_string();
    let mut rows = Vec::new();
    for (what, secret) in [
        ("public key in PEM as a secret", pem.as_bytes()),
        (
            "the same without its last line's end",
            pem.trim_end().as_bytes(),
        ),
        ("public key in DER as a secret", &der),
        ("public key of PKCS #1 as a secret", pkcs1),
        ("public JWK as a secret", jwk.as_bytes()),
    ] {
        let forger = Signer::Secret(secret.to_vec());
        for header in [r#"{"alg":"HS256"}"#, r#"{"alg":"HS256","kid":"rsa-1"}"#] {
            let token = forger.token(Algorithm::Hs256, header, &of(RS));
            rows.push((CLASS, what, token, AlgorithmNotAllowed));
        }
        // Said to be what the key is for, it is checked so and not as an HMAC.
        let token = forger.token(Algorithm::Hs256, RS_HEADER, &of(RS));
        rows.push((CLASS, what, token, BadSignature));
    }
    let es_as_384 = world.es(r#"{"alg":"ES384","kid":"es-256"}"#, &of(ES));
    let pss = |header| world.rsa.token(Algorithm::Ps256, header, &of(RS));
    let hs512 = r#"{"alg":"HS512"}"#;
    rows.extend([
        (
            CLASS,
            "RSA where a secret is trusted",
            world.rs(r#"{"alg":"RS256"}"#, &of(HS)),
            AlgorithmNotAllowed,
        ),
        (
            CLASS,
            "ES384 with the key of ES256",
            es_as_384,
            AlgorithmNotAllowed,
        ),
        (
            CLASS,
            "EdDSA with the key of ES256",
            world.es(r#"{"alg":"EdDSA","kid":"es-256"}"#, &of(ES)),
            AlgorithmNotAllowed,
        ),
        (
            CLASS,
            "PS256 with a key for RS256",
            pss(r#"{"alg":"PS256","kid":"rsa-1"}"#),
            AlgorithmNotAllowed,
        ),
        (CLASS, "PS256 that says RS256", pss(RS_HEADER), BadSignature),
        (
            CLASS,
            "RS384 with a key for RS256",
            world
                .rsa
                .token(Algorithm::Rs384, r#"{"alg":"RS384"}"#, &of(RS)),
            AlgorithmNotAllowed,
        ),
        (
            CLASS,
            "HS512 with a secret for HS256",
            world.secret.token(Algorithm::Hs512, hs512, &of(HS)),
            AlgorithmNotAllowed,
        ),
        (
            CLASS,
            "HS512 that says HS256",
            world.secret.token(Algorithm::Hs512, HS_HEADER, &of(HS)),
            BadSignature,
        ),
    ]);
    rows
}
