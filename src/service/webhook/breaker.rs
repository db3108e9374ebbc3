//! A circuit breaker: an app server that does not answer is left alone for a while.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

/// Closed until so many tries in a row have failed, then open for a pause; after it one probe goes out,
/// whose end decides.
#[derive(Debug)]
pub(super) struct Breaker {
    failures_max: u32,
    pause: Duration,
    state: Mutex<State>,
}

#[derive(Debug, Clone, Copy)]
enum State {
    Closed { failures: u32 },
    Open { until: Instant },
    Probing { since: Instant },
}

/// Leave for one try, which says how it ended. Dropped without a word (nobody waits any longer) it
/// counts neither way.
#[derive(Debug)]
pub(super) struct Pass<'a> {
    breaker: &'a Breaker,
    is_probe: bool,
    is_over: bool,
}

/// What the end of a try did to the breaker.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Change {
    None,
    Opened,
    Closed,
}

impl Breaker {
    pub(super) fn new(failures_max: u32, pause: Duration) -> Self {
        Self {
            failures_max,
            pause,
            state: Mutex::new(State::Closed { failures: 0 }),
        }
    }

    /// Leave to try; `None`: not now.
    pub(super) fn admit(&self, now: Instant) -> Option<Pass<'_>> {
        let mut state = self.state();
        let is_probe = match *state {
            State::Closed { .. } => false,
            State::Open { until } if until <= now => {
                *state = State::Probing { since: now };
                true
            }
            State::Open { .. } | State::Probing { .. } => return None,
        };
        Some(Pass {
            breaker: self,
            is_probe,
            is_over: false,
        })
    }

    /// Whether [`Breaker::admit`] would say no.
    pub(super) fn refuses(&self, now: Instant) -> bool {
        match *self.state() {
            State::Closed { .. } => false,
            State::Open { until } => now < until,
            State::Probing { .. } => true,
        }
    }

    /// Whether the last probe failed, or has not ended yet, or none was sent.
    pub(super) fn is_open(&self) -> bool {
        !matches!(*self.state(), State::Closed { .. })
    }

    pub(super) fn pause(&self) -> Duration {
        self.pause
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Pass<'_> {
    /// The app server answered.
    pub(super) fn succeeded(mut self) -> Change {
        self.is_over = true;
        let mut state = self.breaker.state();
        match *state {
            State::Closed { .. } => {
                *state = State::Closed { failures: 0 };
                Change::None
            }
            State::Probing { .. } if self.is_probe => {
                *state = State::Closed { failures: 0 };
                Change::Closed
            }
            // Begun before it opened.
            State::Open { .. } | State::Probing { .. } => Change::None,
        }
    }

    /// Nobody answered.
    pub(super) fn failed(mut self, now: Instant) -> Change {
        self.is_over = true;
        let mut state = self.breaker.state();
        let open = State::Open {
            until: now + self.breaker.pause,
        };
        match *state {
            State::Closed { failures } if failures + 1 >= self.breaker.failures_max => {
                *state = open;
                Change::Opened
            }
            State::Closed { failures } => {
                *state = State::Closed {
                    failures: failures + 1,
                };
                Change::None
            }
            State::Probing { .. } if self.is_probe => {
                *state = open;
                Change::None
            }
            State::Open { .. } | State::Probing { .. } => Change::None,
        }
    }
}

impl Drop for Pass<'_> {
    fn drop(&mut self) {
        if self.is_over || !self.is_probe {
            return;
        }
        let mut state = self.breaker.state();
        if let State::Probing { since } = *state {
            *state = State::Open { until: since };
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PAUSE: Duration = Duration::from_secs(2);

    fn opened() -> (Breaker, Instant) {
        let (breaker, now) = (Breaker::new(3, PAUSE), Instant::now());
        let fail = || breaker.admit(now).unwrap().failed(now);
        assert_eq!(
            [fail(), fail(), fail()],
            [Change::None, Change::None, Change::Opened]
        );
        (breaker, now)
    }

    #[test]
    fn opens_after_failures_in_a_row_only() {
        let (breaker, now) = (Breaker::new(3, PAUSE), Instant::now());
        for _ in 0..5 {
            assert_eq!(breaker.admit(now).unwrap().failed(now), Change::None);
            assert_eq!(breaker.admit(now).unwrap().failed(now), Change::None);
            assert_eq!(breaker.admit(now).unwrap().succeeded(), Change::None);
        }
        assert!(!breaker.is_open());
    }

    #[test]
    fn open_one_refuses_until_the_pause_is_over_and_then_lets_one_probe_out() {
        let (breaker, now) = opened();
        let almost = now + PAUSE - Duration::from_millis(1);
        assert!(breaker.refuses(almost) && breaker.admit(almost).is_none());

        let later = now + PAUSE;
        assert!(!breaker.refuses(later));
        let probe = breaker.admit(later).unwrap();
        assert!(breaker.refuses(later) && breaker.admit(later).is_none());
        assert!(breaker.is_open());
        assert_eq!(probe.succeeded(), Change::Closed);
        assert!(!breaker.is_open() && breaker.admit(later).is_some());
        // It counts from nothing again.
        assert_eq!(breaker.admit(later).unwrap().failed(later), Change::None);
    }

    #[test]
    fn probe_that_fails_begins_another_pause_without_a_word() {
        let (breaker, now) = opened();
        let later = now + PAUSE;
        assert_eq!(breaker.admit(later).unwrap().failed(later), Change::None);
        assert!(breaker.refuses(later + PAUSE - Duration::from_millis(1)));
        assert!(breaker.admit(later + PAUSE).is_some());
    }

    #[test]
    fn probe_that_nobody_waits_for_makes_room_for_the_next() {
        let (breaker, now) = opened();
        drop(breaker.admit(now + PAUSE).unwrap());
        assert!(breaker.is_open());
        assert!(breaker.admit(now + PAUSE).is_some());
    }

    #[test]
    fn tries_begun_before_it_opened_change_nothing() {
        let (breaker, now) = (Breaker::new(1, PAUSE), Instant::now());
        let [late, later, last] = [(); 3].map(|()| breaker.admit(now).unwrap());
        assert_eq!(breaker.admit(now).unwrap().failed(now), Change::Opened);
        assert_eq!(late.succeeded(), Change::None);
        assert_eq!(later.failed(now + PAUSE), Change::None);
        // The first pause still ends when it was to end.
        let probe = breaker.admit(now + PAUSE).unwrap();
        assert_eq!(last.succeeded(), Change::None);
        assert!(breaker.refuses(now + PAUSE));
        assert_eq!(probe.succeeded(), Change::Closed);
    }
}
