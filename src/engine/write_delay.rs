//! Connections whose messages wait for each other, where their endpoint's operator wants that.
//!
//! What an endpoint's connections are to be sent goes out together, once in a while: the first turn after
//! a pause sends at once, and from then on lists wait until the interval is over. So a message alone is
//! not late, and however many there are, a connection gets one send in an interval. A list that waits
//! stays in the turn's log, where later turns extend it.

use super::endpoint::Endpoint;
use super::turn_log::TurnLog;
use crate::base::time::Now;

/// The lists that wait, by endpoint.
#[derive(Debug, Default)]
pub(super) struct WriteDelay {
    endpoints: Box<[Delay]>,
    /// Whether any endpoint has an interval: the others pay for one look at this.
    is_used: bool,
}

#[derive(Debug, Default)]
struct Delay {
    interval_ms: u64,
    /// Those whose list waits.
    slots: Vec<u32>,
    /// When lists last went out.
    sent_ms: u64,
    /// Lists go out, until all that are ready are gone.
    is_open: bool,
    has_sent: bool,
}

impl Delay {
    fn due_ms(&self) -> u64 {
        self.sent_ms + self.interval_ms
    }
}

impl WriteDelay {
    pub(super) fn new(endpoints: &[Endpoint]) -> Self {
        let mut delay = Self {
            endpoints: endpoints.iter().map(|_| Delay::default()).collect(),
            is_used: false,
        };
        delay.renew(endpoints);
        delay
    }

    /// The endpoints' intervals may be others now.
    pub(super) fn renew(&mut self, endpoints: &[Endpoint]) {
        for (delay, endpoint) in self.endpoints.iter_mut().zip(endpoints) {
            delay.interval_ms = endpoint.limits.flush_interval_ms;
            self.is_used |= delay.interval_ms > 0;
        }
    }

    /// A flush begins, or goes on: has those send whose time has come, or with `all` everybody.
    pub(super) fn open(&mut self, now: Now, all: bool, log: &mut TurnLog) {
        if !self.is_used {
            return;
        }
        for delay in &mut self.endpoints {
            delay.is_open |= all || delay.due_ms() <= now.monotonic_ms;
            if delay.is_open {
                log.release(delay.slots.drain(..));
            }
        }
    }

    /// Whether a connection of this endpoint must wait; it is noted then.
    #[inline]
    pub(super) fn holds(&mut self, endpoint: u16, slot: u32) -> bool {
        if !self.is_used {
            return false;
        }
        let delay = &mut self.endpoints[usize::from(endpoint)];
        if delay.is_open {
            delay.has_sent = true;
            return false;
        }
        delay.slots.push(slot);
        true
    }

    /// Everything has been sent that had not to wait; whether nothing is left.
    pub(super) fn close(&mut self, now: Now) -> bool {
        let mut nothing_waits = true;
        if self.is_used {
            for delay in &mut self.endpoints {
                if std::mem::take(&mut delay.has_sent) {
                    delay.sent_ms = now.monotonic_ms;
                }
                delay.is_open = false;
                nothing_waits &= delay.slots.is_empty();
            }
        }
        nothing_waits
    }

    /// When the first of those that wait may send.
    pub(super) fn due_ms(&self) -> Option<u64> {
        let waiting = self
            .endpoints
            .iter()
            .filter(|delay| !delay.slots.is_empty());
        waiting.map(Delay::due_ms).min()
    }
}
