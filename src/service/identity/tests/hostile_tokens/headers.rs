//! The header leads to a key of the forger's, or says that the rest means something else.

use super::super::super::testing::part;
use super::*;
use Rejection::{BadSignature, Malformed, UnknownExtension, UnknownKey, WrongType};

const NO_TEXT: Rejection = Malformed("a parameter of its header is no text");

pub(super) fn rows(world: &World) -> Vec<Row> {
    [
        kids(world),
        keys_within(world),
        extensions(world),
        types(world),
    ]
    .concat()
}

fn kids(world: &World) -> Vec<Row> {
    let mut rows = Vec::new();
    let nothing = Signer::Secret(Vec::new());
    for (what, kid, rejection) in [
        (
            "path to an empty file",
            r#""../../../../../dev/null""#,
            UnknownKey,
        ),
        ("path to the key", r#""/etc/shardcast/rsa-1""#, UnknownKey),
        ("SQL", r#""x' UNION SELECT 'secret' --""#, UnknownKey),
        ("shell", r#""$(id)|rsa-1;""#, UnknownKey),
        ("URL", r#""https://evil.example/key""#, UnknownKey),
        ("empty", r#""""#, UnknownKey),
        ("cut by a NUL", r#""rsa-1\u0000""#, UnknownKey),
        ("upper case", r#""RSA-1""#, UnknownKey),
        ("prefix", r#""rsa""#, UnknownKey),
        ("of another issuer", r#""es-256""#, UnknownKey),
        ("number", "1", NO_TEXT),
        ("null", "null", NO_TEXT),
        ("list", r#"["rsa-1"]"#, NO_TEXT),
        ("object", r#"{"$ne":""}"#, NO_TEXT),
    ] {
        let header = format!(r#"{{"alg":"RS256","kid":{kid}}}"#);
        rows.push(("kid", what, world.rs(&header, &of(RS)), rejection));
        let header = format!(r#"{{"alg":"HS256","kid":{kid}}}"#);
        let forged = nothing.token(Algorithm::Hs256, &header, &of(RS));
        rows.push(("kid, with an empty secret", what, forged, rejection));
    }
    let stolen = world.stranger.token(Algorithm::Rs256, RS_HEADER, &of(RS));
    rows.push((
        "kid",
        "right, and another's signature",
        stolen,
        BadSignature,
    ));
    rows
}

/// Signed with a key that the token brings along, or says where to get.
fn keys_within(world: &World) -> Vec<Row> {
    let jwk = world.stranger.jwk("mine");
    let der = world
        .stranger
        .pem()
        .lines()
        .filter(|line| !line.starts_with('-'))
        .collect::<String>();
    let mut rows = Vec::new();
    for (what, parameter) in [
        ("jwk", format!(r#""jwk":{jwk}"#)),
        ("jku", r#""jku":"http://127.0.0.1:1/jwks.json""#.to_owned()),
        (
            "jku that begins like the issuer",
            format!(r#""jku":"{RS}@evil.example/jwks""#),
        ),
        ("x5u", r#""x5u":"http://127.0.0.1:1/cert.pem""#.to_owned()),
        ("x5c", format!(r#""x5c":["{der}"]"#)),
        ("x5t", r#""x5t":"bWluZQ""#.to_owned()),
    ] {
        for (kid, rejection) in [
            ("", BadSignature),
            (r#","kid":"rsa-1""#, BadSignature),
            (r#","kid":"mine""#, UnknownKey),
        ] {
            let header = format!(r#"{{"alg":"RS256",{parameter}{kid}}}"#);
            let token = world.stranger.token(Algorithm::Rs256, &header, &of(RS));
            rows.push(("key in the header", what, token, rejection));
        }
    }
    rows
}

fn extensions(world: &World) -> Vec<Row> {
    let mut rows = Vec::new();
    for (what, parameters) in [
        ("crit of something unknown", r#""crit":["ours"],"ours":1"#),
        ("crit of a claim", r#""crit":["exp"]"#),
        ("empty crit", r#""crit":[]"#),
        ("crit that is null", r#""crit":null"#),
        ("crit that is a text", r#""crit":"b64""#),
        ("b64 as RFC 7797 has it", r#""b64":false,"crit":["b64"]"#),
        ("b64 true with crit", r#""b64":true,"crit":["b64"]"#),
        ("b64 false without crit", r#""b64":false"#),
        ("b64 as a text", r#""b64":"true""#),
        ("b64 as a number", r#""b64":0"#),
        ("b64 null", r#""b64":null"#),
    ] {
        let header = format!(r#"{{"alg":"HS256",{parameters}}}"#);
        rows.push((
            "extension",
            what,
            world.hs(&header, &of(HS)),
            UnknownExtension,
        ));
    }
    // As RFC 7797 would send it: the payload stands there as it is.
    let header = part(r#"{"alg":"HS256","b64":false,"crit":["b64"]}"#);
    let signed = format!("{header}.{}", of(HS).replace('.', " "));
    let signature = part(world.secret.sign(Algorithm::Hs256, signed.as_bytes()));
    let bare = format!("{signed}.{signature}");
    rows.push((
        "extension",
        "payload that is not encoded",
        bare,
        UnknownExtension,
    ));
    rows
}

fn types(world: &World) -> Vec<Row> {
    let mut rows = Vec::new();
    for (what, typ, rejection) in [
        ("logout token", r#""logout+jwt""#, WrongType),
        ("security event", r#""secevent+jwt""#, WrongType),
        ("proof of possession", r#""dpop+jwt""#, WrongType),
        ("encrypted", r#""JWE""#, WrongType),
        ("empty", r#""""#, WrongType),
        ("of XML", r#""application/jwt+xml""#, WrongType),
        ("with a space", r#""JWT ""#, WrongType),
        ("number", "1", NO_TEXT),
        ("null", "null", NO_TEXT),
    ] {
        let header = format!(r#"{{"alg":"HS256","typ":{typ}}}"#);
        rows.push(("typ", what, world.hs(&header, &of(HS)), rejection));
    }
    rows
}
