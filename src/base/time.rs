//! Time as a value: the engine is told what time it is and never asks.

use std::sync::LazyLock;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

/// One reading of both clocks, taken once per turn by whoever drives a shard.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Now {
    /// Milliseconds since an arbitrary start; never goes back. Deadlines are measured with it.
    pub monotonic_ms: u64,
    /// Milliseconds since the Unix epoch; may jump. Only ids show it.
    pub unix_ms: u64,
}

impl Now {
    /// The same instant `elapsed` later: how a simulation moves its virtual clock.
    #[must_use]
    pub fn after(self, elapsed: Duration) -> Self {
        let elapsed_ms = millis(elapsed);
        Self {
            monotonic_ms: self.monotonic_ms.saturating_add(elapsed_ms),
            unix_ms: self.unix_ms.saturating_add(elapsed_ms),
        }
    }
}

/// The real clocks. One per process, so that all shards count from the same start.
#[derive(Debug, Clone, Copy)]
pub struct Clock {
    start: Instant,
}

impl Clock {
    /// A clock that counts from now.
    #[must_use]
    #[expect(
        clippy::new_without_default,
        reason = "a clock that starts by default would hide when"
    )]
    pub fn new() -> Self {
        Self {
            start: Instant::now(),
        }
    }

    /// Reads both clocks.
    #[must_use]
    pub fn now(&self) -> Now {
        Now {
            monotonic_ms: millis(self.start.elapsed()),
            // A clock set before 1970 yields 0: ids stay well formed, deadlines do not use it.
            unix_ms: SystemTime::now()
                .duration_since(UNIX_EPOCH)
                .map_or(0, millis),
        }
    }
}

/// Nanoseconds since an arbitrary start, the same in all threads: to time what is only counted.
#[must_use]
pub fn stopwatch() -> u64 {
    static START: LazyLock<Instant> = LazyLock::new(Instant::now);
    u64::try_from(START.elapsed().as_nanos()).unwrap_or(u64::MAX)
}

/// Whole milliseconds of `duration`, saturating.
#[must_use]
pub fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}
