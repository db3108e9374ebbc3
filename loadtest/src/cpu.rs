//! Time of cores and processes, and memory, as the kernel counts them in `/proc`.
//!
//! What a server costs is the busy time of the core that it alone is pinned to: much of the work of a
//! send is done by the kernel, and not all of it is charged to the process.

use std::fs;
use std::ops::Sub;
use std::path::Path;

use rustix::time::{ClockId, clock_gettime};

use crate::failure::Failure;

/// Time of one core or several, in ticks.
///
/// What a core is busy with the kernel samples at its clock's ticks, and a load that keeps time with them is seen always or
/// never. Idle time it measures. So a core was busy when it was not idle, whatever the samples say.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct CoreTicks {
    /// Idle, or waiting for what is to be read or written.
    pub(crate) idle: u64,
    /// Softirq, which is sampled: on loopback most of the receiving side's kernel work.
    pub(crate) softirq: u64,
    /// Taken by the hypervisor for others.
    pub(crate) steal: u64,
    /// All the time there was.
    pub(crate) total: u64,
}

impl Sub for CoreTicks {
    type Output = Self;

    fn sub(self, earlier: Self) -> Self {
        // Idle time may run backwards by a tick when a core wakes up.
        Self {
            idle: self.idle.saturating_sub(earlier.idle),
            softirq: self.softirq.saturating_sub(earlier.softirq),
            steal: self.steal.saturating_sub(earlier.steal),
            total: self.total.saturating_sub(earlier.total),
        }
    }
}

impl CoreTicks {
    /// The sum over several cores.
    pub(crate) fn sum(cores: impl IntoIterator<Item = Self>) -> Self {
        cores.into_iter().fold(Self::default(), |sum, core| Self {
            idle: sum.idle + core.idle,
            softirq: sum.softirq + core.softirq,
            steal: sum.steal + core.steal,
            total: sum.total + core.total,
        })
    }

    /// Neither idle nor taken; of a difference.
    pub(crate) fn busy(&self) -> u64 {
        self.total.saturating_sub(self.idle + self.steal)
    }

    /// `part` as a share of the whole.
    pub(crate) fn share(&self, part: u64) -> f64 {
        part as f64 / self.total.max(1) as f64
    }
}

/// The time since the machine was started, in ticks.
pub(crate) fn now_ticks() -> u64 {
    let now = clock_gettime(ClockId::Boottime);
    let ns = now.tv_sec.unsigned_abs() * 1_000_000_000 + now.tv_nsec.unsigned_abs();
    ns / tick_ns()
}

/// Reads the cores of `/proc/stat`, which was read at `now_ticks`; `cpus` empty asks for all.
///
/// # Errors
///
/// When a core is not there.
pub(crate) fn core_ticks(stat: &str, cpus: &[usize], now_ticks: u64) -> Result<CoreTicks, Failure> {
    if cpus.is_empty() {
        let count = stat.lines().filter(|line| is_core(line)).count() as u64;
        let all = find_core(stat, "cpu", now_ticks * count);
        return all.ok_or_else(|| Failure::CannotMeasure("/proc/stat has no cpu line".to_owned()));
    }
    let mut cores = Vec::new();
    // A core may be named twice, for two shards on it: its time counts once.
    let mut cpus = cpus.to_vec();
    cpus.sort_unstable();
    cpus.dedup();
    for cpu in cpus {
        let core = find_core(stat, &format!("cpu{cpu}"), now_ticks);
        cores.push(core.ok_or_else(|| {
            Failure::CannotMeasure(format!(
                "cpu {cpu} is not online: /proc/stat does not list it"
            ))
        })?);
    }
    Ok(CoreTicks::sum(cores))
}

/// Whether it is the line of one core, and not of all.
fn is_core(line: &str) -> bool {
    let number = line
        .strip_prefix("cpu")
        .and_then(|rest| rest.chars().next());
    number.is_some_and(|digit| digit.is_ascii_digit())
}

fn find_core(stat: &str, name: &str, total: u64) -> Option<CoreTicks> {
    let line = stat
        .lines()
        .find(|line| line.split(' ').next() == Some(name))?;
    let mut ticks = line
        .split_ascii_whitespace()
        .skip(1)
        .map(|field| field.parse::<u64>().ok());
    let mut next = || ticks.next().flatten();
    let (_user, _nice, _system, idle) = (next()?, next()?, next()?, next()?);
    let (iowait, _irq, softirq, steal) = (next()?, next()?, next()?, next()?);
    Some(CoreTicks {
        idle: idle + iowait,
        softirq,
        steal,
        total,
    })
}

/// CPU ticks of a process or thread from its `stat` file: utime + stime.
pub(crate) fn task_ticks(stat: &str) -> Option<u64> {
    // The name may hold spaces and brackets; the last bracket ends it.
    let after_name = &stat[stat.rfind(')')? + 1..];
    let mut fields = after_name.split_ascii_whitespace().skip(11);
    let user: u64 = fields.next()?.parse().ok()?;
    let system: u64 = fields.next()?.parse().ok()?;
    Some(user + system)
}

/// Resident bytes from a process's `status` file.
pub(crate) fn resident_bytes(status: &str) -> Option<u64> {
    let line = status
        .lines()
        .find_map(|line| line.strip_prefix("VmRSS:"))?;
    let kib: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    Some(kib << 10)
}

/// Nanoseconds of a tick.
pub(crate) fn tick_ns() -> u64 {
    1_000_000_000 / rustix::param::clock_ticks_per_second().max(1)
}

/// Reads a file of `/proc`.
///
/// # Errors
///
/// When it is not there, with its path.
pub(crate) fn read_proc(path: impl AsRef<Path>) -> Result<String, Failure> {
    let path = path.as_ref();
    fs::read_to_string(path)
        .map_err(|error| Failure::system(&format!("cannot read {}", path.display()), error))
}

/// Reads a list of cpus: `0`, `0,2`, `4-7`.
///
/// # Errors
///
/// Words for a usage message.
pub(crate) fn parse_cpu_list(text: &str) -> Result<Vec<usize>, String> {
    let number = |text: &str| {
        let cpu = text.trim().parse::<usize>().ok();
        cpu.filter(|cpu| *cpu < 1_024)
            .ok_or_else(|| format!("{text:?} is no cpu number; a list looks like 0,2-3"))
    };
    let mut cpus = Vec::new();
    for entry in text.split(',') {
        let (first, last) = match entry.split_once('-') {
            Some((first, last)) => (number(first)?, number(last)?),
            None => (number(entry)?, number(entry)?),
        };
        if first > last {
            return Err(format!("{entry:?} runs backwards"));
        }
        cpus.extend(first..=last);
    }
    Ok(cpus)
}

#[cfg(test)]
mod tests {
    use super::*;

    const STAT: &str = "\
cpu  100 20 300 4000 50 6 70 8 9 10
cpu0 10 2 30 400 5 1 7 3 4 5
cpu1 90 18 270 3600 45 5 63 5 5 5
cpu10 1 1 1 1 1 1 1 1 0 0
intr 5499216 0 0
";

    #[test]
    fn a_core_waits_when_it_idles_or_waits_for_a_disk() {
        let core = core_ticks(STAT, &[0], 500).expect("listed");
        let expected = CoreTicks {
            idle: 400 + 5,
            softirq: 7,
            steal: 3,
            total: 500,
        };
        assert_eq!(core, expected);
    }

    #[test]
    fn cores_add_up_and_count_once() {
        let both = core_ticks(STAT, &[0, 1], 500).expect("listed");
        assert_eq!((both.idle, both.total), (405 + 3_645, 1_000));
        assert_eq!(core_ticks(STAT, &[1, 0, 1], 500).expect("listed"), both);
        let all = core_ticks(STAT, &[], 500).expect("listed");
        assert_eq!((all.idle, all.total), (4_050, 1_500));
    }

    #[test]
    fn a_core_that_is_off_is_told() {
        let failure = core_ticks(STAT, &[2], 500).expect_err("not listed");
        assert!(failure.to_string().contains("cpu 2"), "{failure}");
    }

    #[test]
    fn busy_is_what_was_neither_idle_nor_taken_whatever_was_sampled() {
        let later = CoreTicks {
            idle: 108,
            softirq: 20,
            steal: 2,
            total: 300,
        };
        let earlier = CoreTicks {
            idle: 100,
            softirq: 10,
            steal: 0,
            total: 200,
        };
        let between = later - earlier;
        assert!((between.share(between.busy()) - 0.9).abs() < 1e-9);
        assert!((between.share(between.steal) - 0.02).abs() < 1e-9);
    }

    #[test]
    fn a_process_name_may_hold_anything() {
        let stat = "77 (a) b (c) S 1 77 77 0 -1 4194560 900 0 0 0 123 45 0 0 20 0 3 0 100 0 0";
        assert_eq!(task_ticks(stat), Some(168));
        assert_eq!(task_ticks("77 (short) S 1"), None);
        assert_eq!(task_ticks(""), None);
    }

    #[test]
    fn resident_memory_is_found_among_the_rest() {
        let status = "Name:\tx\nVmHWM:\t   99 kB\nVmRSS:\t   1234 kB\nThreads:\t3\n";
        assert_eq!(resident_bytes(status), Some(1_234 * 1_024));
        assert_eq!(resident_bytes("Name:\tx\n"), None);
    }

    #[test]
    fn cpu_lists_are_read_or_refused_with_a_reason() {
        assert_eq!(parse_cpu_list("0,2-4"), Ok(vec![0, 2, 3, 4]));
        for text in ["", "a", "3-1", "1,", "-1", "9999"] {
            assert!(parse_cpu_list(text).is_err(), "{text}");
        }
    }
}
