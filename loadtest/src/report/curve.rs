//! The whole distribution of latencies, dense where few are left, so that it can be drawn from the report.

use hdrhistogram::Histogram;
use serde::Serializer;
use serde::ser::Error;
use serde_json::value::RawValue;

use crate::recorder::micros;

/// Points for each halving of what is left above: a curve of a billion latencies has some 250.
const POINTS_PER_HALVING: u32 = 8;

/// Percentiles that people ask for, which a table must not read off a point beside them.
const ASKED_FOR: [f64; 9] = [50.0, 75.0, 90.0, 95.0, 99.0, 99.5, 99.9, 99.99, 99.999];

/// A percentile, the latency in microseconds that so many are not above, and how many these are.
type Point = (f64, f64, u64);

/// Points from the least latency to the largest.
#[derive(Clone, Debug)]
pub(super) struct Curve(Vec<Point>);

impl Curve {
    /// Reads it off a histogram of nanoseconds; empty of an empty one.
    pub(super) fn of(histogram: &Histogram<u64>) -> Self {
        if histogram.is_empty() {
            return Self(Vec::new());
        }
        // Where the percentiles begin; the iterator starts with the least latency's own share.
        let mut points = vec![(0.0, micros(histogram.min()), 0)];
        let mut below = 0;
        for step in histogram.iter_quantiles(POINTS_PER_HALVING) {
            below += step.count_since_last_iteration();
            let percentile = 100.0 * step.quantile_iterated_to();
            if percentile > 0.0 {
                let value = step.value_iterated_to().min(histogram.max());
                points.push((round(percentile), micros(value), below));
            }
        }
        for percentile in ASKED_FOR {
            let value = histogram.value_at_quantile(percentile / 100.0);
            points.push((percentile, micros(value), histogram.count_between(0, value)));
        }
        points.sort_by(|a, b| a.0.total_cmp(&b.0));
        points.dedup_by(|a, b| a.0 == b.0);
        Self(points)
    }
}

impl serde::Serialize for Curve {
    /// One point on a line, where pretty JSON would take five.
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let points: Result<Vec<String>, _> = self.0.iter().map(serde_json::to_string).collect();
        let points = points.map_err(S::Error::custom)?.join(",\n    ");
        let text = match points.as_str() {
            "" => "[]".to_owned(),
            points => format!("[\n    {points}\n  ]"),
        };
        let raw = RawValue::from_string(text).map_err(S::Error::custom)?;
        raw.serialize(serializer)
    }
}

/// Nine digits after the point tell the percentiles of a hundred billion latencies apart.
fn round(percentile: f64) -> f64 {
    (percentile * 1e9).round() / 1e9
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::recorder;

    #[test]
    fn curve_is_dense_bounded_and_rises() {
        let mut histogram = recorder::empty();
        for us in 1..=200_000 {
            histogram.record(us * 1_000).expect("within the bounds");
        }
        // As many as a run of hours brings.
        histogram.record_n(5_000, 10_000_000_000).expect("bounds");
        let Curve(points) = Curve::of(&histogram);
        assert!((100..500).contains(&points.len()), "{}", points.len());
        assert_eq!(points[0].0, 0.0);
        let last = points.last().expect("one");
        assert_eq!((last.0, last.2), (100.0, 10_000_200_000));
        assert!((last.1 - 200_000.0).abs() < 200.0, "{last:?}");
        for pair in points.windows(2) {
            assert!(pair[0].0 < pair[1].0, "{pair:?}");
            assert!(pair[0].1 <= pair[1].1, "{pair:?}");
            assert!(pair[0].2 <= pair[1].2, "{pair:?}");
        }
        // Between any two of the percentiles that people ask for there are some.
        for (from, to) in [(50.0, 90.0), (99.9, 99.99), (99.99, 99.999)] {
            let between = points.iter().filter(|point| (from..to).contains(&point.0));
            assert!(between.count() >= 8, "{from} to {to}");
        }
    }

    #[test]
    fn points_are_what_the_histogram_says() {
        let mut histogram = recorder::empty();
        for us in 1..=1_000 {
            histogram.record(us * 1_000).expect("within the bounds");
        }
        let Curve(points) = Curve::of(&histogram);
        for (percentile, us, count) in points {
            let expected = micros(histogram.value_at_quantile(percentile / 100.0));
            assert!(
                (us - expected).abs() <= expected / 500.0,
                "{percentile}: {us}"
            );
            let below = histogram.count_between(0, (us * 1_000.0) as u64);
            assert!(
                percentile == 0.0 || count.abs_diff(below) <= 1,
                "{percentile}: {count}"
            );
        }
    }

    #[test]
    fn each_point_is_a_line_of_the_json() {
        let mut histogram = recorder::empty();
        histogram.record(7_000).expect("within the bounds");
        let json = serde_json::to_string_pretty(&Curve::of(&histogram)).expect("JSON");
        assert!(
            json.contains("\n    [0.0,6.66,0],\n    [50.0,7.17,1],\n"),
            "{json}"
        );
        let json = serde_json::to_string(&Curve::of(&recorder::empty())).expect("JSON");
        assert_eq!(json, "[]");
    }
}
