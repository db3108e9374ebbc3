//! Goal: the floor needs no server, and is one, and its receivers check as much as any.
//! Method: short runs; all deliveries right, and as many sends as turns and subscribers make.

use std::io::{BufRead, BufReader};
use std::process::Stdio;

use crate::harness::{Run, harness, run};

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

#[test]
fn it_serves_every_scenario_on_its_own() {
    let mut floor = harness()
        .args(["serve-floor", "--listen", "127.0.0.1:0"])
        .stdout(Stdio::piped())
        .spawn()
        .expect("the harness runs");
    let mut said = String::new();
    let mut stdout = BufReader::new(floor.stdout.take().expect("piped"));
    stdout.read_line(&mut said).expect("text");
    let url = said.split(' ').next().expect("its URL");
    let common = format!("--url {url} --checks-only --warmup 0s --duration 300ms");
    let mut runs = Vec::new();
    for scenario in [
        "fanout --subscribers 20",
        "p2p --clients 10",
        "churn --subscribers 5 --rate 100 --churners 20 --stay 10ms --abrupt 20",
        "handshakes",
    ] {
        runs.push((scenario, run(&format!("{scenario} {common}"))));
    }
    floor.kill().expect("our own child");
    floor.wait().expect("our own child");
    for (scenario, ended) in &runs {
        let Run { stdout, stderr, .. } = ended;
        assert_eq!(ended.code, 0, "{scenario}: {stdout}{stderr}");
    }
    let [_, _, (_, churn), (_, handshakes)] = &runs[..] else {
        panic!("four runs");
    };
    assert!(churn.report["churn"]["visits"].as_u64() > Some(20));
    assert!(handshakes.report["handshakes"]["opened"].as_u64() > Some(32));
}
