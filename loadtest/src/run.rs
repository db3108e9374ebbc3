//! One run from the first connection to the last delivery, as the main thread sees it.

use std::sync::Arc;
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use hdrhistogram::Histogram;

use crate::checks::Faults;
use crate::client::{Counts, Finished, Shared, Terms, Worker};
use crate::failure::Failure;
use crate::interrupt::Interrupt;
use crate::plan::{Pace, Phases, nanos};
use crate::probe::{Probe, Sample};
use crate::progress::{Moment, Progress};
use crate::recorder::{self, Percentiles};
use crate::storm::{KilledServer, Storm};

/// A server that sets up no connection for so long will set up none.
const SETUP_PATIENCE: Duration = Duration::from_secs(10);

/// Between the last connection and the first publication the threads come to rest; and before a window
/// ends early they learn of it.
const BREATH: Duration = Duration::from_millis(100);

/// How long the last deliveries may take after the planned end.
const DRAIN_MAX: Duration = Duration::from_secs(5);

/// How long to listen on when all has come: for what comes twice.
const AFTERMATH: Duration = Duration::from_millis(200);

/// How often the main thread looks: often enough for the edges of phases.
const LOOK: Duration = Duration::from_millis(20);

/// How often progress is shown, and a moment kept.
const MOMENT: Duration = Duration::from_secs(1);

/// What a run brought.
#[derive(Debug)]
pub(crate) struct Outcome {
    /// Before the first connection.
    pub(crate) before: Sample,
    /// At the window's start: all connections are there.
    pub(crate) window_start: (Sample, Counts),
    /// At the window's end.
    pub(crate) window_end: (Sample, Counts),
    /// After the last delivery.
    pub(crate) last: Counts,
    /// How long the connections took to set up.
    pub(crate) setup: Duration,
    /// What clients and server have settled before the first frame.
    pub(crate) terms: Option<Terms>,
    /// How the clients came back when their server was killed, if it was.
    pub(crate) storm: Option<Storm>,
    /// Latencies of what was planned in the window.
    pub(crate) latencies: Histogram<u64>,
    /// The run second by second.
    pub(crate) moments: Vec<Moment>,
    /// What was not right.
    pub(crate) faults: Faults,
    /// Why the run ended early, if it did.
    pub(crate) trouble: Option<String>,
    /// Whether the window ended early because somebody asked for it.
    pub(crate) interrupted: bool,
}

/// What a wait ended by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Waited {
    /// The instant, or trouble.
    Over,
    /// Ctrl-C.
    Interrupted,
}

/// A run on its way.
struct Run<'a> {
    shared: Arc<Shared>,
    probe: &'a Probe,
    /// The server that is killed once everybody is there.
    to_be_killed: Option<KilledServer>,
    interrupt: &'a Interrupt,
    progress: &'a mut Progress,
    latencies: Histogram<u64>,
    moments: Vec<Moment>,
    begun: Instant,
    moment_at: Instant,
    moment_counts: Counts,
}

/// Runs the client threads through all phases.
///
/// # Errors
///
/// When the connections cannot be set up, there is nothing to measure with, or the run is interrupted before
/// anything was measured.
pub(crate) fn run(
    shared: Shared,
    client_cpus: &[usize],
    probe: &Probe,
    to_be_killed: Option<KilledServer>,
    interrupt: &Interrupt,
    progress: &mut Progress,
) -> Result<Outcome, Failure> {
    let shared = Arc::new(shared);
    let before = probe.sample(Vec::new())?;
    let threads = spawn(&shared, client_cpus)?;
    let now = Instant::now();
    let mut run = Run {
        shared: Arc::clone(&shared),
        probe,
        to_be_killed,
        interrupt,
        progress,
        latencies: recorder::empty(),
        moments: Vec::new(),
        begun: now,
        moment_at: now,
        moment_counts: Counts::default(),
    };
    let phases = run.through_the_phases(before);
    // Whatever happened, the threads end before the run does.
    shared.end();
    let mut finished = Vec::new();
    for thread in threads {
        finished.push(thread.join().map_err(|_| {
            Failure::CannotMeasure(
                "a client thread panicked; this is a fault of the harness".into(),
            )
        })??);
    }
    let mut outcome = phases?;
    run.collect_latencies();
    outcome.latencies = run.latencies;
    outcome.moments = run.moments;
    for Finished {
        faults,
        returned_ns,
    } in finished
    {
        outcome.faults.add(faults);
        if let Some(storm) = &mut outcome.storm {
            storm.returned_ns.extend(returned_ns);
        }
    }
    outcome.last = shared.counts();
    Ok(outcome)
}

impl Run<'_> {
    fn through_the_phases(&mut self, before: Sample) -> Result<Outcome, Failure> {
        self.wait_for_all(|counts| counts.ready)?;
        let setup = self.begun.elapsed();
        let storm = self.storm()?;
        let clock = self.shared.clock;
        let phases = Phases::new(&self.shared.plan, clock.now_ns() + nanos(BREATH));
        self.shared.begin(phases);
        self.progress.begin(&self.shared.plan);

        if self.wait_until(phases.window_start_ns) == Waited::Interrupted {
            return Err(nothing_measured());
        }
        let window_start = self.look_closely()?;
        let end_ns = self.wait_for_the_end_of(phases);
        let window_end = self.look_closely()?;
        self.drain(end_ns);
        Ok(Outcome {
            before,
            window_start,
            window_end,
            last: Counts::default(),
            setup,
            terms: self.shared.terms.get().copied(),
            storm,
            latencies: recorder::empty(),
            moments: Vec::new(),
            faults: Faults::default(),
            trouble: self.shared.trouble(),
            interrupted: end_ns < phases.window_end_ns,
        })
    }

    /// Kills the server, starts it again, and waits until everybody is back.
    fn storm(&mut self) -> Result<Option<Storm>, Failure> {
        let Some(server) = &mut self.to_be_killed else {
            return Ok(None);
        };
        let before = self.shared.counts();
        if before.departed > 0 {
            return Err(Failure::CannotMeasure(format!(
                "the server has cut {} connections before it was killed",
                before.departed
            )));
        }
        let gone = server.kill()?;
        let restarted_ns = self.shared.clock.now_ns();
        server.start_again()?;
        self.wait_for_all(|counts| counts.returned)?;
        Ok(Some(Storm {
            gone,
            restarted_ns,
            counts: [before, self.shared.counts()],
            returned_ns: Vec::new(),
        }))
    }

    /// Waits until everybody has come so far, and is ready.
    fn wait_for_all(&mut self, have_come: impl Fn(&Counts) -> u64) -> Result<(), Failure> {
        let all = self.shared.topology.clients.len() as u64;
        let (mut come, mut since) = (0, Instant::now());
        loop {
            if let Some(why) = self.shared.trouble() {
                return Err(Failure::CannotMeasure(why));
            }
            let counts = self.shared.counts();
            if have_come(&counts) == all && counts.ready == all {
                return Ok(());
            }
            if let Some(server) = &mut self.to_be_killed {
                server.still_runs()?;
            }
            if self.interrupt.take() {
                return Err(nothing_measured());
            }
            if have_come(&counts) > come {
                (come, since) = (have_come(&counts), Instant::now());
            }
            if since.elapsed() > SETUP_PATIENCE {
                return Err(Failure::CannotMeasure(format!(
                    "{come} of {all} connections are set up, and none has followed for {} s",
                    SETUP_PATIENCE.as_secs()
                )));
            }
            self.progress.setting_up(come, all);
            thread::sleep(LOOK);
        }
    }

    /// Waits for the window's end, as it is planned or as Ctrl-C asks for; returns when that was.
    fn wait_for_the_end_of(&mut self, phases: Phases) -> u64 {
        let planned_ns = phases.window_end_ns;
        if self.wait_until(planned_ns) == Waited::Over {
            return planned_ns;
        }
        // Not now: what is planned before the threads know must not count.
        let end_ns = planned_ns.min(self.shared.clock.now_ns() + nanos(BREATH));
        self.shared.end_window(end_ns);
        // Another Ctrl-C ends the process.
        self.wait_until(end_ns);
        self.progress
            .say("ended early; waiting for the last deliveries, and Ctrl-C again ends at once");
        end_ns
    }

    fn look_closely(&self) -> Result<(Sample, Counts), Failure> {
        let sample = self.probe.sample(self.shared.idle_ns())?;
        Ok((sample, self.shared.counts()))
    }

    /// Waits for an instant of the run's clock, or until there is trouble, or Ctrl-C.
    fn wait_until(&mut self, at_ns: u64) -> Waited {
        loop {
            let now_ns = self.shared.clock.now_ns();
            if now_ns >= at_ns || self.shared.trouble().is_some() {
                return Waited::Over;
            }
            if self.interrupt.take() {
                return Waited::Interrupted;
            }
            self.look();
            thread::sleep(LOOK.min(Duration::from_nanos(at_ns - now_ns)));
        }
    }

    /// Waits for the last deliveries, and a little longer for those that must not come.
    fn drain(&mut self, end_ns: u64) {
        let is_silent = self.shared.plan.pace == Pace::Silent;
        let deadline_ns = end_ns + nanos(DRAIN_MAX);
        let mut complete_since = None;
        while !is_silent && self.shared.clock.now_ns() < deadline_ns {
            let counts = self.shared.counts();
            let is_complete = counts.owed == 0 && counts.delivered >= counts.expected;
            let since = complete_since.get_or_insert_with(Instant::now);
            if !is_complete {
                complete_since = None;
            } else if since.elapsed() > AFTERMATH {
                return;
            }
            if self.shared.trouble().is_some() {
                return;
            }
            self.look();
            thread::sleep(LOOK);
        }
    }

    fn look(&mut self) {
        let elapsed = self.moment_at.elapsed();
        if elapsed < MOMENT {
            return;
        }
        let counts = self.shared.counts();
        let latencies = self.collect_latencies();
        let moment = Moment::new(self.begun, elapsed, self.moment_counts, counts, latencies);
        self.progress.show(&moment);
        self.moments.push(moment);
        self.moment_at += elapsed;
        self.moment_counts = counts;
    }

    fn collect_latencies(&mut self) -> Percentiles {
        let latencies = self.shared.take_latencies();
        self.latencies.add(&latencies).expect("equal bounds");
        Percentiles::of(&latencies)
    }
}

fn nothing_measured() -> Failure {
    Failure::CannotMeasure(
        "interrupted before the measured time began: there is nothing to report".into(),
    )
}

type Thread = JoinHandle<Result<Finished, Failure>>;

fn spawn(shared: &Arc<Shared>, client_cpus: &[usize]) -> Result<Vec<Thread>, Failure> {
    // The main thread's looks must not disturb the server either.
    if let Some(cpu) = client_cpus.first() {
        crate::machine::pin_to(*cpu)?;
    }
    let lanes = 0..shared.thread_count();
    let threads = lanes.map(|lane| {
        let shared = Arc::clone(shared);
        let cpu = client_cpus.get(lane % client_cpus.len().max(1)).copied();
        thread::Builder::new()
            .name(format!("client-{lane}"))
            .spawn(move || Worker::run(shared, lane, cpu))
            .map_err(|error| Failure::system("cannot start a client thread", error))
    });
    threads.collect()
}
