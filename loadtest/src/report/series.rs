//! The same run several times: what is usual, and how far it varies.

use std::io;

use serde::{Serialize, Serializer};

use super::lines::print_rows;
use super::{Report, SCHEMA};
use crate::failure::{Failure, Verdict};
use crate::numbers::median;

/// Void runs that are repeated: a machine that is disturbed more often is disturbed for good.
const REPEATED_MAX: usize = 3;

/// Reports of equal runs, and what they come to.
#[derive(Debug, serde::Serialize)]
pub(crate) struct Series {
    schema: &'static str,
    scenario: &'static str,
    /// That of the worst run.
    pub(crate) verdict: Verdict,
    notes: Vec<String>,
    /// How many runs were asked for.
    runs_asked: usize,
    summary: Summary,
    runs: Vec<Report>,
}

/// A main figure of a run.
#[derive(Debug)]
struct Figure {
    /// Its name in JSON.
    key: &'static str,
    /// Its name for people.
    name: &'static str,
    of: fn(&Report) -> Option<f64>,
}

/// Where the main figures lie, of those that all runs have.
#[derive(Debug)]
struct Summary(Vec<(&'static Figure, Option<Range>)>);

/// Where the values of a figure lie.
#[derive(Clone, Copy, Debug, PartialEq, serde::Serialize)]
struct Range {
    median: f64,
    min: f64,
    max: f64,
}

impl Series {
    /// Runs as often as is asked for. A void run is repeated a few times; one that failed, or was interrupted, is the last.
    ///
    /// # Errors
    ///
    /// Those of the first run that cannot be measured.
    pub(crate) fn of(
        runs_asked: usize,
        mut run: impl FnMut(usize) -> Result<Report, Failure>,
    ) -> Result<Self, Failure> {
        let mut runs: Vec<Report> = Vec::new();
        let mut notes = Vec::new();
        while runs.len() < runs_asked {
            let number = runs.len() + 1;
            let report = run(number)?;
            let is_void = report.verdict == Verdict::Void && !report.interrupted;
            if is_void && notes.len() < REPEATED_MAX {
                let why = report.notes.join("; ");
                notes.push(format!("run {number} was void and is repeated: {why}"));
                continue;
            }
            let is_last = report.verdict != Verdict::Good;
            runs.push(report);
            if is_last {
                break;
            }
        }
        for (number, report) in (1..).zip(&runs) {
            let said = report.notes.iter();
            notes.extend(said.map(|note| format!("run {number}: {note}")));
        }
        Ok(Self {
            schema: SCHEMA,
            scenario: runs.first().map_or("", |run| run.scenario),
            verdict: runs.last().map_or(Verdict::Void, |run| run.verdict),
            notes,
            runs_asked,
            summary: Summary::of(&runs),
            runs,
        })
    }

    /// The only run, if one was asked for: it needs no summary.
    ///
    /// # Errors
    ///
    /// The series, if it is one.
    pub(crate) fn into_only_run(mut self) -> Result<Report, Box<Self>> {
        match (self.runs_asked, self.runs.pop()) {
            (1, Some(run)) => Ok(run),
            (_, last) => {
                self.runs.extend(last);
                Err(Box::new(self))
            }
        }
    }

    /// The JSON of each run.
    pub(crate) fn reports(&self) -> Vec<String> {
        self.runs.iter().map(Report::to_json).collect()
    }

    /// Writes the JSON.
    pub(crate) fn to_json(&self) -> String {
        let json = serde_json::to_string_pretty(self);
        json.expect("numbers, texts and lists have a JSON form") + "\n"
    }

    /// Prints the series on standard output.
    ///
    /// # Errors
    ///
    /// When nobody takes it.
    pub(crate) fn print(&self) -> io::Result<()> {
        print_rows(&self.rows(), self.verdict)
    }

    fn rows(&self) -> Vec<(&'static str, String)> {
        let mut rows = vec![(
            "series",
            format!(
                "{}, {} of {} runs",
                self.scenario,
                self.runs.len(),
                self.runs_asked
            ),
        )];
        for (number, run) in (1..).zip(&self.runs) {
            let figures = self.summary.known();
            let figures: Vec<String> = figures
                .filter_map(|(figure, _)| Some((figure.name, (figure.of)(run)?)))
                .map(|(name, value)| format!("{name} {}", short(value)))
                .collect();
            rows.push(("run", format!("{number}: {}", figures.join(", "))));
        }
        for (figure, Range { median, min, max }) in self.summary.known() {
            let (median, min, max) = (short(median), short(min), short(max));
            rows.push((figure.name, format!("median {median}, from {min} to {max}")));
        }
        if let Some(run) = self.runs.first() {
            rows.push(("host", run.host.line()));
            rows.push(("built from", format!("{} {}", run.version, run.commit)));
            rows.push(("command", run.command_line.join(" ")));
            rows.extend(run.server.command_line.clone().map(|line| ("server", line)));
        }
        rows.extend(self.notes.iter().map(|note| ("note", note.clone())));
        let samples = self.runs.iter().flat_map(|run| &run.faults.samples);
        rows.extend(samples.map(|sample| ("fault", sample.clone())));
        let last = self.runs.last().map(super::lines::verdict);
        rows.push((
            "verdict",
            match self.verdict {
                Verdict::Good => format!("good: all {} runs", self.runs.len()),
                _ => format!("run {}: {}", self.runs.len(), last.unwrap_or_default()),
            },
        ));
        rows
    }
}

static FIGURES: [Figure; 13] = [
    figure("core_ns_per_delivery", "core ns per delivery", |run| {
        run.server.core.as_ref()?.ns_per_delivery
    }),
    figure(
        "process_ns_per_delivery",
        "process ns per delivery",
        |run| run.server.process_ns_per_delivery,
    ),
    figure("publications_per_s", "publications/s", |run| {
        positive(run.counts.publications_per_s)
    }),
    figure("deliveries_per_s", "deliveries/s", |run| {
        positive(run.counts.deliveries_per_s)
    }),
    figure("p50_us", "p50, us", |run| positive(run.latency_us.p50)),
    figure("p99_us", "p99, us", |run| positive(run.latency_us.p99)),
    figure("bytes_per_connection", "bytes per connection", |run| {
        Some(run.server.memory.as_ref()?.bytes_per_connection)
    }),
    figure("end_rss_bytes", "server memory, bytes", |run| {
        Some(run.server.memory.as_ref()?.end_bytes as f64)
    }),
    figure("handshakes_per_s", "handshakes/s", |run| {
        Some(run.handshakes.as_ref()?.per_s)
    }),
    figure("core_ns_per_handshake", "core ns per handshake", |run| {
        run.handshakes.as_ref()?.core_ns_each
    }),
    figure("visits_per_s", "visits/s", |run| {
        Some(run.churn.as_ref()?.per_s)
    }),
    figure("subscribed_p99_us", "subscribed p99, us", |run| {
        Some(run.churn.as_ref()?.subscribed_us.p99)
    }),
    figure("slow_p99_ratio", "slow p99 ratio", |run| {
        run.slow.as_ref()?.p99_ratio
    }),
];

const fn figure(key: &'static str, name: &'static str, of: fn(&Report) -> Option<f64>) -> Figure {
    Figure { key, name, of }
}

impl Summary {
    fn of(runs: &[Report]) -> Self {
        let ranges = FIGURES.iter().map(|figure| {
            let values: Option<Vec<f64>> = runs.iter().map(figure.of).collect();
            (figure, values.and_then(Range::of))
        });
        Self(ranges.collect())
    }

    /// The figures that all runs have.
    fn known(&self) -> impl Iterator<Item = (&'static Figure, Range)> {
        self.0
            .iter()
            .filter_map(|(figure, range)| Some((*figure, (*range)?)))
    }
}

impl Serialize for Summary {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.0.iter().map(|(figure, range)| (figure.key, range)))
    }
}

impl Range {
    /// `None` of nothing.
    fn of(mut values: Vec<f64>) -> Option<Self> {
        values.sort_unstable_by(f64::total_cmp);
        Some(Self {
            median: median(&values)?,
            min: *values.first()?,
            max: *values.last()?,
        })
    }
}

fn positive(value: f64) -> Option<f64> {
    (value > 0.0).then_some(value)
}

/// As many digits as tell runs apart.
fn short(value: f64) -> String {
    match value.abs() {
        0.0..10.0 => format!("{value:.3}"),
        10.0..1_000.0 => format!("{value:.1}"),
        _ => format!("{value:.0}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_range_has_the_middle_and_both_ends() {
        let range = |median, min, max| Some(Range { median, min, max });
        assert_eq!(Range::of(vec![3.0, 1.0, 2.0]), range(2.0, 1.0, 3.0));
        assert_eq!(Range::of(vec![4.0, 1.0]), range(2.5, 1.0, 4.0));
        assert_eq!(Range::of(vec![7.0]), range(7.0, 7.0, 7.0));
        assert_eq!(Range::of(Vec::new()), None);
    }
}
