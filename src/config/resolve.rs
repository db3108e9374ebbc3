//! From settings to the server's configuration: every check, and those between two values.

use std::num::NonZeroUsize;
use std::time::Duration;

use super::api;
use super::complaint::Complaint;
use super::deflate;
use super::endpoints::{self, ListedEndpoint};
use super::identity;
use super::ignis;
use super::machine::Machine;
use super::options;
use super::reader::Reader;
use super::settings::Settings;
use super::shared_websocket;
use super::tls;
use super::value::Cpus;
use super::webhook;
use crate::base::limits::{BackpressurePolicy, ConnLimits, HandshakeLimits, ReadRates, SHARDS_MAX};
use crate::dialect::{DialectConfig, DialectName};
use crate::engine::addresses::{AddressLimits, TrustedProxies};
use crate::engine::rules::Rules;
use crate::runtime::DriverChoice;
use crate::service::{EndpointConfig, LogFormat, LogLevel, ServerConfig};

impl Settings {
    /// Checks everything and gives the server's configuration.
    ///
    /// # Errors
    ///
    /// Everything that is wrong, in the order of the checks and what the sources complained about
    /// first: each complaint names the option as it was typed, the value, where it stands and the fix.
    pub fn resolve(&self, machine: &Machine) -> Result<ServerConfig, Vec<Complaint>> {
        let mut reader = Reader::new(self);
        let config = read_config(&mut reader, machine);
        let complaints = reader.into_complaints();
        config.filter(|_| complaints.is_empty()).ok_or(complaints)
    }
}

/// Reads all options before the first `?`, so that none is skipped because another is wrong.
fn read_config(reader: &mut Reader<'_>, machine: &Machine) -> Option<ServerConfig> {
    let listen = reader.address(&options::LISTEN);
    let listed = endpoints::read(reader);
    let tls = tls::read(reader);
    let api = api::read(reader);
    let cores = read_cores(reader, machine);
    let driver = reader.choice(&options::DRIVER, &DRIVERS);
    let private_fd_tables = reader.switch(&options::PRIVATE_FD_TABLES);
    // What holds for all endpoints is read even if each of them has a value of its own, and checked
    // as a pair only if no endpoint does it.
    read_rules(reader, Rules::default());
    identity::read(reader);
    ignis::read(reader);
    reader.origins(&options::ALLOW_ORIGIN);
    webhook::read(reader);
    shared_websocket::read(reader);
    read_limits(reader, listed.is_empty());
    deflate::read(reader);
    let endpoints: Vec<Option<EndpointConfig>> = listed
        .into_iter()
        .map(|endpoint| read_endpoint(reader, endpoint))
        .collect();
    let send_buffer_bytes = reader.size(&options::SEND_BUFFER_BYTES);
    let connections_max = reader.count(&options::MAX_CONNECTIONS);
    let context_bytes_max = reader.size(&options::DEFLATE_MEMORY_BYTES);
    let addresses = read_addresses(reader);
    let head_bytes_max = reader.size(&options::MAX_HEAD_BYTES);
    let handshake_timeout = reader.time(&options::HANDSHAKE_TIMEOUT);
    let drain_timeout = reader.time(&options::DRAIN_TIMEOUT);
    let log_level = reader.choice(&options::LOG_LEVEL, &LOG_LEVELS);
    let log_format = reader.choice(&options::LOG_FORMAT, &LOG_FORMATS);

    let (shards, cpus) = cores?;
    Some(ServerConfig {
        listen: listen?,
        shards,
        cpus,
        driver: driver?,
        private_fd_tables: private_fd_tables?,
        send_buffer_bytes: send_buffer_bytes.map(NonZeroUsize::new)?,
        api: api?,
        tls: tls?,
        endpoints: endpoints.into_iter().collect::<Option<_>>()?,
        handshake: HandshakeLimits {
            head_bytes_max: head_bytes_max?,
            timeout_ms: millis(handshake_timeout?),
        },
        connections_max: connections_max?,
        context_bytes_max: context_bytes_max?,
        addresses: addresses?,
        drain_timeout: drain_timeout?,
        log_level: log_level?,
        log_format: log_format?,
    })
}

fn read_endpoint<'a>(
    reader: &mut Reader<'a>,
    endpoint: ListedEndpoint<'a>,
) -> Option<EndpointConfig> {
    reader.set_scope(Some(endpoint.scope()));
    let limits = read_limits(reader, true);
    let deflate = deflate::read(reader);
    let rules = read_rules(reader, Rules::new(endpoint.dialect.default_rules()));
    let dialect = read_dialect(reader, endpoint.dialect);
    let auth = identity::read(reader);
    let origins = reader.origins(&options::ALLOW_ORIGIN);
    let webhook = webhook::read(reader);
    if let Some(webhook) = &webhook {
        reader.check_webhook(&rules, webhook.as_ref());
    }
    reader.set_scope(None);
    Some(EndpointConfig {
        app: endpoint.app().to_owned(),
        limits: limits?,
        deflate: deflate?,
        auth: auth?,
        origins: origins.into_iter().collect::<Option<_>>()?,
        rules,
        webhook: webhook?,
        path: endpoint.path,
        dialect: dialect?,
    })
}

fn read_limits(reader: &mut Reader<'_>, check_pairs: bool) -> Option<ConnLimits> {
    let message_bytes_max = reader.size(&options::MAX_MESSAGE_BYTES);
    let message_frames_max = reader.count(&options::MAX_MESSAGE_FRAMES);
    let message_rate = reader.count(&options::MAX_MESSAGE_RATE);
    let byte_rate = reader.size(&options::MAX_BYTE_RATE);
    let unproven_bytes_max = reader.size(&options::MAX_UNAUTHENTICATED_BYTES);
    let backpressure_bytes_max = reader.size(&options::BACKPRESSURE_LIMIT_BYTES);
    let backpressure_policy = reader.choice(&options::BACKPRESSURE_POLICY, &POLICIES);
    let subscriptions_max = reader.count(&options::MAX_SUBSCRIPTIONS);
    let ping_interval = reader.time(&options::PING_INTERVAL);
    let idle_timeout = reader.time(&options::IDLE_TIMEOUT);
    let flush_interval = reader.time(&options::FLUSH_INTERVAL);

    if check_pairs {
        if let (Some(message), Some(backpressure)) = (message_bytes_max, backpressure_bytes_max) {
            reader.check_backpressure(message, backpressure);
        }
        if let (Some(ping), Some(idle)) = (ping_interval, idle_timeout) {
            reader.check_heartbeat(ping, idle);
        }
    }
    Some(ConnLimits {
        message_bytes_max: message_bytes_max?,
        message_frames_max: small(message_frames_max??),
        read_rates: ReadRates {
            messages_per_s: small(message_rate??),
            bytes_per_s: byte_rate?,
        },
        backpressure_bytes_max: backpressure_bytes_max?,
        backpressure_policy: backpressure_policy?,
        // It has no `auto`, and neither have the counts above.
        unproven_bytes_max: unproven_bytes_max?,
        subscriptions_max: subscriptions_max??,
        ping_interval_ms: millis(ping_interval?),
        idle_timeout_ms: millis(idle_timeout?),
        flush_interval_ms: millis(flush_interval?),
    })
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

fn read_addresses(reader: &mut Reader<'_>) -> Option<AddressLimits> {
    let connections_max = reader.count(&options::MAX_CONNECTIONS_PER_ADDRESS);
    let handshakes_per_s = reader.count(&options::MAX_HANDSHAKE_RATE);
    let networks = reader.networks(&options::TRUSTED_PROXY);
    let header = reader.header_name(&options::CLIENT_ADDRESS_HEADER);
    let count_loopback = reader.switch(&options::LIMIT_LOOPBACK);
    Some(AddressLimits {
        connections_max: connections_max??,
        handshakes_per_s: small(handshakes_per_s??),
        count_loopback: count_loopback?,
        proxies: TrustedProxies {
            networks: networks.into_iter().collect::<Option<_>>()?,
            header: header?,
        },
    })
}

/// What is set about a dialect at one endpoint.
fn read_dialect(reader: &mut Reader<'_>, dialect: DialectName) -> Option<DialectConfig> {
    match dialect {
        DialectName::Strav => Some(DialectConfig::Strav),
        DialectName::SharedWebsocket => {
            let settings = shared_websocket::read(reader)?;
            Some(DialectConfig::SharedWebsocket(Box::new(settings)))
        }
        DialectName::Echo => Some(DialectConfig::Echo),
        DialectName::Ignis => ignis::read(reader).map(DialectConfig::Ignis),
    }
}

/// Adds what the operator says to what the dialect says by itself.
fn read_rules(reader: &mut Reader<'_>, mut rules: Rules) -> Rules {
    let publish = reader.publish_rules(&options::ALLOW_PUBLISH);
    for (pattern, grant) in publish.into_iter().flatten() {
        rules.add_publish(pattern, grant);
    }
    let subscribe = reader.subscribe_rules(&options::ALLOW_SUBSCRIBE);
    for (pattern, grant) in subscribe.into_iter().flatten() {
        rules.add_subscribe(pattern, grant);
    }
    let messages = reader.message_rules(&options::ON_MESSAGE);
    for (event, handling) in messages.into_iter().flatten() {
        rules.add_message(event, handling);
    }
    rules
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

const LOG_FORMATS: [(&str, LogFormat); 2] = [("text", LogFormat::Text), ("json", LogFormat::Json)];

fn small(count: usize) -> u32 {
    u32::try_from(count).expect("options bound these counts to a billion")
}

pub(super) fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).expect("options bound every time to a day")
}

#[cfg(test)]
mod tests;
