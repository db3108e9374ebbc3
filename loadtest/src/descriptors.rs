//! Descriptors: how many a run needs, and in whose table.
//!
//! The limit counts the descriptors of a table. Usually all threads have one together; where that is too small,
//! each client thread takes a table of its own, which Linux grants to anybody.

use nix::sched::{CloneFlags, unshare};
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

use crate::failure::Failure;

/// Descriptors a table needs besides connections: streams, epoll and event descriptors, files of
/// `/proc`, the report.
const BESIDES: u64 = 100;

/// The most client threads that may be asked for.
const THREADS_MAX: u64 = 1_024;

/// Whose descriptors connections are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Tables {
    /// Of the process: one table for all.
    Process,
    /// Of each client thread.
    Threads,
}

/// What a run needs.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Need {
    /// Connections, shared out evenly over the threads.
    pub(crate) connections: u64,
    /// Ends of connections that the process has besides, as a server.
    pub(crate) server_ends: u64,
    /// Client threads.
    pub(crate) threads: u64,
}

impl Need {
    /// Makes room, as far as the hard limit allows, and says in whose tables.
    ///
    /// # Errors
    ///
    /// When the limit is too low, with the ways out.
    pub(crate) fn reserve(self) -> Result<Tables, Failure> {
        let limit = getrlimit(Resource::Nofile);
        let (tables, needed) = self.fit(limit.maximum.unwrap_or(u64::MAX))?;
        if limit.current.is_some_and(|current| current < needed) {
            let raised = Rlimit {
                current: Some(needed),
                maximum: limit.maximum,
            };
            setrlimit(Resource::Nofile, raised)
                .map_err(|error| Failure::system("cannot raise the descriptor limit", error))?;
        }
        Ok(tables)
    }

    /// Which tables have room under a limit, and how much the largest of them needs.
    fn fit(self, limit: u64) -> Result<(Tables, u64), Failure> {
        let Self {
            connections,
            server_ends,
            threads,
        } = self;
        let of_process = connections + server_ends + BESIDES;
        if of_process <= limit {
            return Ok((Tables::Process, of_process));
        }
        let of_threads = self.of_threads(threads);
        if of_threads <= limit {
            return Ok((Tables::Threads, of_threads));
        }
        let raise =
            format!("raise the limit (ulimit -Hn {of_threads}, or LimitNOFILE= of a service)");
        let enough = (threads + 1..=THREADS_MAX).find(|more| self.of_threads(*more) <= limit);
        Err(Failure::CannotMeasure(format!(
            "{connections} connections on {threads} client threads need {of_threads} descriptors in a table, and \
             {limit} are allowed; {}",
            match enough {
                Some(enough) => format!("take more threads (--threads {enough}), or {raise}"),
                None => raise,
            }
        )))
    }

    /// What the largest table needs if each thread has its own.
    fn of_threads(self, threads: u64) -> u64 {
        // Each has a copy of all descriptors by which threads are woken.
        let besides = BESIDES + threads;
        self.connections.div_ceil(threads).max(self.server_ends) + besides
    }
}

/// Gives the calling thread a table of its own, with all that is in the common one now.
///
/// # Errors
///
/// When the system has no memory for it, or forbids it to this process.
pub(crate) fn take_own_table() -> Result<(), Failure> {
    unshare(CloneFlags::CLONE_FILES).map_err(|error| {
        Failure::system(
            "cannot give a client thread its own descriptors (unshare); raise the limit instead (ulimit -Hn)",
            error,
        )
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn need(connections: u64, server_ends: u64, threads: u64) -> Need {
        Need {
            connections,
            server_ends,
            threads,
        }
    }

    fn fit(need: Need, limit: u64) -> Result<(Tables, u64), String> {
        need.fit(limit).map_err(|failure| failure.to_string())
    }

    #[test]
    fn one_table_is_taken_as_long_as_it_is_large_enough() {
        assert_eq!(fit(need(900, 0, 4), 1_000), Ok((Tables::Process, 1_000)));
        assert_eq!(fit(need(901, 0, 4), 1_000), Ok((Tables::Threads, 330)));
        assert_eq!(fit(need(450, 450, 2), 1_000), Ok((Tables::Process, 1_000)));
        // The server's ends stay in the table of the process.
        assert_eq!(fit(need(800, 800, 2), 1_000), Ok((Tables::Threads, 902)));
    }

    #[test]
    fn too_few_threads_are_told_how_many_would_do() {
        let why = fit(need(3_000, 0, 2), 1_000).expect_err("1,500 each");
        assert!(why.contains("--threads 4"), "{why}");
        assert!(why.contains("ulimit -Hn 1602"), "{why}");
        assert_eq!(fit(need(3_000, 0, 4), 1_000), Ok((Tables::Threads, 854)));
        let why = fit(need(1_000, 1_000, 2), 1_000).expect_err("no threads help");
        assert!(!why.contains("--threads"), "{why}");
    }
}
