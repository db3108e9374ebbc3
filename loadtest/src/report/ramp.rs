//! What a report says of a ramp and its knee.

use super::figures::round;
use crate::probe::CLIENT_BUSY_SHARE_MAX;
use crate::ramp::{Limit, Ramp, Step};

/// The knee, and all steps to it.
#[derive(Debug, serde::Serialize)]
pub(super) struct RampFigures {
    from: f64,
    factor: f64,
    precision: f64,
    p99_max_us: f64,
    /// The highest rate that held; `None` if none did.
    pub(super) knee: Option<StepFigures>,
    /// What kept the next higher rate from holding: `latency`, `backlog` or `client`.
    limited_by: Option<&'static str>,
    pub(super) steps: Vec<StepFigures>,
    #[serde(skip)]
    lines: Vec<String>,
}

/// One step.
#[derive(Clone, Debug, serde::Serialize)]
pub(super) struct StepFigures {
    rate: f64,
    publications_per_s: f64,
    deliveries_per_s: f64,
    p50_us: f64,
    p99_us: f64,
    max_us: f64,
    core_busy_share: Option<f64>,
    client_busy_share: f64,
    steal_share: f64,
    held: bool,
    /// Why it did not hold.
    limit: Option<Limit>,
}

impl RampFigures {
    /// Works them out.
    pub(super) fn new(ramp: &Ramp) -> Self {
        let knee = ramp.knee.map(|knee| &ramp.steps[knee]);
        Self {
            from: ramp.climb.from,
            factor: ramp.climb.factor,
            precision: ramp.climb.precision,
            p99_max_us: ramp.climb.p99_max.as_secs_f64() * 1e6,
            knee: knee.map(StepFigures::new),
            limited_by: limited_by(ramp),
            steps: ramp.steps.iter().map(StepFigures::new).collect(),
            lines: ramp.steps.iter().map(Step::line).collect(),
        }
    }

    /// Whether the client may be what the knee is about.
    pub(super) fn is_limited_by_client(&self) -> bool {
        self.limited_by == Some("client")
    }

    /// The rows for people.
    pub(super) fn rows(&self, add: &mut impl FnMut(&'static str, String)) {
        for line in &self.lines {
            add("step", line.clone());
        }
        let limited = self.limited_by.unwrap_or("nothing");
        add(
            "knee",
            match &self.knee {
                Some(knee) => format!(
                    "{:.0} publications/s, {:.0} deliveries/s, with p50 {:.0} us and p99 {:.0} us{}; above it \
                     limited by {limited}",
                    knee.rate,
                    knee.deliveries_per_s,
                    knee.p50_us,
                    knee.p99_us,
                    knee.core_busy_share.map_or_else(String::new, |share| {
                        format!(", core busy {:.1} %", share * 100.0)
                    })
                ),
                None => format!("none: limited by {limited} from the first step on"),
            },
        );
    }
}

impl StepFigures {
    fn new(step: &Step) -> Self {
        Self {
            rate: round(step.rate, 2),
            publications_per_s: round(step.publications_per_s, 1),
            deliveries_per_s: round(step.deliveries_per_s, 1),
            p50_us: step.latency.p50,
            p99_us: step.latency.p99,
            max_us: step.latency.max,
            core_busy_share: step.core_busy_share.map(|share| round(share, 4)),
            client_busy_share: round(step.client_busy_share, 4),
            steal_share: round(step.steal_share, 4),
            held: step.limit.is_none(),
            limit: step.limit,
        }
    }
}

/// What the lowest rate above the knee did not hold for.
fn limited_by(ramp: &Ramp) -> Option<&'static str> {
    let knee = ramp.knee.map_or(0.0, |knee| ramp.steps[knee].rate);
    let above = ramp
        .steps
        .iter()
        .filter(|step| step.limit.is_some() && step.rate > knee);
    let next = above.min_by(|one, other| one.rate.total_cmp(&other.rate))?;
    if next.client_busy_share > CLIENT_BUSY_SHARE_MAX {
        return Some("client");
    }
    Some(match next.limit? {
        Limit::Latency => "latency",
        Limit::Backlog => "backlog",
    })
}
