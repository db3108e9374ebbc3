//! Goal: what the server's API tells of a run is what the harness saw of it, to the byte.
//! Method: the real server with two shards and the real harness; its report against `/v1/stats` and
//! `/metrics`.

use serde_json::Value;

use crate::harness::{Run, run};
use crate::real_server::{ENDPOINTS, Server};

/// A frame without a mask, with a code and no reason.
const CLOSE_FRAME_BYTES: u64 = 4;

/// The sum over the shards of what a number of `/v1/stats` is, which must be what its total says.
fn stat(stats: &Value, path: &str) -> u64 {
    let number = |numbers: &Value| {
        let number = numbers.pointer(path).and_then(Value::as_u64);
        number.unwrap_or_else(|| panic!("{path} is a number of {numbers}"))
    };
    let shards = stats["shards"].as_array().expect("a list");
    let sum = shards.iter().map(number).sum();
    assert_eq!(number(&stats["total"]), sum, "{path}: {stats}");
    sum
}

/// The sum of a metric over the series with all of `labels`.
fn metric(metrics: &str, name: &str, labels: &str) -> u64 {
    let values = metrics.lines().filter_map(|line| {
        let (series, value) = line.rsplit_once(' ')?;
        let (of, given) = series.split_once('{')?;
        (of == name && given.contains(labels)).then(|| value.parse::<u64>().expect("a count"))
    });
    let values: Vec<u64> = values.collect();
    // Drops are told by their cause as well.
    let of_each_shard = !values.is_empty() && values.len().is_multiple_of(2);
    assert!(of_each_shard, "{name} {labels}: {values:?}");
    values.iter().sum()
}

/// `preparing` is how many messages a client needs before it is ready: one that subscribes, and one that does not.
fn agree(server: &Server, seen: &Run, preparing: [u64; 2]) {
    let (stats, metrics) = (server.stats(), server.metrics());
    let setting = |name: &str| seen.report["settings"][name].as_u64().expect("a count");
    let connections = setting("connections");
    let bytes_sent = seen.count("run_received_bytes") + connections * CLOSE_FRAME_BYTES;
    for (path, metric_name, expected) in [
        ("/connections", "shardcast_connections", 0),
        ("/subscriptions", "shardcast_subscriptions", 0),
        ("/topics", "shardcast_topics", 0),
        ("/accepted", "shardcast_accepted_total", connections),
        (
            "/publications",
            "shardcast_publications_total",
            seen.count("run_publications"),
        ),
        (
            "/deliveries",
            "shardcast_deliveries_total",
            seen.count("run_deliveries"),
        ),
        ("/dropped", "shardcast_dropped_total", 0),
        (
            "/messages_received",
            "shardcast_messages_received_total",
            seen.count("run_publications")
                + setting("subscribers") * preparing[0]
                + (connections - setting("subscribers")) * preparing[1],
        ),
        ("/messages_ignored", "shardcast_messages_ignored_total", 0),
        (
            "/bytes_received",
            "shardcast_received_bytes_total",
            seen.count("run_sent_bytes"),
        ),
        // The harness says goodbye and does not wait for the answer.
        ("/bytes_sent", "shardcast_sent_bytes_total", bytes_sent),
    ] {
        assert_eq!(stat(&stats, path), expected, "{path}: {stats}");
        assert_eq!(metric(&metrics, metric_name, ""), expected, "{metrics}");
    }
    let causes = stats["total"]["closed"].as_object().expect("by cause");
    for cause in causes.keys() {
        let expected = if cause == "peer_closed" {
            connections
        } else {
            0
        };
        let path = format!("/closed/{cause}");
        assert_eq!(stat(&stats, &path), expected, "{cause}: {stats}");
        let label = format!("cause=\"{cause}\"");
        let closed = metric(&metrics, "shardcast_closed_total", &label);
        assert_eq!(closed, expected, "{cause}: {metrics}");
    }
}

#[test]
fn every_number_is_what_the_harness_counted() {
    // Subscribe; authenticate, join and authenticate again; join and ping.
    for (endpoint, preparing) in ENDPOINTS.into_iter().zip([[1, 0], [3, 1], [2, 1]]) {
        for scenario in [
            "fanout --subscribers 12 --topics 3 --publishers 4 --window 3 --burst 2",
            "p2p --clients 8 --window 2",
        ] {
            let server = Server::start();
            let (path, dialect) = endpoint.split_once('=').expect("a path and a dialect");
            let at = format!("--dialect {dialect} --url ws://{}{path}", server.addr);
            let times = "--warmup 200ms --duration 500ms --threads 2 --checks-only";
            let seen = run(&format!("{scenario} {at} {times}"));
            assert_eq!(seen.code, 0, "{}{}", seen.stdout, seen.stderr);
            assert!(seen.count("run_deliveries") > 100, "{}", seen.stdout);
            assert_eq!(seen.report["settings"]["dialect"], dialect);
            agree(&server, &seen, preparing);
        }
    }
}
