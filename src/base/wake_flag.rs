//! Who wakes a sleeping shard: the first sender after it has parked, and nobody else.
//!
//! A wake-up costs a system call (7-9 us when the peer sleeps, against 40 ns for a push into a
//! mailbox), so senders must know whether it is needed, and no letter may be left behind by a shard
//! that goes to sleep at the wrong moment. `tests/loom_wake_flag.rs` checks all interleavings.

use super::atomic::{AtomicBool, Ordering, fence};

/// Set while its shard is parked or about to park.
#[derive(Debug)]
pub struct WakeFlag {
    parked: AtomicBool,
}

impl WakeFlag {
    /// A flag whose shard is awake.
    #[must_use]
    #[expect(
        clippy::new_without_default,
        reason = "loom's atomics have no const constructor"
    )]
    pub fn new() -> Self {
        Self {
            parked: AtomicBool::new(false),
        }
    }

    /// The shard says that it is going to sleep. It **must** look into its mailbox once more
    /// afterwards, and stay awake if anything is there.
    pub fn park(&self) {
        // A swap, so that a sender's swap for the sleep before is known to lie before this one: with
        // plain stores only an argument about the order of modifications shows it, which loom does
        // not make. Costs nothing that matters once per sleep.
        self.parked.swap(true, Ordering::AcqRel);
        // Orders it before the shard's last look at the mailbox; pairs with the fence in
        // `must_wake`. Without it both sides could miss each other (store-load reordering).
        fence(Ordering::SeqCst);
    }

    /// The shard is awake again: senders need not wake it.
    pub fn unpark(&self) {
        self.parked.store(false, Ordering::Relaxed);
    }

    /// A sender asks, after its push, whether it is the one who has to wake the shard.
    #[must_use]
    pub fn must_wake(&self) -> bool {
        // Orders the push before the load; pairs with the fence in `park`.
        fence(Ordering::SeqCst);
        self.parked.load(Ordering::Relaxed) && self.parked.swap(false, Ordering::AcqRel)
    }
}
