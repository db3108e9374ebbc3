//! The decoder against scripts of frames, at every way of splitting them.

use super::super::testing::{OwnedEvent, bytes_limit, client_header, events, feed, raw_frame};
use super::*;
use crate::base::random::Random;

const LIMIT: MessageLimits = bytes_limit(70_000);

fn text(payload: &[u8]) -> OwnedEvent {
    OwnedEvent::Message(MessageKind::Text, payload.to_vec())
}

fn binary(payload: &[u8]) -> OwnedEvent {
    OwnedEvent::Message(MessageKind::Binary, payload.to_vec())
}

/// Short scripts, each with the events it must give.
fn scripts() -> Vec<(Vec<u8>, Vec<OwnedEvent>)> {
    let ping = |payload: &[u8]| OwnedEvent::Ping(payload.to_vec());
    let script = |frames: &[(u8, &[u8])], events: Vec<OwnedEvent>| {
        let bytes = frames
            .iter()
            .flat_map(|(first, payload)| raw_frame(*first, payload));
        (bytes.collect(), events)
    };
    vec![
        script(
            &[(0x81, "grüße".as_bytes())],
            vec![text("grüße".as_bytes())],
        ),
        script(
            &[(0x82, b"\xff\x00"), (0x82, b"")],
            vec![binary(b"\xff\x00"), binary(b"")],
        ),
        script(
            &[(0x81, b""), (0x81, b"a"), (0x81, b"")],
            vec![text(b""), text(b"a"), text(b"")],
        ),
        script(
            &[(0x89, b"are you there?"), (0x8a, b""), (0x89, b"")],
            vec![ping(b"are you there?"), OwnedEvent::Pong(vec![]), ping(b"")],
        ),
        // A character across two fragments, with a ping inside it.
        script(
            &[
                (0x01, b"5 \xe2"),
                (0x89, b"mid"),
                (0x00, b"\x82"),
                (0x80, b"\xac"),
            ],
            vec![ping(b"mid"), text("5 €".as_bytes())],
        ),
        script(
            &[
                (0x02, b""),
                (0x00, b""),
                (0x8a, b"x"),
                (0x89, b"y"),
                (0x80, b""),
            ],
            vec![OwnedEvent::Pong(b"x".to_vec()), ping(b"y"), binary(b"")],
        ),
        script(
            &[
                (0x01, b"a"),
                (0x80, b""),
                (0x02, b""),
                (0x80, b"b"),
                (0x81, b"c"),
            ],
            vec![text(b"a"), binary(b"b"), text(b"c")],
        ),
        script(
            &[(0x02, b"left open"), (0x88, b"\x03\xe9bye")],
            vec![OwnedEvent::Close(Some((1001, "bye".to_owned())))],
        ),
        script(&[(0x88, b"")], vec![OwnedEvent::Close(None)]),
    ]
}

#[test]
fn every_script_gives_the_same_events_at_every_split_into_three() {
    for (bytes, expected) in scripts() {
        assert_eq!(events([&bytes[..]], LIMIT), (expected.clone(), None));
        assert_eq!(events(bytes.chunks(1), LIMIT), (expected.clone(), None));
        for first in 0..=bytes.len() {
            for second in first..=bytes.len() {
                let chunks = [&bytes[..first], &bytes[first..second], &bytes[second..]];
                let seen = events(chunks, LIMIT);
                assert_eq!(seen, (expected.clone(), None), "{first} {second}");
            }
        }
    }
}

#[test]
fn all_scripts_in_a_row_give_the_same_events_in_chunks_of_every_size() {
    // The one that leaves a message open and the ones that close come last, or not at all.
    let scripts = scripts();
    let bytes: Vec<u8> = scripts[..7]
        .iter()
        .flat_map(|(bytes, _)| bytes.clone())
        .collect();
    let expected: Vec<OwnedEvent> = scripts[..7]
        .iter()
        .flat_map(|(_, events)| events.clone())
        .collect();
    for chunk_bytes in 1..=bytes.len() {
        assert_eq!(
            events(bytes.chunks(chunk_bytes), LIMIT),
            (expected.clone(), None)
        );
    }
}

#[test]
fn message_at_each_length_border_gives_the_same_event_at_every_split() {
    for len in [125, 126, 127, 65_535, 65_536] {
        let payload: Vec<u8> = (0..len).map(|index| b'a' + (index % 26) as u8).collect();
        let bytes = raw_frame(0x81, &payload);
        let expected = (vec![text(&payload)], None);
        // Every split for the short ones; for the long ones each near the borders, then in strides.
        let stride = if len < 1_000 { 1 } else { 1_021 };
        let near_borders = (0..20).chain(bytes.len() - 20..=bytes.len());
        for split in near_borders.chain((0..bytes.len()).step_by(stride)) {
            let (start, end) = bytes.split_at(split);
            assert!(events([start, end], LIMIT) == expected, "{len} at {split}");
        }
        for chunk_bytes in [1, 7, 4_096] {
            assert!(
                events(bytes.chunks(chunk_bytes), LIMIT) == expected,
                "{len}"
            );
        }
    }
}

#[test]
fn whole_frame_is_delivered_from_the_input_and_leaves_nothing_behind() {
    let mut decoder = Decoder::default();
    let mut input = raw_frame(0x81, b"in place");
    let range = input.as_ptr_range();
    let decoded = decoder.decode(&mut input, LIMIT).expect("valid");
    let Some(Event::Message { payload, .. }) = decoded.event else {
        panic!("a message is expected, not {decoded:?}");
    };
    assert!(range.contains(&payload.as_ptr()));
    assert_eq!(decoder.buffered_bytes(), 0);
}

#[test]
fn frame_whose_header_was_split_is_still_delivered_from_the_input() {
    let mut decoder = Decoder::default();
    for split in 1..=6 {
        let mut start = raw_frame(0x82, b"in place");
        let mut end = start.split_off(split);
        assert_eq!(
            decoder.decode(&mut start, LIMIT).expect("valid").event,
            None
        );
        let range = end.as_ptr_range();
        let decoded = decoder.decode(&mut end, LIMIT).expect("valid");
        let Some(Event::Message { payload, .. }) = decoded.event else {
            panic!("a message is expected, not {decoded:?}");
        };
        assert!(range.contains(&payload.as_ptr()), "split at {split}");
        decoder.decode(&mut [], LIMIT).expect("valid");
        assert_eq!(decoder.buffered_bytes(), 0, "split at {split}");
    }
}

#[test]
fn decoder_owns_nothing_after_the_call_that_follows_a_delivery() {
    for (bytes, _) in &scripts()[..7] {
        let mut decoder = Decoder::default();
        for byte in bytes {
            feed(&mut decoder, &[*byte], LIMIT, &mut Vec::new());
        }
        assert_eq!(decoder.buffered_bytes(), 0);
    }
}

#[test]
fn split_control_frame_between_fragments_leaves_the_message_as_it_was() {
    let mut decoder = Decoder::default();
    let mut seen = Vec::new();
    feed(&mut decoder, &raw_frame(0x02, b"one "), LIMIT, &mut seen);
    let before = decoder.buffered_bytes();
    for byte in raw_frame(0x89, &[7; 125]) {
        assert!(decoder.buffered_bytes() <= before + 256);
        feed(&mut decoder, &[byte], LIMIT, &mut seen);
    }
    assert_eq!(decoder.buffered_bytes(), before);
    feed(&mut decoder, &raw_frame(0x80, b"two"), LIMIT, &mut seen);
    assert_eq!(seen, [OwnedEvent::Ping(vec![7; 125]), binary(b"one two")]);
}

#[test]
fn announced_length_reserves_nothing() {
    let mut decoder = Decoder::default();
    let announcement = client_header(0x82, 1 << 40, [0; 4]);
    feed(
        &mut decoder,
        &announcement,
        bytes_limit(1 << 40),
        &mut Vec::new(),
    );
    feed(&mut decoder, b"some", bytes_limit(1 << 40), &mut Vec::new());
    assert!(
        decoder.buffered_bytes() < 512,
        "{}",
        decoder.buffered_bytes()
    );
}

#[test]
fn message_of_many_small_fragments_grows_by_doubling_and_stays_within_the_limit() {
    let mut decoder = Decoder::default();
    let limit = 1_000;
    let mut capacities = Vec::new();
    feed(
        &mut decoder,
        &raw_frame(0x01, b"x"),
        bytes_limit(limit),
        &mut Vec::new(),
    );
    for _ in 1..limit {
        feed(
            &mut decoder,
            &raw_frame(0x00, b"x"),
            bytes_limit(limit),
            &mut Vec::new(),
        );
        capacities.push(decoder.buffered_bytes());
    }
    assert!(capacities.is_sorted());
    assert!(decoder.buffered_bytes() <= limit + 256);
    capacities.dedup();
    assert!(capacities.len() <= 11, "{capacities:?}");
}

#[test]
fn message_limit_is_inclusive_and_counts_the_reassembled_payload() {
    let too_big = Some(FrameError::MessageTooBig);
    let whole = |len: usize| raw_frame(0x82, &vec![0; len]);
    let fragments = |lens: [usize; 2]| {
        let first = raw_frame(0x02, &vec![0; lens[0]]);
        [first, raw_frame(0x80, &vec![0; lens[1]])].concat()
    };
    for (bytes, error) in [
        (whole(100), None),
        (whole(101), too_big),
        (fragments([60, 40]), None),
        (fragments([60, 41]), too_big),
        (fragments([100, 0]), None),
        (fragments([0, 101]), too_big),
    ] {
        let (seen, seen_error) = events([&bytes[..]], bytes_limit(100));
        assert_eq!(
            (seen.len(), seen_error),
            (usize::from(error.is_none()), error)
        );
        assert_eq!(
            events(bytes.chunks(1), bytes_limit(100)),
            (seen, seen_error)
        );
    }
}

#[test]
fn limit_lowered_below_an_open_message_refuses_its_next_payload() {
    let mut decoder = Decoder::default();
    feed(
        &mut decoder,
        &raw_frame(0x02, &[0; 50]),
        bytes_limit(100),
        &mut Vec::new(),
    );
    let more = raw_frame(0x80, b"x");
    let error = feed(&mut decoder, &more, bytes_limit(10), &mut Vec::new());
    assert_eq!(error, Some(FrameError::MessageTooBig));
}

#[test]
fn bad_text_fails_before_its_frame_is_complete() {
    let frame = raw_frame(0x81, b"ok so far \xed\xa0 and much more");
    let good = 6 + 11;
    assert_eq!(events([&frame[..good]], LIMIT), (vec![], None));
    let error = Some(FrameError::InvalidUtf8);
    assert_eq!(
        events([&frame[..good], &frame[good..=good]], LIMIT),
        (vec![], error)
    );
}

#[test]
fn text_that_ends_inside_a_character_fails_with_its_last_fragment() {
    let bytes = [raw_frame(0x01, b"\xe2"), raw_frame(0x80, b"\x82")].concat();
    assert_eq!(
        events([&bytes[..]], LIMIT),
        (vec![], Some(FrameError::InvalidUtf8))
    );
}

#[test]
fn random_frames_give_the_same_events_and_error_however_they_are_split() {
    const FIRST_BYTES: [u8; 10] = [0x81, 0x82, 0x01, 0x02, 0x00, 0x00, 0x80, 0x80, 0x89, 0x8a];
    let mut random = Random::new(5);
    let mut error_count = 0;
    for _ in 0..3_000 {
        let mut bytes = Vec::new();
        for _ in 0..random.below(8) {
            let payload: Vec<u8> = (0..random.below(6))
                .map(|_| b"a\xc3\xa9\xff"[random.below(4) as usize])
                .collect();
            let payload = if random.below(4) == 0 {
                payload
            } else {
                b"ascii".to_vec()
            };
            bytes.extend(raw_frame(FIRST_BYTES[random.below(10) as usize], &payload));
        }
        if random.below(4) == 0 && !bytes.is_empty() {
            let index = random.below(bytes.len() as u32) as usize;
            bytes[index] = random.next_u64() as u8;
        }
        let whole = events([&bytes[..]], bytes_limit(12));
        error_count += usize::from(whole.1.is_some());
        let mut chunks = Vec::new();
        let mut rest = &bytes[..];
        while !rest.is_empty() {
            let len = 1 + random.below(rest.len().min(9) as u32) as usize;
            chunks.push(&rest[..len]);
            rest = &rest[len..];
        }
        assert_eq!(
            events(chunks.clone(), bytes_limit(12)),
            whole,
            "{chunks:02x?}"
        );
    }
    assert!((500..2_900).contains(&error_count), "{error_count}");
}

#[test]
fn random_bytes_never_panic_even_after_an_error() {
    let mut random = Random::new(23);
    for _ in 0..2_000 {
        let mut decoder = Decoder::default();
        for _ in 0..20 {
            let chunk: Vec<u8> = (0..random.below(40))
                .map(|_| random.next_u64() as u8)
                .collect();
            feed(&mut decoder, &chunk, bytes_limit(64), &mut Vec::new());
        }
    }
}
