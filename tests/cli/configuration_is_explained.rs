//! Goal: an operator can see what a server would run with, and why, without starting it.
//! Method: run the commands about the configuration on good and bad sources; read what they print.

use std::fs;
use std::path::PathBuf;

use super::{command, shardcast, stderr, stdout};

/// A file that is gone after its test.
struct Written(PathBuf);

impl Written {
    fn new(name: &str, text: &str) -> Self {
        let name = format!("shardcast-cli-{}-{name}.toml", std::process::id());
        let path = std::env::temp_dir().join(name);
        fs::write(&path, text).unwrap();
        Self(path)
    }

    fn path(&self) -> &str {
        self.0.to_str().unwrap()
    }
}

impl Drop for Written {
    fn drop(&mut self) {
        let _gone = fs::remove_file(&self.0);
    }
}

#[test]
fn check_shows_each_value_with_its_origin() {
    let file = Written::new("origins", "shards = 1\nlog-level = \"debug\"\n");
    let output = command(&["check", "--config", file.path(), "--drain-timeout", "3s"])
        .env("SHARDCAST_LOG_LEVEL", "error")
        .env("SHARDCAST_API_TOKEN", "hunter2")
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
    assert!(output.stderr.is_empty());
    let text = stdout(&output);
    for line in [
        &format!("shards = 1  # {}:1", file.path()),
        "log-level = \"error\"  # SHARDCAST_LOG_LEVEL",
        "drain-timeout = \"3s\"  # --drain-timeout",
        "api-token = \"<set>\"  # SHARDCAST_API_TOKEN",
        "listen = \"127.0.0.1:7001\"  # default",
        "[[endpoint]]  # default",
    ] {
        assert!(text.lines().any(|found| found == line), "{line} in {text}");
    }
}

#[test]
fn check_is_json_for_scripts_whatever_the_result() {
    let file = Written::new("json", "max-message-bytes = \"2KiB\"\n");
    let output = command(&["check", "--json"])
        .env("SHARDCAST_CONFIG", file.path())
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
    let json: serde_json::Value = serde_json::from_str(stdout(&output)).unwrap();
    assert_eq!(json["ok"], true);
    let endpoint = &json["endpoints"][0];
    assert_eq!(endpoint["path"], "/_broadcast");
    assert_eq!(endpoint["options"]["max-message-bytes"]["bytes"], 2_048);

    let output = shardcast(&["check", "--json", "--shards", "0"]);
    assert_eq!(output.status.code(), Some(2));
    let json: serde_json::Value = serde_json::from_str(stdout(&output)).unwrap();
    assert_eq!(json["ok"], false);
    let complaint = &json["complaints"][0];
    assert_eq!(complaint["option"], "--shards");
    assert_eq!(complaint["value"], "0");
    assert_eq!(complaint["fix"], "write a number from 1 to 256, or auto");
}

#[test]
fn check_and_serve_tell_all_mistakes_of_all_sources_alike() {
    let file = Written::new(
        "mistakes",
        "lisen = \"x\"\n\n[[endpoint]]\npath = \"/a\"\ndialect = \"strav\"\nmax-subscriptions = 0\n",
    );
    for name in ["check", "serve"] {
        let output = command(&[name, "--config", file.path(), "--shards", "0"])
            .env("SHARDCAST_DRIVE", "epoll")
            .output()
            .unwrap();
        assert_eq!(output.status.code(), Some(2));
        assert!(output.stdout.is_empty());
        let expected = format!(
            "error: 4 settings cannot be used\n  \
             SHARDCAST_DRIVE is no variable of shardcast; did you mean SHARDCAST_DRIVER?\n  \
             {file}:1: lisen is no key of a configuration; did you mean listen?\n  \
             --shards: \"0\" is too small; write a number from 1 to 256, or auto\n  \
             {file}:6: max-subscriptions: \"0\" is too small; write a number from 1 to 1000000\n\
             shardcast serve --help explains each of them\n",
            file = file.path()
        );
        assert_eq!(stderr(&output), expected);
    }
}

#[test]
fn checked_in_documents_are_current() {
    for (document, path) in [
        ("default", "config.example.toml"),
        ("doc", "docs/configuration.md"),
    ] {
        let output = shardcast(&["config", document]);
        assert_eq!(output.status.code(), Some(0));
        let held = fs::read_to_string(PathBuf::from(env!("CARGO_MANIFEST_DIR")).join(path));
        assert!(
            held.is_ok_and(|held| held == stdout(&output)),
            "{path} is not current; make it anew with: cargo run -- config {document} > {path}"
        );
    }
}

#[test]
fn configuration_on_the_page_about_webhooks_is_one() {
    let page = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("docs/webhooks.md");
    let page = fs::read_to_string(page).unwrap();
    let (_, rest) = page.split_once("```toml\n").unwrap();
    let (toml, _) = rest.split_once("```").unwrap();
    let secret = Written::new("webhook-secret", "hunter2\n");
    let toml = toml.replace("/etc/shardcast/webhook-secret", secret.path());
    let file = Written::new("webhook", &toml);
    let output = shardcast(&["check", "--config", file.path()]);
    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
    let shown = stdout(&output);
    let lines: Vec<&str> = toml
        .lines()
        .filter(|line| line.starts_with("webhook-"))
        .collect();
    assert!(!lines.is_empty());
    for line in lines {
        assert!(
            shown.contains(&format!("\n{line}  # ")),
            "{line} in {shown}"
        );
    }
    assert!(!shown.contains("hunter2"));
}

#[test]
fn configurations_on_the_pages_of_dialects_are_in_order() {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("docs/dialects");
    for page in fs::read_dir(folder).unwrap() {
        let path = page.unwrap().path();
        let page = fs::read_to_string(&path).unwrap();
        let (_, rest) = page.split_once("```toml\n").expect("a configuration");
        let (text, _) = rest.split_once("```").expect("its end");
        let dialect = path.file_stem().unwrap().to_str().unwrap();
        let file = Written::new(dialect, text);
        let output = shardcast(&["check", "--config", file.path()]);
        assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
        let bound = format!("\ndialect = \"{dialect}\"");
        assert!(stdout(&output).contains(&bound), "{dialect}");
    }
}

#[test]
fn config_needs_to_know_which_document() {
    let output = shardcast(&["config"]);
    assert_eq!(output.status.code(), Some(2));
    for document in ["default", "env", "doc"] {
        assert!(stderr(&output).contains(document));
    }
    let output = shardcast(&["config", "env"]);
    assert!(stdout(&output).contains("\n#SHARDCAST_LISTEN=127.0.0.1:7001\n"));
}

#[test]
fn completions_know_commands_and_flags() {
    for shell in ["bash", "zsh", "fish", "elvish", "powershell"] {
        let output = shardcast(&["completions", shell]);
        assert_eq!(output.status.code(), Some(0));
        let script = stdout(&output);
        for word in ["subscribe", "max-message-bytes", "config"] {
            assert!(script.contains(word), "{word} for {shell}");
        }
    }
    let output = shardcast(&["completions", "cobol"]);
    assert_eq!(output.status.code(), Some(2));
    assert!(stderr(&output).contains("bash"));
}

#[test]
fn output_that_nobody_reads_to_its_end_is_no_failure() {
    let mut child = command(&["config", "doc"])
        .stdout(std::process::Stdio::piped())
        .spawn()
        .unwrap();
    drop(child.stdout.take());
    assert!(child.wait().unwrap().success());
}
