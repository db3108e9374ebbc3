//! Question: what does unmasking a payload cost, and does the wide loop earn its place?
//! Method: unmask the same buffer in place, over and over, with the wide and the plain loop; the
//! buffer lies one byte off alignment, as payloads behind a header do.
//! Not measured: memory that is not in the cache, frames in pieces. Numbers and host go to PERF.md.

use std::hint::black_box;

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use shardcast::codec::ws::mask::{unmask, unmask_scalar};

const KEY: [u8; 4] = [0x37, 0xfa, 0x21, 0x3d];

fn unmask_payload(c: &mut Criterion) {
    type Unmask = fn(&mut [u8], [u8; 4], usize);
    let mut group = c.benchmark_group("codec/unmask");
    for payload_bytes in [16_usize, 128, 1_024, 65_536] {
        group.throughput(Throughput::Bytes(payload_bytes as u64));
        for (name, unmask) in [("wide", unmask as Unmask), ("scalar", unmask_scalar)] {
            let mut buffer = vec![0; 1 + payload_bytes];
            group.bench_function(BenchmarkId::new(name, payload_bytes), |b| {
                b.iter(|| unmask(black_box(&mut buffer[1..]), black_box(KEY), 0));
            });
            // Two passes cancel out, so that every byte must be plain or masked like its place.
            let is_masked = buffer[1] != 0;
            let expected = |index: usize| if is_masked { KEY[index % 4] } else { 0 };
            let places = buffer[1..].iter().enumerate();
            assert!(
                places
                    .into_iter()
                    .all(|(index, &byte)| byte == expected(index))
            );
        }
    }
    group.finish();
}

criterion_group!(benches, unmask_payload);
criterion_main!(benches);
