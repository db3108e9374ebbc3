//! Question: what does one more subscriber cost a publication inside one shard?
//! Method: deliver 128 bytes to N subscribers of one topic; the flush that follows, into a sink that
//! takes everything, is not timed, so that each iteration starts equal.
//! Not measured: sockets, other shards, the flush (see flush_batch).

#[path = "support/mod.rs"]
#[allow(dead_code)]
mod support;

use std::time::{Duration, Instant};

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};

fn topic_fan_out(c: &mut Criterion) {
    let mut group = c.benchmark_group("engine/topic_fan_out");
    for subscribers in [1_u32, 100, 10_000] {
        let mut shard = support::shard_with_subscribers(subscribers, |_| "t".to_owned());
        let letter = support::publication("t").share();
        group.throughput(Throughput::Elements(subscribers.into()));
        group.bench_function(BenchmarkId::new("text_128b", subscribers), |b| {
            b.iter_custom(|iterations| {
                let mut spent = Duration::ZERO;
                for _ in 0..iterations {
                    let before = shard.stats().deliveries;
                    let start = Instant::now();
                    shard.handle_publication(&letter);
                    spent += start.elapsed();
                    assert_eq!(shard.stats().deliveries - before, u64::from(subscribers));
                    shard.flush(support::NOW, &mut support::NullSink::default(), usize::MAX);
                }
                spent
            });
        });
    }
    group.finish();
}

criterion_group!(benches, topic_fan_out);
criterion_main!(benches);
