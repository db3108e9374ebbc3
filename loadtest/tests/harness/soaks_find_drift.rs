//! Goal: a server that grows or gets slower fails a soak, and one that does neither passes it.
//! Method: planted servers in this process, whose memory is looked at; the shortest soak there is.

use std::time::Duration;

use crate::harness::{Run, run};
use crate::planted::{Plant, Planted};

/// Judged by drift, whatever else this machine does.
fn soak(plant: Plant, args: &str) -> Run {
    let server = Planted::start(plant);
    let url = server.url().replace("--checks-only", "--max-steal 100");
    run(&format!(
        "soak {url} --subscribers 3 --duration 10s --server-pid {} {args}",
        std::process::id()
    ))
}

#[test]
fn a_leak_fails_the_soak() {
    // 5 MiB a second.
    let ended = soak(
        Plant::Leak(256 << 10),
        "--rate 20 --latency-drift-max 100000",
    );
    assert_eq!(ended.code, 1, "{}{}", ended.stdout, ended.stderr);
    let soak = &ended.report["soak"];
    assert_eq!(soak["memory_passes"], true, "{soak}");
    assert_eq!(soak["memory"]["is_trend"], true, "{soak}");
    let over_run = soak["memory"]["over_run"].as_f64().expect("bytes");
    assert!(over_run > f64::from(20 << 20), "{soak}");
    assert!(
        ended.stdout.contains("--memory-drift-max"),
        "{}",
        ended.stdout
    );
    // It is the drift alone.
    assert_eq!(ended.fault("lost"), 0);
    let moments = ended.report["moments"].as_array().expect("a list");
    let memory = moments
        .iter()
        .map(|moment| moment["server_rss_bytes"].as_u64());
    let memory: Vec<u64> = memory.flatten().collect();
    assert!(
        memory.len() > 5 && memory.last() > memory.first(),
        "{memory:?}"
    );
}

#[test]
fn latency_that_rises_fails_the_soak() {
    // From nothing to 240 ms for each of ten a second: in the end it is two seconds behind.
    let plant = Plant::Slowing(Duration::from_micros(2_400));
    let ended = soak(plant, "--rate 10 --memory-drift-max 1000GiB");
    assert_eq!(ended.code, 1, "{}{}", ended.stdout, ended.stderr);
    let soak = &ended.report["soak"];
    assert_eq!(soak["latency_passes"], true, "{soak}");
    assert_eq!(soak["memory_passes"], false, "{soak}");
    assert!(
        ended.stdout.contains("--latency-drift-max"),
        "{}",
        ended.stdout
    );
}

#[test]
fn a_server_that_stays_as_it_is_passes() {
    // This machine may be busier and busier meanwhile, and the server's process is that of other tests.
    let limits = "--latency-drift-max 100000000 --memory-drift-max 1000GiB";
    let ended = soak(Plant::Nothing, limits);
    assert_eq!(ended.code, 0, "{}{}", ended.stdout, ended.stderr);
    let soak = &ended.report["soak"];
    assert!(soak["memory"]["points"].as_u64() >= Some(5), "{soak}");
    assert!(soak["latency_p99"]["points"].as_u64() >= Some(5), "{soak}");
    assert_eq!(ended.count("run_publications"), 1_000);
    assert!(ended.stdout.contains("memory drift: "), "{}", ended.stdout);
}
