//! Whether memory and latency drift in a long run.
//!
//! A drift is the median slope of all pairs of points (Theil, Sen), which a third of them cannot bend, however far off
//! they are. It counts only if the points rise more often than chance lets them (Mann, Kendall): few or noisy
//! points have a slope as well.

use std::str::FromStr;

use bytesize::ByteSize;

use crate::numbers::median;
use crate::progress::Moment;

/// The first part of the window is left out: caches fill, and allocators keep what the set-up needed.
const SETTLING_SHARE: f64 = 0.2;

/// More points than these are taken together: their pairs would take longer to look at than they are worth.
const POINTS_MAX: usize = 300;

/// What something was is said by the first of so many parts.
const FIRST_PART: usize = 3;

/// Fewer points say nothing.
const POINTS_MIN: usize = 5;

/// How sure a trend must be: a chance of 1 in 100, on one side, of a normal distribution.
const TREND_MIN: f64 = 2.326;

/// Growth below this is an allocator's way of taking pages, not judged as a share of a small server.
const MEMORY_NOISE_BYTES: f64 = (1 << 20) as f64;

/// What a run must not drift by.
#[derive(Clone, Copy, Debug)]
pub(crate) struct DriftMax {
    /// The server's memory.
    pub(crate) memory: MemoryMax,
    /// The 99th percentile of latency, over the run, as a part of what it was.
    pub(crate) latency_share: f64,
}

/// What the server's memory must not grow by.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum MemoryMax {
    /// Over the run, as a part of what it was.
    Share(f64),
    /// Bytes an hour.
    BytesPerHour(f64),
}

/// How something drifts.
#[derive(Clone, Copy, Debug, serde::Serialize)]
pub(crate) struct Drift {
    /// Intervals looked at.
    pub(crate) points: usize,
    /// What it was in the first third of them: their median.
    pub(crate) start: f64,
    /// What it grows by in an hour.
    pub(crate) per_hour: f64,
    /// What it grows by in a time as long as the run's window.
    pub(crate) over_run: f64,
    /// The same as a part of `start`.
    pub(crate) over_run_share: f64,
    /// Whether it is more than chance.
    pub(crate) is_trend: bool,
}

/// How the values of moments drift.
///
/// `window_s` is from when to when the run was measured, in seconds of `at_s`. `None` if there are too few.
pub(crate) fn drift(
    moments: &[Moment],
    window_s: (f64, f64),
    value: impl Fn(&Moment) -> Option<f64>,
) -> Option<Drift> {
    let (start_s, end_s) = window_s;
    let settled_s = start_s + (end_s - start_s) * SETTLING_SHARE;
    let points = moments
        .iter()
        .filter(|moment| (settled_s..=end_s).contains(&moment.at_s))
        .filter_map(|moment| Some((moment.at_s, value(moment)?)));
    let points = taken_together(&points.collect::<Vec<_>>());
    if points.len() < POINTS_MIN {
        return None;
    }
    let slope = slope(&points);
    // Not where the line begins: what grows faster and faster would begin below nothing.
    let first = points.len().div_ceil(FIRST_PART);
    let first: Vec<f64> = points[..first].iter().map(|(_, value)| *value).collect();
    let start = median(&first).unwrap_or_default();
    let over_run = slope * (end_s - start_s);
    Some(Drift {
        points: points.len(),
        start,
        per_hour: slope * 3_600.0,
        over_run,
        over_run_share: if start > 0.0 { over_run / start } else { 0.0 },
        is_trend: trend(&points) > TREND_MIN,
    })
}

impl MemoryMax {
    /// Whether a drift of the memory in bytes is more than this.
    pub(crate) fn is_passed_by(self, drift: &Drift) -> bool {
        drift.is_trend
            && match self {
                Self::Share(max) => {
                    drift.over_run_share > max && drift.over_run > MEMORY_NOISE_BYTES
                }
                Self::BytesPerHour(max) => drift.per_hour > max,
            }
    }
}

impl FromStr for MemoryMax {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if let Some(percent) = text.strip_suffix('%') {
            let percent: f64 = percent
                .trim()
                .parse()
                .map_err(|_| format!("{percent:?} is no number of percent"))?;
            return match percent.is_finite() && percent >= 0.0 {
                true => Ok(Self::Share(percent / 100.0)),
                false => Err("it must be 0% or more".to_owned()),
            };
        }
        let bytes: ByteSize = text.parse().map_err(|_| {
            format!("{text:?} is neither a share as 10% nor bytes an hour as 64MiB")
        })?;
        Ok(Self::BytesPerHour(bytes.as_u64() as f64))
    }
}

/// The median of the slopes of all pairs.
fn slope(points: &[(f64, f64)]) -> f64 {
    let mut slopes = Vec::with_capacity(points.len() * (points.len() - 1) / 2);
    for (index, (from_s, from)) in points.iter().enumerate() {
        for (to_s, to) in &points[index + 1..] {
            if to_s > from_s {
                slopes.push((to - from) / (to_s - from_s));
            }
        }
    }
    median(&slopes).unwrap_or_default()
}

/// How many standard deviations the rises outnumber the falls by, among all pairs.
fn trend(points: &[(f64, f64)]) -> f64 {
    let mut balance = 0.0;
    for (index, (_, from)) in points.iter().enumerate() {
        for (_, to) in &points[index + 1..] {
            balance += match to.total_cmp(from) {
                std::cmp::Ordering::Greater => 1.0,
                std::cmp::Ordering::Equal => 0.0,
                std::cmp::Ordering::Less => -1.0,
            };
        }
    }
    let term = |count: usize| {
        let count = count as f64;
        count * (count - 1.0) * (2.0 * count + 5.0)
    };
    let mut values: Vec<f64> = points.iter().map(|(_, value)| *value).collect();
    values.sort_unstable_by(f64::total_cmp);
    let ties = values.chunk_by(|one, other| one == other);
    let ties: f64 = ties.map(|tied| term(tied.len())).sum();
    let variance = (term(points.len()) - ties) / 18.0;
    // One pair of each sign is chance: the balance is taken a step towards zero.
    match variance > 0.0 && balance > 0.0 {
        true => (balance - 1.0) / variance.sqrt(),
        false => 0.0,
    }
}

/// Not more than [`POINTS_MAX`] points, each the medians of some that follow each other.
fn taken_together(points: &[(f64, f64)]) -> Vec<(f64, f64)> {
    let each = points.len().div_ceil(POINTS_MAX).max(1);
    let groups = points.chunks(each);
    groups
        .map(|group| {
            let (at_s, values): (Vec<f64>, Vec<f64>) = group.iter().copied().unzip();
            (
                median(&at_s).unwrap_or_default(),
                median(&values).unwrap_or_default(),
            )
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::random::Random;

    const MIB: f64 = (1 << 20) as f64;

    fn points(count: usize, value: impl Fn(f64) -> f64) -> Vec<(f64, f64)> {
        (0..count).map(|at| (at as f64, value(at as f64))).collect()
    }

    fn moments(values: &[f64]) -> Vec<Moment> {
        let at = (1..).map(f64::from).zip(values);
        at.map(|(at_s, value)| Moment {
            at_s,
            p99_us: *value,
            ..Moment::default()
        })
        .collect()
    }

    fn drift_of(values: &[f64]) -> Option<Drift> {
        let window_s = (0.0, values.len() as f64);
        drift(&moments(values), window_s, |moment| Some(moment.p99_us))
    }

    #[test]
    fn a_line_has_its_slope_however_some_points_lie() {
        let mut bent = points(100, |at| 50.0 + 2.0 * at);
        for at in [3, 17, 40, 41, 42, 77, 99] {
            bent[at].1 = 1e6;
        }
        assert!((slope(&bent) - 2.0).abs() < 0.2, "{}", slope(&bent));
    }

    #[test]
    fn rising_values_are_a_trend_and_constant_falling_or_noisy_ones_none() {
        assert!(trend(&points(6, |at| at)) > TREND_MIN);
        assert!(trend(&points(6, |_| 7.0)) < TREND_MIN);
        assert!(trend(&points(60, |at| -at)) < TREND_MIN);
        for seed in 0..20 {
            let random = std::cell::RefCell::new(Random::new(seed));
            let noise = points(200, |_| random.borrow_mut().below(1_000) as f64);
            assert!(trend(&noise).abs() < 3.5, "{seed}: {}", trend(&noise));
        }
    }

    #[test]
    fn what_happens_while_it_settles_does_not_count() {
        let mut values = vec![100.0; 100];
        for (at, value) in values.iter_mut().enumerate().take(15) {
            *value = at as f64;
        }
        let drift = drift_of(&values).expect("enough points");
        assert!(!drift.is_trend, "{drift:?}");
        assert_eq!((drift.start, drift.over_run), (100.0, 0.0));
    }

    #[test]
    fn a_drift_is_told_over_the_run_and_by_the_hour() {
        // Twice as much at the end as at the beginning, in 1,000 s.
        let values: Vec<f64> = (0..1_000).map(|at| 1_000.0 + f64::from(at)).collect();
        let drift = drift_of(&values).expect("enough points");
        assert!(drift.is_trend && drift.points <= POINTS_MAX);
        assert!((drift.over_run - 1_000.0).abs() < 1.0, "{drift:?}");
        assert!((drift.per_hour - 3_600.0).abs() < 4.0, "{drift:?}");
        // From 200 s, where it has settled, to 466 s.
        assert!((drift.start - 1_333.0).abs() < 5.0, "{drift:?}");
        assert!(drift_of(&values[..4]).is_none());
    }

    #[test]
    fn what_grows_faster_and_faster_is_a_part_of_what_it_was() {
        let values: Vec<f64> = (0..100).map(|at| f64::from(at * at)).collect();
        let drift = drift_of(&values).expect("enough points");
        assert!(drift.is_trend && drift.over_run_share > 1.0, "{drift:?}");
    }

    #[test]
    fn memory_passes_a_share_or_a_rate() {
        let drift = |start: f64, over_run: f64| Drift {
            points: 100,
            start,
            per_hour: over_run * 6.0,
            over_run,
            over_run_share: over_run / start,
            is_trend: true,
        };
        let share = MemoryMax::Share(0.1);
        assert!(share.is_passed_by(&drift(20.0 * MIB, 3.0 * MIB)));
        assert!(!share.is_passed_by(&drift(20.0 * MIB, 1.5 * MIB)));
        // Half as much again, and yet no more than some pages.
        assert!(!share.is_passed_by(&drift(MIB, 0.5 * MIB)));
        let chance = Drift {
            is_trend: false,
            ..drift(20.0 * MIB, 3.0 * MIB)
        };
        assert!(!share.is_passed_by(&chance));
        let rate = MemoryMax::BytesPerHour(10.0 * MIB);
        assert!(rate.is_passed_by(&drift(900.0 * MIB, 2.0 * MIB)));
        assert!(!rate.is_passed_by(&drift(900.0 * MIB, MIB)));
    }

    #[test]
    fn limits_are_read_as_shares_or_sizes() {
        assert_eq!("10%".parse(), Ok(MemoryMax::Share(0.1)));
        assert_eq!("64MiB".parse(), Ok(MemoryMax::BytesPerHour(64.0 * MIB)));
        assert_eq!("1000".parse(), Ok(MemoryMax::BytesPerHour(1_000.0)));
        for text in ["", "%", "-1%", "nan%", "x", "64 horses"] {
            assert!(text.parse::<MemoryMax>().is_err(), "{text}");
        }
    }
}
