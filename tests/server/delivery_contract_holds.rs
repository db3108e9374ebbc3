//! Goal: the delivery contract holds, whatever a dozen clients do at the same time.
//! Method: each follows a seeded script of subscribes, unsubscribes and publishes, with requests that must be
//! refused among them; a checker that sees what all of them send and read judges every frame, what is
//! still owed at the end, and how each connection ends.

use super::contract_dialects;
use super::contract_suite::{CLIENTS, FLAGS, LARGE_DATA, Link, SMALL_DATA, Suite};
use super::support::fault_proxy::{Fault, FaultProxy};
use super::support::{Server, drivers};

const SHARDS: [usize; 2] = [1, 2];

fn start(driver: &str, shards: usize) -> Server {
    start_with(driver, shards, &[])
}

fn start_with(driver: &str, shards: usize, flags: &[&str]) -> Server {
    println!("--driver {driver} --shards {shards} {flags:?}");
    let shards = shards.to_string();
    let own = ["--driver", driver, "--shards", &shards];
    Server::start(&[&own, FLAGS.as_slice(), flags].concat())
}

#[test]
fn on_links_that_hold() {
    for driver in drivers() {
        for shards in SHARDS {
            for seed in 0..8 {
                let mut server = start(driver, shards);
                let suite = Suite::open(shards, seed, SMALL_DATA, |_| (server.addr, Link::Whole));
                let outcome = suite.play(&mut server);
                assert!(outcome.messages > 1_000, "{outcome:?} shows little");
                assert_eq!(outcome.cut, 0);
            }
        }
    }
}

/// Whatever there is goes out once in a while, and between two ticks of a shard's clock, too.
#[test]
fn where_messages_wait_for_each_other() {
    for driver in drivers() {
        for shards in SHARDS {
            for interval in ["1ms", "20ms"] {
                let mut server = start_with(driver, shards, &["--flush-interval", interval]);
                let suite = Suite::open(shards, 1, SMALL_DATA, |_| (server.addr, Link::Whole));
                let outcome = suite.play(&mut server);
                assert!(outcome.messages > 1_000, "{outcome:?} shows little");
                assert_eq!(outcome.cut, 0);
            }
        }
    }
}

/// Clients of all dialects share an app, most of them speak for users, and the API sends to these.
#[test]
fn among_dialects_and_users() {
    for driver in drivers() {
        for shards in SHARDS {
            for seed in 0..4 {
                let mut server = contract_dialects::start(driver, shards);
                let outcome = Suite::open_mixed(seed, &server).play(&mut server);
                assert!(outcome.messages > 1_000, "{outcome:?} shows little");
                assert!(outcome.sends > 200, "{outcome:?} shows little");
                assert_eq!(outcome.cut, 0);
            }
        }
    }
}

/// Two clients on links of each fault. Those whose connection is cut are judged by what they saw until then,
/// and the others must get all that anybody got of them.
#[test]
fn on_links_that_do_what_they_can() {
    for driver in drivers() {
        for shards in SHARDS {
            for seed in 0..3 {
                let mut server = start(driver, shards);
                let proxies = Fault::ALL.map(|fault| FaultProxy::start(server.addr, fault, seed));
                let suite = Suite::open(shards, seed, SMALL_DATA, |client| {
                    let at = client % proxies.len();
                    let breaks = Fault::ALL[at].breaks();
                    let link = if breaks { Link::Breaks } else { Link::Whole };
                    (proxies[at].addr, link)
                });
                let outcome = suite.play(&mut server);
                assert!(outcome.messages > 1_000, "{outcome:?} shows little");
                let links = (0..CLIENTS).map(|client| Fault::ALL[client % proxies.len()]);
                let breaking = links.filter(|fault| fault.breaks()).count();
                assert_eq!(outcome.cut, breaking, "links that break do, and no others");
            }
        }
    }
}

/// The kernel takes the least that it can at a time, so that much of what a turn sends is left for later.
#[test]
fn on_sockets_that_take_little_at_a_time() {
    for driver in drivers() {
        for shards in SHARDS {
            for seed in 0..3 {
                let mut server = start_with(driver, shards, &["--send-buffer-bytes", "1"]);
                let suite = Suite::open(shards, seed, LARGE_DATA, |_| (server.addr, Link::Whole));
                let outcome = suite.play(&mut server);
                assert!(outcome.messages > 1_000, "{outcome:?} shows little");
                assert_eq!(outcome.cut, 0);
            }
        }
    }
}

/// Twenty signals amid a broadcast: what was accepted reaches all who read.
#[test]
fn through_a_drain_that_nobody_expects() {
    for driver in drivers() {
        for shards in SHARDS {
            for seed in 0..5 {
                let mut server = start(driver, shards);
                let suite = Suite::open(shards, seed, SMALL_DATA, |_| (server.addr, Link::Whole));
                let outcome = suite.play_into_drain(&mut server);
                assert_eq!(outcome.cut, 0);
            }
        }
    }
}
