//! What was measured.

use std::rc::Rc;
use std::time::{Duration, SystemTime};

use serde::Serialize;
use serde_json::Value;

use super::TLS_VERSION;
use super::plan::{Figure, PLAIN, Row};
use crate::failure::Verdict;
use crate::machine::Host;
use crate::numbers::median;
use crate::peers::{Extras, Peer, Setup};
use crate::runner::Asked;

const SCHEMA: &str = "shardcast-loadtest-compare/1";

/// All rows.
#[derive(Debug, Serialize)]
pub(super) struct Results {
    schema: &'static str,
    pub(super) verdict: Verdict,
    /// Whether Ctrl-C ended it early.
    #[serde(rename = "interrupted")]
    is_interrupted: bool,
    /// When it began, in UTC.
    began: String,
    commit: &'static str,
    host: Host,
    setups: Vec<Setup>,
    pub(super) rows: Vec<RowResult>,
}

/// A row.
#[derive(Debug, Serialize)]
pub(super) struct RowResult {
    pub(super) name: String,
    scenario: String,
    flags: Vec<String>,
    /// Publications a second, if they are taken from another row.
    pub(super) rate: Option<f64>,
    pub(super) figure: Figure,
    pub(super) rounds: u32,
    /// Those in which every server had its turn.
    pub(super) rounds_done: u32,
    /// Why it was not measured.
    pub(super) skipped: Option<String>,
    /// The subject comes first.
    #[serde(rename = "servers")]
    pub(super) contestants: Vec<Contestant>,
}

/// A server of a row.
#[derive(Debug, Serialize)]
pub(super) struct Contestant {
    pub(super) key: String,
    pub(super) name: String,
    /// Why it has no figures.
    pub(super) problem: Option<String>,
    /// Whether it has done wrong.
    #[serde(rename = "failed")]
    pub(super) has_failed: bool,
    #[serde(serialize_with = "without_moments")]
    pub(super) reports: Vec<Value>,
    /// The server that is started for each of its runs.
    #[serde(skip)]
    pub(super) peer: Rc<Peer>,
    /// Without what the row wants of all.
    #[serde(skip)]
    is_plain: bool,
}

impl Results {
    /// Nothing yet.
    pub(super) fn new(host: Host, setups: Vec<Setup>) -> Self {
        let now = humantime::format_rfc3339_seconds(SystemTime::now());
        Self {
            schema: SCHEMA,
            verdict: Verdict::Good,
            is_interrupted: false,
            began: now.to_string(),
            commit: env!("LOADTEST_COMMIT"),
            host,
            setups,
            rows: Vec::new(),
        }
    }

    /// No more rows come.
    pub(super) fn conclude(&mut self, is_interrupted: bool) {
        self.is_interrupted = is_interrupted;
        let mut contestants = self.rows.iter().flat_map(|row| &row.contestants);
        // What others do wrong is told, and is theirs.
        let ours_fails = contestants.any(|one| one.has_failed && one.is_ours());
        let has_gap = self.rows.iter().any(RowResult::lacks_the_subject);
        self.verdict = match (ours_fails, is_interrupted || has_gap) {
            (true, _) => Verdict::Failed,
            (_, true) => Verdict::Void,
            _ => Verdict::Good,
        };
    }

    /// Writes the JSON.
    pub(super) fn to_json(&self) -> String {
        let json = serde_json::to_string_pretty(self);
        json.expect("numbers, texts and lists have a JSON form") + "\n"
    }
}

impl RowResult {
    /// Nothing yet.
    pub(super) fn new(
        row: &Row,
        figure: &Figure,
        rounds: u32,
        contestants: Vec<Contestant>,
    ) -> Self {
        Self {
            name: row.name.clone(),
            scenario: row.scenario.get_ref().clone(),
            flags: row.flags.get_ref().clone(),
            rate: None,
            figure: figure.clone(),
            rounds,
            rounds_done: 0,
            skipped: None,
            contestants,
        }
    }

    /// Forgets the last round, in which not every server had its turn.
    pub(super) fn keep_whole_rounds(&mut self) {
        for contestant in &mut self.contestants {
            contestant.reports.truncate(self.rounds_done as usize);
        }
    }

    /// The subject's median figure.
    pub(super) fn subject(&self) -> Option<f64> {
        let subject = self.contestants.first()?;
        median(&subject.figures(&self.figure.at))
    }

    fn lacks_the_subject(&self) -> bool {
        self.skipped.is_none() && self.subject().is_none()
    }
}

impl Contestant {
    /// A server that is started for each run.
    pub(super) fn of(peer: Rc<Peer>) -> Self {
        let name = match peer.threads {
            // Our own name says how many.
            threads if threads > 1 && !peer.is_ours() => {
                format!("{} ({threads} threads)", peer.name)
            }
            _ => peer.name.clone(),
        };
        Self::new(peer.key.clone(), name, peer, false)
    }

    /// The subject without what the row wants of all.
    pub(super) fn plain(peer: Rc<Peer>) -> Self {
        let name = format!("{}, plain", peer.name);
        Self::new(PLAIN.to_owned(), name, peer, true)
    }

    fn new(key: String, name: String, peer: Rc<Peer>, is_plain: bool) -> Self {
        Self {
            key,
            name,
            problem: None,
            has_failed: false,
            reports: Vec::new(),
            peer,
            is_plain,
        }
    }

    /// Its run of a row.
    pub(super) fn asked<'a>(
        &'a self,
        row: &'a Row,
        duration: Duration,
        rate: Option<f64>,
    ) -> Asked<'a> {
        let asked = row.asked(&self.peer, duration, rate);
        match self.is_plain {
            true => Asked {
                extras: Extras::default(),
                ..asked
            },
            false => asked,
        }
    }

    /// Takes the report of a run that was good, over TLS or not.
    pub(super) fn take(&mut self, report: Value, is_over_tls: bool) {
        let version = report["tls"]["version"].as_str().unwrap_or("no TLS");
        if is_over_tls && version != TLS_VERSION {
            self.problem = Some(format!("speaks {version}, not {TLS_VERSION}"));
        }
        self.reports.push(report);
    }

    /// A figure of each run that has it; none if something is wrong with this server.
    pub(super) fn figures(&self, at: &str) -> Vec<f64> {
        if self.problem.is_some() {
            return Vec::new();
        }
        let figures = self
            .reports
            .iter()
            .map(|report| report.pointer(at)?.as_f64());
        figures.flatten().collect()
    }

    fn is_ours(&self) -> bool {
        self.peer.is_ours()
    }
}

/// What happened second by second is most of a report, and its host is that of all.
fn without_moments<S: serde::Serializer>(reports: &[Value], to: S) -> Result<S::Ok, S::Error> {
    let shorter = reports.iter().map(|report| {
        let mut report = report.clone();
        if let Some(fields) = report.as_object_mut() {
            fields.retain(|name, _| !["moments", "host"].contains(&name.as_str()));
        }
        report
    });
    to.collect_seq(shorter)
}
