//! Goal: `run` makes the runs of a file and tells which figures keep within their limits; a wrong file is told by its line.
//! Method: files with limits that hold anywhere and with ones that hold nowhere, against the real server and planted ones.

use std::path::Path;

use serde_json::Value;

use crate::harness::{Run, run, start, written};
use crate::planted::{Plant, Planted};

/// A run that takes half a second.
fn entry(name: &str, scenario: &str, more: &str) -> String {
    format!(
        "[[run]]\nname = '{name}'\nscenario = '{scenario}'\n\
         flags = ['--subscribers', '3', '--rate', '200', '--warmup', '0s', '--duration', '300ms']\n{more}\n"
    )
}

fn limit(figure: &str, bounds: &str) -> String {
    format!("[[run.limit]]\nfigure = '{figure}'\n{bounds}\n")
}

fn keeps(file: &Path, args: &str) -> Run {
    run(&format!("run {} --checks-only {args}", file.display()))
}

fn holds(ended: &Run) -> Vec<Option<bool>> {
    let limits = ended.report["limits"].as_array().expect("a list");
    limits
        .iter()
        .map(|limit| limit["holds"].as_bool())
        .collect()
}

#[test]
fn all_limits_hold() {
    let ratio = limit(
        "/counts/run_deliveries",
        "max_ratio = 1\nmin_ratio = 1\nto = 'floor'",
    );
    let latency = limit("/latency_us/p99", "max = 30_000_000\nmin = 0.1");
    let file = written(
        "good.toml",
        &[
            "server = 'shardcast'\nrounds = 2\n".to_owned(),
            entry("steady", "fanout", &format!("{ratio}{latency}")),
            entry("floor", "floor", ""),
            entry(
                "secret",
                "fanout",
                &format!("tls = true\ndeflate = true\n{latency}"),
            ),
        ]
        .concat(),
    );
    let ended = keeps(&file, "");
    assert_eq!(ended.code, 0, "{}{}", ended.stdout, ended.stderr);
    assert_eq!(holds(&ended), [Some(true); 6]);
    assert_eq!(ended.report["verdict"], "good");
    assert!(
        ended
            .stdout
            .contains("(1.00 times) | at most 1 times floor's "),
        "{}",
        ended.stdout
    );
    let runs = ended.report["runs"].as_array().expect("a list");
    assert!(
        runs.iter()
            .all(|run| run["reports"].as_array().map(Vec::len) == Some(2))
    );
    let secret = &runs[2]["reports"][0];
    assert_eq!(secret["tls"]["version"], "TLSv1_3");
    assert_eq!(secret["settings"]["deflate"], true);
}

#[test]
fn a_breach_is_told_and_the_other_limits_are_judged() {
    let limits = [
        limit("/latency_us/p99", "max = 0.001"),
        limit("/latency_us/p99", "min = 0.001"),
        limit("/counts/run_deliveries", "max_ratio = 0.5\nto = 'other'"),
    ];
    let server = Planted::start(Plant::Nothing);
    let file = written(
        "breach.toml",
        &[
            format!("url = 'ws://{}/'\n", server.addr()),
            entry("steady", "fanout", &limits.concat()),
            entry("other", "fanout", ""),
        ]
        .concat(),
    );
    let ended = keeps(&file, "");
    assert_eq!(ended.code, 1, "{}{}", ended.stdout, ended.stderr);
    assert_eq!(holds(&ended), [Some(false), Some(true), Some(false)]);
    assert!(
        ended.stdout.contains(" | at most 0.0010 | BREACH |"),
        "{}",
        ended.stdout
    );
    assert_eq!(ended.report["verdict"], "failed");
}

#[test]
fn wrong_deliveries_fail_whatever_the_figures_are() {
    let server = Planted::start(Plant::Deliver(&[1, 2, 3]));
    let limit = limit("/latency_us/p99", "max = 30_000_000");
    let file = written("lossy.toml", &entry("steady", "fanout", &limit));
    let ended = keeps(&file, &format!("--url ws://{}/", server.addr()));
    assert_eq!(ended.code, 1, "{}{}", ended.stdout, ended.stderr);
    assert!(ended.stdout.contains("failed: 1 lost"), "{}", ended.stdout);
    assert_eq!(holds(&ended), [None]);
}

#[test]
fn what_was_not_measured_is_neither_kept_nor_breached() {
    let server = Planted::start(Plant::Nothing);
    // Whose core is it?
    let limit = limit("/server/core/ns_per_delivery", "max = 1_000_000");
    let file = written("unknown.toml", &entry("steady", "fanout", &limit));
    let ended = keeps(&file, &format!("--url ws://{}/", server.addr()));
    assert_eq!(ended.code, 3, "{}{}", ended.stdout, ended.stderr);
    assert_eq!(holds(&ended), [None]);
    assert!(
        ended.stdout.contains(" | not measured |"),
        "{}",
        ended.stdout
    );
    // Port 1 of this machine is nobody's.
    let ended = keeps(&file, "--url ws://127.0.0.1:1/");
    assert_eq!(ended.code, 3, "{}{}", ended.stdout, ended.stderr);
    assert_eq!(ended.report["verdict"], "void");
}

#[test]
fn every_scenario_keeps_the_limits_of_the_smoke_test() {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("plans/smoke.toml");
    let ended = keeps(&file, "");
    assert_eq!(ended.code, 0, "{}{}", ended.stdout, ended.stderr);
    assert!(holds(&ended).len() >= 8);
}

#[test]
fn ctrl_c_ends_the_runs_and_what_is_missing_is_told() {
    let server = Planted::start(Plant::Nothing);
    let long = entry("long", "fanout", "").replace("300ms", "60s");
    let file = written(
        "long.toml",
        &format!("{long}{}", entry("next", "fanout", "")),
    );
    let running = start(&format!(
        "run {} --checks-only --url ws://{}/",
        file.display(),
        server.addr()
    ));
    server.wait_for_publications(20);
    running.interrupt();
    let ended = running.wait();
    assert_eq!(ended.code, 3, "{}{}", ended.stdout, ended.stderr);
    for name in ["long", "next"] {
        let told = format!("| {name} | deliveries | | all right | interrupted |");
        assert!(ended.stdout.contains(&told), "{}", ended.stdout);
    }
    assert_eq!(ended.report["verdict"], "void");
}

#[test]
fn a_storm_kills_the_server_that_is_described() {
    let description = Path::new(env!("CARGO_MANIFEST_DIR")).join("peers/shardcast-two-shards.toml");
    let head = format!("[server]\ndescription = '{}'\n", description.display());
    let limit = limit("/storm/all_s", "max = 60");
    let file = written(
        "storm.toml",
        &format!("{head}{}", entry("back", "storm", &limit)),
    );
    let ended = keeps(&file, "");
    assert_eq!(ended.code, 0, "{}{}", ended.stdout, ended.stderr);
    let report = &ended.report["runs"][0]["reports"][0];
    assert!(report["storm"]["attempts"].as_u64() >= Some(4), "{report}");
}

#[test]
fn a_server_can_be_described_where_it_is_used() {
    let server = Planted::start(Plant::Nothing);
    let head = format!(
        "[server]\nname = 'Planted'\ncommand = ['sleep', '600']\nurl = 'ws://{}/'\n",
        server.addr()
    );
    let file = written(
        "inline.toml",
        &format!("{head}{}", entry("steady", "fanout", "")),
    );
    let ended = keeps(&file, "");
    assert_eq!(ended.code, 0, "{}{}", ended.stdout, ended.stderr);
    assert_eq!(ended.report["runs"][0]["problem"], Value::Null);
}

#[test]
fn wrong_files_are_told_by_line_with_what_is_known() {
    const HEAD: &str = "url = 'ws://127.0.0.1:1/'\n";
    let with = |limit: String| format!("{HEAD}{}", entry("a", "fanout", &limit));
    for (text, line, words) in [
        (
            format!("{HEAD}rownds = 3\n{}", entry("a", "fanout", "")),
            2,
            "`rounds`",
        ),
        (with("tsl = true".to_owned()), 6, "`tls`"),
        (
            format!("{HEAD}{}", entry("a", "fanuot", "")),
            4,
            "fanout, p2p",
        ),
        (
            format!("{HEAD}{}", entry("a", "idle", "")),
            5,
            "--subscribers",
        ),
        (
            format!("{HEAD}{}", entry("a", "compare", "")),
            4,
            "fanout, p2p",
        ),
        (
            with(limit("/latency_us/p99", "max_ratio = 2\nto = 'b'")),
            9,
            "there are a",
        ),
        (
            with(limit("/latency_us/p99", "max_ratio = 2")),
            7,
            "to = \"NAME\"",
        ),
        (with(limit("/latency_us/p99", "")), 7, "max_ratio"),
        (with(limit("p99", "max = 3")), 7, "/latency_us/p99"),
        (with(limit("/latency_us/p99", "max = '3'")), 8, "f64"),
        (
            format!("{HEAD}{0}{0}", entry("a", "fanout", "")),
            8,
            "a name of its own",
        ),
        (with("tls = true".to_owned()), 4, "--tls-insecure"),
        (format!("{HEAD}{}", entry("a", "storm", "")), 4, "server = "),
        (
            format!("server = 'nobody'\n{}", entry("a", "fanout", "")),
            1,
            "shardcast-ignis",
        ),
        (
            format!("[server]\nnam = 'x'\n{}", entry("a", "fanout", "")),
            1,
            "`name`",
        ),
        (entry("a", "fanout", ""), 1, "--url"),
    ] {
        let file = written("wrong.toml", &text);
        let ended = keeps(&file, "");
        assert_eq!(ended.code, 2, "{text}{}{}", ended.stdout, ended.stderr);
        let place = format!("wrong.toml:{line}: ");
        assert!(
            ended.stderr.contains(&place) && ended.stderr.contains(words),
            "{place}{words}: {}\n{text}",
            ended.stderr
        );
    }
}

#[test]
fn a_figure_that_no_report_has_is_told_by_its_line() {
    let server = Planted::start(Plant::Nothing);
    let limit = limit("/latency_us/p98", "max = 3");
    let file = written("figure.toml", &entry("a", "fanout", &limit));
    let ended = keeps(&file, &format!("--url ws://{}/", server.addr()));
    assert_eq!(ended.code, 2, "{}{}", ended.stdout, ended.stderr);
    assert!(
        ended
            .stderr
            .contains("figure.toml:6: a report has no /latency_us/p98"),
        "{}",
        ended.stderr
    );
}
