//! What clients may send as a compressed message, and what they must not.

use super::super::{FrameError, OpCode, data_payload_len, write_frame};
use super::*;

const WINDOWS: [u8; 7] = [9, 10, 11, 12, 13, 14, 15];

fn inflate(payload: &[u8], bytes_max: usize) -> Result<Vec<u8>, FrameError> {
    let mut out = b"before".to_vec();
    let result = Inflater::new(false).inflate(payload, bytes_max, &mut out);
    result.map(|()| out.split_off(b"before".len()))
}

fn frame(payload: &[u8]) -> Vec<u8> {
    let mut frame = Vec::new();
    write_frame(&mut frame, OpCode::Text, payload);
    frame
}

fn payload(frame: &[u8]) -> &[u8] {
    let len = data_payload_len(frame).expect("a data frame");
    &frame[frame.len() - len..]
}

/// An event as apps send them, `number` of many alike.
fn event(number: usize) -> Vec<u8> {
    let text = format!(
        r#"{{"t":"msg","c":"orders.{number}","e":"order.paid","d":{{"id":{number},"amount":{},
        "currency":"EUR","items":["A-{number}","B-{number}"],"note":"paid by card"}}}}"#,
        number * 37
    );
    text.into_bytes()
}

#[test]
fn examples_of_the_rfc_are_understood() {
    // RFC 7692, sections 7.2.3.1 to 7.2.3.5.
    for (payload, text) in [
        (&b"\xf2\x48\xcd\xc9\xc9\x07\x00"[..], "Hello"),
        (b"\x00\x05\x00\xfa\xff\x48\x65\x6c\x6c\x6f\x00", "Hello"),
        (b"\xf3\x48\xcd\xc9\xc9\x07\x00\x00", "Hello"),
        (
            b"\xf2\x48\x05\x00\x00\x00\xff\xff\xca\xc9\xc9\x07\x00",
            "Hello",
        ),
        (b"\x00", ""),
    ] {
        assert_eq!(inflate(payload, 5), Ok(text.as_bytes().to_vec()));
    }
    let mut inflater = Inflater::new(true);
    for (payload, text) in [
        (&b"\xf2\x48\xcd\xc9\xc9\x07\x00"[..], "Hello"),
        (b"\xf2\x00\x11\x00\x00", "Hello"),
    ] {
        let mut out = Vec::new();
        assert_eq!(inflater.inflate(payload, 5, &mut out), Ok(()));
        assert_eq!(out, text.as_bytes());
    }
}

#[test]
fn what_is_no_compressed_message_is_an_error() {
    let whole = {
        let mut out = Vec::new();
        assert!(Compressor::new(WindowBits::MAX, false).append(&frame(&event(1)), &mut out));
        payload(&out).to_vec()
    };
    assert_eq!(inflate(&whole, 1_000), Ok(event(1)));
    for (name, bytes) in [
        ("a block of the reserved type", &b"\x07"[..]),
        (
            "a stored block whose length is not what it says",
            b"\x00\x05\x00\xfb\xff\x48",
        ),
        ("a distance to before the beginning", b"\x4b\x04\x42\x00"),
        ("plain text", b"{\"t\":\"ping\"}"),
        ("a second message's context", b"\xf2\x00\x11\x00\x00"),
        ("noise", &[0xff; 40]),
    ] {
        assert_eq!(
            inflate(bytes, 1_000),
            Err(FrameError::BadCompression),
            "{name}"
        );
    }
    assert_eq!(FrameError::BadCompression.close_code().0, 1007);
}

#[test]
fn nothing_is_inflated_past_the_limit() {
    for zeros in [1_000, 100_000, 50_000_000] {
        let mut bomb = Vec::new();
        assert!(Compressor::new(WindowBits::MAX, false).append(&frame(&vec![0; zeros]), &mut bomb));
        let mut out = Vec::new();
        let mut inflater = Inflater::new(false);
        let result = inflater.inflate(payload(&bomb), 999, &mut out);
        assert_eq!(result, Err(FrameError::MessageTooBig), "{zeros}");
        assert!(out.len() <= 1_000 && out.capacity() <= 64 * 1024, "{zeros}");
    }
    let mut exact = Vec::new();
    assert!(Compressor::new(WindowBits::MAX, false).append(&frame(&[7; 999]), &mut exact));
    assert_eq!(inflate(payload(&exact), 999), Ok(vec![7; 999]));
}

#[test]
fn empty_blocks_cost_what_they_weigh_and_mean_nothing() {
    let mut blocks = b"\x00\x00\x00\xff\xff".repeat(10_000);
    assert_eq!(inflate(&blocks, 10), Ok(Vec::new()));
    blocks.extend_from_slice(b"\xf2\x48\xcd\xc9\xc9\x07\x00");
    assert_eq!(inflate(&blocks, 10), Ok(b"Hello".to_vec()));
}

#[test]
fn messages_come_back_whatever_the_window_and_the_context() {
    let noise: Vec<u8> = {
        let mut random = crate::base::random::Random::new(3);
        (0..70_000).map(|_| random.next_u64() as u8).collect()
    };
    let long: Vec<u8> = (0..2_000).flat_map(event).collect();
    for bits in WINDOWS {
        let window = WindowBits::new(bits).expect("in range");
        for keeps_context in [false, true] {
            let mut compressor = Compressor::new(window, keeps_context);
            let mut inflater = Inflater::new(keeps_context);
            for message in [
                &b""[..],
                b"x",
                &event(1),
                &event(2),
                &noise,
                &long,
                b"",
                b"",
                &event(1),
            ] {
                let (plain, mut out) = (frame(message), Vec::new());
                let appended = compressor.append(&plain, &mut out);
                assert_eq!(appended, !out.is_empty());
                if !appended {
                    assert!(!keeps_context && (message.len() < 2 || message == noise));
                    continue;
                }
                assert_eq!(out[0], 0xc1);
                let mut opened = Vec::new();
                let result = inflater.inflate(payload(&out), message.len(), &mut opened);
                assert_eq!(result, Ok(()), "{bits} bits, {} bytes", message.len());
                assert!(opened == message, "{bits} bits, {} bytes", message.len());
            }
        }
    }
}

#[test]
fn context_makes_messages_that_are_alike_small() {
    let sizes = |keeps_context| {
        let mut compressor = Compressor::new(WindowBits::MAX, keeps_context);
        (0..10).map(move |number| {
            let mut out = Vec::new();
            assert!(compressor.append(&frame(&event(number)), &mut out));
            out.len()
        })
    };
    let (without, with): (Vec<usize>, Vec<usize>) = (sizes(false).collect(), sizes(true).collect());
    assert_eq!(with[0], without[0]);
    assert!(with[9] * 3 < without[9], "{with:?} against {without:?}");
}

#[test]
fn smaller_window_is_kept_to() {
    // Two equal halves, further apart than a small window reaches: only a large one can refer back.
    let half: Vec<u8> = {
        let mut random = crate::base::random::Random::new(5);
        (0..4_000).map(|_| random.next_u64() as u8).collect()
    };
    let message = [&half[..], &half[..]].concat();
    let compressed = |bits| {
        let (window, mut out) = (WindowBits::new(bits).expect("in range"), Vec::new());
        Compressor::new(window, true).append(&frame(&message), &mut out);
        out.len()
    };
    assert!(compressed(15) < 5_000 && compressed(9) > 8_000);
}

#[test]
fn memory_is_about_what_it_is_counted_as() {
    // The largest parts alone, from the library's own layout: text, links, table.
    assert_eq!(Compressor::bytes(WindowBits::MAX) / 1024, 128 + 128 + 8 + 8);
    assert_eq!(Compressor::bytes(WindowBits::MIN) / 1024, 2 + 128 + 8 + 8);
}
