//! Clients that others wrote, against a real server: the Rust crate `tokio-tungstenite`, Node's `ws`,
//! Python's `websockets`, and at last our own two commands.
//!
//! A headless Chromium shows what browsers do by themselves.
//!
//! The first three are driven through one [`client::Client`], so each behaviour is written once and
//! every client shows it. `tests/run` installs those of other languages; without them the tests
//! fail and say so.

mod client;
mod client_in_process;
mod client_in_script;
#[path = "../support/mod.rs"]
mod support;

mod clients_of_all_kinds_meet;
mod each_client_closes_and_is_closed;
mod each_client_connects_as_it_is_used_to;
mod each_client_subscribes_and_publishes;
mod ignis_client_reads_what_is_encrypted;
mod our_own_commands_meet;
mod tabs_of_a_browser_are_served;

use client::Kind;
use support::{DRIVERS, Server};

/// Runs a behaviour against a server on each driver, with two shards and further flags.
fn on_each_driver(flags: &[&str], behaviour: impl Fn(&mut Server)) {
    for driver in DRIVERS {
        println!("driver {driver}");
        let flags = [&["--driver", driver, "--shards", "2"], flags].concat();
        behaviour(&mut Server::start(&flags));
    }
}

/// Writes a behaviour's test for each kind of client: the module's name tells the behaviour.
macro_rules! for_each_client {
    ($behaviour:path) => {
        #[test]
        fn tokio_tungstenite() {
            $behaviour(crate::Kind::Rust);
        }

        #[test]
        fn node_ws() {
            $behaviour(crate::Kind::Node);
        }

        #[test]
        fn python_websockets() {
            $behaviour(crate::Kind::Python);
        }
    };
}
use for_each_client;
