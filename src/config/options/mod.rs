//! Every option, one record each, in files by the heading they stand under.

mod addresses;
mod api;
mod cores;
mod deflate;
mod identity;
mod ignis;
mod limits;
mod listening;
mod logging;
mod rules;
mod shared_websocket;
mod times;
mod tls;
mod webhook;

pub use addresses::{
    CLIENT_ADDRESS_HEADER, LIMIT_LOOPBACK, MAX_CONNECTIONS_PER_ADDRESS, MAX_HANDSHAKE_RATE,
    TRUSTED_PROXY,
};
pub use api::{API_HOST, API_LISTEN, API_TOKEN, API_TOKEN_FILE};
pub use cores::{CPUS, DRIVER, PRIVATE_FD_TABLES, SHARDS};
pub use deflate::{DEFLATE, DEFLATE_MEMORY_BYTES, DEFLATE_MIN_BYTES, DEFLATE_WINDOW_BITS};
pub use identity::{
    JWT_KEY, JWT_LEEWAY, JWT_USER_CLAIM, REQUIRE_TOKEN, TOKEN_COOKIE, TOKEN_QUERY_PARAMETER,
};
pub use ignis::{
    IGNIS_AUTH_TIMEOUT, IGNIS_DEFAULT_ROOMS, IGNIS_ENCRYPTION, IGNIS_ENCRYPTION_INFO,
    IGNIS_HEARTBEAT_INTERVAL, IGNIS_HEARTBEAT_TIMEOUT,
};
pub use limits::{
    BACKPRESSURE_LIMIT_BYTES, BACKPRESSURE_POLICY, MAX_BYTE_RATE, MAX_CONNECTIONS, MAX_HEAD_BYTES,
    MAX_MESSAGE_BYTES, MAX_MESSAGE_FRAMES, MAX_MESSAGE_RATE, MAX_SUBSCRIPTIONS,
    MAX_UNAUTHENTICATED_BYTES, SEND_BUFFER_BYTES,
};
pub use listening::{DEV_ECHO, ENDPOINT, LISTEN};
pub use logging::{LOG_FORMAT, LOG_LEVEL};
pub use rules::{ALLOW_ORIGIN, ALLOW_PUBLISH, ALLOW_SUBSCRIBE, ON_MESSAGE};
pub use shared_websocket::{
    EMPTY_DATA, EVENT_NAME, FRAME_SHAPE, PING_MESSAGE, PONG_MESSAGE, PUBLISH_EXCLUDES_SELF,
};
pub use times::{DRAIN_TIMEOUT, FLUSH_INTERVAL, HANDSHAKE_TIMEOUT, IDLE_TIMEOUT, PING_INTERVAL};
pub use tls::{API_TLS, TLS_CERT, TLS_CLIENT_CA, TLS_KEY};
pub use webhook::{
    WEBHOOK_CONCURRENCY, WEBHOOK_EVENTS, WEBHOOK_HEADER, WEBHOOK_RETRIES, WEBHOOK_SECRET,
    WEBHOOK_SECRET_FILE, WEBHOOK_TIMEOUT, WEBHOOK_URL,
};

use super::option::OptionRecord;

/// All options, in the order of the help.
pub static ALL: [&OptionRecord; 72] = [
    &LISTEN,
    &ENDPOINT,
    &DEV_ECHO,
    &TLS_CERT,
    &TLS_KEY,
    &TLS_CLIENT_CA,
    &API_LISTEN,
    &API_TOKEN_FILE,
    &API_TOKEN,
    &API_HOST,
    &API_TLS,
    &SHARDS,
    &CPUS,
    &DRIVER,
    &PRIVATE_FD_TABLES,
    &JWT_KEY,
    &JWT_USER_CLAIM,
    &JWT_LEEWAY,
    &TOKEN_QUERY_PARAMETER,
    &TOKEN_COOKIE,
    &REQUIRE_TOKEN,
    &ALLOW_PUBLISH,
    &ALLOW_SUBSCRIBE,
    &ON_MESSAGE,
    &ALLOW_ORIGIN,
    &WEBHOOK_URL,
    &WEBHOOK_EVENTS,
    &WEBHOOK_TIMEOUT,
    &WEBHOOK_RETRIES,
    &WEBHOOK_CONCURRENCY,
    &WEBHOOK_HEADER,
    &WEBHOOK_SECRET_FILE,
    &WEBHOOK_SECRET,
    &FRAME_SHAPE,
    &EVENT_NAME,
    &PING_MESSAGE,
    &PONG_MESSAGE,
    &EMPTY_DATA,
    &PUBLISH_EXCLUDES_SELF,
    &IGNIS_AUTH_TIMEOUT,
    &IGNIS_HEARTBEAT_INTERVAL,
    &IGNIS_HEARTBEAT_TIMEOUT,
    &IGNIS_DEFAULT_ROOMS,
    &IGNIS_ENCRYPTION,
    &IGNIS_ENCRYPTION_INFO,
    &MAX_MESSAGE_BYTES,
    &MAX_MESSAGE_FRAMES,
    &MAX_MESSAGE_RATE,
    &MAX_BYTE_RATE,
    &MAX_UNAUTHENTICATED_BYTES,
    &MAX_HEAD_BYTES,
    &BACKPRESSURE_LIMIT_BYTES,
    &BACKPRESSURE_POLICY,
    &SEND_BUFFER_BYTES,
    &MAX_CONNECTIONS,
    &MAX_SUBSCRIPTIONS,
    &DEFLATE,
    &DEFLATE_MIN_BYTES,
    &DEFLATE_WINDOW_BITS,
    &DEFLATE_MEMORY_BYTES,
    &MAX_CONNECTIONS_PER_ADDRESS,
    &MAX_HANDSHAKE_RATE,
    &TRUSTED_PROXY,
    &CLIENT_ADDRESS_HEADER,
    &LIMIT_LOOPBACK,
    &PING_INTERVAL,
    &IDLE_TIMEOUT,
    &FLUSH_INTERVAL,
    &HANDSHAKE_TIMEOUT,
    &DRAIN_TIMEOUT,
    &LOG_LEVEL,
    &LOG_FORMAT,
];

/// The options that an endpoint may set for itself, in the order in which they are shown.
pub static OF_ENDPOINTS: [&OptionRecord; 44] = [
    &MAX_MESSAGE_BYTES,
    &MAX_MESSAGE_FRAMES,
    &MAX_MESSAGE_RATE,
    &MAX_BYTE_RATE,
    &MAX_UNAUTHENTICATED_BYTES,
    &BACKPRESSURE_LIMIT_BYTES,
    &BACKPRESSURE_POLICY,
    &MAX_SUBSCRIPTIONS,
    &DEFLATE,
    &DEFLATE_MIN_BYTES,
    &DEFLATE_WINDOW_BITS,
    &PING_INTERVAL,
    &IDLE_TIMEOUT,
    &FLUSH_INTERVAL,
    &JWT_KEY,
    &JWT_USER_CLAIM,
    &JWT_LEEWAY,
    &TOKEN_QUERY_PARAMETER,
    &TOKEN_COOKIE,
    &REQUIRE_TOKEN,
    &ALLOW_PUBLISH,
    &ALLOW_SUBSCRIBE,
    &ON_MESSAGE,
    &ALLOW_ORIGIN,
    &WEBHOOK_URL,
    &WEBHOOK_EVENTS,
    &WEBHOOK_TIMEOUT,
    &WEBHOOK_RETRIES,
    &WEBHOOK_CONCURRENCY,
    &WEBHOOK_HEADER,
    &WEBHOOK_SECRET_FILE,
    &WEBHOOK_SECRET,
    &FRAME_SHAPE,
    &EVENT_NAME,
    &PING_MESSAGE,
    &PONG_MESSAGE,
    &EMPTY_DATA,
    &PUBLISH_EXCLUDES_SELF,
    &IGNIS_AUTH_TIMEOUT,
    &IGNIS_HEARTBEAT_INTERVAL,
    &IGNIS_HEARTBEAT_TIMEOUT,
    &IGNIS_DEFAULT_ROOMS,
    &IGNIS_ENCRYPTION,
    &IGNIS_ENCRYPTION_INFO,
];

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::super::option::Kind;
    use super::*;

    #[test]
    fn names_are_unique_and_lower_case_with_dashes() {
        let names: HashSet<&str> = ALL.iter().map(|option| option.name).collect();
        assert_eq!(names.len(), ALL.len());
        for name in names {
            assert!(
                name.bytes()
                    .all(|byte| byte.is_ascii_lowercase() || byte == b'-'),
                "{name}"
            );
        }
    }

    #[test]
    fn every_option_teaches() {
        for option in ALL {
            assert!(!option.summary.is_empty(), "{}", option.name);
            assert!(!option.summary.ends_with('.'), "{}", option.name);
            assert!(option.details.ends_with('.'), "{}", option.name);
            assert!(!option.details.contains("  "), "{}", option.name);
            assert_eq!(
                option.value_name.is_empty(),
                option.kind == Kind::Switch,
                "{}",
                option.name
            );
        }
    }

    #[test]
    fn environment_names_follow_the_flags() {
        assert_eq!(MAX_MESSAGE_BYTES.env_name(), "SHARDCAST_MAX_MESSAGE_BYTES");
        assert_eq!(LISTEN.flag(), "--listen");
    }
}
