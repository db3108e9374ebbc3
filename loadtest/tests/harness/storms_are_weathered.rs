//! Goal: when the server is killed, everybody comes back to its successor, and from then on every delivery is right.
//! Method: the real server with two shards, killed by the harness amid its clients, on a port that is kept for it;
//! and servers that do not come back.

use std::net::{Ipv4Addr, SocketAddr, SocketAddrV4};
use std::os::fd::OwnedFd;

use rustix::net::sockopt::set_socket_reuseaddr;
use rustix::net::{AddressFamily, SocketType, bind, getsockname, socket};

use crate::harness::{Run, run};
use crate::real_server::server_binary;

const CLIENTS: u64 = 300;
const PUBLISHERS: u64 = 3;

/// A free port that nobody else is given. Bound by a socket that does not listen, it can still be listened on by
/// who asks for reuse of the address, as the server does.
struct Port {
    _socket: OwnedFd,
    number: u16,
}

impl Port {
    fn reserve() -> Self {
        let socket = socket(AddressFamily::INET, SocketType::STREAM, None).expect("a socket");
        set_socket_reuseaddr(&socket, true).expect("a TCP socket");
        let any = SocketAddr::V4(SocketAddrV4::new(Ipv4Addr::LOCALHOST, 0));
        bind(&socket, &any).expect("loopback has a free port");
        let bound = getsockname(&socket).expect("it is bound");
        Self {
            _socket: socket,
            number: SocketAddr::try_from(bound).expect("of TCP").port(),
        }
    }
}

fn storm(port: &Port, server: &str) -> Run {
    run(&format!(
        "storm --url ws://127.0.0.1:{}/_broadcast --subscribers {CLIENTS} --topics 30 \
         --publishers {PUBLISHERS} --warmup 0s --duration 500ms --threads 2 --checks-only -- {server}",
        port.number
    ))
}

#[test]
fn everybody_is_back_and_misses_nothing() {
    let port = Port::reserve();
    let server = format!(
        "{} serve --shards 2 --listen 127.0.0.1:{} --api-listen none --allow-publish load.* \
         --log-level warn",
        server_binary().display(),
        port.number
    );
    let ended = storm(&port, &server);
    assert_eq!(ended.code, 0, "{}{}", ended.stdout, ended.stderr);
    assert!(ended.count("run_deliveries") > 100, "{}", ended.stdout);
    // Each publication reaches the ten of its topic.
    assert_eq!(
        ended.count("run_deliveries"),
        10 * ended.count("run_publications")
    );
    let storm = &ended.report["storm"];
    let count = |kind: &str| storm[kind].as_u64().expect("a count");
    assert_eq!(
        count("attempts"),
        CLIENTS + PUBLISHERS + count("refused") + count("cut"),
        "{storm}"
    );
    let seconds = ["first_s", "half_s", "p99_s", "all_s"].map(|key| storm[key].as_f64());
    assert!(seconds[0] > Some(0.0), "{storm}");
    assert!(seconds.is_sorted(), "{storm}");
}

#[test]
fn a_server_that_ends_by_itself_cannot_be_measured() {
    let ended = storm(&Port::reserve(), "true");
    assert_eq!(ended.code, 3, "{}", ended.stdout);
    assert!(
        ended.stderr.contains("the server has ended by itself"),
        "{}",
        ended.stderr
    );
}

#[test]
fn a_server_that_does_not_come_back_cannot_be_measured() {
    // The first listens; the second finds what the first has left, and waits in vain.
    let port = Port::reserve();
    let mark = format!("{}/storm-{}", env!("CARGO_TARGET_TMPDIR"), port.number);
    let script = format!("{mark}.sh");
    let text = format!(
        "[ -e {mark} ] && exec sleep 60; touch {mark}; exec {} serve --shards 1 \
         --listen 127.0.0.1:{} --api-listen none --allow-publish load.*\n",
        server_binary().display(),
        port.number
    );
    std::fs::write(&script, text).expect("a place for files");
    let ended = storm(&port, &format!("sh {script}"));
    for file in [&mark, &script] {
        std::fs::remove_file(file).expect("it was made");
    }
    assert_eq!(ended.code, 3, "{}{}", ended.stdout, ended.stderr);
    assert!(
        ended.stderr.contains("0 of 303 connections"),
        "{}",
        ended.stderr
    );
}
