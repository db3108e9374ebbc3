//! Goal: a server that does nothing wrong passes, however it cuts its bytes and names its ids.
//! Method: planted servers without a fault, in every scenario and pace; exit code 0, and counts that fit.

use crate::harness::run;
use crate::planted::{Plant, Planted};

fn passes(plant: Plant, args: &str) {
    let server = Planted::start(plant);
    let (scenario, rest) = args.split_once(' ').expect("a scenario and arguments");
    let ended = run(&format!("{scenario} {} {rest}", server.url()));
    assert_eq!(ended.code, 0, "{}{}", ended.stdout, ended.stderr);
    assert_eq!(ended.report["verdict"], "good");
    assert_eq!(ended.report["schema"], "shardcast-loadtest/1");
    if scenario != "idle" {
        assert!(ended.count("run_deliveries") > 0);
        assert!(ended.report["latency_us"]["p99"].as_f64() > Some(0.0));
    }
}

#[test]
fn fan_out_closed_loop() {
    passes(
        Plant::Nothing,
        "fanout --subscribers 7 --window 3 --duration 300ms",
    );
}

#[test]
fn fan_out_in_bursts() {
    passes(
        Plant::Nothing,
        "fanout --subscribers 4 --burst 8 --window 16 --duration 300ms",
    );
}

#[test]
fn fan_out_with_more_topics_than_publishers() {
    passes(
        Plant::Nothing,
        "fanout --subscribers 12 --topics 6 --publishers 4 --duration 300ms",
    );
}

#[test]
fn fan_out_with_more_publishers_than_topics() {
    passes(
        Plant::Nothing,
        "fanout --subscribers 4 --topics 2 --publishers 5 --window 2 --duration 300ms",
    );
}

#[test]
fn open_loop_writes_what_the_schedule_has() {
    let server = Planted::start(Plant::Nothing);
    let ended = run(&format!(
        "fanout {} --subscribers 3 --publishers 2 --rate 500 --duration 1s",
        server.url()
    ));
    assert_eq!(ended.code, 0, "{}{}", ended.stdout, ended.stderr);
    assert_eq!(ended.count("run_publications"), 500);
    assert_eq!(ended.count("run_deliveries"), 1_500);
    assert_eq!(ended.report["latency_us"]["count"], 1_500);
}

#[test]
fn one_to_one() {
    passes(Plant::Nothing, "p2p --clients 6 --duration 300ms");
    passes(
        Plant::Nothing,
        "p2p --clients 6 --paired --window 2 --duration 300ms",
    );
}

#[test]
fn idle_connections() {
    passes(Plant::Nothing, "idle --connections 20 --duration 300ms");
}

#[test]
fn any_string_is_an_id_and_keys_have_no_order() {
    passes(
        Plant::OddButRight,
        "fanout --subscribers 3 --duration 300ms",
    );
}

#[test]
fn frames_in_pieces_fragments_and_pings() {
    passes(Plant::Trickle, "fanout --subscribers 3 --duration 300ms");
}

#[test]
fn frames_in_one_piece() {
    passes(
        Plant::Coalesce,
        "fanout --subscribers 3 --burst 4 --window 8 --duration 300ms",
    );
}
