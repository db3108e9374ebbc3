//! `shardcast-loadtest report`: draws reports that were written as JSON.

use std::fs;
use std::path::{Path, PathBuf};

use clap::{ArgGroup, Args};

use super::charts;
use super::drawing::{Frame, draw};
use super::files::read_all;
use super::growth::Growth;
use super::html::page;
use super::plot::Plot;
use super::run::Run;
use crate::failure::Failure;

/// Arguments of `report`.
#[derive(Debug, Args)]
#[command(group = ArgGroup::new("output").args(["html", "svg"]).required(true).multiple(true))]
pub(crate) struct ReportArgs {
    /// Reports that --json has written, or files with several under "runs"; LABEL=FILE gives one a name
    #[arg(required = true, value_name = "FILE")]
    files: Vec<String>,
    /// Write a page with all of them side by side
    #[arg(long, value_name = "FILE")]
    html: Option<PathBuf>,
    /// Write each plot as a file of its own into this folder, for documents: latency.svg, throughput.svg and so on
    #[arg(long, value_name = "FOLDER")]
    svg: Option<PathBuf>,
    /// Only the runs whose name has this in it
    #[arg(long, value_name = "TEXT")]
    only: Option<String>,
    /// Plot one figure over another, both as JSON pointers into the reports, and a line for each value of SERIES, a pointer too or the word label:
    /// /server/core/ns_per_delivery:/settings/subscribers
    #[arg(long, value_name = "Y:X[:SERIES]")]
    growth: Vec<Growth>,
}

/// Draws what was asked for.
///
/// # Errors
///
/// When a file is no report, lacks a figure that is to be drawn, or cannot be written.
pub(crate) fn carry_out(args: &ReportArgs) -> Result<(), Failure> {
    let runs = read_all(&args.files, args.only.as_deref())?;
    let mut growths = Vec::new();
    for growth in &args.growth {
        growths.push((growth.file_stem(), growth.plot(&runs)?));
    }
    if let Some(folder) = &args.svg {
        fs::create_dir_all(folder).map_err(|error| Failure::cannot_write(folder, error))?;
        let plots = named_plots(&runs)
            .into_iter()
            .map(|(name, plot)| (name.to_owned(), plot));
        for (name, plot) in plots.chain(growths.iter().cloned()) {
            write(
                &folder.join(name + ".svg"),
                &(draw(&plot, Frame::Alone) + "\n"),
            )?;
        }
    }
    if let Some(path) = &args.html {
        let growths: Vec<Plot> = growths.into_iter().map(|(_, plot)| plot).collect();
        write(path, &page(&runs, &growths))?;
    }
    Ok(())
}

/// Plots by the names of their files, which documents refer to.
fn named_plots(runs: &[Run]) -> Vec<(&'static str, Plot)> {
    let plots = [
        ("latency", charts::latency(runs, true)),
        ("latency-linear", charts::latency(runs, false)),
        ("throughput", charts::throughput(runs)),
        ("latency-over-time", charts::latency_over_time(runs)),
        ("latency-by-rate", charts::ramp(runs)),
        ("connections", charts::connections(runs)),
        ("memory", charts::memory(runs)),
    ];
    plots
        .into_iter()
        .filter_map(|(name, plot)| Some((name, plot?)))
        .collect()
}

fn write(path: &Path, text: &str) -> Result<(), Failure> {
    fs::write(path, text).map_err(|error| Failure::cannot_write(path, error))
}
