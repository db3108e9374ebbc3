//! Goal: a log shows that a run goes on, without a line for each second, and nothing where nothing is wanted.
//! Method: runs whose standard error is a pipe.

use crate::harness::{run, start};
use crate::planted::{Plant, Planted};

#[test]
fn log_has_a_line_from_time_to_time() {
    let server = Planted::start(Plant::Nothing);
    let mut running = start(&format!(
        "fanout {} --subscribers 3 --rate 200 --duration 60s",
        server.url()
    ));
    running.wait_to_say("measuring: ");
    running.wait_to_say(" faults\n");
    running.interrupt();
    let ended = running.wait();
    let line = ended
        .stderr
        .lines()
        .find(|line| line.starts_with("measuring: "));
    let line = line.expect("it was there");
    for part in [" of 60 s, ", " deliveries/s, ", "p50 ", "p99 ", "0 faults"] {
        assert!(line.contains(part), "{part:?} in {line:?}");
    }
    assert!(
        !ended.stderr.contains('\u{1b}'),
        "no commands for a terminal: {}",
        ended.stderr
    );
    assert!(!ended.stdout.contains('\u{1b}'), "{}", ended.stdout);
}

#[test]
fn quiet_run_says_nothing_but_its_report() {
    let server = Planted::start(Plant::Nothing);
    let ended = run(&format!(
        "fanout {} --subscribers 3 --rate 200 --duration 6s --quiet",
        server.url()
    ));
    assert_eq!(ended.stderr, "");
    assert!(ended.stdout.contains("verdict: good"), "{}", ended.stdout);
}
