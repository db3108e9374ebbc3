//! Goal: no fault of a server goes unnoticed, and each is called by its name.
//! Method: one planted fault a run, which must exit with 1 and count that fault and no other.

use std::thread;

use shardcast_contract::planted::PLANTED;

use crate::harness::{Run, run};
use crate::planted::{Plant, Planted};

/// Five subscribers, open loop, so that a lost delivery does not stop the publisher.
const LOAD: &str = "--subscribers 5 --rate 200 --duration 500ms";

const KINDS: [&str; 8] = [
    "lost",
    "duplicated",
    "reordered",
    "foreign_topic",
    "foreign_run",
    "corrupted",
    "refused",
    "disconnected",
];

/// Runs against `plant`: exactly the `expected` counts must be reported.
fn fails_with(plant: Plant, expected: &[(&str, u64)]) -> Run {
    let server = Planted::start(plant);
    let ended = run(&format!("fanout {} {LOAD}", server.url()));
    assert_fails_with(&ended, expected);
    ended
}

fn assert_fails_with(ended: &Run, expected: &[(&str, u64)]) {
    assert_eq!(ended.code, 1, "{}{}", ended.stdout, ended.stderr);
    for kind in KINDS {
        let wanted = expected.iter().find(|(name, _)| *name == kind);
        let wanted = wanted.map_or(0, |(_, count)| *count);
        assert_eq!(ended.fault(kind), wanted, "{kind}: {}", ended.stdout);
    }
    assert_eq!(ended.report["verdict"], "failed");
    assert!(ended.stdout.contains("verdict: FAILED"), "{}", ended.stdout);
}

/// All that the checker of the server's own tests is held against, too: what is lost, comes twice or in
/// another order. The runs wait for what is lost, so they all wait at the same time.
#[test]
fn what_is_lost_or_comes_twice_or_late_is_counted() {
    thread::scope(|scope| {
        for planted in PLANTED {
            scope.spawn(move || {
                let server = Planted::start(Plant::Deliver(planted.places));
                let ended = run(&format!("fanout {} {LOAD}", server.url()));
                let expected = [
                    ("lost", planted.lost),
                    ("reordered", planted.reordered),
                    ("duplicated", planted.duplicated),
                ];
                if expected.iter().all(|(_, count)| *count == 0) {
                    assert_eq!(ended.code, 0, "{}{}", ended.stdout, ended.stderr);
                } else {
                    assert_fails_with(&ended, &expected);
                }
            });
        }
    });
}

#[test]
fn a_publication_of_another_topic_is_foreign() {
    let ended = fails_with(Plant::ForeignTopic, &[("foreign_topic", 1)]);
    assert!(ended.stdout.contains("load.other"), "{}", ended.stdout);
}

#[test]
fn another_topics_body_under_the_own_name_is_corrupted() {
    // With three topics the publication at which the fault happens is not the first topic's.
    let server = Planted::start(Plant::Misrouted);
    let ended = run(&format!("fanout {} {LOAD} --topics 3", server.url()));
    assert_fails_with(&ended, &[("corrupted", 1)]);
}

#[test]
fn a_publication_of_an_earlier_run_is_foreign() {
    let server = Planted::start(Plant::Replay);
    let line = |rate| {
        format!(
            "fanout {} --subscribers 2 --rate {rate} --duration 100ms",
            server.url()
        )
    };
    // Too short to come to the faulty publication.
    assert_eq!(run(&line(30)).code, 0);
    assert_fails_with(&run(&line(400)), &[("foreign_run", 1)]);
}

#[test]
fn a_changed_byte_is_corrupted_and_what_was_meant_is_lost() {
    fails_with(Plant::Corrupt, &[("corrupted", 1), ("lost", 1)]);
}

#[test]
fn a_message_that_is_no_json_is_corrupted() {
    fails_with(Plant::Garbage, &[("corrupted", 1)]);
}

#[test]
fn a_message_without_an_id_is_corrupted() {
    fails_with(Plant::NoId, &[("corrupted", 1), ("lost", 1)]);
}

#[test]
fn a_connection_that_ends_early_is_disconnected_and_misses_the_rest() {
    let server = Planted::start(Plant::Cut);
    let ended = run(&format!("fanout {} {LOAD}", server.url()));
    assert_eq!(ended.code, 1);
    assert_eq!(ended.fault("disconnected"), 1);
    // The 20th was the first it missed.
    assert_eq!(ended.fault("lost"), ended.count("run_publications") - 19);
}

#[test]
fn a_masked_frame_ends_the_connection() {
    let server = Planted::start(Plant::Masked);
    let ended = run(&format!("fanout {} {LOAD}", server.url()));
    assert_eq!(ended.code, 1);
    assert_eq!(ended.fault("disconnected"), 1);
    assert!(ended.stdout.contains("masked frame"), "{}", ended.stdout);
}

#[test]
fn a_refused_publication_ends_the_run_with_the_way_out() {
    let server = Planted::start(Plant::Refuse);
    let ended = run(&format!(
        "fanout {} --subscribers 2 --duration 60s",
        server.url()
    ));
    assert_eq!(ended.code, 1);
    assert!(ended.fault("refused") >= 1);
    assert!(ended.elapsed.as_secs() < 30, "it does not wait for the end");
    assert!(ended.stdout.contains("--allow-publish"), "{}", ended.stdout);
}
