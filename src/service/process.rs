//! What the process asks of the system before it serves.

use std::io;

use rustix::io::Errno;
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

/// Descriptors that are not connections: rings, eventfds, listeners, logs, and some room.
const DESCRIPTORS_RESERVED: u64 = 64;

/// Descriptors that a shard needs for itself: two rings, waker, listener, the set of all that it waits for
/// and its duplicate, and room.
const DESCRIPTORS_PER_SHARD: u64 = 8;

/// Raises the limit of open files to what the system allows; returns it.
pub(super) fn raise_descriptor_limit() -> u64 {
    let limit = getrlimit(Resource::Nofile);
    let raised = Rlimit {
        current: limit.maximum,
        maximum: limit.maximum,
    };
    let current = match setrlimit(Resource::Nofile, raised) {
        Ok(()) => limit.maximum,
        Err(error) => {
            tracing::warn!("cannot raise the limit of open files: {error}");
            limit.current
        }
    };
    // None: no limit.
    current.unwrap_or(u64::MAX)
}

/// How many connections fit into a limit of open files beside what `shards` shards need, spread among so
/// many tables of descriptors.
#[must_use]
pub fn connections_that_fit(descriptors: u64, shards: usize, tables: usize) -> usize {
    // Each begins as a copy of the first.
    let own = DESCRIPTORS_RESERVED + DESCRIPTORS_PER_SHARD * shards as u64;
    // Those refused for being too many hold a descriptor for a moment: a sixteenth, and 16.
    let connections = descriptors.saturating_sub(own + 16) / 17 * 16;
    usize::try_from(connections)
        .unwrap_or(usize::MAX / 32)
        .saturating_mul(tables)
        .min(usize::MAX / 32)
}

/// The limit of open files into which so many connections fit: what [`connections_that_fit`] says the
/// other way round.
#[must_use]
pub fn descriptors_for(connections: usize, shards: usize, tables: usize) -> u64 {
    let own = DESCRIPTORS_RESERVED + DESCRIPTORS_PER_SHARD * shards as u64;
    connections.div_ceil(tables).div_ceil(16) as u64 * 17 + own + 16
}

/// What helps when the system gives no more sockets.
pub(super) fn accept_fix(error: &io::Error) -> &'static str {
    match Errno::from_io_error(error) {
        Some(Errno::MFILE) => {
            "raise the limit of open files (ulimit -Hn, LimitNOFILE=), or lower --max-connections"
        }
        Some(Errno::NFILE) => "raise the system's limit of open files (sysctl fs.file-max)",
        Some(Errno::NOSPC) => {
            "raise the limit of watched sockets (sysctl fs.epoll.max_user_watches)"
        }
        _ => "see what uses up the kernel's memory, or lower --max-connections",
    }
}

/// 16 bytes that nobody can guess.
///
/// # Panics
///
/// When the kernel has no random numbers to give: no id could be trusted then.
pub(super) fn random_key() -> [u8; 16] {
    let mut key = [0; 16];
    let mut filled = 0;
    while filled < key.len() {
        let got =
            rustix::rand::getrandom(&mut key[filled..], rustix::rand::GetRandomFlags::empty());
        filled += got.expect("the kernel gives random numbers");
    }
    key
}

/// Ends the process when the thread that holds it panics: the other shards would wait for its
/// mailbox, and its clients for their deliveries, for ever.
#[derive(Debug)]
pub(super) struct AbortOnPanic;

impl Drop for AbortOnPanic {
    fn drop(&mut self) {
        if std::thread::panicking() {
            tracing::error!("a shard has panicked; the process cannot go on without it");
            std::process::abort();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn connections_and_those_refused_fit_into_the_descriptors() {
        for tables in [1, 4] {
            for descriptors in [256, 1_024, 20_000, 1_048_576] {
                let fit = connections_that_fit(descriptors, 4, tables) as u64 / tables as u64;
                let used = fit + fit / 16 + 16 + DESCRIPTORS_RESERVED + 4 * DESCRIPTORS_PER_SHARD;
                assert!(used <= descriptors, "{descriptors}: {used}");
                assert!(fit > descriptors / 4 || descriptors < 1_000);
            }
            for connections in [1, 100, 1_000_000] {
                let least = descriptors_for(connections, 4, tables);
                assert!(connections_that_fit(least, 4, tables) >= connections);
                assert!(connections_that_fit(least - 1, 4, tables) < connections);
            }
            assert_eq!(connections_that_fit(10, 4, tables), 0);
            assert!(connections_that_fit(u64::MAX, 1, tables) > 1_000_000);
        }
    }
}
