//! Servers side by side: each row of a plan is put to all of them in turns, round after round.
//!
//! Cores that are shared drift by a third within an hour, so what counts is the ratio of medians of rounds in which
//! every server had its turn.

mod line_up;
mod plan;
mod results;
mod table;

use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use clap::Args;

use self::line_up::{Choice, line_up};
use self::plan::{BUILT_IN, Plan, Row};
use self::results::{Contestant, Results, RowResult};
use self::table::Table;
use crate::failure::{Failure, Verdict};
use crate::machine::Host;
use crate::numbers::median;
use crate::peers::{Catalogue, DESCRIPTIONS, Installer};
use crate::progress::Progress;
use crate::runner::{Measured, Runner, RunnerArgs};
use crate::written::Written;

/// What a run takes besides its measured time: its start, the warm-up, its end.
const BESIDES: Duration = Duration::from_secs(4);

/// What each connection has spoken over TLS: versions differ in what a handshake costs.
const TLS_VERSION: &str = "TLSv1_3";

/// Arguments of `compare`.
#[derive(Debug, Args)]
pub(crate) struct CompareArgs {
    /// The rows to measure [default: those of PERF.md]
    #[arg(value_name = "PLAN.toml")]
    plan: Option<PathBuf>,
    /// Who takes part beside the plan's subject: names of descriptions, or files; `plain` is a name, too. They are
    /// installed if need be [default: all that are installed, and whom the rows name]
    #[arg(long, value_name = "NAME", value_delimiter = ',')]
    peers: Vec<String>,
    /// Install all that are described
    #[arg(long)]
    install: bool,
    /// Rows whose name has this in it [default: all]
    #[arg(long, value_name = "TEXT", value_delimiter = ',')]
    rows: Vec<String>,
    /// Runs of each server in each row [default: as the plan says]
    #[arg(long, value_parser = clap::value_parser!(u32).range(1..=1000))]
    rounds: Option<u32>,
    /// The measured time of each run [default: as the plan says]
    #[arg(long, value_parser = humantime::parse_duration)]
    duration: Option<Duration>,
    /// Where servers are described [default: loadtest/peers]
    #[arg(long, value_name = "FOLDER")]
    descriptions: Option<PathBuf>,
    #[command(flatten)]
    runner: RunnerArgs,
    /// Write what was measured here as JSON, too
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
}

/// A comparison on its way.
#[derive(Debug)]
struct Comparison<'a> {
    args: &'a CompareArgs,
    plan: &'a Plan,
    runner: &'a Runner,
    progress: Progress,
    /// What all runs take, and what of it is done, as planned.
    planned: Duration,
    done: Duration,
    begun: Instant,
}

/// Measures and prints.
///
/// # Errors
///
/// When the plan or a description is wrong, a server cannot be installed, or the harness itself fails.
pub(crate) fn compare(args: &CompareArgs) -> Result<Verdict, Failure> {
    let host = Host::of_this_machine();
    let folder = args.descriptions.as_deref();
    let catalogue = Catalogue::read(folder.unwrap_or_else(|| Path::new(DESCRIPTIONS)))?;
    let runner = Runner::new(&args.runner, true)?;
    let written = match &args.plan {
        Some(path) => Written::read(path)?,
        None => Written::new(BUILT_IN.0, BUILT_IN.1),
    };
    let plan = Plan::read(&written, &catalogue, &runner)?;
    let installer = Installer {
        runner: &runner,
        places: runner.places(),
    };
    let choice = Choice::new(&args.peers, args.install, &catalogue, &installer)?;
    let rows = plan.chosen(&args.rows);
    if rows.is_empty() {
        let names: Vec<&str> = plan.rows.iter().map(|row| row.name.as_str()).collect();
        let why = format!(
            "--rows: no row has that in its name; they are: {}",
            names.join("; ")
        );
        return Err(Failure::Usage(why));
    }
    let mut results = Vec::new();
    for row in rows {
        let contestants = line_up(row, &plan, &catalogue, &choice)?;
        results.push((row, contestants));
    }
    let mut comparison = Comparison {
        args,
        plan: &plan,
        runner: &runner,
        progress: Progress::on_stderr(),
        planned: Duration::ZERO,
        done: Duration::ZERO,
        begun: Instant::now(),
    };
    comparison.planned = results
        .iter()
        .map(|(row, contestants)| {
            let runs = contestants.len() as u32 * comparison.rounds(row);
            (comparison.duration(row) + BESIDES) * runs
        })
        .sum();
    let everybody = results.iter().flat_map(|(_, contestants)| contestants);
    let servers = installer.setups(everybody.map(|one| &one.peer));
    let mut table = Table::begin(&host, &servers, &comparison.how())?;
    let mut all = Results::new(host, servers);
    for (row, contestants) in results {
        let result = comparison.measure(row, contestants, &all)?;
        comparison.progress.clear();
        table.print(&result)?;
        all.rows.push(result);
        if runner.is_interrupted() {
            break;
        }
    }
    all.conclude(runner.is_interrupted());
    table.end(&all)?;
    if let Some(path) = &args.json {
        fs::write(path, all.to_json()).map_err(|error| Failure::cannot_write(path, error))?;
    }
    Ok(all.verdict)
}

impl Comparison<'_> {
    /// All rounds of a row.
    fn measure(
        &mut self,
        row: &Row,
        contestants: Vec<Contestant>,
        earlier: &Results,
    ) -> Result<RowResult, Failure> {
        let rounds = self.rounds(row);
        let mut result = RowResult::new(row, self.plan.figure(row), rounds, contestants);
        let rate = match rate_of(row, earlier) {
            Ok(rate) => rate,
            Err(why) => {
                result.skipped = Some(why);
                return Ok(result);
            }
        };
        result.rate = rate;
        let duration = self.duration(row);
        for round in 1..=rounds {
            for (place, contestant) in result.contestants.iter_mut().enumerate() {
                self.done += duration + BESIDES;
                if contestant.problem.is_some() {
                    continue;
                }
                self.say(row, &contestant.name, (round, rounds));
                let asked = contestant.asked(row, duration, rate);
                let measured = match self.runner.measure(&asked, &mut self.progress) {
                    // Flags that are wrong have been found with the subject, who comes first: this is what
                    // clients of this one cannot do.
                    Err(Failure::Usage(why)) if place > 0 => Measured::Void(why),
                    measured => measured?,
                };
                match measured {
                    Measured::Good(report) => contestant.take(report, asked.extras.tls),
                    Measured::Faulty(why, report) => {
                        contestant.has_failed = true;
                        contestant.problem = Some(format!("fails: {why}"));
                        contestant.reports.push(report);
                    }
                    Measured::Void(why) => contestant.problem = Some(why),
                    Measured::Interrupted => {
                        result.keep_whole_rounds();
                        return Ok(result);
                    }
                }
                if let Some(problem) = &contestant.problem {
                    let name = &contestant.name;
                    self.progress
                        .say(&format!("{}: {name}: {problem}", row.name));
                }
            }
            result.rounds_done = round;
        }
        Ok(result)
    }

    fn rounds(&self, row: &Row) -> u32 {
        let planned = row.rounds.unwrap_or(self.plan.rounds);
        self.args.rounds.unwrap_or(planned)
    }

    fn duration(&self, row: &Row) -> Duration {
        let planned = row.duration.unwrap_or(self.plan.duration);
        self.args.duration.unwrap_or(planned)
    }

    /// How it is measured, in words.
    fn how(&self) -> String {
        let rounds = self.args.rounds.unwrap_or(self.plan.rounds);
        let duration = self.args.duration.unwrap_or(self.plan.duration);
        let duration = humantime::format_duration(duration);
        let but = match (self.args.rounds, self.args.duration) {
            (Some(_), Some(_)) => "",
            _ => ", unless a row says otherwise",
        };
        let cores = self.runner.cores();
        let runs = match rounds {
            1 => format!("One run of {duration} each"),
            _ => format!("Median of {rounds} runs of {duration} in turns (least to most)"),
        };
        format!("{runs}{but}; {cores}.")
    }

    fn say(&mut self, row: &Row, name: &str, (round, rounds): (u32, u32)) {
        let duration = self.duration(row) + BESIDES;
        let done = self.done.saturating_sub(duration);
        // As long as the runs so far have taken, compared with what was planned for them.
        let pace = match done.is_zero() {
            true => 1.0,
            false => self.begun.elapsed().as_secs_f64() / done.as_secs_f64(),
        };
        let left = self.planned.saturating_sub(done).as_secs_f64() * pace;
        let left = humantime::format_duration(Duration::from_secs(left as u64));
        self.progress.step(&format!(
            "{}: {name}, round {round} of {rounds}, {left} left",
            row.name
        ));
    }
}

/// The rate that a row takes from an earlier one, if it takes one.
fn rate_of(row: &Row, earlier: &Results) -> Result<Option<f64>, String> {
    let Some(rate_of) = &row.rate_of else {
        return Ok(None);
    };
    let (name, peer) = (rate_of.row.get_ref(), &rate_of.peer);
    let other = earlier.rows.iter().find(|other| other.name == *name);
    let contestants = other.map_or(&[][..], |other| &other.contestants);
    let figures = contestants
        .iter()
        .find(|contestant| contestant.key == *peer && contestant.problem.is_none())
        .map(|contestant| contestant.figures(&rate_of.at));
    match figures.as_deref().and_then(median) {
        Some(rate) if rate > 0.0 => Ok(Some(rate * rate_of.share.get_ref())),
        _ => Err(format!(
            "not measured: it takes its rate from {peer}, which has none in {name:?}"
        )),
    }
}
