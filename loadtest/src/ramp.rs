//! The knee of an open loop: the highest rate that a server holds.
//!
//! The rate rises in steps until one does not hold, and what lies between is halved until it is narrow enough. All
//! steps have the same connections, and each begins when everything of the one before has come.

use std::time::Duration;

use crate::failure::Failure;
use crate::plan::{Pace, Plan};
use crate::recorder::Percentiles;
use crate::run::Run;
use crate::stretch::Stretch;

/// A server whose deliveries come slower than this part of what the schedule asks for does not keep up, however
/// short the lag has stayed in so short a time.
const KEPT_UP_MIN: f64 = 0.97;

/// Publications that may be on their way at the edges of a window, when there are few in it.
const ON_THEIR_WAY: f64 = 2.0;

/// How far deliveries may fall behind their schedule before a step ends early: what it has asked for must be
/// delivered before the next one.
const BEHIND_MAX: Duration = Duration::from_secs(1);

/// A step that does not hold is tried again: one stall of the machine is no knee.
const TRIES: u32 = 2;

/// Steps that the hypervisor has disturbed and that are not counted as tries.
const DISTURBED_MAX: u32 = 3;

/// Below this rate, in publications a second, nothing is looked for any more.
const RATE_MIN: f64 = 1.0;

/// What is looked for, and how.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Climb {
    /// The first rate, in publications a second.
    pub(crate) from: f64,
    /// What it rises by.
    pub(crate) factor: f64,
    /// How far the lowest rate that does not hold may lie above the highest that does, as a part of it.
    pub(crate) precision: f64,
    /// The highest 99th percentile of latency that holds.
    pub(crate) p99_max: Duration,
    /// Stolen time above this share spoils a step that does not hold.
    pub(crate) steal_share_max: f64,
}

/// Why a step does not hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Limit {
    /// The latency is too high.
    Latency,
    /// Deliveries fall behind the schedule.
    Backlog,
}

/// One step.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Step {
    /// Planned publications a second.
    pub(crate) rate: f64,
    /// Publications a second in its window.
    pub(crate) publications_per_s: f64,
    /// Deliveries a second in its window.
    pub(crate) deliveries_per_s: f64,
    /// Of what was planned in its window.
    pub(crate) latency: Percentiles,
    /// Busy share of the server's cores, if they are known.
    pub(crate) core_busy_share: Option<f64>,
    /// Busy share of the busiest client thread.
    pub(crate) client_busy_share: f64,
    /// Stolen time, as a share.
    pub(crate) steal_share: f64,
    /// Why it does not hold; `None` if it does.
    pub(crate) limit: Option<Limit>,
}

/// What a ramp has found.
#[derive(Debug)]
pub(crate) struct Ramp {
    /// What was looked for.
    pub(crate) climb: Climb,
    /// All steps, in the order of time.
    pub(crate) steps: Vec<Step>,
    /// The index of the step at the knee; `None` if no step held.
    pub(crate) knee: Option<usize>,
}

impl Run<'_> {
    /// Looks for the knee. Returns the stretch there, or the last one if no step held, as well.
    ///
    /// # Errors
    ///
    /// When nothing can be measured, or the first step is interrupted too early.
    pub(crate) fn ramp(&mut self, plan: &Plan, climb: Climb) -> Result<(Ramp, Stretch), Failure> {
        let mut ascent = Ascent::new(climb);
        while let Some(rate) = ascent.search.next_rate() {
            let plan = Plan {
                pace: Pace::Open { rate },
                behind_max: Some(BEHIND_MAX),
                ..*plan
            };
            let stretch = match self.stretch(&plan) {
                Ok(stretch) => stretch,
                // What was found before the interrupt is worth a report.
                Err(_) if self.was_interrupted && ascent.shown.is_some() => break,
                Err(failure) => return Err(failure),
            };
            // What is missing would be missing in all further steps.
            let is_last = stretch.interrupted || !stretch.is_complete;
            let step = Step::new(rate, self.deliveries_per_publication(), &stretch, climb);
            self.progress.say_if_seen(&step.line());
            ascent.take(step, stretch);
            if is_last {
                break;
            }
        }
        ascent.finish(self.was_interrupted)
    }
}

/// A ramp on its way.
#[derive(Debug)]
struct Ascent {
    search: Search,
    ramp: Ramp,
    /// The stretch at the knee, or the last one if no step has held.
    shown: Option<Stretch>,
    /// How often the rate of now has been tried in vain, and how often it was disturbed.
    tries: u32,
    disturbed: u32,
}

impl Ascent {
    fn new(climb: Climb) -> Self {
        Self {
            search: Search::new(climb),
            ramp: Ramp {
                climb,
                steps: Vec::new(),
                knee: None,
            },
            shown: None,
            tries: 0,
            disturbed: 0,
        }
    }

    /// Takes what a step has brought.
    fn take(&mut self, step: Step, stretch: Stretch) {
        let holds = step.limit.is_none();
        if holds {
            // Every rate that is tried lies above all that have held.
            self.ramp.knee = Some(self.ramp.steps.len());
        }
        if holds || self.ramp.knee.is_none() {
            self.shown = Some(stretch);
        }
        self.ramp.steps.push(step);
        if !holds {
            let is_disturbed = step.steal_share > self.ramp.climb.steal_share_max;
            if is_disturbed && self.disturbed < DISTURBED_MAX {
                self.disturbed += 1;
                return;
            }
            self.tries += 1;
            if self.tries < TRIES {
                return;
            }
        }
        (self.tries, self.disturbed) = (0, 0);
        self.search.note(step.rate, holds);
    }

    fn finish(self, interrupted: bool) -> Result<(Ramp, Stretch), Failure> {
        let shown = self.shown.ok_or_else(|| {
            Failure::CannotMeasure("no step was measured: there is nothing to report".into())
        })?;
        let shown = Stretch {
            interrupted,
            ..shown
        };
        Ok((self.ramp, shown))
    }
}

impl Step {
    fn new(rate: f64, deliveries_each: f64, stretch: &Stretch, climb: Climb) -> Self {
        let ((start, from), (end, to)) = (&stretch.start, &stretch.end);
        let window_s = (end.at - start.at).as_secs_f64();
        let per_s = |count: u64| count as f64 / window_s.max(1e-9);
        let latency = Percentiles::of(&stretch.latencies);
        let deliveries = (to.delivered - from.delivered) as f64;
        let asked = rate * window_s * deliveries_each;
        let keeps_up = deliveries >= asked * KEPT_UP_MIN - ON_THEIR_WAY * deliveries_each;
        let cores = end.server_cores.zip(start.server_cores);
        let shares = end.busy_shares(start);
        Self {
            rate,
            publications_per_s: per_s(to.published - from.published),
            deliveries_per_s: deliveries / window_s.max(1e-9),
            latency,
            core_busy_share: cores.map(|(end, start)| {
                let ticks = end - start;
                ticks.share(ticks.busy())
            }),
            client_busy_share: shares.into_iter().fold(0.0, f64::max),
            steal_share: end.steal_share(start),
            limit: if stretch.fell_behind || !keeps_up {
                Some(Limit::Backlog)
            } else if latency.p99 > climb.p99_max.as_secs_f64() * 1e6 {
                Some(Limit::Latency)
            } else {
                None
            },
        }
    }

    /// One line for people.
    pub(crate) fn line(&self) -> String {
        format!(
            "{:.0} publications/s: {:.0} deliveries/s  p50 {:.0} us  p99 {:.0} us{}{}",
            self.rate,
            self.deliveries_per_s,
            self.latency.p50,
            self.latency.p99,
            self.core_busy_share
                .map_or_else(String::new, |share| format!(
                    "  core {:.0} %",
                    share * 100.0
                )),
            match self.limit {
                None => "",
                Some(Limit::Latency) => "  too late",
                Some(Limit::Backlog) => "  falls behind",
            }
        )
    }
}

/// Which rate comes next.
#[derive(Debug)]
struct Search {
    climb: Climb,
    /// The highest rate that held.
    held: Option<f64>,
    /// The lowest that did not.
    failed: Option<f64>,
}

impl Search {
    fn new(climb: Climb) -> Self {
        Self {
            climb,
            held: None,
            failed: None,
        }
    }

    fn next_rate(&self) -> Option<f64> {
        let Climb {
            from,
            factor,
            precision,
            ..
        } = self.climb;
        match (self.held, self.failed) {
            (None, None) => Some(from),
            (Some(held), None) => Some(held * factor),
            (None, Some(failed)) => Some(failed / factor).filter(|rate| *rate >= RATE_MIN),
            (Some(held), Some(failed)) if failed / held <= 1.0 + precision => None,
            // The middle of two rates is where both ratios are equal.
            (Some(held), Some(failed)) => Some((held * failed).sqrt()),
        }
    }

    fn note(&mut self, rate: f64, holds: bool) {
        *match holds {
            true => &mut self.held,
            false => &mut self.failed,
        } = Some(rate);
    }
}

#[cfg(test)]
mod tests {
    use std::time::Instant;

    use super::*;
    use crate::client::Counts;
    use crate::cpu::CoreTicks;
    use crate::probe::Sample;
    use crate::recorder;

    fn climb(from: f64) -> Climb {
        Climb {
            from,
            factor: 1.25,
            precision: 0.05,
            p99_max: Duration::from_millis(50),
            steal_share_max: 0.01,
        }
    }

    /// A second in which so many of ten deliveries to each of the publications came, after `late_ms`.
    fn stretch(publications: u64, deliveries: u64, late_ms: u64, steal: u64) -> Stretch {
        let begun = Instant::now();
        let sample = |after_s, steal| Sample {
            at: begun + Duration::from_secs(after_s),
            server_cores: None,
            client_cores: None,
            all_cores: CoreTicks {
                steal,
                total: 1_000 * after_s,
                ..CoreTicks::default()
            },
            server: None,
            idle_ns: Vec::new(),
            sends: None,
        };
        let mut latencies = recorder::empty();
        latencies.saturating_record(late_ms * 1_000_000);
        Stretch {
            start: (sample(0, 0), Counts::default()),
            end: (
                sample(1, steal),
                Counts {
                    published: publications,
                    delivered: deliveries,
                    ..Counts::default()
                },
            ),
            latencies,
            interrupted: false,
            fell_behind: false,
            is_complete: true,
        }
    }

    fn limit_of(stretch: &Stretch) -> Option<Limit> {
        Step::new(100.0, 10.0, stretch, climb(100.0)).limit
    }

    #[test]
    fn a_step_holds_if_it_is_in_time_and_keeps_up() {
        assert_eq!(limit_of(&stretch(100, 1_000, 49, 0)), None);
        assert_eq!(limit_of(&stretch(100, 1_000, 51, 0)), Some(Limit::Latency));
        // Two publications may be on their way at the edges, and 3 % more.
        assert_eq!(limit_of(&stretch(100, 960, 1, 0)), None);
        assert_eq!(limit_of(&stretch(100, 940, 1, 0)), Some(Limit::Backlog));
        let behind = Stretch {
            fell_behind: true,
            ..stretch(100, 1_000, 1, 0)
        };
        assert_eq!(limit_of(&behind), Some(Limit::Backlog));
    }

    #[test]
    fn a_rate_is_given_up_after_two_tries_that_nobody_disturbed() {
        let mut ascent = Ascent::new(climb(100.0));
        let mut take = |late_ms, steal| {
            let rate = ascent.search.next_rate().expect("the search goes on");
            let stretch = stretch(100, 1_000, late_ms, steal);
            ascent.take(Step::new(rate, 10.0, &stretch, climb(100.0)), stretch);
            (rate, ascent.search.next_rate().expect("and on"))
        };
        assert_eq!(take(1, 0), (100.0, 125.0));
        // Disturbed, and disturbed again; then twice too late all the same.
        for _ in 0..2 {
            assert_eq!(take(99, 500), (125.0, 125.0));
        }
        assert_eq!(take(99, 0), (125.0, 125.0));
        let (_, next) = take(99, 0);
        assert!((100.0..125.0).contains(&next), "{next}");
        assert_eq!(ascent.ramp.knee, Some(0));
        let (ramp, shown) = ascent.finish(false).expect("there were steps");
        assert_eq!(ramp.steps.len(), 5);
        let shown_ms = shown.latencies.max() / 1_000_000;
        assert_eq!(shown_ms, 1, "the report is about the knee");
    }

    /// Searches from `from` for a knee, and returns what held and how many steps that took.
    fn search(from: f64, knee: f64) -> (Option<f64>, u32) {
        let mut search = Search::new(climb(from));
        let mut steps = 0;
        while let Some(rate) = search.next_rate() {
            search.note(rate, rate <= knee);
            steps += 1;
        }
        (search.held, steps)
    }

    #[test]
    fn the_knee_is_found_from_below_and_above() {
        for (from, knee) in [
            (100.0, 100.0),
            (100.0, 1_000.0),
            (100.0, 999_999.0),
            (5_000.0, 70.0),
            (1.0, 1.0),
        ] {
            let (held, steps) = search(from, knee);
            let held = held.expect("something held");
            assert!(held <= knee && held * 1.05 > knee, "{held} for {knee}");
            assert!(steps < 60, "{steps}");
        }
    }

    #[test]
    fn a_server_that_holds_nothing_ends_the_search() {
        assert_eq!(search(100.0, 0.5).0, None);
    }
}
