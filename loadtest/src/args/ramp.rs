//! `ramp`.

use std::time::Duration;

use clap::Args;

use super::common::Common;
use super::load::{Publication, Spread};
use super::{Order, usage};
use crate::failure::Failure;
use crate::plan::Pace;
use crate::ramp::Climb;
use crate::run::Course;

/// Arguments of `ramp`.
#[derive(Debug, Args)]
#[command(
    mut_arg("duration", |arg| {
        arg.long("step-duration").default_value("2s").help("The measured time of each step")
    }),
    mut_arg("warmup", |arg| {
        arg.long("step-warmup").default_value("500ms").help("Time under load before it, at the step's rate")
    })
)]
pub(crate) struct Ramp {
    #[command(flatten)]
    common: Common,
    #[command(flatten)]
    spread: Spread,
    #[command(flatten)]
    publication: Publication,
    /// Publications a second of the first step, all publishers together
    #[arg(long, default_value = "100")]
    from: f64,
    /// What the rate of a step is multiplied by for the next one
    #[arg(long, default_value = "1.25")]
    factor: f64,
    /// The 99th percentile of latency that a step must not pass
    #[arg(long, default_value = "50ms", value_parser = humantime::parse_duration)]
    p99_max: Duration,
    /// Percent by which the lowest rate that does not hold may lie above the highest that does
    #[arg(long, value_name = "PERCENT", default_value = "5")]
    precision: f64,
}

impl Ramp {
    /// Checks what the parser could not, and works out who does what.
    ///
    /// # Errors
    ///
    /// [`Failure::Usage`] that names the flags.
    pub(super) fn order(self) -> Result<Order, Failure> {
        let climb = self.climb()?;
        let pace = Pace::Open { rate: climb.from };
        let topology = self.spread.topology()?;
        let publication = Some(&self.publication);
        let order = Order::new("ramp", self.common, topology, pace, publication)?;
        Ok(Order {
            course: Course::Ramp(climb),
            ..order
        })
    }

    fn climb(&self) -> Result<Climb, Failure> {
        let is_within = |value: f64, low: f64, high: f64| (low..=high).contains(&value);
        if !is_within(self.from, 1.0, 1e9) {
            return usage("--from must be from 1 to 1000000000 publications a second");
        }
        if !is_within(self.factor, 1.01, 100.0) {
            return usage("--factor must be from 1.01 to 100");
        }
        if !is_within(self.precision, 0.1, 100.0) {
            return usage("--precision must be from 0.1 to 100 percent");
        }
        Ok(Climb {
            from: self.from,
            factor: self.factor,
            precision: self.precision / 100.0,
            p99_max: self.p99_max,
            steal_share_max: self.common.max_steal / 100.0,
        })
    }
}
