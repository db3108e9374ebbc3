//! Which changes need a restart.

use std::net::SocketAddr;

use super::api;
use super::option::OptionRecord;
use super::options;
use crate::service::{ApiConfig, EndpointConfig, Secret, ServerConfig};

/// The options in which `new` differs from what a server runs with and that a reload cannot change.
///
/// Resolved values are compared, not texts: writing `auto` out is no change.
#[must_use]
pub fn needed_for(running: &ServerConfig, new: &ServerConfig) -> Vec<&'static OptionRecord> {
    // No `..`: whoever adds a field says here whether a reload can change it.
    let ServerConfig {
        listen,
        api,
        tls,
        shards,
        cpus,
        driver,
        private_fd_tables,
        send_buffer_bytes,
        endpoints,
        handshake: _,
        connections_max,
        context_bytes_max: _,
        addresses,
        drain_timeout: _,
        log_level: _,
        log_format,
    } = running;
    // An API that comes or goes is named by its address alone.
    let apis = api.as_ref().zip(new.api.as_ref());
    let differences = [
        (&options::LISTEN, *listen != new.listen),
        (
            &options::API_LISTEN,
            api_listen(api) != api_listen(&new.api),
        ),
        (
            apis.map_or(&options::API_TOKEN, token_option),
            apis.is_some_and(|(running, new)| secret(running) != secret(new)),
        ),
        (&options::TLS_CERT, tls.is_some() != new.tls.is_some()),
        (
            &options::API_TLS,
            apis.is_some_and(|(running, new)| running.over_tls != new.over_tls),
        ),
        (
            &options::API_HOST,
            apis.is_some_and(|(running, new)| running.hosts != new.hosts),
        ),
        (&options::ENDPOINT, !are_same(endpoints, &new.endpoints)),
        (
            &options::IGNIS_ENCRYPTION,
            !are_reloaded(endpoints, &new.endpoints),
        ),
        (&options::SHARDS, *shards != new.shards),
        (&options::CPUS, *cpus != new.cpus),
        (&options::DRIVER, *driver != new.driver),
        (
            &options::PRIVATE_FD_TABLES,
            *private_fd_tables != new.private_fd_tables,
        ),
        (
            &options::SEND_BUFFER_BYTES,
            *send_buffer_bytes != new.send_buffer_bytes,
        ),
        (
            &options::MAX_CONNECTIONS,
            *connections_max != new.connections_max,
        ),
        (
            &options::MAX_CONNECTIONS_PER_ADDRESS,
            addresses.connections_max != new.addresses.connections_max,
        ),
        (
            &options::MAX_HANDSHAKE_RATE,
            addresses.handshakes_per_s != new.addresses.handshakes_per_s,
        ),
        (
            &options::TRUSTED_PROXY,
            addresses.proxies.networks != new.addresses.proxies.networks,
        ),
        (
            &options::CLIENT_ADDRESS_HEADER,
            addresses.proxies.header != new.addresses.proxies.header,
        ),
        (
            &options::LIMIT_LOOPBACK,
            addresses.count_loopback != new.addresses.count_loopback,
        ),
        (&options::LOG_FORMAT, *log_format != new.log_format),
    ];
    differences
        .into_iter()
        .filter(|(_, differs)| *differs)
        .map(|(option, _)| option)
        .collect()
}

fn api_listen(api: &Option<ApiConfig>) -> Option<SocketAddr> {
    api.as_ref().map(|api| api.listen)
}

/// Wherever it comes from: only the token itself is compared.
fn secret(api: &ApiConfig) -> Option<&Secret> {
    api.token.as_ref().map(|token| &token.secret)
}

/// The option that gives the token now, or that gave it to the running server if none does.
fn token_option((running, new): (&ApiConfig, &ApiConfig)) -> &'static OptionRecord {
    let token = new.token.as_ref().or(running.token.as_ref());
    token.map_or(&options::API_TOKEN, api::option_of)
}

/// Whether the same paths speak the same dialects in the same topic spaces.
fn are_same(running: &[EndpointConfig], new: &[EndpointConfig]) -> bool {
    let is_in = |one: &EndpointConfig, others: &[EndpointConfig]| {
        others.iter().any(|other| other.is_same_place(one))
    };
    running.len() == new.len() && running.iter().all(|endpoint| is_in(endpoint, new))
}

/// Whether a reload gives every endpoint that stays the settings of its dialect that `new` wants.
fn are_reloaded(running: &[EndpointConfig], new: &[EndpointConfig]) -> bool {
    running.iter().all(|running| {
        let same = new.iter().find(|new| running.is_same_place(new));
        same.is_none_or(|new| running.dialect.reloaded(&new.dialect) == new.dialect)
    })
}

#[cfg(test)]
mod tests {
    use std::sync::LazyLock;

    use super::*;
    use crate::config::{Machine, Origin, Settings};

    /// A key with two certificates, and the key once more with a line break behind it.
    struct Files {
        chains: [String; 2],
        keys: [String; 2],
    }

    fn files() -> &'static Files {
        static FILES: LazyLock<Files> = LazyLock::new(|| {
            let folder =
                std::env::temp_dir().join(format!("shardcast-restart-{}", std::process::id()));
            std::fs::create_dir_all(&folder).expect("a temporary folder");
            let write = |name: &str, text: &str| {
                let path = folder.join(name);
                std::fs::write(&path, text).expect("a file in it");
                path.to_str().expect("a path of text").to_owned()
            };
            let key = rcgen::KeyPair::generate().expect("a key");
            let chain = |name: &str| {
                let params = rcgen::CertificateParams::new(vec![name.to_owned()]);
                params
                    .expect("a name")
                    .self_signed(&key)
                    .expect("a certificate")
                    .pem()
            };
            Files {
                chains: [write("a.pem", &chain("a")), write("b.pem", &chain("b"))],
                keys: [
                    write("key.pem", &key.serialize_pem()),
                    write("again.pem", &(key.serialize_pem() + "\n")),
                ],
            }
        });
        &FILES
    }

    fn config(option: &OptionRecord, text: &str) -> ServerConfig {
        let machine = Machine {
            cpus_allowed: vec![0, 1],
            cores_usable: 2,
        };
        let mut settings = Settings::default();
        // What only one dialect has is compared too.
        let endpoints = ["/_broadcast=strav", "/ws=ignis"].map(str::to_owned);
        settings.set(&options::ENDPOINT, Origin::File, endpoints.to_vec());
        let Files { chains, keys } = files();
        settings.set(&options::TLS_CERT, Origin::File, vec![chains[0].clone()]);
        settings.set(&options::TLS_KEY, Origin::File, vec![keys[0].clone()]);
        let texts = if text.is_empty() {
            Vec::new()
        } else {
            vec![text.to_owned()]
        };
        settings.set(option, Origin::File, texts);
        settings.resolve(&machine).unwrap()
    }

    #[test]
    fn tls_is_turned_on_and_off_by_a_restart_alone() {
        let with = config(&options::LISTEN, options::LISTEN.default);
        let without = ServerConfig {
            tls: None,
            ..with.clone()
        };
        for (running, new) in [(&with, &without), (&without, &with)] {
            assert_eq!(needed_for(running, new), [&options::TLS_CERT]);
        }
    }

    #[test]
    fn only_options_that_are_not_live_need_a_restart() {
        let running = config(&options::LISTEN, options::LISTEN.default);
        let other_values = [
            (&options::LISTEN, "127.0.0.1:7009"),
            (&options::ENDPOINT, "/live=strav"),
            (&options::DEV_ECHO, "true"),
            (&options::API_LISTEN, "none"),
            // Any file whose first line has no spaces will do as one with a token.
            (
                &options::API_TOKEN_FILE,
                concat!(env!("CARGO_MANIFEST_DIR"), "/Cargo.toml"),
            ),
            (&options::API_TOKEN, "hunter2"),
            (&options::API_HOST, "api.internal"),
            (&options::API_TLS, "true"),
            (&options::TLS_CERT, &files().chains[1]),
            (&options::TLS_KEY, &files().keys[1]),
            (&options::TLS_CLIENT_CA, &files().chains[1]),
            (&options::SHARDS, "1"),
            (&options::CPUS, "none"),
            (&options::DRIVER, "epoll"),
            (&options::JWT_KEY, "jwks=https://id.example.com/"),
            (&options::JWT_USER_CLAIM, "email"),
            (&options::JWT_LEEWAY, "1m"),
            (&options::TOKEN_QUERY_PARAMETER, "token"),
            (&options::TOKEN_COOKIE, "session"),
            (&options::REQUIRE_TOKEN, "true"),
            (&options::ALLOW_PUBLISH, "demo"),
            (&options::ALLOW_SUBSCRIBE, "private-*"),
            (&options::ON_MESSAGE, "chat=reply"),
            (&options::ALLOW_ORIGIN, "https://example.com"),
            (&options::WEBHOOK_URL, "http://127.0.0.1:1/"),
            (&options::WEBHOOK_EVENTS, "connect"),
            (&options::WEBHOOK_TIMEOUT, "1s"),
            (&options::WEBHOOK_RETRIES, "1"),
            (&options::WEBHOOK_CONCURRENCY, "1"),
            (&options::WEBHOOK_HEADER, "cookie"),
            (
                &options::WEBHOOK_SECRET_FILE,
                concat!(env!("CARGO_MANIFEST_DIR"), "/Cargo.toml"),
            ),
            (&options::WEBHOOK_SECRET, "hunter2"),
            (&options::FRAME_SHAPE, "flat"),
            (&options::EVENT_NAME, "error=oops"),
            (&options::PING_MESSAGE, "none"),
            (&options::PONG_MESSAGE, "none"),
            (&options::EMPTY_DATA, "object"),
            (&options::PUBLISH_EXCLUDES_SELF, "true"),
            (&options::MAX_MESSAGE_BYTES, "1KiB"),
            (&options::MAX_MESSAGE_FRAMES, "2"),
            (&options::MAX_MESSAGE_RATE, "10"),
            (&options::MAX_BYTE_RATE, "1KiB"),
            (&options::MAX_UNAUTHENTICATED_BYTES, "1KiB"),
            (&options::MAX_HEAD_BYTES, "2KiB"),
            (&options::MAX_CONNECTIONS_PER_ADDRESS, "2"),
            (&options::MAX_HANDSHAKE_RATE, "2"),
            (&options::TRUSTED_PROXY, "10.0.0.0/8"),
            (&options::CLIENT_ADDRESS_HEADER, "X-Real-IP"),
            (&options::LIMIT_LOOPBACK, "true"),
            (&options::PRIVATE_FD_TABLES, "true"),
            (&options::BACKPRESSURE_LIMIT_BYTES, "2MiB"),
            (&options::BACKPRESSURE_POLICY, "drop-oldest"),
            (&options::SEND_BUFFER_BYTES, "64KiB"),
            (&options::MAX_CONNECTIONS, "10"),
            (&options::MAX_SUBSCRIPTIONS, "1"),
            (&options::DEFLATE, "shared"),
            (&options::DEFLATE_MIN_BYTES, "1KiB"),
            (&options::DEFLATE_WINDOW_BITS, "10"),
            (&options::DEFLATE_MEMORY_BYTES, "1MiB"),
            (&options::PING_INTERVAL, "1s"),
            (&options::IDLE_TIMEOUT, "2m"),
            (&options::FLUSH_INTERVAL, "5ms"),
            (&options::HANDSHAKE_TIMEOUT, "1s"),
            (&options::DRAIN_TIMEOUT, "1s"),
            (&options::IGNIS_AUTH_TIMEOUT, "1s"),
            (&options::IGNIS_HEARTBEAT_INTERVAL, "1s"),
            (&options::IGNIS_HEARTBEAT_TIMEOUT, "1s"),
            (&options::IGNIS_DEFAULT_ROOMS, "lobby"),
            (&options::IGNIS_ENCRYPTION, "on"),
            (&options::IGNIS_ENCRYPTION_INFO, "mine"),
            (&options::LOG_LEVEL, "debug"),
            (&options::LOG_FORMAT, "json"),
        ];
        assert_eq!(
            other_values.len(),
            options::ALL.len(),
            "one for each option"
        );
        for (option, text) in other_values {
            let needed = needed_for(&running, &config(option, text));
            assert_eq!(needed.is_empty(), option.live, "{}", option.name);
        }
    }

    #[test]
    fn changed_token_is_named_by_the_option_that_gives_or_gave_it() {
        const FILE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/Cargo.toml");
        const OTHER_FILE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/loadtest/Cargo.toml");
        let (file, text) = (&options::API_TOKEN_FILE, &options::API_TOKEN);
        let none = (text, "");
        let cases = [
            (none, (file, FILE), vec![file]),
            (none, (text, "x"), vec![text]),
            ((file, FILE), (file, OTHER_FILE), vec![file]),
            ((file, FILE), (text, "x"), vec![text]),
            ((text, "x"), (file, FILE), vec![file]),
            ((file, FILE), none, vec![file]),
            ((text, "x"), none, vec![text]),
            // The same token, given otherwise.
            ((file, FILE), (text, "[workspace]"), Vec::new()),
        ];
        for (running, new, named) in cases {
            let [running_config, new_config] =
                [running, new].map(|(option, text)| config(option, text));
            let needed = needed_for(&running_config, &new_config);
            assert_eq!(needed, named, "from {} to {}", running.1, new.1);
        }
    }

    #[test]
    fn token_of_an_api_that_comes_or_goes_is_no_change_of_its_own() {
        let with_token = config(&options::API_TOKEN, "x");
        let without_api = config(&options::API_LISTEN, "none");
        for (running, new) in [(&with_token, &without_api), (&without_api, &with_token)] {
            assert_eq!(needed_for(running, new), [&options::API_LISTEN]);
        }
    }

    #[test]
    fn same_thing_in_other_words_is_no_change() {
        let running = config(&options::SHARDS, "auto");
        assert!(needed_for(&running, &config(&options::SHARDS, "2")).is_empty());
        assert!(needed_for(&running, &config(&options::CPUS, "0-1")).is_empty());
    }
}
