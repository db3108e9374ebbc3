//! From settings to the server's configuration: every check, and those between two values.

use std::time::Duration;

use super::complaint::{Complaint, Fault};
use super::machine::Machine;
use super::option::OptionRecord;
use super::options;
use super::reader::Reader;
use super::settings::{Origin, Settings};
use super::value::Cpus;
use crate::base::limits::{
    BackpressurePolicy, ConnLimits, HandshakeLimits, OUTBOX_SLICE_OVERHEAD_BYTES, SHARDS_MAX,
};
use crate::dialect::DialectName;
use crate::engine::rules::{Rules, Verdict};
use crate::runtime::DriverChoice;
use crate::service::{EndpointConfig, LogLevel, ServerConfig};

/// Bytes of a request head. 16 KiB: what browsers and proxies send with generous cookies; nothing
/// that needs more is meant for this server.
const HEAD_BYTES_MAX: usize = 16 * 1024;

/// Bytes that a dialect's envelope may add to a client's message on its way out: strav adds the id,
/// 33 bytes; the rest is room for dialects with longer words.
const ENVELOPE_BYTES_MAX: usize = 256;

/// Bytes of the longest frame header that a server sends. Source: RFC 6455, section 5.2.
const FRAME_HEADER_BYTES_MAX: usize = 10;

/// What one message costs in an outbox beyond its own bytes.
const MESSAGE_OVERHEAD_BYTES: usize =
    OUTBOX_SLICE_OVERHEAD_BYTES + FRAME_HEADER_BYTES_MAX + ENVELOPE_BYTES_MAX;

/// The message limit of an echo endpoint when nobody sets one: the largest messages of the usual
/// conformance suite.
const ECHO_MESSAGE_BYTES: usize = 16 * 1024 * 1024;

/// What `--dev-echo` adds.
const ECHO_PATH: &str = "/echo";

impl Settings {
    /// Checks everything and gives the server's configuration.
    ///
    /// # Errors
    ///
    /// Everything that is wrong, in the order of the checks: each complaint names the option as
    /// it was typed, the value and the fix.
    pub fn resolve(&self, machine: &Machine) -> Result<ServerConfig, Vec<Complaint>> {
        let mut reader = Reader::new(self);
        let config = self.read_config(&mut reader, machine);
        let complaints = reader.into_complaints();
        config.filter(|_| complaints.is_empty()).ok_or(complaints)
    }

    /// Reads all options before the first `?`, so that none is skipped because another is wrong.
    fn read_config(&self, reader: &mut Reader<'_>, machine: &Machine) -> Option<ServerConfig> {
        let listen = reader.address(&options::LISTEN);
        let endpoints = read_endpoints(reader);
        let cores = read_cores(reader, machine);
        let driver = reader.choice(&options::DRIVER, &DRIVERS);
        let rules = read_rules(reader);
        let limits = self.read_limits(reader);
        let connections_max = reader.count(&options::MAX_CONNECTIONS);
        let handshake_timeout = reader.time(&options::HANDSHAKE_TIMEOUT);
        let drain_timeout = reader.time(&options::DRAIN_TIMEOUT);
        let log_level = reader.choice(&options::LOG_LEVEL, &LOG_LEVELS);

        let (shards, cpus) = cores?;
        let limits = limits?;
        Some(ServerConfig {
            listen: listen?,
            shards,
            cpus,
            driver: driver?,
            endpoints: endpoints
                .into_iter()
                .map(|(path, dialect)| EndpointConfig {
                    app: path.clone(),
                    limits: self.limits_of(dialect, limits),
                    rules: rules.clone(),
                    path,
                    dialect,
                })
                .collect(),
            handshake: HandshakeLimits {
                head_bytes_max: HEAD_BYTES_MAX,
                timeout_ms: millis(handshake_timeout?),
            },
            connections_max: connections_max?,
            drain_timeout: drain_timeout?,
            log_level: log_level?,
        })
    }

    fn read_limits(&self, reader: &mut Reader<'_>) -> Option<ConnLimits> {
        let message_bytes_max = reader.size(&options::MAX_MESSAGE_BYTES);
        let backpressure_bytes_max = reader.size(&options::BACKPRESSURE_LIMIT_BYTES);
        let backpressure_policy = reader.choice(&options::BACKPRESSURE_POLICY, &POLICIES);
        let subscriptions_max = reader.count(&options::MAX_SUBSCRIPTIONS);
        let ping_interval = reader.time(&options::PING_INTERVAL);
        let idle_timeout = reader.time(&options::IDLE_TIMEOUT);

        if let (Some(message), Some(backpressure)) = (message_bytes_max, backpressure_bytes_max) {
            self.check_backpressure(reader, message, backpressure);
        }
        if let (Some(ping), Some(idle)) = (ping_interval, idle_timeout) {
            self.check_heartbeat(reader, ping, idle);
        }
        Some(ConnLimits {
            message_bytes_max: message_bytes_max?,
            backpressure_bytes_max: backpressure_bytes_max?,
            backpressure_policy: backpressure_policy?,
            // It has no `auto`.
            subscriptions_max: subscriptions_max??,
            ping_interval_ms: millis(ping_interval?),
            idle_timeout_ms: millis(idle_timeout?),
        })
    }

    /// A connection whose outbox cannot hold one message would be closed by the first one that the
    /// kernel does not take at once.
    fn check_backpressure(&self, reader: &mut Reader<'_>, message: usize, backpressure: usize) {
        let needed = message + MESSAGE_OVERHEAD_BYTES;
        if backpressure >= needed {
            return;
        }
        let message_option = &options::MAX_MESSAGE_BYTES;
        let backpressure_option = &options::BACKPRESSURE_LIMIT_BYTES;
        let (guilty, problem, fix) = if self.blames_second(message_option, backpressure_option) {
            (
                backpressure_option,
                format!(
                    "cannot hold one message of {} with its framing",
                    self.describe(message_option)
                ),
                format!(
                    "write at least {needed}, or lower {}",
                    message_option.flag()
                ),
            )
        } else {
            (
                message_option,
                format!(
                    "does not fit into {} with its framing",
                    self.describe(backpressure_option)
                ),
                format!(
                    "lower it, or raise {} to at least {needed}",
                    backpressure_option.flag()
                ),
            )
        };
        reader.complain(guilty, 0, Fault::new(problem, fix));
    }

    /// A healthy client that has nothing to say is known to live only by its answers to pings.
    fn check_heartbeat(&self, reader: &mut Reader<'_>, ping: Duration, idle: Duration) {
        if ping.is_zero() || idle.is_zero() || idle > ping {
            return;
        }
        let ping_option = &options::PING_INTERVAL;
        let idle_option = &options::IDLE_TIMEOUT;
        let (guilty, problem, fix) = if self.blames_second(ping_option, idle_option) {
            (
                idle_option,
                format!("is not longer than {}", self.describe(ping_option)),
                format!(
                    "raise it, lower {}, or turn either off with 0",
                    ping_option.flag()
                ),
            )
        } else {
            (
                ping_option,
                format!("is not shorter than {}", self.describe(idle_option)),
                format!(
                    "lower it, raise {}, or turn either off with 0",
                    idle_option.flag()
                ),
            )
        };
        reader.complain(guilty, 0, Fault::new(problem, fix));
    }

    /// Of two values that do not go together: is it the second one that the user should look at?
    /// Whoever changed only one of them means that one.
    fn blames_second(&self, first: &OptionRecord, second: &OptionRecord) -> bool {
        self.origin(second) >= self.origin(first)
    }

    /// `--ping-interval (30s, the default)`.
    fn describe(&self, option: &OptionRecord) -> String {
        let setting = self.get(option);
        let text = setting.texts.first().map_or("", String::as_str);
        match setting.origin {
            Origin::Default => format!("{} ({text}, the default)", option.flag()),
            Origin::Flag => format!("{} ({text})", option.flag()),
        }
    }

    /// The limits of an endpoint: what a dialect sets itself is weaker than what anybody typed.
    fn limits_of(&self, dialect: DialectName, common: ConnLimits) -> ConnLimits {
        match dialect {
            DialectName::Strav => common,
            DialectName::Echo => {
                let message_bytes_max = match self.origin(&options::MAX_MESSAGE_BYTES) {
                    Origin::Default => ECHO_MESSAGE_BYTES,
                    Origin::Flag => common.message_bytes_max,
                };
                ConnLimits {
                    message_bytes_max,
                    backpressure_bytes_max: common
                        .backpressure_bytes_max
                        .max(message_bytes_max + MESSAGE_OVERHEAD_BYTES),
                    ..common
                }
            }
        }
    }
}

fn read_cores(reader: &mut Reader<'_>, machine: &Machine) -> Option<(usize, Option<Vec<usize>>)> {
    let shards = reader.count(&options::SHARDS);
    let cpus = reader.cpus(&options::CPUS, machine);
    let (shards, cpus) = (shards?, cpus?);
    let shards = shards.unwrap_or_else(|| {
        let wanted = match &cpus {
            Cpus::List(list) => list.len(),
            Cpus::Auto | Cpus::Unpinned => machine.cores_usable,
        };
        wanted.clamp(1, SHARDS_MAX)
    });
    let cpus = match cpus {
        Cpus::List(list) => Some(list),
        Cpus::Unpinned => None,
        Cpus::Auto => {
            // A cpu quota grants time, not cpus: every container of the machine would pin itself
            // to the same first ones. And pinning more shards than cpus would nail two to one core
            // while the scheduler could still spread them as load comes and goes.
            let cpus_are_ours = machine.cores_usable >= machine.cpus_allowed.len();
            (cpus_are_ours && shards <= machine.cpus_allowed.len())
                .then(|| machine.cpus_allowed[..shards].to_vec())
        }
    };
    Some((shards, cpus))
}

fn read_rules(reader: &mut Reader<'_>) -> Rules {
    let mut rules = Rules::default();
    for pattern in reader.publish_rules(&options::ALLOW_PUBLISH) {
        pattern.into_iter().for_each(|p| rules.add_publish(p));
    }
    for pattern in reader.subscribe_rules(&options::ALLOW_SUBSCRIBE) {
        pattern
            .into_iter()
            .for_each(|p| rules.add_subscribe(p, Verdict::Allow));
    }
    rules
}

fn read_endpoints(reader: &mut Reader<'_>) -> Vec<(String, DialectName)> {
    let option = &options::ENDPOINT;
    let typed = reader.endpoints(option);
    let dev_echo = reader.switch(&options::DEV_ECHO);

    let mut endpoints: Vec<(String, DialectName)> = Vec::new();
    for (index, endpoint) in typed.into_iter().enumerate() {
        let Some((path, dialect)) = endpoint else {
            continue;
        };
        if endpoints.iter().any(|(taken, _)| *taken == path) {
            let fix = "give each endpoint a path of its own";
            reader.complain(option, index, Fault::new("binds a path twice", fix));
        } else if dialect == DialectName::Echo && dev_echo == Some(false) {
            let fix = format!("add {} to allow it", options::DEV_ECHO.flag());
            reader.complain(option, index, Fault::new("is for development", fix));
        } else if dialect != DialectName::Echo && path == ECHO_PATH && dev_echo == Some(true) {
            let problem = format!("takes the path that {} adds", options::DEV_ECHO.flag());
            reader.complain(option, index, Fault::new(problem, "choose another path"));
        } else {
            endpoints.push((path, dialect));
        }
    }
    let echo_is_there = endpoints.iter().any(|(path, _)| path == ECHO_PATH);
    if dev_echo == Some(true) && !echo_is_there {
        endpoints.push((ECHO_PATH.to_owned(), DialectName::Echo));
    }
    endpoints
}

/// The words of the options that are a choice, and what they mean.
const DRIVERS: [(&str, DriverChoice); 3] = [
    ("auto", DriverChoice::Auto),
    ("uring", DriverChoice::Uring),
    ("epoll", DriverChoice::Epoll),
];

const POLICIES: [(&str, BackpressurePolicy); 3] = [
    ("close", BackpressurePolicy::Close),
    ("drop-newest", BackpressurePolicy::DropNewest),
    ("drop-oldest", BackpressurePolicy::DropOldest),
];

const LOG_LEVELS: [(&str, LogLevel); 5] = [
    ("error", LogLevel::Error),
    ("warn", LogLevel::Warn),
    ("info", LogLevel::Info),
    ("debug", LogLevel::Debug),
    ("trace", LogLevel::Trace),
];

fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).expect("options bound every time to a day")
}

#[cfg(test)]
mod tests;
