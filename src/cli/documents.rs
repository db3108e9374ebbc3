//! `shardcast config` and `shardcast completions`: texts that are made from the option records.

use std::io::{self, Write};

use clap::ArgMatches;
use clap_complete::Shell;

use super::command;
use super::failure::Failure;
use crate::config::render;

pub(super) fn print_config(matches: &ArgMatches) -> Result<(), Failure> {
    let text = match matches.subcommand_name() {
        Some(command::CONFIG_DEFAULT) => render::example(),
        Some(command::CONFIG_ENV_LIST) => render::env_list(),
        // There is no fourth, and clap demands one of them.
        _doc => render::reference(),
    };
    print(&text)
}

pub(super) fn print_completions(matches: &ArgMatches) -> Result<(), Failure> {
    let shell = *matches
        .get_one::<Shell>(command::SHELL)
        .expect("clap demands it");
    // The generator panics when it cannot write, so it writes to memory.
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut command::root(), "shardcast", &mut script);
    write(&script)
}

pub(super) fn print(text: &str) -> Result<(), Failure> {
    write(text.as_bytes())
}

/// Writes to standard output. A reader that has seen enough (`| head`) is no failure.
fn write(bytes: &[u8]) -> Result<(), Failure> {
    let mut stdout = io::stdout().lock();
    match stdout.write_all(bytes).and_then(|()| stdout.flush()) {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => {
            Err(Failure::world(format!("cannot write the output: {error}")))
        }
        _ => Ok(()),
    }
}
