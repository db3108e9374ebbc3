//! What the integration tests share: a real server on loopback.

use std::io::{BufRead, BufReader};
use std::net::SocketAddr;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

/// How long anything may take that should happen at once: never reached unless something is broken.
pub const PATIENCE: Duration = Duration::from_secs(30);

/// The drivers that every test runs on.
pub const DRIVERS: [&str; 2] = ["uring", "epoll"];

/// A shardcast process of our own on a free port, killed when dropped.
pub struct Server {
    child: Child,
    /// Where it listens.
    pub addr: SocketAddr,
    /// What it said when it had started.
    pub banner: String,
}

impl Server {
    /// Starts `shardcast serve --listen 127.0.0.1:0` with further flags, and waits until it serves.
    pub fn start(flags: &[&str]) -> Self {
        let mut command = Command::new(env!("CARGO_BIN_EXE_shardcast"));
        command
            .args(["serve", "--listen", "127.0.0.1:0"])
            .args(flags);
        Self::spawn(command)
    }

    /// Waits until a `command` that runs `shardcast serve` has printed its banner.
    pub fn spawn(mut command: Command) -> Self {
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
        Self {
            child,
            addr,
            banner,
        }
    }

    /// The URL of the strav endpoint.
    pub fn url(&self) -> String {
        format!("ws://{}/_broadcast", self.addr)
    }

    /// The process id.
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Sends a signal, by its name without `SIG`.
    pub fn signal(&self, name: &str) {
        let pid = self.pid().to_string();
        let sent = Command::new("kill").args(["-s", name, &pid]).status();
        assert!(sent.expect("kill runs").success());
    }

    /// Waits for the process to end by itself.
    pub fn wait(&mut self) -> ExitStatus {
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
