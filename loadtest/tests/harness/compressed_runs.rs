//! Goal: what comes compressed is checked as everything else, with a context or without, and a server that does not
//! compress is not measured as if it did.
//! Method: planted servers that compress, rightly or wrongly; exit codes, faults, and the report's figures.

use crate::deflating::Deflate;
use crate::harness::run;
use crate::planted::{Plant, Planted};

const LOAD: &str = "--deflate --subscribers 5 --text json --payload 1024";

fn passes(how: Deflate, server_keeps_context: bool) {
    let server = Planted::start(Plant::Deflate(how));
    let ended = run(&format!(
        "fanout {} {LOAD} --burst 4 --window 8 --duration 300ms",
        server.url()
    ));
    assert_eq!(ended.code, 0, "{}{}", ended.stdout, ended.stderr);
    let deflate = &ended.report["deflate"];
    assert_eq!(deflate["server_keeps_context"], server_keeps_context);
    assert_eq!(deflate["server_window_bits"], 15);
    assert_eq!(ended.report["settings"]["deflate"], true);
    let figure = |name: &str| deflate[name].as_u64().expect("a number");
    // Two of three came compressed.
    let messages = figure("messages");
    assert!(messages > ended.count("deliveries") / 2, "{deflate}");
    assert!(figure("inflated_bytes") > messages * 1_024, "{deflate}");
    assert!(figure("compressed_bytes") < messages * 700, "{deflate}");
    assert!(
        ended.stdout.contains("messages compressed"),
        "{}",
        ended.stdout
    );
}

#[test]
fn messages_that_stand_for_themselves_pass() {
    passes(Deflate::Fresh, false);
}

#[test]
fn messages_with_a_context_pass() {
    passes(Deflate::Kept, true);
}

#[test]
fn objects_pass_uncompressed_in_any_order_of_the_envelopes_keys() {
    for plant in [Plant::Nothing, Plant::OddButRight] {
        let server = Planted::start(plant);
        let ended = run(&format!(
            "fanout {} --text json --payload 1000 --subscribers 3 --publishers 2 --duration 300ms",
            server.url()
        ));
        assert_eq!(ended.code, 0, "{}{}", ended.stdout, ended.stderr);
        assert!(ended.count("run_deliveries") > 0);
        assert!(ended.report["deflate"].is_null());
        assert_eq!(ended.report["settings"]["text"], "json");
    }
}

#[test]
fn a_message_that_does_not_inflate_ends_the_connection() {
    let server = Planted::start(Plant::Deflate(Deflate::Broken));
    let ended = run(&format!(
        "fanout {} {LOAD} --rate 200 --duration 500ms",
        server.url()
    ));
    assert_eq!(ended.code, 1, "{}{}", ended.stdout, ended.stderr);
    assert_eq!(ended.fault("disconnected"), 1);
    assert_eq!(ended.fault("corrupted"), 0);
    assert!(
        ended.stdout.contains("does not inflate"),
        "{}",
        ended.stdout
    );
}

#[test]
fn a_server_that_compresses_unasked_cannot_be_measured() {
    let server = Planted::start(Plant::Deflate(Deflate::Unasked));
    let ended = run(&format!("fanout {} --subscribers 2", server.url()));
    assert_eq!(ended.code, 3);
    assert!(
        ended.stderr.contains("without an agreement"),
        "{}",
        ended.stderr
    );
}

#[test]
fn a_server_that_does_not_accept_the_offer_cannot_be_measured() {
    let server = Planted::start(Plant::Nothing);
    let ended = run(&format!("fanout {} {LOAD}", server.url()));
    assert_eq!(ended.code, 3);
    assert!(
        ended.stderr.contains("did not accept permessage-deflate"),
        "{}",
        ended.stderr
    );
}
