//! Numbers for Prometheus, made from the shards' own when they are asked for.

use std::sync::PoisonError;

use axum::extract::State;
use axum::http::header;
use axum::response::{IntoResponse, Response};
use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, EncodeCounterValue, EncodeMetric, text};
use prometheus_client::metrics::MetricType;
use prometheus_client::metrics::counter::ConstCounter;
use prometheus_client::metrics::gauge::ConstGauge;
use prometheus_client::registry::Registry;

use super::SharedControl;
use super::error::ApiError;
use super::inspect::Snapshot;
use crate::engine::deflate::Effort;
use crate::engine::disconnect::Cause;

#[derive(Debug)]
struct Shards {
    snapshots: Vec<Snapshot>,
    starved: u64,
    context_bytes: usize,
}

/// A number that every shard has: its name, what it means, how it is read.
struct Gauge(&'static str, &'static str, fn(&Snapshot) -> usize);
struct Counter(&'static str, &'static str, fn(&Snapshot) -> u64);

const GAUGES: [Gauge; 4] = [
    Gauge("shardcast_connections", "Open connections", |s| s.conns),
    Gauge("shardcast_topics", "Topics with subscribers", |s| s.topics),
    Gauge("shardcast_subscriptions", "Memberships", |s| {
        s.subscriptions
    }),
    Gauge(
        "shardcast_mailbox_depth",
        "Publications waiting in the mailbox",
        |s| s.mailbox,
    ),
];

const COUNTERS: [Counter; 16] = [
    Counter("shardcast_accepted", "Sockets accepted", |s| {
        s.stats.accepted
    }),
    Counter(
        "shardcast_refused_full",
        "Sockets shut out past the connection limit",
        |s| s.stats.refused_full,
    ),
    Counter(
        "shardcast_tls_handshakes",
        "TLS handshakes done in full",
        |s| s.stats.tls_handshakes,
    ),
    Counter(
        "shardcast_tls_resumed",
        "TLS handshakes that resumed a session",
        |s| s.stats.tls_resumed,
    ),
    Counter("shardcast_upgraded", "Opening handshakes completed", |s| {
        s.stats.upgraded
    }),
    Counter(
        "shardcast_messages_received",
        "Data messages received",
        |s| s.stats.messages_received,
    ),
    Counter(
        "shardcast_messages_ignored",
        "Malformed or unknown messages",
        |s| s.stats.messages_ignored,
    ),
    Counter(
        "shardcast_publications",
        "Publications accepted from clients, or sent because of their messages",
        |s| s.stats.publications,
    ),
    Counter(
        "shardcast_deliveries",
        "Publications handed to subscribers",
        |s| s.stats.deliveries,
    ),
    Counter(
        "shardcast_throttled",
        "Times a connection sent too fast and was not read for a while",
        |s| s.stats.throttled,
    ),
    Counter("shardcast_letters", "Letters from other shards", |s| {
        s.stats.letters
    }),
    Counter(
        "shardcast_stalls",
        "Publications that waited for room in a mailbox",
        |s| s.stats.stalls,
    ),
    Counter(
        "shardcast_deflate_kept_plain",
        "Messages that compression left as they are: too small, or not made smaller",
        |s| s.deflate.kept_plain,
    ),
    Counter("shardcast_sends", "Sends", |s| s.stats.sends),
    Counter("shardcast_received_bytes", "Bytes received", |s| {
        s.stats.bytes_received
    }),
    Counter("shardcast_sent_bytes", "Bytes sent", |s| s.stats.bytes_sent),
];

impl Collector for Shards {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> Result<(), std::fmt::Error> {
        for Gauge(name, help, read) in GAUGES {
            let mut family = encoder.encode_descriptor(name, help, None, MetricType::Gauge)?;
            for (labels, snapshot) in self.labelled() {
                let value = read(snapshot) as i64;
                ConstGauge::new(value).encode(family.encode_family(&labels)?)?;
            }
        }
        for Counter(name, help, read) in COUNTERS {
            let mut family = encoder.encode_descriptor(name, help, None, MetricType::Counter)?;
            for (labels, snapshot) in self.labelled() {
                ConstCounter::new(read(snapshot)).encode(family.encode_family(&labels)?)?;
            }
        }
        self.encode_drops(&mut encoder)?;
        self.encode_closes(&mut encoder)?;
        self.encode_flushes(&mut encoder)?;
        self.encode_deflate(&mut encoder)?;
        let help = "Times a socket could not be accepted for want of descriptors or memory";
        let starved = encoder.encode_descriptor(
            "shardcast_accept_failures",
            help,
            None,
            MetricType::Counter,
        )?;
        ConstCounter::new(self.starved).encode(starved)?;
        let help = "Memory kept for contexts of compression, over all shards";
        let contexts = encoder.encode_descriptor(
            "shardcast_deflate_context_bytes",
            help,
            None,
            MetricType::Gauge,
        )?;
        ConstGauge::new(self.context_bytes as i64).encode(contexts)
    }
}

impl Shards {
    fn labelled(&self) -> impl Iterator<Item = ([(&'static str, String); 1], &Snapshot)> {
        let label = |index: usize| [("shard", index.to_string())];
        self.snapshots
            .iter()
            .enumerate()
            .map(move |(index, snapshot)| (label(index), snapshot))
    }

    fn encode_drops(&self, encoder: &mut DescriptorEncoder<'_>) -> Result<(), std::fmt::Error> {
        let mut family = encoder.encode_descriptor(
            "shardcast_dropped",
            "Publications dropped for slow subscribers, by the policy that dropped them",
            None,
            MetricType::Counter,
        )?;
        for ([shard], snapshot) in self.labelled() {
            for (cause, count) in [
                ("drop-newest", snapshot.stats.dropped_newest),
                ("drop-oldest", snapshot.stats.dropped_oldest),
            ] {
                let labels = [shard.clone(), ("cause", cause.to_owned())];
                ConstCounter::new(count).encode(family.encode_family(&labels)?)?;
            }
        }
        Ok(())
    }

    fn encode_closes(&self, encoder: &mut DescriptorEncoder<'_>) -> Result<(), std::fmt::Error> {
        let mut family = encoder.encode_descriptor(
            "shardcast_closed",
            "Connections that ended, by cause",
            None,
            MetricType::Counter,
        )?;
        for ([shard], snapshot) in self.labelled() {
            for cause in Cause::ALL {
                let labels = [shard.clone(), ("cause", cause.name().to_owned())];
                let count = snapshot.stats.closed_for(cause);
                ConstCounter::new(count).encode(family.encode_family(&labels)?)?;
            }
        }
        Ok(())
    }

    /// What compression has done in each direction: `out` compresses, `in` inflates.
    fn encode_deflate(&self, encoder: &mut DescriptorEncoder<'_>) -> Result<(), std::fmt::Error> {
        self.encode_efforts(
            encoder,
            (
                "shardcast_deflate_messages",
                "Messages compressed or inflated",
            ),
            |effort| effort.messages,
        )?;
        self.encode_efforts(
            encoder,
            ("shardcast_deflate_taken_bytes", "Bytes before it"),
            |effort| effort.bytes_in,
        )?;
        self.encode_efforts(
            encoder,
            ("shardcast_deflate_made_bytes", "Bytes after it"),
            |effort| effort.bytes_out,
        )?;
        self.encode_efforts(
            encoder,
            ("shardcast_deflate_seconds", "Time it took"),
            |effort| effort.nanos as f64 * 1e-9,
        )
    }

    fn encode_efforts<N: EncodeCounterValue>(
        &self,
        encoder: &mut DescriptorEncoder<'_>,
        (name, help): (&str, &str),
        read: fn(&Effort) -> N,
    ) -> Result<(), std::fmt::Error> {
        let mut family = encoder.encode_descriptor(name, help, None, MetricType::Counter)?;
        for ([shard], snapshot) in self.labelled() {
            let deflate = &snapshot.deflate;
            for (direction, effort) in [("out", &deflate.compressed), ("in", &deflate.inflated)] {
                let labels = [shard.clone(), ("direction", direction.to_owned())];
                ConstCounter::new(read(effort)).encode(family.encode_family(&labels)?)?;
            }
        }
        Ok(())
    }

    fn encode_flushes(&self, encoder: &mut DescriptorEncoder<'_>) -> Result<(), std::fmt::Error> {
        type Read = fn(&Snapshot) -> &crate::service::histogram::Histogram;
        let histograms: [(&str, &str, f64, Read); 2] = [
            (
                "shardcast_flush_sends",
                "Sends in one flush",
                1.0,
                |snapshot| &snapshot.flush_sends,
            ),
            (
                "shardcast_flush_seconds",
                "Time of one flush",
                1e-6,
                |snapshot| &snapshot.flush_micros,
            ),
        ];
        for (name, help, unit, read) in histograms {
            let mut family = encoder.encode_descriptor(name, help, None, MetricType::Histogram)?;
            for (labels, snapshot) in self.labelled() {
                let histogram = read(snapshot);
                let buckets: Vec<(f64, u64)> = histogram
                    .buckets()
                    .map(|(bound, count)| (bound * unit, count))
                    .collect();
                family
                    .encode_family(&labels)?
                    .encode_histogram::<[(&str, &str); 0]>(
                        histogram.sum() as f64 * unit,
                        histogram.count(),
                        &buckets,
                        None,
                    )?;
            }
        }
        Ok(())
    }
}

/// Numbers in the OpenMetrics text format, each for every shard.
#[utoipa::path(get, path = "/metrics", responses(
    (status = 200, description = "OpenMetrics text", body = String,
        content_type = "application/openmetrics-text"),
    (status = 401, description = "No token, or a wrong one", body = super::error::ErrorBody),
    (status = 503, description = "A shard does not answer", body = super::error::ErrorBody)
), security(("token" = [])))]
pub(super) async fn metrics(State(control): State<SharedControl>) -> Result<Response, ApiError> {
    let shards = Shards {
        snapshots: control.snapshots().await?,
        starved: control.health.starved(),
        context_bytes: control.context_memory.taken(),
    };
    let mut registry = Registry::default();
    registry.register_collector(Box::new(shards));
    let webhooks = control.webhooks.lock();
    let webhooks = webhooks.unwrap_or_else(PoisonError::into_inner).clone();
    registry.register_collector(Box::new(webhooks));
    let mut body = String::new();
    text::encode(&mut body, &registry).expect("a String takes everything");
    let content_type = "application/openmetrics-text; version=1.0.0; charset=utf-8";
    Ok(([(header::CONTENT_TYPE, content_type)], body).into_response())
}
