//! Latencies of the measured window.

use hdrhistogram::Histogram;

/// What the histogram tells apart at the low end: half a microsecond, below the noise of a wake-up.
const LOWEST_NS: u64 = 1_000;

/// The longest latency kept; longer ones count as this. Twice the time of the longest wait.
const HIGHEST_NS: u64 = 600_000_000_000;

/// Three digits: a percentile is right to 0.1 %.
const DIGITS: u8 = 3;

/// An empty histogram of nanoseconds.
pub(crate) fn empty() -> Histogram<u64> {
    Histogram::new_with_bounds(LOWEST_NS, HIGHEST_NS, DIGITS).expect("constant bounds that fit")
}

/// Records latencies and hands them out by intervals.
#[derive(Debug)]
pub(crate) struct Recorder {
    interval: Histogram<u64>,
}

impl Recorder {
    /// An empty recorder.
    pub(crate) fn new() -> Self {
        Self { interval: empty() }
    }

    /// Records one delivery.
    ///
    /// The clocks of two cores may disagree by nanoseconds, so an arrival before its plan counts as at once.
    #[inline]
    pub(crate) fn record(&mut self, planned_ns: u64, now_ns: u64) {
        self.interval
            .saturating_record(now_ns.saturating_sub(planned_ns));
    }

    /// Moves what was recorded since the last call into `sum`.
    pub(crate) fn drain_into(&mut self, sum: &mut Histogram<u64>) {
        if self.interval.is_empty() {
            return;
        }
        sum.add(&self.interval).expect("equal bounds");
        self.interval.reset();
    }
}

/// Latencies as a report shows them, in microseconds.
#[derive(Clone, Copy, Debug, Default, serde::Serialize)]
pub(crate) struct Percentiles {
    /// Deliveries counted.
    pub(crate) count: u64,
    /// The smallest.
    pub(crate) min: f64,
    /// The mean.
    pub(crate) mean: f64,
    /// Half are not above.
    pub(crate) p50: f64,
    /// 90 % are not above.
    pub(crate) p90: f64,
    /// 99 % are not above.
    pub(crate) p99: f64,
    /// 99.9 % are not above.
    pub(crate) p999: f64,
    /// 99.99 % are not above.
    pub(crate) p9999: f64,
    /// The largest.
    pub(crate) max: f64,
}

impl Percentiles {
    /// Reads them off a histogram of nanoseconds.
    pub(crate) fn of(histogram: &Histogram<u64>) -> Self {
        let at = |quantile| micros(histogram.value_at_quantile(quantile));
        if histogram.is_empty() {
            return Self::default();
        }
        Self {
            count: histogram.len(),
            min: micros(histogram.min()),
            mean: (histogram.mean() / 10.0).round() / 100.0,
            p50: at(0.5),
            p90: at(0.9),
            p99: at(0.99),
            p999: at(0.999),
            p9999: at(0.9999),
            max: micros(histogram.max()),
        }
    }
}

/// Nanoseconds as microseconds with two digits after the point.
pub(crate) fn micros(ns: u64) -> f64 {
    (ns as f64 / 10.0).round() / 100.0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn latency_counts_from_the_planned_instant() {
        let mut recorder = Recorder::new();
        for late_us in 1..=1_000 {
            recorder.record(5_000, 5_000 + late_us * 1_000);
        }
        let mut sum = empty();
        recorder.drain_into(&mut sum);
        let read = Percentiles::of(&sum);
        assert_eq!(read.count, 1_000);
        assert!((read.p50 - 500.0).abs() < 2.0, "{read:?}");
        assert!((read.p99 - 990.0).abs() < 2.0, "{read:?}");
        assert!((read.max - 1_000.0).abs() < 2.0, "{read:?}");
    }

    #[test]
    fn what_was_handed_out_is_not_handed_out_again() {
        let mut recorder = Recorder::new();
        let mut sum = empty();
        recorder.record(0, 5_000);
        recorder.drain_into(&mut sum);
        recorder.drain_into(&mut sum);
        assert_eq!(sum.len(), 1);
    }

    #[test]
    fn impossible_and_endless_latencies_are_kept_at_the_bounds() {
        let mut recorder = Recorder::new();
        recorder.record(10, 0);
        recorder.record(0, u64::MAX);
        let mut sum = empty();
        recorder.drain_into(&mut sum);
        assert_eq!(sum.len(), 2);
        assert!(sum.max() >= HIGHEST_NS);
    }

    #[test]
    fn nothing_recorded_reads_as_zeros() {
        assert_eq!(Percentiles::of(&empty()).count, 0);
    }
}
