//! Whether there are descriptors for all connections.

use super::Finding;
use crate::cli::doctor::facts::{Facts, Limit};
use crate::service::{connections_that_fit, descriptors_for};

/// Fewer connections than this, and the server is of no use.
const CONNECTIONS_LEAST: usize = 100;
/// More descriptors than this are a limit that somebody has thought about.
const DESCRIPTORS_PLENTY: u64 = 65_536;
/// What is advised where nobody has said how many connections there will be: the kernel's own
/// `fs.nr_open`, so that it can be had everywhere.
const DESCRIPTORS_ADVISED: u64 = 1_048_576;

/// `connections`: how many the configuration allows, if it says.
pub(super) fn nofile(
    facts: &Facts,
    (shards, tables): (usize, usize),
    connections: Option<usize>,
) -> Finding {
    const NAME: &str = "nofile";
    let Some(Limit { soft, hard }) = facts.nofile else {
        return Finding::unknown(NAME);
    };
    let fit = connections_that_fit(hard, shards, tables);
    let (soft, text) = (number(soft), number(hard));
    let mut found =
        format!("soft {soft}, hard {text} (the server raises soft to hard): {fit} connections");
    let wanted = connections.map_or(DESCRIPTORS_ADVISED, |connections| {
        descriptors_for(connections, shards, tables)
    });
    let fix = || {
        let raise = format!(
            "raise the hard limit: ulimit -Hn {wanted}, LimitNOFILE={wanted}, or docker run \
             --ulimit nofile={wanted}"
        );
        match facts.nr_open {
            Some(most) if most < wanted => format!("sysctl -w fs.nr_open={wanted}, then {raise}"),
            _ => raise,
        }
    };
    if fit < CONNECTIONS_LEAST {
        return Finding::bad(NAME, found, fix());
    }
    match connections {
        Some(connections) if connections > fit => {
            found.push_str(&format!(", and max-connections is {connections}"));
            Finding::warn(NAME, found, fix())
        }
        None if hard < DESCRIPTORS_PLENTY => Finding::warn(NAME, found, fix()),
        _ if hard == u64::MAX => Finding::ok(NAME, "no limit"),
        _ => Finding::ok(NAME, found),
    }
}

/// Past this the kernel's own limit is none: what systemd sets.
const FILES_UNLIMITED: u64 = i64::MAX as u64;

/// The limit of all processes together, which the server cannot see coming: past its own it answers
/// 503, past this one it can accept nobody.
pub(super) fn file_max(
    facts: &Facts,
    (shards, tables): (usize, usize),
    connections: Option<usize>,
) -> Finding {
    const NAME: &str = "file-max";
    let Some(most) = facts.file_max else {
        return Finding::unknown(NAME);
    };
    if most >= FILES_UNLIMITED {
        return Finding::ok(NAME, "no limit");
    }
    let own = facts.nofile.map_or(0, |limit| limit.hard);
    let needed = match connections {
        Some(connections) => descriptors_for(connections, shards, 1),
        None if own == u64::MAX => 0,
        None => own.saturating_mul(tables as u64),
    };
    if most >= needed {
        return Finding::ok(NAME, format!("{most} on the whole machine"));
    }
    let found = format!("{most} on the whole machine, and the server may need {needed}");
    // Others need some too: a proxy here as many again, and for both its sides.
    let fix = format!(
        "sysctl -w fs.file-max={}, or lower --max-connections",
        needed * 4
    );
    Finding::warn(NAME, found, fix)
}

fn number(limit: u64) -> String {
    if limit == u64::MAX {
        "unlimited".to_owned()
    } else {
        limit.to_string()
    }
}

/// Each connection is watched for what comes, for which the kernel has a limit of its own.
pub(super) fn epoll_watches(facts: &Facts, connections: Option<usize>) -> Finding {
    const NAME: &str = "epoll watches";
    let Some(most) = facts.epoll_watches else {
        return Finding::unknown(NAME);
    };
    let needed = connections.unwrap_or(0) as u64;
    if most >= needed {
        return Finding::ok(NAME, format!("{most} for each user"));
    }
    let found = format!("{most} for each user, and max-connections is {needed}");
    // Whatever else runs as this user needs some too.
    let fix = format!("sysctl -w fs.epoll.max_user_watches={}", needed * 2);
    Finding::warn(NAME, found, fix)
}
