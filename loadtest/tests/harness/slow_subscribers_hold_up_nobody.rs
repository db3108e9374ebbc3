//! Goal: subscribers that stop reading are told from those that do not, whose deliveries are checked as ever, and a
//! server that waits for them fails the run.
//! Method: the real server, which disconnects them; a planted one that is never full in so short a time, and one
//! that waits.

use serde_json::Value;

use crate::harness::{Run, run};
use crate::planted::{Plant, Planted};
use crate::real_server::Server;

/// Little enough that some large publications are too many for who does not read.
const LITTLE: &str =
    "--send-buffer-bytes 16KiB --max-message-bytes 64KiB --backpressure-limit-bytes 128KiB";

/// Twelve subscribers on three topics, four of which stop.
const FEW: &str = "--subscribers 12 --topics 3 --publishers 3 --stopped 4";

fn slow(of: &Run) -> &Value {
    &of.report["slow"]
}

fn assert_good(ended: &Run) {
    assert_eq!(ended.code, 0, "{}{}", ended.stdout, ended.stderr);
    assert_eq!(slow(ended)["stopped"], 4);
    for window in ["before_latency_us", "after_latency_us"] {
        assert!(slow(ended)[window]["p99"].as_f64() > Some(0.0), "{window}");
    }
    assert_eq!(
        slow(ended)["after_latency_us"],
        ended.report["latency_us"],
        "the report's latency is that of the healthy"
    );
    assert!(slow(ended)["p99_ratio"].as_f64() > Some(0.0));
}

#[test]
fn those_that_do_not_read_are_disconnected_with_a_code() {
    let server = Server::with(LITTLE);
    // A closed loop never has more on its way to the healthy than they may have waiting.
    let ended = run(&format!(
        "slow {} {FEW} --payload 50000 --window 2 --duration 1500ms --server-pid {}",
        server.url(),
        server.pid()
    ));
    assert_good(&ended);
    let slow = slow(&ended);
    assert_eq!(slow["disconnected"], 4, "{slow}");
    assert_eq!(slow["still_connected"], 0, "{slow}");
    assert_eq!(slow["ends"][0]["close_code"], 1013, "{slow}");
    assert_eq!(slow["ends"][0]["count"], 4, "{slow}");
    for memory in ["before_rss_bytes", "after_rss_bytes", "max_rss_bytes"] {
        assert!(slow[memory].as_u64() > Some(1 << 20), "{memory}: {slow}");
    }
    let moments = ended.report["moments"].as_array().expect("a list");
    assert!(
        moments
            .iter()
            .all(|moment| moment["server_rss_bytes"].as_u64() > Some(1 << 20)),
        "{moments:?}"
    );
    assert!(ended.stdout.contains("1013"), "{}", ended.stdout);
}

#[test]
fn what_the_buffers_hold_disconnects_nobody_and_is_not_counted() {
    let server = Planted::start(Plant::Nothing);
    let ended = run(&format!(
        "slow {} {FEW} --rate 60 --duration 500ms",
        server.url()
    ));
    assert_good(&ended);
    let slow = slow(&ended);
    assert_eq!(slow["disconnected"], 0, "{slow}");
    assert_eq!(slow["still_connected"], 4, "{slow}");
    // Ten publications to each topic in a window, before for four each. The stopped are two of the first topic and one
    // of each other.
    assert_eq!(ended.count("run_publications"), 60);
    assert_eq!(ended.count("run_deliveries"), 30 * 4 + 10 * 8);
}

#[test]
fn a_closed_loop_does_not_wait_for_those_that_stopped() {
    let server = Planted::start(Plant::Nothing);
    let ended = run(&format!(
        "slow {} {FEW} --window 2 --duration 300ms",
        server.url()
    ));
    assert_good(&ended);
    assert!(ended.count("publications") > 10, "{}", ended.stdout);
}

#[test]
fn faults_of_the_healthy_are_found_as_ever() {
    let server = Planted::start(Plant::Stall);
    let ended = run(&format!(
        "slow {} --subscribers 3 --stopped 1 --rate 20 --duration 500ms",
        server.url()
    ));
    assert_eq!(ended.code, 1, "{}{}", ended.stdout, ended.stderr);
    // Ten before, and ten after for the two healthy: the last of these is the 20th of all.
    assert_eq!(ended.fault("lost"), 2, "{}", ended.stdout);
}

#[test]
fn a_server_that_waits_for_who_does_not_read_fails_the_run() {
    let server = Planted::start(Plant::Nothing);
    // 42 MB for each: more than the buffers of both ends can grow to (tcp_rmem, tcp_wmem: 33 and 4 MiB at most).
    let ended = run(&format!(
        "slow {} --subscribers 2 --stopped 1 --payload 60000 --rate 700 --duration 1s",
        server.url()
    ));
    assert_eq!(ended.code, 1, "{}{}", ended.stdout, ended.stderr);
    // What it holds up may come when the others read again.
    assert!(
        slow(&ended)["held_up"].as_u64() > Some(0),
        "{}",
        ended.stdout
    );
}
