//! What holds beside every abuse: healthy clients get everything, memory stays bounded, and what
//! happened is counted.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, JoinHandle};

use super::support::client::Client;
use super::support::{ABUSE_FULL, Server, servers};

pub(super) const MIB: usize = 1024 * 1024;

/// How much of it: what shows a weakness soon, or all that was ever asked for, which takes minutes.
pub(super) fn sized(usual: usize, full: usize) -> usize {
    match std::env::var_os(ABUSE_FULL) {
        Some(_) => full,
        None => usual,
    }
}

/// One kind of abuse.
#[derive(Default)]
pub(super) struct Abuse<'a> {
    /// What the server is started with, beside the right to publish.
    pub(super) flags: &'a [&'a str],
    /// What it may grow by, at any time.
    pub(super) growth_bytes_max: usize,
    /// A counter of `/metrics`, one of its labels, and what it must have counted at least.
    /// Nothing where no counter tells of it.
    pub(super) counted: Option<(&'a str, &'a str, u64)>,
}

impl Abuse<'_> {
    /// Does it to a server of two shards on each driver, with healthy clients beside it.
    pub(super) fn hold(&self, abuse: impl Fn(&Server)) {
        // Without pings a delivery that does not come is soon noticed.
        let own = [
            "--allow-publish",
            "*",
            "--ping-interval",
            "0",
            "--idle-timeout",
            "0",
        ];
        let flags = [&own, self.flags].concat();
        for server in servers(&[2], &flags) {
            let healthy = Healthy::start(server.addr);
            let peak_bytes = server.peak_resident_bytes();
            abuse(&server);
            healthy.finish();
            let growth_bytes = server.peak_resident_bytes() - peak_bytes;
            println!("grown by {} KiB", growth_bytes / 1024);
            assert!(
                growth_bytes <= self.growth_bytes_max,
                "{growth_bytes} bytes"
            );
            if let Some((counter, label, at_least)) = self.counted {
                let count = server.counter(counter, label);
                assert!(count >= at_least, "{counter} {label}: {count}");
            }
        }
    }
}

/// Subscribers on all shards, and a publisher that goes on once all of them have its last message.
struct Healthy {
    is_enough: Arc<AtomicBool>,
    thread: JoinHandle<()>,
}

impl Healthy {
    fn start(addr: SocketAddr) -> Self {
        let is_enough = Arc::new(AtomicBool::new(false));
        let mut publisher = Client::open(addr);
        let mut subscribers: Vec<Client> = (0..6).map(|_| Client::open(addr)).collect();
        for subscriber in &mut subscribers {
            subscriber.subscribe("healthy");
        }
        let mut round = move |number: usize| {
            publisher.publish("healthy", "beat", number);
            for subscriber in &mut subscribers {
                let event = subscriber.event();
                assert_eq!((&*event.channel, event.number()), ("healthy", number));
            }
        };
        round(0);
        let asked = Arc::clone(&is_enough);
        let thread = thread::spawn(move || {
            let mut number = 1;
            // One more when it is over: nobody was cut.
            while !asked.load(Ordering::Relaxed) {
                round(number);
                number += 1;
            }
            round(number);
        });
        Self { is_enough, thread }
    }

    fn finish(self) {
        self.is_enough.store(true, Ordering::Relaxed);
        self.thread.join().expect("healthy clients get everything");
    }
}
