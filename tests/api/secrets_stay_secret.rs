//! Goal: whoever reads the log, the numbers, an error or the process list learns no secret.
//! Method: plant secrets wherever one can come in, let a server that logs everything meet them in good and in
//! bad requests, and look for them in all it says.

use std::fs::{self, File};
use std::io::{Read, Write};
use std::net::TcpStream;
use std::path::PathBuf;
use std::process::Command;

use super::api;
use super::support::http::send;
use super::support::{PATIENCE, Server, wait_until};

/// What each of them is part of, so that a find tells where it came in.
const API_TOKEN: &str = "planted-api-token";
const NEW_API_TOKEN: &str = "planted-new-api-token";
const WRONG_API_TOKEN: &str = "planted-wrong-token";
const JWT_SECRET: &str = "planted-jwt-secret-of-32-bytes-or-more";
const CLIENT_BEARER: &str = "planted-client-bearer";
const CLIENT_COOKIE: &str = "planted-client-cookie";
const CLIENT_QUERY: &str = "planted-client-query";

/// A folder that is gone after its test.
struct Folder(PathBuf);

impl Folder {
    fn new() -> Self {
        let name = format!("shardcast-secrets-{}", std::process::id());
        let folder = Self(std::env::temp_dir().join(name));
        fs::create_dir_all(&folder.0).expect("a place for files");
        folder
    }

    fn path(&self, name: &str) -> String {
        let path = self.0.join(name);
        path.to_str().expect("a plain name").to_owned()
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _gone = fs::remove_dir_all(&self.0);
    }
}

/// A handshake with secrets in all places where clients carry them; the answer.
fn handshake(server: &Server, request_line: &str) -> String {
    let mut stream = TcpStream::connect(server.addr).expect("the server accepts");
    stream.set_read_timeout(Some(PATIENCE)).expect("not zero");
    let request = format!(
        "{request_line}\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
         Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\
         Authorization: Bearer {CLIENT_BEARER}\r\nCookie: session={CLIENT_COOKIE}\r\n\r\n"
    );
    stream.write_all(request.as_bytes()).expect("it reads");
    let mut answer = vec![0; 4_096];
    let read = stream.read(&mut answer).expect("it answers");
    String::from_utf8_lossy(&answer[..read]).into_owned()
}

#[test]
fn planted_secrets_are_found_nowhere() {
    let folder = Folder::new();
    let (token_file, log_file) = (folder.path("token"), folder.path("log"));
    fs::write(&token_file, API_TOKEN).expect("a file");
    let jwt_file = folder.path("jwt");
    fs::write(&jwt_file, JWT_SECRET).expect("a file");
    let jwt_key = format!("secret={jwt_file},iss=a");
    let flags = [
        "--api-token-file",
        &token_file,
        "--jwt-key",
        &jwt_key,
        "--log-level",
        "trace",
    ];
    let mut command = Server::command(&flags);
    command.stderr(File::create(&log_file).expect("a file"));
    let mut server = Server::spawn(command);
    let mut said = vec![("banner", server.banner.clone())];

    for request_line in [
        format!("GET /_broadcast?token={CLIENT_QUERY} HTTP/1.1"),
        format!("GET /nowhere?token={CLIENT_QUERY} HTTP/1.1"),
        format!("POST /_broadcast?token={CLIENT_QUERY} HTTP/1.1"),
        format!("GET /_broadcast?token={CLIENT_QUERY} HTTP/3.7"),
    ] {
        said.push(("handshake", handshake(&server, &request_line)));
    }
    for token in [API_TOKEN, WRONG_API_TOKEN] {
        let bearer = format!("Bearer {token}");
        let headers = [
            ("Authorization", bearer.as_str()),
            ("Content-Type", "application/json"),
        ];
        for (method, path, body) in [
            ("POST", "/v1/publish", r#"{"channel":"c","event":"e"}"#),
            ("POST", "/v1/publish", "{"),
            ("POST", "/v1/publish/batch", "[]"),
            ("GET", "/v1/stats", ""),
            ("GET", "/v1/channels", ""),
            ("GET", "/v1/channels/c", ""),
            ("GET", "/metrics", ""),
            ("GET", "/v1/openapi.json", ""),
            ("GET", "/healthz", ""),
            ("GET", "/readyz", ""),
            ("GET", "/nowhere", ""),
            ("PUT", "/v1/publish", ""),
        ] {
            let answer = send(api(&server), method, path, &headers, body);
            said.push((path, answer.head + &answer.body));
        }
    }
    let process = format!("/proc/{}", server.pid());
    let cmdline = fs::read(format!("{process}/cmdline")).expect("the server runs");
    said.push(("cmdline", String::from_utf8_lossy(&cmdline).into_owned()));

    // A changed token is named, since it needs a restart, but not shown.
    fs::write(&token_file, NEW_API_TOKEN).expect("a file");
    server.signal("HUP");
    let log = || fs::read_to_string(&log_file).expect("the log");
    wait_until("the reload", || log().contains("SIGHUP: reloaded"));
    server.signal("TERM");
    assert!(server.wait().success());
    let log = log();
    assert!(log.contains("api-token-file"), "{log}");
    assert!(log.contains("SIGTERM"), "it logged to the end: {log}");
    said.push(("log", log));

    let keyed = ["check", "--jwt-key", &jwt_key];
    for args in [["check", "--json"].as_slice(), &["check"], &keyed] {
        let mut check = Command::new(env!("CARGO_BIN_EXE_shardcast"));
        let checked = check.args(args).env("SHARDCAST_API_TOKEN", API_TOKEN);
        let output = checked.output().expect("the binary runs");
        assert!(output.status.success());
        let all = [output.stdout, output.stderr].concat();
        said.push(("check", String::from_utf8_lossy(&all).into_owned()));
    }

    for (where_from, text) in said {
        assert!(!text.is_empty(), "{where_from} says nothing");
        assert!(!text.contains("planted-"), "{where_from}: {text}");
    }
}
