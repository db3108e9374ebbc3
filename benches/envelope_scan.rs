//! Question: what does it cost to check a message's JSON and to find the keys of its envelope?
//! Method: scan the same envelope again and again, warm, with a payload that is absent, long or
//! nested; the found values are compared once before the measurement.
//! Not measured: UTF-8 validation and unmasking (done when the frame arrives), unescaping, cold
//! caches. Numbers and host go to PERF.md.

use std::hint::black_box;

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use shardcast::codec::json::{scan_object, validate};

const KEYS: [&str; 4] = ["t", "c", "e", "d"];

fn envelope(payload: &str) -> String {
    format!(r#"{{"t":"pub","c":"room.1","e":"typing","d":{payload}}}"#)
}

/// About 4 KiB of objects, arrays, numbers and short strings, as an application would send them.
fn nested_payload() -> String {
    let entry =
        r#"{"id":1234567,"name":"A. User","tags":["a","b"],"at":[48.137,11.575],"ok":true}"#;
    format!(r#"{{"entries":[{}]}}"#, [entry; 48].join(","))
}

fn envelope_scan(c: &mut Criterion) {
    let text_of = |len| format!("\"{}\"", "x".repeat(len));
    let cases = [
        (
            "pub_82b",
            r#"{"t":"pub","c":"room.1","e":"typing","d":{"on":true,"user":"1234567890","n":-1.5}}"#
                .to_owned(),
        ),
        ("text_1_kib", envelope(&text_of(1 << 10))),
        ("text_64_kib", envelope(&text_of(64 << 10))),
        ("nested_4_kib", envelope(&nested_payload())),
    ];
    let mut group = c.benchmark_group("codec/envelope_scan");
    for (name, text) in &cases {
        let text = text.as_bytes();
        let found = scan_object(text, KEYS).expect("an object");
        assert!(found.iter().all(Option::is_some), "every key is there");
        group.throughput(Throughput::Bytes(text.len() as u64));
        group.bench_function(BenchmarkId::new("scan_object", name), |b| {
            b.iter(|| scan_object(black_box(text), black_box(KEYS)));
        });
        group.bench_function(BenchmarkId::new("validate", name), |b| {
            b.iter(|| validate(black_box(text)));
        });
    }
    group.finish();
}

criterion_group!(benches, envelope_scan);
criterion_main!(benches);
