//! Goal: only who knows the token gets further than health and the description, and no web page of
//! another site gets anywhere.
//! Method: servers with a token from each source; requests with and without it, under several names.

use super::api;
use super::support::Server;
use super::support::http::{get, send};

const GUARDED: [(&str, &str); 6] = [
    ("POST", "/v1/publish"),
    ("POST", "/v1/publish/batch"),
    ("GET", "/v1/stats"),
    ("GET", "/v1/channels"),
    ("GET", "/v1/channels/demo"),
    ("GET", "/metrics"),
];

fn demands_token(server: &Server, token: &str) {
    let api = api(server);
    for (method, path) in GUARDED {
        for shown in [None, Some("Bearer wrong"), Some("Basic x"), Some("Bearer ")] {
            let headers: Vec<(&str, &str)> = shown
                .iter()
                .map(|shown| ("Authorization", *shown))
                .collect();
            let answer = send(api, method, path, &headers, "");
            assert_eq!(answer.status, 401, "{method} {path} {shown:?}: {answer:?}");
            assert_eq!(answer.json()["error"], "unauthorized");
            let head = answer.head.to_ascii_lowercase();
            assert!(head.contains("www-authenticate: bearer"), "{head}");
        }
    }
    for path in ["/healthz", "/readyz", "/v1/openapi.json"] {
        assert_eq!(get(api, path).status, 200, "{path}");
    }
    let bearer = format!("Bearer {token}");
    let headers = [
        ("Authorization", bearer.as_str()),
        ("Content-Type", "application/json"),
    ];
    let body = r#"{"channel":"demo","event":"hello"}"#;
    assert_eq!(send(api, "POST", "/v1/publish", &headers, body).status, 200);
    assert_eq!(send(api, "GET", "/v1/stats", &headers, "").status, 200);
}

#[test]
fn token_of_the_environment_is_demanded_and_never_logged() {
    let mut command = Server::command(&["--log-level", "debug"]);
    command
        .env("SHARDCAST_API_TOKEN", "of-the-environment")
        .stderr(std::process::Stdio::piped());
    let mut server = Server::spawn(command);
    demands_token(&server, "of-the-environment");
    server.signal("TERM");
    server.wait();
    assert!(!server.log().contains("of-the-environment"));
    assert!(!server.banner.contains("of-the-environment"));
}

#[test]
fn token_of_a_file_is_its_first_line_without_space_around() {
    let name = format!("shardcast-api-token-{}", std::process::id());
    let path = std::env::temp_dir().join(name);
    std::fs::write(&path, " of-the-file \r\nsecond line\n").expect("a place for a file");
    let server = Server::start(&["--api-token-file", path.to_str().expect("UTF-8")]);
    std::fs::remove_file(&path).expect("our own file");
    demands_token(&server, "of-the-file");
}

#[test]
fn only_its_own_names_are_answered() {
    let server = Server::start(&["--api-host", "api.internal", "--api-host", "other"]);
    let api = api(&server);
    for host in [
        "localhost",
        "127.0.0.1:1",
        "[::1]:7002",
        "API.internal:80",
        "other",
    ] {
        let answer = send(api, "GET", "/v1/stats", &[("Host", host)], "");
        assert_eq!(answer.status, 200, "{host}");
    }
    let unknown: [&[(&str, &str)]; 4] = [
        &[("Host", "evil.example")],
        &[("Host", "127.0.0.1.evil.example:7002")],
        &[("Host", "")],
        &[("Host", "localhost"), ("Host", "localhost")],
    ];
    for headers in unknown {
        for path in ["/v1/stats", "/healthz", "/nothing"] {
            let answer = send(api, "GET", path, headers, "");
            assert_eq!(answer.status, 421, "{headers:?} {path}: {answer:?}");
            assert_eq!(answer.json()["error"], "unknown_host");
        }
    }
}
