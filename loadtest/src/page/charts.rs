//! Which plots reports are drawn as.

use super::plot::{Axis, Plot, Series, Values};
use super::run::{Run, reasonable};
use super::scale::Scale;
use crate::unit::Unit;

/// Percentiles are drawn up to 99.999 %.
const NINES_MAX: f64 = 5.0;

/// Points of a line over time; of longer runs some seconds become one.
const MOMENTS_MAX: usize = 300;

/// Where the largest value is so many times the smallest, equal distances would hide the small ones.
const RATIO_LINEAR_MAX: f64 = 30.0;

/// Ticks on an axis, about.
const STEPS: usize = 5;

/// A field of the moments, drawn over time.
struct Traced {
    title: &'static str,
    label: &'static str,
    field: &'static str,
    unit: Unit,
    /// How some seconds become one.
    join: fn(&[f64]) -> f64,
}

const DELIVERIES: Traced = Traced {
    title: "Throughput",
    label: "deliveries a second",
    field: "deliveries_per_s",
    unit: Unit::PerSecond,
    join: mean,
};

const HANDSHAKES: Traced = Traced {
    title: "Handshakes",
    label: "connections opened a second",
    field: "opened_per_s",
    unit: Unit::PerSecond,
    join: mean,
};

const CONNECTIONS: Traced = Traced {
    title: "Connections",
    label: "connections",
    field: "connections",
    unit: Unit::Count,
    join: largest,
};

const MEMORY: Traced = Traced {
    title: "Memory of the server",
    label: "resident memory",
    field: "server_rss_bytes",
    unit: Unit::Bytes,
    join: largest,
};

/// Latency by percentile, with a logarithmic or a linear axis of latencies; `None` if nothing was measured.
pub(super) fn latency(runs: &[Run], is_log: bool) -> Option<Plot> {
    let names = names(runs);
    let series: Vec<Series> = runs
        .iter()
        .zip(names)
        .map(|(run, name)| Series::new(name, curve(run).into_iter()))
        .filter(|series| !series.points.is_empty())
        .collect();
    let counts = runs
        .iter()
        .filter_map(|run| run.number("/latency_us/count"));
    let count = counts.fold(0.0, f64::max);
    let x = Scale::percentile(count as u64, NINES_MAX);
    let things = if are_about_handshakes(runs) {
        "handshakes"
    } else {
        "deliveries"
    };
    // What lies beyond the last percentile is not drawn, so the axis need not reach it.
    let seen = series.iter().map(|series| Series {
        points: series
            .points
            .iter()
            .copied()
            .filter(|point| is_within(&x, point.x))
            .collect(),
        ..Series::default()
    });
    let y = vertical(&seen.collect::<Vec<_>>(), Unit::Micros, |_| is_log)?;
    Some(Plot {
        title: "Latency by percentile".to_owned(),
        x: Axis {
            label: format!("percent of {things} that took no longer"),
            scale: x,
            values: Values::Percentiles,
        },
        y: Axis {
            label: "latency".to_owned(),
            scale: y,
            values: Values::In(Unit::Micros),
        },
        series,
        marked: None,
    })
}

/// Percentile and microseconds. The slowest has no place on such an axis at 100 %; it is where all others are below.
fn curve(run: &Run) -> Vec<(f64, f64)> {
    let count = run.number("/latency_us/count").unwrap_or(1.0).max(1.0);
    let last = 100.0 * (1.0 - 1.0 / count);
    let points = run.latencies().into_iter();
    points
        .map(|(percentile, us, _)| (percentile.min(last), us))
        .collect()
}

fn is_within(scale: &Scale, value: f64) -> bool {
    scale.place(value).is_some_and(|place| place <= 1.0)
}

/// Deliveries or handshakes over time, whatever the runs are about.
pub(super) fn throughput(runs: &[Run]) -> Option<Plot> {
    over_time(
        runs,
        if are_about_handshakes(runs) {
            HANDSHAKES
        } else {
            DELIVERIES
        },
    )
}

/// A server opens connections in every run, before the window; there they are what is measured.
fn are_about_handshakes(runs: &[Run]) -> bool {
    runs.iter().any(|run| run.value("/handshakes").is_object())
}

/// Latency over the rates of a ramp's steps.
pub(super) fn ramp(runs: &[Run]) -> Option<Plot> {
    let lines = |run: &Run, name: String, field: &str| {
        let steps = run.list("/ramp/steps").iter();
        let mut points: Vec<(f64, f64)> = steps
            .filter_map(|step| Some((reasonable(&step["rate"])?, reasonable(&step[field])?)))
            .collect();
        // A ramp goes back to halve the distance to its knee.
        points.sort_by(|a, b| a.0.total_cmp(&b.0));
        Series::new(name, points.into_iter())
    };
    let series: Vec<Series> = match runs {
        [run] => vec![
            lines(run, "p50".to_owned(), "p50_us"),
            lines(run, "p99".to_owned(), "p99_us"),
        ],
        runs => {
            let named = runs.iter().zip(names(runs));
            named
                .map(|(run, name)| lines(run, name, "p99_us"))
                .collect()
        }
    };
    let y = vertical(&series, Unit::Micros, |ratio| ratio > RATIO_LINEAR_MAX)?;
    let rates = series
        .iter()
        .flat_map(|series| &series.points)
        .map(|point| point.x);
    Some(Plot {
        title: "Latency by rate".to_owned(),
        x: Axis {
            label: "publications a second".to_owned(),
            scale: Scale::from_zero(rates.fold(0.0, f64::max), Unit::PerSecond, STEPS),
            values: Values::In(Unit::PerSecond),
        },
        y: Axis {
            label: if runs.len() > 1 { "p99" } else { "latency" }.to_owned(),
            scale: y,
            values: Values::In(Unit::Micros),
        },
        series,
        marked: None,
    })
}

/// Connections over time.
pub(super) fn connections(runs: &[Run]) -> Option<Plot> {
    over_time(runs, CONNECTIONS)
}

/// The server's memory over time.
pub(super) fn memory(runs: &[Run]) -> Option<Plot> {
    over_time(runs, MEMORY)
}

/// Median and 99th percentile over time; of several runs the latter alone.
pub(super) fn latency_over_time(runs: &[Run]) -> Option<Plot> {
    let measured = |run: &Run, field| {
        let moments = run.moments(field).into_iter();
        // Zero while nothing is measured.
        joined(
            &moments.filter(|(_, us)| *us > 0.0).collect::<Vec<_>>(),
            largest,
        )
    };
    let (title, series) = match runs {
        [run] => (
            "Latency over time",
            vec![
                Series::new("p50", measured(run, "p50_us").into_iter()),
                Series::new("p99", measured(run, "p99_us").into_iter()),
            ],
        ),
        runs => (
            "p99 over time",
            runs.iter()
                .map(|run| Series::new(&*run.label, measured(run, "p99_us").into_iter()))
                .collect(),
        ),
    };
    let y = vertical(&series, Unit::Micros, |ratio| ratio > RATIO_LINEAR_MAX)?;
    Some(timed(runs, title, "latency", Unit::Micros, y, series))
}

fn over_time(runs: &[Run], traced: Traced) -> Option<Plot> {
    let series: Vec<Series> = runs
        .iter()
        .zip(names(runs))
        .map(|(run, name)| {
            let points = joined(&run.moments(traced.field), traced.join);
            Series::new(name, points.into_iter())
        })
        .collect();
    let y = vertical(&series, traced.unit, |_| false)?;
    Some(timed(
        runs,
        traced.title,
        traced.label,
        traced.unit,
        y,
        series,
    ))
}

fn timed(
    runs: &[Run],
    title: &str,
    label: &str,
    unit: Unit,
    y: Scale,
    series: Vec<Series>,
) -> Plot {
    let ends = runs.iter().flat_map(|run| {
        let last = run.moments("at_s").last().map(|(at_s, _)| *at_s);
        [last, run.window().map(|(_, to)| to)]
    });
    let end = ends.flatten().fold(0.0, f64::max);
    let marked = match runs {
        [run] => run.window().map(|(from, to)| (from, to, "measured")),
        _ => None,
    };
    Plot {
        title: title.to_owned(),
        x: Axis {
            label: "since the first connection".to_owned(),
            scale: Scale::time(end, STEPS),
            values: Values::In(Unit::Seconds),
        },
        y: Axis {
            label: label.to_owned(),
            scale: y,
            values: Values::In(unit),
        },
        series,
        marked,
    }
}

/// A run on its own needs no name.
fn names(runs: &[Run]) -> Vec<String> {
    match runs {
        [_] => vec![String::new()],
        runs => runs.iter().map(|run| run.label.clone()).collect(),
    }
}

/// An axis that holds all lines; `None` if there is nothing above zero.
pub(super) fn vertical(
    series: &[Series],
    unit: Unit,
    is_log: impl Fn(f64) -> bool,
) -> Option<Scale> {
    let largest = series.iter().filter_map(Series::largest).reduce(f64::max)?;
    let smallest = series.iter().filter_map(Series::smallest_above_zero);
    let smallest = smallest.reduce(f64::min)?;
    Some(match is_log(largest / smallest) {
        true => Scale::log(smallest, largest),
        false => Scale::from_zero(largest, unit, STEPS),
    })
}

/// Fewer points, if there are too many to be told apart: as many seconds each, at the middle of them.
fn joined(points: &[(f64, f64)], join: fn(&[f64]) -> f64) -> Vec<(f64, f64)> {
    let each = points.len().div_ceil(MOMENTS_MAX).max(1);
    let chunks = points.chunks(each).map(|chunk| {
        let (at, values): (Vec<f64>, Vec<f64>) = chunk.iter().copied().unzip();
        (mean(&at), join(&values))
    });
    chunks.collect()
}

fn mean(values: &[f64]) -> f64 {
    values.iter().sum::<f64>() / values.len().max(1) as f64
}

fn largest(values: &[f64]) -> f64 {
    values.iter().copied().fold(0.0, f64::max)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::page::tests::{earlier_report, run};

    #[test]
    fn long_runs_keep_their_peaks_and_their_means() {
        let points: Vec<(f64, f64)> = (0..3_600)
            .map(|s| (f64::from(s), if s == 1_234 { 1_001.0 } else { 1.0 }))
            .collect();
        let peaks = joined(&points, largest);
        assert!(peaks.len() <= MOMENTS_MAX, "{}", peaks.len());
        assert!(peaks.iter().any(|(_, value)| *value == 1_001.0));
        let means = joined(&points, mean);
        let sum: f64 = means.iter().map(|(_, value)| value).sum();
        assert!((sum / means.len() as f64 - 4_600.0 / 3_600.0).abs() < 1e-9);
        assert_eq!(joined(&points[..50], mean), points[..50]);
    }

    #[test]
    fn plots_of_one_run_mark_what_was_measured() {
        let plot = latency_over_time(&[run("a", &[])]).expect("it has moments");
        let names: Vec<&str> = plot.series.iter().map(|series| &*series.name).collect();
        assert_eq!(names, ["p50", "p99"]);
        // Two of its three moments are of the time when something was measured.
        assert_eq!(plot.series[0].points.len(), 2);
        assert_eq!(plot.marked, Some((1.1, 3.1, "measured")));
    }

    #[test]
    fn plots_of_several_runs_name_them() {
        let runs = [run("a", &[]), run("b", &[])];
        for plot in [
            latency(&runs, true),
            throughput(&runs),
            latency_over_time(&runs),
            connections(&runs),
        ] {
            let plot = plot.expect("something to draw");
            let names: Vec<&str> = plot.series.iter().map(|series| &*series.name).collect();
            assert_eq!(names, ["a", "b"], "{}", plot.title);
            assert_eq!(plot.marked, None);
        }
    }

    #[test]
    fn handshakes_are_what_is_drawn_where_they_are_measured() {
        let changed = [("/handshakes", serde_json::json!({"per_s": 5.0}))];
        let plot = throughput(&[run("a", &changed)]).expect("connections were opened");
        assert_eq!(plot.title, "Handshakes");
    }

    #[test]
    fn steps_of_a_ramp_are_drawn_by_their_rates() {
        let step =
            |rate: f64| serde_json::json!({"rate": rate, "p50_us": rate, "p99_us": 2.0 * rate});
        let steps = serde_json::json!({"steps": [step(100.0), step(200.0), step(150.0)]});
        let plot = ramp(&[run("a", &[("/ramp", steps)])]).expect("three steps");
        let rates: Vec<f64> = plot.series[1].points.iter().map(|point| point.x).collect();
        assert_eq!(rates, [100.0, 150.0, 200.0]);
        let none = [("/ramp", serde_json::Value::Null)];
        assert!(ramp(&[run("a", &none)]).is_none());
    }

    #[test]
    fn what_was_not_measured_is_not_drawn() {
        assert!(memory(&[run("a", &[])]).is_none());
        let silent = [("/latency_us/count", serde_json::json!(0))];
        assert!(latency(&[run("a", &silent)], true).is_none());
        assert!(latency(&[], true).is_none());
    }

    #[test]
    fn earlier_reports_are_drawn_by_the_percentiles_they_have() {
        let plot = latency(&[earlier_report()], false).expect("it has latencies");
        let percentiles: Vec<f64> = plot.series[0].points.iter().map(|point| point.x).collect();
        assert_eq!(percentiles, [0.0, 50.0, 90.0, 99.0, 99.9, 99.99, 99.995]);
        let plot = throughput(&[earlier_report()]).expect("it has moments");
        // Set-up and warm-up, as it did not tell when the window began.
        assert_eq!(plot.marked, Some((1.0, 3.0, "measured")));
    }
}
