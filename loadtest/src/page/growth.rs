//! One figure of many reports over another: what grows with what.

use std::collections::BTreeMap;
use std::str::FromStr;

use super::charts::vertical;
use super::figure::Figure;
use super::plot::{Axis, Plot, Point, Series, Values};
use super::run::{Run, plain};
use super::scale::Scale;
use crate::failure::Failure;
use crate::numbers::median;

/// Settings that grow by more than this are chosen by ratios.
const RATIO_LINEAR_MAX: f64 = 20.0;

/// Stands for what a run is called, where its report does not tell what it is about.
const LABEL: &str = "label";

const STEPS: usize = 5;

/// Which figure over which, and which reports belong to one line: JSON pointers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Growth {
    y: String,
    x: String,
    series: Option<String>,
}

impl FromStr for Growth {
    type Err = String;

    /// `Y:X` or `Y:X:SERIES`.
    fn from_str(text: &str) -> Result<Self, String> {
        let parts: Vec<&str> = text.split(':').collect();
        let is_label = |at| at == 2 && parts[at] == LABEL;
        let wrong = parts
            .iter()
            .enumerate()
            .find(|(at, part)| !part.starts_with('/') && !is_label(*at));
        if let Some((_, wrong)) = wrong {
            return Err(format!(
                "{wrong:?} is no JSON pointer, which begins with a slash: \
                 /server/core/ns_per_delivery:/settings/subscribers"
            ));
        }
        let (y, x, series) = match parts.as_slice() {
            [y, x] => (y, x, None),
            [y, x, series] => (y, x, Some((*series).to_owned())),
            _ => {
                return Err(
                    "give two or three JSON pointers with colons between: Y:X:SERIES".into(),
                );
            }
        };
        Ok(Self {
            y: (*y).to_owned(),
            x: (*x).to_owned(),
            series,
        })
    }
}

impl Growth {
    /// The name of its file, without the ending: made of the two fields.
    pub(super) fn file_stem(&self) -> String {
        let field = |pointer: &str| {
            let last = pointer.rsplit('/').next().unwrap_or_default();
            let kept = |c: char| if c.is_ascii_alphanumeric() { c } else { '_' };
            last.chars().map(kept).collect::<String>()
        };
        format!("{}-over-{}", field(&self.y), field(&self.x))
    }

    /// Draws it. Reports of the same line and the same place become one point: their median, with the least and the
    /// most.
    ///
    /// # Errors
    ///
    /// When a report lacks one of the figures.
    pub(super) fn plot(&self, runs: &[Run]) -> Result<Plot, Failure> {
        let (x, y) = (Figure::at(&self.x), Figure::at(&self.y));
        let number = |run: &Run, pointer: &str| {
            run.number(pointer).ok_or_else(|| {
                Failure::Usage(format!(
                    "--growth: the report {} has no number at {pointer}: it was not measured there, or the field is \
                     called otherwise (loadtest/README.md lists them)",
                    run.label
                ))
            })
        };
        let mut lines: Vec<(String, BTreeMap<u64, Vec<f64>>)> = Vec::new();
        for run in runs {
            let name = match self.series.as_deref() {
                None => String::new(),
                Some(LABEL) => run.kind.clone(),
                Some(pointer) => plain(run.value(pointer)),
            };
            let (at, value) = (number(run, &self.x)?, number(run, &self.y)?);
            let known = lines.iter().position(|(known, _)| *known == name);
            let index = known.unwrap_or_else(|| {
                lines.push((name, BTreeMap::new()));
                lines.len() - 1
            });
            // Bits of numbers that are not negative sort as the numbers do.
            let key = at.max(0.0).to_bits();
            lines[index].1.entry(key).or_default().push(value);
        }
        let series: Vec<Series> = lines
            .into_iter()
            .map(|(name, points)| Series {
                name,
                points: points
                    .into_iter()
                    .map(|(at, values)| median_point(f64::from_bits(at), values))
                    .collect(),
            })
            .collect();
        let empty = || Failure::Usage(format!("--growth: nothing at {} is above 0", self.y));
        let is_log = |ratio: f64| ratio > 50.0;
        let vertical = vertical(&series, y.unit, is_log).ok_or_else(empty)?;
        let horizontal = horizontal(&series, &x);
        Ok(Plot {
            title: capitalized(&format!("{} over {}", y.name, x.name)),
            x: Axis {
                label: x.name,
                scale: horizontal,
                values: Values::In(x.unit),
            },
            y: Axis {
                label: y.name,
                scale: vertical,
                values: Values::In(y.unit),
            },
            series,
            marked: None,
        })
    }
}

fn capitalized(text: &str) -> String {
    let mut letters = text.chars();
    let first = letters.next().into_iter().flat_map(char::to_uppercase);
    first.chain(letters).collect()
}

fn horizontal(series: &[Series], x: &Figure) -> Scale {
    let values = || {
        series
            .iter()
            .flat_map(|series| &series.points)
            .map(|point| point.x)
    };
    let most = values().fold(0.0, f64::max);
    let least = values().fold(f64::INFINITY, f64::min);
    if least > 0.0 && most / least > RATIO_LINEAR_MAX {
        return Scale::log(least, most);
    }
    Scale::from_zero(most, x.unit, STEPS)
}

fn median_point(x: f64, mut values: Vec<f64>) -> Point {
    values.sort_unstable_by(f64::total_cmp);
    let range = (values.len() > 1).then(|| (values[0], values[values.len() - 1]));
    Point {
        x,
        y: median(&values).unwrap_or_default(),
        range,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::page::tests::run;

    const COST: &str = "/server/core/ns_per_delivery:/settings/subscribers:/settings/dialect";

    fn runs() -> Vec<Run> {
        let one = |subscribers: u64, ns: f64, dialect: &str| {
            let changed = [
                ("/settings/subscribers", json!(subscribers)),
                ("/server/core/ns_per_delivery", json!(ns)),
                ("/settings/dialect", json!(dialect)),
            ];
            run("a", &changed)
        };
        vec![
            one(1_000, 40.0, "strav"),
            one(10, 50.0, "strav"),
            one(1_000, 30.0, "strav"),
            one(1_000, 37.0, "strav"),
            one(10, 20.0, "ignis"),
        ]
    }

    #[test]
    fn reports_of_one_place_become_their_median() {
        let growth: Growth = COST.parse().expect("three pointers");
        let plot = growth.plot(&runs()).expect("all there");
        assert_eq!(plot.title, "Core time per delivery over subscribers");
        assert_eq!(growth.file_stem(), "ns_per_delivery-over-subscribers");
        let [strav, ignis] = plot.series.as_slice() else {
            panic!("two dialects: {:?}", plot.series);
        };
        let point = |x, y, range| Point { x, y, range };
        let expected = [
            point(10.0, 50.0, None),
            point(1_000.0, 37.0, Some((30.0, 40.0))),
        ];
        assert_eq!((&*strav.name, &*strav.points), ("strav", &expected[..]));
        assert_eq!(
            (&*ignis.name, &*ignis.points),
            ("ignis", &[point(10.0, 20.0, None)][..])
        );
        assert!(matches!(plot.x.scale, Scale::Log { .. }), "a hundred times");
        assert_eq!(plot.y.scale.place(0.0), Some(0.0));
    }

    #[test]
    fn lines_may_be_of_runs_that_are_called_the_same() {
        let growth: Growth = "/latency_us/p50:/settings/subscribers:label"
            .parse()
            .expect("it is right");
        let mut runs = runs();
        runs[1].label = "a (2)".to_owned();
        runs[2].kind = "b".to_owned();
        let plot = growth.plot(&runs).expect("all there");
        let names: Vec<&str> = plot.series.iter().map(|series| &*series.name).collect();
        assert_eq!(names, ["a", "b"]);
    }

    #[test]
    fn missing_figures_are_named() {
        let growth: Growth = "/server/core/ns_per_hour:/settings/topics"
            .parse()
            .expect("two");
        let Err(failure) = growth.plot(&runs()) else {
            panic!("there is no such figure");
        };
        assert!(
            failure.to_string().contains("/server/core/ns_per_hour"),
            "{failure}"
        );
    }

    #[test]
    fn pointers_are_told_from_other_words() {
        assert!("/a:/b:label".parse::<Growth>().is_ok());
        for wrong in ["", "a", "/a", "/a:b", "/a:/b:c", "/a:label", "/a:/b:/c:/d"] {
            assert!(wrong.parse::<Growth>().is_err(), "{wrong}");
        }
    }
}
