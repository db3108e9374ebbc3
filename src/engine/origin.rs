//! Which web pages may connect: the allow-list of an endpoint.
//!
//! Browsers say with each handshake which site's page asks for it, and send that site's visitors'
//! cookies along. A list keeps other sites from using them. Clients that are no browsers send no
//! origin, or any they like, so this says nothing about them.

use std::fmt;
use std::str::FromStr;

/// One entry of the list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OriginPattern {
    scheme: String,
    host: Host,
    port: Option<u16>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Host {
    /// This name or address.
    Is(String),
    /// Any name below this one, which is kept with its leading dot.
    Below(String),
}

/// Why a text is no pattern.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("is no origin")]
pub struct NoOrigin;

/// An origin as a browser writes it: scheme, host and port, and nothing else.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Origin<'a> {
    scheme: &'a str,
    host: &'a str,
    port: Option<u16>,
}

impl<'a> Origin<'a> {
    /// Source: RFC 6454, section 7; `null`, which stands for many pages at once, is none.
    fn parse(text: &'a str) -> Option<Self> {
        let (scheme, authority) = text.split_once("://")?;
        let is_scheme = scheme.starts_with(|c: char| c.is_ascii_alphabetic())
            && scheme
                .bytes()
                .all(|byte| byte.is_ascii_alphanumeric() || b"+-.".contains(&byte));
        // The colons of an IPv6 address are inside its brackets.
        let host_len = match authority.strip_prefix('[') {
            Some(rest) => rest.find(']')? + 2,
            None => authority.find(':').unwrap_or(authority.len()),
        };
        let (host, rest) = authority.split_at(host_len);
        let port = match rest.strip_prefix(':') {
            Some(digits) if digits.bytes().all(|digit| digit.is_ascii_digit()) => {
                Some(digits.parse().ok()?)
            }
            None if rest.is_empty() => None,
            _ => return None,
        };
        (is_scheme && is_host(host)).then_some(Self { scheme, host, port })
    }

    /// The port that is meant where none is written.
    fn effective_port(scheme: &str, port: Option<u16>) -> Option<u16> {
        match port {
            None if scheme.eq_ignore_ascii_case("https") => Some(443),
            None if scheme.eq_ignore_ascii_case("http") => Some(80),
            port => port,
        }
    }
}

fn is_host(host: &str) -> bool {
    if let Some(address) = host.strip_prefix('[') {
        let address = address.strip_suffix(']');
        return address.is_some_and(|address| address.parse::<std::net::Ipv6Addr>().is_ok());
    }
    let is_label = |label: &str| {
        !label.is_empty()
            && label
                .bytes()
                .all(|byte| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_')
    };
    host.split('.').all(is_label)
}

impl OriginPattern {
    /// Whether an `Origin` header names this origin. Case counts in neither scheme nor host, and a
    /// default port is the same written or not.
    #[must_use]
    pub fn matches(&self, header: &str) -> bool {
        Origin::parse(header).is_some_and(|origin| {
            origin.scheme.eq_ignore_ascii_case(&self.scheme)
                && Origin::effective_port(origin.scheme, origin.port)
                    == Origin::effective_port(&self.scheme, self.port)
                && self.host.matches(origin.host)
        })
    }
}

impl Host {
    fn matches(&self, host: &str) -> bool {
        match self {
            Self::Is(name) => host.eq_ignore_ascii_case(name),
            // On bytes, as a text's bytes may be cut where a character is whole only by chance.
            Self::Below(suffix) => {
                let (host, suffix) = (host.as_bytes(), suffix.as_bytes());
                host.len() > suffix.len()
                    && host[host.len() - suffix.len()..].eq_ignore_ascii_case(suffix)
            }
        }
    }
}

impl FromStr for OriginPattern {
    type Err = NoOrigin;

    /// Reads `https://app.example.com`, `http://localhost:3000` or `https://*.example.com`.
    fn from_str(text: &str) -> Result<Self, NoOrigin> {
        let (scheme, authority) = text.split_once("://").ok_or(NoOrigin)?;
        let below = authority.strip_prefix("*.");
        let plain = format!("{scheme}://{}", below.unwrap_or(authority));
        let Origin { scheme, host, port } = Origin::parse(&plain).ok_or(NoOrigin)?;
        Ok(Self {
            scheme: scheme.to_owned(),
            host: match below {
                Some(_) => Host::Below(format!(".{host}")),
                None => Host::Is(host.to_owned()),
            },
            port,
        })
    }
}

impl fmt::Display for OriginPattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.host {
            Host::Is(host) => write!(f, "{}://{host}", self.scheme)?,
            Host::Below(suffix) => write!(f, "{}://*{suffix}", self.scheme)?,
        }
        self.port.map_or(Ok(()), |port| write!(f, ":{port}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pattern(text: &str) -> OriginPattern {
        text.parse().expect(text)
    }

    #[test]
    fn origin_is_compared_whole() {
        let exact = pattern("https://app.example.com");
        for (header, matches) in [
            ("https://app.example.com", true),
            ("HTTPS://App.Example.COM", true),
            ("https://app.example.com:443", true),
            ("http://app.example.com", false),
            ("https://app.example.com:8443", false),
            ("https://app.example.com:0443", true),
            ("https://app.example.com.", false),
            ("https://app.example.com.evil.test", false),
            ("https://evil-app.example.com", false),
            ("https://xapp.example.com", false),
            ("https://example.com", false),
            ("https://app.example.com@evil.test", false),
            ("https://evil.test@app.example.com", false),
            ("https://evil.test:x@app.example.com", false),
            ("https://app.example.com/", false),
            ("https://app.example.com?x", false),
            ("https://app.example.com:", false),
            ("https://app.example.com:443x", false),
            ("https://app.example.com:65979", false),
            (" https://app.example.com", false),
            ("https://app.example.com https://evil.test", false),
            ("app.example.com", false),
            ("//app.example.com", false),
            ("null", false),
            ("*", false),
            ("", false),
        ] {
            assert_eq!(exact.matches(header), matches, "{header}");
        }
    }

    #[test]
    fn star_stands_for_whole_labels() {
        let below = pattern("https://*.example.com");
        for (header, matches) in [
            ("https://a.example.com", true),
            ("https://a.b.example.com", true),
            ("https://A.EXAMPLE.com", true),
            ("https://example.com", false),
            ("https://.example.com", false),
            ("https://evilexample.com", false),
            ("https://a.example.com.evil.test", false),
            ("https://a.example.com:8443", false),
            ("http://a.example.com", false),
            ("https://a..example.com", false),
        ] {
            assert_eq!(below.matches(header), matches, "{header}");
        }
    }

    #[test]
    fn ports_and_addresses_are_part_of_an_origin() {
        assert!(pattern("http://localhost:3000").matches("http://localhost:3000"));
        assert!(!pattern("http://localhost:3000").matches("http://localhost"));
        assert!(pattern("http://localhost:80").matches("http://localhost"));
        assert!(pattern("http://[::1]:3000").matches("http://[::1]:3000"));
        assert!(!pattern("http://[::1]:3000").matches("http://[::1]"));
        assert!(pattern("capacitor://localhost").matches("capacitor://localhost"));
    }

    #[test]
    fn what_no_browser_sends_is_no_pattern() {
        for text in [
            "*",
            "null",
            "",
            "example.com",
            "https://",
            "https://*",
            "https://*example.com",
            "https://a.*.com",
            "https://example.com/",
            "https://example.com:port",
            "://x",
            "1://x",
        ] {
            assert_eq!(text.parse::<OriginPattern>(), Err(NoOrigin), "{text}");
        }
    }

    #[test]
    fn pattern_is_shown_as_it_is_written() {
        for text in ["https://*.example.com:8443", "http://[::1]", "https://a.b"] {
            assert_eq!(pattern(text).to_string(), text);
        }
    }
}
