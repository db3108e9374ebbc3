//! Scales of a plot's axes: where a value lies between the two ends, and which ticks people find round.

use crate::unit::Unit;

/// Percentiles that people know, as the parts that are above them.
const KNOWN_REMAINDERS: [f64; 3] = [1.0, 0.5, 0.1];

/// How values are laid out along an axis.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Scale {
    /// Equal distances for equal differences.
    Linear {
        /// The value at the near end.
        min: f64,
        /// The value at the far end.
        max: f64,
        /// Between two ticks.
        step: f64,
    },
    /// Equal distances for equal ratios.
    Log {
        /// The value at the near end, above 0.
        min: f64,
        /// The value at the far end.
        max: f64,
    },
    /// Percentiles from 0: each nine more (90, 99, 99.9...) takes as much room as the one before.
    Percentile {
        /// Nines at the far end, or a part of one.
        nines: f64,
    },
}

/// A place on an axis that has a line, and mostly a label.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Tick {
    /// The value there.
    pub(super) value: f64,
    /// Whether it has a label, if there is room.
    pub(super) is_labelled: bool,
}

impl Scale {
    /// From 0 to a round value at or above `max`, in about `count` steps.
    pub(super) fn from_zero(max: f64, unit: Unit, count: usize) -> Self {
        let max = if max > 0.0 { max } else { 1.0 };
        let step = unit.round_step(max / count as f64);
        let steps = (max / step - 1e-9).ceil().max(1.0);
        Self::Linear {
            min: 0.0,
            max: steps * step,
            step,
        }
    }

    /// From 0 to exactly `max`: time does not go on where nothing was seen.
    pub(super) fn time(max: f64, count: usize) -> Self {
        let max = if max > 0.0 { max } else { 1.0 };
        Self::Linear {
            min: 0.0,
            max,
            step: Unit::Seconds.round_step(max / count as f64),
        }
    }

    /// From a round value at or below `min` to one at or above `max`; both are above 0.
    pub(super) fn log(min: f64, max: f64) -> Self {
        let min = round_down(min);
        let max = round_up(max);
        let max = if max > min { max } else { round_up(min * 1.5) };
        Self::Log { min, max }
    }

    /// Up to the last percentile that `count` values can tell, and `nines_max` at most.
    pub(super) fn percentile(count: u64, nines_max: f64) -> Self {
        let nines = (count.max(1) as f64).log10();
        Self::Percentile {
            nines: nines.clamp(1.0, nines_max),
        }
    }

    /// Where a value lies: 0 at the near end, 1 at the far end; beyond them if it is outside. `None` where the
    /// scale knows no place for it.
    pub(super) fn place(&self, value: f64) -> Option<f64> {
        let place = match *self {
            Self::Linear { min, max, .. } => (value - min) / (max - min),
            Self::Log { min, max } => (value / min).ln() / (max / min).ln(),
            Self::Percentile { nines } => -(1.0 - value / 100.0).log10() / nines,
        };
        // Neither the logarithm of zero nor that of less.
        place.is_finite().then_some(place)
    }

    /// The ticks from the near end to the far end.
    pub(super) fn ticks(&self) -> Vec<Tick> {
        match *self {
            Self::Linear { min, max, step } => {
                let count = ((max - min) / step + 1e-9).floor() as usize;
                let labelled = (0..=count).map(|at| Tick::labelled(min + at as f64 * step));
                labelled.collect()
            }
            Self::Log { min, max } => log_ticks(min, max),
            Self::Percentile { nines } => percentile_ticks(nines),
        }
    }
}

impl Tick {
    fn labelled(value: f64) -> Self {
        Self {
            value,
            is_labelled: true,
        }
    }
}

/// 1, 2 and 5 of each power of ten; where there are many powers only these have labels.
fn log_ticks(min: f64, max: f64) -> Vec<Tick> {
    let decades = (max / min).log10();
    let mut ticks = Vec::new();
    let mut power = decade_of(min);
    while power <= max * 1.000_001 {
        for factor in [1.0, 2.0, 5.0] {
            let value = factor * power;
            if value >= min * 0.999_999 && value <= max * 1.000_001 {
                ticks.push(Tick {
                    value,
                    is_labelled: factor == 1.0 || decades < 2.5,
                });
            }
        }
        power *= 10.0;
    }
    ticks
}

fn percentile_ticks(nines: f64) -> Vec<Tick> {
    let mut remainders = KNOWN_REMAINDERS.to_vec();
    let whole = (nines + 1e-9).floor() as i32;
    remainders.extend((2..=whole).map(|nines| 10_f64.powi(-nines)));
    let ticks = remainders.into_iter();
    ticks
        .map(|remainder| Tick::labelled(round_percentile(100.0 * (1.0 - remainder))))
        .collect()
}

/// Takes away what binary fractions add: 99.9 and not 99.90000000000001.
fn round_percentile(value: f64) -> f64 {
    (value * 1e9).round() / 1e9
}

fn decade_of(value: f64) -> f64 {
    10_f64.powf((value.log10() + 1e-9).floor())
}

fn round_down(value: f64) -> f64 {
    let power = decade_of(value);
    let factors = [5.0, 2.0, 1.0];
    let found = factors.into_iter().find(|f| f * power <= value * 1.000_001);
    found.unwrap_or(1.0) * power
}

fn round_up(value: f64) -> f64 {
    let power = decade_of(value);
    let factors = [1.0, 2.0, 5.0, 10.0];
    let found = factors.into_iter().find(|f| f * power >= value * 0.999_999);
    found.unwrap_or(10.0) * power
}

#[cfg(test)]
mod tests {
    use super::*;

    fn values(scale: Scale) -> Vec<f64> {
        scale.ticks().into_iter().map(|tick| tick.value).collect()
    }

    fn close(found: &[f64], expected: &[f64]) {
        let same = found.len() == expected.len()
            && found
                .iter()
                .zip(expected)
                .all(|(found, expected)| (found - expected).abs() <= expected.abs() * 1e-9);
        assert!(same, "{found:?} instead of {expected:?}");
    }

    #[test]
    fn linear_axis_ends_at_a_round_value() {
        let scale = Scale::from_zero(239_610.0, Unit::PerSecond, 5);
        close(&values(scale), &[0.0, 50e3, 100e3, 150e3, 200e3, 250e3]);
        assert_eq!(scale.place(0.0), Some(0.0));
        assert_eq!(scale.place(125e3), Some(0.5));
        let scale = Scale::from_zero(6.0 * 1_048_576.0, Unit::Bytes, 3);
        close(
            &values(scale),
            &[0.0, 2_097_152.0, 4_194_304.0, 6_291_456.0],
        );
    }

    #[test]
    fn linear_axis_of_nothing_still_has_two_ends() {
        let scale = Scale::from_zero(0.0, Unit::Count, 5);
        assert_eq!(scale.place(1.0), Some(1.0));
    }

    #[test]
    fn time_axis_ends_with_the_run() {
        let scale = Scale::time(13.0, 5);
        close(&values(scale), &[0.0, 5.0, 10.0]);
        assert_eq!(scale.place(13.0), Some(1.0));
    }

    #[test]
    fn log_axis_has_round_ends_and_equal_ratios() {
        let scale = Scale::log(130.0, 4_100.0);
        close(
            &values(scale),
            &[100.0, 200.0, 500.0, 1_000.0, 2_000.0, 5_000.0],
        );
        let place = |value| scale.place(value).expect("above 0");
        assert!((place(1_000.0) - place(500.0) - place(200.0) + place(100.0)).abs() < 1e-9);
        assert_eq!(scale.place(0.0), None);
        assert_eq!(scale.place(-1.0), None);
        assert!(values(Scale::log(1_000.0, 1_000.0)).len() > 1);
    }

    #[test]
    fn log_axis_of_many_decades_labels_the_powers() {
        let labelled: Vec<f64> = Scale::log(10.0, 100_000.0)
            .ticks()
            .into_iter()
            .filter_map(|tick| tick.is_labelled.then_some(tick.value))
            .collect();
        close(&labelled, &[10.0, 100.0, 1e3, 1e4, 1e5]);
    }

    #[test]
    fn each_nine_takes_as_much_room_as_the_one_before() {
        let scale = Scale::percentile(10_000_000, 5.0);
        assert_eq!(values(scale), [0.0, 50.0, 90.0, 99.0, 99.9, 99.99, 99.999]);
        for (value, place) in [(0.0, 0.0), (90.0, 0.2), (99.0, 0.4), (99.999, 1.0)] {
            let found = scale.place(value).expect("below 100");
            assert!((found - place).abs() < 1e-9, "{value}: {found}");
        }
        assert_eq!(scale.place(100.0), None);
    }

    #[test]
    fn percentile_axis_ends_where_the_counts_do() {
        assert_eq!(
            values(Scale::percentile(1_500, 5.0)),
            [0.0, 50.0, 90.0, 99.0, 99.9]
        );
        assert_eq!(values(Scale::percentile(0, 5.0)), [0.0, 50.0, 90.0]);
    }
}
