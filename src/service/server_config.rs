//! What the server runs with: checked, plain, complete.

use std::net::SocketAddr;
use std::num::NonZeroUsize;
use std::time::Duration;

use crate::base::limits::{ConnLimits, HandshakeLimits};
use crate::dialect::DialectConfig;
use crate::engine::addresses::AddressLimits;
use crate::engine::deflate::DeflateConfig;
use crate::engine::origin::OriginPattern;
use crate::engine::rules::Rules;
use crate::runtime::DriverChoice;
use crate::service::Secret;
use crate::service::identity::AuthConfig;
use crate::service::tls::Certificates;
use crate::service::webhook::WebhookConfig;

/// Everything `serve` needs to know.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ServerConfig {
    /// Where clients connect; port 0: any free one.
    pub listen: SocketAddr,
    /// How many shards, from 1 to [`crate::base::limits::SHARDS_MAX`].
    pub shards: usize,
    /// Shard `i` is pinned to entry `i` modulo the length; never empty. `None`: nothing is pinned.
    pub cpus: Option<Vec<usize>>,
    /// The certificates where clients speak TLS; `None`: they do not.
    pub tls: Option<Certificates>,
    /// The HTTP API; `None`: there is none.
    pub api: Option<ApiConfig>,
    /// How shards wait for their sockets.
    pub driver: DriverChoice,
    /// Whether each shard has a descriptor table of its own.
    pub private_fd_tables: bool,
    /// What the kernel may keep unsent for each connection; `None`: as it sees fit.
    pub send_buffer_bytes: Option<NonZeroUsize>,
    /// The paths that answer, each path once.
    pub endpoints: Vec<EndpointConfig>,
    /// What binds a connection until it has named its endpoint.
    pub handshake: HandshakeLimits,
    /// Connections of the whole process. `None`: derived at start from the descriptor limit, which
    /// is known only after the server has raised it.
    pub connections_max: Option<usize>,
    /// Bytes that compression may take for contexts, over all connections.
    pub context_bytes_max: usize,
    /// What one client address may have.
    pub addresses: AddressLimits,
    /// How long a drain may take before what is left is cut.
    pub drain_timeout: Duration,
    /// The least severe thing that is logged.
    pub log_level: LogLevel,
    /// How it is written.
    pub log_format: LogFormat,
}

impl ServerConfig {
    /// Descriptor tables among which connections are spread.
    #[must_use]
    pub fn fd_tables(&self) -> usize {
        match self.private_fd_tables {
            true => self.shards,
            false => 1,
        }
    }
}

/// The HTTP API of the control plane.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ApiConfig {
    /// Where app servers and operators connect; port 0: any free one.
    pub listen: SocketAddr,
    /// What they must show; `None` only where nobody else can connect.
    pub token: Option<ApiToken>,
    /// Names under which it may be addressed besides `localhost` and literal addresses.
    pub hosts: Vec<String>,
    /// Whether it speaks TLS, with the server's certificates.
    pub over_tls: bool,
}

/// What users of the API show.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ApiToken {
    /// The token itself.
    pub secret: Secret,
    /// How it was given: whoever has to change it wants to know where to look.
    pub source: TokenSource,
}

/// How a token was given.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TokenSource {
    /// In a file of its own.
    File,
    /// By its text.
    Text,
}

/// One path and what is spoken there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EndpointConfig {
    /// The path of the upgrade request, compared byte for byte, without the query.
    pub path: String,
    /// The protocol spoken there, as it is set up.
    pub dialect: DialectConfig,
    /// The topic space: endpoints with the same one share topics.
    pub app: String,
    /// What binds its connections.
    pub limits: ConnLimits,
    /// How its messages are compressed.
    pub deflate: DeflateConfig,
    /// How it finds out who a connection speaks for.
    pub auth: AuthConfig,
    /// The pages that may connect there; empty: all.
    pub origins: Vec<OriginPattern>,
    /// Who may subscribe and publish there.
    pub rules: Rules,
    /// The app server that is asked and told about its connections.
    pub webhook: Option<WebhookConfig>,
}

impl EndpointConfig {
    /// Whether both are the same path with the same dialect and topics: what a running server cannot
    /// change. Limits, rules, the webhook and the dialect's own settings may differ.
    #[must_use]
    pub fn is_same_place(&self, other: &Self) -> bool {
        self.path == other.path
            && self.dialect.name() == other.dialect.name()
            && self.app == other.app
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

/// How the log is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LogFormat {
    /// Lines for people.
    Text,
    /// One JSON object per line.
    Json,
}
