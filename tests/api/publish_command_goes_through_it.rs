//! Goal: `shardcast publish --api` brings a message to subscribers as it was written, to the app that was
//! named, with the token of a file or variable; and tells its id and how many there were.
//! Method: real servers and subscribers; once a peer that shows the request's bytes.

use std::io::{Read, Write};
use std::net::TcpListener;
use std::path::PathBuf;
use std::thread;

use super::support::client::Client;
use super::support::{PATIENCE, Server, servers};
use super::{api, publish, publish_command, told};

/// Arguments and variables.
type Case<'a> = (&'a [&'a str], &'a [(&'a str, &'a str)]);

/// A file that is gone after its test.
struct TokenFile(PathBuf);

impl TokenFile {
    fn new(name: &str, text: &str) -> Self {
        let name = format!("shardcast-publish-{}-{name}", std::process::id());
        let file = Self(std::env::temp_dir().join(name));
        std::fs::write(&file.0, text).expect("a place for a file");
        file
    }

    fn path(&self) -> &str {
        self.0.to_str().expect("a plain name")
    }
}

impl Drop for TokenFile {
    fn drop(&mut self) {
        let _gone = std::fs::remove_file(&self.0);
    }
}

#[test]
fn message_arrives_byte_for_byte_and_its_id_and_subscribers_are_told() {
    for server in servers(&[1, 2], &[]) {
        let mut subscribers: Vec<Client> = (0..3).map(|_| Client::open(server.addr)).collect();
        for (new, all, told_so) in [
            (0..1, 0..1, " to 1 subscriber\n"),
            (1..3, 0..3, " to 3 subscribers\n"),
        ] {
            for subscriber in &mut subscribers[new] {
                subscriber.subscribe("demo");
            }
            for (data, field) in [
                (
                    Some(r#"{"n":1.0e+2,  "u":"\u00fc","n":1}"#),
                    r#""d":{"n":1.0e+2,  "u":"\u00fc","n":1},"#,
                ),
                (Some("null"), r#""d":null,"#),
                (Some("-5"), r#""d":-5,"#),
                (None, ""),
            ] {
                let args: Vec<&str> = ["demo", "hello"].into_iter().chain(data).collect();
                let output = publish(&server, &args);
                assert_eq!(output.status.code(), Some(0), "{}", told(&output));
                assert!(output.stdout.is_empty());
                let id = told(&output)
                    .strip_prefix("published ")
                    .and_then(|rest| rest.strip_suffix(told_so))
                    .unwrap_or_else(|| panic!("{output:?}"));
                let frame = format!(r#"{{"t":"msg","c":"demo","e":"hello",{field}"i":"{id}"}}"#);
                for subscriber in &mut subscribers[all.clone()] {
                    assert_eq!(subscriber.text(), frame);
                }
            }
        }
    }
}

#[test]
fn app_is_the_one_that_was_named() {
    let endpoints = ["--endpoint=/first=strav", "--endpoint=/second=strav"];
    for server in servers(&[1], &endpoints) {
        // One for the first and two for the second, so that the count tells them apart.
        let mut clients = ["/first", "/second", "/second"].map(|path| {
            let mut client = Client::upgrade(server.addr, path);
            assert!(client.text().starts_with(r#"{"t":"welcome""#));
            client.subscribe("demo");
            client
        });
        for (app, data, told_so, reached) in [
            (Some("/second"), "1", " to 2 subscribers\n", 1..3),
            (None, "2", " to 1 subscriber\n", 0..1),
            (Some("/first"), "3", " to 1 subscriber\n", 0..1),
        ] {
            let named = app.map(|app| ["--app", app]).into_iter().flatten();
            let args: Vec<&str> = ["demo", "hello", data].into_iter().chain(named).collect();
            let output = publish(&server, &args);
            assert!(told(&output).ends_with(told_so), "{}", told(&output));
            for client in &mut clients[reached] {
                assert_eq!(client.event().data.as_deref(), Some(data));
            }
        }
        for client in &mut clients {
            client.expect_nothing_unread();
        }
    }
}

#[test]
fn token_of_a_file_or_variable_is_shown_to_the_api() {
    let token = TokenFile::new("right", " right \nsecond line\n");
    let wrong = TokenFile::new("wrong", "wrong\n");
    let server = Server::start(&["--api-token-file", token.path()]);
    let base_url = format!("http://{}", api(&server));
    let by_flag = ["demo", "hello", "--api-token-file", token.path()];
    let alone = ["demo", "hello"];
    let cases: [Case<'_>; 4] = [
        (&by_flag, &[]),
        (&alone, &[("SHARDCAST_API_TOKEN", "right")]),
        (&alone, &[("SHARDCAST_API_TOKEN_FILE", token.path())]),
        // A flag beats a variable, and what else the server reads is not the client's business.
        (
            &by_flag,
            &[
                ("SHARDCAST_API_TOKEN_FILE", wrong.path()),
                ("SHARDCAST_SHARDS", "none"),
                ("SHARDCAST_CONFIG", "/nowhere"),
            ],
        ),
    ];
    for (args, env) in cases {
        let mut command = publish_command(&base_url, args);
        let output = command.envs(env.iter().copied()).output().expect("it runs");
        assert_eq!(output.status.code(), Some(0), "{env:?}: {}", told(&output));
        assert!(
            told(&output).ends_with(" to 0 subscribers\n"),
            "{}",
            told(&output)
        );
    }
}

#[test]
fn base_url_with_a_path_leads_through_a_proxy() {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let addr = listener.local_addr().expect("bound");
    let proxy = thread::spawn(move || {
        let (mut socket, _) = listener.accept().expect("the command connects");
        socket.set_read_timeout(Some(PATIENCE)).expect("not zero");
        let (mut request, mut buffer) = (Vec::new(), [0; 4_096]);
        while !request.ends_with(b"}") {
            let read = socket.read(&mut buffer).expect("the command sends");
            assert!(read > 0, "the request ended early");
            request.extend_from_slice(&buffer[..read]);
        }
        let body = r#"{"id":"x","subscribers":2}"#;
        let answer = format!(
            "HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n{body}",
            body.len()
        );
        socket
            .write_all(answer.as_bytes())
            .expect("the command reads");
        String::from_utf8(request).expect("text")
    });
    let base_url = format!("http://{addr}/behind/");
    let mut command = publish_command(&base_url, &["demo", "hello", "1", "--app", "shop"]);
    let output = command
        .env("SHARDCAST_API_TOKEN", "hunter2")
        .output()
        .expect("it runs");
    assert_eq!(told(&output), "published x to 2 subscribers\n");

    let request = proxy.join().expect("the proxy got it all");
    let (head, body) = request.split_once("\r\n\r\n").expect("a head");
    assert_eq!(
        body,
        r#"{"app":"shop","channel":"demo","event":"hello","data":1}"#
    );
    let mut lines = head.lines();
    assert_eq!(lines.next(), Some("POST /behind/v1/publish HTTP/1.1"));
    let mut headers: Vec<String> = lines.map(str::to_owned).collect();
    headers.sort();
    let expected = [
        "authorization: Bearer hunter2".to_owned(),
        format!("content-length: {}", body.len()),
        "content-type: application/json".to_owned(),
        format!("host: {addr}"),
    ];
    assert_eq!(headers, expected);
}
