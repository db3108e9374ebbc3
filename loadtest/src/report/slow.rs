//! What a report says of subscribers that stopped reading.

use super::figures::round;
use super::lines::mib;
use crate::client::Ended;
use crate::recorder::Percentiles;
use crate::run::Outcome;
use crate::slow::Slow;

/// The healthy before and after some stopped, and what became of those.
#[derive(Debug, serde::Serialize)]
pub(super) struct SlowFigures {
    stopped: u64,
    /// Latencies of everybody in the window before.
    before_latency_us: Percentiles,
    /// Those of the healthy in the window after; of the report's `latency_us` the same.
    after_latency_us: Percentiles,
    /// After, divided by before.
    p50_ratio: Option<f64>,
    pub(super) p99_ratio: Option<f64>,
    /// Deliveries to the healthy that had not come 5 s after the window: some may have when the stopped were read again.
    pub(super) held_up: u64,
    /// Stopped ones whose connections had ended when they were read again, and the others.
    disconnected: u64,
    still_connected: u64,
    ends: Vec<EndFigures>,
    /// Resident memory of the server at the end of each window, and the most that a moment of the second saw.
    before_rss_bytes: Option<u64>,
    after_rss_bytes: Option<u64>,
    max_rss_bytes: Option<u64>,
}

/// How many connections ended alike.
#[derive(Debug, serde::Serialize)]
struct EndFigures {
    close_code: Option<u16>,
    words: String,
    count: u64,
}

impl SlowFigures {
    /// Works them out.
    pub(super) fn new(slow: &Slow, outcome: &Outcome) -> Self {
        let before = Percentiles::of(&slow.before.latencies);
        let after = Percentiles::of(&outcome.latencies);
        let ratio = |after: f64, before: f64| (before > 0.0).then(|| round(after / before, 3));
        let resident = |sample: &crate::probe::Sample| sample.server.map(|(_, bytes)| bytes);
        let after_rss_bytes = resident(&outcome.window_end.0);
        let disconnected = slow.ends.len() as u64;
        let since_s = (outcome.window_start.0.at - outcome.before.at).as_secs_f64();
        let moments = outcome.moments.iter();
        let seen = moments
            .filter(|moment| moment.at_s >= since_s)
            .filter_map(|moment| moment.server_rss_bytes);
        Self {
            stopped: slow.stopped,
            before_latency_us: before,
            after_latency_us: after,
            p50_ratio: ratio(after.p50, before.p50),
            p99_ratio: ratio(after.p99, before.p99),
            held_up: slow.held_up,
            disconnected,
            still_connected: slow.stopped.saturating_sub(disconnected),
            ends: counted(&slow.ends),
            before_rss_bytes: resident(&slow.before.end.0),
            after_rss_bytes,
            max_rss_bytes: seen.chain(after_rss_bytes).max(),
        }
    }

    /// The rows for people.
    pub(super) fn rows(&self, add: &mut impl FnMut(&'static str, String)) {
        let ratio =
            |ratio: Option<f64>| ratio.map_or_else(|| "-".to_owned(), |ratio| ratio.to_string());
        let line = |of: &Percentiles| {
            let Percentiles {
                p50,
                p99,
                p999,
                max,
                ..
            } = of;
            format!("p50 {p50:.0}  p99 {p99:.0}  p99.9 {p999:.0}  max {max:.0}")
        };
        add("before, us", line(&self.before_latency_us));
        add(
            "after, us",
            format!(
                "{}; p50 {} times, p99 {} times that before",
                line(&self.after_latency_us),
                ratio(self.p50_ratio),
                ratio(self.p99_ratio)
            ),
        );
        let ends: Vec<String> = self
            .ends
            .iter()
            .map(|end| format!("; {} times: {}", end.count, end.words))
            .collect();
        add(
            "stopped",
            format!(
                "{}, of which {} were disconnected and {} still connected{}",
                self.stopped,
                self.disconnected,
                self.still_connected,
                ends.concat()
            ),
        );
        if let (Some(before), Some(after), Some(max)) = (
            self.before_rss_bytes,
            self.after_rss_bytes,
            self.max_rss_bytes,
        ) {
            add(
                "memory held",
                format!(
                    "{:.1} MiB before they stopped, {:.1} at the end, {:.1} at most",
                    mib(before),
                    mib(after),
                    mib(max)
                ),
            );
        }
    }
}

fn counted(ends: &[Ended]) -> Vec<EndFigures> {
    let mut ends = ends.to_vec();
    ends.sort_unstable();
    let alike = ends.chunk_by(|one, other| one == other);
    alike
        .map(|alike| EndFigures {
            close_code: alike[0].close_code,
            words: alike[0].words.clone(),
            count: alike.len() as u64,
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ends_alike_are_counted_together() {
        let end = |close_code, words: &str| Ended {
            close_code,
            words: words.to_owned(),
        };
        let ends = [
            end(Some(1013), "slow"),
            end(None, "reset"),
            end(Some(1013), "slow"),
        ];
        let counts: Vec<(Option<u16>, u64)> = counted(&ends)
            .into_iter()
            .map(|end| (end.close_code, end.count))
            .collect();
        assert_eq!(counts, [(None, 1), (Some(1013), 2)]);
    }
}
