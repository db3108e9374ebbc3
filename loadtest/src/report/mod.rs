//! The result of a run: one structure, printed for people or written as JSON.
//!
//! The JSON's schema is described in the README beside this crate and named in its first field; fields may be
//! added under the same name, never changed or taken away.

mod churn;
mod curve;
mod figures;
mod lines;
mod ramp;
mod series;
mod slow;
mod soak;

use std::time::{SystemTime, UNIX_EPOCH};

use churn::ChurnFigures;
use curve::Curve;
use figures::{
    Client, DeflateFigures, HandshakeFigures, Server, StormFigures, TlsFigures, WindowCounts, round,
};
pub(crate) use lines::print;
use ramp::RampFigures;
pub(crate) use series::Series;
use slow::SlowFigures;
use soak::SoakFigures;

use crate::args::Order;
use crate::checks::Faults;
use crate::failure::Verdict;
use crate::machine::Host;
use crate::plan::{Churn, Pace};
use crate::probe::Probe;
use crate::progress::Moment;
use crate::recorder::Percentiles;
use crate::run::Outcome;
use crate::soak::DriftMax;

/// What the first field of a report names.
pub(crate) const SCHEMA: &str = "shardcast-loadtest/1";

/// How far the window may be from its planned length, as a part of it.
const WINDOW_OFF_MAX: f64 = 0.2;

/// The server's process should account for this share of its core's busy time: the rest is softirq work that is
/// charged to nobody, up to 15 %, and whatever else ran there.
const PROCESS_SHARE_MIN: f64 = 0.75;

/// On a core idler than this, the ticks of the system itself are too large a part to judge by.
const OTHERS_BUSY_SHARE_MIN: f64 = 0.1;

/// Everything a run is reported by.
#[derive(Debug, serde::Serialize)]
pub(crate) struct Report {
    schema: &'static str,
    scenario: &'static str,
    /// Whether the figures count.
    pub(crate) verdict: Verdict,
    /// What a reader must know before the figures.
    notes: Vec<String>,
    /// Whether the window ended early because somebody asked for it.
    interrupted: bool,
    unix_time_s: u64,
    command_line: Vec<String>,
    version: &'static str,
    commit: &'static str,
    host: Host,
    settings: Settings,
    window_s: f64,
    setup_s: f64,
    /// When the window began, in seconds since the first connection, as moments count.
    window_at_s: f64,
    storm: Option<StormFigures>,
    slow: Option<SlowFigures>,
    ramp: Option<RampFigures>,
    churn: Option<ChurnFigures>,
    soak: Option<SoakFigures>,
    tls: Option<TlsFigures>,
    deflate: Option<DeflateFigures>,
    handshakes: Option<HandshakeFigures>,
    counts: WindowCounts,
    latency_us: Percentiles,
    latency_curve: Curve,
    server: Server,
    client: Client,
    steal_share: f64,
    faults: Faults,
    moments: Vec<Moment>,
}

#[derive(Clone, Debug, serde::Serialize)]
struct Settings {
    dialect: String,
    url: Option<String>,
    connections: usize,
    subscribers: u32,
    topics: usize,
    publishers: usize,
    payload_bytes: usize,
    /// `padding` or `json`.
    text: &'static str,
    /// Whether compression was offered.
    deflate: bool,
    burst: u32,
    /// `closed`, `open` or `silent`.
    pace: &'static str,
    window: Option<u32>,
    rate: Option<f64>,
    warmup_s: f64,
    duration_s: f64,
    /// Above this share of stolen time the figures are those of another machine's work.
    steal_share_max: f64,
    checks_only: bool,
}

impl Report {
    /// Works the figures out.
    pub(crate) fn new(order: &Settled, outcome: Outcome, probe: &Probe) -> Self {
        let (start, end) = (&outcome.window_start.0, &outcome.window_end.0);
        let window_s = (end.at - start.at).as_secs_f64();
        let counts = WindowCounts::new(&outcome, window_s);
        let server = Server::new(order.settings.connections, &outcome, probe, &counts);
        let client = Client::new(&outcome, probe);
        let steal_share = round(end.steal_share(start), 4);
        let mut report = Self {
            schema: SCHEMA,
            scenario: order.name,
            verdict: Verdict::Good,
            notes: Vec::new(),
            interrupted: outcome.interrupted,
            unix_time_s: SystemTime::now()
                .duration_since(UNIX_EPOCH)
                .map_or(0, |since| since.as_secs()),
            command_line: std::env::args().collect(),
            version: env!("CARGO_PKG_VERSION"),
            commit: env!("LOADTEST_COMMIT"),
            host: order.host.clone(),
            settings: order.settings.clone(),
            window_s: round(window_s, 3),
            setup_s: round(outcome.setup.as_secs_f64(), 3),
            window_at_s: round((start.at - outcome.before.at).as_secs_f64(), 3),
            storm: outcome.storm.as_ref().map(StormFigures::new),
            slow: outcome
                .slow
                .as_ref()
                .map(|slow| SlowFigures::new(slow, &outcome)),
            ramp: outcome.ramp.as_ref().map(RampFigures::new),
            soak: order.drift_max.map(|max| SoakFigures::new(max, &outcome)),
            churn: ChurnFigures::new(order.churn, &outcome, window_s, &server),
            tls: TlsFigures::new(&outcome),
            deflate: DeflateFigures::new(&outcome),
            handshakes: (order.name == "handshakes")
                .then(|| HandshakeFigures::new(&outcome, window_s, &server)),
            latency_us: Percentiles::of(&outcome.latencies),
            latency_curve: Curve::of(&outcome.latencies),
            counts,
            server,
            client,
            steal_share,
            faults: outcome.faults,
            moments: outcome.moments,
        };
        report.judge(outcome.trouble);
        report
    }

    /// Writes the JSON.
    pub(crate) fn to_json(&self) -> String {
        let json = serde_json::to_string_pretty(self);
        json.expect("numbers, texts and lists have a JSON form") + "\n"
    }

    fn judge(&mut self, trouble: Option<String>) {
        let disturbances = self.disturbances(trouble.is_some() || self.interrupted);
        // Who interrupts a slow schedule may be quicker than its first publication.
        let nothing_was_to_come = self.interrupted && self.counts.run_publications == 0;
        let nothing_came = self.settings.pace != "silent"
            && self.counts.run_deliveries == 0
            && !nothing_was_to_come;
        let nothing_opened = self
            .handshakes
            .as_ref()
            .is_some_and(|done| done.opened == 0);
        let breaches = self.breaches(!disturbances.is_empty());
        if self.faults.total() > 0 || nothing_came || nothing_opened || !breaches.is_empty() {
            self.verdict = Verdict::Failed;
        } else if self.interrupted || (!disturbances.is_empty() && !self.settings.checks_only) {
            // An interrupted run is never good, whatever is judged: it is not the one that was asked for.
            self.verdict = Verdict::Void;
        }
        if self.interrupted {
            self.notes.push(match self.ramp {
                Some(_) => "ended early by Ctrl-C: these are the steps so far".to_owned(),
                None => format!(
                    "ended early by Ctrl-C: {} s were measured instead of {} s",
                    self.window_s, self.settings.duration_s
                ),
            });
        }
        if nothing_came {
            self.notes.push("not one delivery came".to_owned());
        }
        if nothing_opened {
            self.notes.push("not one connection was opened".to_owned());
        }
        self.notes.extend(breaches);
        self.notes.extend(trouble);
        self.notes.extend(disturbances);
        self.warn();
    }

    /// What a scenario asks for besides right deliveries, and did not get.
    fn breaches(&self, is_disturbed: bool) -> Vec<String> {
        let mut found = Vec::new();
        if let Some(slow) = &self.slow
            && slow.held_up > 0
        {
            found.push(format!(
                "{} deliveries to those that read had not come when the stopped were read again",
                slow.held_up
            ));
        }
        if let Some(churn) = &self.churn
            && churn.unended > 0
        {
            found.push(format!(
                "{} visits never ended: the server left a subscribe or a Close frame unanswered",
                churn.unended
            ));
        }
        if let Some(ramp) = &self.ramp
            && ramp.knee.is_none()
            && !self.interrupted
        {
            found.push("no rate held: there is no knee to report".to_owned());
        }
        if let Some(soak) = &self.soak
            && !self.settings.checks_only
        {
            if soak.memory_passes {
                found.push("the server's memory grows by more than --memory-drift-max".to_owned());
            }
            // Who disturbs the machine more and more makes it slower, but its memory no larger.
            if soak.latency_passes && !is_disturbed {
                found.push("the latency rises by more than --latency-drift-max".to_owned());
            }
        }
        found
    }

    /// Why the figures do not count.
    fn disturbances(&self, ended_early: bool) -> Vec<String> {
        let mut found = Vec::new();
        if self.steal_share > self.settings.steal_share_max {
            found.push(format!(
                "the hypervisor took {:.1} % of the time for others: the figures do not count",
                self.steal_share * 100.0
            ));
        }
        let (planned_s, window_s) = (self.settings.duration_s, self.window_s);
        if !ended_early && (window_s / planned_s - 1.0).abs() > WINDOW_OFF_MAX {
            found.push(format!(
                "the window was to last {planned_s} s and lasted {window_s} s: the main thread was kept \
                 from running, and the figures do not count"
            ));
        }
        found
    }

    /// Notes what makes the figures say something else than they seem to.
    fn warn(&mut self) {
        if self
            .ramp
            .as_ref()
            .is_some_and(RampFigures::is_limited_by_client)
        {
            self.notes.push(
                "a client thread was busy above 90 % in the first step that did not hold: the knee may be that of the \
                 client (more cores for it: --client-cpu, --threads)"
                    .to_owned(),
            );
        }
        if self.soak.as_ref().is_some_and(|soak| !soak.knows_memory()) {
            self.notes.push(
                "the server's memory was not judged: --server-pid names its process".to_owned(),
            );
        }
        if let Some(churn) = &self.churn
            && churn.late > 0
        {
            self.notes.push(format!(
                "{} visits began late or not at all, because no connection was free: more --churners, or less of --churn-rate or --stay",
                churn.late
            ));
        }
        if self.client.is_limit {
            self.notes.push(
                "a client thread was busy above 90 %: it may have been the limit, not the server"
                    .to_owned(),
            );
        }
        if let (Some(core), Some(process_s)) = (&self.server.core, self.server.process_cpu_s)
            && core.busy_share > OTHERS_BUSY_SHARE_MIN
            && process_s < core.busy_s * PROCESS_SHARE_MIN
        {
            self.notes.push(format!(
                "only {:.0} % of the busy time of the server's core was the server's own: other work ran \
                 there, and is in the core time",
                process_s / core.busy_s * 100.0
            ));
        }
        if self.counts.run_unsent > 0 {
            self.notes.push(format!(
                "{} planned publications were never written: the schedule was too fast",
                self.counts.run_unsent
            ));
        }
    }
}

/// What of an [`Order`] outlives the run.
#[derive(Debug)]
pub(crate) struct Settled {
    name: &'static str,
    settings: Settings,
    churn: Option<Churn>,
    drift_max: Option<DriftMax>,
    host: Host,
}

impl Settled {
    /// Keeps what the report needs.
    pub(crate) fn new(order: &Order) -> Self {
        let topology = &order.topology;
        let (pace, window, rate) = match order.plan.pace {
            Pace::Closed { window } => ("closed", Some(window), None),
            Pace::Open { rate } => ("open", None, Some(rate)),
            Pace::Silent => ("silent", None, None),
        };
        Self {
            name: order.name,
            churn: order.plan.churn,
            drift_max: order.drift_max,
            // Asked now: later this thread is pinned, and knows of one core only.
            host: Host::of_this_machine(),
            settings: Settings {
                dialect: order.common.dialect.name(),
                url: (!order.has_own_server).then(|| order.common.url(order.speech).to_owned()),
                connections: topology.clients.len(),
                subscribers: topology.topics.iter().map(|topic| topic.subscribers).sum(),
                topics: topology.topics.len(),
                publishers: topology.publishers.len(),
                payload_bytes: order.payload_bytes,
                text: order.text.name(),
                deflate: order.common.deflate,
                burst: order.plan.burst,
                pace,
                window,
                rate,
                warmup_s: order.plan.warmup.as_secs_f64(),
                duration_s: order.plan.duration.as_secs_f64(),
                steal_share_max: order.common.max_steal / 100.0,
                checks_only: order.common.checks_only,
            },
        }
    }
}
