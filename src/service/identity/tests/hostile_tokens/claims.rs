//! Signed by a trusted issuer, but not for now, not for us, or not by whom it says.

use super::*;
use Rejection::{Expired, Malformed, NoExpiry, NotYetValid, WrongAudience, WrongIssuer};

const NO_DATE: Rejection = Malformed("its exp or nbf is no number");
const NO_AUDIENCE: Rejection = Malformed("its aud is no text");

pub(super) fn rows(world: &World) -> Vec<Row> {
    [times(world), issuers(world), audiences(world), users(world)].concat()
}

fn times(world: &World) -> Vec<Row> {
    let mut rows = Vec::new();
    for (what, claims, rejection) in [
        ("long over", r#""exp":1000000000"#, Expired),
        (
            "over for as long as clocks may differ",
            r#""exp":1699999970"#,
            Expired,
        ),
        ("over, with a fraction", r#""exp":1699999969.5"#, Expired),
        ("over, in another form", r#""exp":1.0e9"#, Expired),
        ("zero", r#""exp":0"#, Expired),
        ("less than zero", r#""exp":-1700000600"#, Expired),
        ("hardly more than zero", r#""exp":1e-300"#, Expired),
        ("as low as can be", r#""exp":-9223372036854775808"#, Expired),
        ("missing", r#""sub":"ada""#, NoExpiry),
        ("text", r#""exp":"1700000600""#, NO_DATE),
        ("empty text", r#""exp":"""#, NO_DATE),
        ("null", r#""exp":null"#, NO_DATE),
        ("true", r#""exp":true"#, NO_DATE),
        ("list", r#""exp":[1700000600]"#, NO_DATE),
        ("object", r#""exp":{"$gt":0}"#, NO_DATE),
        (
            "beyond any number",
            r#""exp":1e999"#,
            Malformed("its payload is no JSON object"),
        ),
        (
            "not a number",
            r#""exp":NaN"#,
            Malformed("its payload is no JSON object"),
        ),
        ("in another claim's name", r#""EXP":1700000600"#, NoExpiry),
    ] {
        let payload = with(&format!(r#""aud":"api",{claims}"#));
        rows.push(("exp", what, world.hs(HS_HEADER, &payload), rejection));
    }
    for (what, nbf, rejection) in [
        ("in an hour", "1700003600", NotYetValid),
        (
            "just beyond what clocks may differ",
            "1700000030.001",
            NotYetValid,
        ),
        ("never", "1e300", NotYetValid),
        ("as late as can be", "18446744073709551615", NotYetValid),
        ("text", r#""1600000000""#, NO_DATE),
        ("null", "null", NO_DATE),
        ("list", "[]", NO_DATE),
    ] {
        let payload = with(&format!(r#""aud":"api","exp":1700009999,"nbf":{nbf}"#));
        rows.push(("nbf", what, world.hs(HS_HEADER, &payload), rejection));
    }
    rows
}

fn issuers(world: &World) -> Vec<Row> {
    const NO_ISSUER: Rejection = Malformed("its iss is no text");
    let mut rows = Vec::new();
    for (what, iss, rejection) in [
        ("missing", "", WrongIssuer),
        ("unknown", r#""iss":"https://evil.example","#, WrongIssuer),
        (
            "with a slash more",
            r#""iss":"https://hs.example/","#,
            WrongIssuer,
        ),
        (
            "in upper case",
            r#""iss":"https://HS.example","#,
            WrongIssuer,
        ),
        (
            "with a space",
            r#""iss":"https://hs.example ","#,
            WrongIssuer,
        ),
        (
            "that begins alike",
            r#""iss":"https://hs.example.evil.example","#,
            WrongIssuer,
        ),
        ("prefix", r#""iss":"https://hs","#, WrongIssuer),
        ("empty", r#""iss":"","#, WrongIssuer),
        ("list", r#""iss":["https://hs.example"],"#, NO_ISSUER),
        ("number", r#""iss":1,"#, NO_ISSUER),
        ("null", r#""iss":null,"#, NO_ISSUER),
        ("object", r#""iss":{"https://hs.example":1},"#, NO_ISSUER),
    ] {
        let payload = format!(r#"{{{iss}"aud":"api","exp":1700000600}}"#);
        rows.push(("iss", what, world.hs(HS_HEADER, &payload), rejection));
    }
    // An issuer that is trusted for its own users must not make tokens of another's.
    let header = r#"{"alg":"HS256"}"#;
    let borrowed = world.hs(header, &of(RS));
    rows.push((
        "iss",
        "of another's",
        borrowed,
        Rejection::AlgorithmNotAllowed,
    ));
    let borrowed = world.rs(RS_HEADER, &of(ES));
    rows.push((
        "iss",
        "of another's, with its own kid",
        borrowed,
        Rejection::UnknownKey,
    ));
    let borrowed = world
        .stranger
        .token(Algorithm::Rs256, r#"{"alg":"RS256"}"#, &of(RS));
    rows.push(("iss", "of a stranger", borrowed, Rejection::BadSignature));
    rows
}

fn audiences(world: &World) -> Vec<Row> {
    let mut rows = Vec::new();
    for (what, aud, rejection) in [
        ("missing", "", WrongAudience),
        ("other", r#""aud":"billing","#, WrongAudience),
        ("in upper case", r#""aud":"API","#, WrongAudience),
        ("prefix", r#""aud":"ap","#, WrongAudience),
        ("that begins alike", r#""aud":"api.evil","#, WrongAudience),
        (
            "several in one text",
            r#""aud":"api spare","#,
            WrongAudience,
        ),
        ("empty", r#""aud":"","#, WrongAudience),
        ("any", r#""aud":"*","#, WrongAudience),
        (
            "list of others",
            r#""aud":["billing","mail"],"#,
            WrongAudience,
        ),
        ("empty list", r#""aud":[],"#, WrongAudience),
        ("number", r#""aud":1,"#, NO_AUDIENCE),
        ("null", r#""aud":null,"#, NO_AUDIENCE),
        ("true", r#""aud":true,"#, NO_AUDIENCE),
        ("object", r#""aud":{"api":true},"#, NO_AUDIENCE),
        ("list with a number", r#""aud":["api",1],"#, NO_AUDIENCE),
        ("list in a list", r#""aud":[["api"]],"#, NO_AUDIENCE),
    ] {
        let payload = with(&format!(r#"{aud}"exp":1700000600"#));
        rows.push(("aud", what, world.hs(HS_HEADER, &payload), rejection));
    }
    rows
}

fn users(world: &World) -> Vec<Row> {
    const NO_USER: Rejection = Malformed("its claim of the user is no name");
    let mut rows = Vec::new();
    for (what, sub) in [
        ("empty", r#""""#),
        ("list", r#"["ada"]"#),
        ("object", r#"{"name":"ada"}"#),
        ("true", "true"),
        ("number with a fraction", "1.5"),
    ] {
        let payload = with(&format!(r#""aud":"api","exp":1700000600,"sub":{sub}"#));
        rows.push(("sub", what, world.hs(HS_HEADER, &payload), NO_USER));
    }
    rows
}
