//! What `check` prints is right, can be read by people, scripts and shardcast itself.

use super::*;
use crate::config::{Machine, Sources};

const FILE: &str = r#"
dev-echo = true
log-level = "debug"
allow-publish = ["demo:hello", "*:client-*"]

[[endpoint]]
path = "/live"
dialect = "strav"
app = "shop"
max-message-bytes = 4096
allow-publish = []
"#;

fn machine() -> Machine {
    Machine {
        cpus_allowed: vec![0, 1],
        cores_usable: 2,
    }
}

fn settings(name: &str, file: &str) -> Settings {
    let path = std::env::temp_dir().join(format!("shardcast-{name}-{}", std::process::id()));
    std::fs::write(&path, file).unwrap();
    let sources = Sources {
        config: Some(path.clone()),
        flags: vec![(&options::MAX_SUBSCRIPTIONS, vec!["9".to_owned()])],
    };
    let env = [("SHARDCAST_PING_INTERVAL".into(), "5s".into())];
    let settings = sources.read(env);
    std::fs::remove_file(path).unwrap();
    settings
}

#[test]
fn each_value_has_its_origin_beside_it() {
    let settings = settings("origins", FILE);
    let config = settings.resolve(&machine()).unwrap();
    let resolved = Resolved {
        settings: &settings,
        config: &config,
    };
    let text = resolved.to_toml();
    let file = settings.get(&options::LOG_LEVEL).texts[0]
        .place
        .clone()
        .unwrap()
        .file;
    for line in [
        "listen = \"127.0.0.1:7001\"  # default\n".to_owned(),
        "shards = \"auto\"  # default; here 2\n".to_owned(),
        "cpus = \"auto\"  # default; here 0-1\n".to_owned(),
        format!("log-level = \"debug\"  # {file}:3\n"),
        "ping-interval = \"5s\"  # SHARDCAST_PING_INTERVAL\n".to_owned(),
        "max-subscriptions = 9  # --max-subscriptions\n".to_owned(),
        format!("allow-publish = [\"demo:hello\", \"*:client-*\"]  # {file}:4\n"),
        format!("[[endpoint]]  # {file}:6\npath = \"/live\"\n"),
        format!("app = \"shop\"  # {file}:9\n"),
        format!("max-message-bytes = 4096  # {file}:10\n"),
        "allow-publish = []  # file\n".to_owned(),
        "[[endpoint]]  # --dev-echo\npath = \"/echo\"\n".to_owned(),
        "app = \"/echo\"  # default: topics of its own\n".to_owned(),
        "max-message-bytes = \"16MiB\"  # default of echo\n".to_owned(),
    ] {
        assert!(text.contains(&line), "{line} in {text}");
    }
    let json = resolved.to_json();
    assert_eq!(json["options"]["log-level"]["origin"], "file");
    assert_eq!(json["options"]["ping-interval"]["ms"], 5_000.0);
    assert_eq!(json["options"]["max-subscriptions"]["value"], 9);
    assert_eq!(json["options"]["dev-echo"]["value"], true);
    assert_eq!(json["endpoints"][0]["app"], "shop");
    let of_endpoint = &json["endpoints"][0]["options"];
    assert_eq!(of_endpoint["max-message-bytes"]["bytes"], 4_096);
    assert_eq!(of_endpoint["max-message-bytes"]["origin"], "endpoint");
    assert_eq!(of_endpoint["ping-interval"]["origin"], "env");
}

#[test]
fn what_is_printed_means_the_same_when_it_is_read() {
    let first = settings("printed", FILE);
    let config = first.resolve(&machine()).unwrap();
    let printed = Resolved {
        settings: &first,
        config: &config,
    };
    let again = settings("again", &printed.to_toml());
    assert_eq!(again.resolve(&machine()).unwrap(), config);
}

#[test]
fn secret_is_shown_as_set() {
    static SECRET: OptionRecord = OptionRecord {
        name: "token",
        kind: Kind::Secret,
        ..options::LISTEN
    };
    let setting = |texts: &[&str]| Setting {
        origin: Origin::Env,
        texts: texts.iter().map(|text| (*text).to_owned().into()).collect(),
    };
    let mut text = String::new();
    write_line(&mut text, &SECRET, &setting(&["hunter2"]), "x");
    write_line(&mut text, &SECRET, &setting(&[]), "x");
    assert_eq!(text, "token = \"<set>\"  # x\n# token is not set\n");
}
