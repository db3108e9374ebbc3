//! Goal: load balancers learn at once when a server is going, and the server still answers them.
//! Method: hold a drain open with a client that does not read, and ask meanwhile.

use serde_json::json;

use super::api;
use super::support::client::Client;
use super::support::http::{get, post};
use super::support::{Server, drivers};

/// Flags of a server whose drain takes as long as a client wants.
pub(crate) const PATIENT: [&str; 4] = [
    "--backpressure-limit-bytes",
    "256MiB",
    "--drain-timeout",
    "60s",
];

/// A client of a [`PATIENT`] server that does not read: what waits for it has to be sent before it can
/// be closed.
pub(crate) fn client_that_holds_up_a_drain(server: &Server) -> Client {
    let mut slow = Client::open_with_small_buffer(server.addr);
    slow.subscribe("bulk");
    let data = "x".repeat(60_000);
    let one = json!({"channel": "bulk", "event": "e", "data": data});
    let body = json!({"publications": vec![one; 60]}).to_string();
    for _ in 0..6 {
        post(api(server), "/v1/publish/batch", &body).ok();
    }
    slow
}

#[test]
fn ready_until_the_drain_begins_and_alive_until_it_ends() {
    for driver in drivers() {
        for shards in ["1", "2"] {
            // Shown when the test fails.
            println!("--driver {driver} --shards {shards}");
            let flags = ["--driver", driver, "--shards", shards];
            let mut server = Server::start_logged(&[&flags, PATIENT.as_slice()].concat());
            let api = api(&server);
            assert_eq!(get(api, "/healthz").ok(), json!({"status": "ok"}));
            assert_eq!(get(api, "/readyz").ok(), json!({"status": "ready"}));

            let mut slow = client_that_holds_up_a_drain(&server);
            server.signal("TERM");
            server.log_line("SIGTERM: draining");
            let answer = get(api, "/readyz");
            assert_eq!(answer.status, 503);
            assert_eq!(answer.json(), json!({"status": "draining"}));
            assert!(answer.head.starts_with("HTTP/1.1 503 "), "{answer:?}");
            assert_eq!(get(api, "/healthz").ok(), json!({"status": "ok"}));
            // Of two shards, the one without the slow client has nothing left to do.
            let numbers = get(api, "/v1/stats").ok();
            assert_eq!(numbers["draining"], true);
            assert_eq!(numbers["total"]["connections"], 1);
            assert_eq!(get(api, "/metrics").status, 200);
            let late = post(api, "/v1/publish", r#"{"channel":"c","event":"e"}"#);
            assert_eq!(late.status, 503);
            assert_eq!(late.json()["error"], "draining");
            assert_eq!(late.json()["partial"], false);
            assert!(late.head.to_ascii_lowercase().contains("retry-after: "));

            slow.widen_buffer();
            slow.expect_close(1_001);
            assert_eq!(server.wait().code(), Some(0));
        }
    }
}
