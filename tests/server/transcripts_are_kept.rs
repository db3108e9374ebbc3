//! Goal: an exchange recorded from a reference server goes the same way here, byte for byte.
//! Method: play the client's lines of the transcript and compare every answer; ids are replaced by
//! a placeholder on both sides.

use std::time::{Duration, Instant};

use serde_json::json;

use super::support::app_server::AppServer;
use super::support::client::{BINARY, Client, Incoming, TEXT, request};
use super::support::token::KEY_FLAG;
use super::support::{Server, servers, strav};

const S_1: &str = include_str!("../dialects/strav/s-1.txt");
const I_1: &str = include_str!("../dialects/ignis/i-1.txt");
const I_2_REJECTED: &str = include_str!("../dialects/ignis/i-2-rejected.txt");
const I_2_ERROR: &str = include_str!("../dialects/ignis/i-2-error.txt");
const I_2_SLOW: &str = include_str!("../dialects/ignis/i-2-slow.txt");

/// The payloads of the lines that begin with `mark`.
pub(super) fn lines<'t>(transcript: &'t str, mark: &'t str) -> impl Iterator<Item = &'t str> {
    transcript
        .lines()
        .filter_map(move |line| line.strip_prefix(mark))
}

/// Replaces what differs from run to run: every ULID that is the whole of a JSON string.
fn without_ids(text: &str) -> String {
    let is_ulid = |part: &str| {
        part.len() == 26
            && part
                .bytes()
                .all(|byte| byte.is_ascii_digit() || byte.is_ascii_uppercase())
    };
    let parts: Vec<&str> = text
        .split('"')
        .map(|part| if is_ulid(part) { "<ulid>" } else { part })
        .collect();
    parts.join("\"")
}

fn expect_answers(client: &mut Client, transcript: &str) {
    for expected in lines(transcript, "< ") {
        let Incoming::Text(text) = client.incoming() else {
            panic!("{expected} was to come");
        };
        assert_eq!(without_ids(&text), without_ids(expected));
    }
    // Nor was there anything else.
    client.expect_pong();
}

#[test]
fn strav_transcript_s_1_is_answered_byte_for_byte() {
    for server in servers(&[1, 2], &["--allow-publish", "*:client-*"]) {
        // Binary frames that hold UTF-8 count like text.
        for opcode in [TEXT, BINARY] {
            let mut client = Client::upgrade(server.addr, strav::PATH);
            for line in lines(S_1, "> ") {
                client.send(opcode, line.as_bytes());
            }
            expect_answers(&mut client, S_1);
        }
    }
}

#[test]
fn strav_transcript_is_the_same_before_the_welcome_was_read() {
    for server in servers(&[1, 2], &["--allow-publish", "*:client-*"]) {
        let mut client = Client::tcp(server.addr);
        let mut all = request(strav::PATH);
        for line in lines(S_1, "> ") {
            all.extend(client.frame(true, TEXT, line.as_bytes()));
        }
        client.send_raw(&all);
        client.expect_upgrade();
        expect_answers(&mut client, S_1);
    }
}

/// The Close frame that ends a transcript.
fn closing(transcript: &str) -> Incoming {
    let line = lines(transcript, "x ").next().expect("a last line");
    let (code, reason) = line.split_once(' ').expect("a code and a reason");
    Incoming::Close(code.parse().ok(), reason.to_owned())
}

/// Plays a transcript that ends in a Close frame.
fn expect_whole(server: &Server, transcript: &str) {
    for opcode in [TEXT, BINARY] {
        let mut client = Client::upgrade(server.addr, "/ws");
        for line in lines(transcript, "> ") {
            client.send(opcode, line.as_bytes());
        }
        for line in lines(transcript, "< ") {
            assert_eq!(client.incoming(), Incoming::Text(line.to_owned()));
        }
        let last = client.incoming();
        assert_eq!(last, closing(transcript));
        if let Incoming::Close(Some(code), _) = last {
            client.answer_close(code);
        }
    }
}

#[test]
fn ignis_transcript_of_wrong_credentials_is_answered_byte_for_byte() {
    for server in servers(&[1, 2], &["--endpoint", "/ws=ignis", KEY_FLAG]) {
        expect_whole(&server, I_2_REJECTED);
    }
}

/// What throws in the reference is an app server that breaks here, and what takes long one that
/// takes its time.
#[test]
fn ignis_transcripts_of_credentials_that_nobody_tells_about_are_answered_byte_for_byte() {
    let broken = AppServer::start(|_| (500, "", json!({})));
    let slow = AppServer::start(|_| {
        std::thread::sleep(Duration::from_secs(4));
        (200, "", json!({}))
    });
    // The broken one gets the time that is the default; the slow one is waited for.
    for (app, auth_timeout, shards, transcript) in [
        (broken, "5s", &[1, 2][..], I_2_ERROR),
        (slow, "800ms", &[2], I_2_SLOW),
    ] {
        let (asked, auth_timeout) = (app.flag(), format!("--ignis-auth-timeout={auth_timeout}"));
        let flags = [
            "--endpoint=/ws=ignis",
            "--webhook-events=authenticate",
            "--webhook-timeout=5s",
            &auth_timeout,
            &asked,
        ];
        for server in servers(shards, &flags) {
            expect_whole(&server, transcript);
        }
    }
}

#[test]
fn ignis_transcript_i_1_is_answered_byte_for_byte_and_closed_after_5_s() {
    let servers: Vec<Server> = servers(&[1, 2], &["--endpoint", "/ws=ignis"]).collect();
    let mut clients = Vec::new();
    for server in &servers {
        for opcode in [TEXT, BINARY] {
            let started = Instant::now();
            let mut client = Client::upgrade(server.addr, "/ws");
            for line in lines(I_1, "> ") {
                client.send(opcode, line.as_bytes());
            }
            expect_answers(&mut client, I_1);
            clients.push((started, client));
        }
    }
    for (started, mut client) in clients {
        assert_eq!(client.incoming(), closing(I_1));
        assert!(started.elapsed() >= Duration::from_secs(5));
        client.answer_close(4001);
    }
}

#[test]
fn transcript_has_something_to_compare() {
    assert_eq!(lines(I_1, "> ").count(), 7);
    assert_eq!(lines(I_1, "< ").count(), 2);
    assert_eq!(lines(I_2_REJECTED, "< ").count(), 1);
    assert_eq!(lines(I_2_ERROR, "< ").count(), 1);
    assert_eq!(lines(I_2_SLOW, "< ").count(), 2);
    assert_eq!(lines(S_1, "> ").count(), 13);
    assert_eq!(lines(S_1, "< ").count(), 8);
    assert_eq!(
        without_ids(r#"{"i":"01M7W7FG1R99FPSSD5YMA0MJMJ","c":"pub"}"#),
        r#"{"i":"<ulid>","c":"pub"}"#
    );
}
