//! Figures against their limits.

use std::io::{self, Write};

use serde::Serialize;
use serde_json::Value;

use super::Done;
use super::file::Limit;
use crate::failure::Failure;
use crate::machine::Host;
use crate::numbers::{median, rounded};
use crate::written::Written;

/// One bound of a figure, and whether it holds.
#[derive(Debug, Serialize)]
pub(super) struct Judged {
    run: String,
    figure: String,
    /// The median of all rounds; `None` if it was not measured.
    value: Option<f64>,
    /// In words.
    limit: String,
    /// What the value is to that of another run.
    ratio: Option<f64>,
    /// `None` if it cannot be told.
    pub(super) holds: Option<bool>,
}

/// Holds every figure against its limits.
///
/// # Errors
///
/// [`Failure::Usage`] with the line of a figure that no report has.
pub(super) fn judge(written: &Written, done: &[Done<'_>]) -> Result<Vec<Judged>, Failure> {
    let mut judged = Vec::new();
    for one in done {
        for limit in &one.entry.limits {
            if let Some(report) = one.reports.first() {
                let is_known = is_figure(report, limit.figure.get_ref());
                is_known.map_err(|why| written.complaint(limit.figure.span(), why))?;
            }
            judged.extend(judge_one(one, limit, done));
        }
    }
    Ok(judged)
}

fn judge_one(one: &Done<'_>, limit: &Limit, done: &[Done<'_>]) -> Vec<Judged> {
    let figure = limit.figure.get_ref();
    let value = one.figure(figure);
    let verdict = |limit: String, ratio: Option<f64>, holds: Option<bool>| Judged {
        run: one.entry.name.get_ref().clone(),
        figure: figure.clone(),
        value,
        limit,
        ratio,
        holds,
    };
    let mut judged = Vec::new();
    if let Some(max) = limit.max {
        let holds = value.map(|value| value <= max);
        judged.push(verdict(format!("at most {}", rounded(max)), None, holds));
    }
    if let Some(min) = limit.min {
        let holds = value.map(|value| value >= min);
        judged.push(verdict(format!("at least {}", rounded(min)), None, holds));
    }
    let Some(to) = &limit.to else {
        return judged;
    };
    let other = done.iter().find(|other| other.entry.name == *to);
    let base = other.and_then(|other| other.figure(figure));
    // Nothing is so many times nothing: what a ratio to 0 is cannot be told.
    let base = base.filter(|base| *base != 0.0);
    let ratio = value.zip(base).map(|(value, base)| value / base);
    let of = match base {
        Some(base) => format!("{}'s {}", to.get_ref(), rounded(base)),
        None => format!("{}'s, which was not measured", to.get_ref()),
    };
    if let Some(max) = limit.max_ratio {
        let holds = ratio.map(|ratio| ratio <= max);
        judged.push(verdict(format!("at most {max} times {of}"), ratio, holds));
    }
    if let Some(min) = limit.min_ratio {
        let holds = ratio.map(|ratio| ratio >= min);
        judged.push(verdict(format!("at least {min} times {of}"), ratio, holds));
    }
    judged
}

impl Done<'_> {
    /// The median of a figure; `None` if a run is missing or wrong, or did not measure it.
    fn figure(&self, at: &str) -> Option<f64> {
        if self.problem.is_some() {
            return None;
        }
        let figures = self
            .reports
            .iter()
            .map(|report| report.pointer(at)?.as_f64());
        median(&figures.flatten().collect::<Vec<f64>>())
    }
}

/// Whether a report has such a number, measured or not.
fn is_figure(report: &Value, at: &str) -> Result<(), String> {
    match report.pointer(at) {
        Some(Value::Number(_) | Value::Null) => Ok(()),
        Some(_) => Err(format!("{at} of a report is no number")),
        // What stands in a part of the report that is left out as a whole.
        None if above(at).any(|above| report.pointer(above) == Some(&Value::Null)) => Ok(()),
        None => Err(format!(
            "a report has no {at}: loadtest/README.md lists what it has"
        )),
    }
}

/// The pointers to what a pointer's target lies in.
fn above(at: &str) -> impl Iterator<Item = &str> {
    at.match_indices('/').skip(1).map(|(end, _)| &at[..end])
}

/// Prints what became of each run that has no figures, and of each limit.
///
/// # Errors
///
/// When nobody takes it.
pub(super) fn print(host: &Host, done: &[Done<'_>], judged: &[Judged]) -> io::Result<()> {
    let mut out = io::stdout().lock();
    writeln!(out, "{}, commit {}", host.line(), env!("LOADTEST_COMMIT"))?;
    writeln!(out)?;
    writeln!(out, "| run | figure | value | limit | verdict |")?;
    writeln!(out, "|---|---|---|---|---|")?;
    for one in done {
        let name = one.entry.name.get_ref();
        let rounds = one.reports.len();
        match &one.problem {
            Some((why, _)) => writeln!(out, "| {name} | deliveries | | all right | {why} |")?,
            None => writeln!(
                out,
                "| {name} | deliveries | {rounds} of {rounds} runs | all right | holds |"
            )?,
        }
        for limit in judged.iter().filter(|limit| limit.run == *name) {
            let value = limit.value.map_or_else(String::new, rounded);
            let times = limit
                .ratio
                .map_or_else(String::new, |ratio| format!(" ({ratio:.2} times)"));
            let verdict = match limit.holds {
                Some(true) => "holds",
                Some(false) => "BREACH",
                None => "not measured",
            };
            let Judged { figure, limit, .. } = limit;
            writeln!(out, "| | {figure} | {value}{times} | {limit} | {verdict} |")?;
        }
    }
    out.flush()
}
