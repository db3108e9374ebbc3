//! Tokens that are to be believed, and what they are believed to say.

use std::time::Duration;

use serde_json::json;

use super::super::testing::{NOW_MS, NOW_S, Signer, keys_of, trusting, verifier};
use super::super::*;
use crate::engine::identity::Identity;
use crate::service::outbound::test_server::{TestServer, answer};

const ISSUER: &str = "https://issuer.example";

const HEADER: &str = r#"{"alg":"HS256"}"#;

fn payload(claims: &str) -> String {
    format!(r#"{{"iss":"{ISSUER}","aud":"api",{claims}}}"#)
}

fn in_order() -> String {
    payload(r#""sub":"ada","exp":1700000600"#)
}

fn trusting_secret() -> AuthConfig {
    let key = Signer::secret().key(Algorithm::Hs256, None);
    trusting(vec![keys_of(ISSUER, vec![key])])
}

async fn judge(config: &AuthConfig, header: &str, payload: &str) -> Result<Identity, Rejection> {
    let token = Signer::secret().token(Algorithm::Hs256, header, payload);
    verifier(config).verify(&token, NOW_MS).await
}

#[tokio::test]
async fn every_algorithm_is_checked_with_keys_of_every_form() {
    let (secret, rsa, ed25519) = (Signer::secret(), Signer::rsa(), Signer::ed25519());
    let (p256, p384) = (Signer::p256(), Signer::p384());
    for algorithm in Algorithm::ALL {
        let signer = match algorithm {
            Algorithm::Hs256 | Algorithm::Hs384 | Algorithm::Hs512 => &secret,
            Algorithm::Es256 => &p256,
            Algorithm::Es384 => &p384,
            Algorithm::EdDsa => &ed25519,
            _ => &rsa,
        };
        let header = format!(r#"{{"alg":"{algorithm}","kid":"k","typ":"JWT"}}"#);
        let token = signer.token(algorithm, &header, &in_order());

        let mut jwk = signer.jwk("k");
        jwk["alg"] = json!(algorithm.name());
        let jwks = json!({ "keys": [jwk] }).to_string();
        let of_jwks = read_jwks(jwks.as_bytes(), None, true).unwrap();
        for keys in [vec![signer.key(algorithm, Some("k"))], of_jwks] {
            let verifier = verifier(&trusting(vec![keys_of(ISSUER, keys)]));
            let identity = verifier.verify(&token, NOW_MS).await;
            let identity = identity.unwrap_or_else(|error| panic!("{algorithm}: {error}"));
            assert_eq!(identity.user.as_deref(), Some("ada"));
        }
    }
}

/// Keys and tokens that others made: RFC 7515, appendices A.1 to A.3.
#[tokio::test]
async fn tokens_of_the_standard_are_believed() {
    const PAYLOAD: &str = "eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9p\
         c19yb290Ijp0cnVlfQ";
    let a1 = (
        json!({ "kty": "oct", "k": "AyM1SysPpbyDfgZld3umj1qzKObwVMkoqQ-EstJQLr_T-1qS0gZH75aKtMN3Yj0iPS4hcgUuTw\
             jAzZr1Z9CAow" }),
        "eyJ0eXAiOiJKV1QiLA0KICJhbGciOiJIUzI1NiJ9",
        "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk",
    );
    let a2 = (
        json!({ "kty": "RSA", "e": "AQAB", "n": "ofgWCuLjybRlzo0tZWJjNiuSfb4p4fAkd_wWJcyQoTbji9k0l8W26mPddxHmf\
             HQp-Vaw-4qPCJrcS2mJPMEzP1Pt0Bm4d4QlL-yRT-SFd2lZS-pCgNMsD1W_YpRPEwOWvG6b32690r2jZ47soMZo9wGzjb_7OMg0\
             LOL-bSf63kpaSHSXndS5z5rexMdbBYUsLA9e-KXBdQOS-UTo7WTBEMa2R2CapHg665xsmtdVMTBQY4uDZlxvb3qCo5ZwKh9kG4L\
             T6_I5IhlJH7aGhyxXFvUK-DWNmoudF8NAco9_h9iaGNj8q2ethFkMLs91kzk2PAcDTW9gb54h4FRWyuXpoQ" }),
        "eyJhbGciOiJSUzI1NiJ9",
        "cC4hiUPoj9Eetdgtv3hF80EGrhuB__dzERat0XF9g2VtQgr9PJbu3XOiZj5RZmh7AAuHIm4Bh-0Qc_lF5YKt_O8W2Fp5jujGbds9u\
         JdbF9CUAr7t1dnZcAcQjbKBYNX4BAynRFdiuB--f_nZLgrnbyTyWzO75vRK5h6xBArLIARNPvkSjtQBMHlb1L07Qe7K0GarZRmB_e\
         SN9383LcOLn6_dO--xi12jzDwusC-eOkHWEsqtFZESc6BfI7noOPqvhJ1phCnvWh6IeYI2w9QOYEUipUTI8np6LbgGY9Fs98rqVt5\
         AXLIhWkWywlVmtVrBp0igcN_IoypGlUPQGe77Rw",
    );
    let a3 = (
        json!({ "kty": "EC", "crv": "P-256", "x": "f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU",
            "y": "x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0" }),
        "eyJhbGciOiJFUzI1NiJ9",
        "DtEhU3ljbEg8L38VWAfUAqOyKAM6-Xx-F4GawxaepmXFCgfTjDxw5djxLa8ISlSApmWQxfKTUJqPP3-Kg6NU1Q",
    );
    for (jwk, header, signature) in [a1, a2, a3] {
        let jwks = json!({ "keys": [jwk] }).to_string();
        let mut trusted = keys_of("joe", read_jwks(jwks.as_bytes(), None, true).unwrap());
        trusted.audience = Audience::None;
        let token = format!("{header}.{PAYLOAD}.{signature}");
        let verifier = verifier(&trusting(vec![trusted]));
        let identity = verifier.verify(&token, 1_300_819_379_000).await.unwrap();
        assert_eq!(identity.claims["http://example.com/is_root"], true);
        let late = verifier.verify(&token, 1_300_819_380_000 + 30_000).await;
        assert_eq!(late.unwrap_err(), Rejection::Expired);
    }
}

#[tokio::test]
async fn odd_tokens_that_are_in_order_are_believed() {
    let config = trusting_secret();
    let exp = r#""exp":1700000600"#;
    for (what, header, claims) in [
        (
            "over, but within what clocks may differ",
            HEADER,
            r#""exp":1699999971"#.to_owned(),
        ),
        (
            "end with a fraction",
            HEADER,
            r#""exp":1700000000.25"#.to_owned(),
        ),
        (
            "end in another form",
            HEADER,
            r#""exp":1.7000006e9"#.to_owned(),
        ),
        ("end beyond any date", HEADER, r#""exp":1e300"#.to_owned()),
        (
            "not before what clocks may differ",
            HEADER,
            format!(r#"{exp},"nbf":1700000030"#),
        ),
        ("not before 1970", HEADER, format!(r#"{exp},"nbf":-1"#)),
        (
            "type in lower case",
            r#"{"alg":"HS256","typ":"jwt"}"#,
            exp.to_owned(),
        ),
        (
            "type of RFC 9068",
            r#"{"alg":"HS256","typ":"at+jwt"}"#,
            exp.to_owned(),
        ),
        (
            "type in full",
            r#"{"alg":"HS256","typ":"application/at+jwt"}"#,
            exp.to_owned(),
        ),
        (
            "kid for a key without a name",
            r#"{"alg":"HS256","kid":"7"}"#,
            exp.to_owned(),
        ),
        (
            "b64 as it is anyway",
            r#"{"alg":"HS256","b64":true}"#,
            exp.to_owned(),
        ),
        (
            "white space",
            " {\r\n \"alg\" : \"HS256\" }\n",
            exp.to_owned(),
        ),
        (
            "names beyond ASCII",
            HEADER,
            format!(r#"{exp},"sub":"\u00e5sa \ud83d\ude00""#),
        ),
    ] {
        let verdict = judge(&config, header, &payload(&claims)).await;
        assert!(verdict.is_ok(), "{what}: {verdict:?}");
    }
    let list = format!(r#"{{"iss":"{ISSUER}","aud":["billing","spare"],{exp}}}"#);
    assert!(judge(&config, HEADER, &list).await.is_ok());
    let padded = |n: usize| {
        let claims = payload(&format!(r#"{exp},"x":"{}""#, "x".repeat(n)));
        Signer::secret().token(Algorithm::Hs256, HEADER, &claims)
    };
    let longest = (5900..6100)
        .map(padded)
        .rfind(|token| token.len() <= 8192)
        .unwrap();
    assert!(longest.len() > 8189 && verifier(&config).verify(&longest, NOW_MS).await.is_ok());
}

#[tokio::test]
async fn identity_says_what_the_token_said_and_ends_when_it_is_not_taken_any_more() {
    let claims = payload(r#""sub":"ada","exp":1700000600,"org":{"id":7},"channels":["a","b"]"#);
    let config = trusting_secret();
    let token = Signer::secret().token(Algorithm::Hs256, HEADER, &claims);
    let verifier = verifier(&config);
    let identity = verifier.verify(&token, NOW_MS).await.unwrap();
    assert_eq!(identity.claim("/org/id"), Some(&json!(7)));
    assert_eq!(identity.claim("/channels/1"), Some(&json!("b")));

    let end = identity.expires_unix_ms.unwrap();
    assert_eq!(end, (NOW_S + 600 + 30) * 1000);
    assert!(verifier.verify(&token, end - 1).await.is_ok());
    assert_eq!(
        verifier.verify(&token, end).await.unwrap_err(),
        Rejection::Expired
    );
}

#[tokio::test]
async fn user_is_where_the_operator_says() {
    for (claim, claims, user) in [
        ("sub", r#""sub":"ada""#, Some("ada")),
        ("sub", r#""sub":42"#, Some("42")),
        ("sub", r#""x":1"#, None),
        ("sub", r#""sub":null"#, None),
        ("/user/id", r#""user":{"id":"ada"}"#, Some("ada")),
        ("/user/id", r#""user":"ada""#, None),
        ("/users/1", r#""users":["ada","eve"]"#, Some("eve")),
        ("/a~1b~0c", r#""a/b~c":"ada""#, Some("ada")),
        (
            "https://example.com/user",
            r#""https://example.com/user":"ada""#,
            Some("ada"),
        ),
        ("user~id", r#""user~id":"ada""#, Some("ada")),
    ] {
        let mut config = trusting_secret();
        config.user_claim = UserClaim::parse(claim).unwrap();
        let payload = payload(&format!(r#"{claims},"exp":1700000600"#));
        let identity = judge(&config, HEADER, &payload).await.unwrap();
        assert_eq!(identity.user.as_deref(), user, "{claim} in {claims}");
    }
    for wrong in ["", "/a~", "/a~2b"] {
        assert_eq!(UserClaim::parse(wrong), None, "{wrong}");
    }
}

#[tokio::test]
async fn what_is_not_demanded_need_not_be_there() {
    let trusted = |change: fn(&mut TrustedKeys)| {
        let mut config = trusting_secret();
        change(&mut config.trusted[0]);
        config
    };
    let any_issuer = trusted(|keys| keys.issuer = None);
    let no_audience = trusted(|keys| keys.audience = Audience::None);
    let any_audience = trusted(|keys| keys.audience = Audience::Any);
    let no_end = trusted(|keys| keys.expiry_required = false);

    let [exp, iss, aud] = [
        r#""exp":1700000600"#.to_owned(),
        format!(r#""iss":"{ISSUER}""#),
        r#""aud":"billing""#.to_owned(),
    ];
    for (config, payload, expected) in [
        (&any_issuer, format!(r#"{{{exp},"aud":"api"}}"#), Ok(())),
        (
            &any_issuer,
            format!(r#"{{{exp},"aud":"api","iss":"x"}}"#),
            Ok(()),
        ),
        (&no_audience, format!("{{{exp},{iss}}}"), Ok(())),
        (
            &no_audience,
            format!("{{{exp},{iss},{aud}}}"),
            Err(Rejection::WrongAudience),
        ),
        (&any_audience, format!("{{{exp},{iss}}}"), Ok(())),
        (&any_audience, format!("{{{exp},{iss},{aud}}}"), Ok(())),
        (&no_end, payload(r#""sub":"ada""#), Ok(())),
        (&no_end, payload(r#""exp":1"#), Err(Rejection::Expired)),
    ] {
        let verdict = judge(config, HEADER, &payload).await.map(|_| ());
        assert_eq!(verdict, expected, "{payload}");
    }
    let identity = judge(&no_end, HEADER, &payload(r#""sub":"ada""#))
        .await
        .unwrap();
    assert_eq!(identity.expires_unix_ms, None);
}

/// While an issuer changes keys, two are trusted; and one key may be trusted for two audiences.
#[tokio::test]
async fn any_key_of_an_issuer_will_do() {
    let [old, new, other] = [b'o', b'n', b'x'].map(|byte| Signer::Secret(vec![byte; 32]));
    let key = |signer: &Signer, kid| signer.key(Algorithm::Hs256, kid);
    let mut for_others = keys_of(ISSUER, vec![key(&new, None)]);
    for_others.audience = Audience::OneOf(vec!["mail".to_owned()]);
    let config = trusting(vec![
        for_others,
        keys_of(ISSUER, vec![key(&old, Some("1")), key(&new, Some("1"))]),
        keys_of(ISSUER, vec![key(&new, Some("2"))]),
    ]);
    let verifier = verifier(&config);
    let named = r#"{"alg":"HS256","kid":"1"}"#;
    for (signer, header, expected) in [
        (&old, HEADER, Ok(())),
        (&new, HEADER, Ok(())),
        (&old, named, Ok(())),
        (&new, named, Ok(())),
        (&other, named, Err(Rejection::BadSignature)),
        (
            &old,
            r#"{"alg":"HS256","kid":"2"}"#,
            Err(Rejection::BadSignature),
        ),
    ] {
        let token = signer.token(Algorithm::Hs256, header, &in_order());
        let verdict = verifier.verify(&token, NOW_MS).await.map(|_| ());
        assert_eq!(verdict, expected, "{header}");
    }
}

/// `jku` and `x5u` of a token that is in order otherwise: nobody goes there.
#[tokio::test]
async fn addresses_in_a_header_are_never_visited() {
    let server = TestServer::start(|_, _| answer(200, "", r#"{"keys":[]}"#)).await;
    let url = server.url("/jwks.json");
    let header = format!(r#"{{"alg":"HS256","jku":"{url}","x5u":"{url}","kid":"{url}"}}"#);
    assert!(
        judge(&trusting_secret(), &header, &in_order())
            .await
            .is_ok()
    );
    let forged = Signer::Secret(vec![7; 32]).token(Algorithm::Hs256, &header, &in_order());
    let verdict = verifier(&trusting_secret()).verify(&forged, NOW_MS).await;
    assert_eq!(verdict.unwrap_err(), Rejection::BadSignature);
    assert_eq!(server.requests().len(), 0);
}

#[tokio::test]
async fn leeway_of_nothing_is_none() {
    let mut config = trusting_secret();
    config.leeway = Duration::ZERO;
    let verdict = judge(&config, HEADER, &payload(r#""exp":1700000000"#)).await;
    assert_eq!(verdict.unwrap_err(), Rejection::Expired);
    assert!(
        judge(&config, HEADER, &payload(r#""exp":1700000000.001"#))
            .await
            .is_ok()
    );
}
