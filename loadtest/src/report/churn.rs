//! What a report says of clients that come and go.

use super::figures::{Server, round};
use crate::plan::Churn;
use crate::recorder::Percentiles;
use crate::run::Outcome;

/// Visits, of the measured window.
#[derive(Debug, serde::Serialize)]
pub(super) struct ChurnFigures {
    churners: u32,
    /// Planned visits a second, if they are.
    rate: Option<f64>,
    /// How long a client stays after it is subscribed, on average.
    stay_s: f64,
    /// The share of those that leave without a Close frame.
    abrupt_share: f64,
    /// Visits that ended, from connecting to leaving.
    visits: u64,
    pub(super) per_s: f64,
    /// Visits of the whole run, and what they got.
    run_visits: u64,
    run_deliveries: u64,
    /// Visits that were planned when no connection was free: they began late.
    pub(super) late: u64,
    /// Visits that had not ended when the run did: the server leaves a Close frame unanswered, or the subscribe.
    pub(super) unended: u64,
    /// Publications that visitors got, which the report's `counts` leave out.
    deliveries: u64,
    /// From the planned instant until the subscribe was acknowledged.
    pub(super) subscribed_us: Percentiles,
    /// All core time of the window, deliveries included, shared out.
    core_ns_each: Option<f64>,
}

impl ChurnFigures {
    /// Works them out; `None` if nobody came and went.
    pub(super) fn new(
        churn: Option<Churn>,
        outcome: &Outcome,
        window_s: f64,
        server: &Server,
    ) -> Option<Self> {
        let churn = churn?;
        let (start, end) = (&outcome.window_start.1, &outcome.window_end.1);
        let visits = end.visits - start.visits;
        let core = server.core.as_ref().filter(|_| visits > 0);
        Some(Self {
            churners: churn.churners,
            rate: churn.rate,
            stay_s: churn.stay.as_secs_f64(),
            abrupt_share: f64::from(churn.abrupt) / 10_000.0,
            visits,
            per_s: round(visits as f64 / window_s, 1),
            run_visits: outcome.last.visits,
            run_deliveries: outcome.last.visit_deliveries,
            late: end.late_visits - start.late_visits,
            unended: outcome.last.visitors,
            deliveries: end.visit_deliveries - start.visit_deliveries,
            subscribed_us: Percentiles::of(&outcome.subscribed),
            core_ns_each: core.map(|core| round(core.busy_s * 1e9 / visits as f64, 1)),
        })
    }

    /// The row for people.
    pub(super) fn rows(&self, add: &mut impl FnMut(&'static str, String)) {
        let Percentiles { p50, p99, max, .. } = self.subscribed_us;
        let each = self.core_ns_each.map_or_else(String::new, |ns| {
            format!("; all core time {:.0} us each", ns / 1_000.0)
        });
        add(
            "visits",
            format!(
                "{} ({:.0}/s) of {} clients; subscribed after p50 {p50:.0} us  p99 {p99:.0} us  max {max:.0} us; {} \
                 deliveries to them{each}",
                self.visits, self.per_s, self.churners, self.deliveries
            ),
        );
    }
}
