//! Waiting: until something happens, but not longer than the next turn may be away.

use std::future::{Future, poll_fn};
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use monoio::time::{Instant, Sleep, sleep};

/// Waits for one descriptor, with a clock beside it, over and over.
///
/// A wait that the clock has ended goes on in the next one: to give it up and to start another would be two
/// operations of the ring.
pub(super) struct Wait<S, C> {
    start: S,
    /// Until the descriptor is ready.
    ready: Pin<Box<C>>,
    alarm: Pin<Box<Sleep>>,
    /// When the alarm rings, or did last.
    rings_at: Instant,
}

impl<S: Fn() -> C, C: Future<Output = io::Result<()>>> Wait<S, C> {
    /// `start` begins a wait for the descriptor.
    pub(super) fn new(start: S) -> Self {
        Self {
            ready: Box::pin(start()),
            alarm: Box::pin(sleep(Duration::ZERO)),
            rings_at: Instant::now(),
            start,
        }
    }

    /// Waits until the descriptor is ready, so long at most. It may be over early.
    pub(super) async fn at_most(&mut self, pause: Duration) {
        self.set_alarm(pause);
        poll_fn(|context| self.poll(context)).await;
    }

    fn poll(&mut self, context: &mut Context<'_>) -> Poll<()> {
        if let Poll::Ready(waited) = self.ready.as_mut().poll(context) {
            self.ready.set((self.start)());
            // Where the kernel lacks memory for a wait, the next one begins when the alarm rings.
            if waited.is_ok() {
                return Poll::Ready(());
            }
        }
        self.alarm.as_mut().poll(context)
    }

    /// An alarm that is set to ring before stays so: to set it anew for each wait would cost more than that
    /// it is early now and then.
    fn set_alarm(&mut self, pause: Duration) {
        let now = Instant::now();
        let wanted_at = now + pause;
        if self.rings_at <= now || wanted_at < self.rings_at {
            self.rings_at = wanted_at;
            self.alarm.as_mut().reset(wanted_at);
        }
    }
}
