//! Who a connection is: said by a message, kept, changed, and ended.

use super::*;
use crate::engine::actions::{Actions, Dispatch, To};
use crate::engine::decider::{Inquiry, Proof};

pub(super) fn identity(user: &str, lives_ms: Option<u64>, now: Now) -> Arc<Identity> {
    Arc::new(Identity {
        user: Some(Arc::from(user)),
        claims: serde_json::json!({"sub": user}),
        expires_unix_ms: lives_ms.map(|ms| now.unix_ms + ms),
    })
}

fn prove(bench: &mut Bench, proof: &Proof) {
    let asked = bench.shard.poll_asked().expect("a question");
    assert!(matches!(asked.inquiry, Inquiry::Authenticate { .. }));
    bench
        .shard
        .handle_proof(bench.now, asked.conn.key, asked.ticket, proof);
}

fn log_in(bench: &mut Bench, client: Key, user: &str) {
    bench.say(client, "login secret");
    let known = identity(user, None, bench.now);
    prove(bench, &Proof::Accepted(known));
    assert_eq!(bench.hears(client), [text("Accepted")]);
}

#[test]
fn messages_behind_a_login_wait_for_it_and_see_it() {
    let mut bench = one(LIMITS);
    let client = bench.connect();
    for words in ["who", "login secret", "sub mine", "who"] {
        bench.say(client, words);
    }
    assert_eq!(bench.hears(client), [text("None")]);
    let asked = bench.shard.poll_asked().expect("a question");
    let Inquiry::Authenticate { data } = &asked.inquiry else {
        panic!("{asked:?}");
    };
    assert_eq!(&**data, b"secret");
    let known = identity("u1", None, bench.now);
    let proof = Proof::Accepted(known);
    bench
        .shard
        .handle_proof(bench.now, client, asked.ticket, &proof);
    let answers = ["Accepted", "Subscribed mine", "Some(Some(\"u1\"))"];
    assert_eq!(bench.hears(client), answers.map(text));
}

#[test]
fn messages_beside_a_login_go_on() {
    let mut bench = one(LIMITS);
    let client = bench.connect();
    for words in ["login-meanwhile secret", "sub mine", "who"] {
        bench.say(client, words);
    }
    assert_eq!(bench.hears(client), ["Denied mine", "None"].map(text));
    let known = identity("u1", None, bench.now);
    prove(&mut bench, &Proof::Accepted(known));
    bench.say(client, "sub mine");
    assert_eq!(
        bench.hears(client),
        ["Accepted", "Subscribed mine"].map(text)
    );
}

#[test]
fn proof_is_told_and_one_that_is_late_or_strange_is_not() {
    for (proof, answer) in [(Proof::Rejected, "Rejected"), (Proof::Failed, "Failed")] {
        for login in ["login x", "login-meanwhile x"] {
            let mut bench = one(LIMITS);
            let client = bench.connect();
            bench.say(client, login);
            let ticket = bench.shard.poll_asked().expect("a question").ticket;
            let now = bench.now;
            let known = Proof::Accepted(identity("u1", None, now));
            bench.shard.handle_proof(now, client, ticket + 1, &known);
            assert_eq!(bench.hears(client), []);
            bench.shard.handle_proof(now, client, ticket, &proof);
            bench.shard.handle_proof(now, client, ticket, &known);
            bench.say(client, "who");
            assert_eq!(bench.hears(client), [answer, "None"].map(text));
        }
    }
}

#[test]
fn bytes_before_an_identity_are_bounded_where_one_is_needed() {
    for (needs_identity, is_known) in [(true, false), (true, true), (false, false)] {
        let mut bench = one(ConnLimits {
            unproven_bytes_max: 200,
            ..LIMITS
        });
        bench.shard.endpoints[0].dialect = Box::new(Words {
            needs_identity,
            ..WORDS
        });
        let client = bench.connect();
        if is_known {
            log_in(&mut bench, client, "u1");
        }
        for _ in 0..40 {
            bench.say(client, "nothing");
        }
        let got = bench.hears(client);
        if needs_identity && !is_known {
            assert_eq!(
                got,
                [Got::Close(1009, "too much before authentication".into())]
            );
            let stats = bench.shard.stats();
            assert_eq!(stats.closed_for(Cause::UnauthenticatedBytes), 1);
            // 13 bytes each: the sixteenth is one too many.
            assert_eq!(stats.messages_ignored, 15);
        } else {
            assert_eq!(got, []);
        }
    }
}

#[test]
fn login_that_nobody_answers_fails() {
    let mut bench = one(LIMITS);
    let client = bench.connect();
    bench.say(client, "login x");
    bench.say(client, "who");
    bench.tick(crate::base::time::millis(
        crate::base::limits::DECISION_TIMEOUT,
    ));
    assert_eq!(bench.hears(client), ["Failed", "None"].map(text));
}

#[test]
fn identity_ends_with_its_time_and_takes_what_it_opened_along() {
    let mut bench = one(LIMITS);
    let client = bench.connect();
    bench.say(client, "login x");
    let known = identity("u1", Some(4_000), bench.now);
    prove(&mut bench, &Proof::Accepted(known));
    bench.say(client, "sub mine");
    assert_eq!(
        bench.hears(client),
        ["Accepted", "Subscribed mine"].map(text)
    );
    bench.tick(3_900);
    assert_eq!(bench.hears(client), []);
    bench.tick(1_000);
    assert_eq!(
        bench.hears(client),
        [
            text("token_expired"),
            Got::Close(1008, "unauthorized".into())
        ]
    );
    assert_eq!(bench.shard.topics().subscriptions(), 0);
    assert_eq!(bench.shard.users.subscriptions(), 0);
    assert_eq!(bench.shard.stats().closed_for(Cause::Unauthorized), 1);
}

#[test]
fn logout_leaves_what_only_the_identity_opened() {
    let mut bench = one(LIMITS);
    let client = bench.connect();
    bench.say(client, "sub open");
    bench.say(client, "login x");
    let known = identity("u1", None, bench.now);
    prove(&mut bench, &Proof::Accepted(known));
    bench.say(client, "sub mine");
    assert!(bench.shard.join(client, "no-given"));
    for words in ["logout", "has open", "has mine", "has no-given", "who"] {
        bench.say(client, words);
    }
    let got = bench.hears(client);
    assert_eq!(
        got[3..],
        ["has true", "has false", "has false", "None"].map(text)
    );
}

#[test]
fn refresh_by_the_same_user_keeps_what_others_than_the_rules_have_granted() {
    for (user, kept) in [("u1", true), ("u2", false)] {
        let mut bench = one(LIMITS);
        let client = bench.connect();
        log_in(&mut bench, client, "u1");
        bench.say(client, "sub mine");
        bench.say(client, "sub ask");
        let asked = bench.shard.poll_asked().expect("a question");
        bench
            .shard
            .handle_verdict(bench.now, client, asked.ticket, Verdict::Allow, 0);
        assert!(bench.shard.join(client, "no-given"));
        bench.hears(client);
        log_in(&mut bench, client, user);
        for words in ["has mine", "has ask", "has no-given"] {
            bench.say(client, words);
        }
        let answers = [true, kept, kept].map(|has| text(&format!("has {has}")));
        assert_eq!(bench.hears(client), answers, "{user}");
    }
}

/// Who has left a topic that it was put into is like anybody else who comes back.
#[test]
fn topic_that_was_left_is_not_remembered_as_given() {
    let mut bench = one(LIMITS);
    let client = bench.connect();
    log_in(&mut bench, client, "u1");
    for number in 0..1_000 {
        let topic = format!("no-{number}");
        assert!(bench.shard.join(client, &topic));
        bench.shard.unsubscribe(client, &topic);
    }
    let conn = bench.shard.conns.get(client).expect("open");
    assert_eq!(conn.session.as_ref().expect("known").joined.len(), 0);
}

#[test]
fn answer_holds_as_long_as_it_says() {
    let mut bench = one(LIMITS);
    let client = bench.connect();
    bench.say(client, "sub ask");
    let asked = bench.shard.poll_asked().expect("a question");
    bench
        .shard
        .handle_verdict(bench.now, client, asked.ticket, Verdict::Allow, 10_000);
    for words in ["unsub ask", "sub ask"] {
        bench.say(client, words);
    }
    assert_eq!(bench.hears(client), ["Subscribed ask"; 2].map(text));
    assert!(bench.shard.poll_asked().is_none());
    bench.say(client, "unsub ask");
    bench.tick(10_000);
    // What nobody could tell does not hold, and what is told anew takes the place of the old.
    for verdict in [Verdict::Fail, Verdict::Allow] {
        bench.say(client, "sub ask");
        assert_eq!(bench.hears(client), []);
        let asked = bench.shard.poll_asked().expect("a question");
        bench
            .shard
            .handle_verdict(bench.now, client, asked.ticket, verdict, 10_000);
        bench.hears(client);
    }
    for words in ["unsub ask", "sub ask"] {
        bench.say(client, words);
    }
    assert_eq!(bench.hears(client), [text("Subscribed ask")]);
}

/// As many as a connection may have topics by default; then the oldest go.
#[test]
fn answers_that_are_kept_are_bounded() {
    let mut bench = one(LIMITS);
    let client = bench.connect();
    for number in 0..=128 {
        bench.say(client, &format!("sub ask{number}"));
        let asked = bench.shard.poll_asked().expect("a question");
        bench
            .shard
            .handle_verdict(bench.now, client, asked.ticket, Verdict::Deny, 10_000);
    }
    bench.say(client, "sub ask1");
    assert!(bench.shard.poll_asked().is_none());
    bench.say(client, "sub ask0");
    assert!(bench.shard.poll_asked().is_some());
}

#[test]
fn message_for_the_application_is_handled_as_its_rule_says() {
    let mut bench = one(LIMITS);
    let (client, other) = (bench.connect(), bench.connect());
    bench.say(client, "sub lobby");
    bench.say(other, "sub lobby");
    for words in ["app back 1", "app all 2", "app others 3", "app unknown 4"] {
        bench.say(client, words);
    }
    let heard = bench.hears(client);
    assert_eq!(heard[1..], [" back 1", "lobby all 2"].map(text));
    let heard = bench.got(other);
    assert_eq!(heard[1..], ["lobby all 2", "lobby others 3"].map(text));
    assert_eq!(bench.shard.stats().messages_ignored, 1);
}

#[test]
fn deeds_of_the_application_are_done_in_order_before_the_next_message() {
    let mut bench = one(LIMITS);
    let (client, other) = (bench.connect(), bench.connect());
    bench.say(other, "sub lobby");
    bench.hears(other);
    bench.say(client, "app ? 1");
    bench.say(client, "has no-place");
    let asked = bench.shard.poll_asked().expect("a question");
    let Inquiry::Message { event, data } = &asked.inquiry else {
        panic!("{asked:?}");
    };
    assert_eq!((&**event, data.as_deref()), ("?", Some(&b"1"[..])));
    let mut deeds = Actions::default();
    let send = |to, topic: &'static str, event: &'static str| Dispatch {
        to,
        topic: topic.into(),
        event: event.into(),
        data: None,
        exclude_sender: false,
        exclude: Vec::new(),
    };
    deeds.dispatch(send(To::Sender, "", "first"));
    deeds.join("no-place".into());
    deeds.dispatch(send(To::Topic, "lobby", "news"));
    bench
        .shard
        .handle_deeds(bench.now, client, asked.ticket, deeds);
    assert_eq!(bench.hears(client), [" first ", "has true"].map(text));
    assert_eq!(bench.got(other), [text("lobby news ")]);
}

#[test]
fn answer_about_credentials_that_comes_after_the_end_makes_nobody_a_users() {
    let mut bench = one(LIMITS);
    let client = bench.connect();
    bench.say(client, "login-meanwhile secret");
    bench.say(client, "close");
    // It has not been released yet: its slot is its own.
    let known = identity("u1", None, bench.now);
    prove(&mut bench, &Proof::Accepted(known));
    assert_eq!(bench.shard.users.topics(), 0);
    bench.shard.handle_released(client);
    assert_eq!(bench.shard.users.topics(), 0);
}

/// Whoever decides was told the identity, and may not yet know that it has ended.
#[test]
fn what_is_being_decided_is_denied_when_the_identity_ends() {
    for (words, denied) in [
        ("sub ask1", "Denied ask1"),
        ("pub ask1 e", "AccessDenied ask1"),
    ] {
        let mut bench = one(LIMITS);
        bench.shard.endpoints[0].dialect = Box::new(Words {
            stays_without_identity: true,
            ..WORDS
        });
        let client = bench.connect();
        log_in(&mut bench, client, "u1");
        bench.say(client, words);
        bench.say(client, "who");
        let ticket = bench.shard.poll_asked().expect("a question").ticket;
        bench.shard.revoke(bench.now, client, "revoked");
        assert_eq!(
            bench.hears(client),
            ["revoked", denied, "None"].map(text),
            "{words}"
        );
        bench
            .shard
            .handle_verdict(bench.now, client, ticket, Verdict::Allow, 60_000);
        bench.say(client, "has ask1");
        assert_eq!(bench.hears(client), [text("has false")]);
        assert_eq!(bench.shard.topics().subscriptions(), 0);
        assert_eq!(bench.shard.stats().publications, 0);
    }
}
