//! What every scenario takes.

use std::path::PathBuf;
use std::time::Duration;

use clap::Args;

use crate::cpu::parse_cpu_list;
use crate::dialect::{Dialect, DialectArgs, Speech};
use crate::failure::Failure;
use crate::tls::TlsArgs;

/// Arguments of every scenario.
#[derive(Clone, Debug, Args)]
pub(crate) struct Common {
    /// What the clients of the endpoint speak
    #[arg(long, value_enum, default_value = "strav")]
    pub(crate) dialect: Dialect,
    #[command(flatten)]
    dialect_args: DialectArgs,
    /// The endpoint [default: where a server of the dialect listens in its examples: ws://127.0.0.1:7001/_broadcast for strav]
    #[arg(long)]
    url: Option<String>,
    /// Let the clients offer permessage-deflate, as browsers do; the server must accept it
    #[arg(long)]
    pub(crate) deflate: bool,
    #[command(flatten)]
    pub(crate) tls: TlsArgs,
    /// Client threads [default: one for each core of --client-cpu, or else for each core]
    #[arg(long, value_parser = clap::value_parser!(u16).range(1..=1024))]
    threads: Option<u16>,
    /// Cores that the client's threads are pinned to, in turn: 1 or 2-5
    #[arg(long, value_name = "CPUS", value_parser = parse_cpus)]
    client_cpu: Option<Cpus>,
    /// Cores that the server alone is pinned to: their busy time is what it costs
    #[arg(long, value_name = "CPUS", value_parser = parse_cpus)]
    server_cpu: Option<Cpus>,
    /// The server's process: its cpu time and memory are reported
    #[arg(long, value_name = "PID", value_parser = clap::value_parser!(i32).range(1..))]
    pub(crate) server_pid: Option<i32>,
    /// The measured time: 10s, 2m
    #[arg(long, default_value = "10s", value_parser = humantime::parse_duration)]
    pub(crate) duration: Duration,
    /// Time under load before it
    #[arg(long, default_value = "2s", value_parser = humantime::parse_duration)]
    pub(crate) warmup: Duration,
    /// Percent of the time that the hypervisor may take for others before the run is void
    #[arg(long, value_name = "PERCENT", default_value = "1")]
    pub(crate) max_steal: f64,
    /// Judge by the deliveries alone, however disturbed the machine is: for trying things out
    #[arg(long)]
    pub(crate) checks_only: bool,
    /// Write the report here as JSON, too
    #[arg(long, value_name = "FILE")]
    pub(crate) json: Option<PathBuf>,
    /// Write the report here as a page, too: one file that a browser shows
    #[arg(long, value_name = "FILE")]
    pub(crate) html: Option<PathBuf>,
    /// Say nothing while the run goes on
    #[arg(long)]
    pub(crate) quiet: bool,
}

/// How often a run is repeated.
#[derive(Clone, Copy, Debug, Args)]
pub(super) struct Repetition {
    /// Runs of the same, each on connections of its own: median, least and most of their figures are reported
    #[arg(long, default_value = "1", value_parser = clap::value_parser!(u16).range(1..=1000))]
    runs: u16,
}

impl Repetition {
    /// How many runs there are.
    pub(super) fn runs(self) -> usize {
        self.runs.into()
    }
}

/// Cores, as a type of its own: clap would take a plain list for a repeated argument.
#[derive(Clone, Debug)]
pub(crate) struct Cpus(pub(crate) Vec<usize>);

impl Common {
    /// How the clients speak.
    ///
    /// # Errors
    ///
    /// When the arguments say too little of it, or too much.
    pub(crate) fn speech(&self) -> Result<&'static dyn Speech, Failure> {
        self.dialect.speech(&self.dialect_args)
    }

    /// Where to connect; `default` says it for the dialect.
    pub(crate) fn url<'a>(&'a self, default: &'a dyn Speech) -> &'a str {
        self.url.as_deref().unwrap_or_else(|| default.url())
    }

    /// Client threads to run.
    pub(crate) fn thread_count(&self) -> usize {
        let default = || match self.client_cpus() {
            [] => crate::machine::parallelism(),
            cpus => cpus.len(),
        };
        self.threads.map_or_else(default, usize::from)
    }

    /// Cores of the client; empty if it is not pinned.
    pub(crate) fn client_cpus(&self) -> &[usize] {
        self.client_cpu.as_ref().map_or(&[], |cpus| &cpus.0)
    }

    /// Cores of the server; empty if they are not known.
    pub(crate) fn server_cpus(&self) -> &[usize] {
        self.server_cpu.as_ref().map_or(&[], |cpus| &cpus.0)
    }
}

/// Reads a list of cores.
///
/// # Errors
///
/// Words for a usage message.
pub(crate) fn parse_cpus(text: &str) -> Result<Cpus, String> {
    parse_cpu_list(text).map(Cpus)
}
