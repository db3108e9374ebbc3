//! The real server, started for a test.
//!
//! Its binary lies beside the harness's. Cargo builds it for `--workspace`, but not for
//! `--package shardcast-loadtest`.

use std::io::{BufRead, BufReader};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::PATIENCE;
use crate::http::get;

/// Its endpoints: path and dialect.
pub(crate) const ENDPOINTS: [&str; 3] =
    ["/_broadcast=strav", "/ws=ignis", "/events=shared-websocket"];

/// The most that a run here has.
const TOPICS: u32 = 8;

/// The server's own binary.
pub(crate) fn server_binary() -> PathBuf {
    Path::new(env!("CARGO_BIN_EXE_shardcast-loadtest")).with_file_name("shardcast")
}

/// A running one, with two shards and every dialect; it ends with this value.
pub(crate) struct Server {
    child: Child,
    /// Where clients connect.
    pub(crate) addr: SocketAddr,
    api: SocketAddr,
}

impl Server {
    /// Starts one that lets anybody do anything with `load.*`.
    pub(crate) fn start() -> Self {
        Self::with("")
    }

    /// The same, with more options, separated by spaces.
    pub(crate) fn with(options: &str) -> Self {
        let binary = server_binary();
        let mut child = Command::new(&binary)
            .args("serve --shards 2 --listen 127.0.0.1:0 --api-listen 127.0.0.1:0".split(' '))
            .args([
                "--allow-publish",
                "load.*",
                "--allow-subscribe",
                "load.*",
                "--log-level",
                "warn",
            ])
            .args(
                ENDPOINTS
                    .iter()
                    .flat_map(|endpoint| ["--endpoint", *endpoint]),
            )
            .args((0..TOPICS).flat_map(|topic| {
                let rule = format!("load.{topic}=publish:load.{topic}");
                ["--on-message".to_owned(), rule]
            }))
            .args(options.split_whitespace())
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap_or_else(|error| {
                panic!(
                    "{}: {error}; build it: cargo build --bin shardcast",
                    binary.display()
                )
            });
        let banner = BufReader::new(child.stdout.take().expect("piped"));
        let mut lines = banner.lines().map(|line| line.expect("text"));
        let mut word_after = |start: &str| -> SocketAddr {
            let line = lines.find(|line| line.trim_start().starts_with(start));
            let line = line.unwrap_or_else(|| panic!("the banner says {start}"));
            let word = line.split_whitespace().last().expect("an address");
            let addr = word.trim_start_matches("http://").parse();
            addr.unwrap_or_else(|error| panic!("{line}: {error}"))
        };
        let addr = word_after("shardcast");
        let api = word_after("api");
        // The banner is one write and the last: nobody misses the pipe.
        Self { child, addr, api }
    }

    /// The arguments that lead the harness here.
    pub(crate) fn url(&self) -> String {
        format!(
            "--url ws://{}/_broadcast --threads 2 --warmup 200ms --checks-only",
            self.addr
        )
    }

    /// Its process.
    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }

    /// The numbers, once all connections are gone: the harness does not wait until the server has seen it.
    pub(crate) fn stats(&self) -> Value {
        let deadline = Instant::now() + PATIENCE;
        loop {
            let stats = get(self.api, "/v1/stats").ok();
            if stats["total"]["connections"] == 0 {
                return stats;
            }
            assert!(Instant::now() < deadline, "connections stay: {stats}");
            std::thread::sleep(Duration::from_millis(5));
        }
    }

    /// All metrics, as they are scraped.
    pub(crate) fn metrics(&self) -> String {
        let answer = get(self.api, "/metrics");
        assert_eq!(answer.status, 200, "{answer:?}");
        answer.body
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.child.kill().expect("our own child");
        self.child.wait().expect("our own child");
    }
}
