//! Floor 6: the commands.
//!
//! `serve` runs the server, `check` and `config` are about its configuration, `doctor` about the machine; `publish` and
//! `subscribe` are small clients, so that a newcomer sees it work in two terminals. Exit codes: 0 it worked, 1 it did not, 2 it was asked wrongly.

mod api_client;
pub mod banner;
mod check;
mod client;
mod command;
mod connect;
mod doctor;
mod documents;
mod explain;
mod failure;
mod frames;
mod logging;
mod publish;
mod serve;
mod sources;
mod subscribe;
mod trust;

use std::env;
use std::process::ExitCode;

use clap::ArgMatches;

use failure::Failure;

/// Does what the command line says.
#[must_use]
pub fn run() -> ExitCode {
    let args = command::join_negative_values(env::args_os());
    let matches = match command::root().try_get_matches_from(args) {
        Ok(matches) => matches,
        // Help and version come this way too.
        Err(error) => {
            let code = u8::try_from(error.exit_code()).unwrap_or(2);
            // Nobody is left to tell if standard output and error are both closed.
            let _ = error.print();
            return ExitCode::from(code);
        }
    };
    match dispatch(&matches) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => failure.report(),
    }
}

fn dispatch(matches: &ArgMatches) -> Result<(), Failure> {
    match matches.subcommand() {
        Some((command::PUBLISH, matches)) => publish::run(matches),
        Some((command::SUBSCRIBE, matches)) => subscribe::run(matches),
        Some((command::CHECK, matches)) => check::run(matches),
        Some((command::CONFIG, matches)) => documents::print_config(matches),
        Some((command::DOCTOR, matches)) => doctor::run(matches),
        Some((command::COMPLETIONS, matches)) => documents::print_completions(matches),
        Some((_serve, matches)) => serve::run(matches),
        None => serve::run(matches),
    }
}
