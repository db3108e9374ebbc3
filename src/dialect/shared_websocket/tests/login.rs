//! Who somebody is: at the door, by a message, and no longer.

use super::bench::{Bench, Got, identity, join, refused, text};
use crate::base::limits::DECISION_TIMEOUT;
use crate::base::time::millis;
use crate::dialect::shared_websocket::{Role, Settings};
use crate::engine::actions::Actions;
use crate::engine::decider::{Admission, Inquiry, Proof, Verdict};
use crate::engine::door::Door;

const LOGIN: &str = r#"{"event":"$auth:login","data":{"token":"JWT"}}"#;
const LOGOUT: &str = r#"{"event":"$auth:logout","data":{}}"#;

fn revoked(reason: &str) -> Got {
    text(&format!(
        r#"{{"event":"$auth:revoked","data":{{"reason":"{reason}"}}}}"#
    ))
}

#[test]
fn login_opens_what_is_gated_and_what_follows_it_waits() {
    let mut bench = Bench::new();
    let client = bench.connect();
    bench.say(client, LOGIN);
    bench.say(client, &join("user:u1"));
    let known = identity("u1", None, bench.now);
    let asked_with = bench.prove(&Proof::Accepted(known));
    assert_eq!(asked_with, r#"{"token":"JWT"}"#);
    assert_eq!(bench.hears(client), []);
    assert_eq!(bench.topics(client), ["user:u1"]);
}

#[test]
fn login_is_acknowledged_where_that_has_a_name() {
    let mut bench = Bench::set(|settings| settings.names.set(Role::AuthOk, "auth.ok"));
    let client = bench.connect();
    bench.log_in(client, "u\"1", None);
    let ok = text(r#"{"event":"auth.ok","data":{"userId":"u\"1"}}"#);
    assert_eq!(bench.hears(client), [ok]);
}

/// The client logs in after every reconnect, often twice, and again with every new token.
#[test]
fn login_of_the_same_user_again_keeps_everything() {
    let mut bench = Bench::new();
    let client = bench.connect();
    for _ in 0..3 {
        bench.log_in(client, "u1", Some(60_000));
        bench.say(client, &join("private:x"));
        assert_eq!(bench.hears(client), []);
    }
    assert_eq!(bench.topics(client), ["private:x"]);
}

#[test]
fn bad_token_is_revoked_and_the_connection_stays() {
    let mut bench = Bench::new();
    let client = bench.connect();
    bench.log_in(client, "u1", None);
    for name in ["private:x", "x"] {
        bench.say(client, &join(name));
    }
    for login in [LOGIN, r#"{"event":"$auth:login"}"#] {
        bench.say(client, login);
        bench.prove(&Proof::Rejected);
        assert_eq!(bench.hears(client), [revoked("invalid_token")]);
    }
    assert_eq!(bench.topics(client), ["x"]);
    assert_eq!(bench.publish("x", "e", None), 1);
}

#[test]
fn login_that_nobody_can_judge_changes_nothing_and_says_so() {
    let mut bench = Bench::new();
    let client = bench.connect();
    bench.log_in(client, "u1", None);
    bench.say(client, &join("private:x"));
    let said = r#"{"event":"error","data":{"message":"Authentication failed for now, try again"}}"#;
    bench.say(client, LOGIN);
    bench.prove(&Proof::Failed);
    assert_eq!(bench.hears(client), [text(said)]);
    bench.say(client, LOGIN);
    bench.tick(millis(DECISION_TIMEOUT));
    assert_eq!(bench.hears(client), [text(said)]);
    assert_eq!(bench.topics(client), ["private:x"]);
}

#[test]
fn logout_leaves_what_is_gated_and_nothing_else() {
    let mut bench = Bench::new();
    let client = bench.connect();
    bench.log_in(client, "u1", None);
    for name in ["x", "private:x", "user:u1", "notifications:orders"] {
        bench.say(client, &join(name));
    }
    assert_eq!(bench.ask(client, LOGOUT), []);
    assert_eq!(bench.topics(client), ["x"]);
    assert_eq!(bench.ask(client, LOGOUT), []);
    let refusal = refused("Authentication required", "private:x");
    assert_eq!(bench.ask(client, &join("private:x")), [refusal]);
}

#[test]
fn expired_and_revoked_identities_are_told_and_the_connection_stays() {
    let mut bench = Bench::new();
    let (expiring, kicked) = (bench.connect(), bench.connect());
    for client in [expiring, kicked] {
        bench.log_in(client, "u1", Some(5_000));
        for name in ["x", "private:x"] {
            bench.say(client, &join(name));
        }
    }
    bench.shard.revoke(bench.now, kicked, "account_suspended");
    assert_eq!(bench.hears(kicked), [revoked("account_suspended")]);
    assert_eq!(bench.topics(kicked), ["x"]);
    bench.tick(4_000);
    assert_eq!(bench.hears(expiring), []);
    bench.tick(2_000);
    assert_eq!(bench.hears(expiring), [revoked("token_expired")]);
    assert_eq!(bench.hears(kicked), []);
    assert_eq!(bench.topics(expiring), ["x"]);
    bench.log_in(expiring, "u1", None);
    bench.say(expiring, &join("private:x"));
    assert_eq!(bench.topics(expiring), ["private:x", "x"]);
}

/// "Authentication required" was said about nobody, and says nothing about who has logged in since.
#[test]
fn answer_about_nobody_does_not_hold_for_whoever_logs_in() {
    let mut bench = Bench::new();
    let client = bench.connect();
    for (user, verdict, topics) in [
        (None, Verdict::Deny, &[][..]),
        (Some("u1"), Verdict::Allow, &["ask:1"][..]),
        (Some("u2"), Verdict::Deny, &[][..]),
    ] {
        if let Some(user) = user {
            bench.log_in(client, user, None);
        }
        bench.say(client, &join("ask:1"));
        let asked = bench.shard.poll_asked().expect("a question");
        let about = asked.identity.and_then(|identity| identity.user.clone());
        assert_eq!(about.as_deref(), user);
        bench
            .shard
            .handle_verdict(bench.now, client, asked.ticket, verdict, 60_000);
        bench.hears(client);
        assert_eq!(bench.topics(client), topics, "{user:?}");
    }
}

/// What the application says about a user comes too late for the connection that was this user's.
#[test]
fn answer_about_an_identity_that_has_ended_does_nothing() {
    let mut bench = Bench::new();
    let client = bench.connect();
    bench.log_in(client, "u1", None);
    bench.say(client, &join("ask:1"));
    bench.say(client, &join("ask:2"));
    let asked = bench.shard.poll_asked().expect("a question");
    bench.shard.revoke(bench.now, client, "account_suspended");
    let allow = |bench: &mut Bench, ticket| {
        bench
            .shard
            .handle_verdict(bench.now, client, ticket, Verdict::Allow, 60_000);
    };
    allow(&mut bench, asked.ticket);
    let told = [
        revoked("account_suspended"),
        refused("Authentication required", "ask:1"),
    ];
    assert_eq!(bench.hears(client), told);
    // What was sent behind it is asked about for itself.
    let asked = bench.shard.poll_asked().expect("a question");
    assert!(asked.identity.is_none());
    allow(&mut bench, asked.ticket);
    assert_eq!(bench.topics(client), ["ask:2"]);

    bench.log_in(client, "u1", None);
    bench.say(client, r#"{"event":"?"}"#);
    let asked = bench.shard.poll_asked().expect("a question");
    bench.shard.revoke(bench.now, client, "account_suspended");
    let mut deeds = Actions::default();
    deeds.join("private:x".into());
    bench
        .shard
        .handle_deeds(bench.now, client, asked.ticket, deeds);
    assert_eq!(bench.topics(client), [""; 0]);
}

/// A token that ends while its successor is being looked at takes nothing from that.
#[test]
fn login_goes_on_when_the_identity_before_it_ends() {
    let mut bench = Bench::new();
    let client = bench.connect();
    bench.log_in(client, "u1", Some(1_000));
    bench.say(client, LOGIN);
    bench.tick(2_000);
    assert_eq!(bench.hears(client), [revoked("token_expired")]);
    let known = identity("u1", None, bench.now);
    bench.prove(&Proof::Accepted(known));
    assert_eq!(bench.ask(client, &join("user:u1")), []);
    assert_eq!(bench.topics(client), ["user:u1"]);
}

fn tokens() -> Bench {
    let door = Door {
        reads_tokens: true,
        query_parameter: Some("token".to_owned()),
        ..Door::default()
    };
    Bench::with(Settings::default(), door, 10)
}

#[test]
fn token_in_the_address_is_as_good_as_a_login() {
    let mut bench = tokens();
    let client = bench.knock("/events?token=T1", "");
    let asked = bench.shard.poll_asked().expect("a question");
    let Inquiry::Admit(newcomer) = &asked.inquiry else {
        panic!("{asked:?}");
    };
    assert_eq!(newcomer.token.as_deref(), Some("T1"));
    let identity = Some(identity("u1", None, bench.now));
    let admission = Admission::Admit {
        identity,
        headers: Vec::new(),
        topics: Vec::new(),
    };
    bench
        .shard
        .handle_admission(bench.now, client, asked.ticket, admission);
    assert_eq!(bench.ask(client, &join("user:u1")), []);
    assert_eq!(bench.topics(client), ["user:u1"]);
}

/// 1008 is the one code at which the client stops for good, and a status tells it nothing.
#[test]
fn bad_token_at_the_door_is_told_by_1008_after_a_101() {
    let mut bench = tokens();
    let client = bench.knock("/events?token=T1", "");
    let asked = bench.shard.poll_asked().expect("a question");
    let admission = Admission::Unauthorized;
    bench
        .shard
        .handle_admission(bench.now, client, asked.ticket, admission);
    bench.flush();
    let received = &bench.sockets.received[&client];
    assert!(received.starts_with(b"HTTP/1.1 101 "));
    let closed = [Got::Close(1008, "unauthorized".into())];
    assert_eq!(bench.hears(client), closed);
}
