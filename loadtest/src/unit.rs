//! Units of figures, and numbers as people read them.

use crate::numbers;

/// What a figure counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Unit {
    /// A number of things.
    Count,
    /// Things a second.
    PerSecond,
    /// Nanoseconds.
    Nanos,
    /// Microseconds.
    Micros,
    /// Seconds.
    Seconds,
    /// Bytes.
    Bytes,
    /// A part of one, shown in percent.
    Share,
}

/// Above this many nanoseconds a figure is shown in a larger unit: the costs of deliveries stay comparable.
const NANOS_MAX: f64 = 100_000.0;

impl Unit {
    /// A figure on its own, with its unit.
    pub(crate) fn text(self, value: f64) -> String {
        match self {
            Self::Count => grouped(value),
            Self::PerSecond => format!("{}/s", grouped(value)),
            Self::Nanos if value.abs() < NANOS_MAX => format!("{} ns", grouped(value)),
            Self::Nanos => duration(value / 1e9),
            Self::Micros => duration(value / 1e6),
            Self::Seconds => duration(value),
            Self::Bytes => bytes(value),
            Self::Share => format!("{:.1} %", value * 100.0),
        }
    }

    /// A figure beside an axis: round, and as short as can be.
    pub(crate) fn tick(self, value: f64) -> String {
        match self {
            Self::Count | Self::PerSecond => metric(value),
            Self::Nanos => time_tick(value / 1e9),
            Self::Micros => time_tick(value / 1e6),
            Self::Seconds => time_tick(value),
            Self::Bytes => {
                let (scaled, unit) = binary(value);
                format!("{} {unit}", short(scaled))
            }
            Self::Share => format!("{} %", short(value * 100.0)),
        }
    }

    /// Steps between the ticks of a linear axis that people find round, as multiples of the figure's own unit.
    /// Each power of ten (or, of bytes, of two) has these once more; time has minutes and hours.
    pub(crate) fn round_step(self, least: f64) -> f64 {
        let decimal = |least: f64| {
            let power = 10_f64.powf(least.log10().floor());
            let factors = [1.0, 2.0, 5.0, 10.0];
            let found = factors.into_iter().find(|f| f * power >= least * 0.999_999);
            found.unwrap_or(10.0) * power
        };
        match self {
            Self::Bytes if least > 1.0 => 2_f64.powf(least.log2().ceil()),
            Self::Seconds if least > 10.0 => {
                let minutes = [15.0, 30.0, 60.0, 120.0, 300.0, 600.0, 1_200.0, 1_800.0];
                let found = minutes.into_iter().find(|step| *step >= least);
                found.unwrap_or_else(|| decimal(least / 3_600.0) * 3_600.0)
            }
            _ => decimal(least),
        }
    }
}

/// Seconds in the unit that suits them, with three digits that count.
fn duration(s: f64) -> String {
    let (scaled, unit) = scaled_time(s);
    format!("{} {unit}", three_digits(scaled))
}

fn time_tick(s: f64) -> String {
    let (scaled, unit) = scaled_time(s);
    match s.abs() {
        over if over >= 3_600.0 => format!("{} h", short(s / 3_600.0)),
        over if over >= 120.0 => format!("{} min", short(s / 60.0)),
        _ => format!("{} {unit}", short(scaled)),
    }
}

fn scaled_time(s: f64) -> (f64, &'static str) {
    // A little below each bound, where rounding reaches it.
    match s.abs() {
        0.0 => (0.0, "s"),
        below if below < 0.999_5e-6 => (s * 1e9, "ns"),
        below if below < 0.999_5e-3 => (s * 1e6, "µs"),
        below if below < 0.999_5 => (s * 1e3, "ms"),
        _ => (s, "s"),
    }
}

fn bytes(value: f64) -> String {
    // Figures per connection are compared to the byte.
    if value.abs() < 10_000.0 {
        return format!("{} B", grouped(value));
    }
    let (scaled, unit) = binary(value);
    format!("{} {unit}", three_digits(scaled))
}

fn binary(value: f64) -> (f64, &'static str) {
    let units = ["B", "KiB", "MiB", "GiB", "TiB"];
    let (mut scaled, mut at) = (value, 0);
    while scaled.abs() >= 1_024.0 && at + 1 < units.len() {
        scaled /= 1_024.0;
        at += 1;
    }
    (scaled, units[at])
}

fn metric(value: f64) -> String {
    match value.abs() {
        over if over >= 1e9 => format!("{} G", short(value / 1e9)),
        over if over >= 1e6 => format!("{} M", short(value / 1e6)),
        over if over >= 1e3 => format!("{} k", short(value / 1e3)),
        _ => short(value),
    }
}

/// Without zeros at the end; what adding steps up leaves behind is rounded away.
fn short(value: f64) -> String {
    let text = format!("{value:.4}");
    let text = text.trim_end_matches('0').trim_end_matches('.');
    if text == "-0" { "0" } else { text }.to_owned()
}

fn three_digits(value: f64) -> String {
    match value.abs() {
        0.0 => "0".to_owned(),
        below if below < 9.995 => format!("{value:.2}"),
        below if below < 99.95 => format!("{value:.1}"),
        _ => grouped(value),
    }
}

/// A number of things in words.
pub(crate) fn things(count: f64, one: &str) -> String {
    let many = if count == 1.0 { "" } else { "s" };
    format!("{} {one}{many}", grouped(count))
}

/// With commas between thousands; below a hundred with up to two digits after the point.
pub(crate) fn grouped(value: f64) -> String {
    if value.abs() < 100.0 {
        return short((value * 100.0).round() / 100.0);
    }
    numbers::grouped(value, 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_are_shown_in_the_unit_that_suits_them() {
        for (unit, value, text) in [
            (Unit::Count, 1_234_567.0, "1,234,567"),
            (Unit::Count, 7.0, "7"),
            (Unit::Count, 1_000.0, "1,000"),
            (Unit::Count, -123.0, "-123"),
            (Unit::PerSecond, 239_610.4, "239,610/s"),
            (Unit::Nanos, 3_865.2, "3,865 ns"),
            (Unit::Nanos, 166_831.0, "167 µs"),
            (Unit::Micros, 812.4, "812 µs"),
            (Unit::Micros, 999.6, "1.00 ms"),
            (Unit::Micros, 5_090.0, "5.09 ms"),
            (Unit::Micros, 12_340.0, "12.3 ms"),
            (Unit::Micros, 1_500_000.0, "1.50 s"),
            (Unit::Micros, 0.0, "0 s"),
            (Unit::Seconds, 0.02, "20.0 ms"),
            (Unit::Bytes, 621.0, "621 B"),
            (Unit::Bytes, 20_971_520.0, "20.0 MiB"),
            (Unit::Share, 0.938, "93.8 %"),
        ] {
            assert_eq!(unit.text(value), text, "{unit:?} {value}");
        }
    }

    #[test]
    fn ticks_are_short() {
        for (unit, value, text) in [
            (Unit::PerSecond, 250_000.0, "250 k"),
            (Unit::PerSecond, 2_500_000.0, "2.5 M"),
            (Unit::Count, 500.0, "500"),
            (Unit::Count, -0.0, "0"),
            (Unit::Micros, 500.0, "500 µs"),
            (Unit::Micros, 2_000.0, "2 ms"),
            (Unit::Seconds, 0.1 + 0.2, "300 ms"),
            (Unit::Seconds, 60.0, "60 s"),
            (Unit::Seconds, 300.0, "5 min"),
            (Unit::Seconds, 7_200.0, "2 h"),
            (Unit::Bytes, 33_554_432.0, "32 MiB"),
            (Unit::Share, 0.25, "25 %"),
        ] {
            assert_eq!(unit.tick(value), text, "{unit:?} {value}");
        }
    }

    #[test]
    fn steps_are_round_in_their_unit() {
        for (unit, least, step) in [
            (Unit::Count, 1.0, 1.0),
            (Unit::Count, 1.1, 2.0),
            (Unit::Micros, 2_100.0, 5_000.0),
            (Unit::Micros, 0.03, 0.05),
            (Unit::Seconds, 7.0, 10.0),
            (Unit::Seconds, 40.0, 60.0),
            (Unit::Seconds, 5_000.0, 7_200.0),
            (Unit::Bytes, 3_000_000.0, 4_194_304.0),
        ] {
            let found = unit.round_step(least);
            assert!(
                (found - step).abs() < step * 1e-9,
                "{unit:?} {least}: {found}"
            );
        }
    }
}
