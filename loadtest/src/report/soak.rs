//! What a report says of a long run's drift.

use super::figures::round;
use super::lines::mib;
use crate::run::Outcome;
use crate::soak::{Drift, DriftMax, MemoryMax, drift};

/// How memory and latency drift, and what they must not.
#[derive(Debug, serde::Serialize)]
pub(super) struct SoakFigures {
    memory_drift_max_share: Option<f64>,
    memory_drift_max_bytes_per_hour: Option<f64>,
    latency_drift_max_share: f64,
    /// In bytes; `None` if the server's process is not known, or the run was too short.
    memory: Option<Drift>,
    /// Of the 99th percentile, in microseconds.
    latency_p99: Option<Drift>,
    pub(super) memory_passes: bool,
    pub(super) latency_passes: bool,
}

impl SoakFigures {
    /// Works them out.
    pub(super) fn new(max: DriftMax, outcome: &Outcome) -> Self {
        let begun = outcome.before.at;
        let window_s = (
            (outcome.window_start.0.at - begun).as_secs_f64(),
            (outcome.window_end.0.at - begun).as_secs_f64(),
        );
        let memory = drift(&outcome.moments, window_s, |moment| {
            moment.server_rss_bytes.map(|bytes| bytes as f64)
        });
        let latency_p99 = drift(&outcome.moments, window_s, |moment| {
            // Zero is no latency, but that there was none.
            Some(moment.p99_us).filter(|p99| *p99 > 0.0)
        });
        let (share, per_hour) = match max.memory {
            MemoryMax::Share(share) => (Some(share), None),
            MemoryMax::BytesPerHour(bytes) => (None, Some(bytes)),
        };
        Self {
            memory_drift_max_share: share,
            memory_drift_max_bytes_per_hour: per_hour,
            latency_drift_max_share: max.latency_share,
            memory_passes: memory.is_some_and(|drift| max.memory.is_passed_by(&drift)),
            latency_passes: latency_p99
                .is_some_and(|drift| drift.is_trend && drift.over_run_share > max.latency_share),
            memory: memory.map(rounded),
            latency_p99: latency_p99.map(rounded),
        }
    }

    /// Whether there was something to judge the memory by.
    pub(super) fn knows_memory(&self) -> bool {
        self.memory.is_some()
    }

    /// The rows for people.
    pub(super) fn rows(&self, add: &mut impl FnMut(&'static str, String)) {
        let chance = |drift: &Drift| match drift.is_trend {
            true => "",
            false => ", which may be chance",
        };
        if let Some(memory) = &self.memory {
            let bytes = |bytes: f64| format!("{:.2} MiB", bytes.signum() * mib(bytes.abs() as u64));
            add(
                "memory drift",
                format!(
                    "{} over the run from {} on ({:.1} %), {} an hour{}",
                    bytes(memory.over_run),
                    bytes(memory.start),
                    memory.over_run_share * 100.0,
                    bytes(memory.per_hour),
                    chance(memory)
                ),
            );
        }
        if let Some(latency) = &self.latency_p99 {
            add(
                "latency drift",
                format!(
                    "p99 {:.0} us over the run from {:.0} us on ({:.1} %){}",
                    latency.over_run,
                    latency.start,
                    latency.over_run_share * 100.0,
                    chance(latency)
                ),
            );
        }
    }
}

fn rounded(drift: Drift) -> Drift {
    Drift {
        start: round(drift.start, 1),
        per_hour: round(drift.per_hour, 1),
        over_run: round(drift.over_run, 1),
        over_run_share: round(drift.over_run_share, 4),
        ..drift
    }
}
