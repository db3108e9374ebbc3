//! A body that looks like what applications publish: an object of an order, with names, numbers and prose.
//!
//! A server that compresses is judged by what it is given. The padded string is a known text over and over, of
//! which hardly anything is left; this object shrinks as much as such objects do, alone and behind others of its
//! kind. Everything in it but the stamp follows from who published it and its number.
//!
//! Its keys are in the order of the alphabet and its numbers in their shortest form, so it comes out the same of
//! a server that reads JSON and writes it anew.

use std::io::Write;

use super::stamp::{STAMP_BYTES, Stamp};
use crate::random::Random;

/// What comes before the stamp.
const HEAD: &[u8] = br#"{"_id":""#;

/// Where the stamp begins.
pub(super) const STAMP_AT: usize = HEAD.len();

/// The smallest event: everything but items, with the longest words, and no note.
pub(super) const EVENT_BYTES_MIN: usize = 320;

/// The longest item.
const ITEM_BYTES_MAX: usize = 100;

const NAMES: [&str; 16] = [
    "Ada Lindqvist",
    "Bruno Okafor",
    "Chiara Weiss",
    "Daniel Mbeki",
    "Elif Yildirim",
    "Farah Haddad",
    "Goran Petrovic",
    "Hana Sato",
    "Ines Carvalho",
    "Jonas Eriksen",
    "Katya Morozova",
    "Liam O'Brien",
    "Mei Tanaka",
    "Nadia Rahman",
    "Oskar Nowak",
    "Priya Raman",
];
const ROLES: [&str; 4] = ["buyer", "clerk", "courier", "manager"];
const CURRENCIES: [&str; 4] = ["CHF", "EUR", "SEK", "USD"];
const KINDS: [&str; 4] = [
    "order.created",
    "order.paid",
    "order.shipped",
    "order.updated",
];
const TITLES: [&str; 12] = [
    "adjustable desk lamp",
    "canvas backpack",
    "cast iron pan",
    "ceramic mug",
    "cotton bath towel",
    "desk organiser",
    "folding chair",
    "merino socks",
    "paper notebook",
    "steel bottle",
    "wall clock",
    "wool blanket",
];
const WORDS: [&str; 48] = [
    "about",
    "address",
    "after",
    "again",
    "because",
    "before",
    "box",
    "call",
    "card",
    "change",
    "collect",
    "customer",
    "damaged",
    "deliver",
    "delivery",
    "door",
    "evening",
    "expected",
    "for",
    "friday",
    "from",
    "gift",
    "has",
    "invoice",
    "left",
    "morning",
    "neighbour",
    "not",
    "number",
    "order",
    "parcel",
    "payment",
    "phone",
    "please",
    "post",
    "refund",
    "ring",
    "same",
    "second",
    "station",
    "street",
    "the",
    "to",
    "tomorrow",
    "until",
    "when",
    "with",
    "wrapped",
];

/// Appends the event of a publication, `bytes` long.
pub(super) fn write(run: u32, stamp: &Stamp, bytes: usize, out: &mut Vec<u8>) {
    let begin = out.len();
    out.extend_from_slice(HEAD);
    stamp.write(run, out);
    let mut random = Random::new(stamp.number ^ u64::from(stamp.publisher) << 40);
    put_facts(stamp, &mut random, out);
    // The longest kind, the rest of the note's key, and what ends the object.
    let end_bytes = r#"],"kind":"order.created","note":""}"#.len();
    let room = |out: &Vec<u8>| (begin + bytes).saturating_sub(out.len() + end_bytes);
    // A note takes a quarter, as far as items can tell.
    let mut separator = "";
    while room(out) > bytes / 4 + ITEM_BYTES_MAX {
        put(out, format_args!("{separator}"));
        put_item(&mut random, out);
        separator = ",";
    }
    let kind = random.pick(&KINDS);
    put(out, format_args!(r#"],"kind":"{kind}","note":""#));
    let note_end = (begin + bytes).saturating_sub(br#""}"#.len());
    while out.len() < note_end {
        put(out, format_args!("{} ", random.pick(&WORDS)));
    }
    out.truncate(note_end);
    out.extend_from_slice(br#""}"#);
}

fn put_facts(stamp: &Stamp, random: &mut Random, out: &mut Vec<u8>) {
    let actor = random.below(100_000);
    let (name, role) = (random.pick(&NAMES), random.pick(&ROLES));
    put(
        out,
        format_args!(r#"","actor":{{"id":{actor},"name":"{name}","role":"{role}"}}"#),
    );
    put(out, format_args!(r#","amount":"#));
    put_price(random, 10_000, out);
    // Some orders a second, one day after another.
    let second = stamp.number / 7;
    let (day, hour, minute) = (
        1 + second / 86_400 % 28,
        second / 3_600 % 24,
        second / 60 % 60,
    );
    let (second, milli) = (second % 60, random.below(1_000));
    put(
        out,
        format_args!(r#","at":"2026-03-{day:02}T{hour:02}:{minute:02}:{second:02}.{milli:03}Z""#),
    );
    let currency = random.pick(&CURRENCIES);
    put(out, format_args!(r#","currency":"{currency}","items":["#));
}

fn put_item(random: &mut Random, out: &mut Vec<u8>) {
    put(out, format_args!(r#"{{"price":"#));
    put_price(random, 500, out);
    let (quantity, code) = (1 + random.below(9), random.below(90_000) + 10_000);
    let initial = char::from(b'A' + random.below(26) as u8);
    let title = random.pick(&TITLES);
    put(
        out,
        format_args!(r#","quantity":{quantity},"sku":"{initial}-{code}","title":"{title}"}}"#),
    );
}

/// A price whose last digit is none that another writer of numbers would leave away.
fn put_price(random: &mut Random, below: u64, out: &mut Vec<u8>) {
    let (whole, tenths, hundredths) = (random.below(below), random.below(10), 1 + random.below(9));
    put(out, format_args!("{whole}.{tenths}{hundredths}"));
}

fn put(out: &mut Vec<u8>, text: std::fmt::Arguments<'_>) {
    out.write_fmt(text).expect("a vector takes everything");
}

const _: () = assert!(STAMP_AT + STAMP_BYTES < EVENT_BYTES_MIN);

#[cfg(test)]
mod tests {
    use super::*;

    fn event(number: u64, bytes: usize) -> Vec<u8> {
        let stamp = Stamp {
            publisher: 3,
            number,
            planned_ns: 1_234_567_890 * number,
        };
        let mut out = Vec::new();
        write(0x5eed_0001, &stamp, bytes, &mut out);
        out
    }

    #[test]
    fn an_event_has_the_asked_size_and_is_the_same_after_reading_and_writing() {
        for number in 0..2_000 {
            for bytes in [EVENT_BYTES_MIN, 321, 1_024, 5_000] {
                let text = event(number, bytes);
                assert_eq!(text.len(), bytes, "number {number}");
                let value: serde_json::Value = serde_json::from_slice(&text).expect("JSON");
                let note = value["note"].as_str().expect("a note");
                assert!(note.len() < bytes / 2, "{note}");
                let again = serde_json::to_vec(&value).expect("JSON");
                assert!(again == text, "{}", String::from_utf8_lossy(&text));
            }
        }
    }

    #[test]
    fn an_event_shrinks_as_much_as_such_objects_do() {
        let mut alone = 0;
        for number in 0..100 {
            alone += deflated(&[event(number, 1_024)]);
        }
        let share = alone as f64 / (100.0 * 1_024.0);
        assert!((0.4..0.6).contains(&share), "{share}");
        let events: Vec<_> = (0..100).map(|number| event(number, 1_024)).collect();
        let share = deflated(&events) as f64 / (100.0 * 1_024.0);
        assert!((0.2..0.45).contains(&share), "{share}");
    }

    /// Bytes of `texts` as one stream.
    fn deflated(texts: &[Vec<u8>]) -> usize {
        let mut compress = flate2::Compress::new(flate2::Compression::default(), false);
        let mut out = Vec::with_capacity(1 << 20);
        let (text, finish) = (texts.concat(), flate2::FlushCompress::Finish);
        let status = compress.compress_vec(&text, &mut out, finish);
        assert_eq!(status.expect("nothing is wrong"), flate2::Status::StreamEnd);
        out.len()
    }
}
