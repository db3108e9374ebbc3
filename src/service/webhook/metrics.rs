//! The numbers of all webhooks, as Prometheus reads them.

use std::sync::Arc;

use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, EncodeMetric};
use prometheus_client::metrics::MetricType;
use prometheus_client::metrics::counter::ConstCounter;
use prometheus_client::metrics::gauge::ConstGauge;

use super::config::Kind;
use super::{Numbers, Webhook};

/// For the registry from which `/metrics` is made.
#[derive(Debug, Clone)]
pub struct WebhookMetrics(pub Vec<Arc<Webhook>>);

/// A number that every kind of call has: its name, what it means, how it is read.
struct Counter(&'static str, &'static str, fn(Numbers) -> u64);

const COUNTERS: [Counter; 5] = [
    Counter(
        "shardcast_webhook_calls",
        "Calls of app servers",
        |numbers| numbers.calls,
    ),
    Counter(
        "shardcast_webhook_retries",
        "Tries after the first of a call",
        |numbers| numbers.retries,
    ),
    Counter(
        "shardcast_webhook_failures",
        "Calls without an answer that could be used",
        |numbers| numbers.failures,
    ),
    Counter(
        "shardcast_webhook_timeouts",
        "Failed calls for which there was no time left",
        |numbers| numbers.timeouts,
    ),
    Counter(
        "shardcast_webhook_unsent",
        "Failed calls that were not sent because the app server does not answer",
        |numbers| numbers.paused,
    ),
];

impl Collector for WebhookMetrics {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> Result<(), std::fmt::Error> {
        for Counter(name, help, read) in COUNTERS {
            let mut family = encoder.encode_descriptor(name, help, None, MetricType::Counter)?;
            for webhook in &self.0 {
                // The others are never called, and would be rows of zeros.
                for kind in Kind::ALL.into_iter().filter(|kind| webhook.asks(*kind)) {
                    let labels = [("endpoint", webhook.endpoint()), ("kind", kind.name())];
                    let number = ConstCounter::new(read(webhook.numbers(kind)));
                    number.encode(family.encode_family(&labels)?)?;
                }
            }
        }
        let help = "Whether calls fail at once because the app server does not answer";
        let name = "shardcast_webhook_paused";
        let mut family = encoder.encode_descriptor(name, help, None, MetricType::Gauge)?;
        for webhook in &self.0 {
            let labels = [("endpoint", webhook.endpoint())];
            let paused = ConstGauge::new(i64::from(webhook.is_paused()));
            paused.encode(family.encode_family(&labels)?)?;
        }
        Ok(())
    }
}
