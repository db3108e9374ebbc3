//! `slow`.

use clap::Args;

use super::common::{Common, Repetition};
use super::load::{Publish, Spread};
use super::{Order, usage};
use crate::failure::Failure;
use crate::run::Course;

/// Arguments of `slow`.
#[derive(Debug, Args)]
#[command(mut_arg("subscribers", |arg| arg.default_value("100")))]
pub(crate) struct Slow {
    #[command(flatten)]
    common: Common,
    #[command(flatten)]
    repetition: Repetition,
    #[command(flatten)]
    spread: Spread,
    #[command(flatten)]
    publish: Publish,
    /// Subscribers that stop reading at the start of the measured time; as long a time before it is compared
    #[arg(long, default_value = "10", value_parser = clap::value_parser!(u32).range(1..))]
    stopped: u32,
}

impl Slow {
    /// Checks what the parser could not, and works out who does what.
    ///
    /// # Errors
    ///
    /// [`Failure::Usage`] that names the flags.
    pub(super) fn order(self) -> Result<Order, Failure> {
        let Spread {
            subscribers,
            topics,
            ..
        } = self.spread;
        if subscribers < self.stopped.saturating_add(topics) {
            return usage(
                "--stopped must leave a subscriber that reads for each of --topics: more --subscribers, or fewer stopped",
            );
        }
        let topology = self.spread.topology()?.stopping(self.stopped);
        let order = Order::publishing("slow", self.common, topology, &self.publish)?;
        let order = Order {
            course: Course::Slow,
            ..order
        };
        Ok(order.repeated(self.repetition))
    }
}
