//! The scans against the corpus, and against serde_json over random changes to valid texts.
//!
//! serde_json's `IgnoredAny` checks the grammar without building values, and so takes what
//! `JSON.parse` takes; its `Value` gives the contents, but refuses what it cannot hold.

use serde::de::IgnoredAny;

use super::corpus::{ACCEPTED, REFUSED};
use super::{scan_object, validate};
use crate::base::random::Random;

#[test]
fn validate_takes_every_text_of_the_grammar() {
    for text in ACCEPTED {
        assert_eq!(validate(text.as_bytes()), Ok(()), "{text}");
    }
}

#[test]
fn validate_refuses_every_text_outside_the_grammar() {
    for text in REFUSED {
        let refusal = validate(text.as_bytes()).expect_err(text);
        assert!(refusal.at <= text.len(), "{text}");
    }
}

#[test]
fn corpus_agrees_with_serde_json() {
    for text in ACCEPTED.iter().chain(REFUSED) {
        assert_agreement(text.as_bytes());
    }
}

#[test]
fn scan_object_checks_every_value_as_validate_does() {
    for text in ACCEPTED {
        for (before, after) in [
            ("", ""),
            ("\"a\":0,", ""),
            ("", ",\"z\":0"),
            ("\"x\":1,", ""),
        ] {
            let object = format!("{{{before}\"x\":{text}{after}}}");
            let [found] = scan_object(object.as_bytes(), ["x"]).expect(&object);
            let raw = found.expect("the key is there").raw();
            assert_eq!(raw, text.trim_matches([' ', '\t', '\n', '\r']).as_bytes());
        }
    }
    // Refused texts that a comma or a bracket around them would complete are no values either, but
    // may make a valid object: those that would are left out.
    for text in REFUSED.iter().filter(|text| !text.contains([',', '}'])) {
        let object = format!("{{\"x\":{text}}}");
        assert!(scan_object(object.as_bytes(), ["x"]).is_err(), "{object}");
    }
}

#[test]
fn every_prefix_of_a_container_is_refused() {
    for text in ACCEPTED
        .iter()
        .filter(|text| text.starts_with(['[', '{', '"']))
    {
        for len in 0..text.len() {
            assert!(
                validate(&text.as_bytes()[..len]).is_err(),
                "{text} to {len}"
            );
        }
    }
}

#[test]
fn random_changes_to_valid_texts_agree_with_serde_json() {
    let mut random = Random::new(20_250_101);
    let below = |random: &mut Random, bound: usize| random.below(bound as u32) as usize;
    // Bytes that mean something in JSON are far likelier to hit a decision than any byte.
    const TELLING: &[u8] = b"{}[]:,\"\\/ \t\n\r+-.0123456789eEtfnulabrsx\0\x1f\x7f\xc3\xa9\xff";
    let seeds: Vec<&[u8]> = ENVELOPES
        .iter()
        .chain(ACCEPTED)
        .map(|text| text.as_bytes())
        .collect();
    let mut accepted_count = 0;
    for _ in 0..20_000 {
        let mut text = seeds[below(&mut random, seeds.len())].to_vec();
        for _ in 0..=random.below(3) {
            let at = below(&mut random, text.len() + 1);
            let byte = TELLING[below(&mut random, TELLING.len())];
            match random.below(5) {
                0 => text.insert(at, byte),
                1 => text.truncate(at),
                2 if at < text.len() => drop(text.remove(at)),
                3 => {
                    let other = seeds[below(&mut random, seeds.len())];
                    let from = below(&mut random, other.len());
                    let len = below(&mut random, other.len() - from + 1);
                    text.splice(at..at, other[from..from + len].iter().copied());
                }
                _ if at < text.len() => text[at] = byte,
                _ => text.push(byte),
            }
        }
        accepted_count += usize::from(assert_agreement(&text));
    }
    // Both answers must be common, or the comparison would prove little.
    assert!(
        (2_000..18_000).contains(&accepted_count),
        "{accepted_count}"
    );
}

/// Objects whose changes stay objects often enough.
const ENVELOPES: &[&str] = &[
    r#"{"t":"pub","c":"room.1","e":"typing","d":{"on":true}}"#,
    r#"{"t":"a\nb","c":"\u0074\ud83d\ude00","d":[1,-2.5e3,{"t":[]}],"t":null}"#,
    r#"{ "c" : "é€" , "\u0064":"twice", "d" : "a text longer than a block of thirty-two bytes" }"#,
    r#"{"d":1e999,"c":"\ud800","t":123456789012345678901234567890}"#,
];

/// Compares both scans of `text` with serde_json's; returns whether the text was accepted.
fn assert_agreement(text: &[u8]) -> bool {
    let shown = String::from_utf8_lossy(text);
    // As callers do for bytes of unknown origin.
    let Ok(valid_utf8) = std::str::from_utf8(text) else {
        return false;
    };
    let accepted = serde_json::from_str::<IgnoredAny>(valid_utf8).is_ok();
    assert_eq!(validate(text).is_ok(), accepted, "{shown}");

    let keys = ["t", "c", "d", ""];
    let first = valid_utf8.trim_start_matches([' ', '\t', '\n', '\r']);
    let scanned = scan_object(text, keys);
    assert_eq!(
        scanned.is_ok(),
        accepted && first.starts_with('{'),
        "{shown}"
    );

    // `Value` cannot hold lone surrogates and numbers beyond a double; and an accepted text has
    // nothing else that it could refuse at the depths of this corpus.
    match (
        scanned,
        serde_json::from_str::<serde_json::Value>(valid_utf8),
    ) {
        (Ok(found), Ok(expected)) => {
            for (value, key) in found.iter().zip(keys) {
                let expected = expected.get(key);
                let parsed = value.map(|value| {
                    serde_json::from_slice(value.raw()).expect("a span is a text of its own")
                });
                assert_eq!(parsed.as_ref(), expected, "{key} in {shown}");
                assert_eq!(
                    value.and_then(|value| value.as_text()).as_deref(),
                    expected.and_then(|value| value.as_str()),
                    "{key} in {shown}"
                );
            }
        }
        (Ok(_), Err(_)) => {
            let has_cause = shown.contains("\\u") || shown.contains(['e', 'E']);
            assert!(has_cause, "{shown}");
        }
        (Err(_), _) => {}
    }
    accepted
}
