//! What the two sides agree on in the handshake.

use std::fmt;

const NAME: &str = "permessage-deflate";

/// The base-2 logarithm of a window's bytes: how far back a compressed message may refer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct WindowBits(u8);

impl WindowBits {
    /// 512 bytes. The RFC has one less, which no usual compressor can do without a header.
    pub const MIN: Self = Self(9);
    /// 32 KiB.
    pub const MAX: Self = Self(15);

    /// `bits` from 9 to 15.
    #[must_use]
    pub fn new(bits: u8) -> Option<Self> {
        (Self::MIN.0..=Self::MAX.0)
            .contains(&bits)
            .then_some(Self(bits))
    }

    /// How many there are.
    pub const COUNT: usize = (Self::MAX.0 - Self::MIN.0 + 1) as usize;

    /// The number itself.
    #[must_use]
    pub const fn get(self) -> u8 {
        self.0
    }

    /// Its place among all, from 0.
    #[must_use]
    pub const fn index(self) -> usize {
        (self.0 - Self::MIN.0) as usize
    }
}

impl Default for WindowBits {
    fn default() -> Self {
        Self::MAX
    }
}

impl fmt::Display for WindowBits {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// Which sides may keep a context from message to message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Contexts {
    /// Neither: whatever is compressed stands for itself.
    Neither,
    /// Either, unless the client does not want it.
    Either,
}

/// What was agreed on, as the answer tells it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Agreement {
    /// Whether our messages may refer to our earlier ones.
    pub keeps_own: bool,
    /// Whether the client's may refer to its earlier ones.
    pub keeps_clients: bool,
    /// How far back we may refer.
    pub own_window: WindowBits,
    /// Whether the client has to be told of that.
    tells_own_window: bool,
    /// How far back the client may refer, where it wants to be told.
    client_window: Option<u8>,
}

/// The first of a client's offers that can be accepted, and what that makes.
///
/// `offers` are the elements of `Sec-WebSocket-Extensions` over all its lines, the client's favourite
/// first: for each extension its name and parameters. Other extensions are passed over, and so is an
/// offer that breaks the rules or that wants what we cannot do; `None` is no compression.
///
/// `window` is the most that our side, and the client's if it lets us say so, is to use.
///
/// Source: RFC 7692, sections 5.1 and 7.1.
///
/// # Examples
///
/// ```
/// use shardcast::codec::ws::deflate::{Contexts, WindowBits, negotiate};
///
/// let browser = ["permessage-deflate; client_max_window_bits"];
/// let agreement = negotiate(browser, Contexts::Neither, WindowBits::MAX).expect("acceptable");
/// assert_eq!(
///     agreement.to_string(),
///     "permessage-deflate; server_no_context_takeover; client_no_context_takeover; \
///      client_max_window_bits=15"
/// );
/// assert_eq!(negotiate(["x-webkit-deflate-frame"], Contexts::Neither, WindowBits::MAX), None);
/// ```
pub fn negotiate<'o>(
    offers: impl IntoIterator<Item = &'o str>,
    contexts: Contexts,
    window: WindowBits,
) -> Option<Agreement> {
    offers
        .into_iter()
        .filter_map(Offer::parse)
        .find_map(|offer| offer.accept(contexts, window))
}

impl fmt::Display for Agreement {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(NAME)?;
        if !self.keeps_own {
            f.write_str("; server_no_context_takeover")?;
        }
        if !self.keeps_clients {
            f.write_str("; client_no_context_takeover")?;
        }
        if self.tells_own_window {
            write!(f, "; server_max_window_bits={}", self.own_window)?;
        }
        if let Some(bits) = self.client_window {
            write!(f, "; client_max_window_bits={bits}")?;
        }
        Ok(())
    }
}

/// The parameters of one offer; each at most once.
#[derive(Debug, Default)]
struct Offer {
    server_no_context_takeover: bool,
    client_no_context_takeover: bool,
    server_max_window_bits: Option<u8>,
    /// The outer one: whether the parameter is there; the inner one: whether with a value.
    client_max_window_bits: Option<Option<u8>>,
}

impl Offer {
    /// `None`: another extension, or an offer that must be declined.
    fn parse(element: &str) -> Option<Self> {
        let mut parts = element.split(';').map(str::trim);
        if !parts.next()?.eq_ignore_ascii_case(NAME) {
            return None;
        }
        let mut offer = Self::default();
        for part in parts {
            let (name, value) = match part.split_once('=') {
                Some((name, value)) => (name.trim_end(), Some(unquoted(value.trim_start()))),
                None => (part, None),
            };
            let is_new = match (name, value) {
                ("server_no_context_takeover", None) => {
                    !std::mem::replace(&mut offer.server_no_context_takeover, true)
                }
                ("client_no_context_takeover", None) => {
                    !std::mem::replace(&mut offer.client_no_context_takeover, true)
                }
                ("server_max_window_bits", Some(bits)) => {
                    let bits = window_bits(bits)?;
                    offer.server_max_window_bits.replace(bits).is_none()
                }
                ("client_max_window_bits", bits) => {
                    let bits = match bits {
                        Some(bits) => Some(window_bits(bits)?),
                        None => None,
                    };
                    offer.client_max_window_bits.replace(bits).is_none()
                }
                _ => false,
            };
            if !is_new {
                return None;
            }
        }
        Some(offer)
    }

    fn accept(self, contexts: Contexts, window: WindowBits) -> Option<Agreement> {
        let may_keep = contexts == Contexts::Either;
        let own_window = match self.server_max_window_bits {
            // Below what a compressor can do: declined, so that a client may offer something else.
            Some(bits) => WindowBits::new(bits)?.min(window),
            None => window,
        };
        Some(Agreement {
            keeps_own: may_keep && !self.server_no_context_takeover,
            keeps_clients: may_keep && !self.client_no_context_takeover,
            own_window,
            tells_own_window: self.server_max_window_bits.is_some(),
            client_window: self
                .client_max_window_bits
                .map(|bits| bits.unwrap_or(WindowBits::MAX.0).min(window.get())),
        })
    }
}

/// The RFC's range, without leading zeros.
fn window_bits(text: &str) -> Option<u8> {
    let is_plain = text.bytes().all(|byte| byte.is_ascii_digit()) && !text.starts_with('0');
    let bits = text.parse().ok().filter(|_| is_plain)?;
    (8..=15).contains(&bits).then_some(bits)
}

fn unquoted(value: &str) -> &str {
    let inner = value.strip_prefix('"').and_then(|v| v.strip_suffix('"'));
    inner.unwrap_or(value)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(offers: &[&str], contexts: Contexts, window: u8) -> Option<String> {
        let window = WindowBits::new(window).expect("in range");
        negotiate(offers.iter().copied(), contexts, window).map(|agreement| agreement.to_string())
    }

    #[test]
    fn what_was_offered_is_answered() {
        let all = "; server_no_context_takeover; client_no_context_takeover";
        for (offer, contexts, window, expected) in [
            ("", Contexts::Either, 15, String::new()),
            ("", Contexts::Neither, 15, all.to_owned()),
            (
                "; server_no_context_takeover",
                Contexts::Either,
                15,
                "; server_no_context_takeover".to_owned(),
            ),
            (
                ";client_no_context_takeover",
                Contexts::Either,
                15,
                "; client_no_context_takeover".to_owned(),
            ),
            (
                "; server_max_window_bits=10",
                Contexts::Either,
                15,
                "; server_max_window_bits=10".to_owned(),
            ),
            (
                "; server_max_window_bits = \"15\"",
                Contexts::Either,
                11,
                "; server_max_window_bits=11".to_owned(),
            ),
            (
                "; client_max_window_bits",
                Contexts::Either,
                12,
                "; client_max_window_bits=12".to_owned(),
            ),
            (
                "; client_max_window_bits=8",
                Contexts::Either,
                15,
                "; client_max_window_bits=8".to_owned(),
            ),
            (
                "; client_max_window_bits=14; server_max_window_bits=9; client_no_context_takeover",
                Contexts::Neither,
                15,
                format!("{all}; server_max_window_bits=9; client_max_window_bits=14"),
            ),
        ] {
            let offered = format!("permessage-deflate{offer}");
            let expected = format!("permessage-deflate{expected}");
            assert_eq!(
                answer(&[&offered], contexts, window),
                Some(expected),
                "{offered}"
            );
        }
    }

    #[test]
    fn offers_that_break_the_rules_are_declined() {
        for offer in [
            "permessage-bzip2",
            "permessage-deflate-x",
            "",
            "permessage-deflate; unknown",
            "permessage-deflate;",
            "permessage-deflate; server_no_context_takeover=1",
            "permessage-deflate; server_no_context_takeover; server_no_context_takeover",
            "permessage-deflate; client_no_context_takeover=",
            "permessage-deflate; server_max_window_bits",
            "permessage-deflate; server_max_window_bits=",
            "permessage-deflate; server_max_window_bits=7",
            "permessage-deflate; server_max_window_bits=16",
            "permessage-deflate; server_max_window_bits=09",
            "permessage-deflate; server_max_window_bits=+9",
            "permessage-deflate; server_max_window_bits=9.0",
            "permessage-deflate; server_max_window_bits=99999999999999999999",
            "permessage-deflate; server_max_window_bits=9; server_max_window_bits=9",
            "permessage-deflate; client_max_window_bits=",
            "permessage-deflate; client_max_window_bits=16",
            "permessage-deflate; client_max_window_bits; client_max_window_bits=9",
            // In range, but more than a compressor without a header can promise.
            "permessage-deflate; server_max_window_bits=8",
        ] {
            assert_eq!(answer(&[offer], Contexts::Either, 15), None, "{offer:?}");
        }
    }

    #[test]
    fn first_acceptable_offer_wins() {
        let offers = [
            "x-other; a=b",
            "permessage-deflate; server_max_window_bits=8",
            "PERMESSAGE-DEFLATE; server_max_window_bits=10",
            "permessage-deflate",
        ];
        let expected = "permessage-deflate; server_max_window_bits=10";
        assert_eq!(
            answer(&offers, Contexts::Either, 15).as_deref(),
            Some(expected)
        );
    }
}
