//! What one client thread shows to the others: its counts, and what it hands over.

use std::os::fd::OwnedFd;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use hdrhistogram::Histogram;
use rustix::event::{EventfdFlags, eventfd};

use super::counts::Counts;
use super::flights::Landed;
use super::inflating::Inflated;
use crate::failure::Failure;
use crate::recorder;

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
    /// How many commands the thread has carried out.
    pub(super) heard: AtomicU64,
    ready: AtomicU64,
    departed: AtomicU64,
    returned: AtomicU64,
    attempts: AtomicU64,
    refused: AtomicU64,
    opened: AtomicU64,
    resumed: AtomicU64,
    stopped_ended: AtomicU64,
    visitors: AtomicU64,
    visits: AtomicU64,
    late_visits: AtomicU64,
    visit_deliveries: AtomicU64,
    published: AtomicU64,
    owed: AtomicU64,
    /// See [`Counts::expected`].
    pub(super) expected: AtomicU64,
    /// See [`Counts::delivered`].
    pub(super) delivered: AtomicU64,
    bytes: AtomicU64,
    sent_bytes: AtomicU64,
    inflated_messages: AtomicU64,
    compressed_bytes: AtomicU64,
    text_bytes: AtomicU64,
    faults: AtomicU64,
    /// See [`Counts::idle_ns`].
    pub(super) idle_ns: AtomicU64,
}

impl Lane {
    /// Of a thread that has done nothing.
    ///
    /// # Errors
    ///
    /// When the system gives no event descriptor.
    pub(super) fn new() -> Result<Self, Failure> {
        let flags = EventfdFlags::NONBLOCK | EventfdFlags::CLOEXEC;
        let zero = || AtomicU64::new(0);
        Ok(Self {
            wake: eventfd(0, flags)
                .map_err(|error| Failure::system("cannot make an event descriptor", error))?,
            landed: Mutex::new(Vec::new()),
            latencies: Mutex::new(recorder::empty()),
            heard: zero(),
            ready: zero(),
            departed: zero(),
            returned: zero(),
            attempts: zero(),
            refused: zero(),
            opened: zero(),
            resumed: zero(),
            stopped_ended: zero(),
            visitors: zero(),
            visits: zero(),
            late_visits: zero(),
            visit_deliveries: zero(),
            published: zero(),
            owed: zero(),
            expected: zero(),
            delivered: zero(),
            bytes: zero(),
            sent_bytes: zero(),
            inflated_messages: zero(),
            compressed_bytes: zero(),
            text_bytes: zero(),
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
        self.opened.store(counts.opened, Ordering::Relaxed);
        self.resumed.store(counts.resumed, Ordering::Relaxed);
        self.stopped_ended
            .store(counts.stopped_ended, Ordering::Relaxed);
        self.visitors.store(counts.visitors, Ordering::Relaxed);
        self.visits.store(counts.visits, Ordering::Relaxed);
        self.late_visits
            .store(counts.late_visits, Ordering::Relaxed);
        self.visit_deliveries
            .store(counts.visit_deliveries, Ordering::Relaxed);
        self.published.store(counts.published, Ordering::Relaxed);
        self.delivered.store(counts.delivered, Ordering::Release);
        self.bytes.store(counts.bytes, Ordering::Relaxed);
        self.sent_bytes.store(counts.sent_bytes, Ordering::Relaxed);
        let inflated = counts.inflated;
        self.inflated_messages
            .store(inflated.messages, Ordering::Relaxed);
        self.compressed_bytes
            .store(inflated.compressed_bytes, Ordering::Relaxed);
        self.text_bytes
            .store(inflated.text_bytes, Ordering::Relaxed);
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

    /// The counts that it shows.
    pub(super) fn counts(&self) -> Counts {
        Counts {
            delivered: self.delivered.load(Ordering::Acquire),
            ready: self.ready.load(Ordering::Relaxed),
            departed: self.departed.load(Ordering::Relaxed),
            returned: self.returned.load(Ordering::Relaxed),
            attempts: self.attempts.load(Ordering::Relaxed),
            refused: self.refused.load(Ordering::Relaxed),
            opened: self.opened.load(Ordering::Relaxed),
            resumed: self.resumed.load(Ordering::Relaxed),
            stopped_ended: self.stopped_ended.load(Ordering::Relaxed),
            visitors: self.visitors.load(Ordering::Relaxed),
            visits: self.visits.load(Ordering::Relaxed),
            late_visits: self.late_visits.load(Ordering::Relaxed),
            visit_deliveries: self.visit_deliveries.load(Ordering::Relaxed),
            published: self.published.load(Ordering::Relaxed),
            owed: self.owed.load(Ordering::Acquire),
            expected: self.expected.load(Ordering::Acquire),
            bytes: self.bytes.load(Ordering::Relaxed),
            sent_bytes: self.sent_bytes.load(Ordering::Relaxed),
            inflated: Inflated {
                messages: self.inflated_messages.load(Ordering::Relaxed),
                compressed_bytes: self.compressed_bytes.load(Ordering::Relaxed),
                text_bytes: self.text_bytes.load(Ordering::Relaxed),
            },
            faults: self.faults.load(Ordering::Relaxed),
            idle_ns: self.idle_ns.load(Ordering::Relaxed),
        }
    }
}
