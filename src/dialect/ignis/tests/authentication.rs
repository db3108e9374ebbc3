//! From silence to `connected`, and every way in which that fails.

use super::*;

const AUTHENTICATE: &str = r#"{"event":"authenticate","data":{}}"#;
const JOIN: &str = r#"{"event":"join","data":{"rooms":["a"]}}"#;

#[test]
fn nothing_but_authenticate_and_heartbeats_counts_before() {
    let mut bench = Bench::new(config());
    let client = bench.connect();
    bench.say(client, "nope");
    assert_eq!(bench.hears(client), [error("Invalid message format")]);
    for ignored in [
        "5",
        "\"s\"",
        "[]",
        r#"{"data":1}"#,
        r#"{"event":"heartbeat"}"#,
    ] {
        bench.say(client, ignored);
        assert_eq!(bench.hears(client), [], "{ignored}");
    }
    for event in [
        r#""join""#,
        r#""leave""#,
        r#""chat""#,
        r#""connected""#,
        "7",
        "{}",
        "true",
    ] {
        bench.say(
            client,
            &format!(r#"{{"event":{event},"data":{{"rooms":5}}}}"#),
        );
        assert_eq!(bench.hears(client), [error("Not authenticated")], "{event}");
    }
    assert_eq!(bench.shard.topics().subscriptions(), 0);
}

#[test]
fn who_says_nothing_for_5_s_is_closed_with_4001() {
    let mut bench = Bench::new(config());
    let client = bench.connect();
    bench.say(client, r#"{"event":"heartbeat"}"#);
    bench.wait(4_800);
    assert_eq!(bench.hears(client), []);
    bench.wait(400);
    assert_eq!(bench.hears(client), [close(4001, "Authentication timeout")]);
}

/// The time is replaced, not extended: 15 s count from `authenticate`, not from the upgrade.
#[test]
fn who_is_not_known_15_s_after_authenticate_is_closed_with_4001() {
    let mut bench = Bench::new(config());
    let client = bench.connect();
    bench.wait(4_500);
    bench.say(client, AUTHENTICATE);
    bench.wait(14_800);
    assert_eq!(bench.hears(client), []);
    bench.wait(400);
    assert_eq!(bench.hears(client), [close(4001, "Authentication timeout")]);
    let asked = bench.asked();
    bench.answer(&asked, &Proof::Accepted(identity(None)));
    assert_eq!(bench.hears(client), [], "nothing follows a Close frame");
}

#[test]
fn messages_beside_authenticate_are_answered_at_once() {
    let mut bench = Bench::new(config());
    let client = bench.connect();
    for message in [AUTHENTICATE, AUTHENTICATE, JOIN, r#"{"event":"heartbeat"}"#] {
        bench.say(client, message);
    }
    let answers = [error("Already authenticated"), error("Not authenticated")];
    assert_eq!(bench.hears(client), answers);
    let asked = bench.asked();
    assert!(bench.shard.poll_asked().is_none(), "asked once");
    bench.answer(&asked, &Proof::Accepted(identity(None)));
    assert!(matches!(&bench.hears(client)[..], [Got::Text(connected)]
        if connected.starts_with(r#"{"event":"connected","data":{"id":""#)));
    bench.say(client, AUTHENTICATE);
    assert_eq!(bench.hears(client), [error("Already authenticated")]);
}

#[test]
fn rejected_and_failed_credentials_are_told_before_the_close() {
    for (proof, message) in [
        (Proof::Rejected, "Authentication failed"),
        (Proof::Failed, "Authentication error"),
    ] {
        let mut bench = Bench::new(config());
        let client = bench.connect();
        bench.say(client, AUTHENTICATE);
        let asked = bench.asked();
        bench.answer(&asked, &proof);
        let last = [error(message), close(4003, "Authentication failed")];
        assert_eq!(bench.hears(client), last);
    }
}

#[test]
fn credentials_are_asked_about_as_they_came() {
    for (message, expected) in [
        (r#"{"event":"authenticate"}"#, "{}"),
        (r#"{"event":"authenticate","data":null}"#, "{}"),
        (
            r#"{"event":"authenticate","data": {"type":"Bearer","token":"t"} }"#,
            r#"{"type":"Bearer","token":"t"}"#,
        ),
        (r#"{"event":"authenticate","data":"t"}"#, r#""t""#),
    ] {
        let mut bench = Bench::new(config());
        let client = bench.connect();
        bench.say(client, message);
        let Inquiry::Authenticate { data } = bench.asked().inquiry else {
            panic!("another question");
        };
        assert_eq!(std::str::from_utf8(&data), Ok(expected), "{message}");
    }
}

#[test]
fn connected_says_who_the_client_is_and_when() {
    let mut bench = Bench::new(config());
    let (named, id) = bench.known();
    assert_eq!(bench.shard.find(id), Some(named));
    let nobody = bench.connect();
    bench.wait(7);
    let got = bench.authenticate(nobody, &json!({}), None);
    let [Got::Text(connected)] = &got[..] else {
        panic!("{got:?}");
    };
    let id = &connected[35..71];
    assert_ne!(Ulid::parse_uuid(id.as_bytes()), None, "{id}");
    assert_eq!(
        *connected,
        format!(
            r#"{{"event":"connected","data":{{"id":"{id}","time":"2026-02-11T08:00:00.007Z"}}}}"#
        )
    );
}

#[test]
fn ended_identity_is_told_and_closed_with_4003() {
    let last = [
        error("Authentication failed"),
        close(4003, "Authentication failed"),
    ];
    let mut bench = Bench::new(config());
    let (revoked, _) = bench.known();
    bench.shard.revoke(bench.now, revoked, "revoked");
    assert_eq!(bench.hears(revoked), last);

    let expiring = bench.connect();
    bench.say(expiring, AUTHENTICATE);
    let asked = bench.asked();
    let known = Identity {
        user: None,
        claims: json!({}),
        expires_unix_ms: Some(bench.now.unix_ms + 1_000),
    };
    bench.answer(&asked, &Proof::Accepted(Arc::new(known)));
    bench.hears(expiring);
    bench.wait(1_200);
    assert_eq!(bench.hears(expiring), last);
}

#[test]
fn client_that_has_gone_meanwhile_is_told_nothing_and_left_nowhere() {
    let mut bench = Bench::new(config());
    let client = bench.connect();
    bench.say(client, AUTHENTICATE);
    let asked = bench.asked();
    bench.shard.handle_end(bench.now, client, true);
    bench.answer(&asked, &Proof::Accepted(identity(Some("u1"))));
    assert_eq!(bench.hears(client), []);
    assert_eq!(bench.shard.topics().subscriptions(), 0);
    assert_eq!(bench.publish(Audience::User("u1"), "", None), 0);
}

#[test]
fn too_big_message_is_closed_with_the_words_of_the_reference() {
    let mut bench = Bench::new(config());
    let (client, _) = bench.known();
    let fitting = format!(
        r#"{{"event":"chat","data":"{}"}}"#,
        "x".repeat(131_072 - 26)
    );
    assert_eq!(fitting.len(), 131_072);
    bench.say(client, &fitting);
    assert_eq!(bench.hears(client), []);
    bench.say(client, &format!("{fitting} "));
    assert_eq!(
        bench.hears(client),
        [close(1009, "Received too big message")]
    );
}

#[test]
fn drain_is_told_in_the_words_of_the_reference() {
    use crate::engine::drain::DrainPhase;
    let mut bench = Bench::new(config());
    let clients = [bench.connect(), bench.known().0];
    let by_ms = bench.now.monotonic_ms;
    for phase in [DrainPhase::Quiesce, DrainPhase::Close { by_ms }] {
        bench.shard.handle_drain(bench.now, phase);
    }
    for client in clients {
        assert_eq!(bench.hears(client), [close(1001, "Server shutting down")]);
    }
}

/// The payloads of the lines that begin with `mark`.
fn lines<'t>(transcript: &'t str, mark: &'t str) -> impl Iterator<Item = &'t str> {
    let lines = transcript.lines();
    lines.filter_map(move |line| line.strip_prefix(mark))
}

#[test]
fn transcripts_of_the_reference_are_kept_byte_for_byte() {
    let rejected = include_str!("../../../../tests/dialects/ignis/i-2-rejected.txt");
    let failed = include_str!("../../../../tests/dialects/ignis/i-2-error.txt");
    let slow = include_str!("../../../../tests/dialects/ignis/i-2-slow.txt");
    let before = include_str!("../../../../tests/dialects/ignis/i-1.txt");
    let cases = [
        (rejected, Some(Proof::Rejected), 0_u64),
        (failed, Some(Proof::Failed), 0),
        (slow, None, 15_000),
        (before, None, 5_000),
    ];
    for (transcript, proof, wait_ms) in cases {
        for opcode in [OpCode::Text, OpCode::Binary] {
            let mut bench = Bench::new(config());
            let client = bench.connect();
            for line in lines(transcript, "> ") {
                bench.send(client, opcode, line.as_bytes());
            }
            if let Some(proof) = &proof {
                let asked = bench.asked();
                bench.answer(&asked, proof);
            }
            // The answers are there at once, the Close frame not before its time.
            let at_once = bench.hears(client);
            bench.wait(wait_ms.saturating_sub(200));
            assert_eq!(bench.hears(client), []);
            bench.wait(400);
            let mut expected: Vec<Got> = lines(transcript, "< ")
                .map(|line| Got::Text(line.to_owned()))
                .collect();
            let close_line = lines(transcript, "x ").next().expect("a last line");
            let (code, reason) = close_line.split_once(' ').expect("a code and a reason");
            expected.push(close(code.parse().expect("a code"), reason));
            let got = [at_once, bench.hears(client)].concat();
            assert_eq!(got, expected, "{transcript}");
        }
    }
}
