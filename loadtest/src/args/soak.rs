//! `soak`.

use std::time::Duration;

use clap::Args;

use super::common::Common;
use super::load::{Publish, Spread};
use super::{Order, usage};
use crate::failure::Failure;
use crate::soak::{DriftMax, MemoryMax};

/// Publications a second of a soak that is asked for nothing else.
pub(super) const SOAK_RATE: f64 = 100.0;

/// The shortest soak: of less there are too few seconds to see a drift in.
const SOAK_MIN: Duration = Duration::from_secs(10);

/// Arguments of `soak`.
#[derive(Debug, Args)]
#[command(
    mut_arg("duration", |arg| arg.default_value("10m")),
    mut_arg("rate", |arg| {
        arg.help("Open loop: publications a second by schedule, all publishers together [default: 100, without --window]")
    })
)]
pub(crate) struct Soak {
    #[command(flatten)]
    common: Common,
    #[command(flatten)]
    spread: Spread,
    #[command(flatten)]
    publish: Publish,
    /// What the server's memory must not grow by: percent of itself over the run (10%), or bytes an hour (64MiB)
    #[arg(long, value_name = "SHARE|BYTES", default_value = "10%")]
    memory_drift_max: MemoryMax,
    /// Percent that the 99th percentile of latency must not rise by over the run
    #[arg(long, value_name = "PERCENT", default_value = "50")]
    latency_drift_max: f64,
}

impl Soak {
    /// Checks what the parser could not, and works out who does what.
    ///
    /// # Errors
    ///
    /// [`Failure::Usage`] that names the flags.
    pub(super) fn order(self) -> Result<Order, Failure> {
        if self.common.duration < SOAK_MIN {
            return usage(
                "--duration of a soak must be 10s or more: there is no drift to see in less",
            );
        }
        if !(self.latency_drift_max >= 0.0 && self.latency_drift_max.is_finite()) {
            return usage("--latency-drift-max must be 0 percent or more");
        }
        let topology = self.spread.topology()?;
        let publish = self.publish.or_rate(SOAK_RATE);
        let order = Order::publishing("soak", self.common, topology, &publish)?;
        Ok(Order {
            drift_max: Some(DriftMax {
                memory: self.memory_drift_max,
                latency_share: self.latency_drift_max / 100.0,
            }),
            ..order
        })
    }
}
