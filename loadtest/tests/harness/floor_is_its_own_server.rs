//! Goal: the floor needs no server, and its receivers check as much as any.
//! Method: short runs; all deliveries right, and as many sends as turns and subscribers make.

use crate::harness::run;

#[test]
fn one_publication_in_flight_is_one_send_for_each_subscriber() {
    let ended = run(
        "floor --subscribers 20 --checks-only --warmup 100ms --duration 500ms --threads 1 --server-cpu 0",
    );
    assert_eq!(ended.code, 0, "{}{}", ended.stdout, ended.stderr);
    let sends = ended.report["server"]["sends"].as_u64().expect("counted");
    let deliveries = ended.count("deliveries");
    // The edges of the window cut a fan-out or two in pieces.
    assert!(
        sends.abs_diff(deliveries) <= 40,
        "{sends} sends, {deliveries} deliveries"
    );
    assert!(ended.report["server"]["core_ns_per_send"].as_f64() > Some(0.0));
}

#[test]
fn bursts_are_coalesced() {
    let ended = run(
        "floor --subscribers 20 --checks-only --burst 16 --window 32 --warmup 100ms --duration 500ms --threads 1",
    );
    assert_eq!(ended.code, 0, "{}{}", ended.stdout, ended.stderr);
    let sends = ended.report["server"]["sends"].as_u64().expect("counted");
    assert!(sends * 8 < ended.count("deliveries"), "{sends} sends");
}

#[test]
fn every_topic_has_its_own_subscribers() {
    let ended = run(
        "floor --subscribers 30 --checks-only --topics 10 --publishers 3 --warmup 0s --duration 300ms",
    );
    assert_eq!(ended.code, 0, "{}{}", ended.stdout, ended.stderr);
}
