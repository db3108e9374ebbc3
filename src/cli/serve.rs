//! `shardcast serve`: from the command line to a running server.

use std::env;

use clap::ArgMatches;

use super::failure::Failure;
use super::logging::Log;
use super::{banner, sources};
use crate::config::option::OptionRecord;
use crate::config::{Machine, Sources, restart};
use crate::service::{self, Served, ServerConfig};

pub(super) fn run(matches: &ArgMatches) -> Result<(), Failure> {
    let sources = sources::of(matches);
    let machine = Machine::detect();
    let config = sources
        .read(env::vars_os())
        .resolve(&machine)
        .map_err(|complaints| Failure::usage(sources::list(&complaints)))?;
    let log = Log::start(config.log_level, config.log_format);
    let reload = |running: &ServerConfig| reload(&sources, &machine, &log, running);
    match service::serve(config, banner::print, reload) {
        Ok(Served::Drained) => Ok(()),
        Ok(Served::DrainTimedOut) => {
            tracing::warn!("the drain's time was over before every connection had closed");
            Ok(())
        }
        Ok(Served::Interrupted) => Err(Failure::world("ended at once by a second signal")),
        Err(error) => Err(Failure::world(error.to_string())),
    }
}

/// Reads file and environment again; `None` if anything is wrong with them.
///
/// The flags are those of the start, and so is what the machine allows: `auto` must not come to mean
/// something else meanwhile.
fn reload(
    sources: &Sources,
    machine: &Machine,
    log: &Log,
    running: &ServerConfig,
) -> Option<ServerConfig> {
    let new = match sources.read(env::vars_os()).resolve(machine) {
        Ok(new) => new,
        Err(complaints) => {
            let list = sources::list(&complaints);
            tracing::error!("not reloaded, everything stays as it was: {list}");
            return None;
        }
    };
    let waiting = restart::needed_for(running, &new);
    if !waiting.is_empty() {
        let names: Vec<String> = waiting.into_iter().map(OptionRecord::to_string).collect();
        tracing::warn!("these changes need a restart: {}", names.join(", "));
    }
    log.set_level(new.log_level);
    Some(new)
}
