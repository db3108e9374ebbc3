//! What a person sees while the run goes on.

use std::io::{IsTerminal, Write};
use std::time::{Duration, Instant};

use crate::client::Counts;
use crate::recorder::Percentiles;

/// One second of a run.
#[derive(Clone, Copy, Debug, serde::Serialize)]
pub(crate) struct Moment {
    /// Seconds since the first connection.
    pub(crate) at_s: f64,
    /// Connections that are set up.
    pub(crate) connections: u64,
    /// Connections that became WebSockets, a second.
    pub(crate) opened_per_s: f64,
    /// Publications a second.
    pub(crate) publications_per_s: f64,
    /// Deliveries a second.
    pub(crate) deliveries_per_s: f64,
    /// Median latency in microseconds; 0 while nothing is measured.
    pub(crate) p50_us: f64,
    /// 99th percentile of latency in microseconds; 0 while nothing is measured.
    pub(crate) p99_us: f64,
    /// Faults so far, lost deliveries not counted.
    pub(crate) faults: u64,
}

impl Moment {
    /// What happened between two looks that lie `elapsed` apart.
    pub(crate) fn new(
        begun: Instant,
        elapsed: Duration,
        earlier: Counts,
        now: Counts,
        latencies: Percentiles,
    ) -> Self {
        let per_s = |count: u64| (count as f64 / elapsed.as_secs_f64()).round();
        Self {
            at_s: (begun.elapsed().as_secs_f64() * 10.0).round() / 10.0,
            connections: now.ready,
            opened_per_s: per_s(now.opened - earlier.opened),
            publications_per_s: per_s(now.published - earlier.published),
            deliveries_per_s: per_s(now.delivered - earlier.delivered),
            p50_us: latencies.p50,
            p99_us: latencies.p99,
            faults: now.faults,
        }
    }
}

/// A line on standard error that is written over and over; nothing where no terminal is.
#[derive(Debug)]
pub(crate) struct Progress {
    is_terminal: bool,
    is_dirty: bool,
}

impl Progress {
    /// On standard error, if that is a terminal.
    pub(crate) fn on_stderr() -> Self {
        Self {
            is_terminal: std::io::stderr().is_terminal(),
            is_dirty: false,
        }
    }

    /// Connections are being set up.
    pub(crate) fn setting_up(&mut self, ready: u64, all: u64) {
        self.write(&format!("{ready} of {all} connections"));
    }

    /// The run goes on.
    pub(crate) fn show(&mut self, moment: &Moment) {
        let latencies = match moment.p99_us > 0.0 {
            true => format!("p50 {:.0} us  p99 {:.0} us", moment.p50_us, moment.p99_us),
            false => "not measured yet".to_owned(),
        };
        let rate = match moment.opened_per_s > moment.deliveries_per_s {
            true => format!("{:.0} handshakes/s", moment.opened_per_s),
            false => format!("{:.0} deliveries/s", moment.deliveries_per_s),
        };
        self.write(&format!(
            "{:5.0} s  {rate}  {latencies}  {} faults",
            moment.at_s, moment.faults
        ));
    }

    /// Says something that stays, in the place of the line.
    pub(crate) fn say(&mut self, text: &str) {
        self.clear();
        // As with the line itself, nobody may be there to read it.
        let _gone = writeln!(std::io::stderr(), "{text}");
    }

    /// Takes the line away.
    pub(crate) fn clear(&mut self) {
        if self.is_dirty {
            self.write("");
            self.is_dirty = false;
        }
    }

    fn write(&mut self, text: &str) {
        if self.is_terminal {
            self.is_dirty = true;
            // Back to the first column, the text, and the rest of the line erased.
            // A terminal that is gone needs no progress.
            let _gone = write!(std::io::stderr(), "\r{text}\x1b[K");
        }
    }
}
