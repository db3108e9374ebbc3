//! Goal: `shardcast subscribe` prints what `shardcast publish` sends, through a real server.
//! Method: each in a process of its own, as a newcomer runs them in two terminals.

use std::io::{BufRead, BufReader, Read, Write};
use std::process::{Child, Command, Output, Stdio};

use crate::on_each_driver;
use crate::support::tls::Identity;

#[test]
fn subscribe_prints_what_publish_sends() {
    on_each_driver(&["--allow-publish", "demo*"], |server| {
        let url = server.url();
        let subscriber = subscribe(&url, &["demo", "demo.2", "--count", "4"]);
        for args in [
            &["demo", "hello", r#"{"text":"hi"}"#] as &[&str],
            &["demo.3", "hello", "0"],
            &["demo.2", "grüße", r#""😀""#],
            &["demo", "bare"],
        ] {
            let output = publish(&url, args, "");
            assert!(output.status.success(), "{output:?}");
        }
        let large = format!("[{}0]", "1, ".repeat(16_000));
        let output = publish(&url, &["demo", "large", "-"], &large);
        assert!(output.status.success(), "{output:?}");

        let output = subscriber.wait_with_output().expect("our own child");
        assert!(output.status.success(), "{output:?}");
        let printed = String::from_utf8(output.stdout).expect("text");
        assert_eq!(
            printed,
            format!(
                "demo hello {{\"text\":\"hi\"}}\ndemo.2 grüße \"😀\"\ndemo bare\ndemo large {large}\n"
            )
        );
    });
}

#[test]
fn refusals_and_the_end_of_the_server_are_told() {
    on_each_driver(&["--allow-publish", "demo"], |server| {
        let url = server.url();
        let output = publish(&url, &["other", "hello", "1"], "");
        assert_eq!(output.status.code(), Some(1));
        let said = String::from_utf8(output.stderr).expect("text");
        assert!(said.contains("--allow-publish 'other:hello'"), "{said}");

        let mut subscriber = subscribe(&url, &["demo"]);
        server.signal("TERM");
        assert_eq!(subscriber.wait().expect("our own child").code(), Some(1));
        let mut said = String::new();
        let mut stderr = subscriber.stderr.take().expect("piped");
        stderr.read_to_string(&mut said).expect("text");
        assert!(said.contains("it is shutting down (1001)"), "{said}");
        assert!(server.wait().success());
    });
}

#[test]
fn over_tls_they_believe_whom_they_are_told_to() {
    let (identity, stranger) = (Identity::new("127.0.0.1"), Identity::new("127.0.0.1"));
    let (cert, key) = (identity.cert(), identity.key());
    let flags = ["--tls-cert", &cert, "--tls-key", &key, "--api-tls"];
    on_each_driver(
        &[&["--allow-publish", "demo"], &flags[..]].concat(),
        |server| {
            let url = server.url().replace("ws://", "wss://");
            let api = server
                .banner
                .lines()
                .find_map(|line| line.trim().strip_prefix("api "));
            let api = api.expect("the banner names it").trim();
            assert!(api.starts_with("https://"), "{api}");
            let subscriber = subscribe(&url, &["demo", "--count", "2", "--tls-ca", &cert]);
            for way in [["--url", &url], ["--api", api]] {
                let args = ["demo", "hello", "1", way[0], way[1], "--tls-ca"];
                let output = run("publish", &[&args, &[cert.as_str()][..]].concat(), "");
                assert!(output.status.success(), "{output:?}");

                for (ca, what_helps) in [
                    (
                        stranger.cert(),
                        "nobody who is believed vouches for its certificate",
                    ),
                    (identity.key(), "holds no certificate in PEM"),
                    ("no such file".to_owned(), "cannot be read"),
                ] {
                    let output = run("publish", &[&args, &[ca.as_str()][..]].concat(), "");
                    assert!(!output.status.success());
                    let said = String::from_utf8(output.stderr).expect("text");
                    assert!(said.contains(what_helps), "{said}");
                }
            }
            let output = subscriber.wait_with_output().expect("our own child");
            let printed = String::from_utf8(output.stdout).expect("text");
            assert_eq!(printed, "demo hello 1\ndemo hello 1\n");
        },
    );
}

#[test]
fn server_without_tls_is_told_from_one_whose_certificate_is_wrong() {
    on_each_driver(&[], |server| {
        let url = server.url().replace("ws://", "wss://");
        let identity = Identity::new("127.0.0.1");
        let args = ["demo", "hello", "--url", &url, "--tls-ca", &identity.cert()];
        let output = run("publish", &args, "");
        assert_eq!(output.status.code(), Some(1));
        let said = String::from_utf8(output.stderr).expect("text");
        assert!(said.contains("it does not speak TLS there"), "{said}");
    });
}

/// A subscriber that has said that it is subscribed.
fn subscribe(url: &str, args: &[&str]) -> Child {
    let mut child = shardcast("subscribe", &[args, &["--url", url]].concat())
        .stdin(Stdio::null())
        .spawn()
        .expect("the binary runs");
    let mut stderr = BufReader::new(child.stderr.take().expect("piped"));
    let mut line = String::new();
    stderr.read_line(&mut line).expect("text");
    assert!(line.starts_with("subscribed on "), "{line}");
    assert!(stderr.buffer().is_empty());
    child.stderr = Some(stderr.into_inner());
    child
}

fn publish(url: &str, args: &[&str], input: &str) -> Output {
    run("publish", &[args, &["--url", url]].concat(), input)
}

fn run(command: &str, args: &[&str], input: &str) -> Output {
    let mut child = shardcast(command, args)
        .stdin(Stdio::piped())
        .spawn()
        .expect("the binary runs");
    let mut stdin = child.stdin.take().expect("piped");
    // It reads its input only if it was asked to.
    let _unread = stdin.write_all(input.as_bytes());
    drop(stdin);
    child.wait_with_output().expect("our own child")
}

fn shardcast(command: &str, args: &[&str]) -> Command {
    let mut shardcast = Command::new(env!("CARGO_BIN_EXE_shardcast"));
    shardcast.arg(command).args(args);
    shardcast.stdout(Stdio::piped()).stderr(Stdio::piped());
    shardcast
}
