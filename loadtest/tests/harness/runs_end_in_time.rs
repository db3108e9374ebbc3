//! Goal: whatever the server does, a run ends within 10 s of its planned time and says what it waited for.
//! Method: servers that stop delivering, acknowledging or upgrading, or are not there.

use std::time::Duration;

use crate::harness::run;
use crate::planted::{Plant, Planted};

/// 10 s, and some for a busy machine to start a process.
const LATEST: Duration = Duration::from_secs(12);

#[test]
fn missing_deliveries_do_not_hold_up_a_closed_loop() {
    let server = Planted::start(Plant::Stall);
    let ended = run(&format!(
        "fanout {} --subscribers 3 --duration 500ms",
        server.url()
    ));
    assert_eq!(ended.code, 1, "{}", ended.stdout);
    // One was in flight, and the loop is closed.
    assert_eq!(ended.fault("lost"), 3);
    assert!(ended.elapsed < LATEST, "{:?}", ended.elapsed);
}

#[test]
fn missing_deliveries_do_not_hold_up_an_open_loop() {
    let server = Planted::start(Plant::Stall);
    let ended = run(&format!(
        "fanout {} --subscribers 3 --rate 100 --duration 500ms",
        server.url()
    ));
    assert_eq!(ended.code, 1, "{}", ended.stdout);
    assert_eq!(ended.fault("lost"), (50 - 19) * 3);
    assert!(ended.elapsed < LATEST, "{:?}", ended.elapsed);
}

#[test]
fn a_subscribe_that_is_never_acknowledged_cannot_be_measured() {
    let server = Planted::start(Plant::NoAck);
    let ended = run(&format!("fanout {} --subscribers 3", server.url()));
    assert_eq!(ended.code, 3);
    // The publisher does not subscribe.
    assert!(
        ended.stderr.contains("1 of 4 connections"),
        "{}",
        ended.stderr
    );
    assert!(ended.elapsed < LATEST, "{:?}", ended.elapsed);
}

#[test]
fn a_refused_upgrade_cannot_be_measured() {
    let server = Planted::start(Plant::NoUpgrade);
    let ended = run(&format!("fanout {}", server.url()));
    assert_eq!(ended.code, 3);
    assert!(ended.stderr.contains("403 Forbidden"), "{}", ended.stderr);
}

#[test]
fn a_server_that_is_not_there_cannot_be_measured() {
    let ended = run("fanout --url ws://127.0.0.1:1/");
    assert_eq!(ended.code, 3);
    assert!(ended.stderr.contains("127.0.0.1:1"), "{}", ended.stderr);
}

#[test]
fn a_process_or_core_that_is_not_there_cannot_be_measured() {
    let server = Planted::start(Plant::Nothing);
    for wrong in ["--server-pid 2147483647", "--server-cpu 1023"] {
        let ended = run(&format!("fanout {} {wrong}", server.url()));
        assert_eq!(ended.code, 3, "{wrong}");
    }
}
