//! The figures of a report, worked out from what was seen at the edges of the window.

use crate::cpu::tick_ns;
use crate::probe::{CLIENT_BUSY_SHARE_MAX, Probe, Sample};
use crate::run::Outcome;
use crate::storm::Storm;

/// Counts of the measured window, and of the whole run where it says so.
#[derive(Debug, serde::Serialize)]
pub(super) struct WindowCounts {
    pub(super) publications: u64,
    pub(super) publications_per_s: f64,
    pub(super) deliveries: u64,
    pub(super) deliveries_per_s: f64,
    pub(super) received_bytes: u64,
    pub(super) run_publications: u64,
    pub(super) run_deliveries: u64,
    /// Publications that the schedule had and that were never written.
    pub(super) run_unsent: u64,
    /// Bytes of all connections, from the handshake to the Close frame that ends each.
    pub(super) run_received_bytes: u64,
    pub(super) run_sent_bytes: u64,
}

/// What compression came to in the measured window.
#[derive(Debug, serde::Serialize)]
pub(super) struct DeflateFigures {
    /// Whether messages may refer to those before them, as the server has agreed.
    pub(super) server_keeps_context: bool,
    pub(super) server_window_bits: u8,
    /// Messages that came compressed; the others are small, or the server had its reasons.
    pub(super) messages: u64,
    /// Bytes of their payloads on the wire.
    pub(super) compressed_bytes: u64,
    /// Bytes of the same messages once they were inflated.
    pub(super) inflated_bytes: u64,
    pub(super) compressed_share: Option<f64>,
}

/// What TLS came to.
#[derive(Debug, serde::Serialize)]
pub(super) struct TlsFigures {
    pub(super) version: &'static str,
    pub(super) cipher_suite: &'static str,
    /// Connections of the whole run that began with a ticket of an earlier one.
    pub(super) run_resumed: u64,
}

/// Connections that were opened and closed, of the measured window.
#[derive(Debug, serde::Serialize)]
pub(super) struct HandshakeFigures {
    pub(super) opened: u64,
    pub(super) per_s: f64,
    /// Those that began with a ticket.
    pub(super) resumed: u64,
    /// Core time for each, from its first packet to its end.
    pub(super) core_ns_each: Option<f64>,
    pub(super) process_ns_each: Option<f64>,
}

/// How the clients of a killed server came back.
#[derive(Debug, serde::Serialize)]
pub(super) struct StormFigures {
    /// From SIGKILL until the process was gone.
    pub(super) gone_s: f64,
    /// From the start of its successor until the first client was as far as before, and so on.
    pub(super) first_s: f64,
    pub(super) half_s: f64,
    pub(super) p99_s: f64,
    pub(super) all_s: f64,
    /// Attempts to connect, until all were back.
    pub(super) attempts: u64,
    /// Those that found nobody listening.
    pub(super) refused: u64,
    /// Those that were cut before the client was as far as before.
    pub(super) cut: u64,
}

/// What the server used.
#[derive(Debug, serde::Serialize)]
pub(super) struct Server {
    pub(super) pid: Option<i32>,
    pub(super) command_line: Option<String>,
    pub(super) cpus: Vec<usize>,
    pub(super) core: Option<Core>,
    pub(super) process_cpu_s: Option<f64>,
    pub(super) process_ns_per_delivery: Option<f64>,
    /// Sends of the floor's own server, and the core time of each.
    pub(super) sends: Option<u64>,
    pub(super) core_ns_per_send: Option<f64>,
    pub(super) memory: Option<Memory>,
}

/// Busy time of the server's cores.
#[derive(Debug, serde::Serialize)]
pub(super) struct Core {
    pub(super) busy_s: f64,
    pub(super) busy_share: f64,
    pub(super) softirq_share: f64,
    pub(super) ns_per_delivery: Option<f64>,
    pub(super) ns_per_publication: Option<f64>,
}

/// Resident memory of the server's process.
#[derive(Debug, serde::Serialize)]
pub(super) struct Memory {
    pub(super) before_bytes: u64,
    pub(super) connected_bytes: u64,
    pub(super) end_bytes: u64,
    /// From before the first connection to the window's start, shared out.
    pub(super) bytes_per_connection: f64,
}

/// How busy this process was.
#[derive(Debug, serde::Serialize)]
pub(super) struct Client {
    pub(super) cpus: Vec<usize>,
    pub(super) core_busy_share: Option<f64>,
    pub(super) thread_busy_shares: Vec<f64>,
    /// Whether each thread had a descriptor table of its own, because that of the process was too small.
    pub(super) own_descriptor_tables: bool,
    /// Whether the client may have been what limited the run.
    pub(super) is_limit: bool,
}

impl WindowCounts {
    /// Works them out.
    pub(super) fn new(outcome: &Outcome, window_s: f64) -> Self {
        let (start, end) = (&outcome.window_start.1, &outcome.window_end.1);
        let publications = end.published - start.published;
        let deliveries = end.delivered - start.delivered;
        Self {
            publications,
            publications_per_s: round(publications as f64 / window_s, 1),
            deliveries,
            deliveries_per_s: round(deliveries as f64 / window_s, 1),
            received_bytes: end.bytes - start.bytes,
            run_publications: outcome.last.published,
            run_deliveries: outcome.last.delivered,
            run_unsent: outcome.last.owed,
            run_received_bytes: outcome.last.bytes,
            run_sent_bytes: outcome.last.sent_bytes,
        }
    }
}

impl DeflateFigures {
    /// Works them out; `None` if nothing was agreed on.
    pub(super) fn new(outcome: &Outcome) -> Option<Self> {
        let agreement = outcome.terms?.agreement?;
        let (start, end) = (&outcome.window_start.1, &outcome.window_end.1);
        let came = end.inflated - start.inflated;
        let share = came.compressed_bytes as f64 / came.text_bytes as f64;
        Some(Self {
            server_keeps_context: agreement.server_keeps_context,
            server_window_bits: agreement.server_window_bits,
            messages: came.messages,
            compressed_bytes: came.compressed_bytes,
            inflated_bytes: came.text_bytes,
            compressed_share: (came.text_bytes > 0).then(|| round(share, 4)),
        })
    }
}

impl TlsFigures {
    /// Works them out; `None` if there was none.
    pub(super) fn new(outcome: &Outcome) -> Option<Self> {
        let secured = outcome.terms?.secured?;
        Some(Self {
            version: secured.version,
            cipher_suite: secured.cipher_suite,
            run_resumed: outcome.last.resumed,
        })
    }
}

impl HandshakeFigures {
    /// Works them out.
    pub(super) fn new(outcome: &Outcome, window_s: f64, server: &Server) -> Self {
        let (start, end) = (&outcome.window_start.1, &outcome.window_end.1);
        let opened = end.opened - start.opened;
        let ns_each = |s: f64| (opened > 0).then(|| round(s * 1e9 / opened as f64, 1));
        Self {
            opened,
            per_s: round(opened as f64 / window_s, 1),
            resumed: end.resumed - start.resumed,
            core_ns_each: server.core.as_ref().and_then(|core| ns_each(core.busy_s)),
            process_ns_each: server.process_cpu_s.and_then(ns_each),
        }
    }
}

impl StormFigures {
    /// Works them out; everybody has come back.
    pub(super) fn new(storm: &Storm) -> Self {
        let mut returned_ns = storm.returned_ns.clone();
        returned_ns.sort_unstable();
        let at = |share: f64| {
            let last = returned_ns.len().saturating_sub(1);
            let ns = returned_ns.get((last as f64 * share) as usize);
            let ns = ns.map_or(0, |ns| ns.saturating_sub(storm.restarted_ns));
            round(ns as f64 / 1e9, 3)
        };
        let [before, after] = storm.counts;
        let attempts = after.attempts - before.attempts;
        let refused = after.refused - before.refused;
        Self {
            gone_s: round(storm.gone.as_secs_f64(), 3),
            first_s: at(0.0),
            half_s: at(0.5),
            p99_s: at(0.99),
            all_s: at(1.0),
            attempts,
            refused,
            cut: attempts.saturating_sub(refused + after.returned),
        }
    }
}

impl Server {
    /// Works them out.
    pub(super) fn new(
        connections: usize,
        outcome: &Outcome,
        probe: &Probe,
        counts: &WindowCounts,
    ) -> Self {
        let (start, end) = (&outcome.window_start.0, &outcome.window_end.0);
        let per_delivery = |ns: f64| {
            let count = counts.deliveries;
            (count > 0).then(|| round(ns / count as f64, 1))
        };
        let cores = end.server_cores.zip(start.server_cores);
        let core_ticks = cores.map(|(end, start)| end - start);
        let core = core_ticks.map(|ticks| {
            let busy_ns = ns(ticks.busy());
            Core {
                busy_s: round(busy_ns / 1e9, 3),
                busy_share: round(ticks.share(ticks.busy()), 4),
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
                .map(|(ticks, sends)| round(ns(ticks.busy()) / sends.max(1) as f64, 1)),
            memory: Memory::new(&outcome.before, start, end, connections),
        }
    }
}

impl Memory {
    /// Works them out.
    pub(super) fn new(
        before: &Sample,
        start: &Sample,
        end: &Sample,
        connections: usize,
    ) -> Option<Self> {
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
    /// Works them out.
    pub(super) fn new(outcome: &Outcome, probe: &Probe) -> Self {
        let (start, end) = (&outcome.window_start.0, &outcome.window_end.0);
        let shares = end.busy_shares(start).into_iter();
        let shares: Vec<f64> = shares.map(|busy| round(busy, 4)).collect();
        let cores = end.client_cores.zip(start.client_cores);
        let core_busy_share = cores.map(|(end, start)| {
            let ticks = end - start;
            round(ticks.share(ticks.busy()), 4)
        });
        let is_limit = shares.iter().any(|share| *share > CLIENT_BUSY_SHARE_MAX);
        Self {
            cpus: probe.client_cpus.clone(),
            core_busy_share,
            thread_busy_shares: shares,
            own_descriptor_tables: outcome.had_own_tables,
            is_limit,
        }
    }
}

fn ns(ticks: u64) -> f64 {
    (ticks * tick_ns()) as f64
}

/// Rounds to so many digits after the point.
pub(super) fn round(value: f64, digits: i32) -> f64 {
    let scale = 10_f64.powi(digits);
    (value * scale).round() / scale
}
