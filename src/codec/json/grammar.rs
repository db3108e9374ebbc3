//! The JSON grammar as a walk over bytes: each function takes the index where its piece begins and
//! returns the index after it.

use super::nesting::{Container, Nesting};
use super::special::find_special;

/// The text breaks the JSON grammar.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not JSON: unexpected byte or end at byte {at}")]
pub struct NotJson {
    /// Index of the first byte that cannot continue a JSON text; the text's length if it ends early.
    pub at: usize,
}

/// Checks that `input` is one JSON text of any kind, as `JSON.parse` would.
///
/// `input` must be UTF-8 (see the module); trailing bytes and a byte-order mark are refused.
///
/// Cost: one pass; one bit of heap per open container beyond 63, whatever the peer nests.
///
/// # Errors
///
/// [`NotJson`] with the place of the first offence.
///
/// Source: RFC 8259, section 2; ECMA-262, `JSON.parse`.
///
/// # Examples
///
/// ```
/// use shardcast::codec::json::{NotJson, validate};
///
/// assert_eq!(validate(br#" [1e999, "\ud800", {"a": null}] "#), Ok(()));
/// assert_eq!(validate(b"[1, 02]"), Err(NotJson { at: 5 }));
/// ```
pub fn validate(input: &[u8]) -> Result<(), NotJson> {
    let at = skip_space(input, 0);
    let end = skip_value(input, at)?;
    expect_end(input, end)
}

/// What [`skip_string`] learns on its way.
#[derive(Debug, Clone, Copy)]
pub(super) struct StringEnd {
    /// Index after the closing quote.
    pub(super) at: usize,
    pub(super) has_escape: bool,
}

/// The byte at `at`, or NUL behind the end: JSON allows NUL nowhere, so whoever expects something
/// refuses the end without asking for it.
#[inline]
pub(super) fn byte_at(input: &[u8], at: usize) -> u8 {
    input.get(at).copied().unwrap_or(0)
}

#[inline]
pub(super) fn skip_space(input: &[u8], mut at: usize) -> usize {
    while matches!(byte_at(input, at), b' ' | b'\t' | b'\n' | b'\r') {
        at += 1;
    }
    at
}

#[inline]
pub(super) fn expect_end(input: &[u8], at: usize) -> Result<(), NotJson> {
    let at = skip_space(input, at);
    if at == input.len() {
        Ok(())
    } else {
        Err(NotJson { at })
    }
}

#[inline]
pub(super) fn skip_value(input: &[u8], at: usize) -> Result<usize, NotJson> {
    match byte_at(input, at) {
        b'{' | b'[' => skip_container(input, at),
        _ => skip_scalar(input, at),
    }
}

/// A value that holds no other: string, number or literal.
#[inline]
fn skip_scalar(input: &[u8], at: usize) -> Result<usize, NotJson> {
    match byte_at(input, at) {
        b'"' => skip_string(input, at).map(|end| end.at),
        b't' => skip_literal(input, at, b"true"),
        b'f' => skip_literal(input, at, b"false"),
        b'n' => skip_literal(input, at, b"null"),
        _ => skip_number(input, at),
    }
}

/// A value and all within it, in one loop.
fn skip_container(input: &[u8], mut at: usize) -> Result<usize, NotJson> {
    let mut nesting = Nesting::new();
    let mut innermost = None;
    loop {
        // A value is due.
        match byte_at(input, at) {
            b'{' => {
                nesting.push(Container::Object);
                innermost = Some(Container::Object);
                at = skip_space(input, at + 1);
                if byte_at(input, at) != b'}' {
                    at = skip_key(input, at)?;
                    continue;
                }
            }
            b'[' => {
                nesting.push(Container::Array);
                innermost = Some(Container::Array);
                at = skip_space(input, at + 1);
                if byte_at(input, at) != b']' {
                    continue;
                }
            }
            _ => at = skip_scalar(input, at)?,
        }
        // A value has ended, or an empty container is about to.
        loop {
            let Some(container) = innermost else {
                return Ok(at);
            };
            at = skip_space(input, at);
            match (byte_at(input, at), container) {
                (b',', Container::Array) => {
                    at = skip_space(input, at + 1);
                    break;
                }
                (b',', Container::Object) => {
                    at = skip_key(input, skip_space(input, at + 1))?;
                    break;
                }
                (b']', Container::Array) | (b'}', Container::Object) => {
                    at += 1;
                    innermost = nesting.pop();
                }
                _ => return Err(NotJson { at }),
            }
        }
    }
}

/// A key with its colon, to where the value begins.
#[inline]
fn skip_key(input: &[u8], at: usize) -> Result<usize, NotJson> {
    let key_end = skip_string(input, at)?.at;
    skip_colon(input, key_end)
}

#[inline]
pub(super) fn skip_colon(input: &[u8], at: usize) -> Result<usize, NotJson> {
    let at = skip_space(input, at);
    if byte_at(input, at) == b':' {
        Ok(skip_space(input, at + 1))
    } else {
        Err(NotJson { at })
    }
}

/// A string, whose opening quote is due at `at`.
#[inline]
pub(super) fn skip_string(input: &[u8], at: usize) -> Result<StringEnd, NotJson> {
    if byte_at(input, at) != b'"' {
        return Err(NotJson { at });
    }
    let at = find_special(input, at + 1);
    if byte_at(input, at) == b'"' {
        return Ok(StringEnd {
            at: at + 1,
            has_escape: false,
        });
    }
    let at = skip_escapes(input, at)?;
    Ok(StringEnd {
        at,
        has_escape: true,
    })
}

/// The rest of a string from its first escape on.
#[inline(never)]
fn skip_escapes(input: &[u8], mut at: usize) -> Result<usize, NotJson> {
    loop {
        match byte_at(input, at) {
            b'\\' => at = find_special(input, skip_escape(input, at)?),
            b'"' => return Ok(at + 1),
            _ => return Err(NotJson { at }),
        }
    }
}

/// One escape, whose backslash stands at `at`.
fn skip_escape(input: &[u8], at: usize) -> Result<usize, NotJson> {
    let at = at + 1;
    match byte_at(input, at) {
        b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't' => Ok(at + 1),
        b'u' => {
            let digits = at + 1..at + 5;
            match digits
                .clone()
                .find(|&at| !byte_at(input, at).is_ascii_hexdigit())
            {
                None => Ok(digits.end),
                Some(at) => Err(NotJson { at }),
            }
        }
        _ => Err(NotJson { at }),
    }
}

#[inline]
fn skip_literal(input: &[u8], at: usize, literal: &[u8]) -> Result<usize, NotJson> {
    if input[at..].starts_with(literal) {
        return Ok(at + literal.len());
    }
    let matching = input[at..]
        .iter()
        .zip(literal)
        .take_while(|(byte, expected)| byte == expected);
    Err(NotJson {
        at: at + matching.count(),
    })
}

fn skip_number(input: &[u8], at: usize) -> Result<usize, NotJson> {
    let at = at + usize::from(byte_at(input, at) == b'-');
    let mut at = match byte_at(input, at) {
        b'0' => at + 1,
        _ => skip_digits(input, at)?,
    };
    if byte_at(input, at) == b'.' {
        at = skip_digits(input, at + 1)?;
    }
    if matches!(byte_at(input, at), b'e' | b'E') {
        let signed = matches!(byte_at(input, at + 1), b'+' | b'-');
        at = skip_digits(input, at + 1 + usize::from(signed))?;
    }
    Ok(at)
}

/// One digit or more.
#[inline]
fn skip_digits(input: &[u8], at: usize) -> Result<usize, NotJson> {
    let mut end = at;
    while byte_at(input, end).is_ascii_digit() {
        end += 1;
    }
    if end == at {
        return Err(NotJson { at });
    }
    Ok(end)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn validate_names_the_place_of_the_first_offence() {
        for (text, at) in [
            ("", 0),
            ("  ", 2),
            ("[1 2]", 3),
            ("{\"a\" 1}", 5),
            ("{\"a\":1,}", 7),
            ("nulL", 3),
            ("tru", 3),
            ("\"a\nb\"", 2),
            ("\"\\u12g4\"", 5),
            ("\"\\x\"", 2),
            ("-", 1),
            ("1.e3", 2),
            ("[1]]", 3),
            ("{\"a\":[}", 6),
        ] {
            assert_eq!(validate(text.as_bytes()), Err(NotJson { at }), "{text}");
        }
    }

    #[test]
    fn validate_takes_a_million_levels_and_refuses_one_closed_wrongly() {
        const DEPTH: usize = 1_000_000;
        let mut text = "[{\"a\":".repeat(DEPTH / 2);
        text.push('1');
        text.push_str(&"}]".repeat(DEPTH / 2));
        assert_eq!(validate(text.as_bytes()), Ok(()));

        let middle = text.len() - DEPTH / 2;
        let wrong = if text.as_bytes()[middle] == b']' {
            "}"
        } else {
            "]"
        };
        text.replace_range(middle..=middle, wrong);
        assert_eq!(validate(text.as_bytes()), Err(NotJson { at: middle }));
        assert_eq!(
            validate("[".repeat(DEPTH).as_bytes()),
            Err(NotJson { at: DEPTH })
        );
    }
}
