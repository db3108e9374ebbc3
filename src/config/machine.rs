//! What this machine lets the process use, as far as defaults depend on it.

use std::thread;

use rustix::thread::{CpuSet, sched_getaffinity};

/// The cpus and cores of this process.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Machine {
    /// The cpus its threads may run on, ascending; never empty.
    pub cpus_allowed: Vec<usize>,
    /// How many threads can really run at once: the allowed cpus, or less under a cgroup's cpu quota.
    pub cores_usable: usize,
}

impl Machine {
    /// Asks the kernel.
    ///
    /// A container with `--cpus 2` on a machine of 64 sees 64 allowed cpus and a quota of two:
    /// 64 busy threads would be stopped for most of every period. `available_parallelism` knows
    /// both the affinity mask and the quotas of cgroup v1 and v2, rounds a quota down and gives at
    /// least one.
    #[must_use]
    pub fn detect() -> Self {
        let cores_usable = thread::available_parallelism().map_or(1, usize::from);
        let mut cpus_allowed = sched_getaffinity(None).map_or_else(
            |_| Vec::new(),
            |set| {
                (0..CpuSet::MAX_CPU)
                    .filter(|cpu| set.is_set(*cpu))
                    .collect()
            },
        );
        if cpus_allowed.is_empty() {
            // The mask is wider than this call can hold, or a sandbox forbids to ask.
            cpus_allowed = (0..cores_usable).collect();
        }
        Self {
            cpus_allowed,
            cores_usable,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_machine_has_at_least_one_core() {
        let machine = Machine::detect();
        assert!(machine.cores_usable >= 1);
        assert!(machine.cpus_allowed.len() >= machine.cores_usable);
        assert!(machine.cpus_allowed.is_sorted());
    }
}
