//! What is sent, and what each answer is told as.

use super::*;

fn api(token: Option<&'static str>) -> Api {
    let token = token.map(|given_by| Token {
        bearer: HeaderValue::from_static("Bearer hunter2"),
        given_by: given_by.to_owned(),
    });
    Api::new("http://api.internal:7002", token, &Trust::System).unwrap()
}

fn refused(api: &Api, status: u16, body: &str) -> String {
    let status = StatusCode::from_u16(status).unwrap();
    let failure = api.outcome(status, body.as_bytes()).unwrap_err();
    failure.message().to_owned()
}

#[test]
fn base_url_may_have_a_path_before_the_apis_own() {
    for (base, url) in [
        ("http://127.0.0.1:7002", "http://127.0.0.1:7002/v1/publish"),
        ("http://[::1]:7002/", "http://[::1]:7002/v1/publish"),
        (
            "http://x/behind/proxy//",
            "http://x/behind/proxy/v1/publish",
        ),
    ] {
        assert_eq!(Api::new(base, None, &Trust::System).unwrap().url, url);
    }
}

#[test]
fn base_url_that_cannot_work_is_refused_with_an_example() {
    for (url, problem) in [
        ("wss://x", "is not an HTTP URL"),
        ("ws://x", "is not an HTTP URL"),
        ("127.0.0.1:7002", "is not an HTTP URL"),
        ("http://me:secret@x", "names a user"),
        ("http://x/?app=shop", "has a query"),
    ] {
        let failure = Api::new(url, None, &Trust::System)
            .err()
            .expect("it is refused");
        let message = failure.message();
        assert!(message.starts_with("--api: "), "{message}");
        assert!(message.contains(problem), "{message}");
        assert!(message.ends_with("write it as http://127.0.0.1:7002"));
    }
}

#[test]
fn request_names_the_host_and_the_path_alone() {
    let request = api(Some("x")).request(Bytes::from_static(b"{}"));
    assert_eq!(request.uri(), "/v1/publish");
    assert_eq!(request.headers()[HOST], "api.internal:7002");
    assert_eq!(request.headers()[CONTENT_TYPE], "application/json");
    assert_eq!(request.headers()[AUTHORIZATION], "Bearer hunter2");
}

#[test]
fn accepted_publication_tells_id_and_subscribers() {
    for (body, told) in [
        (
            r#"{"id":"01M","subscribers":3}"#,
            "published 01M to 3 subscribers",
        ),
        (
            r#"{"id":"x","subscribers":1,"new":0}"#,
            "published x to 1 subscriber",
        ),
        (
            r#"{"id":"\u001b[2J","subscribers":0}"#,
            r"published \u{1b}[2J to 0 subscribers",
        ),
    ] {
        let published = api(None).outcome(StatusCode::OK, body.as_bytes()).unwrap();
        assert_eq!(published.to_string(), told);
    }
}

#[test]
fn each_refusal_has_its_fix() {
    let with = |error: &str| format!(r#"{{"error":"{error}","message":"Why."}}"#);
    for (status, error, told) in [
        (
            400,
            "unknown_app",
            "Why.; --app takes the path of an endpoint",
        ),
        (400, "bad_request", "publish refused (400): Why."),
        (
            401,
            "unauthorized",
            "--api-token-file, or set SHARDCAST_API_TOKEN",
        ),
        (
            413,
            "too_large",
            "Why.; send less, or raise --max-message-bytes",
        ),
        (
            421,
            "unknown_host",
            "name api.internal; use its address, or start the server with --api-host api.internal",
        ),
        (503, "draining", "publish refused (503): Why."),
        (
            415,
            "content_type",
            "/v1/publish answered 415 Unsupported Media Type, and not as",
        ),
        (
            404,
            "not_found",
            "--api takes the API's base URL, such as http://127.0.0.1:7002",
        ),
        (500, "what", "answered 500 Internal Server Error"),
    ] {
        let message = refused(&api(None), status, &with(error));
        assert!(message.contains(told), "{status}: {message}");
    }
}

#[test]
fn unavailable_api_tells_whether_anybody_may_have_got_it() {
    for (partial, told) in [
        ("false", "no subscriber has got it"),
        ("true", "some subscribers may have got it"),
    ] {
        let body = format!(r#"{{"error":"overloaded","message":"Full","partial":{partial}}}"#);
        let message = refused(&api(None), 503, &body);
        assert!(
            message.starts_with("publish refused (503): Full; "),
            "{message}"
        );
        assert!(message.contains(told), "{message}");
    }
}

#[test]
fn wrong_token_is_blamed_on_what_gave_it_and_not_shown() {
    let body = r#"{"error":"unauthorized","message":"m"}"#;
    let message = refused(&api(Some("SHARDCAST_API_TOKEN")), 401, body);
    assert!(
        message.contains("the token that SHARDCAST_API_TOKEN gives"),
        "{message}"
    );
    assert!(!message.contains("hunter2"), "{message}");
}

#[test]
fn answer_of_something_else_is_called_so() {
    for (status, body) in [
        (200, ""),
        (200, "<html>"),
        (200, r#"{"id":1}"#),
        (401, "<h1>Log in</h1>"),
        (404, ""),
        (503, "{}"),
        (302, ""),
    ] {
        let message = refused(&api(None), status, body);
        assert!(
            message.contains("not as shardcast's API would"),
            "{message}"
        );
    }
}
