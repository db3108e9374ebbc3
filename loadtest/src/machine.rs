//! This machine: what a report says of it, and what a run asks of it.

use std::fs;
use std::io;

use rustix::process::{Pid, Resource, Rlimit, getrlimit, setrlimit};
use rustix::thread::{CpuSet, sched_getaffinity, sched_setaffinity};

use crate::failure::Failure;

/// The most descriptors that a program is let have: some keep a table of all that they may have.
const DESCRIPTORS_MAX: u64 = 1 << 20;

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
    allow(None, &[cpu]).map_err(|error| Failure::system(&format!("cannot run on cpu {cpu}"), error))
}

/// Lets a thread, or the calling one, run on these cores alone.
///
/// # Errors
///
/// When it may not run there.
pub(crate) fn allow(thread: Option<Pid>, cpus: &[usize]) -> io::Result<()> {
    let mut set = CpuSet::new();
    for cpu in cpus.iter().filter(|cpu| **cpu < CpuSet::MAX_CPU) {
        set.set(*cpu);
    }
    Ok(sched_setaffinity(thread, &set)?)
}

/// The cores that the calling thread may run on.
///
/// # Errors
///
/// When the system has more of them than a set holds.
pub(crate) fn allowed_cpus() -> io::Result<Vec<usize>> {
    let set = sched_getaffinity(None)?;
    Ok((0..CpuSet::MAX_CPU)
        .filter(|cpu| set.is_set(*cpu))
        .collect())
}

/// Lets the programs that are started from now on have as many descriptors as may be: not all ask for
/// themselves.
pub(crate) fn raise_descriptor_limit() {
    let limit = getrlimit(Resource::Nofile);
    let raised = limit
        .maximum
        .unwrap_or(DESCRIPTORS_MAX)
        .min(DESCRIPTORS_MAX);
    if limit.current.is_some_and(|current| current < raised) {
        let raised = Rlimit {
            current: Some(raised),
            ..limit
        };
        // Those who need more than there are say so themselves.
        let _as_it_was = setrlimit(Resource::Nofile, raised);
    }
}
