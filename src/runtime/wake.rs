//! Waking a shard that sleeps, from another thread or from its own.

use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use monoio::time::sleep;
use rustix::event::{EventfdFlags, eventfd};

use super::Handler;
use super::polled::Polled;
use super::shard::Shard;
use crate::base::wake_flag::WakeFlag;
use crate::base::wheel::TICK_MS;

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
    /// An event counter: readable while it is not zero, so a wake-up that comes before the shard
    /// waits is not lost, and any number of them are one event.
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
            self.ring();
        }
    }

    /// The flag through which sleeping and waking are agreed upon.
    pub(super) fn flag(&self) -> &WakeFlag {
        &self.shared.flag
    }

    /// Makes the shard's next wait return at once, whatever the flag says.
    pub(super) fn ring(&self) {
        // The one possible failure is a counter that is full: it is readable then, which is all that
        // is wanted.
        let _ = rustix::io::write(&self.shared.counter, &1_u64.to_ne_bytes());
    }

    /// The counter as something to wait on. A duplicate, because its owner closes it.
    pub(super) fn polled(&self) -> io::Result<Polled> {
        Polled::new(self.shared.counter.try_clone()?)
    }
}

/// Waits for rings, and passes each on as a turn.
pub(super) async fn wake_loop<H: Handler>(shard: Rc<Shard<H>>, counter: Polled) {
    while !shard.is_exiting() {
        if counter.readable().await.is_err() {
            // The kernel lacks memory. Without a pause this would spin; letters are seen meanwhile,
            // because the tick goes on.
            sleep(RETRY).await;
        }
        clear(&counter);
        shard.rung();
    }
    drop(counter);
    shard.task_ended();
}

/// The pause after a wait that failed.
const RETRY: Duration = Duration::from_millis(TICK_MS);

/// Sets the counter to zero. It may be zero already: that fails, and nothing is lost.
fn clear(counter: impl AsFd) {
    let mut count = [0; size_of::<u64>()];
    let _ = rustix::io::read(counter, &mut count);
}
