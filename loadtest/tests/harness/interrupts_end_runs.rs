//! Goal: Ctrl-C ends a run early, and what was measured until then is checked and reported; a second one ends it
//! at once.
//! Method: SIGINT when a planted server has seen enough; exit code, verdict, and counts that fit.

use std::time::Duration;

use crate::harness::{Run, run, start};
use crate::planted::{Plant, Planted};

/// Far less than the planned time of these runs, which is a minute.
const LATEST: Duration = Duration::from_secs(12);

/// Interrupts a run of three subscribers when the server has seen so many publications.
fn interrupted(plant: Plant, pace: &str, publications: u64) -> Run {
    let server = Planted::start(plant);
    let running = start(&format!(
        "fanout {} --subscribers 3 --duration 60s {pace}",
        server.url()
    ));
    server.wait_for_publications(publications);
    running.interrupt();
    let ended = running.wait();
    assert!(ended.elapsed < LATEST, "{:?}", ended.elapsed);
    assert_eq!(ended.report["interrupted"], true, "{}", ended.stderr);
    ended
}

fn is_void_with_all_it_published(ended: &Run) {
    // Void even though it is judged by the deliveries alone.
    assert_eq!(ended.code, 3, "{}{}", ended.stdout, ended.stderr);
    assert_eq!(ended.report["verdict"], "void");
    assert!(
        ended
            .stdout
            .contains("verdict: VOID: ended early by Ctrl-C"),
        "{}",
        ended.stdout
    );
    assert!(ended.stdout.contains("instead of 60 s"), "{}", ended.stdout);
    assert_eq!(ended.fault("lost"), 0);
    assert_eq!(
        ended.count("run_deliveries"),
        3 * ended.count("run_publications")
    );
    assert_eq!(ended.count("run_unsent"), 0);
    let window_s = ended.report["window_s"].as_f64().expect("a number");
    assert!(
        window_s > 0.0 && window_s < LATEST.as_secs_f64(),
        "{window_s}"
    );
    assert!(ended.count("deliveries") > 0);
    assert!(ended.report["latency_us"]["count"].as_u64() > Some(0));
}

#[test]
fn closed_loop_reports_what_it_measured() {
    let ended = interrupted(Plant::Nothing, "--window 2", 50);
    is_void_with_all_it_published(&ended);
}

#[test]
fn signal_that_is_sent_again_at_once_is_one() {
    let server = Planted::start(Plant::Nothing);
    let running = start(&format!(
        "fanout {} --subscribers 3 --duration 60s",
        server.url()
    ));
    server.wait_for_publications(50);
    // `timeout` sends it to the process and to its group. This takes a few milliseconds, so that some come
    // when the first has been noticed.
    for _ in 0..5_000 {
        running.interrupt();
    }
    is_void_with_all_it_published(&running.wait());
}

#[test]
fn open_loop_owes_nothing_of_the_time_that_was_cut_off() {
    let ended = interrupted(Plant::Nothing, "--rate 200 --publishers 2", 10);
    is_void_with_all_it_published(&ended);
    // 12,000 were planned.
    assert!(ended.count("run_publications") < 6_000);
    assert!(!ended.stdout.contains("never written"), "{}", ended.stdout);
}

#[test]
fn fault_before_the_interrupt_fails_the_run() {
    let ended = interrupted(Plant::Deliver(&[1, 2, 3]), "--rate 200", 30);
    assert_eq!(ended.code, 1, "{}{}", ended.stdout, ended.stderr);
    assert_eq!(ended.report["verdict"], "failed");
    assert_eq!(ended.fault("lost"), 1);
    assert!(
        ended.stdout.contains("note: ended early by Ctrl-C"),
        "{}",
        ended.stdout
    );
}

#[test]
fn interrupt_before_the_measured_time_has_nothing_to_report() {
    let server = Planted::start(Plant::NoAck);
    let running = start(&format!("fanout {} --subscribers 3", server.url()));
    server.wait_for_a_subscribe();
    running.interrupt();
    let setting_up = running.wait();

    let server = Planted::start(Plant::Nothing);
    let url = server.url().replace("--warmup 0s", "--warmup 60s");
    let running = start(&format!("fanout {url} --subscribers 3"));
    server.wait_for_publications(1);
    running.interrupt();
    let warming_up = running.wait();

    for ended in [setting_up, warming_up] {
        assert_eq!(ended.code, 3);
        assert!(
            ended.stderr.contains("before the measured time began"),
            "{}",
            ended.stderr
        );
        // Sooner than the harness gives up on a server that sets nothing up.
        assert!(
            ended.elapsed < Duration::from_secs(9),
            "{:?}",
            ended.elapsed
        );
    }
}

#[test]
fn second_interrupt_does_not_wait_for_missing_deliveries() {
    let server = Planted::start(Plant::Stall);
    let mut running = start(&format!(
        "fanout {} --subscribers 3 --duration 60s",
        server.url()
    ));
    server.wait_for_publications(20);
    running.interrupt();
    running.wait_to_say("Ctrl-C again ends at once");
    running.interrupt();
    let ended = running.wait();
    assert_eq!(ended.code, 130, "{}{}", ended.stdout, ended.stderr);
    assert!(
        ended.report.is_null() && ended.stdout.is_empty(),
        "{}",
        ended.stdout
    );
}

#[test]
fn run_that_nobody_interrupts_says_so() {
    let server = Planted::start(Plant::Nothing);
    let ended = run(&format!(
        "fanout {} --subscribers 3 --duration 300ms",
        server.url()
    ));
    assert_eq!(ended.code, 0, "{}{}", ended.stdout, ended.stderr);
    assert_eq!(ended.report["interrupted"], false);
}
