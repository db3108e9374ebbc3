//! Who is there, and what they publish when.

use clap::{ArgGroup, Args};

use super::usage;
use crate::body::Text;
use crate::failure::Failure;
use crate::plan::Pace;
use crate::topology::Topology;

/// The largest payload: what a default server takes, less the envelope.
const PAYLOAD_BYTES_MAX: usize = 60 << 10;

/// What is published when.
#[derive(Clone, Debug, Args)]
#[command(group = ArgGroup::new("pace").args(["window", "rate"]))]
pub(super) struct Publish {
    /// Closed loop: publications in flight for each publisher; one is done when all its subscribers have it
    /// [default: 1, at least --burst]
    #[arg(long, value_parser = clap::value_parser!(u32).range(1..=65_536))]
    window: Option<u32>,
    /// Open loop: publications a second by schedule, all publishers together
    #[arg(long)]
    rate: Option<f64>,
    #[command(flatten)]
    pub(super) publication: Publication,
}

/// What is published.
#[derive(Clone, Debug, Args)]
pub(super) struct Publication {
    /// Publications that a publisher writes in one go
    #[arg(long, default_value = "1", value_parser = clap::value_parser!(u32).range(1..=4_096))]
    pub(super) burst: u32,
    /// Bytes of data in each publication
    #[arg(long, default_value = "128")]
    pub(super) payload: usize,
    /// What the data looks like
    #[arg(long, value_enum, default_value = "padding")]
    pub(super) text: Text,
}

/// Who is there.
#[derive(Clone, Debug, Args)]
pub(super) struct Spread {
    /// Subscribed connections, spread evenly over the topics
    #[arg(long, default_value = "1000", value_parser = clap::value_parser!(u32).range(1..))]
    pub(super) subscribers: u32,
    /// Topics
    #[arg(long, default_value = "1", value_parser = clap::value_parser!(u32).range(1..))]
    pub(super) topics: u32,
    /// Publishing connections; each takes its share of the topics in turn
    #[arg(long, default_value = "1", value_parser = clap::value_parser!(u32).range(1..))]
    pub(super) publishers: u32,
}

impl Publish {
    /// The same with an open loop of this rate, if nothing else is asked for.
    pub(super) fn or_rate(mut self, rate: f64) -> Self {
        if self.window.is_none() {
            self.rate.get_or_insert(rate);
        }
        self
    }

    /// How publications follow each other.
    ///
    /// # Errors
    ///
    /// When the arguments contradict each other.
    pub(super) fn pace(&self) -> Result<Pace, Failure> {
        if let Some(rate) = self.rate {
            if !(rate.is_finite() && rate > 0.0) {
                return usage("--rate must be above 0");
            }
            return Ok(Pace::Open { rate });
        }
        let window = self.window.unwrap_or(self.publication.burst);
        if window < self.publication.burst {
            return usage("--window must be --burst or more: a burst is in flight as a whole");
        }
        Ok(Pace::Closed { window })
    }
}

impl Publication {
    /// Bytes of each publication's data.
    ///
    /// # Errors
    ///
    /// When there are too few for what must be in it, or too many.
    pub(super) fn payload_bytes(&self) -> Result<usize, Failure> {
        let bytes_min = self.text.bytes_min();
        if !(bytes_min..=PAYLOAD_BYTES_MAX).contains(&self.payload) {
            return usage(&format!(
                "--payload must be from {bytes_min} (who sent what and when must fit in) to {PAYLOAD_BYTES_MAX}"
            ));
        }
        Ok(self.payload)
    }
}

impl Spread {
    /// The clients of such a spread.
    ///
    /// # Errors
    ///
    /// When the arguments contradict each other.
    pub(super) fn topology(&self) -> Result<Topology, Failure> {
        if self.topics > self.subscribers {
            return usage("there must be a subscriber for each of --topics, or more");
        }
        Ok(Topology::fan_out(
            self.subscribers,
            self.topics,
            self.publishers,
        ))
    }
}
