//! The runs of a file, and whether their figures keep within its limits.

mod file;
mod verdicts;

use std::fs;
use std::path::{Path, PathBuf};

use clap::Args;
use serde_json::{Value, json};

use self::file::{Entry, Plan, ServerOf};
use self::verdicts::{Judged, judge};
use crate::failure::{Failure, Verdict};
use crate::machine::Host;
use crate::peers::{Catalogue, DESCRIPTIONS, Installer};
use crate::progress::Progress;
use crate::runner::{Against, Measured, Runner, RunnerArgs};
use crate::written::Written;

const SCHEMA: &str = "shardcast-loadtest-run/1";

/// Arguments of `run`.
#[derive(Debug, Args)]
pub(crate) struct LimitsArgs {
    /// The runs, and the limits of their figures
    #[arg(value_name = "FILE.toml")]
    file: PathBuf,
    /// The server's endpoint, instead of what the file says of the server
    #[arg(long)]
    url: Option<String>,
    /// Rounds of all runs; the median of a figure is held against its limits [default: as the file says]
    #[arg(long, value_parser = clap::value_parser!(u32).range(1..=1000))]
    rounds: Option<u32>,
    /// Where servers are described that the file names [default: loadtest/peers]
    #[arg(long, value_name = "FOLDER")]
    descriptions: Option<PathBuf>,
    #[command(flatten)]
    runner: RunnerArgs,
    /// Write what came of it here as JSON, too
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
}

/// What has become of an entry.
#[derive(Debug)]
pub(crate) struct Done<'a> {
    entry: &'a Entry,
    /// Of the runs that count.
    reports: Vec<Value>,
    /// Why there are not as many as there should be, and whether it is the server's fault.
    problem: Option<(String, Verdict)>,
}

/// Makes the runs, and judges them.
///
/// # Errors
///
/// When the file is wrong, the server is not there, or the harness itself fails.
pub(crate) fn run(args: &LimitsArgs) -> Result<Verdict, Failure> {
    let host = Host::of_this_machine();
    let written = Written::read(&args.file)?;
    let plan: Plan = written.parse()?;
    let folder = args.descriptions.as_deref();
    let catalogue = || Catalogue::read(folder.unwrap_or_else(|| Path::new(DESCRIPTIONS)));
    let server = plan.server(&written, args.url.as_deref(), catalogue)?;
    let runner = Runner::new(&args.runner, matches!(server, ServerOf::Started(_)))?;
    plan.check(&written, &server, &runner)?;
    if let ServerOf::Started(peer) = &server {
        let places = runner.places();
        let installer = Installer {
            runner: &runner,
            places,
        };
        if !installer.is_installed(peer) {
            installer.install(peer)?;
        }
    }
    let mut progress = Progress::on_stderr();
    let entries = plan.entries.iter();
    let mut done: Vec<Done<'_>> = entries.map(Done::nothing).collect();
    let rounds = args.rounds.unwrap_or(plan.rounds);
    for round in 1..=rounds {
        for one in done.iter_mut().filter(|one| one.problem.is_none()) {
            let name = one.entry.name.get_ref();
            progress.step(&format!("{name}, round {round} of {rounds}"));
            one.measure(&server, &runner, &mut progress)?;
        }
    }
    progress.clear();
    let judged = judge(&written, &done)?;
    verdicts::print(&host, &done, &judged)
        .map_err(|error| Failure::system("cannot print the verdicts", error))?;
    let verdict = verdict(&done, &judged, runner.is_interrupted());
    if let Some(path) = &args.json {
        fs::write(path, to_json(&host, &done, &judged, verdict))
            .map_err(|error| Failure::cannot_write(path, error))?;
    }
    Ok(verdict)
}

impl<'a> Done<'a> {
    fn nothing(entry: &'a Entry) -> Self {
        Self {
            entry,
            reports: Vec::new(),
            problem: None,
        }
    }

    fn measure(
        &mut self,
        server: &ServerOf,
        runner: &Runner,
        progress: &mut Progress,
    ) -> Result<(), Failure> {
        if runner.is_interrupted() {
            self.problem = Some(("interrupted".to_owned(), Verdict::Void));
            return Ok(());
        }
        let asked = self.entry.asked(server);
        self.problem = match runner.measure(&asked, progress)? {
            Measured::Good(report) => {
                self.reports.push(report);
                None
            }
            Measured::Faulty(why, report) => {
                self.reports.push(report);
                Some((format!("failed: {why}"), Verdict::Failed))
            }
            Measured::Void(why) => Some((why, Verdict::Void)),
            Measured::Interrupted => Some(("interrupted".to_owned(), Verdict::Void)),
        };
        if let Some((why, _)) = &self.problem {
            progress.say(&format!("{}: {why}", self.entry.name.get_ref()));
        }
        Ok(())
    }
}

/// Failed if anything was wrong for certain; void if something could not be told.
fn verdict(done: &[Done<'_>], judged: &[Judged], is_interrupted: bool) -> Verdict {
    let problems = done
        .iter()
        .filter_map(|one| one.problem.as_ref().map(|(_, verdict)| *verdict));
    let breaches = judged.iter().map(|one| match one.holds {
        Some(true) => Verdict::Good,
        Some(false) => Verdict::Failed,
        None => Verdict::Void,
    });
    let all: Vec<Verdict> = problems.chain(breaches).collect();
    match (all.contains(&Verdict::Failed), all.contains(&Verdict::Void)) {
        (true, _) => Verdict::Failed,
        (_, true) => Verdict::Void,
        _ if is_interrupted => Verdict::Void,
        _ => Verdict::Good,
    }
}

fn to_json(host: &Host, done: &[Done<'_>], judged: &[Judged], verdict: Verdict) -> String {
    let runs = done.iter().map(|one| {
        json!({
            "name": one.entry.name.get_ref(),
            "problem": one.problem.as_ref().map(|(why, _)| why),
            "reports": one.reports,
        })
    });
    let all = json!({
        "schema": SCHEMA,
        "verdict": verdict,
        "commit": env!("LOADTEST_COMMIT"),
        "host": host,
        "runs": runs.collect::<Vec<_>>(),
        "limits": judged,
    });
    format!("{all:#}\n")
}

impl Entry {
    fn against<'a>(&self, server: &'a ServerOf) -> Against<'a> {
        match server {
            _ if self.has_own_server() => Against::Its,
            ServerOf::Started(peer) => Against::Started(peer),
            ServerOf::There { url, dialect } => Against::There { url, dialect },
            ServerOf::None => Against::Its,
        }
    }
}
