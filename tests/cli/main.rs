//! The command line from outside: what is printed, where, and with which exit code.

mod clients_talk_to_a_server;
mod clients_tell_what_went_wrong;
mod configuration_is_explained;
mod doctor_looks_at_this_machine;
mod help_teaches;
mod rules_are_explained;
mod scripted_server;
#[path = "../support/token.rs"]
#[allow(dead_code, reason = "tests of the server use more of it")]
mod token;
mod wrong_flags_are_explained;

use std::process::{Command, Output};

/// Runs the binary to its end. Nothing here may wait for a terminal, so it gets no input.
fn shardcast(args: &[&str]) -> Output {
    command(args)
        .output()
        .expect("the binary was built for this test")
}

fn command(args: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_shardcast"));
    command.args(args).stdin(std::process::Stdio::null());
    command
}

fn stdout(output: &Output) -> &str {
    str::from_utf8(&output.stdout).expect("standard output is UTF-8")
}

fn stderr(output: &Output) -> &str {
    str::from_utf8(&output.stderr).expect("standard error is UTF-8")
}
