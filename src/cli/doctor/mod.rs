//! `shardcast doctor`: whether this machine lets the server, as it is configured, do its best, and how to
//! mend it.

mod checks;
mod facts;
mod plan;
mod report;

use std::env;
use std::io::{self, IsTerminal};
use std::path::Path;

use clap::ArgMatches;

use super::failure::Failure;
use super::{command, documents, sources};
use crate::config::Machine;
use crate::runtime::probe_uring;
use checks::{Verdict, examine};
use facts::Facts;
use plan::Plan;

pub(super) fn run(matches: &ArgMatches) -> Result<(), Failure> {
    let facts = Facts::read(Path::new("/"));
    let settings = sources::of(matches).read(env::vars_os());
    let plan = settings.resolve(&Machine::detect()).map(Plan::of);
    let findings = examine(&facts, &probe_uring(), &plan);
    let text = if matches.get_flag(command::JSON) {
        format!("{:#}\n", report::to_json(&findings))
    } else {
        report::to_text(&findings, io::stdout().is_terminal())
    };
    documents::print(&text)?;
    let bad = findings
        .iter()
        .filter(|f| f.verdict == Verdict::Bad)
        .count();
    match bad {
        0 => Ok(()),
        1 => Err(Failure::world("one thing is bad")),
        count => Err(Failure::world(format!("{count} things are bad"))),
    }
}
