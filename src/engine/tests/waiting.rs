//! Decisions that take their time.

use super::*;
use crate::base::limits::{DECISION_TIMEOUT, PARKED_BYTES_MAX};
use crate::base::time::millis;
use crate::engine::decider::Inquiry;

fn answer(bench: &mut Bench, verdict: Verdict) {
    let asked = bench.shard.poll_asked().expect("a question");
    bench
        .shard
        .handle_verdict(bench.now, asked.conn.key, asked.ticket, verdict, 0);
}

#[test]
fn later_messages_wait_and_control_frames_do_not() {
    let mut bench = one(LIMITS);
    let client = bench.connect();
    bench.say(client, "sub ask");
    bench.say(client, "sub t");
    bench.bytes(client, &frame(9, b""));
    assert_eq!(bench.hears(client), [Got::Pong]);
    answer(&mut bench, Verdict::Allow);
    assert_eq!(
        bench.hears(client),
        ["Subscribed ask", "Subscribed t"].map(text)
    );
}

#[test]
fn late_decision_of_a_subscribe_comes_before_its_unsubscribe() {
    let mut bench = one(LIMITS);
    let client = bench.connect();
    bench.say(client, "sub ask");
    bench.say(client, "unsub ask");
    answer(&mut bench, Verdict::Allow);
    assert_eq!(bench.hears(client), [text("Subscribed ask")]);
    assert_eq!(bench.shard.topics().subscriptions(), 0);
}

#[test]
fn connection_that_closes_during_a_decision_leaves_no_phantom() {
    for by_frame in [true, false] {
        let mut bench = one(LIMITS);
        let client = bench.connect();
        bench.say(client, "sub ask");
        if by_frame {
            bench.bytes(client, &frame(8, b""));
        } else {
            bench.shard.handle_end(bench.now, client, true);
        }
        answer(&mut bench, Verdict::Allow);
        bench.flush();
        assert_eq!(bench.shard.topics().subscriptions(), 0);
        assert_eq!(bench.shard.busy_conns, 0);
    }
}

#[test]
fn timer_acts_while_a_decision_is_out_and_its_subscribes_wait() {
    let mut bench = one(LIMITS);
    let client = bench.connect();
    bench.say(client, "timer 500");
    bench.say(client, "sub ask");
    bench.tick(600);
    assert_eq!(bench.hears(client), [text("tick")]);
    answer(&mut bench, Verdict::Allow);
    assert_eq!(
        bench.hears(client),
        ["Subscribed ask", "Subscribed ticks"].map(text)
    );
}

#[test]
fn answer_to_a_question_given_up_changes_nothing() {
    let mut bench = one(LIMITS);
    let client = bench.connect();
    bench.say(client, "sub ask");
    let asked = bench.shard.poll_asked().expect("a question");
    bench.tick(millis(DECISION_TIMEOUT));
    assert_eq!(bench.hears(client), [text("Failed ask")]);
    bench
        .shard
        .handle_verdict(bench.now, client, asked.ticket, Verdict::Allow, 0);
    assert_eq!(bench.hears(client), []);
    assert_eq!(bench.shard.topics().subscriptions(), 0);
}

#[test]
fn publish_asks_for_access_and_then_for_itself() {
    let mut bench = one(LIMITS);
    let client = bench.connect();
    for (verdicts, outcome) in [
        (&[Verdict::Deny][..], "AccessDenied ask"),
        (&[Verdict::Fail][..], "AccessFailed ask"),
        (&[Verdict::Allow, Verdict::Deny][..], "Denied ask"),
        (&[Verdict::Allow, Verdict::Fail][..], "Failed ask"),
        (&[Verdict::Allow, Verdict::Allow][..], "Accepted ask"),
    ] {
        bench.say(client, "pub ask e d");
        for verdict in verdicts {
            assert_eq!(bench.hears(client), []);
            answer(&mut bench, *verdict);
        }
        assert_eq!(bench.hears(client), [text(outcome)]);
    }
}

#[test]
fn access_that_a_publish_asked_for_is_kept_as_long_as_it_holds() {
    let mut bench = one(LIMITS);
    let client = bench.connect();
    bench.say(client, "pub ask e d");
    let ticket = bench.shard.poll_asked().expect("a question").ticket;
    bench
        .shard
        .handle_verdict(bench.now, client, ticket, Verdict::Allow, 60_000);
    answer(&mut bench, Verdict::Allow);
    assert_eq!(bench.hears(client), [text("Accepted ask")]);
    // Only whether it may publish this is asked again, and whether it may subscribe is known.
    bench.say(client, "pub ask e d");
    answer(&mut bench, Verdict::Allow);
    bench.say(client, "sub ask");
    assert_eq!(
        bench.hears(client),
        ["Accepted ask", "Subscribed ask"].map(text)
    );
}

#[test]
fn actions_behind_a_decision_keep_their_order() {
    let mut bench = one(LIMITS);
    let client = bench.connect();
    bench.say(client, "many a ask1 b");
    bench.say(client, "has b");
    assert_eq!(bench.hears(client), [text("Subscribed a")]);
    answer(&mut bench, Verdict::Deny);
    let answers = ["Denied ask1", "Subscribed b", "done", "has true"];
    assert_eq!(bench.hears(client), answers.map(text));
}

/// The topics of a question about several.
fn asked_about(bench: &mut Bench) -> (u32, Vec<String>) {
    let asked = bench.shard.poll_asked().expect("a question");
    match asked.inquiry {
        Inquiry::DecideAll(topics) => (asked.ticket, topics),
        other => panic!("{other:?}"),
    }
}

#[test]
fn topics_of_one_list_are_asked_about_at_once() {
    let mut bench = one(LIMITS);
    let client = bench.connect();
    bench.say(client, "many ask1 a ask2 no ask1 ask3");
    bench.say(client, "sub ask2");
    let (ticket, topics) = asked_about(&mut bench);
    assert_eq!(topics, ["ask1", "ask2", "ask1", "ask3"]);
    assert_eq!(bench.hears(client), []);
    let verdicts = [Verdict::Allow, Verdict::Deny, Verdict::Allow];
    bench
        .shard
        .handle_verdicts(bench.now, client, ticket, &verdicts, 0);
    let answers = [
        "Subscribed ask1",
        "Subscribed a",
        "Denied ask2",
        "Denied no",
        "AlreadySubscribed ask1",
        // Nothing was said about it.
        "Failed ask3",
        "done",
    ];
    assert_eq!(bench.hears(client), answers.map(text));
    // What was said was for that list.
    answer(&mut bench, Verdict::Allow);
    assert_eq!(bench.hears(client), [text("Subscribed ask2")]);
    assert!(bench.shard.poll_asked().is_none());
}

#[test]
fn answer_about_several_topics_is_kept_for_each_or_missing_for_each() {
    let mut bench = one(LIMITS);
    let client = bench.connect();
    bench.say(client, "many ask1 ask2");
    let (ticket, _) = asked_about(&mut bench);
    let verdicts = [Verdict::Deny, Verdict::Allow];
    bench
        .shard
        .handle_verdicts(bench.now, client, ticket, &verdicts, 10_000);
    bench.say(client, "unsub ask2");
    bench.say(client, "many ask2 ask1");
    let answers = ["Denied ask1", "Subscribed ask2", "done"];
    let again = ["Subscribed ask2", "Denied ask1", "done"];
    assert_eq!(
        bench.hears(client),
        [answers, again]
            .concat()
            .iter()
            .map(|answer| text(answer))
            .collect::<Vec<_>>()
    );

    bench.tick(10_000);
    bench.say(client, "many ask1 ask3");
    bench.tick(millis(DECISION_TIMEOUT));
    let answers = ["Failed ask1", "Failed ask3", "done"];
    assert_eq!(bench.hears(client), answers.map(text));
}

#[test]
fn reads_pause_when_too_much_is_parked_and_the_peer_is_not_idle_meanwhile() {
    let mut bench = one(ConnLimits {
        idle_timeout_ms: 3_000,
        ping_interval_ms: 0,
        ..LIMITS
    });
    let client = bench.connect();
    bench.say(client, "sub ask");
    let mut parked = 0;
    while bench.say(client, "nothing that means anything here") == Flow::Read {
        parked += 1;
        assert!(parked * 32 < PARKED_BYTES_MAX, "never paused");
    }
    bench.tick(3_500);
    bench.tick(500);
    assert_eq!(bench.hears(client), []);
    answer(&mut bench, Verdict::Allow);
    assert_eq!(bench.hears(client), [text("Subscribed ask")]);
    assert_eq!(bench.ops(), [(client, SocketOp::Resume)]);
    assert_eq!(bench.shard.stats().messages_ignored, parked as u64 + 1);
    bench.tick(3_100);
    assert!(matches!(bench.hears(client)[..], [Got::Close(1001, _)]));
}
