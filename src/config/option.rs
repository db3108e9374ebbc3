//! What an option is: one record, from which its flag, its help and its checks are made.

use std::fmt;
use std::time::Duration;

use crate::dialect::DialectName;

/// What the names of all environment variables begin with.
pub const ENV_PREFIX: &str = "SHARDCAST_";

/// One thing an operator can set.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct OptionRecord {
    /// The flag without its dashes.
    pub name: &'static str,
    /// What stands for the value in the help; empty for a [`Kind::Switch`].
    pub value_name: &'static str,
    /// The value when nothing is given, as a user would type it; empty: none. Several values of an
    /// option that may be repeated have spaces between.
    pub default: &'static str,
    /// What a value is, with its bounds.
    pub kind: Kind,
    /// The heading it stands under in the help.
    pub group: Group,
    /// Whether it may be given more than once; each one then adds to the others.
    pub repeatable: bool,
    /// Whether a reload changes it without a restart.
    pub live: bool,
    /// One line for `-h`, without a full stop.
    pub summary: &'static str,
    /// What `--help` adds to the summary: when to change it and what a wrong value costs.
    pub details: &'static str,
}

impl OptionRecord {
    /// The values when nothing is given.
    #[must_use]
    pub fn defaults(&self) -> Vec<&'static str> {
        if self.repeatable {
            return self.default.split_whitespace().collect();
        }
        let only = (!self.default.is_empty()).then_some(self.default);
        only.into_iter().collect()
    }

    /// The flag as it is typed: `--max-message-bytes`.
    #[must_use]
    pub fn flag(&self) -> String {
        format!("--{}", self.name)
    }

    /// Whether it means anything to an endpoint that speaks this.
    #[must_use]
    pub fn concerns(&self, dialect: DialectName) -> bool {
        self.group.dialect().is_none_or(|only| only == dialect)
    }

    /// Whether its value may be neither shown nor typed where others see it. A secret has no flag:
    /// every user of the machine can read the arguments of a process.
    #[must_use]
    pub fn is_secret(&self) -> bool {
        self.kind == Kind::Secret
    }

    /// The environment variable: `SHARDCAST_MAX_MESSAGE_BYTES`.
    #[must_use]
    pub fn env_name(&self) -> String {
        let name = self.name.to_ascii_uppercase().replace('-', "_");
        format!("{ENV_PREFIX}{name}")
    }
}

/// The name without dashes: as a key, and in a sentence.
impl fmt::Display for OptionRecord {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name)
    }
}

/// What the text of an option means; bounds are inclusive.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// An IP address and a port.
    Address,
    /// An IP address and a port, or `none`.
    AddressOrNone,
    /// One of these words.
    Choice(&'static [&'static str]),
    /// A number, or `auto`.
    Count {
        /// The least.
        min: usize,
        /// The most.
        max: usize,
        /// Whether `auto` is a value.
        auto: bool,
    },
    /// The name of a claim, or a JSON pointer.
    Claim,
    /// The name of a cookie.
    CookieName,
    /// A list of cpus, `auto` or `none`.
    Cpus,
    /// `PATH=DIALECT`.
    Endpoint,
    /// The path of a file.
    File,
    /// The name of an HTTP header.
    HeaderName,
    /// The name of a host, without a port.
    HostName,
    /// `pem=FILE,iss=ISSUER,...`; what it names may be secret, itself it is not.
    JwtKey,
    /// An IP address, or a network as `ADDRESS/BITS`.
    Network,
    /// A JSON text, or `none`.
    JsonOrNone,
    /// `SCHEME://HOST[:PORT]`.
    Origin,
    /// The name of a parameter in a query.
    ParameterName,
    /// Names of topics, separated by commas.
    Names,
    /// `CHANNEL[:EVENT]`.
    PublishRule,
    /// `ROLE=NAME`.
    RoleName,
    /// Any text that must not be seen.
    Secret,
    /// Bytes.
    Size {
        /// The least.
        min: usize,
        /// The most.
        max: usize,
    },
    /// `EVENT=ACTION`.
    MessageRule,
    /// A name or a prefix that ends in `*`.
    SubscribeRule,
    /// On or off; its flag takes no value.
    Switch,
    /// Any text but an empty one.
    Text,
    /// A time.
    Time {
        /// The least, apart from 0.
        min: Duration,
        /// The most.
        max: Duration,
        /// Whether 0 is a value.
        zero: bool,
    },
    /// The path of a file whose first line is a secret; the path itself is none.
    TokenFile,
    /// A whole URL of `http` or `https`.
    Url,
}

/// Where an option stands in the help.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Group {
    /// Addresses and paths.
    Listening,
    /// Certificates.
    Tls,
    /// Publishing from app servers, and looking at the server.
    Api,
    /// Shards and their cores.
    Cores,
    /// Who a client is.
    Identity,
    /// Who may do what.
    Rules,
    /// How the clients of one dialect speak.
    SharedWebsocket,
    /// What the clients of ignis are used to.
    Ignis,
    /// What one peer may cost.
    Limits,
    /// Compression.
    Deflate,
    /// What one client address may have.
    Addresses,
    /// What an app server is asked and told.
    Webhook,
    /// Deadlines.
    Times,
    /// What is written to the log.
    Logging,
}

impl Group {
    /// The heading.
    #[must_use]
    pub fn heading(self) -> &'static str {
        match self {
            Self::Listening => "Where it listens",
            Self::Tls => "TLS",
            Self::Api => "HTTP API",
            Self::Cores => "Shards and cores",
            Self::Identity => "Who clients are",
            Self::Rules => "Who may subscribe and publish",
            Self::SharedWebsocket => "Dialect shared-websocket",
            Self::Limits => "Limits",
            Self::Deflate => "Compression",
            Self::Addresses => "Limits for each client address",
            Self::Webhook => "Webhook of an app server",
            Self::Times => "Times",
            Self::Ignis => "Dialect ignis",
            Self::Logging => "Logging",
        }
    }

    /// The only dialect whose endpoints these options mean anything to; `None`: all.
    #[must_use]
    pub fn dialect(self) -> Option<DialectName> {
        match self {
            Self::SharedWebsocket => Some(DialectName::SharedWebsocket),
            Self::Ignis => Some(DialectName::Ignis),
            _ => None,
        }
    }
}
