//! What the sources say together, and what is wrong with a source itself.

use super::*;
use crate::config::{Machine, options};
use crate::service::{EndpointConfig, ServerConfig};

mod precedence;
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

/// The first endpoint.
fn of_endpoint(config: &ServerConfig) -> &EndpointConfig {
    &config.endpoints[0]
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
    assert!(
        a.rules.of_publish("own", "e").is_open("own")
            && !a.rules.of_publish("all", "e").is_open("all")
    );
    assert!(
        b.rules.of_publish("all", "e").is_open("all")
            && !b.rules.of_publish("own", "e").is_open("own")
    );
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
            only.rules.of_publish("all", "e").is_open("all"),
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
