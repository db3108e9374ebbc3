//! `permessage-deflate` as a client offers it and a server agrees to it (RFC 7692, section 7.1).

/// What browsers offer.
pub(crate) const OFFER: &str = "permessage-deflate; client_max_window_bits";

/// What a server has agreed to. What clients here send is never compressed, which is always allowed, so nothing
/// of the agreement binds them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Agreement {
    /// Whether what the server sends may refer to what it has sent before in other messages.
    pub(crate) server_keeps_context: bool,
    /// How far back, as a power of two.
    pub(crate) server_window_bits: u8,
}

/// Reads the answer to the offer.
///
/// # Errors
///
/// Words for what a server must not answer to it.
pub(crate) fn read_answer(answer: &str) -> Result<Agreement, String> {
    let wrong = |what: &str| format!("its Sec-WebSocket-Extensions {answer:?} {what}");
    let mut words = answer.split(';').map(str::trim);
    if words.next() != Some("permessage-deflate") {
        return Err(wrong("is not what was offered"));
    }
    let mut agreement = Agreement {
        server_keeps_context: true,
        server_window_bits: 15,
    };
    let mut seen = Vec::new();
    for word in words {
        let (name, value) = match word.split_once('=') {
            Some((name, value)) => (name.trim_end(), Some(value.trim_start())),
            None => (word, None),
        };
        if seen.contains(&name) {
            return Err(wrong(&format!("says {name} twice")));
        }
        seen.push(name);
        match (name, value) {
            ("client_no_context_takeover", None) => {}
            ("server_no_context_takeover", None) => agreement.server_keeps_context = false,
            ("client_max_window_bits", Some(value)) if window_bits(value).is_some() => {}
            ("server_max_window_bits", Some(value)) if let Some(bits) = window_bits(value) => {
                agreement.server_window_bits = bits;
            }
            _ => return Err(wrong(&format!("has {word:?}, which has no meaning"))),
        }
    }
    Ok(agreement)
}

/// A number from 8 to 15 without a leading zero, quoted or not.
fn window_bits(value: &str) -> Option<u8> {
    let quoted = value
        .strip_prefix('"')
        .and_then(|rest| rest.strip_suffix('"'));
    let value = quoted.unwrap_or(value);
    let bits = value.parse().ok()?;
    ((8..=15).contains(&bits) && !value.starts_with(['0', '+'])).then_some(bits)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_server_keeps_its_context_and_a_window_of_15_unless_it_says_otherwise() {
        for (answer, server_keeps_context, server_window_bits) in [
            ("permessage-deflate", true, 15),
            ("permessage-deflate; client_no_context_takeover", true, 15),
            (
                "permessage-deflate;server_no_context_takeover;client_no_context_takeover",
                false,
                15,
            ),
            (
                "permessage-deflate; server_max_window_bits=9; client_max_window_bits=10",
                true,
                9,
            ),
            (
                "permessage-deflate ; server_max_window_bits = \"12\"",
                true,
                12,
            ),
        ] {
            let agreement = Agreement {
                server_keeps_context,
                server_window_bits,
            };
            assert_eq!(read_answer(answer), Ok(agreement), "{answer}");
        }
    }

    #[test]
    fn what_a_server_must_not_answer_is_refused() {
        for answer in [
            "",
            "x-webkit-deflate-frame",
            "permessage-deflate, permessage-deflate",
            "permessage-deflate; server_no_context_takeover=1",
            "permessage-deflate; server_no_context_takeover; server_no_context_takeover",
            "permessage-deflate; server_max_window_bits",
            "permessage-deflate; server_max_window_bits=16",
            "permessage-deflate; server_max_window_bits=7",
            "permessage-deflate; server_max_window_bits=09",
            "permessage-deflate; client_max_window_bits",
            "permessage-deflate; mystery",
        ] {
            assert!(read_answer(answer).is_err(), "{answer}");
        }
    }
}
