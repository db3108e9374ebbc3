//! Goal: a request that cannot be meant so is refused with a status, a word and a sentence, and
//! reaches nobody.
//! Method: each mistake by itself, with a subscriber that must hear nothing of it.

use serde_json::json;

use super::api;
use super::support::client::Client;
use super::support::http::{get, post, send};
use super::support::servers;

#[test]
fn bad_publication_is_refused_by_name() {
    for server in servers(&[1, 2], &[]) {
        let mut subscriber = Client::open(server.addr);
        subscriber.subscribe("c");
        let large = format!(
            r#"{{"channel":"c","event":"e","data":"{}"}}"#,
            "x".repeat(65_536)
        );
        let long = format!(r#"{{"channel":"{}","event":"e"}}"#, "x".repeat(1_025));
        for (body, status, error) in [
            ("", 400, "bad_request"),
            ("{", 400, "bad_request"),
            ("[]", 400, "bad_request"),
            (r#"[null,"c","e",1,null]"#, 400, "bad_request"),
            (r#"{"channel":"c"}"#, 400, "bad_request"),
            (r#"{"channel":"c","event":1}"#, 400, "bad_request"),
            (r#"{"channel":"c","event":"e","data":}"#, 400, "bad_request"),
            (
                r#"{"channel":"c","event":"e","date":1}"#,
                400,
                "bad_request",
            ),
            (r#"{"channel":"c","event":"e"} x"#, 400, "bad_request"),
            (r#"{"channel":"","event":"e"}"#, 400, "bad_request"),
            (r#"{"channel":"c","event":""}"#, 400, "bad_request"),
            (r#"{"channel":"c","event":"e","id":""}"#, 400, "bad_request"),
            (
                r#"{"channel":"c","event":"e","app":"/x"}"#,
                400,
                "unknown_app",
            ),
            (&long, 400, "bad_request"),
            (&large, 413, "too_large"),
        ] {
            let answer = post(api(&server), "/v1/publish", body);
            assert_eq!(answer.status, status, "{body:.60}: {answer:?}");
            assert_eq!(answer.json()["error"], error, "{body:.60}");
            assert!(
                answer.json()["message"]
                    .as_str()
                    .is_some_and(|text| text.len() > 10)
            );
        }
        subscriber.expect_nothing_unread();
    }
}

/// Fields in a list, in the order in which the server happens to keep them, are no publication.
#[test]
fn batch_is_an_object_of_objects() {
    for server in servers(&[1], &[]) {
        let mut subscriber = Client::open(server.addr);
        subscriber.subscribe("c");
        for body in [
            r#"[[{"channel":"c","event":"e"}]]"#,
            r#"{"publications":[["/_broadcast","c","e",1,null]]}"#,
            r#"{"publications":{}}"#,
        ] {
            let answer = post(api(&server), "/v1/publish/batch", body);
            assert_eq!(answer.status, 400, "{body}: {answer:?}");
            let message = answer.json()["message"].to_string();
            assert!(message.contains("expected a"), "{message}");
        }
        subscriber.expect_nothing_unread();
    }
}

#[test]
fn unknown_field_is_named() {
    for server in servers(&[1], &[]) {
        let body = r#"{"chanel":"c","event":"e"}"#;
        let answer = post(api(&server), "/v1/publish", body).json();
        let message = answer["message"].as_str().expect("a sentence");
        assert!(
            message.contains("`chanel`") && message.contains("`channel`"),
            "{message}"
        );
    }
}

#[test]
fn other_content_types_are_refused() {
    for server in servers(&[1], &[]) {
        let body = r#"{"channel":"c","event":"e"}"#;
        // A form needs no permission to cross sites; JSON does.
        for headers in [
            &[] as &[(&str, &str)],
            &[("Content-Type", "text/plain")],
            &[("Content-Type", "application/x-www-form-urlencoded")],
        ] {
            for path in ["/v1/publish", "/v1/publish/batch"] {
                let answer = send(api(&server), "POST", path, headers, body);
                assert_eq!(answer.status, 415, "{headers:?}: {answer:?}");
                assert_eq!(answer.json()["error"], "content_type");
            }
        }
    }
}

#[test]
fn batch_has_a_bound_in_number_and_in_bytes() {
    for server in servers(&[1], &[]) {
        let one = json!({"channel": "c", "event": "e"});
        let many = json!({"publications": vec![one; 1_001]}).to_string();
        // One byte more than is read: the limit of one message and 4 MiB.
        let large = " ".repeat(64 * 1024 + 4 * 1024 * 1024 + 1);
        for body in [many, large] {
            let answer = post(api(&server), "/v1/publish/batch", &body);
            assert_eq!(answer.status, 413, "{answer:?}");
            assert_eq!(answer.json()["error"], "too_large");
        }
    }
}

#[test]
fn unknown_path_and_wrong_method_lead_to_the_description() {
    for server in servers(&[1], &[]) {
        let api = api(&server);
        for (method, path, status, error) in [
            ("GET", "/", 404, "not_found"),
            ("GET", "/v2/publish", 404, "not_found"),
            ("GET", "/v1/publish", 405, "method_not_allowed"),
            ("POST", "/v1/stats", 405, "method_not_allowed"),
            ("DELETE", "/healthz", 405, "method_not_allowed"),
        ] {
            let answer = send(api, method, path, &[], "");
            assert_eq!(answer.status, status, "{method} {path}: {answer:?}");
            assert_eq!(answer.json()["error"], error);
            let message = answer.json()["message"].to_string();
            assert!(message.contains("/v1/openapi.json"), "{message}");
            // RFC 9110, section 15.5.6, demands it.
            let allow = answer.head.to_ascii_lowercase().contains("\r\nallow: ");
            assert_eq!(allow, status == 405, "{answer:?}");
        }
        let description = get(api, "/v1/openapi.json").ok();
        assert!(description["paths"]["/v1/publish"]["post"].is_object());
    }
}
