//! Goal: publications are counted one by one, however many lie in a WebSocket message, and wherever it ends.
//! Method: small servers of other protocols that deliver in batches, right and with one publication missing in the midst.

use std::thread;

use crate::batching::{Batching, Protocol};
use crate::harness::run;

const LOAD: &str = "--subscribers 3 --duration 300ms";

#[test]
fn every_publication_of_a_batch_is_counted() {
    for protocol in [Protocol::Nats, Protocol::Lines] {
        let server = Batching::start(protocol, false);
        let ended = run(&format!(
            "fanout {} {LOAD} --burst 5 --window 10",
            server.flags()
        ));
        assert_eq!(
            ended.code, 0,
            "{protocol:?}: {}{}",
            ended.stdout, ended.stderr
        );
        let publications = ended.count("run_publications");
        assert!(publications > 0);
        assert_eq!(
            ended.count("run_deliveries"),
            3 * publications,
            "{protocol:?}"
        );
    }
}

/// The runs wait for what is lost, so they wait at the same time.
#[test]
fn one_that_a_batch_lacks_is_lost() {
    thread::scope(|scope| {
        for protocol in [Protocol::Nats, Protocol::Lines] {
            scope.spawn(move || loses_one(protocol));
        }
    });
}

fn loses_one(protocol: Protocol) {
    let server = Batching::start(protocol, true);
    // An open loop: a closed one would wait for what never comes.
    let ended = run(&format!(
        "fanout {} {LOAD} --burst 5 --rate 400",
        server.flags()
    ));
    assert_eq!(
        ended.code, 1,
        "{protocol:?}: {}{}",
        ended.stdout, ended.stderr
    );
    let faults = &ended.report["faults"];
    assert_eq!(
        (ended.fault("lost"), ended.count("run_deliveries")),
        (1, 359),
        "{faults}"
    );
    for kind in ["duplicated", "reordered", "corrupted", "foreign_topic"] {
        assert_eq!(ended.fault(kind), 0, "{faults}");
    }
}

#[test]
fn publishers_without_topics_hear_each_other_and_do_not_mind() {
    let server = Batching::start(Protocol::Raw, false);
    let ended = run(&format!(
        "fanout {} {LOAD} --publishers 2 --window 4",
        server.flags()
    ));
    assert_eq!(ended.code, 0, "{}{}", ended.stdout, ended.stderr);
    assert_eq!(
        ended.count("run_deliveries"),
        3 * ended.count("run_publications")
    );
    assert!(ended.count("run_deliveries") > 0);
}
