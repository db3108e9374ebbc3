//! Goal: there may be more connections than a process may have descriptors, if there are threads enough for tables of
//! their own; and if there are not, the way out is told.
//! Method: a limit that is too small for one table.

use crate::harness::{Run, run, run_with_descriptors};
use crate::planted::{Plant, Planted};

/// More than the limit.
const CONNECTIONS: u64 = 300;
const LIMIT: u32 = 200;

fn limited(server: &Planted, threads: u32, args: &str) -> Run {
    let url = server.url().replace("--threads 2", "");
    run_with_descriptors(LIMIT, &format!("{args} {url} --threads {threads}"))
}

#[test]
fn threads_with_their_own_tables_have_more_connections_than_the_limit() {
    let server = Planted::start(Plant::Nothing);
    let ended = limited(
        &server,
        4,
        &format!("idle --connections {CONNECTIONS} --duration 300ms"),
    );
    assert_eq!(ended.code, 0, "{}{}", ended.stdout, ended.stderr);
    assert_eq!(ended.report["settings"]["connections"], CONNECTIONS);
    assert_eq!(ended.report["client"]["own_descriptor_tables"], true);
}

#[test]
fn their_deliveries_are_right_and_their_connections_end_with_them() {
    let server = Planted::start(Plant::Nothing);
    let load = format!("--subscribers {CONNECTIONS} --topics 100 --publishers 4 --rate 200");
    for args in [
        format!("fanout {load} --duration 500ms"),
        // A connection that another table held would never end, and its client never come again.
        format!("churn {load} --churners 8 --stay 20ms --duration 500ms"),
    ] {
        let ended = limited(&server, 5, &args);
        assert_eq!(ended.code, 0, "{}{}", ended.stdout, ended.stderr);
        assert_eq!(ended.report["client"]["own_descriptor_tables"], true);
        assert_eq!(
            ended.count("run_deliveries"),
            3 * ended.count("run_publications")
        );
    }
}

#[test]
fn the_floor_keeps_its_own_ends_in_the_table_of_the_process() {
    let args = "floor --subscribers 89 --duration 300ms --warmup 0s --checks-only --threads 3";
    let ended = run_with_descriptors(LIMIT, args);
    assert_eq!(ended.code, 0, "{}{}", ended.stdout, ended.stderr);
    assert_eq!(ended.report["client"]["own_descriptor_tables"], true);
    assert!(ended.count("run_deliveries") > 0);
}

#[test]
fn too_few_threads_are_told_how_many_would_do() {
    let server = Planted::start(Plant::Nothing);
    let args = format!("idle --connections {CONNECTIONS} --duration 300ms");
    let ended = limited(&server, 2, &args);
    assert_eq!(ended.code, 3, "{}", ended.stdout);
    assert!(ended.stderr.contains("--threads 4"), "{}", ended.stderr);
    assert!(ended.stderr.contains("ulimit"), "{}", ended.stderr);
}

#[test]
fn one_table_does_for_few() {
    let server = Planted::start(Plant::Nothing);
    let ended = run(&format!(
        "idle {} --connections 20 --duration 300ms",
        server.url()
    ));
    assert_eq!(ended.code, 0, "{}{}", ended.stdout, ended.stderr);
    assert_eq!(ended.report["client"]["own_descriptor_tables"], false);
}
