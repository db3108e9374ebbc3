//! Goal: a server that runs out of descriptors says so, with what helps; it serves those who are in, lets in
//! those who wait as soon as there is room, and says that too.
//! Method: take descriptors away from a running server by its limit, and give them back.

use rustix::process::{Pid, Resource, Rlimit, getrlimit, prlimit};

use super::support::client::{Client, request};
use super::support::http::{Kept, get};
use super::support::{Server, drivers, strav, wait_until};

const INSIDE: usize = 6;
/// More than enough for the kernel to give each of two shards some.
const WAITING: usize = 12;

/// Sets the limit of open files of a running server; what it was.
fn limit_descriptors(server: &Server, limit: Rlimit) -> Rlimit {
    let pid = i32::try_from(server.pid()).ok().and_then(Pid::from_raw);
    prlimit(pid, Resource::Nofile, limit).expect("our own child")
}

/// Over a connection that the API has accepted already: it could accept no other.
fn failures(api: &mut Kept) -> u64 {
    let metrics = api.get("/metrics");
    assert_eq!(metrics.status, 200, "{metrics:?}");
    let value = metrics
        .body
        .lines()
        .find_map(|line| line.strip_prefix("shardcast_accept_failures_total "));
    value.and_then(|value| value.parse().ok()).expect("a count")
}

#[test]
fn starved_server_serves_those_who_are_in_and_lets_in_the_rest_when_it_can() {
    for driver in drivers() {
        for shards in [1, 2] {
            println!("--driver {driver} --shards {shards}");
            let shards_flag = shards.to_string();
            let flags = ["--driver", driver, "--shards", &shards_flag];
            let mut server =
                Server::start_logged(&[&flags[..], &["--allow-publish", "*"]].concat());
            let mut api = Kept::connect(server.api.expect("the banner names the API"));
            assert_eq!(failures(&mut api), 0);
            let mut inside: Vec<Client> = (0..INSIDE).map(|_| Client::open(server.addr)).collect();
            for client in &mut inside {
                client.subscribe("demo");
            }

            // The standard streams hold these three: nothing else can be opened.
            let nothing_more = Rlimit {
                current: Some(3),
                // Its own, which it has from here. Who lowers it cannot raise it again.
                maximum: getrlimit(Resource::Nofile).maximum,
            };
            let before = limit_descriptors(&server, nothing_more);
            let mut waiting: Vec<Client> = (0..WAITING).map(|_| Client::tcp(server.addr)).collect();
            for client in &mut waiting {
                client.send_raw(&request(strav::PATH));
            }
            // More attempts than shards: at least one has failed again.
            wait_until("the count of failures", || failures(&mut api) > shards);
            inside[0].publish("demo", "hello", 1);
            for client in &mut inside {
                assert_eq!(client.event().number(), 1);
            }

            limit_descriptors(&server, before);
            for client in &mut waiting {
                client.expect_upgrade();
                assert!(client.text().contains("welcome"));
                client.subscribe("demo");
            }
            inside[0].publish("demo", "hello", 2);
            for client in inside.iter_mut().chain(&mut waiting) {
                assert_eq!(client.event().number(), 2);
            }
            assert_eq!(get(server.api.expect("above"), "/readyz").status, 200);

            drop((inside, waiting));
            server.signal("TERM");
            assert!(server.wait().success());
            let log = server.log();
            let lines = |text| log.lines().filter(move |line| line.contains(text)).count();
            let begun = lines("cannot accept connections: Too many open files");
            assert!((1..=shards as usize).contains(&begun), "{log}");
            assert_eq!(lines("raise the limit of open files"), begun, "{log}");
            assert_eq!(lines("accepts connections again"), begun, "{log}");
        }
    }
}
