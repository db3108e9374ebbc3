//! Goal: clients that come and go are counted and checked as far as they can be, and those that stay are checked as
//! ever.
//! Method: the real server, and planted ones that get something wrong for who subscribed last, who is never one of
//! those that stay.

use serde_json::Value;

use crate::harness::{Run, run};
use crate::planted::{Plant, Planted, Wrong};
use crate::real_server::{ENDPOINTS, Server};

const LOAD: &str = "--subscribers 6 --topics 3 --publishers 3 --rate 300";

fn number(of: &Run, name: &str) -> u64 {
    let number = of.report["churn"][name].as_u64();
    number.unwrap_or_else(|| panic!("{name} is a count: {}{}", of.stdout, of.stderr))
}

fn assert_good(ended: &Run) {
    assert_eq!(ended.code, 0, "{}{}", ended.stdout, ended.stderr);
    assert!(number(ended, "run_visits") > 0, "{}", ended.stdout);
    let subscribed = &ended.report["churn"]["subscribed_us"];
    assert!(subscribed["p99"].as_f64() > Some(0.0), "{subscribed}");
    // Two of each topic stay, and what the others get is counted apart.
    assert_eq!(
        ended.count("run_deliveries"),
        2 * ended.count("run_publications")
    );
    assert!(ended.stdout.contains("visits: "), "{}", ended.stdout);
}

#[test]
fn they_come_as_soon_as_they_have_left() {
    let server = Server::start();
    for (leaving, is_abrupt) in [("--abrupt 0", false), ("--abrupt 50", true)] {
        let ended = run(&format!(
            "churn {} {LOAD} --churners 20 --stay 50ms --duration 1s {leaving}",
            server.url()
        ));
        assert_good(&ended);
        assert!(number(&ended, "run_deliveries") > 0, "{}", ended.stdout);
        assert_eq!(ended.report["churn"]["rate"], Value::Null);
        // Everybody has left: nobody is connected, and the server counts no other end.
        let closed = server.stats()["total"]["closed"].clone();
        for (cause, count) in closed.as_object().expect("by cause") {
            let is_expected = ["peer_closed", "peer_gone"].contains(&cause.as_str());
            assert!(is_expected || *count == 0, "{cause}: {closed}");
        }
        let gone = closed["peer_gone"].as_u64();
        assert_eq!(gone > Some(0), is_abrupt, "{closed}");
    }
}

#[test]
fn they_speak_every_dialect() {
    let server = Server::start();
    for endpoint in ENDPOINTS {
        let (path, dialect) = endpoint.split_once('=').expect("a path and a dialect");
        let url = server.url().replace("/_broadcast", path);
        let ended = run(&format!(
            "churn {url} --dialect {dialect} {LOAD} --churners 5 --churn-rate 40 --stay 50ms --duration 500ms"
        ));
        assert_good(&ended);
    }
}

#[test]
fn they_come_by_schedule() {
    let server = Planted::start(Plant::Nothing);
    let ended = run(&format!(
        "churn {} {LOAD} --churners 100 --churn-rate 40 --stay 100ms --duration 1s",
        server.url()
    ));
    assert_good(&ended);
    assert_eq!(ended.report["churn"]["rate"], 40.0);
    // Each that was planned in the window has come, late or not.
    assert_eq!(ended.report["churn"]["subscribed_us"]["count"], 40);
}

#[test]
fn too_few_for_the_schedule_are_told() {
    let server = Planted::start(Plant::Nothing);
    let ended = run(&format!(
        "churn {} {LOAD} --churners 2 --churn-rate 100 --stay 200ms --duration 1s",
        server.url()
    ));
    assert_good(&ended);
    assert!(number(&ended, "late") > 0, "{}", ended.stdout);
    assert!(ended.stdout.contains("--churners"), "{}", ended.stdout);
}

#[test]
fn what_a_visitor_gets_wrong_fails_the_run() {
    for (wrong, kind) in [
        (Wrong::Missing, "lost"),
        (Wrong::Twice, "duplicated"),
        (Wrong::Foreign, "foreign_topic"),
        (Wrong::Changed, "corrupted"),
        (Wrong::Cut, "disconnected"),
    ] {
        let server = Planted::start(Plant::Latest(wrong));
        // Topics of one that stays: the last subscriber, if there is another, comes and goes.
        let ended = run(&format!(
            "churn {} --subscribers 1 --rate 200 --churners 4 --stay 300ms --duration 1s",
            server.url()
        ));
        assert_eq!(ended.code, 1, "{wrong:?}: {}{}", ended.stdout, ended.stderr);
        assert!(ended.fault(kind) > 0, "{wrong:?}: {}", ended.stdout);
        for other in [
            "lost",
            "duplicated",
            "foreign_topic",
            "corrupted",
            "disconnected",
        ] {
            assert!(
                other == kind || ended.fault(other) == 0,
                "{wrong:?}: {other}"
            );
        }
    }
}

#[test]
fn a_server_that_does_not_answer_a_goodbye_fails_the_run() {
    let server = Planted::start(Plant::NoGoodbye);
    let ended = run(&format!(
        "churn {} {LOAD} --churners 3 --stay 50ms --duration 500ms",
        server.url()
    ));
    assert_eq!(ended.code, 1, "{}{}", ended.stdout, ended.stderr);
    assert_eq!(number(&ended, "unended"), 3, "{}", ended.stdout);
    assert!(
        ended.stdout.contains("Close frame unanswered"),
        "{}",
        ended.stdout
    );
    assert_eq!(ended.fault("disconnected"), 0);
}
