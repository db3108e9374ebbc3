//! Goal: the API tells what the server does, and its numbers agree with what clients saw.
//! Method: subscribe and publish a known amount; read channels, numbers and metrics.

use std::net::SocketAddr;

use serde_json::{Value, json};

use super::api;
use super::support::client::Client;
use super::support::http::{get, post};
use super::support::servers;

#[test]
fn channels_come_in_pages_by_name_with_subscribers_of_all_shards() {
    for server in servers(&[1, 2], &[]) {
        let mut clients: Vec<Client> = (0..8).map(|_| Client::open(server.addr)).collect();
        for (index, client) in clients.iter_mut().enumerate() {
            client.subscribe("all");
            client.subscribe(&format!("own-{index}"));
        }
        let page = |query: &str| get(api(&server), &format!("/v1/channels{query}")).ok();
        let names = |page: &Value| -> Vec<String> {
            let channels = page["channels"].as_array().expect("a list");
            let name = |channel: &Value| channel["name"].as_str().expect("a name").to_owned();
            channels.iter().map(name).collect()
        };
        let all = page("");
        assert_eq!(all["more"], false);
        assert_eq!(names(&all).len(), 9);
        assert_eq!(all["channels"][0], json!({"name": "all", "subscribers": 8}));

        let first = page("?prefix=own-&limit=5");
        assert_eq!(first["more"], true);
        assert_eq!(names(&first), ["own-0", "own-1", "own-2", "own-3", "own-4"]);
        let rest = page("?prefix=own-&limit=5&after=own-4");
        assert_eq!(rest["more"], false);
        assert_eq!(names(&rest), ["own-5", "own-6", "own-7"]);
        let of_app = page("?app=%2F_broadcast&prefix=a");
        assert_eq!(names(&of_app), ["all"]);

        for (path, name, subscribers) in [
            ("/v1/channels/all", "all", 8),
            ("/v1/channels/own-3", "own-3", 1),
            ("/v1/channels/no%2Fbody", "no/body", 0),
        ] {
            let channel = get(api(&server), path).ok();
            assert_eq!(
                (&channel["name"], &channel["subscribers"]),
                (&json!(name), &json!(subscribers))
            );
            assert_eq!(
                channel["members"].as_array().map(Vec::len),
                Some(subscribers)
            );
        }
    }
}

#[test]
fn wrong_page_is_refused() {
    for server in servers(&[1], &[]) {
        for query in ["limit=0", "limit=1001", "limit=x", "app=%2Fnowhere"] {
            let answer = get(api(&server), &format!("/v1/channels?{query}"));
            assert_eq!(answer.status, 400, "{query}: {answer:?}");
        }
    }
}

/// The sum of a metric over its labels.
fn metric(api: SocketAddr, name: &str) -> f64 {
    let answer = get(api, "/metrics");
    assert_eq!(answer.status, 200);
    let head = answer.head.to_ascii_lowercase();
    assert!(
        head.contains("content-type: application/openmetrics-text"),
        "{head}"
    );
    assert!(answer.body.ends_with("# EOF\n"));
    let samples = answer.body.lines().filter(|line| !line.starts_with('#'));
    let sample = |line: &str| {
        let (series, value) = line.rsplit_once(' ').expect("a name and a value");
        let value: f64 = value.parse().expect("a number");
        let labelled = series.split('{').next() == Some(name);
        labelled.then_some(value)
    };
    let values: Vec<f64> = samples.filter_map(sample).collect();
    assert!(!values.is_empty(), "{name} is a metric");
    values.iter().sum()
}

#[test]
fn numbers_agree_with_what_subscribers_saw() {
    const SUBSCRIBERS: usize = 6;
    const PUBLICATIONS: usize = 10;
    for server in servers(&[1, 2], &[]) {
        let mut clients: Vec<Client> = (0..SUBSCRIBERS)
            .map(|_| Client::open(server.addr))
            .collect();
        for client in &mut clients {
            client.subscribe("demo");
        }
        for number in 0..PUBLICATIONS {
            let body = json!({"channel": "demo", "event": "e", "data": number}).to_string();
            post(api(&server), "/v1/publish", &body).ok();
        }
        let mut seen = 0;
        for client in &mut clients {
            for number in 0..PUBLICATIONS {
                assert_eq!(client.event().number(), number);
                seen += 1;
            }
        }
        let stats = get(api(&server), "/v1/stats").ok();
        let total = &stats["total"];
        assert_eq!(total["deliveries"], seen);
        assert_eq!(total["connections"], SUBSCRIBERS);
        assert_eq!(total["subscriptions"], SUBSCRIBERS);
        assert_eq!(total["dropped"], 0);
        assert_eq!(stats["draining"], false);
        let shards = stats["shards"].as_array().expect("a list");
        let own = |shard: &Value| shard["deliveries"].as_u64().expect("a number");
        assert_eq!(shards.iter().map(own).sum::<u64>(), seen);

        assert_eq!(
            metric(api(&server), "shardcast_deliveries_total"),
            seen as f64
        );
        assert_eq!(
            metric(api(&server), "shardcast_connections"),
            SUBSCRIBERS as f64
        );
        assert!(metric(api(&server), "shardcast_flush_seconds_count") > 0.0);
        drop(clients);
    }
}
