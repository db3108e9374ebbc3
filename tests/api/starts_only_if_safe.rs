//! Goal: the API listens where it was told, says so, and never lets strangers in by an oversight.
//! Method: start servers with addresses and tokens that do and do not go together.

use std::process::{Command, Output};

use super::api;
use super::support::Server;
use super::support::http::get;

/// Without an address for the API, which may be given only once.
fn command() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_shardcast"));
    command.args(["serve", "--listen", "127.0.0.1:0"]);
    command
}

/// Flags, variables, and what is said about them.
type Case<'a> = (&'a [&'a str], &'a [(&'a str, &'a str)], &'a str);

/// What a server says that should not start.
fn refused(flags: &[&str], env: &[(&str, &str)]) -> Output {
    let output = command()
        .args(flags)
        .envs(env.iter().copied())
        .output()
        .expect("the binary runs");
    assert!(output.stdout.is_empty(), "no banner: {output:?}");
    output
}

fn told(output: &Output) -> String {
    String::from_utf8(output.stderr.clone()).expect("text")
}

#[test]
fn address_that_others_reach_needs_a_token() {
    for address in ["0.0.0.0:0", "[::]:0", "[::ffff:0.0.0.0]:0"] {
        let output = refused(&["--api-listen", address], &[]);
        assert_eq!(output.status.code(), Some(2), "{output:?}");
        let expected = format!("--api-listen: {address:?} lets others reach the API");
        assert!(told(&output).contains(&expected), "{}", told(&output));
        assert!(
            told(&output).contains("--api-token-file"),
            "{}",
            told(&output)
        );
    }
}

#[test]
fn wrong_token_is_explained_and_not_shown() {
    let cases: [Case<'_>; 4] = [
        (
            &["--api-token-file", "/nowhere/token"],
            &[],
            "cannot be read",
        ),
        (
            &["--api-token-file", "/dev/null"],
            &[],
            "has nothing in its first line",
        ),
        (&["--api-token-file", ""], &[], "names no file"),
        (
            &[],
            &[("SHARDCAST_API_TOKEN", "hunter 2")],
            "cannot be sent in a header",
        ),
    ];
    for (flags, env, problem) in cases {
        let output = refused(flags, env);
        assert_eq!(output.status.code(), Some(2), "{output:?}");
        assert!(told(&output).contains(problem), "{}", told(&output));
        assert!(!told(&output).contains("hunter"), "{}", told(&output));
    }
}

#[test]
fn two_tokens_contradict_each_other() {
    let file = concat!(env!("CARGO_MANIFEST_DIR"), "/Cargo.toml");
    let output = refused(&["--api-token-file", file], &[("SHARDCAST_API_TOKEN", "x")]);
    assert_eq!(output.status.code(), Some(2), "{output:?}");
    let expected = "gives a token, and SHARDCAST_API_TOKEN gives one too; remove one of them";
    assert!(told(&output).contains(expected), "{}", told(&output));
}

#[test]
fn second_server_on_one_api_address_is_refused_by_name_and_the_first_serves_on() {
    let first = Server::start(&[]);
    let address = api(&first).to_string();
    let output = refused(&["--api-listen", &address], &[]);
    assert_eq!(output.status.code(), Some(1), "{output:?}");
    let expected = format!("error: the API cannot listen on {address}: ");
    assert!(told(&output).starts_with(&expected), "{}", told(&output));
    assert!(told(&output).contains("--api-listen"), "{}", told(&output));
    assert_eq!(get(api(&first), "/readyz").status, 200);
}

#[test]
fn none_is_no_api() {
    let mut command = command();
    command.args(["--api-listen", "none"]);
    let server = Server::spawn(command);
    assert_eq!(server.api, None);
    assert!(!server.banner.contains("http://"), "{}", server.banner);
}
