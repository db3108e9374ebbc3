//! What the client threads and the main thread share.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Barrier, Mutex, OnceLock, PoisonError};
use std::time::Instant;

use hdrhistogram::Histogram;

use super::audience::Audience;
use super::command::{Command, Commands};
use super::conn::Seat;
use super::counts::Counts;
use super::flights::Flights;
use super::lane::Lane;
use super::wire::Terms;
use crate::body::{BodyFormat, Text};
use crate::descriptors::Tables;
use crate::dialect::{Framing, Quick, Role, Speech};
use crate::failure::Failure;
use crate::plan::{Plan, nanos};
use crate::recorder;
use crate::target::Target;
use crate::topology::Topology;

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
    /// How the server's messages come.
    pub(super) framing: Framing,
    /// The quick way to read and write the messages of each topic.
    pub(super) quick: Vec<Quick>,
    /// Who deliveries are expected for.
    pub(super) audience: Audience,
    /// Publications in flight, for a closed loop.
    pub(super) flights: Flights,
    /// How many publications each publisher has written.
    pub(super) published: Vec<AtomicU64>,
    /// One for each thread.
    pub(super) lanes: Vec<Lane>,
    /// Where the threads meet before they connect, if each takes a descriptor table of its own: a copy that is made later
    /// would hold other threads' connections open.
    pub(super) own_tables: Option<Barrier>,
    /// What the first connection has settled; all of them ask for the same.
    pub(crate) terms: OnceLock<Terms>,
    /// What the threads are to do.
    pub(super) commands: Commands,
    is_ending: AtomicBool,
    trouble: Mutex<Option<String>>,
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
        (text, payload_bytes): (Text, usize),
        threads: usize,
        tables: Tables,
    ) -> Result<Self, Failure> {
        let body = BodyFormat::new(random_run(), text, payload_bytes);
        let quick = topology.topics.iter();
        let lanes: Result<Vec<Lane>, Failure> = (0..threads).map(|_| Lane::new()).collect();
        Ok(Self {
            clock: Clock::start(),
            quick: quick
                .map(|topic| Quick::new(speech, &topic.name, body.bytes()))
                .collect(),
            audience: Audience::new(&topology, threads),
            flights: Flights::new(&topology, &plan),
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
            framing: speech.framing(),
            speech,
            own_tables: (tables == Tables::Threads).then(|| Barrier::new(threads)),
            terms: OnceLock::new(),
            commands: Commands::default(),
            is_ending: AtomicBool::new(false),
            trouble: Mutex::new(None),
        })
    }

    /// What a client is there for, in words.
    pub(super) fn role(&self, seat: &Seat) -> Role<'_> {
        let name = |topic: u32| self.topology.topics[topic as usize].name.as_str();
        let publisher = seat.client.publisher;
        let publisher = publisher.map(|index| &self.topology.publishers[index as usize]);
        Role {
            topic: self.topic_name(seat.topic()),
            publishes: publisher.map_or_else(Vec::new, |publisher| {
                publisher.topics.iter().map(|topic| name(*topic)).collect()
            }),
        }
    }

    /// The upgrade request of a client, if it is not everybody's.
    pub(super) fn own_request(&self, seat: &Seat) -> Option<Vec<u8>> {
        let path = self.speech.path(self.target.path(), &self.role(seat))?;
        Some(self.target.request_at(&path))
    }

    /// The name of a topic, if there is one.
    pub(super) fn topic_name(&self, topic: Option<u32>) -> Option<&str> {
        let topic = &self.topology.topics[topic? as usize];
        Some(&topic.name)
    }

    /// Gives every thread a command, and wakes it. All must have heard the one before.
    pub(crate) fn tell(&self, command: Command) {
        self.commands.tell(command);
        self.wake_all();
    }

    /// Whether every thread has done what the last command says.
    pub(crate) fn have_all_heard(&self) -> bool {
        let told = self.commands.told();
        let mut lanes = self.lanes.iter();
        lanes.all(|lane| lane.heard.load(Ordering::Acquire) == told)
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
        lanes.fold(Counts::default(), |sum, lane| sum + lane)
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

    /// Whether each thread has a descriptor table of its own.
    pub(crate) fn has_own_tables(&self) -> bool {
        self.own_tables.is_some()
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

/// A number that another run is unlikely to have.
fn random_run() -> u32 {
    let mut bytes = [0; 4];
    match rustix::rand::getrandom(&mut bytes, rustix::rand::GetRandomFlags::empty()) {
        Ok(4) => u32::from_ne_bytes(bytes),
        // It need only differ from the runs before.
        _ => std::process::id(),
    }
}
