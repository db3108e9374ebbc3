//! The comparison as PERF.md has it: Markdown on standard output, row by row as it is measured.

use std::io::{self, Write};
use std::time::SystemTime;

use serde_json::Value;

use super::results::{Contestant, Results, RowResult};
use crate::failure::Failure;
use crate::machine::Host;
use crate::numbers::{grouped, median, rounded};
use crate::peers::Setup;

/// A table that grows.
#[derive(Debug)]
pub(super) struct Table {
    /// Which figure the rows so far are about.
    title: Option<String>,
}

impl Table {
    /// Prints what a reader must know of all rows.
    ///
    /// # Errors
    ///
    /// When nobody takes it.
    pub(super) fn begin(host: &Host, setups: &[Setup], how: &str) -> Result<Self, Failure> {
        let now = humantime::format_rfc3339_seconds(SystemTime::now()).to_string();
        let day = now.split('T').next().unwrap_or_default();
        // Whatever of ours takes part is one program.
        let ours = setups.iter().filter(|setup| setup.is_ours).take(1);
        let others = setups.iter().filter(|setup| !setup.is_ours);
        let versions: Vec<String> = ours.chain(others).map(Setup::name_and_version).collect();
        put(&format!(
            "{day}, {}, commit {}; {}. {how}",
            host.line(),
            env!("LOADTEST_COMMIT"),
            versions.join(", ")
        ))?;
        put("")?;
        for setup in setups {
            if !setup.about.is_empty() {
                put(&format!("- **{}**: {}.", setup.name, setup.about))?;
            }
        }
        Ok(Self { title: None })
    }

    /// Prints a row: a line for each server.
    ///
    /// # Errors
    ///
    /// When nobody takes it.
    pub(super) fn print(&mut self, row: &RowResult) -> Result<(), Failure> {
        let title = &row.figure.title;
        if self.title.as_ref() != Some(title) {
            put(&format!(
                "\n| what | server | {title} | ratio | busy | per second | p99 ms |\n|---|---|---|---|---|---|---|"
            ))?;
            self.title = Some(title.clone());
        }
        let mut name = row.name.clone();
        if let Some(rate) = row.rate {
            name.push_str(&format!(" ({} publications/s)", rounded(rate)));
        }
        if let Some(why) = &row.skipped {
            return put(&line([name.as_str(), "", why, "", "", "", ""]));
        }
        if row.rounds_done < row.rounds {
            name.push_str(&format!(
                " (ended after {} of {} rounds)",
                row.rounds_done, row.rounds
            ));
        }
        for (index, contestant) in row.contestants.iter().enumerate() {
            let name = if index == 0 { name.as_str() } else { "" };
            put(&cells(name, index == 0, contestant, row))?;
        }
        Ok(())
    }

    /// Prints what limits the figures.
    ///
    /// # Errors
    ///
    /// When nobody takes it.
    pub(super) fn end(self, results: &Results) -> Result<(), Failure> {
        let limited = results.rows.iter().filter_map(|row| {
            let by_client = row
                .contestants
                .iter()
                .filter(|one| is_limited_by_client(one));
            let names: Vec<&str> = by_client.map(|one| one.name.as_str()).collect();
            (!names.is_empty()).then(|| format!("{} ({})", row.name, names.join("; ")))
        });
        let limited: Vec<String> = limited.collect();
        if limited.is_empty() {
            return Ok(());
        }
        put(&format!(
            "\n- A client thread was busy above 90 %, so a faster client might have got more per second; core time counts all \
             the same: {}.",
            limited.join(", ")
        ))
    }
}

fn cells(name: &str, is_subject: bool, contestant: &Contestant, row: &RowResult) -> String {
    let server = contestant.name.as_str();
    if let Some(problem) = &contestant.problem {
        return line([name, server, problem, "", "", "", ""]);
    }
    let figures = contestant.figures(&row.figure.at);
    let Some(middle) = median(&figures) else {
        return line([name, server, "not measured", "", "", "", ""]);
    };
    let ratio = match row.subject() {
        Some(ours) if !is_subject => format!("{:.2}", ours / middle),
        _ => String::new(),
    };
    let of = |at: &str| median(&contestant.figures(at)).filter(|value| *value > 0.0);
    let per_second = of(&row.figure.per_second);
    let busy = match per_second {
        Some(_) => of("/server/core/busy_share").map(|share| format!("{:.1} %", share * 100.0)),
        // Of the process: other work on a core that is idle would drown it.
        None => process_share(contestant).map(|share| format!("{:.2} %", share * 100.0)),
    };
    let p99 = of("/latency_us/p99").map(|us| format!("{:.2}", us / 1_000.0));
    line([
        name,
        server,
        &spread(&figures, middle, &row.figure.unit),
        &ratio,
        &busy.unwrap_or_default(),
        &per_second.map_or_else(String::new, |value| grouped(value, 0)),
        &p99.unwrap_or_default(),
    ])
}

/// The middle one, the least and the most.
fn spread(figures: &[f64], middle: f64, unit: &str) -> String {
    if figures.len() == 1 {
        return format!("{} {unit}", rounded(middle));
    }
    let least = figures.iter().copied().fold(f64::INFINITY, f64::min);
    let most = figures.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    format!(
        "{} {unit} ({} to {})",
        rounded(middle),
        rounded(least),
        rounded(most)
    )
}

fn process_share(contestant: &Contestant) -> Option<f64> {
    let cpu_s = contestant.figures("/server/process_cpu_s");
    let window_s = contestant.figures("/window_s");
    let shares: Vec<f64> = cpu_s
        .iter()
        .zip(window_s)
        .map(|(cpu_s, window_s)| cpu_s / window_s)
        .collect();
    median(&shares)
}

fn is_limited_by_client(contestant: &Contestant) -> bool {
    let limited = contestant
        .reports
        .iter()
        .filter(|report| report["client"]["is_limit"] == Value::Bool(true));
    // More often than not.
    limited.count() * 2 > contestant.reports.len()
}

fn line(cells: [&str; 7]) -> String {
    // What ends a cell in Markdown.
    let cells = cells.map(|cell| cell.replace('|', "\\|"));
    format!("| {} |", cells.join(" | "))
        .replace("|  |", "| |")
        .replace("|  |", "| |")
}

fn put(text: &str) -> Result<(), Failure> {
    let mut out = io::stdout().lock();
    writeln!(out, "{text}")
        .and_then(|()| out.flush())
        .map_err(|error| Failure::system("cannot print the table", error))
}
