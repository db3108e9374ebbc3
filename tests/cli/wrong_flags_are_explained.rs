//! Goal: a wrong flag costs one attempt. Method: start with wrong flags, read what is said.

use super::{shardcast, stderr};

#[test]
fn wrong_value_names_flag_value_and_fix() {
    for command in [&["serve"] as &[&str], &[]] {
        let args = [command, &["--max-message-bytes", "64Q"]].concat();
        let output = shardcast(&args);
        assert_eq!(output.status.code(), Some(2));
        assert!(output.stdout.is_empty());
        assert_eq!(
            stderr(&output),
            "error: a setting cannot be used\n  \
             --max-message-bytes: \"64Q\" is not a size; write bytes or a unit, such as 64KiB\n\
             shardcast serve --help explains each of them\n"
        );
    }
}

#[test]
fn all_wrong_values_are_told_at_once() {
    let output = shardcast(&[
        "--listen=nowhere",
        "--shards=0",
        "--endpoint=/a",
        "--endpoint=/b=strav",
        "--endpoint=/b=strav",
        "--idle-timeout=10s",
        "--log-level=loud",
    ]);
    assert_eq!(output.status.code(), Some(2));
    let text = stderr(&output);
    assert!(
        text.starts_with("error: 6 settings cannot be used\n"),
        "{text}"
    );
    for line in [
        "--listen: \"nowhere\" is not an address",
        "--shards: \"0\" is too small",
        "--endpoint: \"/a\" names no dialect",
        "--endpoint: \"/b=strav\" binds a path twice",
        "--idle-timeout: \"10s\" is not longer than --ping-interval (30s, the default)",
        "--log-level: \"loud\" is not a choice here",
    ] {
        assert!(text.contains(&format!("\n  {line}")), "{line} in {text}");
    }
}

#[test]
fn negative_value_is_called_negative() {
    for args in [
        ["--ping-interval", "-5s"].as_slice(),
        &["--ping-interval=-5s"],
    ] {
        let output = shardcast(args);
        assert_eq!(output.status.code(), Some(2));
        let text = stderr(&output);
        assert!(
            text.contains("--ping-interval: \"-5s\" is negative;"),
            "{text}"
        );
    }
}

#[test]
fn unknown_flag_suggests_the_one_that_was_meant() {
    let output = shardcast(&["--max-mesage-bytes", "1KiB"]);
    assert_eq!(output.status.code(), Some(2));
    assert!(stderr(&output).contains("--max-message-bytes"));
}

#[test]
fn flag_that_is_not_repeatable_is_refused_twice() {
    let output = shardcast(&["--shards", "1", "--shards", "2"]);
    assert_eq!(output.status.code(), Some(2));
    assert!(stderr(&output).contains("--shards"));
}
