//! One run from the first connection to the last delivery, as the main thread sees it.

use std::sync::Arc;
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use hdrhistogram::Histogram;

use crate::checks::Faults;
use crate::client::{Counts, Finished, Shared, Terms, Worker};
use crate::failure::Failure;
use crate::interrupt::Interrupt;
use crate::probe::{Probe, Sample};
use crate::progress::{Moment, Progress};
use crate::ramp::{Climb, Ramp};
use crate::recorder::{self, Percentiles};
use crate::slow::Slow;
use crate::storm::{KilledServer, Storm};
use crate::stretch::Stretch;

/// A server that sets up no connection for so long will set up none.
const SETUP_PATIENCE: Duration = Duration::from_secs(10);

/// Between the last connection and the first publication the threads come to rest; and before a window
/// ends early they learn of it.
pub(crate) const BREATH: Duration = Duration::from_millis(100);

/// How often the main thread looks: often enough for the edges of phases.
pub(crate) const LOOK: Duration = Duration::from_millis(20);

/// How often progress is shown, and a moment kept.
const MOMENT: Duration = Duration::from_secs(1);

/// What the main thread lets happen between the first connection and the last delivery.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) enum Course {
    /// One stretch of load.
    #[default]
    Steady,
    /// A second one, in which some have stopped reading.
    Slow,
    /// One after the other at rising rates.
    Ramp(Climb),
}

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
    /// Whether each client thread had a descriptor table of its own.
    pub(crate) had_own_tables: bool,
    /// What clients and server have settled before the first frame.
    pub(crate) terms: Option<Terms>,
    /// How the clients came back when their server was killed, if it was.
    pub(crate) storm: Option<Storm>,
    /// What was before some stopped reading, and what became of them, if any did.
    pub(crate) slow: Option<Slow>,
    /// The steps to the knee, if one was looked for.
    pub(crate) ramp: Option<Ramp>,
    /// Latencies of what was planned in the window.
    pub(crate) latencies: Histogram<u64>,
    /// How long it took clients that come and go until they were subscribed.
    pub(crate) subscribed: Histogram<u64>,
    /// The run second by second.
    pub(crate) moments: Vec<Moment>,
    /// What was not right.
    pub(crate) faults: Faults,
    /// Why the run ended early, if it did.
    pub(crate) trouble: Option<String>,
    /// Whether the window ended early because somebody asked for it.
    pub(crate) interrupted: bool,
}

/// A run on its way.
pub(crate) struct Run<'a> {
    /// What the client threads know.
    pub(crate) shared: Arc<Shared>,
    /// What the server is looked at with.
    pub(crate) probe: &'a Probe,
    course: Course,
    /// The server that is killed once everybody is there.
    pub(crate) to_be_killed: Option<KilledServer>,
    /// Whether somebody wanted an early end.
    pub(crate) was_interrupted: bool,
    /// Whether somebody wants one now.
    pub(crate) interrupt: &'a Interrupt,
    /// What a person sees.
    pub(crate) progress: &'a mut Progress,
    /// Latencies of this stretch that were handed over.
    pub(crate) latencies: Histogram<u64>,
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
    course: Course,
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
        course,
        to_be_killed,
        was_interrupted: false,
        interrupt,
        progress,
        latencies: recorder::empty(),
        moments: Vec::new(),
        begun: now,
        moment_at: now,
        moment_counts: Counts::default(),
    };
    let outcome = run.through_its_course(before);
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
    let mut outcome = outcome?;
    run.collect_latencies();
    if outcome.ramp.is_none() {
        // What has come since the last stretch; a ramp's is not that of the knee.
        outcome.latencies.add(&run.latencies).expect("equal bounds");
    }
    outcome.moments = run.moments;
    for Finished {
        faults,
        returned_ns,
        stopped_ends,
        mut subscribe_times,
    } in finished
    {
        outcome.faults.add(faults);
        subscribe_times.drain_into(&mut outcome.subscribed);
        if let Some(storm) = &mut outcome.storm {
            storm.returned_ns.extend(returned_ns);
        }
        if let Some(slow) = &mut outcome.slow {
            slow.ends.extend(stopped_ends);
        }
    }
    outcome.last = shared.counts();
    Ok(outcome)
}

impl Run<'_> {
    fn through_its_course(&mut self, before: Sample) -> Result<Outcome, Failure> {
        self.wait_for_all(|counts| counts.ready)?;
        let setup = self.begun.elapsed();
        let storm = self.storm()?;
        let plan = self.shared.plan;
        let (slow, ramp, stretch) = match self.course {
            Course::Steady => (None, None, self.stretch(&plan)?),
            Course::Slow => {
                let (slow, after) = self.slow(&plan)?;
                (Some(slow), None, after)
            }
            Course::Ramp(climb) => {
                let (ramp, knee) = self.ramp(&plan, climb)?;
                (None, Some(ramp), knee)
            }
        };
        let Stretch {
            start,
            end,
            latencies,
            interrupted,
            ..
        } = stretch;
        Ok(Outcome {
            before,
            window_start: start,
            window_end: end,
            last: Counts::default(),
            setup,
            had_own_tables: self.shared.has_own_tables(),
            terms: self.shared.terms.get().copied(),
            storm,
            slow,
            ramp,
            latencies,
            subscribed: recorder::empty(),
            moments: Vec::new(),
            faults: Faults::default(),
            trouble: self.shared.trouble(),
            interrupted,
        })
    }

    /// Waits until everybody has come so far, and is ready.
    ///
    /// # Errors
    ///
    /// When nobody has followed for some time, or somebody cannot come.
    pub(crate) fn wait_for_all(
        &mut self,
        have_come: impl Fn(&Counts) -> u64,
    ) -> Result<(), Failure> {
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

    /// Keeps a moment and shows it, if it is time.
    pub(crate) fn look(&mut self) {
        let elapsed = self.moment_at.elapsed();
        if elapsed < MOMENT {
            return;
        }
        let counts = self.shared.counts();
        let latencies = self.collect_latencies();
        let moment = Moment::new(self.begun, elapsed, self.moment_counts, counts, latencies)
            .with_memory(self.probe.resident_bytes());
        self.progress.show(&moment);
        self.moments.push(moment);
        self.moment_at += elapsed;
        self.moment_counts = counts;
    }

    /// Adds what was handed over to the latencies of this stretch, and says what it was.
    pub(crate) fn collect_latencies(&mut self) -> Percentiles {
        let latencies = self.shared.take_latencies();
        self.latencies.add(&latencies).expect("equal bounds");
        Percentiles::of(&latencies)
    }
}

/// What an interrupt comes to that is too early.
pub(crate) fn nothing_measured() -> Failure {
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
