//! What the main thread asks of the client threads, all of them at once.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};

use crate::plan::Phases;

/// Something that every thread is to do at its next turn.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Command {
    /// Publish as these phases say. All that was published before has come.
    Begin(Phases),
    /// Let the window end at this instant of the run's clock, if it would go on.
    EndBy(u64),
    /// Hand over the latencies recorded so far.
    HandOver,
    /// Those clients that are to stop reading do so.
    StopReading,
    /// They read again.
    ReadAgain,
}

/// The latest command, and how many there were. The main thread gives the next one when all have heard the last.
#[derive(Debug, Default)]
pub(super) struct Commands {
    told: AtomicU64,
    latest: Mutex<Option<Command>>,
}

impl Commands {
    /// Gives a command; the threads must be woken.
    pub(super) fn tell(&self, command: Command) {
        *self.latest.lock().unwrap_or_else(PoisonError::into_inner) = Some(command);
        self.told.fetch_add(1, Ordering::Release);
    }

    /// How many commands there were.
    #[inline]
    pub(super) fn told(&self) -> u64 {
        self.told.load(Ordering::Acquire)
    }

    /// The latest one.
    pub(super) fn latest(&self) -> Option<Command> {
        *self.latest.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
