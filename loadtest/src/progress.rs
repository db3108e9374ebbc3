//! What a person sees while the run goes on.

use std::io::{IsTerminal, Write};
use std::time::{Duration, Instant};

use crate::client::Counts;
use crate::plan::{Pace, Plan};
use crate::recorder::Percentiles;
use crate::terminal::{Colours, columns, visible_chars};
use crate::unit::{Unit, grouped, things};

/// Between two lines where no terminal is, at first.
const LINES_APART: Duration = Duration::from_secs(5);

/// Between two looks at a terminal's line: often enough to see that it goes on.
const LOOKS_APART: Duration = Duration::from_millis(100);

/// The longest bar, and the shortest one that says anything.
const BAR_CHARS: usize = 24;
const BAR_CHARS_MIN: usize = 6;

/// One second of a run.
#[derive(Clone, Copy, Debug, Default, serde::Serialize)]
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
    /// Resident memory of the server's process, if that is known.
    pub(crate) server_rss_bytes: Option<u64>,
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
            server_rss_bytes: None,
        }
    }

    /// The same with the server's resident memory.
    pub(crate) fn with_memory(self, server_rss_bytes: Option<u64>) -> Self {
        Self {
            server_rss_bytes,
            ..self
        }
    }
}

/// What a person is told on standard error: on a terminal a line that is written over and over, elsewhere (in the log of a
/// test, say) a line from time to time.
#[derive(Debug)]
pub(crate) struct Progress {
    is_terminal: bool,
    is_dirty: bool,
    is_quiet: bool,
    colours: Colours,
    begun: Instant,
    /// When the load began, and what is planned.
    planned: Option<(Instant, Plan)>,
    /// When to say something next.
    next: Instant,
}

impl Progress {
    /// On standard error.
    pub(crate) fn on_stderr() -> Self {
        let stderr = std::io::stderr();
        let is_terminal = stderr.is_terminal();
        let now = Instant::now();
        Self {
            is_terminal,
            is_dirty: false,
            is_quiet: false,
            colours: Colours::of(&stderr),
            begun: now,
            planned: None,
            next: if is_terminal { now } else { now + LINES_APART },
        }
    }

    /// Nothing is said but what answers somebody.
    pub(crate) fn none() -> Self {
        Self {
            is_terminal: false,
            is_quiet: true,
            ..Self::on_stderr()
        }
    }

    /// Connections are being set up.
    pub(crate) fn setting_up(&mut self, ready: u64, all: u64) {
        if self.is_due(Instant::now()) {
            let share = ready as f64 / all.max(1) as f64;
            let (ready, all) = (grouped(ready as f64), grouped(all as f64));
            let text = format!("{ready} of {all} connections");
            self.tell("connecting", share, &[text]);
        }
    }

    /// The load begins: warm-up and measured time, as planned.
    pub(crate) fn begin(&mut self, plan: &Plan) {
        self.planned = Some((Instant::now(), *plan));
    }

    /// The run goes on.
    pub(crate) fn show(&mut self, moment: &Moment) {
        if !self.is_due(Instant::now()) {
            return;
        }
        let Some((since, plan)) = self.planned else {
            return;
        };
        let (at, all) = (since.elapsed(), plan.warmup + plan.duration);
        let phase = match at {
            at if at < plan.warmup => "warming up",
            at if at < all => "measuring",
            _ => "last deliveries",
        };
        let (at_s, all_s) = (at.as_secs_f64(), all.as_secs_f64());
        let mut parts = vec![format!("{:.0} of {all_s:.0} s", at_s.min(all_s))];
        parts.push(match plan.pace {
            _ if plan.reopens => format!("{} handshakes/s", grouped(moment.opened_per_s)),
            Pace::Silent => things(moment.connections as f64, "connection"),
            _ => format!("{} deliveries/s", grouped(moment.deliveries_per_s)),
        });
        if moment.p99_us > 0.0 {
            parts.push(format!("p50 {}", Unit::Micros.text(moment.p50_us)));
            parts.push(format!("p99 {}", Unit::Micros.text(moment.p99_us)));
        }
        let faults = things(moment.faults as f64, "fault");
        parts.push(match moment.faults {
            0 => faults,
            _ => self.colours.red(&faults),
        });
        self.tell(phase, at_s / all_s, &parts);
    }

    /// What is done next: in the place of the line, and where no terminal is as a line that stays.
    pub(crate) fn step(&mut self, text: &str) {
        match self.is_terminal {
            true => self.write(text),
            false => self.say(text),
        }
    }

    /// Says something that stays, in the place of the line.
    pub(crate) fn say(&mut self, text: &str) {
        self.clear();
        // As with the line itself, nobody may be there to read it.
        let _gone = writeln!(std::io::stderr(), "{text}");
    }

    /// The same, if somebody sees it come: a report says it again.
    pub(crate) fn say_if_seen(&mut self, text: &str) {
        if self.is_terminal {
            self.say(text);
        }
    }

    /// Takes the line away.
    pub(crate) fn clear(&mut self) {
        if self.is_dirty {
            self.write("");
            self.is_dirty = false;
        }
    }

    /// Whether something is to be said now: on a terminal some times a second, elsewhere every few seconds at first and
    /// then ever more rarely, so that the log of a long run can still be read.
    fn is_due(&mut self, now: Instant) -> bool {
        if self.is_quiet || now < self.next {
            return false;
        }
        self.next = now
            + match self.is_terminal {
                true => LOOKS_APART,
                false => LINES_APART.max((now - self.begun) / 10),
            };
        true
    }

    fn tell(&mut self, phase: &str, share: f64, parts: &[String]) {
        if !self.is_terminal {
            self.say(&format!("{phase}: {}", parts.join(", ")));
            return;
        }
        let text = parts.join("  ");
        // A line that reaches the edge would begin another, which is not written over.
        let columns = columns(&std::io::stderr()).saturating_sub(1);
        let seen = phase.len() + 2 + visible_chars(&text);
        let bar = columns.saturating_sub(seen + 2).min(BAR_CHARS);
        let done = (share.clamp(0.0, 1.0) * bar as f64).round() as usize;
        let bar = match bar {
            0..BAR_CHARS_MIN => String::new(),
            bar => self.colours.blue(&"█".repeat(done)) + &"░".repeat(bar - done) + "  ",
        };
        let phase = self.colours.bold(phase);
        match seen <= columns {
            true => self.write(&format!("{phase}  {bar}{text}")),
            // No room for all of it, and colours cannot be cut.
            false => self.write(&parts.first().cloned().unwrap_or_default()),
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_of_a_log_come_ever_more_rarely() {
        let mut progress = Progress {
            is_quiet: false,
            ..Progress::none()
        };
        let begun = progress.begun;
        let after = |s| begun + Duration::from_secs(s);
        let told: Vec<u64> = (0..700).filter(|s| progress.is_due(after(*s))).collect();
        assert_eq!(told[..4], [5, 10, 15, 20]);
        assert!(told.len() < 40, "{told:?}");
        let mut quiet = Progress::none();
        assert!(!quiet.is_due(after(1_000)));
    }
}
