//! What the facts mean for the server.

mod files;
mod network;

use super::facts::Facts;
use super::plan::{Listener, Plan};
use crate::cli::connect::in_words;
use crate::config::units::format_bytes;
use crate::config::{Complaint, cpu_list};
use crate::runtime::UringRefusal;

/// How a finding is to be taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Verdict {
    /// As it should be.
    Ok,
    /// The server works, and could do better.
    Warn,
    /// The server cannot do its work.
    Bad,
}

/// One line of the report.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Finding {
    pub(super) name: &'static str,
    pub(super) verdict: Verdict,
    /// What was found and what it means.
    pub(super) found: String,
    /// What to do; nothing if it is as it should be.
    pub(super) fix: Option<String>,
}

impl Finding {
    fn ok(name: &'static str, found: impl Into<String>) -> Self {
        Self {
            name,
            verdict: Verdict::Ok,
            found: found.into(),
            fix: None,
        }
    }

    fn warn(name: &'static str, found: impl Into<String>, fix: impl Into<String>) -> Self {
        Self {
            name,
            verdict: Verdict::Warn,
            found: found.into(),
            fix: Some(fix.into()),
        }
    }

    fn bad(name: &'static str, found: impl Into<String>, fix: impl Into<String>) -> Self {
        Self {
            verdict: Verdict::Bad,
            ..Self::warn(name, found, fix)
        }
    }

    fn unknown(name: &'static str) -> Self {
        let fix = "run it where /proc is mounted and readable";
        Self::warn(name, "the kernel does not tell", fix)
    }
}

/// What a trial of io_uring gave.
type Ring = Result<&'static str, UringRefusal>;

/// What the configuration asks for, or everything that is wrong with it.
type Planned = Result<Plan, Vec<Complaint>>;

/// The whole examination, most important first.
pub(super) fn examine(facts: &Facts, ring: &Ring, plan: &Planned) -> Vec<Finding> {
    let planned = plan.as_ref().ok();
    let shards = planned.map_or_else(|| cores(facts), |plan| plan.shards);
    let tables = planned.map_or(1, |plan| plan.fd_tables);
    let ports = planned.map(Plan::ports).unwrap_or_default();
    let connections = planned.and_then(|plan| plan.connections);
    let send_buffer = planned.and_then(|plan| plan.send_buffer_bytes);
    let mut findings = configuration(plan);
    findings.extend([
        kernel(facts),
        uring(facts, ring),
        uring_disabled(facts),
        seccomp(facts, ring),
        memlock(facts, shards),
        files::nofile(facts, (shards, tables), connections),
        files::file_max(facts, (shards, tables), connections),
        files::epoll_watches(facts, connections),
        network::somaxconn(facts),
        network::syncookies(facts),
        network::port_range(facts, &ports),
        network::conntrack(facts, connections),
        network::tcp_mem(facts, connections),
    ]);
    findings.extend(send_buffer.map(|bytes| network::send_buffer(facts, bytes)));
    findings.push(cpus(facts));
    findings
}

/// Without this the server does not even start.
fn configuration(plan: &Planned) -> Vec<Finding> {
    const NAME: &str = "configuration";
    match plan {
        Ok(plan) => {
            let listeners = plan.listeners.iter().map(listener);
            std::iter::once(Finding::ok(NAME, "in order; shardcast check shows it"))
                .chain(listeners)
                .collect()
        }
        Err(complaints) => complaints
            .iter()
            .map(|complaint| Finding::bad(NAME, complaint.problem(), &complaint.fault.fix))
            .collect(),
    }
}

fn listener(listener: &Listener) -> Finding {
    let (name, addr) = (listener.option.name, listener.addr);
    match &listener.tried {
        Ok(()) if addr.port() == 0 => Finding::ok(name, format!("{addr}: any free port")),
        Ok(()) => Finding::ok(name, format!("{addr} is free")),
        Err(refused) => Finding::bad(
            name,
            format!("{addr}: {}", in_words(&refused.error)),
            refused.fix,
        ),
    }
}

/// Rings with a flag that spares a lock.
const SINGLE_ISSUER: (u32, u32) = (6, 0);
/// Rings with a flag that spares interrupts.
const COOP_TASKRUN: (u32, u32) = (5, 19);
/// Rings do not count as locked memory any more.
const RINGS_NOT_LOCKED: (u32, u32) = (5, 12);

fn version(facts: &Facts) -> Option<(u32, u32)> {
    let (major, rest) = facts.kernel.as_ref()?.split_once('.')?;
    let minor = rest.split(|c: char| !c.is_ascii_digit()).next()?;
    Some((major.parse().ok()?, minor.parse().ok()?))
}

fn kernel(facts: &Facts) -> Finding {
    const NAME: &str = "kernel";
    let (Some(release), Some(version)) = (&facts.kernel, version(facts)) else {
        return Finding::unknown(NAME);
    };
    let fix = "use Linux 6.0 or newer";
    if version >= SINGLE_ISSUER {
        Finding::ok(NAME, release)
    } else if version >= COOP_TASKRUN {
        let found = format!("{release}: io_uring takes a lock that newer kernels spare");
        Finding::warn(NAME, found, fix)
    } else {
        let found = format!("{release}: io_uring is missing, or slower than it could be");
        Finding::warn(NAME, found, fix)
    }
}

fn uring(facts: &Facts, ring: &Ring) -> Finding {
    const NAME: &str = "io_uring";
    match ring {
        Ok("") => {
            let found = "usable, without the flags that make it fast";
            Finding::warn(NAME, found, "use Linux 6.0 or newer")
        }
        Ok(flags) => Finding::ok(NAME, format!("usable ({flags})")),
        Err(refusal) => {
            let fix = match (facts.uring_disabled, facts.seccomp) {
                (Some(1 | 2), _) => "see io_uring_disabled",
                (_, Some(2)) => "see seccomp",
                _ => refusal.fix,
            };
            let found = format!("refused ({refusal}); epoll serves instead");
            Finding::warn(NAME, found, fix)
        }
    }
}

fn uring_disabled(facts: &Facts) -> Finding {
    const NAME: &str = "io_uring_disabled";
    let fix = "sysctl -w kernel.io_uring_disabled=0";
    match facts.uring_disabled {
        None => Finding::ok(NAME, "no such setting here"),
        Some(0) => Finding::ok(NAME, "0"),
        Some(1) => {
            let found = "1: only a group may use io_uring";
            let fix = format!("{fix}, or put the user into the group of kernel.io_uring_group");
            Finding::warn(NAME, found, fix)
        }
        Some(other) => Finding::warn(NAME, format!("{other}: nobody may use io_uring"), fix),
    }
}

fn seccomp(facts: &Facts, ring: &Ring) -> Finding {
    const NAME: &str = "seccomp";
    match (facts.seccomp, ring) {
        (None, _) => Finding::unknown(NAME),
        (Some(0), _) => Finding::ok(NAME, "no filter"),
        (Some(_), Ok(_)) => Finding::ok(NAME, "a filter that lets io_uring through"),
        (Some(_), Err(_)) => Finding::warn(
            NAME,
            "a filter, which may be what refuses io_uring; those of containers usually do",
            "allow io_uring_setup, io_uring_enter and io_uring_register in the profile (docker run \
             --security-opt seccomp=PROFILE, or a seccompProfile in Kubernetes)",
        ),
    }
}

/// What one shard's two rings take, for waits and for sends: 256 submissions of 64 bytes with their
/// indexes, and 512 completions of 16 bytes each.
const RING_BYTES: u64 = 2 * (256 * (64 + 4) + 512 * 16);

fn memlock(facts: &Facts, shards: usize) -> Finding {
    const NAME: &str = "memlock";
    let Some(limit) = facts.memlock else {
        return Finding::unknown(NAME);
    };
    let text = bytes(limit.soft);
    if version(facts).is_some_and(|version| version >= RINGS_NOT_LOCKED) {
        return Finding::ok(NAME, format!("{text}; this kernel does not count rings"));
    }
    let needed = RING_BYTES * shards as u64;
    if limit.soft >= needed {
        Finding::ok(NAME, text)
    } else {
        let found = format!("{text}: the rings need {needed} bytes");
        Finding::warn(NAME, found, "ulimit -l unlimited, or LimitMEMLOCK=infinity")
    }
}

fn cpus(facts: &Facts) -> Finding {
    const NAME: &str = "cpus";
    let Some(cpus) = &facts.cpus else {
        return Finding::unknown(NAME);
    };
    let text = cpu_list::format(cpus);
    match facts.cpu_quota {
        Some(quota) if quota < 1.0 => Finding::warn(
            NAME,
            format!(
                "{text}, and the time of {quota:.2} of one: the shard is stopped again and again"
            ),
            "grant one whole cpu or more (docker run --cpus, or resources.limits.cpu in Kubernetes)",
        ),
        Some(quota) if quota < cpus.len() as f64 => {
            let found = format!("{text}, and the time of {quota:.2} of them");
            Finding::ok(NAME, found)
        }
        _ => Finding::ok(NAME, text),
    }
}

/// How many shards there would be by default.
fn cores(facts: &Facts) -> usize {
    let allowed = facts.cpus.as_ref().map_or(1, Vec::len);
    let quota = facts.cpu_quota.map_or(allowed, |quota| quota as usize);
    allowed.min(quota).max(1)
}

fn bytes(limit: u64) -> String {
    if limit == u64::MAX {
        "no limit".to_owned()
    } else {
        format_bytes(limit)
    }
}

#[cfg(test)]
mod tests;
