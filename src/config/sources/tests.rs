//! Which source beats which, for each kind of value; and what is wrong with a source itself.

use super::*;
use crate::config::{Machine, options};
use crate::service::{EndpointConfig, ServerConfig};

mod wrong_sources;

/// The sources of one test; nothing of the surroundings gets in.
#[derive(Default)]
struct Given<'a> {
    file: &'a str,
    env: &'a [(&'a str, &'a str)],
    flags: &'a [(&'static OptionRecord, &'a [&'a str])],
}

impl Given<'_> {
    fn settings(&self) -> Settings {
        let mut settings = Settings::default();
        let env = self
            .env
            .iter()
            .map(|(name, value)| (name.into(), value.into()));
        environment::read(&mut settings, env);
        file::read(&mut settings, "test.toml", self.file);
        for (option, texts) in self.flags {
            let texts = texts.iter().map(|text| (*text).to_owned()).collect();
            settings.set(option, Origin::Flag, texts);
        }
        settings
    }

    fn resolve(&self) -> Result<ServerConfig, Vec<String>> {
        let machine = Machine {
            cpus_allowed: vec![0, 1, 2, 3],
            cores_usable: 4,
        };
        self.settings()
            .resolve(&machine)
            .map_err(|complaints| complaints.iter().map(Complaint::to_string).collect())
    }

    fn config(&self) -> ServerConfig {
        self.resolve().unwrap()
    }

    fn complaints(&self) -> Vec<String> {
        self.resolve().unwrap_err()
    }
}

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

fn of_endpoint(config: &ServerConfig) -> &EndpointConfig {
    &config.endpoints[0]
}

/// A row for each kind of value.
fn rows() -> Vec<Row> {
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
            option: &options::ALLOW_PUBLISH,
            file: "[\"c1\"]",
            endpoint: Some("[\"c2\", \"x\"]"),
            env: "c3 x",
            flag: "c4",
            show: |config| first_of(|name| of_endpoint(config).rules.may_publish(name, "e")),
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
                        .may_subscribe(&format!("private-{name}"))
                })
            },
            shown: ["none", "c1", "c2", "c3", "c4"],
        },
    ]
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
        let of_table = match row.endpoint {
            Some(value) => {
                format!("[[endpoint]]\npath = \"/a\"\ndialect = \"strav\"\n{name} = {value}\n")
            }
            None => String::new(),
        };
        let env = [(env_name.as_str(), row.env)];
        let flag_texts = [row.flag];
        let flags: [(&'static OptionRecord, &[&str]); 1] = [(row.option, &flag_texts)];
        // All sources below the one in question speak too; then every one alone.
        for below in [true, false] {
            let file = |with_file: bool, with_table: bool| {
                let file = if with_file { of_file.as_str() } else { "" };
                let table = if with_table { of_table.as_str() } else { "" };
                format!("{file}{table}")
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

#[test]
fn dialects_default_is_between_the_global_default_and_the_file() {
    let echo = |file: &str, env: &[(&str, &str)]| {
        let file = format!("dev-echo = true\n{file}");
        let given = Given {
            file: &file,
            env,
            flags: &[],
        };
        let config = given.config();
        let echo = config.endpoints.iter().find(|held| held.path == "/echo");
        echo.unwrap().limits.message_bytes_max
    };
    assert_eq!(echo("", &[]), 16 << 20);
    assert_eq!(echo("max-message-bytes = \"1KiB\"", &[]), 1_024);
    assert_eq!(echo("", &[("SHARDCAST_MAX_MESSAGE_BYTES", "2KiB")]), 2_048);
    let table = "[[endpoint]]\npath = \"/echo\"\ndialect = \"echo\"\nmax-message-bytes = 3072";
    assert_eq!(echo(table, &[]), 3_072);
    assert_eq!(
        echo(&format!("max-message-bytes = \"1KiB\"\n{table}"), &[]),
        3_072
    );
}

const TWO_ENDPOINTS: &str = r#"
max-subscriptions = 7
allow-publish = ["all"]

[[endpoint]]
path = "/a"
dialect = "strav"
app = "shared"
max-message-bytes = "1KiB"
backpressure-limit-bytes = "2KiB"
allow-publish = ["own"]

[[endpoint]]
path = "/b"
dialect = "strav"
app = "shared"
ping-interval = "1s"
idle-timeout = "10s"

[[endpoint]]
path = "/c"
dialect = "strav"
"#;

#[test]
fn endpoints_have_limits_rules_and_topics_of_their_own() {
    let given = Given {
        file: TWO_ENDPOINTS,
        ..Given::default()
    };
    let config = given.config();
    let [a, b, c] = config.endpoints.as_slice() else {
        panic!("three endpoints");
    };
    assert_eq!(
        [&a.app, &b.app, &c.app].map(String::as_str),
        ["shared", "shared", "/c"]
    );
    assert_eq!(a.limits.message_bytes_max, 1_024);
    assert_eq!(a.limits.backpressure_bytes_max, 2_048);
    assert_eq!(b.limits.message_bytes_max, 65_536);
    assert_eq!(
        (b.limits.ping_interval_ms, b.limits.idle_timeout_ms),
        (1_000, 10_000)
    );
    assert_eq!(a.limits.subscriptions_max, 7);
    assert_eq!(c.limits.subscriptions_max, 7);
    assert!(a.rules.may_publish("own", "e") && !a.rules.may_publish("all", "e"));
    assert!(b.rules.may_publish("all", "e") && !b.rules.may_publish("own", "e"));
}

#[test]
fn endpoints_of_a_flag_or_variable_replace_the_files_with_all_they_say() {
    let by_flag: &[(&'static OptionRecord, &[&str])] = &[(&options::ENDPOINT, &["/a=strav"])];
    let by_env = [("SHARDCAST_ENDPOINT", "/a=strav")];
    for given in [
        Given {
            file: TWO_ENDPOINTS,
            env: &[],
            flags: by_flag,
        },
        Given {
            file: TWO_ENDPOINTS,
            env: &by_env,
            flags: &[],
        },
    ] {
        let config = given.config();
        let [only] = config.endpoints.as_slice() else {
            panic!("one endpoint");
        };
        assert_eq!((only.path.as_str(), only.app.as_str()), ("/a", "/a"));
        assert_eq!(only.limits.message_bytes_max, 65_536);
        assert!(
            only.rules.may_publish("all", "e"),
            "the file still speaks for all endpoints"
        );
    }
}

#[test]
fn list_of_texts_is_a_short_way_to_write_endpoints() {
    let given = Given {
        file: "endpoint = [\"/a=strav\", { path = \"/b\", dialect = \"strav\", app = \"/a\" }]",
        ..Given::default()
    };
    let config = given.config();
    let seen: Vec<(&str, &str)> = config
        .endpoints
        .iter()
        .map(|endpoint| (endpoint.path.as_str(), endpoint.app.as_str()))
        .collect();
    assert_eq!(seen, [("/a", "/a"), ("/b", "/a")]);
}

#[test]
fn numbers_may_be_written_as_toml_allows() {
    let given = Given {
        file: "max-message-bytes = 0x1_00\nmax-connections = 1_000\nping-interval = 0\nshards = \"2\"\ncpus = 3",
        ..Given::default()
    };
    let config = given.config();
    assert_eq!(of_endpoint(&config).limits.message_bytes_max, 256);
    assert_eq!(of_endpoint(&config).limits.ping_interval_ms, 0);
    assert_eq!(config.connections_max, Some(1_000));
    assert_eq!((config.shards, config.cpus), (2, Some(vec![3])));
}

#[test]
fn empty_variable_is_not_set() {
    let given = Given {
        env: &[("SHARDCAST_SHARDS", ""), ("SHARDCAST_NO_SUCH", "")],
        ..Given::default()
    };
    assert_eq!(given.config().shards, 4);
}

#[test]
fn flag_names_the_file_before_the_variable_does() {
    let folder = std::env::temp_dir().join(format!("shardcast-sources-{}", std::process::id()));
    std::fs::create_dir_all(&folder).unwrap();
    let (one, two) = (folder.join("one.toml"), folder.join("two.toml"));
    std::fs::write(&one, "shards = 1").unwrap();
    std::fs::write(&two, "shards = 2").unwrap();
    let env = [(CONFIG_ENV.into(), one.clone().into_os_string())];
    let shards = |config: Option<PathBuf>| {
        let sources = Sources {
            config,
            flags: Vec::new(),
        };
        let settings = sources.read(env.clone());
        settings.get(&options::SHARDS).first().to_owned()
    };
    assert_eq!(shards(None), "1");
    assert_eq!(shards(Some(two)), "2");
    std::fs::remove_dir_all(folder).unwrap();
}
