//! `churn`.

use std::time::Duration;

use clap::Args;

use super::common::{Common, Repetition};
use super::load::{Publish, Spread};
use super::{Order, usage};
use crate::failure::Failure;
use crate::plan::{self, Plan};

/// Arguments of `churn`.
#[derive(Debug, Args)]
pub(crate) struct Churn {
    #[command(flatten)]
    common: Common,
    #[command(flatten)]
    repetition: Repetition,
    #[command(flatten)]
    spread: Spread,
    #[command(flatten)]
    publish: Publish,
    /// Connections besides --subscribers that come and go, at most so many at a time
    #[arg(long, default_value = "100", value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    churners: u32,
    /// Visits a second by schedule [default: each comes as soon as it has left]
    #[arg(long)]
    churn_rate: Option<f64>,
    /// How long each stays after it is subscribed: at random, from half of this to one and a half
    #[arg(long, default_value = "1s", value_parser = humantime::parse_duration)]
    stay: Duration,
    /// Percent of the visits that end by a reset, without a Close frame
    #[arg(long, value_name = "PERCENT", default_value = "0")]
    abrupt: f64,
}

impl Churn {
    /// Checks what the parser could not, and works out who does what.
    ///
    /// # Errors
    ///
    /// [`Failure::Usage`] that names the flags.
    pub(super) fn order(self) -> Result<Order, Failure> {
        let churn = self.churn()?;
        let topology = self.spread.topology()?;
        let order = Order::publishing("churn", self.common, topology, &self.publish)?;
        let plan = Plan {
            churn: Some(churn),
            ..order.plan
        };
        let order = Order { plan, ..order };
        Ok(order.repeated(self.repetition))
    }

    fn churn(&self) -> Result<plan::Churn, Failure> {
        if self
            .churn_rate
            .is_some_and(|rate| !(rate.is_finite() && rate > 0.0))
        {
            return usage("--churn-rate must be above 0");
        }
        if !(0.0..=100.0).contains(&self.abrupt) {
            return usage("--abrupt must be from 0 to 100 percent");
        }
        Ok(plan::Churn {
            churners: self.churners,
            rate: self.churn_rate,
            stay: self.stay,
            abrupt: (self.abrupt * 100.0).round() as u32,
        })
    }
}
