//! Question: what does a turn cost from the publications to the sends, per delivery, without the kernel?
//! Method: 16 publications, then one flush into a sink that takes everything. "equal" subscribers have
//! one topic, so all have the same list and share the arena's bytes; "mixed" ones are on two topics
//! in turn, so that lists have gaps and are copied together, once for each topic; "own" ones have a
//! topic each.
//! Not measured: system calls.

#[path = "support/mod.rs"]
#[allow(dead_code)]
mod support;

use std::sync::Arc;

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use shardcast::engine::publication::SharedPublication;

const SUBSCRIBERS: u32 = 1_000;
const PUBLICATIONS: u32 = 16;

fn flush_batch(c: &mut Criterion) {
    let mut group = c.benchmark_group("engine/flush_batch");
    for (name, topics) in [("equal", 1), ("mixed", 2), ("own", SUBSCRIBERS)] {
        let mut shard =
            support::shard_with_subscribers(SUBSCRIBERS, |number| format!("t{}", number % topics));
        let letters: Vec<Arc<SharedPublication>> = (0..PUBLICATIONS)
            .flat_map(|_| (0..topics).map(|topic| format!("t{topic}")))
            .map(|topic| support::publication(&topic).share())
            .collect();
        let deliveries = SUBSCRIBERS * PUBLICATIONS;
        group.throughput(Throughput::Elements(deliveries.into()));
        group.bench_function(BenchmarkId::new(name, SUBSCRIBERS), |b| {
            b.iter(|| {
                for letter in &letters {
                    shard.handle_publication(letter);
                }
                let mut sink = support::NullSink::default();
                assert!(shard.flush(support::NOW, &mut sink, usize::MAX));
                assert_eq!(sink.sends, SUBSCRIBERS as usize);
                sink.bytes
            });
        });
    }
    group.finish();
}

criterion_group!(benches, flush_batch);
criterion_main!(benches);
