//! Question: what does it cost to hand a publication to another shard that is awake?
//! Method: share 128 bytes, post them into a lane, take them out again, on one thread.
//! Not measured: the wake-up of a shard that sleeps (a system call), cache misses between cores.

#[path = "support/mod.rs"]
#[allow(dead_code)]
mod support;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use shardcast::base::ids::ShardId;
use shardcast::engine::mailbox::{Posted, connect};

fn mailbox_hop(c: &mut Criterion) {
    let mut group = c.benchmark_group("engine/mailbox_hop");
    group.throughput(Throughput::Elements(1));
    let mut ends = connect::<()>(2, 64);
    let (_, inbox, _) = ends.pop().expect("two shards");
    let (mesh, ..) = ends.pop().expect("two shards");
    let publication = support::publication("room.1");
    group.bench_function("share_post_take", |b| {
        b.iter(|| {
            let letter = publication.share();
            assert_eq!(mesh.post(ShardId(1), &letter), Posted::Taken);
            inbox.take_publication().expect("just posted")
        });
    });
    let letter = publication.share();
    group.bench_function("post_take", |b| {
        b.iter(|| {
            assert_eq!(mesh.post(ShardId(1), &letter), Posted::Taken);
            inbox.take_publication().expect("just posted")
        });
    });
    group.finish();
}

criterion_group!(benches, mailbox_hop);
criterion_main!(benches);
