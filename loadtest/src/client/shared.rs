//! What the client threads and the main thread share.

use std::os::fd::OwnedFd;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::Instant;

use hdrhistogram::Histogram;
use rustix::event::{EventfdFlags, eventfd};

use super::flights::{Flights, Landed};
use crate::body::BodyFormat;
use crate::dialect::{Quick, Speech};
use crate::failure::Failure;
use crate::plan::{Phases, Plan, nanos};
use crate::recorder;
use crate::target::Target;
use crate::topology::{Client, Topology};

/// The run's clock: nanoseconds since it was made.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Clock(Instant);

impl Clock {
    /// A clock that reads 0 now.
    pub(crate) fn start() -> Self {
        Self(Instant::now())
    }

    /// What it reads now.
    #[inline]
    pub(crate) fn now_ns(self) -> u64 {
        nanos(self.0.elapsed())
    }
}

/// Everything the threads of a run share.
#[derive(Debug)]
pub(crate) struct Shared {
    /// The clock of planned instants and arrivals.
    pub(crate) clock: Clock,
    /// Who does what.
    pub(crate) topology: Topology,
    /// What is published when.
    pub(crate) plan: Plan,
    /// Where the server is.
    pub(crate) target: Target,
    /// How bodies look.
    pub(super) body: BodyFormat,
    /// What clients say, and are told.
    pub(super) speech: &'static dyn Speech,
    /// The quick way to read and write the messages of each topic.
    pub(super) quick: Vec<Quick>,
    /// Publications in flight, for a closed loop.
    pub(super) flights: Flights,
    /// How many publications each publisher has written.
    pub(super) published: Vec<AtomicU64>,
    /// One for each thread.
    pub(super) lanes: Vec<Lane>,
    phases: OnceLock<Phases>,
    /// When the window ends at the latest, whatever was planned.
    end_ns_max: AtomicU64,
    is_ending: AtomicBool,
    trouble: Mutex<Option<String>>,
}

/// What one thread shows to the others. Apart in memory, so that threads do not slow each other down.
#[derive(Debug)]
#[repr(align(128))]
pub(super) struct Lane {
    /// Wakes the thread.
    pub(super) wake: OwnedFd,
    /// Publications of this thread's publishers that all subscribers have, as told by other threads.
    pub(super) landed: Mutex<Vec<Landed>>,
    /// Latencies since the main thread last took them.
    pub(super) latencies: Mutex<Histogram<u64>>,
    ready: AtomicU64,
    departed: AtomicU64,
    returned: AtomicU64,
    attempts: AtomicU64,
    refused: AtomicU64,
    published: AtomicU64,
    owed: AtomicU64,
    expected: AtomicU64,
    delivered: AtomicU64,
    bytes: AtomicU64,
    sent_bytes: AtomicU64,
    faults: AtomicU64,
    idle_ns: AtomicU64,
}

/// Counts of a thread, or of all.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Counts {
    /// Connections that are set up.
    pub(crate) ready: u64,
    /// Clients that were ready and lost their server before the first phase, each counted once.
    pub(crate) departed: u64,
    /// Those of them that were ready again, each counted once.
    pub(crate) returned: u64,
    /// Attempts to connect again.
    pub(crate) attempts: u64,
    /// Attempts to connect that found nobody listening.
    pub(crate) refused: u64,
    /// Publications written.
    pub(crate) published: u64,
    /// Publications planned in an open loop and not yet written.
    pub(crate) owed: u64,
    /// Deliveries that the publications written must bring.
    pub(crate) expected: u64,
    /// Deliveries that came, each counted once.
    pub(crate) delivered: u64,
    /// Bytes read.
    pub(crate) bytes: u64,
    /// Bytes written.
    pub(crate) sent_bytes: u64,
    /// Faults of any kind.
    pub(crate) faults: u64,
    /// Nanoseconds without anything to do.
    pub(crate) idle_ns: u64,
}

impl Shared {
    /// For `threads` client threads.
    ///
    /// # Errors
    ///
    /// When the system gives no event descriptor.
    pub(crate) fn new(
        topology: Topology,
        plan: Plan,
        target: Target,
        speech: &'static dyn Speech,
        payload_bytes: usize,
        threads: usize,
    ) -> Result<Self, Failure> {
        let body = BodyFormat::new(random_run(), payload_bytes);
        let quick = topology.topics.iter();
        let lanes: Result<Vec<Lane>, Failure> = (0..threads).map(|_| Lane::new()).collect();
        Ok(Self {
            clock: Clock::start(),
            quick: quick
                .map(|topic| Quick::new(speech, &topic.name, body.text_bytes()))
                .collect(),
            flights: Flights::new(&topology, &plan, threads),
            published: topology
                .publishers
                .iter()
                .map(|_| AtomicU64::new(0))
                .collect(),
            lanes: lanes?,
            body,
            topology,
            plan,
            target,
            speech,
            phases: OnceLock::new(),
            end_ns_max: AtomicU64::new(u64::MAX),
            is_ending: AtomicBool::new(false),
            trouble: Mutex::new(None),
        })
    }

    /// The topic that a client subscribes to.
    pub(super) fn topic_name(&self, client: Client) -> Option<&str> {
        let topic = &self.topology.topics[client.topic? as usize];
        Some(&topic.name)
    }

    /// Starts the phases; every thread is woken to see it.
    pub(crate) fn begin(&self, phases: Phases) {
        self.phases
            .set(phases)
            .expect("the phases of a run begin once");
        self.wake_all();
    }

    /// Lets the window end at `at_ns` if it would go on; every thread is woken to see it.
    pub(crate) fn end_window(&self, at_ns: u64) {
        self.end_ns_max.store(at_ns, Ordering::Relaxed);
        self.wake_all();
    }

    /// The phases as they hold now, when they have begun.
    pub(super) fn phases(&self) -> Option<Phases> {
        let end_ns_max = self.end_ns_max.load(Ordering::Relaxed);
        Some(self.phases.get()?.ending_by(end_ns_max))
    }

    /// Tells every thread to come to its end.
    pub(crate) fn end(&self) {
        self.is_ending.store(true, Ordering::Relaxed);
        self.wake_all();
    }

    /// Whether the end has come.
    pub(super) fn is_ending(&self) -> bool {
        self.is_ending.load(Ordering::Relaxed)
    }

    /// Notes why the run cannot go on; the first reason stays.
    pub(super) fn give_up(&self, why: String) {
        let mut trouble = self.trouble.lock().unwrap_or_else(PoisonError::into_inner);
        trouble.get_or_insert(why);
    }

    /// Why the run cannot go on, if it cannot.
    pub(crate) fn trouble(&self) -> Option<String> {
        let trouble = self.trouble.lock().unwrap_or_else(PoisonError::into_inner);
        trouble.clone()
    }

    /// The counts of all threads.
    pub(crate) fn counts(&self) -> Counts {
        let lanes = self.lanes.iter().map(Lane::counts);
        lanes.fold(Counts::default(), |sum, lane| Counts {
            ready: sum.ready + lane.ready,
            departed: sum.departed + lane.departed,
            returned: sum.returned + lane.returned,
            attempts: sum.attempts + lane.attempts,
            refused: sum.refused + lane.refused,
            published: sum.published + lane.published,
            owed: sum.owed + lane.owed,
            expected: sum.expected + lane.expected,
            delivered: sum.delivered + lane.delivered,
            bytes: sum.bytes + lane.bytes,
            sent_bytes: sum.sent_bytes + lane.sent_bytes,
            faults: sum.faults + lane.faults,
            idle_ns: sum.idle_ns + lane.idle_ns,
        })
    }

    /// Takes the latencies that the threads have handed over since the last call.
    pub(crate) fn take_latencies(&self) -> Histogram<u64> {
        let mut sum = recorder::empty();
        for lane in &self.lanes {
            let mut latencies = lane.lock_latencies();
            sum.add(&*latencies).expect("equal bounds");
            latencies.reset();
        }
        sum
    }

    /// How long each thread has had nothing to do.
    pub(crate) fn idle_ns(&self) -> Vec<u64> {
        let lanes = self.lanes.iter();
        lanes
            .map(|lane| lane.idle_ns.load(Ordering::Relaxed))
            .collect()
    }

    /// Whether deliveries are on their way to any thread.
    pub(super) fn is_outstanding(&self) -> bool {
        let delivered = |lane: &Lane| lane.delivered.load(Ordering::Acquire);
        let expected = |lane: &Lane| lane.expected.load(Ordering::Acquire);
        self.lanes.iter().map(delivered).sum::<u64>() < self.lanes.iter().map(expected).sum()
    }

    /// How many client threads there are.
    pub(crate) fn thread_count(&self) -> usize {
        self.lanes.len()
    }

    /// The thread that has this connection.
    pub(super) fn lane_of(&self, client: u32) -> usize {
        client as usize % self.lanes.len()
    }

    fn wake_all(&self) {
        for lane in &self.lanes {
            lane.wake_up();
        }
    }
}

impl Lane {
    fn new() -> Result<Self, Failure> {
        let flags = EventfdFlags::NONBLOCK | EventfdFlags::CLOEXEC;
        let zero = || AtomicU64::new(0);
        Ok(Self {
            wake: eventfd(0, flags)
                .map_err(|error| Failure::system("cannot make an event descriptor", error))?,
            landed: Mutex::new(Vec::new()),
            latencies: Mutex::new(recorder::empty()),
            ready: zero(),
            departed: zero(),
            returned: zero(),
            attempts: zero(),
            refused: zero(),
            published: zero(),
            owed: zero(),
            expected: zero(),
            delivered: zero(),
            bytes: zero(),
            sent_bytes: zero(),
            faults: zero(),
            idle_ns: zero(),
        })
    }

    /// Wakes the thread, or lets its next wait return at once.
    pub(super) fn wake_up(&self) {
        // It fails only when 2^64 wake-ups are pending, and one is enough.
        let _pending = rustix::io::write(&self.wake, &1_u64.to_ne_bytes());
    }

    /// Shows the thread's counts. Only the thread itself calls this.
    pub(super) fn show(&self, counts: &Counts) {
        // What is expected first: a reader must not see deliveries complete that are not.
        self.expected.store(counts.expected, Ordering::Release);
        self.owed.store(counts.owed, Ordering::Release);
        self.ready.store(counts.ready, Ordering::Relaxed);
        self.departed.store(counts.departed, Ordering::Relaxed);
        self.returned.store(counts.returned, Ordering::Relaxed);
        self.attempts.store(counts.attempts, Ordering::Relaxed);
        self.refused.store(counts.refused, Ordering::Relaxed);
        self.published.store(counts.published, Ordering::Relaxed);
        self.delivered.store(counts.delivered, Ordering::Release);
        self.bytes.store(counts.bytes, Ordering::Relaxed);
        self.sent_bytes.store(counts.sent_bytes, Ordering::Relaxed);
        self.faults.store(counts.faults, Ordering::Relaxed);
        self.idle_ns.store(counts.idle_ns, Ordering::Relaxed);
    }

    /// Locks the publications that have landed.
    pub(super) fn lock_landed(&self) -> MutexGuard<'_, Vec<Landed>> {
        self.landed.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Locks the latencies.
    pub(super) fn lock_latencies(&self) -> MutexGuard<'_, Histogram<u64>> {
        self.latencies
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }

    fn counts(&self) -> Counts {
        Counts {
            delivered: self.delivered.load(Ordering::Acquire),
            ready: self.ready.load(Ordering::Relaxed),
            departed: self.departed.load(Ordering::Relaxed),
            returned: self.returned.load(Ordering::Relaxed),
            attempts: self.attempts.load(Ordering::Relaxed),
            refused: self.refused.load(Ordering::Relaxed),
            published: self.published.load(Ordering::Relaxed),
            owed: self.owed.load(Ordering::Acquire),
            expected: self.expected.load(Ordering::Acquire),
            bytes: self.bytes.load(Ordering::Relaxed),
            sent_bytes: self.sent_bytes.load(Ordering::Relaxed),
            faults: self.faults.load(Ordering::Relaxed),
            idle_ns: self.idle_ns.load(Ordering::Relaxed),
        }
    }
}

/// A number that another run is unlikely to have.
fn random_run() -> u32 {
    let mut bytes = [0; 4];
    match rustix::rand::getrandom(&mut bytes, rustix::rand::GetRandomFlags::empty()) {
        Ok(4) => u32::from_ne_bytes(bytes),
        // It need only differ from the runs before.
        _ => std::process::id(),
    }
}
