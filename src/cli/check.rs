//! `shardcast check`: says whether the server would start, with what, and what its rules come to.

use std::env;

use clap::ArgMatches;

use super::failure::Failure;
use super::{command, documents, explain, sources};
use crate::config::Machine;
use crate::config::render::{Resolved, complaints_as_json};

pub(super) fn run(matches: &ArgMatches) -> Result<(), Failure> {
    let settings = sources::of(matches).read(env::vars_os());
    let resolved = settings.resolve(&Machine::detect());
    let as_json = matches.get_flag(command::JSON);
    if let (true, Ok(config)) = (matches.get_flag(command::EXPLAIN), &resolved) {
        return explain::run(config, matches);
    }
    let text = match &resolved {
        Ok(config) => {
            let settings = &settings;
            let resolved = Resolved { settings, config };
            if as_json {
                format!("{:#}\n", resolved.to_json())
            } else {
                resolved.to_toml()
            }
        }
        Err(complaints) if as_json => format!("{:#}\n", complaints_as_json(complaints)),
        Err(_) => String::new(),
    };
    documents::print(&text)?;
    match resolved {
        Ok(_) => Ok(()),
        Err(complaints) => Err(Failure::usage(sources::list(&complaints))),
    }
}
