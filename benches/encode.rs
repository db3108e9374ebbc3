//! Question: what does it cost to turn a publication into a dialect's frame, once per endpoint?
//! Method: encode 128 bytes of JSON data as strav, and as ignis, into a buffer that is reused, and look
//! at its size.
//! Not measured: finding subscribers, sending.

#[path = "support/mod.rs"]
#[allow(dead_code)]
mod support;

use std::hint::black_box;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use shardcast::dialect::ignis::{Encryption, Ignis, IgnisConfig};
use shardcast::dialect::strav::Strav;
use shardcast::engine::dialect::Dialect;

fn ignis() -> Ignis {
    Ignis::new(IgnisConfig {
        auth_timeout_ms: 0,
        heartbeat_interval_ms: 0,
        heartbeat_timeout_ms: 0,
        default_rooms: Vec::new(),
        encryption: Encryption::Off,
        encryption_info: String::new(),
    })
}

fn encode(c: &mut Criterion) {
    let mut group = c.benchmark_group("dialect/encode");
    group.throughput(Throughput::Elements(1));
    let dialects: [Box<dyn Dialect>; 2] = [Box::new(Strav), Box::new(ignis())];
    for (name, topic) in [("plain_names", "room.1"), ("escaped_names", "room \"1\"\n")] {
        let publication = support::publication(topic);
        let mut out = Vec::new();
        for dialect in &dialects {
            group.bench_function(format!("{name}/{}", dialect.name()), |b| {
                b.iter(|| {
                    out.clear();
                    dialect.encode(black_box(&publication), &mut out);
                    assert!(out.len() > support::DATA.len());
                });
            });
        }
    }
    group.finish();
}

criterion_group!(benches, encode);
criterion_main!(benches);
