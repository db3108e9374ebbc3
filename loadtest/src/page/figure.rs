//! Figures of a report: where they are, and what they are called.

use crate::unit::Unit;

/// A figure of a report: what it is called, where it is (a JSON pointer), and what it counts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Figure {
    /// In words.
    pub(super) name: String,
    /// A JSON pointer (RFC 6901).
    pub(super) pointer: String,
    /// What it counts.
    pub(super) unit: Unit,
}

/// Figures whose field alone does not say it well, in the order of a table.
const KNOWN: [(&str, &str, Unit); 25] = [
    ("deliveries", "/counts/deliveries_per_s", Unit::PerSecond),
    (
        "publications",
        "/counts/publications_per_s",
        Unit::PerSecond,
    ),
    ("handshakes", "/handshakes/per_s", Unit::PerSecond),
    ("knee", "/ramp/knee/deliveries_per_s", Unit::PerSecond),
    ("all clients back after", "/storm/all_s", Unit::Seconds),
    (
        "p99 with some stopped, times that before",
        "/slow/p99_ratio",
        Unit::Count,
    ),
    (
        "core time per delivery",
        "/server/core/ns_per_delivery",
        Unit::Nanos,
    ),
    (
        "core time per publication",
        "/server/core/ns_per_publication",
        Unit::Nanos,
    ),
    (
        "core time per handshake",
        "/handshakes/core_ns_each",
        Unit::Nanos,
    ),
    (
        "core time per send",
        "/server/core_ns_per_send",
        Unit::Nanos,
    ),
    (
        "process time per delivery",
        "/server/process_ns_per_delivery",
        Unit::Nanos,
    ),
    (
        "server's cores busy",
        "/server/core/busy_share",
        Unit::Share,
    ),
    ("in softirq", "/server/core/softirq_share", Unit::Share),
    ("latency, mean", "/latency_us/mean", Unit::Micros),
    ("latency, p50", "/latency_us/p50", Unit::Micros),
    ("latency, p90", "/latency_us/p90", Unit::Micros),
    ("latency, p99", "/latency_us/p99", Unit::Micros),
    ("latency, p99.9", "/latency_us/p999", Unit::Micros),
    ("latency, p99.99", "/latency_us/p9999", Unit::Micros),
    ("latency, max", "/latency_us/max", Unit::Micros),
    (
        "memory per connection",
        "/server/memory/bytes_per_connection",
        Unit::Bytes,
    ),
    (
        "memory, connected",
        "/server/memory/connected_bytes",
        Unit::Bytes,
    ),
    (
        "memory, at the end",
        "/server/memory/end_bytes",
        Unit::Bytes,
    ),
    (
        "client's cores busy",
        "/client/core_busy_share",
        Unit::Share,
    ),
    ("stolen by the hypervisor", "/steal_share", Unit::Share),
];

impl Figure {
    /// The figure at a pointer; named after its field if it is not known.
    pub(super) fn at(pointer: &str) -> Self {
        let known = KNOWN.iter().find(|(_, known, _)| *known == pointer);
        let (name, unit) = match known {
            Some((name, _, unit)) => ((*name).to_owned(), *unit),
            None => named_by_its_field(pointer),
        };
        Self {
            name,
            pointer: pointer.to_owned(),
            unit,
        }
    }

    /// Those that a table begins with.
    pub(super) fn known() -> impl Iterator<Item = Self> {
        KNOWN.iter().map(|(_, pointer, _)| Self::at(pointer))
    }
}

fn named_by_its_field(pointer: &str) -> (String, Unit) {
    let field = pointer.rsplit('/').next().unwrap_or(pointer);
    let endings = [
        ("_per_s", Unit::PerSecond),
        ("_us", Unit::Micros),
        ("_ns", Unit::Nanos),
        ("_s", Unit::Seconds),
        ("_bytes", Unit::Bytes),
        ("_share", Unit::Share),
    ];
    let ending = endings
        .into_iter()
        .find(|(ending, _)| field.ends_with(ending));
    let unit = match ending {
        Some((_, unit)) => unit,
        None if field.contains("ns_per_") => Unit::Nanos,
        None if field.contains("share") => Unit::Share,
        None if field.contains("bytes") => Unit::Bytes,
        None if pointer.contains("latency_us/") => Unit::Micros,
        None => Unit::Count,
    };
    let name = ending.map_or(field, |(ending, _)| field.trim_end_matches(ending));
    (name.replace('_', " "), unit)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_are_named_and_counted_by_their_fields() {
        for (pointer, name, unit) in [
            (
                "/server/core/ns_per_delivery",
                "core time per delivery",
                Unit::Nanos,
            ),
            ("/churn/joined_per_s", "joined", Unit::PerSecond),
            ("/soak/rss_growth_bytes", "rss growth", Unit::Bytes),
            ("/storm/first_s", "first", Unit::Seconds),
            ("/slow/before_latency_us/p99", "p99", Unit::Micros),
            ("/settings/subscribers", "subscribers", Unit::Count),
        ] {
            let figure = Figure::at(pointer);
            assert_eq!((&*figure.name, figure.unit), (name, unit), "{pointer}");
        }
    }
}
