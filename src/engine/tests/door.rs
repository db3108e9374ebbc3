//! Who comes in: tokens in requests, and answers that take their time.

use super::identity::identity;
use super::*;
use crate::base::limits::{DECISION_TIMEOUT, PARKED_BYTES_MAX};
use crate::base::time::millis;
use crate::codec::http::Refusal;
use crate::engine::decider::{Admission, Asked, Inquiry};

fn guarded(door: Door, turns_away_by_close: bool) -> Bench {
    let mut bench = one(LIMITS);
    let endpoint = &mut bench.shard.endpoints[0];
    endpoint.door = door;
    endpoint.dialect = Box::new(Words {
        turns_away_by_close,
        ..WORDS
    });
    bench
}

fn tokens() -> Door {
    Door {
        reads_tokens: true,
        query_parameter: Some("token".to_owned()),
        cookie: Some("session".to_owned()),
        ..Door::default()
    }
}

fn knock(bench: &mut Bench, request: &str) -> Key {
    let key = bench.shard.handle_accepted(bench.now, PEER).expect("room");
    bench.bytes(key, request.as_bytes());
    key
}

fn with_token() -> String {
    UPGRADE.replace("/words", "/words?token=t0")
}

fn raw(bench: &mut Bench, key: Key) -> String {
    bench.flush();
    let bytes = bench.sockets.received.remove(&key).unwrap_or_default();
    String::from_utf8_lossy(&bytes).into_owned()
}

fn asked(bench: &mut Bench) -> Asked {
    bench.shard.poll_asked().expect("a question")
}

fn admit(bench: &mut Bench, asked: &Asked, admission: Admission) {
    bench
        .shard
        .handle_admission(bench.now, asked.conn.key, asked.ticket, admission);
}

fn welcome(bench: &Bench) -> Admission {
    Admission::Admit {
        identity: Some(identity("u1", None, bench.now)),
        headers: vec![("Set-Cookie".to_owned(), "a=b".to_owned())],
        topics: vec!["no-given".to_owned()],
    }
}

#[test]
fn header_beats_query_beats_cookie() {
    let header = "Authorization: Bearer h\r\n";
    let cookie = "Cookie: session=c\r\n";
    for (headers, query, token) in [
        (format!("{header}{cookie}"), "?token=q", Some("h")),
        (cookie.to_owned(), "?token=q", Some("q")),
        (cookie.to_owned(), "", Some("c")),
        (String::new(), "", None),
    ] {
        let mut bench = guarded(tokens(), false);
        let request = UPGRADE
            .replace("/words", &format!("/words{query}"))
            .replace("\r\n\r\n", &format!("\r\n{headers}\r\n"));
        let key = knock(&mut bench, &request);
        let found = bench.shard.poll_asked().map(|asked| match asked.inquiry {
            Inquiry::Admit(newcomer) => {
                assert_eq!(newcomer.peer, PEER);
                newcomer.token
            }
            other => panic!("{other:?}"),
        });
        assert_eq!(found.flatten().as_deref(), token);
        assert_eq!(raw(&mut bench, key).is_empty(), token.is_some());
    }
}

#[test]
fn who_is_admitted_is_somebody_from_the_first_message_on() {
    let mut bench = guarded(tokens(), false);
    let request = [with_token().as_bytes(), &frame(1, b"sub mine")].concat();
    let key = bench.shard.handle_accepted(bench.now, PEER).expect("room");
    bench.bytes(key, &request);
    bench.say(key, "has no-given");
    assert_eq!(raw(&mut bench, key), "");
    let asked = asked(&mut bench);
    let welcome = welcome(&bench);
    admit(&mut bench, &asked, welcome);
    bench.say(key, "who");
    let answers = ["hello", "Subscribed mine", "has true", "Some(Some(\"u1\"))"];
    assert_eq!(bench.hears(key), answers.map(text));
}

/// What comes with an admission is given to that identity, within the limit.
#[test]
fn topics_from_the_start_are_bounded_and_go_with_the_identity() {
    let mut bench = guarded(tokens(), false);
    let key = knock(&mut bench, &with_token());
    let asked = asked(&mut bench);
    let topics = (1..=6).map(|number| format!("no-{number}")).collect();
    let welcome = Admission::Admit {
        identity: Some(identity("u1", None, bench.now)),
        headers: Vec::new(),
        topics,
    };
    admit(&mut bench, &asked, welcome);
    assert_eq!(bench.shard.topics_of(key).len(), LIMITS.subscriptions_max);
    bench.say(key, "logout");
    assert_eq!(bench.shard.topics_of(key).len(), 0);
}

#[test]
fn answer_to_another_question_lets_nobody_in() {
    let mut bench = guarded(tokens(), false);
    let key = knock(&mut bench, &with_token());
    let mut other = asked(&mut bench);
    other.ticket = other.ticket.wrapping_add(1);
    let welcome = welcome(&bench);
    admit(&mut bench, &other, welcome);
    assert_eq!(raw(&mut bench, key), "");
    assert!(bench.shard.users.topics() == 0);
}

#[test]
fn token_that_is_needed_is_needed_where_everybody_is_asked_about_too() {
    let door = Door {
        needs_token: true,
        asks_always: true,
        ..tokens()
    };
    let mut bench = guarded(door, false);
    let key = knock(&mut bench, UPGRADE);
    assert!(bench.shard.poll_asked().is_none());
    assert!(raw(&mut bench, key).starts_with("HTTP/1.1 401 "));
}

#[test]
fn silence_at_the_door_is_not_the_clients() {
    let mut bench = guarded(tokens(), false);
    bench.shard.endpoints[0].limits.idle_timeout_ms = 3_000;
    let key = knock(&mut bench, &with_token());
    let asked = asked(&mut bench);
    bench.tick(4_000);
    let welcome = welcome(&bench);
    admit(&mut bench, &asked, welcome);
    bench.tick(2_800);
    assert_eq!(bench.hears(key), [text("hello")]);
    bench.tick(300);
    assert_eq!(bench.hears(key), [Got::Close(1001, "idle timeout".into())]);
}

#[test]
fn headers_of_the_answer_are_in_the_response() {
    let mut bench = guarded(tokens(), false);
    let key = knock(&mut bench, &with_token());
    let asked = asked(&mut bench);
    let welcome = welcome(&bench);
    admit(&mut bench, &asked, welcome);
    let response = raw(&mut bench, key);
    assert!(response.contains("\r\nSet-Cookie: a=b\r\n"), "{response}");
}

#[test]
fn wrong_or_missing_token_is_told_as_the_dialect_tells_it() {
    let needs = Door {
        needs_token: true,
        ..tokens()
    };
    for (request, is_asked) in [(with_token(), true), (UPGRADE.to_owned(), false)] {
        for by_close in [false, true] {
            let mut bench = guarded(needs.clone(), by_close);
            let key = knock(&mut bench, &request);
            let question = bench.shard.poll_asked();
            assert_eq!(question.is_some(), is_asked);
            if let Some(asked) = question {
                admit(&mut bench, &asked, Admission::Unauthorized);
            }
            if by_close {
                let got = bench.hears(key);
                assert_eq!(got[1..], [Got::Close(1008, "unauthorized".into())]);
            } else {
                let response = raw(&mut bench, key);
                assert!(response.starts_with("HTTP/1.1 401 "), "{response}");
                assert!(response.contains("\r\nWWW-Authenticate: Bearer\r\n"));
            }
            assert_eq!(bench.shard.stats().closed_for(Cause::Unauthorized), 1);
        }
    }
}

#[test]
fn refusal_is_relayed_and_no_answer_is_503() {
    let refusal = Refusal::new(http::StatusCode::PAYMENT_REQUIRED, "Pay.");
    for (admission, status) in [
        (Some(Admission::Refuse(refusal)), "402"),
        (Some(Admission::Failed), "503"),
        (None, "503"),
    ] {
        let mut bench = guarded(tokens(), false);
        let key = knock(&mut bench, &with_token());
        let asked = asked(&mut bench);
        match admission {
            Some(admission) => admit(&mut bench, &asked, admission),
            None => bench.tick(millis(DECISION_TIMEOUT)),
        }
        let response = raw(&mut bench, key);
        let expected = format!("HTTP/1.1 {status} ");
        assert!(response.starts_with(&expected), "{response}");
        let late = welcome(&bench);
        admit(&mut bench, &asked, late);
        assert_eq!(raw(&mut bench, key), "");
    }
}

#[test]
fn client_that_goes_away_at_the_door_leaves_nothing() {
    let mut bench = guarded(tokens(), false);
    let key = knock(&mut bench, &with_token());
    let asked = asked(&mut bench);
    bench.shard.handle_end(bench.now, key, true);
    bench.shard.handle_released(key);
    let late = welcome(&bench);
    admit(&mut bench, &asked, late);
    assert_eq!(bench.shard.conns(), 0);
    assert_eq!(bench.shard.users.subscriptions(), 0);
}

#[test]
fn what_waits_at_the_door_is_bounded_and_all_of_it_is_read_later() {
    let mut bench = guarded(tokens(), false);
    let key = knock(&mut bench, &with_token());
    let mut sent = 0;
    while bench.say(key, "nothing that means anything here") == Flow::Read {
        sent += 1;
        assert!(sent * 32 < PARKED_BYTES_MAX, "never paused");
    }
    let asked = asked(&mut bench);
    let welcome = welcome(&bench);
    admit(&mut bench, &asked, welcome);
    assert_eq!(bench.ops(), [(key, SocketOp::Resume)]);
    assert_eq!(bench.shard.stats().messages_ignored, sent as u64 + 1);
}

#[test]
fn drain_refuses_whoever_waits_at_the_door() {
    let mut bench = guarded(tokens(), false);
    let key = knock(&mut bench, &with_token());
    let now = bench.now;
    bench
        .shard
        .handle_drain(now, crate::engine::drain::DrainPhase::Quiesce);
    assert!(raw(&mut bench, key).starts_with("HTTP/1.1 503 "));
}
