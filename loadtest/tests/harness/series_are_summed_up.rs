//! Goal: the same run several times gives every report and what they come to; what is wrong with one is wrong with all.
//! Method: planted servers; one that fails once, a limit that makes every run void, and Ctrl-C.

use std::path::Path;

use serde_json::Value;

use crate::harness::{Run, run, run_with_page, start};
use crate::planted::{Plant, Planted};

fn runs(of: &Run) -> &[Value] {
    of.report["runs"].as_array().expect("a list")
}

#[test]
fn every_run_is_reported_and_the_middle_of_them() {
    let server = Planted::start(Plant::Nothing);
    let ended = run(&format!(
        "fanout {} --subscribers 3 --duration 300ms --runs 3 --server-pid {}",
        server.url(),
        std::process::id()
    ));
    assert_eq!(ended.code, 0, "{}{}", ended.stdout, ended.stderr);
    assert_eq!(ended.report["schema"], "shardcast-loadtest/1");
    assert_eq!(ended.report["scenario"], "fanout");
    assert_eq!(ended.report["verdict"], "good");
    assert_eq!(runs(&ended).len(), 3);
    for (key, path) in [
        ("deliveries_per_s", "/counts/deliveries_per_s"),
        ("p99_us", "/latency_us/p99"),
        ("end_rss_bytes", "/server/memory/end_bytes"),
    ] {
        let values = runs(&ended)
            .iter()
            .map(|run| run.pointer(path).and_then(Value::as_f64).expect("a number"));
        let mut values: Vec<f64> = values.collect();
        values.sort_unstable_by(f64::total_cmp);
        let range = &ended.report["summary"][key];
        let of_range = ["min", "median", "max"].map(|end| range[end].as_f64().expect("a number"));
        assert_eq!(values, of_range, "{key}");
    }
    assert!(ended.report["summary"]["visits_per_s"].is_null());
    // Each has connections of its own, and its own publications.
    for run in runs(&ended) {
        assert_eq!(run["verdict"], "good");
        assert!(run["setup_s"].as_f64() > Some(0.0));
        let count = |kind: &str| run["counts"][kind].as_u64().expect("a count");
        assert_eq!(count("run_deliveries"), 3 * count("run_publications"));
    }
    assert!(
        ended.stdout.contains("deliveries/s: median"),
        "{}",
        ended.stdout
    );
    assert!(
        ended.stdout.contains("verdict: good: all 3 runs"),
        "{}",
        ended.stdout
    );
}

#[test]
fn the_page_of_a_series_shows_its_runs_side_by_side() {
    let server = Planted::start(Plant::Nothing);
    let name = format!("series-{}.html", std::process::id());
    let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
    let args = format!(
        "fanout {} --subscribers 2 --duration 200ms --runs 2",
        server.url()
    );
    let ended = run_with_page(&args, &path);
    assert_eq!(ended.code, 0, "{}{}", ended.stdout, ended.stderr);
    let page = std::fs::read_to_string(&path).expect("it was written");
    std::fs::remove_file(&path).expect("it is there");
    for shown in ["2 runs side by side", "run 1", "run 2"] {
        assert!(page.contains(shown), "{shown}");
    }
}

#[test]
fn one_run_has_the_report_of_a_run() {
    let server = Planted::start(Plant::Nothing);
    let ended = run(&format!(
        "p2p {} --clients 2 --duration 200ms --runs 1",
        server.url()
    ));
    assert_eq!(ended.code, 0, "{}{}", ended.stdout, ended.stderr);
    assert!(ended.report["runs"].is_null());
    assert!(ended.count("run_deliveries") > 0);
}

#[test]
fn a_fault_of_one_run_is_one_of_the_series() {
    let server = Planted::start(Plant::Corrupt);
    let ended = run(&format!(
        "fanout {} --subscribers 3 --rate 200 --duration 300ms --runs 3",
        server.url()
    ));
    assert_eq!(ended.code, 1, "{}{}", ended.stdout, ended.stderr);
    assert_eq!(runs(&ended).len(), 1, "{}", ended.stdout);
    assert_eq!(runs(&ended)[0]["faults"]["corrupted"], 1);
    assert!(
        ended.stdout.contains("verdict: run 1: FAILED"),
        "{}",
        ended.stdout
    );
}

#[test]
fn void_runs_are_repeated_and_in_the_end_the_series_is_void() {
    let server = Planted::start(Plant::Nothing);
    // More time than none at all was stolen, by this measure.
    let url = server.url().replace("--checks-only", "--max-steal=-1");
    let ended = run(&format!(
        "idle {url} --connections 2 --duration 200ms --runs 2"
    ));
    assert_eq!(ended.code, 3, "{}{}", ended.stdout, ended.stderr);
    assert_eq!(ended.report["verdict"], "void");
    assert_eq!(runs(&ended).len(), 1);
    let notes = ended.report["notes"].as_array().expect("a list");
    let repeated = notes.iter().filter_map(Value::as_str);
    let repeated = repeated.filter(|note| note.contains("is repeated"));
    assert_eq!(repeated.count(), 3, "{notes:?}");
}

#[test]
fn an_interrupt_ends_the_series() {
    let server = Planted::start(Plant::Nothing);
    let running = start(&format!(
        "fanout {} --subscribers 2 --duration 60s --runs 5",
        server.url()
    ));
    server.wait_for_publications(20);
    running.interrupt();
    let ended = running.wait();
    assert_eq!(ended.code, 3, "{}{}", ended.stdout, ended.stderr);
    assert_eq!(runs(&ended).len(), 1);
    assert_eq!(runs(&ended)[0]["interrupted"], true);
}
