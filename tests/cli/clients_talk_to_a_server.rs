//! Goal: `publish` and `subscribe` speak the strav frames and tell what happened.
//! Method: a scripted server that demands exact frames and answers as a real one would.

use std::io::{BufRead, BufReader};
use std::process::Stdio;

use rustix::process::{Pid, Signal, kill_process};

use super::scripted_server::serve;
use super::{command, shardcast, stderr, stdout};

#[test]
fn publish_is_known_to_be_taken_when_the_probe_is_answered() {
    let (url, server) = serve(|mut peer| {
        peer.hear(r#"{"t":"pub","c":"demo","e":"hello","d":{"x":1.0}}"#);
        let probe = peer.hear_probe();
        peer.say(r#"{"t":"ping"}"#);
        peer.hear(r#"{"t":"pong"}"#);
        peer.say(&format!(r#"{{"t":"ok","c":"{probe}"}}"#));
        peer.wait_for_end();
    });
    let output = shardcast(&["publish", "demo", "hello", r#"{"x":1.0}"#, "--url", &url]);
    server.join().unwrap();
    assert_eq!(output.status.code(), Some(0));
    assert_eq!(stderr(&output), "published\n");
}

#[test]
fn refused_publish_tells_the_rule_that_would_allow_it() {
    let (url, server) = serve(|mut peer| {
        peer.hear(r#"{"t":"pub","c":"demo","e":"hello"}"#);
        let probe = peer.hear_probe();
        peer.say(r#"{"t":"err","c":"demo","r":"publish denied"}"#);
        peer.say(&format!(r#"{{"t":"ok","c":"{probe}"}}"#));
        peer.wait_for_end();
    });
    let output = shardcast(&["publish", "demo", "hello", "--url", &url]);
    server.join().unwrap();
    assert_eq!(output.status.code(), Some(1));
    assert_eq!(
        stderr(&output),
        "error: publish refused: publish denied; \
         start the server with --allow-publish 'demo:hello'\n"
    );
}

#[test]
fn publish_that_is_too_large_tells_the_limit() {
    let (url, server) = serve(|peer| peer.close(1009));
    let output = shardcast(&["publish", "demo", "hello", "--url", &url]);
    server.join().unwrap();
    assert_eq!(output.status.code(), Some(1));
    assert!(
        stderr(&output).contains("--max-message-bytes"),
        "{}",
        stderr(&output)
    );
}

#[test]
fn subscribe_prints_a_line_per_message_until_the_count() {
    for (flags, expected) in [
        (&[] as &[&str], "a hello {\"x\":1}\nb bye\n"),
        (
            &["--json"],
            "{\"t\":\"msg\",\"c\":\"a\",\"e\":\"hello\",\"d\":{\"x\":1},\"i\":\"1\"}\n\
             {\"t\":\"msg\",\"c\":\"b\",\"e\":\"bye\",\"i\":\"2\"}\n",
        ),
    ] {
        let (url, server) = serve(|mut peer| {
            peer.hear(r#"{"t":"sub","c":"a"}"#);
            peer.hear(r#"{"t":"sub","c":"b"}"#);
            peer.say(r#"{"t":"ok","c":"a"}"#);
            peer.say(r#"{"t":"msg","c":"a","e":"hello","d":{"x":1},"i":"1"}"#);
            peer.say(r#"{"t":"ok","c":"b"}"#);
            peer.say(r#"{"t":"ping"}"#);
            peer.hear(r#"{"t":"pong"}"#);
            peer.say(r#"{"t":"msg","c":"b","e":"bye","i":"2"}"#);
            peer.wait_for_end();
        });
        let args = ["subscribe", "b", "a", "b", "--count", "2", "--url", &url];
        let output = shardcast(&[&args, flags].concat());
        server.join().unwrap();
        assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
        assert_eq!(stdout(&output), expected);
    }
}

#[test]
fn refused_subscribe_names_the_channel() {
    let (url, server) = serve(|mut peer| {
        peer.hear(r#"{"t":"sub","c":"private-x"}"#);
        peer.say(r#"{"t":"err","c":"private-x","r":"unauthorized"}"#);
        peer.wait_for_end();
    });
    let output = shardcast(&["subscribe", "private-x", "--url", &url]);
    server.join().unwrap();
    assert_eq!(output.status.code(), Some(1));
    assert!(stderr(&output).contains("--allow-subscribe private-x"));
}

#[test]
fn lost_connection_is_told_and_fails() {
    let script_of = |code: Option<u16>| {
        serve(move |mut peer| {
            peer.hear(r#"{"t":"sub","c":"demo"}"#);
            peer.say(r#"{"t":"ok","c":"demo"}"#);
            match code {
                Some(code) => peer.close(code),
                None => drop(peer),
            }
        })
    };
    for (code, said) in [
        (
            Some(1001),
            "closed the connection: it is shutting down (1001)",
        ),
        (Some(4000), "closed the connection: code 4000"),
        (None, "lost: "),
    ] {
        let (url, server) = script_of(code);
        let output = shardcast(&["subscribe", "demo", "--url", &url]);
        server.join().unwrap();
        assert_eq!(output.status.code(), Some(1));
        assert!(stderr(&output).contains(said), "{}", stderr(&output));
    }
}

#[test]
fn interrupt_ends_a_subscriber_with_success() {
    let (url, server) = serve(|mut peer| {
        peer.hear(r#"{"t":"sub","c":"demo"}"#);
        peer.say(r#"{"t":"ok","c":"demo"}"#);
        peer.wait_for_end();
    });
    let mut child = command(&["subscribe", "demo", "--url", &url])
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut notice = String::new();
    BufReader::new(child.stderr.take().unwrap())
        .read_line(&mut notice)
        .unwrap();
    assert!(notice.starts_with("subscribed on "), "{notice}");

    kill_process(Pid::from_child(&child), Signal::INT).unwrap();
    assert_eq!(child.wait().unwrap().code(), Some(0));
    server.join().unwrap();
}
