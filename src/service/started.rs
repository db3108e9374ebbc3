//! What a server that has just started can say about itself.

use std::net::SocketAddr;

/// The server as it really runs, after defaults, port 0 and fallbacks have been decided.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Started {
    /// Where it listens, with the port that the kernel chose.
    pub addr: SocketAddr,
    /// Whether TLS is spoken there.
    pub tls: bool,
    /// Where the API listens.
    pub api: Option<SocketAddr>,
    /// Whether TLS is spoken there.
    pub api_tls: bool,
    /// How many shards.
    pub shards: usize,
    /// Shard `i` is pinned to entry `i` modulo the length; `None`: nothing is pinned.
    pub cpus: Option<Vec<usize>>,
    /// How the shards wait, in words: `io_uring`, or `epoll (io_uring is not allowed here)`.
    pub driver: String,
    /// Path and dialect of each endpoint.
    pub endpoints: Vec<(String, &'static str)>,
}
