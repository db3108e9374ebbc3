//! Two readers could see two tokens, or one that is none: spellings of base64 and of JSON.

use super::super::super::testing::part;
use super::*;
use Rejection::{Malformed, TooLong};

const PARTS: Rejection = Malformed("it has not three parts");
const BASE64: Rejection = Malformed("a part is not in base64url");
const HEADER: Rejection = Malformed("its header is no JSON object");
const PAYLOAD: Rejection = Malformed("its payload is no JSON object");

pub(super) fn rows(world: &World) -> Vec<Row> {
    [
        parts(world),
        base64(world),
        sizes(world),
        headers(world),
        payloads(world),
    ]
    .concat()
}

fn parts(world: &World) -> Vec<Row> {
    let good = world.hs(HS_HEADER, &of(HS));
    let (signed, signature) = good.rsplit_once('.').unwrap();
    let (header, payload) = signed.split_once('.').unwrap();
    [
        ("none", String::new(), PARTS),
        ("one", header.to_owned(), PARTS),
        ("two", signed.to_owned(), PARTS),
        ("four", format!("{good}.{signature}"), PARTS),
        (
            "five, as if encrypted",
            format!("{good}.{header}.{payload}"),
            PARTS,
        ),
        ("a dot behind", format!("{good}."), PARTS),
        ("a dot in front", format!(".{good}"), PARTS),
        ("dots alone", "..".to_owned(), HEADER),
        ("empty header", format!(".{payload}.{signature}"), HEADER),
        ("empty payload", format!("{header}..{signature}"), PAYLOAD),
        (
            "the JSON form",
            format!(r#"{{"payload":"{payload}","signature":"{signature}"}}"#),
            PARTS,
        ),
        ("other dots", good.replace('.', "\u{2024}"), PARTS),
    ]
    .map(|(what, token, rejection)| ("parts", what, token, rejection))
    .to_vec()
}

/// The same bytes, written otherwise. Signed as written, so that it is the spelling that is refused.
fn base64(world: &World) -> Vec<Row> {
    let sign = |header: &str, payload: &str| {
        let signed = format!("{header}.{payload}");
        let signature = part(world.secret.sign(Algorithm::Hs256, signed.as_bytes()));
        format!("{signed}.{signature}")
    };
    let good = world.hs(HS_HEADER, &of(HS));
    // 20 characters, so that it would end in padding; the claim makes `-` and `_` appear.
    let header = part(r#"{"alg":"HS256" }"#);
    let payload = part(with(r#""aud":"api","exp":1700000600,"x":"???~~~>>>""#));
    assert!(!header.len().is_multiple_of(4) && payload.contains(['-', '_']));
    let standard = payload.replace('-', "+").replace('_', "/");
    let unused_bits = {
        let mut bytes = good.clone().into_bytes();
        let last = bytes.last_mut().unwrap();
        // The last of 43 characters for 32 bytes carries four bits: another one carries the same.
        let alphabet = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
        let value = alphabet.iter().position(|c| c == last).unwrap();
        *last = alphabet[value + 1];
        String::from_utf8(bytes).unwrap()
    };
    [
        (
            "padding behind the header",
            sign(&format!("{header}=="), &payload),
        ),
        (
            "padding behind the payload",
            sign(&header, &format!("{payload}=")),
        ),
        ("padding behind the signature", format!("{good}=")),
        ("standard alphabet", sign(&header, &standard)),
        (
            "line break within",
            sign(&header, &format!("{}\n{}", &payload[..8], &payload[8..])),
        ),
        ("line break behind", format!("{good}\n")),
        ("space in front", format!(" {good}")),
        ("tab behind", format!("{good}\t")),
        ("NUL behind", format!("{good}\0")),
        ("scheme in front", format!("Bearer {good}")),
        ("quotes around", format!("\"{good}\"")),
        ("percent signs", good.replace('J', "%4A")),
        ("bits that say nothing", unused_bits),
        (
            "a character too few",
            format!("{}.{payload}.{header}", &header[..header.len() - 1]),
        ),
        ("beyond ASCII", format!("\u{ff45}{good}")),
    ]
    .map(|(what, token)| ("base64", what, token, BASE64))
    .to_vec()
}

fn sizes(world: &World) -> Vec<Row> {
    let padded = |bytes: usize| {
        let claims = format!(
            r#""aud":"api","exp":1700000600,"x":"{}""#,
            "x".repeat(bytes)
        );
        world.hs(HS_HEADER, &with(&claims))
    };
    // The longest that is short enough is among the good ones.
    let just_too_long = (6000..)
        .map(padded)
        .find(|token| token.len() > 8192)
        .unwrap();
    let deep = |levels: usize| format!("{}{}", "[".repeat(levels), "]".repeat(levels));
    let deep_header = format!(r#"{{"alg":"HS256","x":{}}}"#, deep(1000));
    let deep_payload = with(&format!(r#""x":{}"#, deep(1000)));
    vec![
        ("size", "just too long", just_too_long, TooLong),
        ("size", "a megabyte", padded(1 << 20), TooLong),
        ("size", "a megabyte of dots", ".".repeat(1 << 20), TooLong),
        ("size", "8 KiB of dots", ".".repeat(8192), PARTS),
        (
            "size",
            "deep header",
            world.hs(&deep_header, &of(HS)),
            HEADER,
        ),
        (
            "size",
            "deep payload",
            world.hs(HS_HEADER, &deep_payload),
            PAYLOAD,
        ),
    ]
}

fn headers(world: &World) -> Vec<Row> {
    let mut rows = Vec::new();
    for (what, header) in [
        ("alg twice", r#"{"alg":"none","alg":"HS256"}"#),
        ("alg twice, escaped", r#"{"\u0061lg":"none","alg":"HS256"}"#),
        ("kid twice", r#"{"alg":"HS256","kid":"a","kid":"b"}"#),
        (
            "a name twice, deep down",
            r#"{"alg":"HS256","x":[{"y":1,"y":2}]}"#,
        ),
        ("list", r#"["HS256"]"#),
        ("text", r#""HS256""#),
        ("null", "null"),
        ("something behind", r#"{"alg":"HS256"}{"alg":"none"}"#),
        ("something in front", "\u{feff}{\"alg\":\"HS256\"}"),
        ("comma too many", r#"{"alg":"HS256",}"#),
        ("single quotes", "{'alg':'HS256'}"),
        ("comment", r#"{"alg":"HS256"/**/}"#),
        ("cut off", r#"{"alg":"HS256""#),
    ] {
        rows.push(("header", what, world.hs(header, &of(HS)), HEADER));
    }
    let not_utf8 = signed_bytes(
        world,
        b"{\"alg\":\"HS256\",\"x\":\"\xff\"}",
        of(HS).as_bytes(),
    );
    rows.push(("header", "not UTF-8", not_utf8, HEADER));
    rows
}

fn payloads(world: &World) -> Vec<Row> {
    let mut rows = Vec::new();
    for (what, payload) in [
        ("exp twice", with(r#""aud":"api","exp":1,"exp":1700000600"#)),
        (
            "iss twice",
            with(&format!(r#""iss":"{RS}","aud":"api","exp":1700000600"#)),
        ),
        (
            "sub twice",
            with(r#""aud":"api","exp":1700000600,"sub":"ada","sub":"root""#),
        ),
        (
            "sub twice, escaped",
            with(r#""exp":1700000600,"sub":"ada","s\u0075b":"root""#),
        ),
        (
            "a name twice, deep down",
            with(r#""exp":1700000600,"org":{"id":1,"id":2}"#),
        ),
        ("list", format!("[{}]", of(HS))),
        ("text", r#""ada""#.to_owned()),
        ("null", "null".to_owned()),
        ("number", "1700000600".to_owned()),
        ("another token", world.hs(HS_HEADER, &of(HS))),
        ("something behind", format!("{} x", of(HS))),
        ("NUL behind", format!("{}\0", of(HS))),
        (
            "half a character",
            with(r#""aud":"api","exp":1700000600,"sub":"\ud800""#),
        ),
        (
            "number with a zero in front",
            with(r#""aud":"api","exp":01700000600"#),
        ),
    ] {
        rows.push(("payload", what, world.hs(HS_HEADER, &payload), PAYLOAD));
    }
    let not_utf8 = signed_bytes(world, HS_HEADER.as_bytes(), b"{\"sub\":\"\xc3\x28\"}");
    rows.push(("payload", "not UTF-8", not_utf8, PAYLOAD));
    let overlong = signed_bytes(world, HS_HEADER.as_bytes(), b"{\"sub\":\"\xc0\xae\"}");
    rows.push(("payload", "UTF-8 longer than it must be", overlong, PAYLOAD));
    rows
}

fn signed_bytes(world: &World, header: &[u8], payload: &[u8]) -> String {
    let signed = format!("{}.{}", part(header), part(payload));
    let signature = part(world.secret.sign(Algorithm::Hs256, signed.as_bytes()));
    format!("{signed}.{signature}")
}
