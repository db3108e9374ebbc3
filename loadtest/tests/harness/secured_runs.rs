//! Goal: over TLS a run checks and reports as without; certificates are looked at unless that is switched off; and
//! handshakes are counted, full ones and those with a ticket.
//! Method: planted servers behind a proxy that ends TLS.

use crate::harness::{Run, run};
use crate::planted::{Plant, Planted};
use crate::tls_front::TlsFront;

const SETTLED: &str = "--threads 2 --warmup 0s --checks-only";

/// Runs `scenario` over TLS against a server; `trust` is what to believe, with the certificate's file for `CA`.
fn run_over_tls(plant: Plant, scenario: &str, trust: &str) -> Run {
    let server = Planted::start(plant);
    let front = TlsFront::start(server.addr());
    let trust = trust.replace("CA", front.certificate().to_str().expect("a plain path"));
    let (scenario, rest) = scenario.split_once(' ').expect("a scenario and arguments");
    let url = front.url();
    run(&format!("{scenario} --url {url} {SETTLED} {trust} {rest}"))
}

fn assert_good(ended: &Run) {
    assert_eq!(ended.code, 0, "{}{}", ended.stdout, ended.stderr);
    assert_eq!(ended.report["tls"]["version"], "TLSv1_3");
}

#[test]
fn deliveries_are_checked_over_tls() {
    let load = "fanout --subscribers 6 --burst 8 --window 16 --duration 300ms";
    let ended = run_over_tls(Plant::Nothing, load, "--tls-ca CA");
    assert_good(&ended);
    assert!(ended.count("run_deliveries") > 0);
    assert_eq!(ended.report["tls"]["run_resumed"], 0);

    let load = "fanout --subscribers 5 --rate 200 --duration 500ms";
    let ended = run_over_tls(Plant::Corrupt, load, "--tls-insecure");
    assert_eq!(ended.code, 1, "{}{}", ended.stdout, ended.stderr);
    assert_eq!((ended.fault("corrupted"), ended.fault("lost")), (1, 1));
}

#[test]
fn large_publications_come_in_many_records() {
    let load = "fanout --subscribers 3 --payload 60000 --burst 4 --duration 300ms";
    assert_good(&run_over_tls(Plant::Nothing, load, "--tls-insecure"));
}

#[test]
fn a_certificate_that_nobody_has_signed_is_not_believed() {
    let other = TlsFront::start(([127, 0, 0, 1], 1).into());
    let wrong = format!("--tls-ca {}", other.certificate().display());
    let ended = run_over_tls(Plant::Nothing, "fanout --subscribers 2", &wrong);
    assert_eq!(ended.code, 3, "{}", ended.stdout);
    assert!(ended.stderr.contains("certificate"), "{}", ended.stderr);
}

#[test]
fn handshakes_are_counted_and_resumed_if_that_is_asked_for() {
    let load = "handshakes --connections 4 --duration 500ms";
    let full = run_over_tls(Plant::Nothing, load, "--tls-ca CA");
    assert_good(&full);
    let handshakes = &full.report["handshakes"];
    assert!(handshakes["opened"].as_u64() > Some(4), "{handshakes}");
    assert_eq!(handshakes["resumed"], 0);
    assert!(full.report["latency_us"]["p50"].as_f64() > Some(0.0));

    let resumed = run_over_tls(Plant::Nothing, load, "--tls-insecure --tls-resume");
    assert_good(&resumed);
    let handshakes = &resumed.report["handshakes"];
    assert!(handshakes["resumed"].as_u64() > Some(0), "{handshakes}");
}

#[test]
fn handshakes_are_counted_without_tls() {
    let server = Planted::start(Plant::Nothing);
    let ended = run(&format!(
        "handshakes {} --connections 3 --duration 300ms",
        server.url()
    ));
    assert_eq!(ended.code, 0, "{}{}", ended.stdout, ended.stderr);
    assert!(ended.report["handshakes"]["opened"].as_u64() > Some(3));
    assert!(ended.report["tls"].is_null());
    assert!(ended.stdout.contains("verdict: good"), "{}", ended.stdout);
}
