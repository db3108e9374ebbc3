//! The envelope scanner: a few top-level keys of an object, each with its value's bytes.

use std::borrow::Cow;

use super::grammar::{
    NotJson, byte_at, expect_end, skip_colon, skip_space, skip_string, skip_value,
};
use super::text::unescape;

/// The text is no JSON, or JSON but no object.
///
/// A dialect that answers the two differently asks [`validate`](super::validate) which it was.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not a JSON object")]
pub struct NotAnObject;

impl From<NotJson> for NotAnObject {
    fn from(_: NotJson) -> Self {
        Self
    }
}

/// A value inside a scanned text: its bytes as they came, whitespace around them left out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Value<'a> {
    raw: &'a [u8],
    has_escape: bool,
}

impl<'a> Value<'a> {
    /// The bytes as they came, quotes or brackets included: a valid JSON text of its own.
    #[must_use]
    pub fn raw(&self) -> &'a [u8] {
        self.raw
    }

    /// Whether this is a string.
    #[must_use]
    pub fn is_string(&self) -> bool {
        self.raw.first() == Some(&b'"')
    }

    /// Whether this is `null`, which is not the same as an absent key.
    #[must_use]
    pub fn is_null(&self) -> bool {
        self.raw == b"null"
    }

    /// The values in an array; `None` when this is none.
    #[must_use]
    pub fn elements(&self) -> Option<Elements<'a>> {
        let at = (self.raw.first() == Some(&b'[')).then_some(1)?;
        Some(Elements { raw: self.raw, at })
    }

    /// The unescaped text of a string; borrowed when it holds no escape.
    ///
    /// `None` when the value is no string, and when it escapes a lone surrogate: such a string is
    /// valid JSON but no Unicode text, so that no name of ours can equal it.
    #[must_use]
    pub fn as_text(&self) -> Option<Cow<'a, str>> {
        let inside = self.raw.strip_prefix(b"\"")?.strip_suffix(b"\"")?;
        let text = std::str::from_utf8(inside).ok()?;
        if self.has_escape {
            unescape(text).map(Cow::Owned)
        } else {
            Some(Cow::Borrowed(text))
        }
    }
}

/// The values in an array that has been checked as a part of its text; made by [`Value::elements`].
#[derive(Debug, Clone)]
pub struct Elements<'a> {
    raw: &'a [u8],
    /// Behind the bracket or comma before the next value.
    at: usize,
}

impl<'a> Iterator for Elements<'a> {
    type Item = Value<'a>;

    fn next(&mut self) -> Option<Value<'a>> {
        // An empty array has no value here, and neither has the end.
        let at = skip_space(self.raw, self.at);
        let (value, end) = scan_value(self.raw, at).ok()?;
        self.at = skip_space(self.raw, end) + 1;
        Some(value)
    }
}

/// Checks that `input` is one JSON object and finds the values of `keys` at its top level.
///
/// The whole text is checked as [`validate`](super::validate) would, wanted or not. A key that
/// occurs twice counts with its last value, and keys are compared after unescaping, both as in
/// `JSON.parse`. The result has one entry for each wanted key, in the order of `keys`.
///
/// `input` must be UTF-8 (see the module).
///
/// Cost: one pass, no recursion; allocates for keys that hold an escape and for depths beyond 63.
///
/// # Errors
///
/// [`NotAnObject`] when the text breaks the grammar, and when it is anything but an object.
///
/// # Examples
///
/// ```
/// use shardcast::codec::json::{NotAnObject, scan_object};
///
/// let envelope = br#"{"t":"pub", "c":"room.1", "d":{"on": true}, "x":[1e999]}"#;
/// let [kind, topic, data, id] = scan_object(envelope, ["t", "c", "d", "id"])?;
/// assert_eq!(kind.and_then(|value| value.as_text()).as_deref(), Some("pub"));
/// assert_eq!(topic.and_then(|value| value.as_text()).as_deref(), Some("room.1"));
/// assert_eq!(data.map(|value| value.raw()), Some(&br#"{"on": true}"#[..]));
/// assert_eq!(id, None);
/// assert_eq!(scan_object(b"[1]", ["t"]), Err(NotAnObject));
/// # Ok::<(), NotAnObject>(())
/// ```
pub fn scan_object<'a, const N: usize>(
    input: &'a [u8],
    keys: [&str; N],
) -> Result<[Option<Value<'a>>; N], NotAnObject> {
    let mut found = [None; N];
    let mut at = skip_space(input, 0);
    if byte_at(input, at) != b'{' {
        return Err(NotAnObject);
    }
    at = skip_space(input, at + 1);
    if byte_at(input, at) == b'}' {
        expect_end(input, at + 1)?;
        return Ok(found);
    }
    loop {
        let (key, key_end) = scan_string(input, at)?;
        let value_at = skip_colon(input, key_end)?;
        let (value, value_end) = scan_value(input, value_at)?;
        if let Some(index) = index_of(key, &keys) {
            found[index] = Some(value);
        }
        at = skip_space(input, value_end);
        match byte_at(input, at) {
            b',' => at = skip_space(input, at + 1),
            b'}' => break,
            _ => return Err(NotAnObject),
        }
    }
    expect_end(input, at + 1)?;
    Ok(found)
}

/// The value that begins at `at`, and the index after it.
#[inline]
fn scan_value(input: &[u8], at: usize) -> Result<(Value<'_>, usize), NotJson> {
    if byte_at(input, at) == b'"' {
        return scan_string(input, at);
    }
    let end = skip_value(input, at)?;
    let value = Value {
        raw: &input[at..end],
        has_escape: false,
    };
    Ok((value, end))
}

/// The string that is due at `at`, and the index after it.
///
/// Always in line: as a call, its result travels through memory and costs a small envelope a tenth.
#[inline(always)]
fn scan_string(input: &[u8], at: usize) -> Result<(Value<'_>, usize), NotJson> {
    let end = skip_string(input, at)?;
    let value = Value {
        raw: &input[at..end.at],
        has_escape: end.has_escape,
    };
    Ok((value, end.at))
}

#[inline]
fn index_of<const N: usize>(key: Value<'_>, wanted: &[&str; N]) -> Option<usize> {
    if key.has_escape {
        let text = key.as_text()?;
        return wanted.iter().position(|wanted| *wanted == text);
    }
    let inside = &key.raw[1..key.raw.len() - 1];
    wanted
        .iter()
        .position(|wanted| equal_short(wanted.as_bytes(), inside))
}

/// Compares as `==` does, but in line: keys are a few bytes, and a call of the library's compare
/// for each wanted one was a fifth of a small envelope's scan.
#[inline]
fn equal_short(a: &[u8], b: &[u8]) -> bool {
    a.len() == b.len() && a.iter().zip(b).all(|(a, b)| a == b)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn raw_values<const N: usize>(text: &str, keys: [&str; N]) -> [Option<String>; N] {
        scan_object(text.as_bytes(), keys)
            .unwrap_or_else(|_| panic!("{text} is an object"))
            .map(|value| {
                value.map(|value| String::from_utf8(value.raw().to_vec()).expect("valid UTF-8"))
            })
    }

    #[test]
    fn scan_object_returns_spans_without_the_whitespace_around() {
        let text = "\t{ \"a\" : 1 ,\r\n\"b\":[ 1 , {} ] , \"c\" : \"x y\" } \n";
        assert_eq!(
            raw_values(text, ["c", "b", "a", "d"]),
            [
                Some("\"x y\"".into()),
                Some("[ 1 , {} ]".into()),
                Some("1".into()),
                None
            ]
        );
    }

    #[test]
    fn scan_object_takes_the_last_of_duplicate_keys_however_they_are_written() {
        for (text, value) in [
            (r#"{"t":1,"t":2}"#, "2"),
            (r#"{"t":1,"\u0074":2}"#, "2"),
            (r#"{"\u0074":1,"t":2}"#, "2"),
            (r#"{"t":1,"T":2}"#, "1"),
            (r#"{"t":1,"x":{"t":2}}"#, "1"),
            (r#"{"t":1,"t\u0000":2,"\ud800t":3,"t ":4}"#, "1"),
        ] {
            assert_eq!(raw_values(text, ["t"]), [Some(value.into())], "{text}");
        }
    }

    #[test]
    fn scan_object_compares_keys_after_unescaping() {
        let keys = ["", "\"", "ü/\u{1f600}"];
        let text = r#"{"":1,"\"":2,"\u00fc\/\ud83d\ude00":3}"#;
        let values = [Some("1".into()), Some("2".into()), Some("3".into())];
        assert_eq!(raw_values(text, keys), values);
    }

    #[test]
    fn scan_object_refuses_what_is_not_one_whole_object() {
        for text in [
            "",
            " ",
            "1",
            "null",
            "\"{}\"",
            "[]",
            "[{}]",
            "{",
            "{\"a\"",
            "{\"a\":",
            "{\"a\":1",
            "{\"a\":1,",
            "{\"a\":1,}",
            "{,}",
            "{\"a\"}",
            "{\"a\",1}",
            "{a:1}",
            "{1:1}",
            "{null:1}",
            "{[]:1}",
            "{\"a\":1 \"b\":2}",
            "{\"a\":1]",
            "{}{}",
            "{} x",
            "{}\0",
            "\u{feff}{}",
            "{\"a\":tru}",
            "{\"unwanted\":[1,{\"deep\":01}]}",
        ] {
            assert_eq!(
                scan_object(text.as_bytes(), ["a"]),
                Err(NotAnObject),
                "{text}"
            );
        }
    }

    #[test]
    fn as_text_unescapes_strings_and_nothing_else() {
        for (value, text) in [
            (r#""plain""#, Some("plain")),
            (r#""""#, Some("")),
            (r#""\"""#, Some("\"")),
            (r#""a\\""#, Some("a\\")),
            (r#""\ud800""#, None),
            ("1", None),
            ("null", None),
            (r#"["a"]"#, None),
            (r#"{"a":"\n"}"#, None),
        ] {
            let object = format!("{{\"v\":{value}}}");
            let [found] = scan_object(object.as_bytes(), ["v"]).expect("an object");
            let found = found.expect("the key is there");
            assert_eq!(found.as_text().as_deref(), text, "{value}");
            assert_eq!(found.is_string(), value.starts_with('"'), "{value}");
            assert_eq!(found.is_null(), value == "null", "{value}");
        }
    }

    #[test]
    fn elements_are_the_values_of_an_array_and_of_nothing_else() {
        for (value, expected) in [
            ("[]", Some(vec![])),
            ("[ ]", Some(vec![])),
            ("[1]", Some(vec!["1"])),
            (
                r#"[ "a,]" , [1,[2]],{"b":[]} ,null ]"#,
                Some(vec![r#""a,]""#, "[1,[2]]", r#"{"b":[]}"#, "null"]),
            ),
            ("{}", None),
            ("\"[1]\"", None),
            ("1", None),
        ] {
            let object = format!("{{\"v\":{value}}}");
            let [found] = scan_object(object.as_bytes(), ["v"]).expect("an object");
            let elements = found.expect("the key is there").elements();
            let raws = elements.map(|values| {
                let raw = |value: Value<'_>| String::from_utf8(value.raw().to_vec()).unwrap();
                values.map(raw).collect::<Vec<_>>()
            });
            let expected: Option<Vec<String>> =
                expected.map(|raws| raws.into_iter().map(str::to_owned).collect());
            assert_eq!(raws, expected, "{value}");
        }
    }

    #[test]
    fn as_text_borrows_when_there_is_no_escape() {
        let [plain, escaped] = scan_object(br#"{"a":"x","b":"\u0078"}"#, ["a", "b"]).unwrap();
        assert!(matches!(
            plain.and_then(|value| value.as_text()),
            Some(Cow::Borrowed("x"))
        ));
        assert!(matches!(
            escaped.and_then(|value| value.as_text()),
            Some(Cow::Owned(text)) if text == "x"
        ));
    }

    #[test]
    fn as_text_is_none_for_invalid_utf8() {
        let [value] = scan_object(b"{\"a\":\"\xff\"}", ["a"]).unwrap();
        assert_eq!(value.unwrap().as_text(), None);
    }
}
