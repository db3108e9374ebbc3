//! Waking a shard that sleeps, from another thread.

use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::sync::Arc;

use rustix::event::{EventfdFlags, eventfd};

use crate::base::wake_flag::WakeFlag;

/// Wakes one shard. Made before the shard's thread, so that every thread can have every shard's.
///
/// Call [`wake`](Self::wake) after each push into the shard's mailbox: it costs a fence and a load
/// while the shard is awake, and one system call for the first push after it fell asleep.
#[derive(Debug, Clone)]
pub struct Waker {
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    flag: WakeFlag,
    /// An event counter. Each write is an event for a set that it is in (edge triggered), so nobody ever
    /// reads it; those that come before the shard waits are one event.
    counter: OwnedFd,
}

impl Waker {
    /// A waker for a shard that is yet to start.
    ///
    /// # Errors
    ///
    /// The system is out of descriptors.
    pub fn new() -> io::Result<Self> {
        let counter = eventfd(0, EventfdFlags::CLOEXEC | EventfdFlags::NONBLOCK)?;
        Ok(Self {
            shared: Arc::new(Shared {
                flag: WakeFlag::new(),
                counter,
            }),
        })
    }

    /// Sees to it that the shard takes a turn that begins after this call.
    pub fn wake(&self) {
        if self.shared.flag.must_wake() {
            // The one possible failure is a counter that is full, after 2^64 wake-ups.
            let _ = rustix::io::write(&self.shared.counter, &1_u64.to_ne_bytes());
        }
    }

    /// The flag through which sleeping and waking are agreed upon.
    pub(super) fn flag(&self) -> &WakeFlag {
        &self.shared.flag
    }
}

impl AsFd for Waker {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.shared.counter.as_fd()
    }
}
