//! Question: what does one client frame cost before anybody looks at its payload?
//! Method: read the header of a 128-byte text frame; decode the frame as a connection does, whole
//! (ASCII, and text with a two-byte character) and in two pieces. The frame's key is zero, so that
//! unmasking in place, which has no shortcut for it, leaves the frame as it was.
//! Not measured: receiving, the dialect, cold caches. Numbers and host go to PERF.md.

use std::hint::black_box;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use shardcast::codec::ws::{Decoder, Event, HeaderLimits, MessageKind, MessageLimits, read_header};

const PAYLOAD_BYTES: usize = 128;
const HEADER_BYTES: usize = 8;
const LIMITS: MessageLimits = MessageLimits {
    bytes_max: 64 * 1024,
    frames_max: 1_024,
    deflate: false,
};

const HEADER_LIMITS: HeaderLimits = HeaderLimits {
    payload_len_max: LIMITS.bytes_max as u64,
    deflate: false,
};

fn frame(start: &str) -> Vec<u8> {
    let mut frame = vec![0x81, 0xfe, 0, PAYLOAD_BYTES as u8, 0, 0, 0, 0];
    frame.extend_from_slice(start.as_bytes());
    frame.resize(HEADER_BYTES + PAYLOAD_BYTES, b'x');
    frame
}

fn header(c: &mut Criterion) {
    let frame = frame("");
    c.bench_function("codec/read_header/text_128b", |b| {
        b.iter(|| {
            let header = read_header(black_box(&frame), HEADER_LIMITS);
            let header = header.expect("valid").expect("complete");
            assert_eq!(header.payload_len, PAYLOAD_BYTES as u64);
            header
        });
    });
}

/// Decodes `input` to its end; the payload bytes of the messages it completed.
fn decode(decoder: &mut Decoder, input: &mut [u8]) -> usize {
    let (mut consumed, mut payload_bytes) = (0, 0);
    loop {
        let decoded = decoder
            .decode(&mut input[consumed..], LIMITS)
            .expect("valid");
        consumed += decoded.consumed;
        match decoded.event {
            Some(Event::Message {
                kind: MessageKind::Text,
                payload,
            }) => payload_bytes += black_box(payload).len(),
            Some(event) => panic!("not in the input: {event:?}"),
            None => return payload_bytes,
        }
    }
}

fn whole_frame(c: &mut Criterion) {
    let mut group = c.benchmark_group("codec/decode");
    group.throughput(Throughput::Elements(1));
    for (name, start) in [("ascii_128b", ""), ("two_byte_char_128b", "grüße")] {
        let mut frame = frame(start);
        let mut decoder = Decoder::default();
        group.bench_function(name, |b| {
            b.iter(|| {
                let payload_bytes = decode(&mut decoder, black_box(&mut frame));
                assert_eq!(payload_bytes, PAYLOAD_BYTES);
            });
        });
    }
    let mut frame = frame("");
    let mut decoder = Decoder::default();
    group.bench_function("ascii_128b_in_two_pieces", |b| {
        b.iter(|| {
            let (start, end) = black_box(&mut frame).split_at_mut(70);
            assert_eq!(decode(&mut decoder, start), 0);
            assert_eq!(decode(&mut decoder, end), PAYLOAD_BYTES);
        });
    });
    group.finish();
}

criterion_group!(benches, header, whole_frame);
criterion_main!(benches);
