//! Goal: a ramp ends at the highest rate that the server holds, tells every step, and its deliveries are checked as in
//! any run.
//! Method: a planted server that cannot do more than so much, however idle the machine; one that stops delivering; and
//! Ctrl-C between the steps.

use std::time::Duration;

use serde_json::Value;

use crate::harness::{Run, run, start};
use crate::planted::{Plant, Planted};

/// A server that takes 10 ms for a publication makes a hundred of them a second at most.
const BUSY: Plant = Plant::Busy(Duration::from_millis(10));
const CAPACITY: f64 = 100.0;

/// Short steps, and a limit far above what the machine adds.
const STEPS: &str = "--step-duration 500ms --step-warmup 100ms --p99-max 300ms";

fn steps(of: &Run) -> &[Value] {
    of.report["ramp"]["steps"].as_array().expect("a list")
}

fn number(of: &Value, name: &str) -> f64 {
    let number = of[name].as_f64();
    number.unwrap_or_else(|| panic!("{name} is a number of {of}"))
}

#[test]
fn the_knee_is_below_what_the_server_can_do_and_next_to_what_it_cannot() {
    let server = Planted::start(BUSY);
    let url = server.url().replace("--warmup 0s", "");
    let ended = run(&format!(
        "ramp {url} {STEPS} --subscribers 3 --from 10 --factor 2 --precision 20"
    ));
    assert_eq!(ended.code, 0, "{}{}", ended.stdout, ended.stderr);
    let (ramp, steps) = (&ended.report["ramp"], steps(&ended));
    let knee = number(&ramp["knee"], "rate");
    assert!(knee <= CAPACITY * 1.1, "{ramp}");
    assert!(number(&ramp["knee"], "p99_us") <= 300_000.0, "{ramp}");
    assert_eq!(ramp["knee"]["held"], true);
    // The report's own figures are those at the knee.
    assert_eq!(ended.report["latency_us"]["p99"], ramp["knee"]["p99_us"]);
    let failed = steps.iter().filter(|step| step["held"] == false);
    let lowest = failed
        .map(|step| number(step, "rate"))
        .filter(|rate| *rate > knee)
        .fold(f64::INFINITY, f64::min);
    assert!(lowest / knee <= 1.21, "{lowest} {ramp}");
    for step in steps {
        assert_eq!(step["held"], step["limit"].is_null(), "{step}");
    }
    let lines = ended.stdout.lines();
    assert_eq!(
        lines.filter(|line| line.starts_with("step: ")).count(),
        steps.len()
    );
    assert!(ended.stdout.contains("knee: "), "{}", ended.stdout);
    assert_eq!(
        ended.count("run_deliveries"),
        3 * ended.count("run_publications")
    );
}

#[test]
fn what_is_lost_on_the_way_fails_the_ramp() {
    let server = Planted::start(Plant::Stall);
    let url = server.url().replace("--warmup 0s", "");
    let ended = run(&format!("ramp {url} {STEPS} --subscribers 2 --from 50"));
    assert_eq!(ended.code, 1, "{}{}", ended.stdout, ended.stderr);
    assert!(ended.fault("lost") > 0);
    // No further step after the one that lost something.
    assert!(steps(&ended).len() <= 2, "{}", ended.stdout);
    assert!(ended.elapsed < Duration::from_secs(20));
}

#[test]
fn an_interrupted_ramp_tells_the_steps_so_far() {
    let server = Planted::start(BUSY);
    let url = server.url().replace("--warmup 0s", "");
    let running = start(&format!(
        "ramp {url} --step-duration 300ms --step-warmup 0s --subscribers 2 --from 20 --factor 1.01"
    ));
    // The second step has begun when the first has published all of its six.
    server.wait_for_publications(7);
    running.interrupt();
    let ended = running.wait();
    assert_eq!(ended.code, 3, "{}{}", ended.stdout, ended.stderr);
    assert_eq!(ended.report["verdict"], "void");
    assert_eq!(ended.report["interrupted"], true);
    assert!(!steps(&ended).is_empty(), "{}", ended.stdout);
    assert_eq!(ended.fault("lost"), 0);
}
