//! The result of a run: one structure, printed for people or written as JSON.
//!
//! The JSON's schema is described in the README beside this crate and named in its first field; fields may be
//! added under the same name, never changed or taken away.

mod lines;

use std::time::{SystemTime, UNIX_EPOCH};

pub(crate) use lines::print;

use crate::args::Order;
use crate::checks::Faults;
use crate::cpu::{CoreTicks, tick_ns};
use crate::failure::Verdict;
use crate::machine::Host;
use crate::plan::Pace;
use crate::probe::{Probe, Sample};
use crate::progress::Moment;
use crate::recorder::Percentiles;
use crate::run::Outcome;

const SCHEMA: &str = "shardcast-loadtest/1";

/// The server's process should account for this share of its core's busy time: the rest is softirq work that is
/// charged to nobody, up to 15 %, and whatever else ran there.
const PROCESS_SHARE_MIN: f64 = 0.75;

/// On a core idler than this, the ticks of the system itself are too large a part to judge by.
const OTHERS_BUSY_SHARE_MIN: f64 = 0.1;

/// A client thread busier than this may have been what limited the run.
const CLIENT_BUSY_SHARE_MAX: f64 = 0.9;

/// Everything a run is reported by.
#[derive(Debug, serde::Serialize)]
pub(crate) struct Report {
    schema: &'static str,
    scenario: &'static str,
    /// Whether the figures count.
    pub(crate) verdict: Verdict,
    /// What a reader must know before the figures.
    notes: Vec<String>,
    unix_time_s: u64,
    command_line: Vec<String>,
    version: &'static str,
    commit: &'static str,
    host: Host,
    settings: Settings,
    window_s: f64,
    setup_s: f64,
    counts: WindowCounts,
    latency_us: Percentiles,
    server: Server,
    client: Client,
    steal_share: f64,
    faults: Faults,
    moments: Vec<Moment>,
}

#[derive(Clone, Debug, serde::Serialize)]
struct Settings {
    url: Option<String>,
    connections: usize,
    subscribers: u32,
    topics: usize,
    publishers: usize,
    payload_bytes: usize,
    burst: u32,
    /// `closed`, `open` or `silent`.
    pace: &'static str,
    window: Option<u32>,
    rate: Option<f64>,
    warmup_s: f64,
    duration_s: f64,
    /// Above this share of stolen time the figures are those of another machine's work.
    steal_share_max: f64,
}

/// Counts of the measured window, and of the whole run where it says so.
#[derive(Debug, serde::Serialize)]
struct WindowCounts {
    publications: u64,
    publications_per_s: f64,
    deliveries: u64,
    deliveries_per_s: f64,
    received_bytes: u64,
    run_publications: u64,
    run_deliveries: u64,
    /// Publications that the schedule had and that were never written.
    run_unsent: u64,
}

/// What the server used.
#[derive(Debug, serde::Serialize)]
struct Server {
    pid: Option<i32>,
    command_line: Option<String>,
    cpus: Vec<usize>,
    core: Option<Core>,
    process_cpu_s: Option<f64>,
    process_ns_per_delivery: Option<f64>,
    /// Sends of the floor's own server, and the core time of each.
    sends: Option<u64>,
    core_ns_per_send: Option<f64>,
    memory: Option<Memory>,
}

/// Busy time of the server's cores.
#[derive(Debug, serde::Serialize)]
struct Core {
    busy_s: f64,
    busy_share: f64,
    softirq_share: f64,
    ns_per_delivery: Option<f64>,
    ns_per_publication: Option<f64>,
}

/// Resident memory of the server's process.
#[derive(Debug, serde::Serialize)]
struct Memory {
    before_bytes: u64,
    connected_bytes: u64,
    end_bytes: u64,
    /// From before the first connection to the window's start, shared out.
    bytes_per_connection: f64,
}

/// How busy this process was.
#[derive(Debug, serde::Serialize)]
struct Client {
    cpus: Vec<usize>,
    core_busy_share: Option<f64>,
    thread_busy_shares: Vec<f64>,
    /// Whether the client may have been what limited the run.
    is_limit: bool,
}

impl Report {
    /// Works the figures out.
    pub(crate) fn new(order: &Settled, outcome: Outcome, probe: &Probe) -> Self {
        let (start, start_counts) = &outcome.window_start;
        let (end, end_counts) = &outcome.window_end;
        let window_s = (end.at - start.at).as_secs_f64();
        let publications = end_counts.published - start_counts.published;
        let deliveries = end_counts.delivered - start_counts.delivered;
        let counts = WindowCounts {
            publications,
            publications_per_s: round(publications as f64 / window_s, 1),
            deliveries,
            deliveries_per_s: round(deliveries as f64 / window_s, 1),
            received_bytes: end_counts.bytes - start_counts.bytes,
            run_publications: outcome.last.published,
            run_deliveries: outcome.last.delivered,
            run_unsent: outcome.last.owed,
        };
        let server = Server::new(order, &outcome, probe, &counts);
        let client = Client::new(start, end, window_s, probe);
        let steal_share = round(steal_share(start, end), 4);
        let mut report = Self {
            schema: SCHEMA,
            scenario: order.name,
            verdict: Verdict::Good,
            notes: Vec::new(),
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
            latency_us: Percentiles::of(&outcome.latencies),
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
        self.notes.extend(trouble);
        if self.client.is_limit {
            self.notes.push(
                "the client was busy above 90 %: it may have been the limit, not the server"
                    .to_owned(),
            );
        }
        if let (Some(core), Some(process_s)) = (&self.server.core, self.server.process_cpu_s)
            && core.busy_share > OTHERS_BUSY_SHARE_MIN
            && process_s < core.busy_s * PROCESS_SHARE_MIN
        {
            self.notes.push(format!(
                "only {:.0} % of the busy time of the server's core was the server's own: other work ran \
                 there, and is in the core time per delivery",
                process_s / core.busy_s * 100.0
            ));
        }
        if self.counts.run_unsent > 0 {
            self.notes.push(format!(
                "{} planned publications were never written: the schedule was too fast",
                self.counts.run_unsent
            ));
        }
        let nothing_came = self.settings.pace != "silent" && self.counts.run_deliveries == 0;
        if self.faults.total() > 0 || nothing_came {
            self.verdict = Verdict::Failed;
            if nothing_came {
                self.notes.push("not one delivery came".to_owned());
            }
        } else if self.steal_share > self.settings.steal_share_max {
            self.verdict = Verdict::Void;
            self.notes.push(format!(
                "the hypervisor took {:.1} % of the time for others: the figures do not count",
                self.steal_share * 100.0
            ));
        }
    }
}

/// What of an [`Order`] outlives the run.
#[derive(Debug)]
pub(crate) struct Settled {
    name: &'static str,
    settings: Settings,
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
            // Asked now: later this thread is pinned, and knows of one core only.
            host: Host::of_this_machine(),
            settings: Settings {
                url: (!order.has_own_server).then(|| order.common.url.clone()),
                connections: topology.clients.len(),
                subscribers: topology.topics.iter().map(|topic| topic.subscribers).sum(),
                topics: topology.topics.len(),
                publishers: topology.publishers.len(),
                payload_bytes: order.payload_bytes,
                burst: order.plan.burst,
                pace,
                window,
                rate,
                warmup_s: order.plan.warmup.as_secs_f64(),
                duration_s: order.plan.duration.as_secs_f64(),
                steal_share_max: order.common.max_steal / 100.0,
            },
        }
    }
}

impl Server {
    fn new(settled: &Settled, outcome: &Outcome, probe: &Probe, counts: &WindowCounts) -> Self {
        let (start, end) = (&outcome.window_start.0, &outcome.window_end.0);
        let per_delivery = |ns: f64| {
            let count = counts.deliveries;
            (count > 0).then(|| round(ns / count as f64, 1))
        };
        let cores = end.server_cores.zip(start.server_cores);
        let core_ticks = cores.map(|(end, start)| end - start);
        let core = core_ticks.map(|ticks| {
            let busy_ns = ns(ticks.busy);
            Core {
                busy_s: round(busy_ns / 1e9, 3),
                busy_share: round(ticks.share(ticks.busy), 4),
                softirq_share: round(ticks.share(ticks.softirq), 4),
                ns_per_delivery: per_delivery(busy_ns),
                ns_per_publication: (counts.publications > 0)
                    .then(|| round(busy_ns / counts.publications as f64, 1)),
            }
        });
        let process = end.server.zip(start.server);
        let process_ns = process.map(|((end, _), (start, _))| ns(end.saturating_sub(start)));
        let sends = end.sends.zip(start.sends).map(|(end, start)| end - start);
        Self {
            pid: probe.server_pid,
            command_line: probe.server_command(),
            cpus: probe.server_cpus.clone(),
            core,
            process_cpu_s: process_ns.map(|ns| round(ns / 1e9, 3)),
            process_ns_per_delivery: process_ns.and_then(per_delivery),
            sends,
            core_ns_per_send: core_ticks
                .zip(sends)
                .map(|(ticks, sends)| round(ns(ticks.busy) / sends.max(1) as f64, 1)),
            memory: Memory::new(&outcome.before, start, end, settled.settings.connections),
        }
    }
}

impl Memory {
    fn new(before: &Sample, start: &Sample, end: &Sample, connections: usize) -> Option<Self> {
        let [before, start, end] = [before, start, end].map(|sample| sample.server);
        let (before, connected, end) = (before?.1, start?.1, end?.1);
        let grown = connected as f64 - before as f64;
        Some(Self {
            before_bytes: before,
            connected_bytes: connected,
            end_bytes: end,
            bytes_per_connection: round(grown / connections.max(1) as f64, 1),
        })
    }
}

impl Client {
    fn new(start: &Sample, end: &Sample, window_s: f64, probe: &Probe) -> Self {
        let threads = end.threads.iter().zip(&start.threads);
        let shares: Vec<f64> = threads
            .map(|(end, start)| round(ns(end.saturating_sub(*start)) / 1e9 / window_s, 4))
            .collect();
        let cores = end.client_cores.zip(start.client_cores);
        let core_busy_share = cores.map(|(end, start)| {
            let ticks = end - start;
            round(ticks.share(ticks.busy), 4)
        });
        let is_limit = shares.iter().any(|share| *share > CLIENT_BUSY_SHARE_MAX);
        Self {
            cpus: probe.client_cpus.clone(),
            core_busy_share,
            thread_busy_shares: shares,
            is_limit,
        }
    }
}

/// The largest share of stolen time among the cores that matter.
fn steal_share(start: &Sample, end: &Sample) -> f64 {
    let share = |(end, start): (CoreTicks, CoreTicks)| {
        let ticks = end - start;
        ticks.share(ticks.steal)
    };
    let known = [
        end.server_cores.zip(start.server_cores),
        end.client_cores.zip(start.client_cores),
    ];
    let known: Vec<f64> = known.into_iter().flatten().map(share).collect();
    match known.as_slice() {
        [] => share((end.all_cores, start.all_cores)),
        shares => shares.iter().copied().fold(0.0, f64::max),
    }
}

fn ns(ticks: u64) -> f64 {
    (ticks * tick_ns()) as f64
}

fn round(value: f64, digits: i32) -> f64 {
    let scale = 10_f64.powi(digits);
    (value * scale).round() / scale
}
