//! The shard's heart: one turn at the end of every pass in which something happened.

use std::future::{Future, poll_fn};
use std::pin::{Pin, pin};
use std::rc::Rc;
use std::task::{Context, Poll};
use std::time::Duration;

use monoio::time::{Instant, Sleep, sleep};

use super::receive::receive_all;
use super::shard::Shard;
use super::{Handler, Turn};
use crate::base::wheel::TICK_MS;

const TICK: Duration = Duration::from_millis(TICK_MS);

/// Ticks that the tasks of an exiting shard may take to end; they need a few passes of the loop.
const EXIT_TICKS_MAX: u32 = 20;

/// Turns taken before the shard looks at its sockets again, when letters come in between.
const TURNS_IN_A_ROW: usize = 2;

/// Runs turns until the handler is done, and then until all tasks have ended.
///
/// This is the root future of the shard's runtime, which polls it after the woken tasks of a pass,
/// and again at once if it was woken meanwhile. So it must never wake itself: see
/// [`Shard::ring`].
pub(super) async fn turn_loop<H: Handler>(shard: Rc<Shard<H>>) {
    let mut tick = pin!(sleep(TICK));
    let mut alarm = Alarm {
        sleep: pin!(sleep(TICK)),
        rings_at: Instant::now(),
    };
    let mut changed = pin!(shard.readiness().changed());
    // Whether `changed` is over; it must not be polled again then.
    let mut has_changed = false;
    let mut events = Vec::new();
    let mut exit_ticks = 0;
    poll_fn(|context| {
        shard.begin_turn(context.waker());
        let ticks = take_ticks(tick.as_mut(), context);
        if !shard.is_exiting() {
            events.clear();
            if has_changed || changed.as_mut().poll(context).is_ready() {
                changed.set(shard.readiness().changed());
                shard.readiness().take(&mut events);
            }
            receive_all(&shard, &events);
            shard.release_closed();
            if let Some(pause) = run_turns(&shard)
                && alarm.set(pause, context) == Poll::Ready(())
            {
                shard.ring();
            }
            see_to_the_rest(&shard);
            // Under epoll this is over at once where there is more; a wait that failed is tried again at
            // the next tick.
            let waited = changed.as_mut().poll(context);
            has_changed = waited.is_ready();
            if matches!(waited, Poll::Ready(Ok(()))) {
                shard.ring();
            }
            return Poll::Pending;
        }
        shard.release_closed();
        exit_ticks += ticks;
        if !shard.has_tasks() {
            return Poll::Ready(());
        }
        if exit_ticks > EXIT_TICKS_MAX {
            tracing::warn!("a shard's tasks did not end in time; it exits without them");
            return Poll::Ready(());
        }
        Poll::Pending
    })
    .await;
}

/// Sets the clock for the next tick; how many have passed, 0 or 1.
///
/// The tick is polled here rather than in a task of its own, so that exiting need not wait for it.
fn take_ticks(mut tick: Pin<&mut Sleep>, context: &mut Context<'_>) -> u32 {
    if tick.as_mut().poll(context).is_pending() {
        return 0;
    }
    tick.as_mut().reset(Instant::now() + TICK);
    // Polled again, because that is what puts it on the clock.
    let early = tick.poll(context).is_ready();
    debug_assert!(!early, "a tick cannot have passed already");
    1
}

/// Wakes the turn loop between two ticks.
struct Alarm<'a> {
    sleep: Pin<&'a mut Sleep>,
    /// When it rings, or did last.
    rings_at: Instant,
}

impl Alarm<'_> {
    /// Has it ring in so long; `Ready` if that is over already. One that is set to ring before stays so: it
    /// is set anew then.
    fn set(&mut self, pause: Duration, context: &mut Context<'_>) -> Poll<()> {
        let now = Instant::now();
        let wanted_at = now + pause;
        if now < self.rings_at && self.rings_at <= wanted_at {
            return Poll::Pending;
        }
        self.rings_at = wanted_at;
        self.sleep.as_mut().reset(wanted_at);
        self.sleep.as_mut().poll(context)
    }
}

/// How long the next turn may be away at most, where the handler says so.
fn run_turns<H: Handler>(shard: &Shard<H>) -> Option<Duration> {
    for _ in 0..TURNS_IN_A_ROW {
        let pause = match shard.with_handler(|handler| handler.turn(shard.sockets())) {
            Turn::Exit => {
                shard.exit();
                return None;
            }
            Turn::Again => {
                shard.ring();
                return None;
            }
            Turn::Idle(pause) => pause,
        };
        shard.waker().flag().park();
        if !shard.with_handler(|handler| handler.has_mail()) {
            return pause;
        }
        shard.waker().flag().unpark();
    }
    // Letters keep coming; the sockets must have their time, too.
    shard.ring();
    None
}

/// Sees to what the turn left to be done.
fn see_to_the_rest<H: Handler>(shard: &Shard<H>) {
    if shard.release_closed() || shard.sockets().has_unread() {
        shard.ring();
    }
    if shard.is_accepting_stopped() {
        shard.wake_accept_loop();
    }
}
