//! What the command line says of runs that are made one after the other.

use clap::Args;

use crate::args::{Cpus, parse_cpus};
use crate::failure::Failure;

/// What the command line says of all runs.
#[derive(Clone, Debug, Args)]
pub(crate) struct RunnerArgs {
    /// Cores that servers are pinned to, and whose busy time counts [default: the first that this process may use]
    #[arg(long, value_name = "CPUS", value_parser = parse_cpus)]
    pub(super) server_cpu: Option<Cpus>,
    /// Cores that the clients are pinned to [default: the second that this process may use]
    #[arg(long, value_name = "CPUS", value_parser = parse_cpus)]
    pub(super) client_cpu: Option<Cpus>,
    /// Percent of the time that the hypervisor may take for others before a run is void and done again [default: 1]
    #[arg(long, value_name = "PERCENT")]
    pub(super) max_steal: Option<f64>,
    /// Judge runs by their deliveries alone, however disturbed the machine is: for trying things out
    #[arg(long)]
    pub(super) checks_only: bool,
}

impl RunnerArgs {
    /// The cores of servers and of clients: as they are given, or else the first two of `all` if somebody `pins`.
    ///
    /// # Errors
    ///
    /// When there is but one, and its figures were to count.
    pub(super) fn cpus(&self, all: &[usize], pins: bool) -> Result<[Vec<usize>; 2], Failure> {
        let given = |cpus: &Option<Cpus>| cpus.as_ref().map(|cpus| cpus.0.clone());
        let (server, client) = (given(&self.server_cpu), given(&self.client_cpu));
        if !pins {
            return Ok([server.unwrap_or_default(), client.unwrap_or_default()]);
        }
        let second = match all {
            [_, second, ..] => *second,
            [only] if self.checks_only || client.is_some() => *only,
            _ => {
                return Err(Failure::CannotMeasure(
                    "this process may use one core only, and figures count with two: the server's own, and the \
                     clients'; --checks-only lets them share it"
                        .to_owned(),
                ));
            }
        };
        Ok([
            server.unwrap_or_else(|| vec![all[0]]),
            client.unwrap_or_else(|| vec![second]),
        ])
    }
}
