//! The report for people: an aligned table on a terminal, `name: value` lines elsewhere.

use std::io::{self, IsTerminal, Write};

use super::Report;
use super::figures::{DeflateFigures, HandshakeFigures, StormFigures, TlsFigures};
use crate::failure::Verdict;
use crate::terminal::{Colours, columns, wrapped};
use crate::unit::{Unit, grouped, things};

/// Columns before the names.
const INDENT: usize = 2;

/// Prints the report on standard output.
///
/// # Errors
///
/// When nobody takes it.
pub(crate) fn print(report: &Report) -> io::Result<()> {
    print_rows(&rows(report), report.verdict)
}

/// Prints names and values, in the colour of the verdict.
///
/// # Errors
///
/// When nobody takes it.
pub(super) fn print_rows(rows: &[(&'static str, String)], verdict: Verdict) -> io::Result<()> {
    let mut out = io::stdout().lock();
    if !out.is_terminal() {
        for (name, value) in rows {
            writeln!(out, "{name}: {value}")?;
        }
        return out.flush();
    }
    let colours = Colours::of(&out);
    let width = rows.iter().map(|(name, _)| name.len()).max().unwrap_or(0);
    let room = columns(&out).saturating_sub(width + INDENT + 2).max(20);
    let mut before = "";
    for (name, value) in rows {
        // What was measured, what it was measured with, and what to think of it.
        if ["host", "note", "fault", "verdict"].contains(name) && *name != before {
            writeln!(out)?;
        }
        let paint = |line: &str| match (*name, verdict) {
            ("verdict", Verdict::Good) => colours.green(line),
            ("verdict", _) => colours.red(line),
            ("note" | "fault", _) => colours.yellow(line),
            _ => line.to_owned(),
        };
        for (index, line) in wrapped(value, room).iter().enumerate() {
            let name = colours.faint(&format!("{:width$}", if index == 0 { name } else { "" }));
            writeln!(out, "{:INDENT$}{name}  {}", "", paint(line))?;
        }
        before = name;
    }
    out.flush()
}

fn rows(report: &Report) -> Vec<(&'static str, String)> {
    let mut rows = vec![("run", run_line(report))];
    let mut add = |name, value| rows.push((name, value));
    if let Some(storm) = &report.storm {
        add("storm", storm_line(storm));
    }
    if let Some(tls) = &report.tls {
        let TlsFigures {
            version,
            cipher_suite,
            run_resumed,
        } = tls;
        add(
            "tls",
            format!("{version}, {cipher_suite}, {run_resumed} connections resumed"),
        );
    }
    if let Some(handshakes) = &report.handshakes {
        add("handshakes", handshakes_line(handshakes));
        add("latency", latency_line(report));
    }
    if let Some(deflate) = &report.deflate {
        add("deflate", deflate_line(deflate));
    }
    if report.settings.pace != "silent" {
        traffic(report, &mut add);
    }
    if let Some(soak) = &report.soak {
        soak.rows(&mut add);
    }
    if let Some(churn) = &report.churn {
        churn.rows(&mut add);
    }
    if let Some(ramp) = &report.ramp {
        ramp.rows(&mut add);
    }
    if let Some(slow) = &report.slow {
        slow.rows(&mut add);
    }
    server(report, &mut add);
    client(report, &mut add);
    add("host", report.host.line());
    add(
        "built from",
        format!("{} {}", report.version, report.commit),
    );
    add("command", report.command_line.join(" "));
    if let Some(command) = &report.server.command_line {
        add("server", command.clone());
    }
    for note in &report.notes {
        add("note", note.clone());
    }
    for sample in &report.faults.samples {
        add("fault", sample.clone());
    }
    add("verdict", verdict(report));
    rows
}

fn run_line(report: &Report) -> String {
    let settings = &report.settings;
    if report.handshakes.is_some() {
        let (connections, window_s) = (settings.connections, report.window_s);
        return format!(
            "handshakes: {connections} connections at a time, closed once they are open; {window_s} s"
        );
    }
    let pace = match (settings.window, settings.rate) {
        (_, Some(rate)) if report.ramp.is_some() => {
            format!("open loop from {rate} publications/s on")
        }
        (Some(window), _) => format!("closed loop, window {window}"),
        (_, Some(rate)) => format!("open loop, {rate} publications/s"),
        _ => "silent".to_owned(),
    };
    let burst = match settings.burst {
        1 => String::new(),
        burst => format!(" in bursts of {burst}"),
    };
    format!(
        "{}: {pace}{burst}; {}, {}, {}, {} bytes{}; {} s",
        report.scenario,
        things(settings.subscribers.into(), "subscriber"),
        things(settings.topics as f64, "topic"),
        things(settings.publishers as f64, "publisher"),
        settings.payload_bytes,
        if settings.text == "json" {
            " of JSON"
        } else {
            ""
        },
        report.window_s,
    )
}

fn storm_line(storm: &StormFigures) -> String {
    format!(
        "killed and gone in {:.3} s; started again, the first was back after {:.3} s, half after {:.3} s, \
         99 % after {:.3} s, all after {:.3} s; {} attempts, {} refused, {} cut",
        storm.gone_s,
        storm.first_s,
        storm.half_s,
        storm.p99_s,
        storm.all_s,
        storm.attempts,
        storm.refused,
        storm.cut
    )
}

fn deflate_line(deflate: &DeflateFigures) -> String {
    let context = match deflate.server_keeps_context {
        true => "kept context",
        false => "no context",
    };
    let share = deflate.compressed_share.map_or_else(String::new, |share| {
        let (to, from) = (deflate.compressed_bytes, deflate.inflated_bytes);
        format!(
            ": {:.1} MiB to {:.1} MiB, {}",
            mib(from),
            mib(to),
            percent(share)
        )
    });
    format!(
        "{} messages compressed{share}; window 2^{}, {context}",
        deflate.messages, deflate.server_window_bits
    )
}

fn traffic(report: &Report, add: &mut impl FnMut(&'static str, String)) {
    let counts = &report.counts;
    add(
        "publications",
        format!(
            "{} ({}/s)",
            grouped(counts.publications as f64),
            grouped(counts.publications_per_s)
        ),
    );
    add(
        "deliveries",
        format!(
            "{} ({}/s)",
            grouped(counts.deliveries as f64),
            grouped(counts.deliveries_per_s)
        ),
    );
    add("latency", latency_line(report));
}

fn latency_line(report: &Report) -> String {
    let latency = &report.latency_us;
    let read = [
        ("p50", latency.p50),
        ("p90", latency.p90),
        ("p99", latency.p99),
        ("p99.9", latency.p999),
        ("p99.99", latency.p9999),
        ("max", latency.max),
    ];
    let texts = read.map(|(name, us)| format!("{name} {}", Unit::Micros.text(us)));
    texts.join("  ")
}

fn handshakes_line(handshakes: &HandshakeFigures) -> String {
    let HandshakeFigures {
        opened,
        per_s,
        resumed,
        core_ns_each,
        ..
    } = handshakes;
    let each = core_ns_each.map_or_else(String::new, |ns| {
        format!("; core time {:.0} us each", ns / 1_000.0)
    });
    format!("{opened} ({per_s:.0}/s), {resumed} of them resumed{each}")
}

fn server(report: &Report, add: &mut impl FnMut(&'static str, String)) {
    let server = &report.server;
    if let Some(core) = &server.core {
        let each = core.ns_per_delivery.map_or_else(String::new, |ns| {
            format!("{} ns per delivery; ", grouped(ns))
        });
        add(
            "core time",
            format!(
                "{each}cpu {:?} busy {}, softirq {}",
                server.cpus,
                percent(core.busy_share),
                percent(core.softirq_share)
            ),
        );
    }
    if let (Some(sends), Some(ns)) = (server.sends, server.core_ns_per_send) {
        add("sends", format!("{sends}, core time {ns:.0} ns each"));
    }
    if let Some(cpu_s) = server.process_cpu_s {
        let each = server
            .process_ns_per_delivery
            .map_or_else(String::new, |ns| {
                format!("{} ns per delivery; ", grouped(ns))
            });
        add("process time", format!("{each}{cpu_s:.2} s"));
    }
    if let Some(memory) = &server.memory {
        add(
            "server memory",
            format!(
                "{:.1} MiB before, {:.1} connected, {:.1} at the end; {:.0} bytes per connection",
                mib(memory.before_bytes),
                mib(memory.connected_bytes),
                mib(memory.end_bytes),
                memory.bytes_per_connection
            ),
        );
    }
}

fn client(report: &Report, add: &mut impl FnMut(&'static str, String)) {
    let client = &report.client;
    let threads: Vec<String> = client
        .thread_busy_shares
        .iter()
        .map(|share| percent(*share))
        .collect();
    let core = client.core_busy_share.map_or_else(String::new, |share| {
        format!("; its cores {}", percent(share))
    });
    add(
        "client busy",
        format!(
            "threads {}{core}; set up in {:.2} s; steal {}",
            threads.join(" "),
            report.setup_s,
            percent(report.steal_share)
        ),
    );
}

/// What a run is worth, in words.
pub(super) fn verdict(report: &Report) -> String {
    let faults: Vec<String> = report
        .faults
        .kinds()
        .into_iter()
        .filter(|(_, count)| *count > 0)
        .map(|(kind, count)| format!("{count} {kind}"))
        .collect();
    match report.verdict {
        Verdict::Good if report.handshakes.is_some() => {
            "good: every connection was opened and closed".to_owned()
        }
        Verdict::Good if report.settings.pace == "silent" => {
            format!(
                "good: all {} connections stayed",
                report.settings.connections
            )
        }
        Verdict::Good => format!(
            "good: all {} deliveries right",
            report.counts.run_deliveries
        ),
        Verdict::Failed if faults.is_empty() => "FAILED: see the notes".to_owned(),
        Verdict::Failed => format!("FAILED: {}", faults.join(", ")),
        Verdict::Void if report.interrupted => "VOID: ended early by Ctrl-C".to_owned(),
        Verdict::Void => "VOID: the machine was disturbed".to_owned(),
    }
}

fn percent(share: f64) -> String {
    format!("{:.1} %", share * 100.0)
}

/// Bytes as MiB.
pub(super) fn mib(bytes: u64) -> f64 {
    bytes as f64 / f64::from(1 << 20)
}
