//! Where an upgrade request may carry what proves who sends it.

use super::upgrade::UpgradeRequest;

impl UpgradeRequest {
    /// The token of an `Authorization: Bearer` header.
    ///
    /// `None` when there is no such header, when its scheme is another, and when there are two: what
    /// sits in between may have believed the other one.
    ///
    /// Source: RFC 6750, section 2.1.
    #[must_use]
    pub fn bearer(&self) -> Option<&str> {
        let [value] = self.headers("authorization")[..] else {
            return None;
        };
        let (scheme, token) = value.split_once(' ')?;
        let token = token.trim_matches(' ');
        (scheme.eq_ignore_ascii_case("bearer") && !token.is_empty()).then_some(token)
    }

    /// The value of a parameter of the query, decoded; the first one of that name. An empty one is
    /// none.
    #[must_use]
    pub fn query_parameter(&self, name: &str) -> Option<String> {
        form_urlencoded::parse(self.query()?.as_bytes())
            .find(|(known, _)| known == name)
            .map(|(_, value)| value.into_owned())
            .filter(|value| !value.is_empty())
    }

    /// The value of a cookie, without the quotes that may stand around it; the first one of that
    /// name. An empty one is none.
    ///
    /// Source: RFC 6265, section 4.2.
    #[must_use]
    pub fn cookie(&self, name: &str) -> Option<&str> {
        let lines = self.headers("cookie");
        let pairs = lines.into_iter().flat_map(|line| line.split(';'));
        pairs
            .filter_map(|pair| pair.trim_matches([' ', '\t']).split_once('='))
            .find(|(known, _)| *known == name)
            .map(|(_, value)| {
                let inside = value.strip_prefix('"').and_then(|v| v.strip_suffix('"'));
                inside.unwrap_or(value)
            })
            .filter(|value| !value.is_empty())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::codec::http::{check_upgrade, parse_head};
    use bytes::BytesMut;

    fn request(target: &str, headers: &str) -> UpgradeRequest {
        let head = format!(
            "GET {target} HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
             Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\
             {headers}\r\n"
        );
        let mut received = BytesMut::from(head.as_str());
        check_upgrade(parse_head(&mut received).expect("a head")).expect("an upgrade")
    }

    #[test]
    fn bearer_is_the_one_token_of_its_scheme() {
        for (headers, token) in [
            ("Authorization: Bearer a.b.c\r\n", Some("a.b.c")),
            ("authorization: bEARER   a \r\n", Some("a")),
            ("Authorization: Basic a\r\n", None),
            ("Authorization: Bearer\r\n", None),
            ("Authorization: Bearer  \r\n", None),
            (
                "Authorization: Bearer a\r\nAuthorization: Bearer b\r\n",
                None,
            ),
            ("", None),
        ] {
            assert_eq!(request("/", headers).bearer(), token, "{headers}");
        }
    }

    #[test]
    fn query_parameter_is_decoded_and_the_first_counts() {
        for (target, token) in [
            ("/?token=a", Some("a")),
            ("/?x=1&token=a%2Bb%20c&token=z", Some("a+b c")),
            ("/?to%6ben=a", Some("a")),
            ("/?token=", None),
            ("/?Token=a", None),
            ("/?mytoken=a", None),
            ("/", None),
        ] {
            let request = request(target, "");
            assert_eq!(
                request.query_parameter("token").as_deref(),
                token,
                "{target}"
            );
        }
    }

    #[test]
    fn cookie_is_found_by_its_whole_name() {
        for (headers, token) in [
            ("Cookie: session=a\r\n", Some("a")),
            ("Cookie: x=1; session=\"a=b\" ; y=2\r\n", Some("a=b")),
            ("Cookie: x=1\r\nCookie: session=a\r\n", Some("a")),
            ("Cookie: mysession=a; Session=b\r\n", None),
            ("Cookie: session=\r\n", None),
            ("Cookie: session\r\n", None),
            ("", None),
        ] {
            assert_eq!(request("/", headers).cookie("session"), token, "{headers}");
        }
    }
}
