//! What is counted, and how often a failure is told.

use std::sync::Mutex;
use std::sync::PoisonError;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use tokio::time::Instant;

use super::config::Kind;

/// Between two lines of the log about calls that failed.
const QUIET: Duration = Duration::from_secs(10);

/// How many calls of one kind there were since the start, and how they ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Numbers {
    /// All of them, tries of one call counted once.
    pub calls: u64,
    /// Tries after the first of a call.
    pub retries: u64,
    /// Calls without an answer, for whatever reason.
    pub failures: u64,
    /// Of the failures, those for which there was no time left.
    pub timeouts: u64,
    /// Of the failures, those that were not sent because the app server does not answer.
    pub paused: u64,
}

#[derive(Debug, Default)]
pub(super) struct Counters([Counter; Kind::ALL.len()]);

#[derive(Debug, Default)]
pub(super) struct Counter {
    pub(super) calls: AtomicU64,
    pub(super) retries: AtomicU64,
    pub(super) failures: AtomicU64,
    pub(super) timeouts: AtomicU64,
    pub(super) paused: AtomicU64,
}

impl Counters {
    pub(super) fn of(&self, kind: Kind) -> &Counter {
        &self.0[kind.index()]
    }
}

impl Counter {
    pub(super) fn read(&self) -> Numbers {
        let read = |number: &AtomicU64| number.load(Ordering::Relaxed);
        Numbers {
            calls: read(&self.calls),
            retries: read(&self.retries),
            failures: read(&self.failures),
            timeouts: read(&self.timeouts),
            paused: read(&self.paused),
        }
    }
}

pub(super) fn count(number: &AtomicU64) {
    number.fetch_add(1, Ordering::Relaxed);
}

/// Lets one line through at a time: clients can make calls fail as fast as they can ask.
#[derive(Debug, Default)]
pub(super) struct LogGate(Mutex<Option<(Instant, u64)>>);

impl LogGate {
    /// Whether to tell now, and of how many that were not told.
    pub(super) fn tell(&self, now: Instant) -> Option<u64> {
        let mut last = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        match &mut *last {
            Some((told, untold)) if now < *told + QUIET => {
                *untold += 1;
                None
            }
            other => {
                let untold = other.map_or(0, |(_, untold)| untold);
                *other = Some((now, 0));
                Some(untold)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_line_at_a_time_tells_of_those_that_were_not_told() {
        let (gate, now) = (LogGate::default(), Instant::now());
        assert_eq!(gate.tell(now), Some(0));
        assert_eq!(gate.tell(now), None);
        assert_eq!(gate.tell(now + QUIET - Duration::from_millis(1)), None);
        assert_eq!(gate.tell(now + QUIET), Some(2));
        assert_eq!(gate.tell(now + QUIET), None);
    }
}
