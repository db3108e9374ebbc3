//! What is published when: the pace, the phases of a run, and the instants of an open loop.

use std::time::Duration;

/// How publications follow each other.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Pace {
    /// Closed loop: each publisher has at most this many publications in flight; one is done when all
    /// its subscribers have it. A slow server is asked for less, so latencies are those at saturation.
    Closed {
        /// Publications in flight for each publisher.
        window: u32,
    },
    /// Open loop: publications are due at planned instants, whatever the server does, and latency
    /// counts from the planned instant.
    Open {
        /// Publications a second, all publishers together.
        rate: f64,
    },
    /// Nothing is published.
    Silent,
}

/// One run as it is meant to be.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Plan {
    /// The pace of the publishers.
    pub(crate) pace: Pace,
    /// Publications that a publisher writes in one go.
    pub(crate) burst: u32,
    /// Time under load before the measured window.
    pub(crate) warmup: Duration,
    /// The measured window.
    pub(crate) duration: Duration,
    /// Clients that have no connection before the first phase try again, each time after a random part of this.
    /// `None`: one that cannot connect ends the run.
    pub(crate) return_within: Option<Duration>,
    /// Connections are closed as soon as they are WebSockets, and opened anew.
    pub(crate) reopens: bool,
    /// An open loop whose deliveries are further behind its schedule ends early, and has all the time it needs to
    /// deliver what it has asked for. `None`: it goes on.
    pub(crate) behind_max: Option<Duration>,
    /// Who comes and goes besides those that stay, if anybody does.
    pub(crate) churn: Option<Churn>,
}

/// Clients that come and go: each connects, subscribes, stays for some time and leaves, over and over.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Churn {
    /// How many of them there are at most at a time.
    pub(crate) churners: u32,
    /// Visits a second by schedule; `None`: each comes as soon as it has left.
    pub(crate) rate: Option<f64>,
    /// How long a client stays after it is subscribed, on average.
    pub(crate) stay: Duration,
    /// How many of 10,000 leave without a Close frame, by a reset.
    pub(crate) abrupt: u32,
}

/// When the phases of a stretch of load begin and end, in nanoseconds of the run's clock.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Phases {
    /// How publications follow each other in them.
    pub(crate) pace: Pace,
    /// The first planned instant.
    pub(crate) start_ns: u64,
    /// The warm-up is over; what is planned from here on is measured.
    pub(crate) window_start_ns: u64,
    /// Nothing is planned from here on.
    pub(crate) window_end_ns: u64,
}

impl Phases {
    /// The phases of a stretch of `plan` that begins at `start_ns`.
    pub(crate) fn new(plan: &Plan, start_ns: u64) -> Self {
        let window_start_ns = start_ns + nanos(plan.warmup);
        Self {
            pace: plan.pace,
            start_ns,
            window_start_ns,
            window_end_ns: window_start_ns + nanos(plan.duration),
        }
    }

    /// The same with a window that ends at `at_ns`, unless it ends before that anyway.
    pub(crate) fn ending_by(self, at_ns: u64) -> Self {
        Self {
            window_end_ns: self.window_end_ns.min(at_ns),
            ..self
        }
    }

    /// Whether what happens at `ns` is measured.
    pub(crate) fn is_measured(&self, ns: u64) -> bool {
        (self.window_start_ns..self.window_end_ns).contains(&ns)
    }
}

/// The planned instants of an open loop: slots at equal distances, taken by the publishers in turn.
///
/// A slot is one burst of one publisher. Publisher `p` of `n` has the slots `p`, `p + n`, `p + 2n`...
#[derive(Clone, Copy, Debug)]
pub(crate) struct Schedule {
    publishers: u64,
    start_ns: u64,
    slot_distance_ns: f64,
}

impl Schedule {
    /// A schedule of `rate` publications a second in bursts of `burst`, beginning at `start_ns`.
    pub(crate) fn new(rate: f64, burst: u32, publishers: u32, start_ns: u64) -> Self {
        Self {
            publishers: publishers.into(),
            start_ns,
            slot_distance_ns: f64::from(burst) * 1e9 / rate,
        }
    }

    /// The instant of a publisher's slot of this round; rounds count from 0.
    pub(crate) fn instant_ns(&self, publisher: u32, round: u64) -> u64 {
        let slot = round * self.publishers + u64::from(publisher);
        // From the slot's number, not from the instant before: rounding must not add up. A double
        // tells nanoseconds apart for 104 days.
        self.start_ns + (slot as f64 * self.slot_distance_ns) as u64
    }

    /// How many slots of a publisher lie before `end_ns`.
    pub(crate) fn rounds_before(&self, publisher: u32, end_ns: u64) -> u64 {
        let (mut low, mut high) = (0, 1);
        while self.instant_ns(publisher, high) < end_ns {
            (low, high) = (high, high * 2);
        }
        while low < high {
            let middle = low + (high - low) / 2;
            if self.instant_ns(publisher, middle) < end_ns {
                low = middle + 1;
            } else {
                high = middle;
            }
        }
        low
    }
}

/// A duration in nanoseconds; 584 years fit.
pub(crate) fn nanos(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slots_are_equally_far_apart_and_taken_in_turn() {
        let schedule = Schedule::new(1_000.0, 1, 4, 500);
        assert_eq!(schedule.instant_ns(0, 0), 500);
        assert_eq!(schedule.instant_ns(1, 0), 1_000_500);
        assert_eq!(schedule.instant_ns(3, 0), 3_000_500);
        assert_eq!(schedule.instant_ns(0, 1), 4_000_500);
        assert_eq!(schedule.instant_ns(2, 250), 1_002_000_500);
    }

    #[test]
    fn bursts_keep_the_rate_of_publications() {
        let schedule = Schedule::new(1_000.0, 16, 1, 0);
        assert_eq!(schedule.instant_ns(0, 1), 16_000_000);
    }

    #[test]
    fn odd_rates_do_not_drift() {
        let schedule = Schedule::new(3.0, 1, 1, 0);
        assert_eq!(schedule.instant_ns(0, 3_000_000), 1_000_000_000_000_000);
    }

    #[test]
    fn rounds_before_an_end_are_those_with_an_earlier_instant() {
        let schedule = Schedule::new(1_000.0, 1, 4, 0);
        assert_eq!(schedule.rounds_before(0, 0), 0);
        assert_eq!(schedule.rounds_before(0, 1), 1);
        assert_eq!(schedule.rounds_before(1, 1), 0);
        assert_eq!(schedule.rounds_before(0, 4_000_000), 1);
        assert_eq!(schedule.rounds_before(0, 4_000_001), 2);
        assert_eq!(schedule.rounds_before(3, 1_000_000_000), 250);
    }

    #[test]
    fn the_window_follows_the_warmup_and_excludes_its_end() {
        let plan = Plan {
            pace: Pace::Silent,
            burst: 1,
            warmup: Duration::from_nanos(10),
            duration: Duration::from_nanos(5),
            return_within: None,
            reopens: false,
            behind_max: None,
            churn: None,
        };
        let phases = Phases::new(&plan, 100);
        let measured: Vec<u64> = (100..120).filter(|ns| phases.is_measured(*ns)).collect();
        assert_eq!(measured, [110, 111, 112, 113, 114]);
        assert_eq!(phases.ending_by(112).window_end_ns, 112);
        assert_eq!(phases.ending_by(500), phases);
    }
}
