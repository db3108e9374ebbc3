//! What the kernel does for connections before the server sees them, and behind its back.

use super::Finding;
use crate::cli::doctor::facts::{Conntrack, Facts};
use crate::config::units::format_bytes;
use crate::config::{cpu_list, options};

/// Connections of one shard that should be able to wait for being accepted. The kernel's own setting
/// was 128 before Linux 5.4 and is 4,096 since; the server asks for all of that.
const QUEUE_LEAST: u64 = 1_024;

pub(super) fn somaxconn(facts: &Facts) -> Finding {
    const NAME: &str = "somaxconn";
    match facts.somaxconn {
        None => Finding::unknown(NAME),
        Some(most) if most < QUEUE_LEAST => Finding::warn(
            NAME,
            format!("{most}: when many clients reconnect at once, some have to try again"),
            "sysctl -w net.core.somaxconn=4096",
        ),
        Some(most) => Finding::ok(NAME, most.to_string()),
    }
}

/// With cookies a full queue of half-open connections turns nobody away, and its length
/// (`tcp_max_syn_backlog`) does not matter.
pub(super) fn syncookies(facts: &Facts) -> Finding {
    const NAME: &str = "syncookies";
    match facts.syncookies {
        None => Finding::ok(NAME, "no such setting here"),
        Some(0) => Finding::warn(
            NAME,
            "0: a flood of half-open connections keeps everybody else out",
            "sysctl -w net.ipv4.tcp_syncookies=1",
        ),
        Some(when) => Finding::ok(NAME, when.to_string()),
    }
}

/// Ports below which somebody has narrowed the range: the kernel's own has 28,232.
const PORTS_USUAL: usize = 28_000;

/// `ports` are the server's own.
pub(super) fn port_range(facts: &Facts, ports: &[u16]) -> Finding {
    const NAME: &str = "port range";
    let Some(range) = &facts.ports else {
        return Finding::unknown(NAME);
    };
    let text = format!("{}-{}", range.start(), range.end());
    let reserved = &facts.ports_reserved;
    let ports = ports.iter().filter(|port| range.contains(port));
    let mut exposed: Vec<usize> = ports
        .map(|port| usize::from(*port))
        .filter(|port| !reserved.contains(port))
        .collect();
    exposed.sort_unstable();
    exposed.dedup();
    if !exposed.is_empty() {
        // The kernel writes lists of ports as it writes those of cpus.
        let named = cpu_list::format(&exposed);
        let plural = if exposed.len() == 1 { "" } else { "s" };
        let found = format!(
            "{text}: an outgoing connection may take port{plural} {named} before the server"
        );
        // The setting replaces those that are reserved already.
        exposed.extend(reserved);
        exposed.sort_unstable();
        let all = cpu_list::format(&exposed);
        let fix = format!("sysctl -w net.ipv4.ip_local_reserved_ports={all}");
        return Finding::warn(NAME, found, fix);
    }
    let count = range.len();
    if count < PORTS_USUAL {
        let found = format!("{text}: a proxy on this machine can open {count} connections");
        let fix = "sysctl -w net.ipv4.ip_local_port_range='10240 65535'";
        return Finding::warn(NAME, found, fix);
    }
    Finding::ok(NAME, text)
}

/// A full table drops new connections without a word to either side. One that is not used here may be
/// so on the host of a container.
pub(super) fn conntrack(facts: &Facts, connections: Option<usize>) -> Finding {
    const NAME: &str = "conntrack";
    let Some(Conntrack { tracked, most }) = facts.conntrack else {
        return Finding::ok(NAME, "nothing tracks connections here");
    };
    let text = format!("{tracked} of {most} connections tracked");
    let needed = connections.map_or(0, |connections| connections as u64);
    let is_nearly_full = tracked > most / 4 * 3;
    if tracked == 0 || (most >= needed && !is_nearly_full) {
        return Finding::ok(NAME, text);
    }
    let found = format!("{text}: past that the firewall drops new ones in silence");
    // Connections that have ended are tracked for two minutes more.
    let fix = format!(
        "sysctl -w net.netfilter.nf_conntrack_max={}, or have the firewall not track the server's \
         port (notrack)",
        2 * needed.max(most)
    );
    Finding::warn(NAME, found, fix)
}

/// The kernel counts the memory of unsent and unread bytes in whole pages for each socket.
pub(super) fn tcp_mem(facts: &Facts, connections: Option<usize>) -> Finding {
    const NAME: &str = "tcp_mem";
    let Some(pages) = facts.tcp_pages else {
        return Finding::ok(NAME, "not told within a network namespace");
    };
    match connections.map(|connections| connections as u64) {
        Some(needed) if needed > pages => {
            let found = format!(
                "{pages} pages: a message to all {needed} connections needs one for each while it is \
                 on its way, and past that the kernel gets sparing"
            );
            // The proportions in which the kernel itself sets the three.
            let fix = format!(
                "sysctl -w net.ipv4.tcp_mem='{} {needed} {}'",
                needed / 4 * 3,
                needed / 2 * 3
            );
            Finding::warn(NAME, found, fix)
        }
        _ => {
            let found = format!("{pages} pages: one for each of as many connections");
            Finding::ok(NAME, found)
        }
    }
}

/// `bytes` are what the configuration asks for.
pub(super) fn send_buffer(facts: &Facts, bytes: usize) -> Finding {
    let name = options::SEND_BUFFER_BYTES.name;
    let bytes = bytes as u64;
    let text = format_bytes(bytes);
    match facts.wmem_max {
        Some(most) if most < bytes => {
            let found = format!("{text}, of which the kernel gives {}", format_bytes(most));
            let fix = format!("sysctl -w net.core.wmem_max={bytes}");
            Finding::warn(name, found, fix)
        }
        _ => Finding::ok(name, text),
    }
}
