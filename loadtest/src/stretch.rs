//! A stretch of load: a warm-up, a measured window, and the last deliveries of both.
//!
//! Most runs have one. Those that compare have several on the same connections, each after all deliveries of the
//! one before have come.

use std::thread;
use std::time::{Duration, Instant};

use hdrhistogram::Histogram;

use crate::client::{Command, Counts};
use crate::failure::Failure;
use crate::plan::{Pace, Phases, Plan, nanos};
use crate::probe::Sample;
use crate::recorder;
use crate::run::{BREATH, LOOK, Run, nothing_measured};

/// How long the last deliveries may take after the planned end.
const DRAIN_MAX: Duration = Duration::from_secs(5);

/// How long to listen on when all has come: for what comes twice.
const AFTERMATH: Duration = Duration::from_millis(200);

/// How long client threads may take to hear a command, which is a turn of each.
const HEARING_MAX: Duration = Duration::from_secs(10);

/// What a stretch brought.
#[derive(Debug)]
pub(crate) struct Stretch {
    /// At the window's start.
    pub(crate) start: (Sample, Counts),
    /// At the window's end.
    pub(crate) end: (Sample, Counts),
    /// Latencies of what was planned in the window.
    pub(crate) latencies: Histogram<u64>,
    /// Whether the window ended early because somebody asked for it.
    pub(crate) interrupted: bool,
    /// Whether it ended early because its deliveries were too far behind.
    pub(crate) fell_behind: bool,
    /// Whether all that was published has come.
    pub(crate) is_complete: bool,
}

/// What is to come by when, in an open loop that must not fall behind.
#[derive(Clone, Copy, Debug)]
struct Lag {
    start_ns: u64,
    delivered_before: u64,
    deliveries_per_s: f64,
    max: Duration,
}

/// What a wait ended by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Waited {
    /// The instant, or trouble.
    Over,
    /// Ctrl-C.
    Interrupted,
    /// Deliveries that came too slowly.
    Behind,
}

impl Run<'_> {
    /// Publishes as `plan` says, and waits for the last delivery.
    ///
    /// # Errors
    ///
    /// When it is interrupted before the window, or there is nothing to measure with.
    pub(crate) fn stretch(&mut self, plan: &Plan) -> Result<Stretch, Failure> {
        self.latencies.reset();
        let phases = Phases::new(plan, self.shared.clock.now_ns() + nanos(BREATH));
        self.tell(Command::Begin(phases))?;
        self.progress.begin(plan);
        let lag = self.lag(plan, phases);
        if self.wait_until(phases.window_start_ns, lag) == Waited::Interrupted {
            return Err(nothing_measured());
        }
        let start = self.look_closely()?;
        let (end_ns, why) = self.wait_for_the_end_of(phases, lag)?;
        let end = self.look_closely()?;
        let is_complete = self.drain(end_ns, lag.is_some());
        self.tell(Command::HandOver)?;
        self.collect_latencies();
        Ok(Stretch {
            start,
            end,
            latencies: std::mem::replace(&mut self.latencies, recorder::empty()),
            interrupted: why == Waited::Interrupted,
            fell_behind: why == Waited::Behind,
            is_complete,
        })
    }

    /// How many deliveries a publication comes to.
    pub(crate) fn deliveries_per_publication(&self) -> f64 {
        self.shared.topology.deliveries_per_publication()
    }

    fn lag(&self, plan: &Plan, phases: Phases) -> Option<Lag> {
        let Pace::Open { rate } = plan.pace else {
            return None;
        };
        Some(Lag {
            start_ns: phases.start_ns,
            delivered_before: self.shared.counts().delivered,
            deliveries_per_s: rate * self.deliveries_per_publication(),
            max: plan.behind_max?,
        })
    }

    /// Gives the client threads a command, and waits until all have carried it out.
    ///
    /// # Errors
    ///
    /// When a thread does not answer: it has failed, and says why at its end.
    pub(crate) fn tell(&self, command: Command) -> Result<(), Failure> {
        self.shared.tell(command);
        let told = Instant::now();
        while !self.shared.have_all_heard() {
            if told.elapsed() > HEARING_MAX {
                return Err(Failure::CannotMeasure(
                    "a client thread does not answer; this is a fault of the harness".into(),
                ));
            }
            thread::sleep(Duration::from_millis(1));
        }
        Ok(())
    }

    /// Waits for the window's end, as it is planned, as Ctrl-C asks for, or as it must be; returns when and why that
    /// was.
    fn wait_for_the_end_of(
        &mut self,
        phases: Phases,
        lag: Option<Lag>,
    ) -> Result<(u64, Waited), Failure> {
        let planned_ns = phases.window_end_ns;
        let why = self.wait_until(planned_ns, lag);
        if why == Waited::Over {
            return Ok((planned_ns, why));
        }
        // Not now: what is planned before the threads know must not count.
        let end_ns = planned_ns.min(self.shared.clock.now_ns() + nanos(BREATH));
        self.tell(Command::EndBy(end_ns))?;
        // Another Ctrl-C ends the process.
        self.wait_until(end_ns, None);
        if why == Waited::Interrupted {
            self.progress
                .say("ended early; waiting for the last deliveries, and Ctrl-C again ends at once");
        }
        Ok((end_ns, why))
    }

    fn look_closely(&self) -> Result<(Sample, Counts), Failure> {
        let sample = self.probe.sample(self.shared.idle_ns())?;
        Ok((sample, self.shared.counts()))
    }

    /// Waits for an instant of the run's clock, or until there is trouble, Ctrl-C, or too long a lag.
    fn wait_until(&mut self, at_ns: u64, lag: Option<Lag>) -> Waited {
        loop {
            let now_ns = self.shared.clock.now_ns();
            if now_ns >= at_ns || self.shared.trouble().is_some() {
                return Waited::Over;
            }
            if self.interrupt.take() {
                self.was_interrupted = true;
                return Waited::Interrupted;
            }
            if lag.is_some_and(|lag| lag.is_too_long(now_ns, self.shared.counts().delivered)) {
                return Waited::Behind;
            }
            self.look();
            thread::sleep(LOOK.min(Duration::from_nanos(at_ns - now_ns)));
        }
    }

    /// Waits for the last deliveries, and a little longer for those that must not come; as long as some come, if it
    /// `is_patient`. Returns whether all have come.
    fn drain(&mut self, end_ns: u64, is_patient: bool) -> bool {
        let is_silent = self.shared.plan.pace == Pace::Silent;
        let mut deadline_ns = end_ns + nanos(DRAIN_MAX);
        let mut delivered = 0;
        let mut complete_since = None;
        while !is_silent && self.shared.clock.now_ns() < deadline_ns {
            let counts = self.shared.counts();
            if is_patient && counts.delivered > delivered {
                delivered = counts.delivered;
                deadline_ns = self.shared.clock.now_ns() + nanos(DRAIN_MAX);
            }
            let is_complete =
                counts.owed == 0 && counts.delivered >= counts.expected && counts.visitors == 0;
            let since = complete_since.get_or_insert_with(Instant::now);
            if !is_complete {
                complete_since = None;
            } else if since.elapsed() > AFTERMATH {
                return true;
            }
            if self.shared.trouble().is_some() {
                return false;
            }
            self.look();
            thread::sleep(LOOK);
        }
        is_silent
    }
}

impl Lag {
    fn is_too_long(&self, now_ns: u64, delivered: u64) -> bool {
        let elapsed_s = now_ns.saturating_sub(self.start_ns) as f64 / 1e9;
        let came = (delivered - self.delivered_before) as f64;
        elapsed_s - came / self.deliveries_per_s > self.max.as_secs_f64()
    }
}
