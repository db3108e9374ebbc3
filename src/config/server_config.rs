//! What the server runs with: checked, plain, complete.

use std::fmt;
use std::net::SocketAddr;
use std::time::Duration;

use crate::base::limits::{ConnLimits, HandshakeLimits};
use crate::engine::rules::Rules;

/// Everything `serve` needs to know.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ServerConfig {
    /// Where clients connect; port 0: any free one.
    pub listen: SocketAddr,
    /// How many shards, from 1 to [`crate::base::limits::SHARDS_MAX`].
    pub shards: usize,
    /// Shard `i` is pinned to entry `i` modulo the length; never empty. `None`: nothing is pinned.
    pub cpus: Option<Vec<usize>>,
    /// How shards wait for their sockets.
    pub driver: DriverChoice,
    /// The paths that answer, each path once.
    pub endpoints: Vec<EndpointConfig>,
    /// What binds a connection until it has named its endpoint.
    pub handshake: HandshakeLimits,
    /// Connections of the whole process. `None`: derived at start from the descriptor limit, which
    /// is known only after the server has raised it.
    pub connections_max: Option<usize>,
    /// How long a drain may take before what is left is cut.
    pub drain_timeout: Duration,
    /// The least severe thing that is logged.
    pub log_level: LogLevel,
}

/// One path and what is spoken there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EndpointConfig {
    /// The path of the upgrade request, compared byte for byte, without the query.
    pub path: String,
    /// The protocol spoken there.
    pub dialect: DialectName,
    /// The topic space: endpoints with the same one share topics.
    pub app: String,
    /// What binds its connections.
    pub limits: ConnLimits,
    /// Who may subscribe and publish there.
    pub rules: Rules,
}

/// How a shard waits for its sockets.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum DriverChoice {
    /// `io_uring` where the kernel allows it, `epoll` otherwise, with one line in the log.
    #[default]
    Auto,
    /// `io_uring` or no start.
    Uring,
    /// `epoll`.
    Epoll,
}

/// The protocols that are built in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DialectName {
    /// The browser client of `@strav/broadcast`.
    Strav,
    /// Every message comes back: for development and conformance suites.
    Echo,
}

impl DialectName {
    /// All of them, as they are written in a setting.
    pub const ALL: [Self; 2] = [Self::Strav, Self::Echo];

    /// The name as it is written in a setting.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Strav => "strav",
            Self::Echo => "echo",
        }
    }

    /// The dialect of that name.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL
            .into_iter()
            .find(|dialect| dialect.as_str() == name)
    }
}

impl fmt::Display for DialectName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// How much is logged; each level includes those before it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum LogLevel {
    /// What the server could not do.
    Error,
    /// What an operator should look at.
    Warn,
    /// The life of the server: start, drain, end.
    Info,
    /// The life of connections.
    Debug,
    /// Every step.
    Trace,
}
