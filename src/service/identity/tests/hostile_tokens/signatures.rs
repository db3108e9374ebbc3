//! Signatures that are almost one.

use aws_lc_rs::signature::ECDSA_P256_SHA256_ASN1_SIGNING;

use super::super::super::testing::part;
use super::*;
use Rejection::BadSignature;

pub(super) fn rows(world: &World) -> Vec<Row> {
    [changed(world), of_ecdsa(world), of_rsa(world)].concat()
}

/// A token of each issuer, with its signature changed.
fn changed(world: &World) -> Vec<Row> {
    let ed_header = r#"{"alg":"EdDSA","kid":"ed-1"}"#;
    let tokens = [
        ("HS256", world.hs(HS_HEADER, &of(HS))),
        ("RS256", world.rs(RS_HEADER, &of(RS))),
        ("ES256", world.es(ES_HEADER, &of(ES))),
        (
            "EdDSA",
            world.ed25519.token(Algorithm::EdDsa, ed_header, &of(ED)),
        ),
    ];
    let mut rows = Vec::new();
    for (what, token) in tokens {
        let (signed, signature) = split(&token);
        let mut row = |class, signature: &[u8]| {
            rows.push((
                class,
                what,
                format!("{signed}.{}", part(signature)),
                BadSignature,
            ));
        };
        let (mut first, mut last) = (signature.clone(), signature.clone());
        first[0] ^= 0x80;
        *last.last_mut().unwrap() ^= 1;
        row("signature with another first bit", &first);
        row("signature with another last bit", &last);
        row("signature cut off", &signature[..signature.len() - 1]);
        row("signature cut in half", &signature[..signature.len() / 2]);
        row("signature without its beginning", &signature[1..]);
        row("signature of one byte", &signature[..1]);
        row(
            "signature with a byte more",
            &[signature.as_slice(), &[0]].concat(),
        );
        row(
            "signature with a byte in front",
            &[&[0], signature.as_slice()].concat(),
        );
        row("signature twice", &signature.repeat(2));
        row("signature of zeros", &vec![0; signature.len()]);

        let (header, payload) = signed.split_once('.').unwrap();
        let other = part(of_another(payload));
        let token = format!("{header}.{other}.{}", part(&signature));
        rows.push((
            "payload changed behind the signature",
            what,
            token,
            BadSignature,
        ));
    }
    // Header and payload hang together only by the dot between them.
    let header = r#"{"alg":"HS256","cty":"x"}"#;
    let (signed, _) = split(&world.hs(HS_HEADER, &of(HS)));
    let payload = signed.split_once('.').unwrap().1;
    let signature = part(world.secret.sign(Algorithm::Hs256, signed.as_bytes()));
    let token = format!("{}.{payload}.{signature}", part(header));
    rows.push((
        "header changed behind the signature",
        "HS256",
        token,
        BadSignature,
    ));
    rows
}

fn of_ecdsa(world: &World) -> Vec<Row> {
    let (signed, _) = split(&world.es(ES_HEADER, &of(ES)));
    let mut rows = Vec::new();
    let mut row = |what, signature: &[u8]| {
        let token = format!("{signed}.{}", part(signature));
        rows.push(("signature of ECDSA", what, token, BadSignature));
    };
    let message = signed.as_bytes();
    row(
        "in DER",
        &world
            .p256
            .sign_in_der(&ECDSA_P256_SHA256_ASN1_SIGNING, message),
    );
    row("of P-384", &world.p384.sign(Algorithm::Es384, message));
    row("of Ed25519", &world.ed25519.sign(Algorithm::EdDsa, message));
    row("of an HMAC", &world.secret.sign(Algorithm::Hs256, message));
    // CVE-2022-21449: zeros, or the order of the curve, which is a zero as well.
    const ORDER: [u8; 32] = [
        0xff, 0xff, 0xff, 0xff, 0, 0, 0, 0, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xbc,
        0xe6, 0xfa, 0xad, 0xa7, 0x17, 0x9e, 0x84, 0xf3, 0xb9, 0xca, 0xc2, 0xfc, 0x63, 0x25, 0x51,
    ];
    row("r and s zero", &[0; 64]);
    row("r and s the order", &[ORDER, ORDER].concat());
    let mut one = [0; 64];
    (one[31], one[63]) = (1, 1);
    row("r and s one", &one);
    rows
}

fn of_rsa(world: &World) -> Vec<Row> {
    let (signed, _) = split(&world.rs(RS_HEADER, &of(RS)));
    let mut one = vec![0; 256];
    one[255] = 1;
    [
        ("one", one),
        ("as large as can be", vec![0xff; 256]),
        (
            "of a stranger",
            world.stranger.sign(Algorithm::Rs256, signed.as_bytes()),
        ),
        (
            "with SHA-384",
            world.rsa.sign(Algorithm::Rs384, signed.as_bytes()),
        ),
        (
            "as PSS",
            world.rsa.sign(Algorithm::Ps256, signed.as_bytes()),
        ),
        (
            "of the payload alone",
            world.rsa.sign(Algorithm::Rs256, of(RS).as_bytes()),
        ),
    ]
    .map(|(what, signature)| {
        let token = format!("{signed}.{}", part(signature));
        ("signature of RSA", what, token, BadSignature)
    })
    .to_vec()
}

fn split(token: &str) -> (String, Vec<u8>) {
    use base64::Engine as _;
    let (signed, signature) = token.rsplit_once('.').unwrap();
    let signature = base64::engine::general_purpose::URL_SAFE_NO_PAD.decode(signature);
    (signed.to_owned(), signature.unwrap())
}

/// The same payload for another user.
fn of_another(payload: &str) -> String {
    use base64::Engine as _;
    let bytes = base64::engine::general_purpose::URL_SAFE_NO_PAD.decode(payload);
    String::from_utf8(bytes.unwrap())
        .unwrap()
        .replace("ada", "eve")
}
