//! Clients without a connection: when each of them tries again.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::time::Duration;

use crate::plan::nanos;
use crate::random::Random;

/// The waiting connections of a thread.
#[derive(Debug)]
pub(super) struct Returning {
    /// The longest wait; `None` if nobody comes back.
    within_ns: Option<u64>,
    /// When, and which connection; the earliest on top.
    due: BinaryHeap<Reverse<(u64, usize)>>,
    random: Random,
}

impl Returning {
    /// For the thread of index `lane`.
    pub(super) fn new(within: Option<Duration>, lane: usize) -> Self {
        Self {
            within_ns: within.map(nanos),
            due: BinaryHeap::new(),
            random: Random::new(lane as u64),
        }
    }

    /// Lets a connection come back some time after `now_ns`; `false` if nobody does.
    pub(super) fn add(&mut self, conn: usize, now_ns: u64) -> bool {
        let Some(within_ns) = self.within_ns else {
            return false;
        };
        let wait_ns = self.random.below(within_ns + 1);
        self.due.push(Reverse((now_ns + wait_ns, conn)));
        true
    }

    /// A connection whose time has come.
    pub(super) fn next_due(&mut self, now_ns: u64) -> Option<usize> {
        let Reverse((at_ns, conn)) = *self.due.peek()?;
        if at_ns > now_ns {
            return None;
        }
        self.due.pop();
        Some(conn)
    }

    /// When the next one's time comes.
    pub(super) fn next_instant_ns(&self) -> Option<u64> {
        self.due.peek().map(|Reverse((at_ns, _))| *at_ns)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_are_spread_over_the_time_and_end_in_order() {
        let mut returning = Returning::new(Some(Duration::from_nanos(1_000)), 3);
        for conn in 0..1_000 {
            assert!(returning.add(conn, 5_000));
        }
        assert_eq!(returning.next_due(4_999), None);
        let mut came = 0;
        for at_ns in (5_000..6_000).step_by(100) {
            let before = came;
            while returning.next_due(at_ns + 99).is_some() {
                came += 1;
            }
            assert!((60..=140).contains(&(came - before)), "at {at_ns}");
        }
        let last = returning.next_instant_ns();
        assert!(last.is_none_or(|at_ns| at_ns == 6_000), "{last:?}");
    }

    #[test]
    fn nobody_returns_unless_it_is_planned() {
        let mut returning = Returning::new(None, 0);
        assert!(!returning.add(1, 0));
        assert_eq!(returning.next_instant_ns(), None);
    }
}
