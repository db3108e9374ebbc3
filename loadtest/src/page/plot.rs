//! What a plot shows: axes, lines, and what is said where a pointer rests on it. How it is drawn is in `drawing`.

use super::scale::Scale;
use crate::unit::Unit;

/// Lines over an axis.
#[derive(Clone, Debug)]
pub(super) struct Plot {
    /// What it shows, in a few words.
    pub(super) title: String,
    /// The axis from left to right.
    pub(super) x: Axis,
    /// The axis from bottom to top.
    pub(super) y: Axis,
    /// Its lines.
    pub(super) series: Vec<Series>,
    /// A part of the horizontal axis that is marked, and how.
    pub(super) marked: Option<(f64, f64, &'static str)>,
}

/// One axis.
#[derive(Clone, Debug)]
pub(super) struct Axis {
    /// What it counts.
    pub(super) label: String,
    /// How values are laid out.
    pub(super) scale: Scale,
    /// How they are written.
    pub(super) values: Values,
}

/// How the values of an axis are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Values {
    /// With a unit.
    In(Unit),
    /// As percentiles.
    Percentiles,
}

/// One line.
#[derive(Clone, Debug, Default)]
pub(super) struct Series {
    /// What it is called.
    pub(super) name: String,
    /// Its points from left to right.
    pub(super) points: Vec<Point>,
}

/// A point of a line.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Point {
    /// The value on the horizontal axis.
    pub(super) x: f64,
    /// The value on the vertical axis.
    pub(super) y: f64,
    /// The least and the most of what `y` is the median of, if it is one.
    pub(super) range: Option<(f64, f64)>,
}

/// What is said where a pointer rests on a plot.
#[derive(Clone, Debug)]
pub(super) struct Readout {
    /// Where, from 0 at the left end to 1 at the right one.
    pub(super) place: f64,
    /// How far around it.
    pub(super) width: f64,
    /// The value on the horizontal axis.
    pub(super) x: String,
    /// Name and value of each line, with the number of its style.
    pub(super) values: Vec<(usize, String)>,
}

impl Axis {
    /// A value beside the axis.
    pub(super) fn tick(&self, value: f64) -> String {
        match self.values {
            Values::In(unit) => unit.tick(value),
            Values::Percentiles => format!("{value}"),
        }
    }

    /// A value on its own.
    pub(super) fn text(&self, value: f64) -> String {
        match self.values {
            Values::In(unit) => unit.text(value),
            Values::Percentiles => format!("{} %", (value * 1e4).round() / 1e4),
        }
    }
}

impl Series {
    /// A line of these points.
    pub(super) fn new(name: impl Into<String>, points: impl Iterator<Item = (f64, f64)>) -> Self {
        let point = |(x, y)| Point { x, y, range: None };
        Self {
            name: name.into(),
            points: points.map(point).collect(),
        }
    }

    /// The largest value, ranges included; `None` of nothing.
    pub(super) fn largest(&self) -> Option<f64> {
        let highest = |point: &Point| point.range.map_or(point.y, |(_, most)| most);
        self.points.iter().map(highest).reduce(f64::max)
    }

    /// The smallest value above 0.
    pub(super) fn smallest_above_zero(&self) -> Option<f64> {
        let lowest = |point: &Point| point.range.map_or(point.y, |(least, _)| least);
        let above = self.points.iter().map(lowest).filter(|value| *value > 0.0);
        above.reduce(f64::min)
    }

    /// Where the line goes on a plot of these scales, both from 0 to 1: what lies beyond the right end is cut off
    /// there.
    pub(super) fn places(&self, x: &Scale, y: &Scale) -> Vec<(f64, f64)> {
        let mut places: Vec<(f64, f64)> = Vec::new();
        for point in &self.points {
            let (Some(at), Some(height)) = (x.place(point.x), y.place(point.y)) else {
                continue;
            };
            if at > 1.0 {
                if let Some((before, low)) = places.last().copied()
                    && before < 1.0
                {
                    let part = (1.0 - before) / (at - before);
                    places.push((1.0, low + (height - low) * part));
                }
                break;
            }
            places.push((at, height));
        }
        places
    }
}

impl Plot {
    /// What is said at `count` places.
    pub(super) fn readouts(&self, count: usize) -> Vec<Readout> {
        // Places where a line has a point, so that a pointer finds what was measured and nothing between.
        let mut taken: Vec<Option<(f64, f64)>> = vec![None; count];
        for point in self.series.iter().flat_map(|series| &series.points) {
            let Some(place) = self.x.scale.place(point.x) else {
                continue;
            };
            if (0.0..=1.0).contains(&place) {
                let slot = ((place * count as f64) as usize).min(count - 1);
                taken[slot].get_or_insert((place, point.x));
            }
        }
        let taken: Vec<(f64, f64)> = taken.into_iter().flatten().collect();
        let mut readouts = Vec::new();
        for (at, (place, x)) in taken.iter().enumerate() {
            // As far as half the way to the next one, so that there is no gap between them.
            let left = at
                .checked_sub(1)
                .map_or(0.0, |before| (taken[before].0 + place) / 2.0);
            let right = taken.get(at + 1).map_or(1.0, |next| (next.0 + place) / 2.0);
            readouts.push(Readout {
                place: *place,
                width: right - left,
                x: self.x.text(*x),
                values: self.values_at(*x),
            });
        }
        readouts
    }

    fn values_at(&self, x: f64) -> Vec<(usize, String)> {
        let mut values = Vec::new();
        for (style, series) in self.series.iter().enumerate() {
            let near = |point: &&Point| self.x.scale.place(point.x).map(|at| (at, point.y));
            let Some(wanted) = self.x.scale.place(x) else {
                continue;
            };
            let nearest = series
                .points
                .iter()
                .filter_map(|point| near(&point))
                .min_by(|a, b| (a.0 - wanted).abs().total_cmp(&(b.0 - wanted).abs()));
            if let Some((_, y)) = nearest {
                let value = self.y.text(y);
                let text = match series.name.as_str() {
                    "" => value,
                    name => format!("{value}  {name}"),
                };
                values.push((style, text));
            }
        }
        values
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn series(points: &[(f64, f64)]) -> Series {
        Series::new("a", points.iter().copied())
    }

    #[test]
    fn line_is_cut_off_at_the_right_end() {
        let x = Scale::Linear {
            min: 0.0,
            max: 10.0,
            step: 5.0,
        };
        let line = series(&[(0.0, 0.0), (5.0, 5.0), (15.0, 10.0), (20.0, 10.0)]);
        assert_eq!(line.places(&x, &x), [(0.0, 0.0), (0.5, 0.5), (1.0, 0.75)]);
        let far = Scale::percentile(1_000, 5.0);
        let line = series(&[(0.0, 0.0), (100.0, 10.0)]);
        assert_eq!(line.places(&far, &x), [(0.0, 0.0)]);
    }

    #[test]
    fn bounds_look_at_ranges_and_leave_zero_out() {
        let mut line = series(&[(0.0, 0.0), (1.0, 4.0)]);
        assert_eq!(line.smallest_above_zero(), Some(4.0));
        line.points[1].range = Some((3.0, 6.0));
        assert_eq!(line.smallest_above_zero(), Some(3.0));
        assert_eq!(line.largest(), Some(6.0));
        assert_eq!(Series::default().largest(), None);
    }

    #[test]
    fn readouts_lie_side_by_side_over_the_whole_plot() {
        let axis = |max| Axis {
            label: String::new(),
            scale: Scale::time(max, 5),
            values: Values::In(Unit::Seconds),
        };
        let plot = Plot {
            title: String::new(),
            x: axis(10.0),
            y: axis(8.0),
            series: vec![
                series(&[(1.0, 2.0), (5.0, 4.0), (9.0, 8.0)]),
                series(&[(5.1, 3.0)]),
            ],
            marked: None,
        };
        let readouts = plot.readouts(20);
        let width: f64 = readouts.iter().map(|readout| readout.width).sum();
        assert!((width - 1.0).abs() < 1e-9, "{readouts:?}");
        assert_eq!(readouts.len(), 3, "{readouts:?}");
        assert_eq!(readouts[1].x, "5.00 s");
        let texts: Vec<&str> = readouts[1].values.iter().map(|(_, text)| &**text).collect();
        assert_eq!(texts, ["4.00 s  a", "3.00 s  a"]);
    }
}
