//! `shardcast-loadtest`: loads a WebSocket publish/subscribe server and checks every delivery.

mod args;
mod body;
mod checks;
mod client;
mod compare;
mod cpu;
mod deflate;
mod descriptors;
mod dialect;
mod failure;
mod floor;
mod frames;
mod interrupt;
mod limits;
mod machine;
mod numbers;
mod page;
mod peers;
mod plan;
mod probe;
mod processes;
mod progress;
mod ramp;
mod random;
mod recorder;
mod report;
mod run;
mod runner;
mod scratch;
mod slow;
mod soak;
mod storm;
mod stretch;
mod target;
mod terminal;
mod tls;
mod topology;
mod unit;
mod written;

use std::fs;
use std::path::Path;
use std::process::ExitCode;

use clap::Parser;

use crate::args::{CommandLine, Order, Task};
use crate::client::Shared;
use crate::descriptors::Need;
use crate::failure::{Failure, Verdict};
use crate::floor::FloorServer;
use crate::interrupt::Interrupt;
use crate::probe::Probe;
use crate::progress::Progress;
use crate::report::{Report, Series, Settled};
use crate::storm::KilledServer;
use crate::target::Target;
use crate::tls::TlsArgs;

fn main() -> ExitCode {
    let done = match CommandLine::parse().task {
        Task::One(scenario) => scenario.order().and_then(carry_out),
        Task::Report(args) => page::carry_out(&args).map(|()| Verdict::Good),
        Task::Compare(args) => compare::compare(&args),
        Task::Run(args) => limits::run(&args),
        Task::ServeFloor(args) => floor::serve(&args).map(|never| match never {}),
    };
    match done {
        Ok(verdict) => verdict.exit_code(),
        Err(failure) => {
            eprintln!("shardcast-loadtest: {failure}");
            failure.exit_code()
        }
    }
}

fn carry_out(order: Order) -> Result<Verdict, Failure> {
    let interrupt = Interrupt::listen()?;
    let settled = Settled::new(&order);
    let connections = order.connections();
    let common = order.common;
    let tables = Need {
        connections,
        // The floor has both ends of its connections in this process.
        server_ends: if order.has_own_server { connections } else { 0 },
        threads: common.thread_count() as u64,
    }
    .reserve()?;
    let floor = match order.has_own_server {
        true => Some(FloorServer::start(common.server_cpus().first().copied())?),
        false => None,
    };
    let target = match &floor {
        Some(floor) => Target::parse(&floor.url(), false, &TlsArgs::default())?,
        None => Target::parse(common.url(order.speech), common.deflate, &common.tls)?,
    };
    let probe = Probe {
        server_pid: common.server_pid,
        server_cpus: common.server_cpus().to_vec(),
        client_cpus: common.client_cpus().to_vec(),
        own_sends: floor.as_ref().map(FloorServer::sends),
    };
    let mut progress = match common.quiet {
        true => Progress::none(),
        false => Progress::on_stderr(),
    };
    let series = Series::of(order.runs, |number| {
        if order.runs > 1 {
            progress.say_if_seen(&format!("run {number} of {}", order.runs));
        }
        let shared = Shared::new(
            order.topology.clone(),
            order.plan,
            target.clone(),
            order.speech,
            (order.text, order.payload_bytes),
            common.thread_count(),
            tables,
        )?;
        let to_be_killed = match order.to_be_killed.as_slice() {
            [] => None,
            command => Some(KilledServer::start(command)?),
        };
        let outcome = run::run(
            shared,
            common.client_cpus(),
            &probe,
            order.course,
            to_be_killed,
            &interrupt,
            &mut progress,
        );
        progress.clear();
        Ok(Report::new(&settled, outcome?, &probe))
    })?;
    let verdict = series.verdict;
    let reports = series.reports();
    let (json, printed) = match series.into_only_run() {
        Ok(report) => (report.to_json(), report::print(&report)),
        Err(series) => (series.to_json(), series.print()),
    };
    write(common.json.as_deref(), || json.clone())?;
    write(common.html.as_deref(), || page::of_reports(&reports))?;
    printed.map_err(|error| Failure::system("cannot print the report", error))?;
    Ok(verdict)
}

/// Writes a file, if there is to be one.
fn write(path: Option<&Path>, text: impl FnOnce() -> String) -> Result<(), Failure> {
    let Some(path) = path else { return Ok(()) };
    fs::write(path, text()).map_err(|error| Failure::cannot_write(path, error))
}
