//! Goal: a client that fails says why and what to do. Method: no server, a wrong one, a silent one.

use std::io::Write;
use std::net::TcpListener;
use std::thread;
use std::time::{Duration, Instant};

use super::{shardcast, stderr};

/// The URL of a port that nobody listens on: it was free a moment ago.
fn dead_url() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    format!("ws://{}/_broadcast", listener.local_addr().unwrap())
}

#[test]
fn dead_port_asks_whether_the_server_is_running() {
    let url = dead_url();
    for args in [
        ["publish", "demo", "hello"].as_slice(),
        &["subscribe", "demo"],
    ] {
        let output = shardcast(&[args, &["--url", &url]].concat());
        assert_eq!(output.status.code(), Some(1));
        assert_eq!(
            stderr(&output),
            format!(
                "error: cannot connect to {url}: connection refused; \
                 is the server running? start it with: shardcast serve\n"
            )
        );
    }
}

#[test]
fn data_that_is_no_json_is_shown_quoted() {
    let output = shardcast(&["publish", "demo", "hello", "hi there"]);
    assert_eq!(output.status.code(), Some(2));
    let text = stderr(&output);
    assert!(
        text.starts_with("error: DATA is not valid JSON: "),
        "{text}"
    );
    assert!(
        text.ends_with("shardcast publish demo hello '\"hi there\"'\n"),
        "{text}"
    );
}

#[test]
fn flags_of_the_api_that_cannot_work_are_refused() {
    let url = "http://127.0.0.1:7002";
    for (flags, said) in [
        (
            ["--api", "wss://127.0.0.1:7002"].as_slice(),
            "error: --api: \"wss://127.0.0.1:7002\" is not an HTTP URL; \
             write it as http://127.0.0.1:7002\n",
        ),
        (
            &["--api", "127.0.0.1:7002"],
            "is not an HTTP URL; write it as http://",
        ),
        (
            &["--api", url, "--url", "ws://127.0.0.1:7001/_broadcast"],
            "cannot be used with",
        ),
        (&["--app", "/live"], "--api <URL>"),
        (&["--api-token-file", "token.txt"], "--api <URL>"),
        // A token on the command line would be everybody's to read.
        (&["--api", url, "--api-token", "x"], "unexpected argument"),
    ] {
        let output = shardcast(&[&["publish", "demo", "hello"], flags].concat());
        assert_eq!(output.status.code(), Some(2), "{flags:?}");
        assert!(
            stderr(&output).contains(said),
            "{flags:?}: {}",
            stderr(&output)
        );
    }
}

#[test]
fn names_that_a_server_would_ignore_are_refused() {
    let long = "x".repeat(1_025);
    for args in [
        ["publish", "", "hello"].as_slice(),
        &["publish", "demo", ""],
        &["publish", &long, "hello"],
        &["subscribe", "demo", ""],
        &["subscribe"],
    ] {
        assert_eq!(shardcast(args).status.code(), Some(2), "{args:?}");
    }
}

#[test]
fn server_that_is_none_is_named_so() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("ws://{}/nowhere", listener.local_addr().unwrap());
    thread::spawn(move || {
        let (mut socket, _) = listener.accept().unwrap();
        socket
            .write_all(b"HTTP/1.1 404 Not Found\r\ncontent-length: 0\r\n\r\n")
            .unwrap();
        // Held open until the client has read it.
        thread::sleep(Duration::from_secs(2));
    });
    let output = shardcast(&["publish", "demo", "hello", "--url", &url]);
    assert_eq!(output.status.code(), Some(1));
    assert!(
        stderr(&output).contains("no endpoint has this path (404)"),
        "{}",
        stderr(&output)
    );
}

#[test]
fn server_that_never_answers_is_given_up() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("ws://{}/_broadcast", listener.local_addr().unwrap());
    let started = Instant::now();
    let output = shardcast(&["publish", "demo", "hello", "--url", &url]);
    assert_eq!(output.status.code(), Some(1));
    assert!(stderr(&output).contains("timed out"), "{}", stderr(&output));
    assert!(started.elapsed() < Duration::from_secs(10));
}
