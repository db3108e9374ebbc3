//! Question: what does it cost to compress a publication, and to open a message?
//! Method: one event of 1 KiB of JSON as apps send them, each time for itself and each time with a context
//! that knows the one before; the frame is written to a buffer that is kept.
//! Not measured: how small it gets (see the harness), sockets.

use std::hint::black_box;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use shardcast::codec::ws::deflate::{Compressor, Inflater, WindowBits};
use shardcast::codec::ws::{OpCode, data_payload_len, write_frame};

/// About 1 KiB.
fn event(number: usize) -> Vec<u8> {
    let items: Vec<String> = (0..22)
        .map(|item| {
            let price = (number + 1) * (item + 3) * 37 % 9_973;
            format!(
                r#"{{"sku":"A-{item}{price}","count":{},"price":{price}}}"#,
                item % 4 + 1
            )
        })
        .collect();
    let text = format!(
        r#"{{"t":"msg","c":"orders.{number}","e":"order.paid","d":{{"id":{number},"currency":"EUR",
        "customer":{{"name":"Ada Lovelace","mail":"ada@example.com","city":"London"}},
        "note":"leave it with the neighbours, please","items":[{}]}}}}"#,
        items.join(",")
    );
    text.into_bytes()
}

fn frame(number: usize) -> Vec<u8> {
    let mut frame = Vec::new();
    write_frame(&mut frame, OpCode::Text, &event(number));
    frame
}

fn deflate(c: &mut Criterion) {
    let mut group = c.benchmark_group("codec/deflate");
    let plain = frame(1);
    group.throughput(Throughput::Bytes(plain.len() as u64));
    for (name, keeps_context) in [("alone", false), ("with_context", true)] {
        group.bench_function(format!("compress_1kib_{name}"), |b| {
            let mut compressor = Compressor::new(WindowBits::MAX, keeps_context);
            let mut out = Vec::new();
            b.iter(|| {
                out.clear();
                assert!(compressor.append(black_box(&plain), &mut out));
            });
        });
    }
    group.bench_function("inflate_1kib_alone", |b| {
        let mut compressed = Vec::new();
        assert!(Compressor::new(WindowBits::MAX, false).append(&plain, &mut compressed));
        let len = data_payload_len(&compressed).expect("a data frame");
        let payload = &compressed[compressed.len() - len..];
        let (mut inflater, mut out) = (Inflater::new(false), Vec::new());
        b.iter(|| {
            out.clear();
            let opened = inflater.inflate(black_box(payload), 64 * 1024, &mut out);
            assert!(opened.is_ok());
        });
    });
    group.finish();
}

criterion_group!(benches, deflate);
criterion_main!(benches);
