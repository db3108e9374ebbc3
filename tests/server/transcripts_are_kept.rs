//! Goal: an exchange recorded from a reference server goes the same way here, byte for byte.
//! Method: play the client's lines of the transcript and compare every answer; ids are replaced by
//! a placeholder on both sides.

use super::support::client::{BINARY, Client, Incoming, TEXT, request};
use super::support::{servers, strav};

const S_1: &str = include_str!("../dialects/strav/s-1.txt");

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

#[test]
fn transcript_has_something_to_compare() {
    assert_eq!(lines(S_1, "> ").count(), 13);
    assert_eq!(lines(S_1, "< ").count(), 8);
    assert_eq!(
        without_ids(r#"{"i":"01M7W7FG1R99FPSSD5YMA0MJMJ","c":"pub"}"#),
        r#"{"i":"<ulid>","c":"pub"}"#
    );
}
