//! Goal: the help alone is enough to run the server. Method: read it as a newcomer would.

use shardcast::config::options;

use super::{shardcast, stdout};

#[test]
fn help_lists_each_flag_and_has_examples() {
    for args in [["--help"].as_slice(), &["serve", "--help"], &["-h"]] {
        let output = shardcast(args);
        assert_eq!(output.status.code(), Some(0));
        let help = stdout(&output);
        for option in options::ALL {
            assert!(
                help.contains(&option.flag()),
                "{} in {args:?}",
                option.flag()
            );
        }
    }
    let output = shardcast(&["--help"]);
    assert!(stdout(&output).contains("shardcast publish demo hello"));
}

#[test]
fn short_help_has_a_line_or_two_for_each_flag() {
    let output = shardcast(&["-h"]);
    let help = stdout(&output);
    let headings_and_commands = 40;
    let lines = 2 * options::ALL.len() + headings_and_commands;
    assert!(help.lines().count() < lines, "{help}");
}

#[test]
fn clients_help_shows_the_default_url() {
    for command in ["publish", "subscribe"] {
        let output = shardcast(&[command, "--help"]);
        assert_eq!(output.status.code(), Some(0));
        assert!(stdout(&output).contains("ws://127.0.0.1:7001/_broadcast"));
    }
}

#[test]
fn help_of_publish_has_an_example_of_the_api() {
    let output = shardcast(&["publish", "--help"]);
    for example in [
        "--api http://127.0.0.1:7002",
        "--api-token-file token.txt",
        "SHARDCAST_API_TOKEN",
    ] {
        assert!(stdout(&output).contains(example), "{example}");
    }
}

#[test]
fn version_is_the_packages() {
    let output = shardcast(&["--version"]);
    let expected = format!("shardcast {}\n", env!("CARGO_PKG_VERSION"));
    assert_eq!(stdout(&output), expected);
}
