//! What the integration tests share: a real server on loopback, and a client that may misbehave.
#![allow(dead_code, reason = "each test binary uses a part of it")]

pub(crate) mod app_server;
pub(crate) mod client;
pub(crate) mod fault_proxy;
pub(crate) mod http;
pub(crate) mod strav;
pub(crate) mod tls;
pub(crate) mod token;

use std::fs;
use std::io::{BufRead, BufReader, Read};
use std::net::SocketAddr;
use std::process::{Child, ChildStderr, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

/// How long anything may take that should happen at once: never reached unless something is broken.
pub(crate) const PATIENCE: Duration = Duration::from_secs(30);

/// The variable that makes the tests of abuse run at full size.
pub(crate) const ABUSE_FULL: &str = "SHARDCAST_TEST_ABUSE_FULL";

/// The drivers that every test runs on.
pub(crate) const DRIVERS: [&str; 2] = ["uring", "epoll"];

/// A server on each driver with each number of shards, one after the other. More shards than cores
/// are as good a test as fewer.
pub(crate) fn servers(shards: &[usize], flags: &[&str]) -> impl Iterator<Item = Server> {
    let settings = drivers()
        .into_iter()
        .flat_map(move |driver| shards.iter().map(move |shards| (driver, shards)));
    settings.map(move |(driver, shards)| {
        // Shown when the test fails.
        println!("--driver {driver} --shards {shards}");
        let shards = shards.to_string();
        let own = ["--driver", driver, "--shards", &shards];
        Server::start(&[&own, flags].concat())
    })
}

/// The drivers of this machine: containers often forbid io_uring.
pub(crate) fn drivers() -> Vec<&'static str> {
    let has = |driver: &&str| *driver != "uring" || io_uring::IoUring::new(8).is_ok();
    let drivers: Vec<&str> = DRIVERS.into_iter().filter(has).collect();
    if drivers.len() < DRIVERS.len() {
        println!("io_uring is not available here: tested without it");
    }
    drivers
}

/// Waits until something that other threads or processes do has come true.
pub(crate) fn wait_until(what: &str, mut is_true: impl FnMut() -> bool) {
    let deadline = Instant::now() + PATIENCE;
    while !is_true() {
        assert!(Instant::now() < deadline, "{what}: it never came true");
        std::thread::sleep(Duration::from_millis(5));
    }
}

/// A shardcast process of our own on a free port, killed when dropped.
pub(crate) struct Server {
    child: Child,
    log: Option<BufReader<ChildStderr>>,
    /// Where it listens.
    pub(crate) addr: SocketAddr,
    /// Where its API listens, if it has one.
    pub(crate) api: Option<SocketAddr>,
    /// What it said when it had started.
    pub(crate) banner: String,
}

impl Server {
    /// Starts `shardcast serve` on free ports with further flags, and waits until it serves.
    pub(crate) fn start(flags: &[&str]) -> Self {
        // What goes to the terminal should be worth reading.
        Self::spawn(Self::command(&[&["--log-level", "warn"], flags].concat()))
    }

    /// What [`start`](Self::start) runs, to be changed and given to [`spawn`](Self::spawn).
    pub(crate) fn command(flags: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_shardcast"));
        command
            .args(["serve", "--listen", "127.0.0.1:0"])
            .args(["--api-listen", "127.0.0.1:0"])
            .args(flags)
            // A variable with this prefix is a setting to the server, and this one is none.
            .env_remove(ABUSE_FULL);
        command
    }

    /// Starts a server whose log is kept for [`log_line`](Self::log_line) and [`log`](Self::log).
    pub(crate) fn start_logged(flags: &[&str]) -> Self {
        let mut command = Self::command(flags);
        command.stderr(Stdio::piped());
        Self::spawn(command)
    }

    /// Waits until a `command` that runs `shardcast serve` has printed its banner.
    pub(crate) fn spawn(mut command: Command) -> Self {
        let mut child = command
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .spawn()
            .expect("the server's binary runs");
        let stdout = child.stdout.take().expect("piped");
        let mut banner = String::new();
        let mut lines = BufReader::new(stdout);
        while !banner.contains("\n  driver ") || !banner.ends_with('\n') {
            let read = lines.read_line(&mut banner).expect("text");
            assert!(read > 0, "the server did not start; it said: {banner}");
        }
        let addr = banner
            .lines()
            .next()
            .and_then(|line| line.split_whitespace().last())
            .and_then(|addr| addr.parse().ok())
            .expect("the banner's first line ends in the address");
        let api = banner
            .lines()
            .find_map(|line| line.trim_start().strip_prefix("api "))
            .and_then(|url| url.trim().strip_prefix("http://")?.parse().ok());
        let log = child.stderr.take().map(BufReader::new);
        Self {
            child,
            log,
            addr,
            api,
            banner,
        }
    }

    /// A counter of `/metrics`, summed over its samples that have this label, such as `cause="idle"`;
    /// every one has the label `""`.
    pub(crate) fn counter(&self, name: &str, label: &str) -> u64 {
        let answer = http::get(self.api.expect("the banner names the API"), "/metrics");
        assert_eq!(answer.status, 200, "{answer:?}");
        let name = format!("shardcast_{name}_total{{");
        let lines = answer.body.lines();
        let samples = lines.filter(|line| line.starts_with(&name) && line.contains(label));
        let values = samples.map(|line| line.rsplit(' ').next().and_then(|it| it.parse().ok()));
        values
            .map(|value: Option<u64>| value.expect("a number"))
            .sum()
    }

    /// The URL of the strav endpoint.
    pub(crate) fn url(&self) -> String {
        format!("ws://{}/_broadcast", self.addr)
    }

    /// The process id.
    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Waits for a line of the log that contains `text`; the server was started with its log kept.
    pub(crate) fn log_line(&mut self, text: &str) -> String {
        let log = self.log.as_mut().expect("the log is kept");
        loop {
            let mut line = String::new();
            let read = log.read_line(&mut line).expect("text");
            assert!(read > 0, "the log ended without {text:?}");
            if line.contains(text) {
                return line;
            }
        }
    }

    /// The rest of the log, to be asked for when the process has ended or is about to.
    pub(crate) fn log(&mut self) -> String {
        let mut text = String::new();
        let log = self.log.as_mut().expect("the log is kept");
        log.read_to_string(&mut text).expect("text");
        text
    }

    /// Open descriptors of the process.
    pub(crate) fn descriptors(&self) -> usize {
        fs::read_dir(format!("/proc/{}/fd", self.pid()))
            .expect("the server runs")
            .count()
    }

    /// Waits until the process has `count` open descriptors.
    pub(crate) fn wait_for_descriptors(&self, count: usize) {
        wait_until("the count of open descriptors", || {
            self.descriptors() == count
        });
    }

    /// Memory of the process that is not swapped out or shared with the disk.
    pub(crate) fn resident_bytes(&self) -> usize {
        self.memory("VmRSS:")
    }

    /// The most of it that there has been at any time.
    pub(crate) fn peak_resident_bytes(&self) -> usize {
        self.memory("VmHWM:")
    }

    fn memory(&self, key: &str) -> usize {
        let status = fs::read_to_string(format!("/proc/{}/status", self.pid()));
        let status = status.expect("the server runs");
        let kib = status
            .lines()
            .find_map(|line| line.strip_prefix(key))
            .and_then(|rest| rest.trim().strip_suffix(" kB"))
            .expect("the kernel tells it");
        1_024 * kib.parse::<usize>().expect("a number")
    }

    /// Sends a signal, by its name without `SIG`.
    pub(crate) fn signal(&self, name: &str) {
        let pid = self.pid().to_string();
        let sent = Command::new("kill").args(["-s", name, &pid]).status();
        assert!(sent.expect("kill runs").success());
    }

    /// Waits for the process to end by itself.
    pub(crate) fn wait(&mut self) -> ExitStatus {
        let deadline = Instant::now() + PATIENCE;
        loop {
            if let Some(status) = self.child.try_wait().expect("our own child") {
                return status;
            }
            assert!(Instant::now() < deadline, "the server does not end");
            std::thread::sleep(Duration::from_millis(10));
        }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // It may have ended by itself, which is no fault here.
        let _ended = self.child.kill();
        let _ended = self.child.wait();
    }
}
