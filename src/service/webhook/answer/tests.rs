use serde_json::json;

use super::*;

fn accepted(body: &str) -> Accepted {
    match connect(body.as_bytes()) {
        Ok(ConnectAnswer::Accepted(accepted)) => accepted,
        other => panic!("{body}: {other:?}"),
    }
}

fn refused(body: &str) -> Refusal {
    match connect(body.as_bytes()) {
        Ok(ConnectAnswer::Refused(refusal)) => refusal,
        other => panic!("{body}: {other:?}"),
    }
}

#[test]
fn connect_gives_who_it_is_and_what_rules_may_ask() {
    let answer = accepted(
        r#"{"allow":true,"userId":"ann","subject":{"org":7,"sub":"else"},"expiresAt":1763664000.5,
            "channels":["a","b"],"setCookie":["s=1; Path=/","t=2"]}"#,
    );
    let identity = answer.identity.unwrap();
    assert_eq!(identity.user.as_deref(), Some("ann"));
    assert_eq!(identity.expires_unix_ms, Some(1_763_664_000_500));
    assert_eq!(identity.claims, json!({"org": 7, "sub": "ann"}));
    assert_eq!(answer.channels, ["a", "b"]);
    let cookie = |value: &str| ("Set-Cookie".to_owned(), value.to_owned());
    assert_eq!(answer.headers, [cookie("s=1; Path=/"), cookie("t=2")]);
}

#[test]
fn connect_without_a_word_about_the_user_proves_nothing() {
    for body in [
        r#"{"allow":true}"#,
        r#"{"allow":true,"userId":null,"status":200}"#,
        r#"{"allow":true,"channels":["a"]}"#,
    ] {
        assert!(accepted(body).identity.is_none(), "{body}");
    }
    let nobody = accepted(r#"{"allow":true,"subject":{}}"#).identity.unwrap();
    assert_eq!(nobody.user, None);
    assert_eq!(nobody.claims, json!({}));
}

#[test]
fn connect_refuses_with_the_status_it_is_told() {
    assert_eq!(refused(r#"{"allow":false}"#).status, 403);
    assert_eq!(
        refused(r#"{"allow":false,"status":429,"userId":"x"}"#).status,
        429
    );
    let with_cookie = refused(r#"{"allow":false,"status":503,"setCookie":["s=; Max-Age=0"]}"#);
    assert_eq!(with_cookie.status, 503);
    assert_eq!(with_cookie.headers[0].1, "s=; Max-Age=0");
}

#[test]
fn connect_takes_nothing_that_it_does_not_understand() {
    let long_cookie = format!(r#"{{"allow":true,"setCookie":["{}"]}}"#, "x".repeat(9_000));
    let cases = [
        ("", "it is empty"),
        ("ok", "it is not JSON from line 1 column 1 on"),
        ("null", "expected an object at line 1 column 4"),
        ("{}", "missing field `allow` at line 1 column 2"),
        ("[true]", "it is a list: expected an object"),
        (r#"{"allow":1}"#, "expected a boolean at line 1 column 10"),
        (
            r#"{"allow":true,"expiresat":1}"#,
            "expected one of `allow`, `status`, `userId`, `subject`, `expiresAt`, `channels`, `setCookie` at line 1 column 25",
        ),
        (
            r#"{"allow":true,"userId":7}"#,
            "expected a string at line 1 column 24",
        ),
        (
            r#"{"allow":true,"userId":""}"#,
            "expected a name of 1 to 1024 bytes at line 1 column 26",
        ),
        (
            r#"{"allow":true,"expiresAt":1763664000000}"#,
            "expected a Unix time in seconds, not milliseconds at line 1 column 40",
        ),
        (
            r#"{"allow":true,"channels":[""]}"#,
            "expected a name of 1 to 1024 bytes at line 1 column 29",
        ),
        (
            r#"{"allow":true,"expiresAt":-1}"#,
            "expected a Unix time in seconds, not milliseconds at line 1 column 29",
        ),
        (
            r#"{"allow":true,"subject":[]}"#,
            "expected a map at line 1 column 24",
        ),
        (
            r#"{"allow":true,"setCookie":["a=1\r\nX: y"]}"#,
            "a cookie has signs that no header may have",
        ),
        (
            &long_cookie,
            "its headers for the client have more than 8192 bytes",
        ),
        (
            r#"{"allow":false,"status":200}"#,
            "the status of a refusal must be 400 to 499, or 503",
        ),
        (
            r#"{"allow":false,"status":101}"#,
            "the status of a refusal must be 400 to 499, or 503",
        ),
        (
            r#"{"allow":true} x"#,
            "it is not JSON from line 1 column 16 on",
        ),
    ];
    for (body, fault) in cases {
        assert_eq!(connect(body.as_bytes()).unwrap_err().0, fault, "{body}");
    }
}

#[test]
fn authenticate_tells_somebody_nobody_and_no_from_each_other() {
    let user = |body: &str| {
        let identity = authenticate(body.as_bytes()).unwrap()?;
        Some(identity.user.as_deref().map(str::to_owned))
    };
    assert_eq!(
        user(r#"{"userId":"ann","metadata":{"a":1}}"#),
        Some(Some("ann".to_owned()))
    );
    assert_eq!(user("{}"), Some(None));
    assert_eq!(user(r#"{"metadata":null}"#), Some(None));
    assert_eq!(user("null"), None);
    assert_eq!(user(" false\n"), None);

    let body = br#"{"userId":"ann","metadata":{"a":1},"expiresAt":3}"#;
    let identity = authenticate(body).unwrap().unwrap();
    assert_eq!(identity.claims, json!({"a": 1, "sub": "ann"}));
    assert_eq!(identity.expires_unix_ms, Some(3_000));

    // An error told with status 200 lets nobody in.
    for body in ["true", "[]", "0", r#""ann""#, r#"{"error":"no"}"#, ""] {
        assert!(authenticate(body.as_bytes()).is_err(), "{body}");
    }
}

#[test]
fn permission_needs_a_plain_yes() {
    let read = |body: &str| permission(body.as_bytes());
    let held = |seconds| Duration::from_secs_f64(seconds);
    let cases = [
        (r#"{"allow":true}"#, true, held(0.0)),
        (r#"{"allow":false,"cacheFor":30}"#, false, held(30.0)),
        (r#"{"allow":true,"cacheFor":0.5}"#, true, held(0.5)),
        (r#"{"allow":true,"cacheFor":1e300}"#, true, CACHE_MAX),
    ];
    for (body, allow, cache_for) in cases {
        let permission = Permission { allow, cache_for };
        assert_eq!(read(body), Ok(permission), "{body}");
    }
    for body in [
        "{}",
        "true",
        r#"{"allow":"true"}"#,
        r#"{"allow":null}"#,
        r#"{"allow":true,"cacheFor":-1}"#,
        r#"{"allow":true,"cachefor":1}"#,
    ] {
        assert!(read(body).is_err(), "{body}");
    }
}

#[test]
fn permissions_are_those_of_the_names_asked_about() {
    let read = |body: &str| permissions(&["a", "b", "c"].map(str::to_owned), body.as_bytes());
    let answer = read(r#"{"allowed":["c","zzz","a"],"cacheFor":5}"#).unwrap();
    assert_eq!(answer.allow, [true, false, true]);
    assert_eq!(answer.cache_for, Duration::from_secs(5));
    assert_eq!(read(r#"{"allowed":[]}"#).unwrap().allow, [false; 3]);
    assert!(read(r#"{"allow":true}"#).is_err());
}
