//! Goal: a `shardcast publish --api` that fails says why and what to do, and it always ends.
//! Method: servers that refuse for each reason, peers that are no API or never answer, and none at all.

use std::io::{ErrorKind, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::process::{Output, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use super::health_follows_the_server::{PATIENT, client_that_holds_up_a_drain};
use super::support::client::Client;
use super::support::{PATIENCE, Server, servers};
use super::{api, publish, publish_command, told};

/// Runs it on whatever listens at `addr`.
fn publish_to(addr: SocketAddr) -> Output {
    let mut command = publish_command(&format!("http://{addr}"), &["demo", "hello"]);
    command.output().expect("it runs")
}

/// Answers one connection; what it returns is dropped when the test ends.
fn peer(answer: impl FnOnce(TcpStream) + Send + 'static) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let addr = listener.local_addr().expect("bound");
    thread::spawn(move || {
        let (socket, _) = listener.accept().expect("the command connects");
        socket.set_read_timeout(Some(PATIENCE)).expect("not zero");
        socket.set_write_timeout(Some(PATIENCE)).expect("not zero");
        answer(socket);
    });
    addr
}

/// Reads until the other side is gone.
fn read_on(mut socket: TcpStream) {
    let _gone = std::io::copy(&mut socket, &mut std::io::sink());
}

#[test]
fn missing_or_wrong_token_is_explained_and_not_shown() {
    let mut command = Server::command(&["--log-level", "warn"]);
    command.env("SHARDCAST_API_TOKEN", "right");
    let server = Server::spawn(command);
    let output = publish(&server, &["demo", "hello"]);
    assert_eq!(output.status.code(), Some(1));
    assert_eq!(
        told(&output),
        "error: publish refused (401): the API demands a token; name the file that holds it with \
         --api-token-file, or set SHARDCAST_API_TOKEN\n"
    );

    let base_url = format!("http://{}", api(&server));
    let mut command = publish_command(&base_url, &["demo", "hello"]);
    let output = command.env("SHARDCAST_API_TOKEN", "hunter2").output();
    let output = output.expect("it runs");
    assert_eq!(output.status.code(), Some(1));
    assert_eq!(
        told(&output),
        "error: publish refused (401): the API does not take the token that SHARDCAST_API_TOKEN gives; \
         give the one that the server was started with\n"
    );
}

#[test]
fn token_that_cannot_be_read_is_explained_as_the_server_does() {
    let token = concat!(env!("CARGO_MANIFEST_DIR"), "/Cargo.toml");
    let cases: [(&[&str], Option<&str>, &str); 5] = [
        (
            &["--api-token-file", "/nowhere/token"],
            None,
            "--api-token-file: \"/nowhere/token\" cannot be read",
        ),
        (
            &["--api-token-file", "/dev/null"],
            None,
            "has nothing in its first line; write the token there",
        ),
        (&["--api-token-file", ""], None, "names no file"),
        (
            &[],
            Some("hunter 2"),
            "SHARDCAST_API_TOKEN cannot be sent in a header",
        ),
        (
            &["--api-token-file", token],
            Some("hunter2"),
            "gives a token, and SHARDCAST_API_TOKEN gives one too; remove one of them",
        ),
    ];
    for (args, variable, said) in cases {
        let args = [&["demo", "hello"], args].concat();
        // Nothing is connected to: whatever listens there is not asked.
        let mut command = publish_command("http://127.0.0.1:1", &args);
        command.envs(variable.map(|text| ("SHARDCAST_API_TOKEN", text)));
        let output = command.output().expect("it runs");
        assert_eq!(output.status.code(), Some(2), "{}", told(&output));
        assert!(told(&output).contains(said), "{}", told(&output));
        assert!(!told(&output).contains("hunter"), "{}", told(&output));
    }
}

#[test]
fn publication_that_the_api_refuses_is_explained_and_reaches_nobody() {
    for server in servers(&[1], &["--max-message-bytes", "100"]) {
        let mut subscriber = Client::open(server.addr);
        subscriber.subscribe("demo");
        let large = format!("\"{}\"", "x".repeat(100));
        let cases: [(&[&str], &str); 2] = [
            (
                &["demo", "hello", "--app", "/nowhere"],
                "(400): no endpoint has that path, and none names that app; --app takes",
            ),
            (
                &["demo", "hello", &large],
                "(413): 111 bytes of channel, event, id and data are above the message limit of 100; \
                 send less, or raise --max-message-bytes",
            ),
        ];
        for (args, said) in cases {
            let output = publish(&server, args);
            assert_eq!(output.status.code(), Some(1));
            assert!(told(&output).contains(said), "{}", told(&output));
        }
        subscriber.expect_nothing_unread();
    }
}

#[test]
fn body_larger_than_the_api_reads_is_refused_and_no_riddle() {
    let server = Server::start(&[]);
    let base_url = format!("http://{}", api(&server));
    let mut command = publish_command(&base_url, &["demo", "hello", "-"]);
    let mut child = command
        .stdin(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("it runs");
    let mut stdin = child.stdin.take().expect("piped");
    let data = format!("\"{}\"", "x".repeat(8 * 1024 * 1024));
    stdin.write_all(data.as_bytes()).expect("it reads");
    drop(stdin);
    let output = child.wait_with_output().expect("it ends");
    assert_eq!(output.status.code(), Some(1));
    assert!(
        told(&output).contains("--max-message-bytes"),
        "{}",
        told(&output)
    );
}

#[test]
fn draining_server_is_named_so_and_nobody_got_it() {
    let mut server = Server::start_logged(&PATIENT);
    let mut slow = client_that_holds_up_a_drain(&server);
    server.signal("TERM");
    server.log_line("SIGTERM: draining");
    let output = publish(&server, &["demo", "hello"]);
    assert_eq!(output.status.code(), Some(1));
    assert_eq!(
        told(&output),
        "error: publish refused (503): the server is shutting down; publish to another; no subscriber \
         has got it\n"
    );
    slow.widen_buffer();
    slow.expect_close(1_001);
    assert_eq!(server.wait().code(), Some(0));
}

#[test]
fn dead_port_asks_whether_the_server_is_running() {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let addr = listener.local_addr().expect("bound");
    drop(listener);
    let output = publish_to(addr);
    assert_eq!(output.status.code(), Some(1));
    assert_eq!(
        told(&output),
        format!(
            "error: cannot connect to http://{addr}/v1/publish: connection refused; is the server \
             running? start it with: shardcast serve\n"
        )
    );
}

#[test]
fn peer_that_never_answers_is_given_up() {
    // One is silent from the start, the other in the middle of its answer.
    for beginning in ["", "HTTP/1.1 200 OK\r\ncontent-length: 40\r\n\r\n{"] {
        let addr = peer(move |mut socket| {
            socket.write_all(beginning.as_bytes()).expect("it reads");
            read_on(socket);
        });
        let started = Instant::now();
        let output = publish_to(addr);
        assert_eq!(output.status.code(), Some(1));
        assert!(started.elapsed() < Duration::from_secs(10));
        let said = format!(
            "error: no answer from http://{addr}/v1/publish within 5 s; does shardcast's API live there?"
        );
        assert!(told(&output).starts_with(&said), "{}", told(&output));
    }
}

#[test]
fn peer_that_goes_without_an_answer_is_called_lost() {
    let addr = peer(|mut socket| {
        let mut buffer = [0; 4_096];
        let _some = socket.read(&mut buffer).expect("the command sends");
        socket.shutdown(Shutdown::Write).expect("it is connected");
        read_on(socket);
    });
    let output = publish_to(addr);
    assert_eq!(output.status.code(), Some(1));
    let said = format!("error: connection to http://{addr}/v1/publish lost: ");
    assert!(told(&output).starts_with(&said), "{}", told(&output));
    assert!(
        told(&output).contains("may have been published"),
        "{}",
        told(&output)
    );
}

#[test]
fn something_that_is_no_api_is_called_so() {
    let hint = "--api takes the API's base URL, such as http://127.0.0.1:7002\n";
    // The port next to it.
    let server = Server::start(&[]);
    let output = publish_to(server.addr);
    assert_eq!(output.status.code(), Some(1));
    assert!(told(&output).ends_with(hint), "{}", told(&output));

    for answer in [
        "SSH-2.0-OpenSSH_9.6\r\n",
        "HTTP/1.1 404 Not Found\r\ncontent-length: 0\r\n\r\n",
        "HTTP/1.1 200 OK\r\ncontent-length: 6\r\n\r\n<html>",
    ] {
        let addr = peer(move |mut socket| {
            socket.write_all(answer.as_bytes()).expect("it reads");
            read_on(socket);
        });
        let output = publish_to(addr);
        assert_eq!(output.status.code(), Some(1));
        assert!(told(&output).ends_with(hint), "{answer}: {}", told(&output));
    }
}

#[test]
fn answer_without_an_end_is_cut_off() {
    let addr = peer(|mut socket| {
        let head = b"HTTP/1.1 200 OK\r\n\r\n";
        socket.write_all(head).expect("it reads");
        let chunk = [b'x'; 64 * 1024];
        loop {
            match socket.write_all(&chunk) {
                Ok(()) => {}
                Err(error) if error.kind() == ErrorKind::WouldBlock => panic!("it is not cut off"),
                Err(_) => return,
            }
        }
    });
    let started = Instant::now();
    let output = publish_to(addr);
    assert_eq!(output.status.code(), Some(1));
    assert!(
        told(&output).contains("the answer is too long"),
        "{}",
        told(&output)
    );
    // Not by the time that an answer may take.
    assert!(started.elapsed() < Duration::from_secs(4));
}
