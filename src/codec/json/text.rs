//! The text of a JSON string, read and written.

use super::special::find_special;

/// Appends `text` as a JSON string, byte for byte as `JSON.stringify` writes it.
///
/// Escaped are quote, backslash and the control characters: `\b \t \n \f \r` in their short form,
/// the others as `\u00xx` in lower case. All else goes out as it is.
///
/// Cost: one pass over `text`; grows `out` at most once when nothing needs an escape.
///
/// # Examples
///
/// ```
/// let mut out = Vec::new();
/// shardcast::codec::json::write_string(&mut out, "say \"hi\"\n\u{1b}");
/// assert_eq!(out, br#""say \"hi\"\n\u001b""#);
/// ```
pub fn write_string(out: &mut Vec<u8>, text: &str) {
    write_joined(out, [text]);
}

/// Appends several texts, one right after the other, as one JSON string; as [`write_string`].
///
/// # Examples
///
/// ```
/// let mut out = Vec::new();
/// shardcast::codec::json::write_joined(&mut out, ["room", ":", "\"hi\""]);
/// assert_eq!(out, br#""room:\"hi\"""#);
/// ```
pub fn write_joined<const N: usize>(out: &mut Vec<u8>, texts: [&str; N]) {
    let len: usize = texts.iter().map(|text| text.len()).sum();
    out.reserve(len + 2);
    out.push(b'"');
    for text in texts {
        write_inside(out, text.as_bytes());
    }
    out.push(b'"');
}

fn write_inside(out: &mut Vec<u8>, bytes: &[u8]) {
    let mut written = 0;
    loop {
        let special_at = find_special(bytes, written);
        out.extend_from_slice(&bytes[written..special_at]);
        let Some(&special) = bytes.get(special_at) else {
            break;
        };
        write_escape(out, special);
        written = special_at + 1;
    }
}

fn write_escape(out: &mut Vec<u8>, byte: u8) {
    let short = match byte {
        b'"' | b'\\' => byte,
        0x08 => b'b',
        b'\t' => b't',
        b'\n' => b'n',
        0x0c => b'f',
        b'\r' => b'r',
        _ => {
            const HEX: &[u8; 16] = b"0123456789abcdef";
            let digits = [HEX[usize::from(byte >> 4)], HEX[usize::from(byte & 15)]];
            out.extend_from_slice(b"\\u00");
            out.extend_from_slice(&digits);
            return;
        }
    };
    out.extend_from_slice(&[b'\\', short]);
}

/// The text that the inside of a JSON string stands for; `None` if it escapes a lone surrogate.
///
/// `inside` must have passed the grammar: an escape that is none yields `None` as well.
pub(super) fn unescape(inside: &str) -> Option<String> {
    let mut text = String::with_capacity(inside.len());
    let mut rest = inside;
    while let Some((plain, escape)) = rest.split_once('\\') {
        text.push_str(plain);
        let (unescaped, behind) = read_escape(escape)?;
        text.push(unescaped);
        rest = behind;
    }
    text.push_str(rest);
    Some(text)
}

/// The character of the escape whose backslash stood before `escape`, and what follows it.
fn read_escape(escape: &str) -> Option<(char, &str)> {
    let (kind, rest) = escape.split_at_checked(1)?;
    let unescaped = match kind {
        "\"" | "\\" | "/" => kind.chars().next()?,
        "b" => '\u{8}',
        "f" => '\u{c}',
        "n" => '\n',
        "r" => '\r',
        "t" => '\t',
        "u" => return read_unicode_escape(rest),
        _ => return None,
    };
    Some((unescaped, rest))
}

/// One `\u` escape, or the two that make a surrogate pair; `digits` begins after the first `\u`.
fn read_unicode_escape(digits: &str) -> Option<(char, &str)> {
    let (high, rest) = read_code_unit(digits)?;
    if !(0xd800..0xdc00).contains(&high) {
        // `from_u32` refuses a low surrogate that no high one precedes.
        return Some((char::from_u32(high)?, rest));
    }
    let (low, rest) = read_code_unit(rest.strip_prefix("\\u")?)?;
    if !(0xdc00..0xe000).contains(&low) {
        return None;
    }
    let scalar = 0x1_0000 + ((high - 0xd800) << 10 | (low - 0xdc00));
    Some((char::from_u32(scalar)?, rest))
}

fn read_code_unit(digits: &str) -> Option<(u32, &str)> {
    let (digits, rest) = digits.split_at_checked(4)?;
    Some((u32::from_str_radix(digits, 16).ok()?, rest))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn write_string_escapes_as_json_stringify_does() {
        for (text, written) in [
            ("", r#""""#),
            ("plain", r#""plain""#),
            ("\"\\/", r#""\"\\/""#),
            ("\u{8}\t\n\u{c}\r", r#""\b\t\n\f\r""#),
            ("\0\u{1}\u{b}\u{1f}", r#""\u0000\u0001\u000b\u001f""#),
            (
                "\u{7f}\u{80}\u{2028}\u{feff}",
                "\"\u{7f}\u{80}\u{2028}\u{feff}\"",
            ),
            ("ü€\u{1f600}", "\"ü€\u{1f600}\""),
            (
                "a long run of plain text, then\n",
                r#""a long run of plain text, then\n""#,
            ),
        ] {
            let mut out = b"before ".to_vec();
            write_string(&mut out, text);
            assert_eq!(String::from_utf8_lossy(&out), format!("before {written}"));
        }
    }

    #[test]
    fn unescape_reads_back_what_write_string_wrote() {
        let text: String = (0..0x3000).filter_map(char::from_u32).collect();
        let mut out = Vec::new();
        write_string(&mut out, &text);
        let written = std::str::from_utf8(&out).expect("written from text");
        assert_eq!(unescape(&written[1..written.len() - 1]), Some(text));
    }

    #[test]
    fn unescape_pairs_surrogates_and_refuses_lone_ones() {
        for (inside, text) in [
            (
                r"\/\b\f\n\r\t\u0041\u00e9\u20AC",
                Some("/\u{8}\u{c}\n\r\tAé€"),
            ),
            (r"\ud83d\ude00", Some("\u{1f600}")),
            (r"\uD800\uDC00\udbff\udfff", Some("\u{10000}\u{10ffff}")),
            (r"\uffff\u0000", Some("\u{ffff}\0")),
            (r"\\u0041", Some("\\u0041")),
            (r"\ud800", None),
            (r"\udc00", None),
            (r"\ud83dx", None),
            (r"\ud83d\n", None),
            (r"\ud83d\\ude00", None),
            (r"\ud83d\ud83d\ude00", None),
            (r"\ude00\ud83d", None),
        ] {
            assert_eq!(unescape(inside).as_deref(), text, "{inside}");
        }
    }
}
