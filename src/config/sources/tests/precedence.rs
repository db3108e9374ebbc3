//! Each origin beats the ones below it: a row for each kind of value.

use super::*;
use crate::dialect::ignis::IgnisConfig;
use crate::dialect::shared_websocket::{self, Role};
use crate::dialect::{DialectConfig, DialectName};
use crate::engine::decider::Handling;
use crate::service::identity::KeySource;

mod webhook;

/// One option at every origin: the texts differ, and `shown` tells which one counts.
struct Row {
    option: &'static OptionRecord,
    /// As TOML, of the file and of the endpoint's table; the latter only for options that may.
    file: &'static str,
    endpoint: Option<&'static str>,
    env: &'static str,
    flag: &'static str,
    show: fn(&ServerConfig) -> String,
    /// Of default, file, endpoint, env and flag.
    shown: [&'static str; 5],
}

/// A row for each kind of value.
fn rows() -> Vec<Row> {
    let mut rows = webhook::rows();
    rows.extend(rows_of_the_rest());
    rows
}

fn rows_of_the_rest() -> Vec<Row> {
    vec![
        Row {
            option: &options::LISTEN,
            file: "\"127.0.0.1:1\"",
            endpoint: None,
            env: "127.0.0.1:3",
            flag: "127.0.0.1:4",
            show: |config| config.listen.port().to_string(),
            shown: ["7001", "1", "", "3", "4"],
        },
        Row {
            option: &options::DEV_ECHO,
            file: "true",
            endpoint: None,
            env: "false",
            flag: "true",
            show: |config| config.endpoints.len().to_string(),
            shown: ["1", "2", "", "1", "2"],
        },
        Row {
            option: &options::SHARDS,
            file: "1",
            endpoint: None,
            env: "auto",
            flag: "3",
            show: |config| config.shards.to_string(),
            shown: ["4", "1", "", "4", "3"],
        },
        Row {
            option: &options::CPUS,
            file: "\"0\"",
            endpoint: None,
            env: "1,2",
            flag: "3",
            show: |config| format!("{:?}", config.cpus),
            shown: [
                "Some([0, 1, 2, 3])",
                "Some([0])",
                "",
                "Some([1, 2])",
                "Some([3])",
            ],
        },
        Row {
            option: &options::LOG_LEVEL,
            file: "\"error\"",
            endpoint: None,
            env: "debug",
            flag: "trace",
            show: |config| format!("{:?}", config.log_level),
            shown: ["Info", "Error", "", "Debug", "Trace"],
        },
        Row {
            option: &options::MAX_MESSAGE_BYTES,
            file: "\"1KiB\"",
            endpoint: Some("2048"),
            env: "3KiB",
            flag: "4KiB",
            show: |config| of_endpoint(config).limits.message_bytes_max.to_string(),
            shown: ["65536", "1024", "2048", "3072", "4096"],
        },
        Row {
            option: &options::MAX_MESSAGE_FRAMES,
            file: "1",
            endpoint: Some("2"),
            env: "3",
            flag: "4",
            show: |config| of_endpoint(config).limits.message_frames_max.to_string(),
            shown: ["131072", "1", "2", "3", "4"],
        },
        Row {
            option: &options::MAX_MESSAGE_RATE,
            file: "1",
            endpoint: Some("2"),
            env: "3",
            flag: "4",
            show: |config| {
                of_endpoint(config)
                    .limits
                    .read_rates
                    .messages_per_s
                    .to_string()
            },
            shown: ["0", "1", "2", "3", "4"],
        },
        Row {
            option: &options::MAX_UNAUTHENTICATED_BYTES,
            file: "1",
            endpoint: Some("2"),
            env: "3",
            flag: "4",
            show: |config| of_endpoint(config).limits.unproven_bytes_max.to_string(),
            shown: ["262144", "1", "2", "3", "4"],
        },
        Row {
            option: &options::MAX_BYTE_RATE,
            file: "\"1KiB\"",
            endpoint: Some("2048"),
            env: "3KiB",
            flag: "0",
            show: |config| {
                of_endpoint(config)
                    .limits
                    .read_rates
                    .bytes_per_s
                    .to_string()
            },
            shown: ["0", "1024", "2048", "3072", "0"],
        },
        Row {
            option: &options::BACKPRESSURE_LIMIT_BYTES,
            file: "\"2MiB\"",
            endpoint: Some("\"3MiB\""),
            env: "4MiB",
            flag: "5MiB",
            show: |config| (of_endpoint(config).limits.backpressure_bytes_max >> 20).to_string(),
            shown: ["1", "2", "3", "4", "5"],
        },
        Row {
            option: &options::BACKPRESSURE_POLICY,
            file: "\"drop-newest\"",
            endpoint: Some("\"drop-oldest\""),
            env: "close",
            flag: "drop-newest",
            show: |config| format!("{:?}", of_endpoint(config).limits.backpressure_policy),
            shown: ["Close", "DropNewest", "DropOldest", "Close", "DropNewest"],
        },
        Row {
            option: &options::MAX_SUBSCRIPTIONS,
            file: "1",
            endpoint: Some("2"),
            env: "3",
            flag: "4",
            show: |config| of_endpoint(config).limits.subscriptions_max.to_string(),
            shown: ["128", "1", "2", "3", "4"],
        },
        Row {
            option: &options::DEFLATE,
            file: "\"shared\"",
            endpoint: Some("\"dedicated\""),
            env: "shared",
            flag: "dedicated",
            show: |config| format!("{:?}", of_endpoint(config).deflate.mode),
            shown: ["Off", "Shared", "Dedicated", "Shared", "Dedicated"],
        },
        Row {
            option: &options::DEFLATE_MIN_BYTES,
            file: "1",
            endpoint: Some("2"),
            env: "3",
            flag: "4",
            show: |config| of_endpoint(config).deflate.bytes_min.to_string(),
            shown: ["256", "1", "2", "3", "4"],
        },
        Row {
            option: &options::DEFLATE_WINDOW_BITS,
            file: "9",
            endpoint: Some("10"),
            env: "11",
            flag: "12",
            show: |config| of_endpoint(config).deflate.window.to_string(),
            shown: ["15", "9", "10", "11", "12"],
        },
        Row {
            option: &options::DEFLATE_MEMORY_BYTES,
            file: "1",
            endpoint: None,
            env: "3",
            flag: "4",
            show: |config| config.context_bytes_max.to_string(),
            shown: ["268435456", "1", "", "3", "4"],
        },
        Row {
            option: &options::PING_INTERVAL,
            file: "\"1s\"",
            endpoint: Some("\"2s\""),
            env: "3s",
            flag: "0",
            show: |config| of_endpoint(config).limits.ping_interval_ms.to_string(),
            shown: ["30000", "1000", "2000", "3000", "0"],
        },
        Row {
            option: &options::IDLE_TIMEOUT,
            file: "\"1m\"",
            endpoint: Some("0"),
            env: "3m",
            flag: "4m",
            show: |config| of_endpoint(config).limits.idle_timeout_ms.to_string(),
            shown: ["90000", "60000", "0", "180000", "240000"],
        },
        Row {
            option: &options::FLUSH_INTERVAL,
            file: "\"1ms\"",
            endpoint: Some("0"),
            env: "3ms",
            flag: "4ms",
            show: |config| of_endpoint(config).limits.flush_interval_ms.to_string(),
            shown: ["0", "1", "0", "3", "4"],
        },
        Row {
            option: &options::JWT_KEY,
            file: "[\"jwks=https://c1/,iss=a\"]",
            endpoint: Some("[\"jwks=https://c2/,iss=a\", \"jwks=https://x/\"]"),
            env: "jwks=https://c3/,iss=a jwks=https://x/,iss=b",
            flag: "jwks=https://c4/",
            show: |config| {
                first_of(|name| {
                    let url = format!("https://{name}/");
                    let mut trusted = of_endpoint(config).auth.trusted.iter();
                    trusted.any(|keys| matches!(&keys.source, KeySource::Remote(source) if source.url == *url))
                })
            },
            shown: ["none", "c1", "c2", "c3", "c4"],
        },
        Row {
            option: &options::JWT_USER_CLAIM,
            file: "\"c1\"",
            endpoint: Some("\"c2\""),
            env: "/c3",
            flag: "c4",
            show: |config| format!("{:?}", of_endpoint(config).auth.user_claim),
            shown: [
                "UserClaim(\"sub\")",
                "UserClaim(\"c1\")",
                "UserClaim(\"c2\")",
                "UserClaim(\"/c3\")",
                "UserClaim(\"c4\")",
            ],
        },
        Row {
            option: &options::JWT_LEEWAY,
            file: "\"1s\"",
            endpoint: Some("\"2s\""),
            env: "0",
            flag: "4s",
            show: |config| of_endpoint(config).auth.leeway.as_secs().to_string(),
            shown: ["30", "1", "2", "0", "4"],
        },
        Row {
            option: &options::TOKEN_QUERY_PARAMETER,
            file: "\"c1\"",
            endpoint: Some("\"\""),
            env: "c3",
            flag: "c4",
            show: |config| format!("{:?}", of_endpoint(config).auth.query_parameter),
            shown: [
                "None",
                "Some(\"c1\")",
                "None",
                "Some(\"c3\")",
                "Some(\"c4\")",
            ],
        },
        Row {
            option: &options::TOKEN_COOKIE,
            file: "\"c1\"",
            endpoint: Some("\"c2\""),
            env: "c3",
            flag: "",
            show: |config| format!("{:?}", of_endpoint(config).auth.cookie),
            shown: [
                "None",
                "Some(\"c1\")",
                "Some(\"c2\")",
                "Some(\"c3\")",
                "None",
            ],
        },
        Row {
            option: &options::REQUIRE_TOKEN,
            file: "true",
            endpoint: Some("false"),
            env: "true",
            flag: "false",
            show: |config| of_endpoint(config).auth.token_required.to_string(),
            shown: ["false", "true", "false", "true", "false"],
        },
        Row {
            option: &options::ALLOW_PUBLISH,
            file: "[\"c1\"]",
            endpoint: Some("[\"c2\", \"x\"]"),
            env: "c3 x",
            flag: "c4",
            show: |config| {
                first_of(|name| {
                    of_endpoint(config)
                        .rules
                        .of_publish(name, "e")
                        .is_open(name)
                })
            },
            shown: ["none", "c1", "c2", "c3", "c4"],
        },
        Row {
            option: &options::ALLOW_SUBSCRIBE,
            file: "[\"private-c1\"]",
            endpoint: Some("[\"private-c2\"]"),
            env: "private-c3,private-x",
            flag: "private-c4",
            show: |config| {
                first_of(|name| {
                    of_endpoint(config)
                        .rules
                        .of_subscribe(&format!("private-{name}"))
                        .is_open("")
                })
            },
            shown: ["none", "c1", "c2", "c3", "c4"],
        },
        Row {
            option: &options::ON_MESSAGE,
            file: "[\"c1=reply\"]",
            endpoint: Some("[\"c2=reply\"]"),
            env: "c3=reply",
            flag: "c4=reply",
            show: |config| {
                first_of(|name| *of_endpoint(config).rules.of_message(name) == Handling::Reply)
            },
            shown: ["none", "c1", "c2", "c3", "c4"],
        },
        Row {
            option: &options::ALLOW_ORIGIN,
            file: "[\"https://c1\"]",
            endpoint: Some("[\"https://c2\", \"https://x\"]"),
            env: "https://c3 https://x",
            flag: "https://c4",
            show: |config| {
                first_of(|name| {
                    let origin = format!("https://{name}");
                    let origins = &of_endpoint(config).origins;
                    origins.iter().any(|pattern| pattern.matches(&origin))
                })
            },
            shown: ["none", "c1", "c2", "c3", "c4"],
        },
        Row {
            option: &options::FRAME_SHAPE,
            file: "\"flat\"",
            endpoint: Some("\"two-keys\""),
            env: "flat",
            flag: "two-keys",
            show: |config| format!("{:?}", shared_websocket(config).shape),
            shown: ["TwoKeys", "Flat", "TwoKeys", "Flat", "TwoKeys"],
        },
        Row {
            option: &options::EVENT_NAME,
            file: "[\"error=c1\"]",
            endpoint: Some("[\"error=c2\", \"auth-ok=x\"]"),
            env: "error=c3 auth-ok=x",
            flag: "error=c4",
            show: |config| shared_websocket(config).names.of(Role::Error).to_owned(),
            shown: ["error", "c1", "c2", "c3", "c4"],
        },
        Row {
            option: &options::PING_MESSAGE,
            file: "\"1\"",
            endpoint: Some("\"2\""),
            env: "{\"a\": 3, \"b\": 0}",
            flag: "none",
            show: |config| {
                let ping = shared_websocket(config).ping.as_ref();
                ping.map_or("none", |ping| ping.text()).to_owned()
            },
            shown: [
                r#"{"type":"ping"}"#,
                "1",
                "2",
                r#"{"a": 3, "b": 0}"#,
                "none",
            ],
        },
        Row {
            option: &options::PONG_MESSAGE,
            file: "\"1\"",
            endpoint: Some("\"2\""),
            env: "none",
            flag: "[4]",
            show: |config| {
                let pong = shared_websocket(config).pong.as_deref();
                pong.unwrap_or("none").to_owned()
            },
            shown: [r#"{"type":"pong"}"#, "1", "2", "none", "[4]"],
        },
        Row {
            option: &options::EMPTY_DATA,
            file: "\"object\"",
            endpoint: Some("\"keep\""),
            env: "omit",
            flag: "object",
            show: |config| format!("{:?}", shared_websocket(config).empty_data),
            shown: ["Omit", "Object", "Keep", "Omit", "Object"],
        },
        Row {
            option: &options::PUBLISH_EXCLUDES_SELF,
            file: "true",
            endpoint: Some("false"),
            env: "true",
            flag: "true",
            show: |config| shared_websocket(config).publish_excludes_self.to_string(),
            shown: ["false", "true", "false", "true", "true"],
        },
        Row {
            option: &options::IGNIS_AUTH_TIMEOUT,
            file: "\"1s\"",
            endpoint: Some("\"2s\""),
            env: "3s",
            flag: "4s",
            show: |config| ignis(config).auth_timeout_ms.to_string(),
            shown: ["5000", "1000", "2000", "3000", "4000"],
        },
        Row {
            option: &options::IGNIS_HEARTBEAT_INTERVAL,
            file: "\"1s\"",
            endpoint: Some("0"),
            env: "3s",
            flag: "4s",
            show: |config| ignis(config).heartbeat_interval_ms.to_string(),
            shown: ["30000", "1000", "0", "3000", "4000"],
        },
        Row {
            option: &options::IGNIS_HEARTBEAT_TIMEOUT,
            file: "\"1s\"",
            endpoint: Some("\"2s\""),
            env: "3s",
            flag: "4s",
            show: |config| ignis(config).heartbeat_timeout_ms.to_string(),
            shown: ["90000", "1000", "2000", "3000", "4000"],
        },
        Row {
            option: &options::IGNIS_DEFAULT_ROOMS,
            file: "\"a\"",
            endpoint: Some("\"\""),
            env: "b, c",
            flag: "d",
            show: |config| ignis(config).default_rooms.join(" "),
            shown: ["ws-default ws-notification", "a", "", "b c", "d"],
        },
        Row {
            option: &options::IGNIS_ENCRYPTION,
            file: "\"on\"",
            endpoint: Some("\"required\""),
            env: "off",
            flag: "on",
            show: |config| format!("{:?}", ignis(config).encryption),
            shown: ["Off", "On", "Required", "Off", "On"],
        },
        Row {
            option: &options::IGNIS_ENCRYPTION_INFO,
            file: "\"a\"",
            endpoint: Some("\"b\""),
            env: "c",
            flag: "d",
            show: |config| ignis(config).encryption_info.clone(),
            shown: ["ignis-ecdh-p256-aes-256-gcm-v1", "a", "b", "c", "d"],
        },
    ]
}

fn ignis(config: &ServerConfig) -> &IgnisConfig {
    match &of_endpoint(config).dialect {
        DialectConfig::Ignis(config) => config,
        other => panic!("{other:?}"),
    }
}

fn shared_websocket(config: &ServerConfig) -> &shared_websocket::Settings {
    match &of_endpoint(config).dialect {
        DialectConfig::SharedWebsocket(settings) => settings,
        other => panic!("{other:?}"),
    }
}

fn first_of(may: impl Fn(&str) -> bool) -> String {
    let names = ["c1", "c2", "c3", "c4"];
    let allowed: Vec<&str> = names.into_iter().filter(|name| may(name)).collect();
    assert!(
        allowed.len() < 2,
        "lists of different origins never add up: {allowed:?}"
    );
    allowed.first().unwrap_or(&"none").to_string()
}

#[test]
fn each_origin_beats_the_ones_below_it_for_each_kind_of_value() {
    for row in rows() {
        let name = row.option.name;
        let env_name = row.option.env_name();
        let of_file = format!("{name} = {}\n", row.file);
        let only = row.option.group.dialect();
        let dialect = only.unwrap_or(DialectName::Strav);
        let bare_table = format!("[[endpoint]]\npath = \"/a\"\ndialect = \"{dialect}\"\n");
        let of_table = match row.endpoint {
            Some(value) => format!("{bare_table}{name} = {value}\n"),
            None => String::new(),
        };
        // What only one dialect has needs an endpoint of it; others show it on the default one.
        let without_key = if only.is_some() { &*bare_table } else { "" };
        let env = [(env_name.as_str(), row.env)];
        let flag_texts = [row.flag];
        let flags: [(&'static OptionRecord, &[&str]); 1] = [(row.option, &flag_texts)];
        // All sources below the one in question speak too; then every one alone.
        for below in [true, false] {
            let file = |with_file: bool, with_table: bool| {
                let base = if webhook::needs_url(row.option) {
                    "webhook-url = \"http://c/\"\n"
                } else {
                    ""
                };
                let file = if with_file { of_file.as_str() } else { "" };
                let table = if with_table { &*of_table } else { without_key };
                format!("{base}{file}{table}")
            };
            let cases = [
                (file(false, false), false, false),
                (file(true, false), false, false),
                (file(below, true), false, false),
                (file(below, below), true, false),
                (file(below, below), below, true),
            ];
            for ((file, with_env, with_flag), shown) in cases.into_iter().zip(row.shown) {
                if shown.is_empty() {
                    continue;
                }
                let given = Given {
                    file: &file,
                    env: if with_env { &env } else { &[] },
                    flags: if with_flag { &flags } else { &[] },
                };
                assert_eq!((row.show)(&given.config()), shown, "{name}, {file:?}");
            }
        }
    }
}

#[test]
fn every_kind_that_an_endpoint_may_set_has_its_row() {
    for option in options::OF_ENDPOINTS {
        let row = rows().into_iter().find(|row| row.option == option);
        assert!(
            row.is_some_and(|row| row.endpoint.is_some()),
            "{}",
            option.name
        );
    }
}
