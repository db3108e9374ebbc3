//! This machine: what a report says of it, and what a run asks of it.

use std::fs;

use rustix::thread::{CpuSet, sched_setaffinity};

use crate::failure::Failure;

/// The machine a report comes from.
#[derive(Clone, Debug, serde::Serialize)]
pub(crate) struct Host {
    /// The host's name.
    name: String,
    /// The kernel's release.
    kernel: String,
    /// The processor's model.
    cpu_model: String,
    /// Cores this process may use, before any of it is pinned.
    cpus: usize,
}

impl Host {
    /// Asks the system.
    pub(crate) fn of_this_machine() -> Self {
        let uname = rustix::system::uname();
        let cpuinfo = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
        let model = cpuinfo
            .lines()
            .find_map(|line| line.strip_prefix("model name")?.split_once(": "));
        Self {
            name: uname.nodename().to_string_lossy().into_owned(),
            kernel: uname.release().to_string_lossy().into_owned(),
            cpu_model: model.map_or("unknown", |(_, model)| model).to_owned(),
            cpus: parallelism(),
        }
    }

    /// One line for people.
    pub(crate) fn line(&self) -> String {
        let Self {
            name,
            kernel,
            cpu_model,
            cpus,
        } = self;
        format!("{name}, kernel {kernel}, {cpus} cores of {cpu_model}")
    }
}

/// Cores this process may use.
pub(crate) fn parallelism() -> usize {
    std::thread::available_parallelism().map_or(1, usize::from)
}

/// Pins the calling thread to one core.
///
/// # Errors
///
/// When this process may not run there.
pub(crate) fn pin_to(cpu: usize) -> Result<(), Failure> {
    let mut set = CpuSet::new();
    set.set(cpu);
    sched_setaffinity(None, &set)
        .map_err(|error| Failure::system(&format!("cannot run on cpu {cpu}"), error))
}
