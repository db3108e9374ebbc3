//! What may stand in `Host`.

use super::head_scanner::is_token_byte;

/// Whether `value` is a host with or without a port, or nothing.
///
/// A server must refuse any other (RFC 9112, section 3.2): of `a@b` or `a/b`, a proxy in front may have
/// believed another part than whoever reads on.
///
/// Source: RFC 3986, sections 3.2.2 and 3.2.3; of what stands in brackets only the characters count.
pub(super) fn is_host(value: &[u8]) -> bool {
    let (is_sound, rest) = match value.strip_prefix(b"[") {
        Some(literal) => {
            let (literal, rest) = split_before(literal, b']');
            let is_sound =
                !literal.is_empty() && !literal.contains(&b'%') && is_name_with(literal, b":");
            (is_sound, rest.strip_prefix(b"]"))
        }
        None => {
            let (name, rest) = split_before(value, b':');
            (is_name_with(name, b""), Some(rest))
        }
    };
    is_sound
        && rest.is_some_and(|rest| match rest.split_first() {
            None => true,
            Some((b':', port)) => port.iter().all(u8::is_ascii_digit),
            Some(_) => false,
        })
}

/// What stands before the first `byte`, and the rest with it.
fn split_before(value: &[u8], byte: u8) -> (&[u8], &[u8]) {
    let end = value.iter().position(|&it| it == byte);
    value.split_at(end.unwrap_or(value.len()))
}

/// Whether all of it may stand in a registered name, or is one of `others`.
fn is_name_with(mut name: &[u8], others: &[u8]) -> bool {
    while let Some((&byte, rest)) = name.split_first() {
        name = match (byte, rest) {
            (b'%', [a, b, rest @ ..]) if a.is_ascii_hexdigit() && b.is_ascii_hexdigit() => rest,
            (b'%', _) => return false,
            _ if is_name_byte(byte) || others.contains(&byte) => rest,
            _ => return false,
        };
    }
    true
}

/// The unreserved characters and the sub-delimiters.
fn is_name_byte(byte: u8) -> bool {
    // Tokens have these four, and lack these five.
    (is_token_byte(byte) && !b"#^`|".contains(&byte)) || b"(),;=".contains(&byte)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn is_host_takes_names_and_addresses_with_and_without_a_port() {
        for host in [
            "",
            "a",
            "a:",
            "a:80",
            ":80",
            "A.example-1_.com.",
            "127.0.0.1:7001",
            "[::1]",
            "[::1]:7001",
            "[v1.a:b]",
            "a%C3%A9",
            "!$&'()*+,;=~",
        ] {
            assert!(is_host(host.as_bytes()), "{host}");
        }
    }

    #[test]
    fn is_host_refuses_all_else() {
        for host in [
            "a b",
            "a/b",
            "a@b",
            "a?b",
            "a#b",
            "a\\b",
            "a^b",
            "a`b",
            "a|b",
            "a\"b",
            "a<b",
            "{a}",
            "a:b",
            "a:1:2",
            "a:-1",
            "::1",
            "[::1",
            "[]",
            "[::1]a",
            "[::1]:a",
            "[::1%25eth0]",
            "[[::1]]",
            "a]",
            "a%",
            "a%4",
            "a%4g",
            "\u{e9}",
            "a\t",
            "http://a",
        ] {
            assert!(!is_host(host.as_bytes()), "{host}");
        }
    }
}
