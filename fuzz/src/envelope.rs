//! The envelope scanner, against serde_json.

use serde::de::IgnoredAny;
use serde_json::Value;
use shardcast::codec::json::{scan_object, validate, write_string};

/// Nesting at which serde_json stops to build values.
const VALUE_DEPTH_MAX: usize = 127;

/// Scans `data` as one JSON text.
///
/// - Whatever the bytes, also no UTF-8: an error points into the text, and nothing panics.
/// - UTF-8 is taken exactly when serde_json takes it, and as an object exactly when it is one.
/// - The values found are those that serde_json has under these keys, each a text of its own.
/// - As a string, it comes back from [`write_string`] as it was.
pub fn envelope(data: &[u8]) {
    let checked = validate(data);
    let scanned = scan_object(data, ["t", "c", "e", "d", ""]);
    if let Err(error) = checked {
        assert!(error.at <= data.len());
    }
    assert!(checked.is_ok() || scanned.is_err());
    let Ok(text) = std::str::from_utf8(data) else {
        return;
    };
    check_string(text);
    let is_json = serde_json::from_str::<IgnoredAny>(text).is_ok();
    assert_eq!(checked.is_ok(), is_json);
    let is_object = is_json
        && text
            .trim_start_matches([' ', '\t', '\n', '\r'])
            .starts_with('{');
    assert_eq!(scanned.is_ok(), is_object);

    let Ok(found) = scanned else {
        return;
    };
    match serde_json::from_str::<Value>(text) {
        Ok(expected) => {
            for (value, key) in found.iter().zip(["t", "c", "e", "d", ""]) {
                let expected = expected.get(key);
                let parsed = value.map(|value| {
                    serde_json::from_slice(value.raw()).expect("a span is a text of its own")
                });
                assert_eq!(parsed.as_ref(), expected, "{key:?}");
                let as_text = value.and_then(|value| value.as_text());
                assert_eq!(
                    as_text.as_deref(),
                    expected.and_then(Value::as_str),
                    "{key:?}"
                );
            }
        }
        // What it cannot hold: lone surrogates, numbers beyond a double, great depth.
        Err(error) => {
            let depth = data.iter().filter(|byte| b"[{".contains(byte)).count();
            let digits = text.contains(['e', 'E']) || data.len() > 300;
            let is_beyond = text.contains("\\u") || digits || depth > VALUE_DEPTH_MAX;
            assert!(is_beyond, "{error}");
        }
    }
}

fn check_string(text: &str) {
    let mut object = br#"{"t":"#.to_vec();
    write_string(&mut object, text);
    let written = serde_json::from_slice::<String>(&object[5..]).expect("a string");
    assert_eq!(written, text);
    object.push(b'}');
    let [value] = scan_object(&object, ["t"]).expect("an object");
    assert_eq!(
        value.and_then(|value| value.as_text()).as_deref(),
        Some(text)
    );
}
