//! The server's address, and the request that turns a connection into a WebSocket.

use std::net::{IpAddr, Ipv4Addr, SocketAddr, ToSocketAddrs};

use crate::deflate::{self, Agreement};
use crate::failure::Failure;
use crate::tls::{ClientTls, TlsArgs};

/// The nonce and its answer that RFC 6455 (section 1.3) calculates as its example. A server cannot tell
/// that all connections use one nonce; a proxy that caches could, and has no place in a measurement.
const NONCE: &str = "dGhlIHNhbXBsZSBub25jZQ==";
const NONCE_ANSWER: &str = "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=";

/// The header that offers extensions, and answers the offer.
const EXTENSIONS: &str = "Sec-WebSocket-Extensions";

/// The largest head of a response: far above what any server sends.
const HEAD_BYTES_MAX: usize = 16 << 10;

/// Connections from one source address: below half of the kernel's usual 28,232 ports for outgoing
/// connections. It gives the even half of them at once, and searches through all for the others.
const CONNECTIONS_PER_SOURCE: u32 = 12_500;

/// Where the server is.
#[derive(Clone, Debug)]
pub(crate) struct Target {
    /// Its address.
    pub(crate) addr: SocketAddr,
    /// The whole upgrade request.
    pub(crate) request: Vec<u8>,
    path: String,
    /// Whether it offers to inflate.
    pub(crate) offers_deflate: bool,
    /// What connections begin with, if it wants TLS.
    pub(crate) tls: Option<ClientTls>,
}

/// A server's answer that makes a connection a WebSocket.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Response {
    /// Bytes of it.
    pub(crate) bytes: usize,
    /// What was agreed on about compression, if it was offered.
    pub(crate) agreement: Option<Agreement>,
}

impl Target {
    /// Reads `ws://host:port/path`, or `wss://` with what is said of TLS, and looks the host up; `offers_deflate` puts
    /// the offer into the request.
    ///
    /// # Errors
    ///
    /// When it is no such URL, or the host has no address.
    pub(crate) fn parse(url: &str, offers_deflate: bool, tls: &TlsArgs) -> Result<Self, Failure> {
        let usage = |why: &str| Failure::Usage(format!("--url {url}: {why}"));
        let (scheme, rest) = url
            .split_once("://")
            .filter(|(scheme, _)| ["ws", "wss"].contains(scheme))
            .ok_or_else(|| usage("it must begin with ws:// or wss://"))?;
        let is_secure = scheme == "wss";
        if tls.is_any() && !is_secure {
            return Err(usage(
                "it must begin with wss:// for --tls-ca, --tls-insecure and --tls-resume",
            ));
        }
        let path_at = rest.find('/').unwrap_or(rest.len());
        let (authority, path) = rest.split_at(path_at);
        let path = if path.is_empty() { "/" } else { path };
        if path.bytes().any(|byte| !byte.is_ascii_graphic()) {
            return Err(usage("its path must be plain ASCII without spaces"));
        }
        let host = authority
            .rsplit_once(':')
            .filter(|(_, port)| port.parse::<u16>().is_ok())
            .map(|(host, _)| host);
        let with_port = match (host, is_secure) {
            (Some(_), _) => authority.to_owned(),
            (None, true) => format!("{authority}:443"),
            (None, false) => format!("{authority}:80"),
        };
        let addr = with_port
            .to_socket_addrs()
            .map_err(|error| usage(&format!("no address for {authority:?}: {error}")))?
            .next()
            .ok_or_else(|| usage("the host has no address"))?;
        let tls = match is_secure {
            true => {
                let host = host.unwrap_or(authority);
                Some(ClientTls::new(tls, host.trim_matches(['[', ']']))?)
            }
            false => None,
        };
        let offer = match offers_deflate {
            true => format!("{EXTENSIONS}: {}\r\n", deflate::OFFER),
            false => String::new(),
        };
        let request = format!(
            "GET {path} HTTP/1.1\r\nHost: {authority}\r\nUpgrade: websocket\r\n\
             Connection: Upgrade\r\nSec-WebSocket-Key: {NONCE}\r\nSec-WebSocket-Version: 13\r\n{offer}\r\n"
        );
        Ok(Self {
            addr,
            request: request.into_bytes(),
            path: path.to_owned(),
            offers_deflate,
            tls,
        })
    }

    /// The path that is asked for.
    pub(crate) fn path(&self) -> &str {
        &self.path
    }

    /// The upgrade request with another path.
    pub(crate) fn request_at(&self, path: &str) -> Vec<u8> {
        const METHOD: &[u8] = b"GET ";
        let rest = &self.request[METHOD.len() + self.path.len()..];
        [METHOD, path.as_bytes(), rest].concat()
    }

    /// The address to connect from, for the connection of this index; `None` leaves it to the kernel.
    ///
    /// Every address of 127.0.0.0/8 is this machine's own, so a local server can have as many
    /// connections as descriptors allow.
    pub(crate) fn source(&self, connection: u32) -> Option<SocketAddr> {
        let host = connection / CONNECTIONS_PER_SOURCE;
        let is_local = matches!(self.addr.ip(), IpAddr::V4(ip) if ip.is_loopback());
        if host == 0 || !is_local {
            return None;
        }
        let [_, _, high, low] = (host + 1).to_be_bytes();
        Some((Ipv4Addr::new(127, 0, high, low), 0).into())
    }

    /// Reads the response to the request: `None` if it is not complete.
    ///
    /// # Errors
    ///
    /// Words for why the server did not switch to WebSocket, or not to the one that was asked for.
    pub(crate) fn read_response(&self, input: &[u8]) -> Result<Option<Response>, String> {
        let Some(end) = input.windows(4).position(|window| window == b"\r\n\r\n") else {
            return match input.len() {
                0..HEAD_BYTES_MAX => Ok(None),
                _ => Err("its response has no end".to_owned()),
            };
        };
        let head = String::from_utf8_lossy(&input[..end]);
        let mut lines = head.split("\r\n");
        let status = lines.next().unwrap_or_default();
        if status.split(' ').nth(1) != Some("101") {
            return Err(format!("it answered the upgrade with {status:?}"));
        }
        let headers: Vec<(&str, &str)> = lines.filter_map(|line| line.split_once(':')).collect();
        let values = |name: &'static str| {
            let named = headers
                .iter()
                .filter(move |(other, _)| other.eq_ignore_ascii_case(name));
            named.map(|(_, value)| value.trim())
        };
        if values("Sec-WebSocket-Accept").next() != Some(NONCE_ANSWER) {
            return Err("its Sec-WebSocket-Accept does not answer our key".to_owned());
        }
        let extensions: Vec<&str> = values(EXTENSIONS).collect();
        let agreement = match (self.offers_deflate, extensions.as_slice()) {
            (true, [answer]) => Some(deflate::read_answer(answer)?),
            (true, []) => return Err("it did not accept permessage-deflate".to_owned()),
            (false, []) => None,
            _ => {
                return Err(format!(
                    "it wants extensions that nobody offered: {extensions:?}"
                ));
            }
        };
        Ok(Some(Response {
            bytes: end + 4,
            agreement,
        }))
    }
}

/// What a server answers to our request.
pub(crate) fn accepting_response() -> String {
    format!(
        "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
         Sec-WebSocket-Accept: {NONCE_ANSWER}\r\n\r\n"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    const GOOD: &str = "HTTP/1.1 101 Switching Protocols\r\nupgrade: websocket\r\n\
        Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n";

    fn plain() -> Target {
        Target::parse("ws://127.0.0.1:7001/_broadcast", false, &TlsArgs::default()).expect("good")
    }

    fn deflating() -> Target {
        Target::parse("ws://127.0.0.1:7001/_broadcast", true, &TlsArgs::default()).expect("good")
    }

    #[test]
    fn urls_give_address_and_path() {
        let target = plain();
        assert_eq!(target.addr.to_string(), "127.0.0.1:7001");
        let request = String::from_utf8(target.request).expect("text");
        assert!(request.starts_with("GET /_broadcast HTTP/1.1\r\nHost: 127.0.0.1:7001\r\n"));
        let other = String::from_utf8(plain().request_at("/a/b")).expect("text");
        assert!(other.starts_with("GET /a/b HTTP/1.1\r\nHost: 127.0.0.1:7001\r\n"));
        let bare = Target::parse("ws://127.0.0.1", false, &TlsArgs::default()).expect("good");
        assert_eq!(bare.addr.port(), 80);
        for url in [
            "http://127.0.0.1/",
            "ws://",
            "ws://127.0.0.1:1/a b",
            "wss://127.0.0.1:1/",
        ] {
            let failure = Target::parse(url, false, &TlsArgs::default()).expect_err(url);
            assert!(matches!(failure, Failure::Usage(_)), "{failure}");
        }
    }

    #[test]
    fn what_is_offered_is_what_browsers_offer() {
        let request = String::from_utf8(deflating().request).expect("text");
        let offer =
            "\r\nSec-WebSocket-Extensions: permessage-deflate; client_max_window_bits\r\n\r\n";
        assert!(request.ends_with(offer), "{request}");
        assert!(!plain().request.windows(7).any(|part| part == b"deflate"));
    }

    #[test]
    fn many_local_connections_come_from_many_addresses() {
        let target = plain();
        assert_eq!(target.source(12_499), None);
        let of = |connection| target.source(connection).map(|addr| addr.ip().to_string());
        assert_eq!(of(12_500).as_deref(), Some("127.0.0.2"));
        assert_eq!(of(37_500).as_deref(), Some("127.0.0.4"));
        let far = Target::parse("ws://192.0.2.1:1/", false, &TlsArgs::default()).expect("good");
        assert_eq!(far.source(30_000), None);
    }

    #[test]
    fn a_response_is_complete_at_its_last_byte() {
        for end in 0..GOOD.len() {
            assert_eq!(plain().read_response(&GOOD.as_bytes()[..end]), Ok(None));
        }
        let with_frame = format!("{GOOD}\u{1}frame");
        let response = Response {
            bytes: GOOD.len(),
            agreement: None,
        };
        let read = plain().read_response(with_frame.as_bytes());
        assert_eq!(read, Ok(Some(response)));
    }

    #[test]
    fn refusals_are_told_in_words() {
        let refused = plain()
            .read_response(b"HTTP/1.1 404 Not Found\r\n\r\n")
            .expect_err("refused");
        assert!(refused.contains("404"), "{refused}");
        let wrong = GOOD.replace("s3pP", "xxxx");
        assert!(plain().read_response(wrong.as_bytes()).is_err());
        assert!(plain().read_response(&[b'a'; HEAD_BYTES_MAX]).is_err());
    }

    #[test]
    fn compression_is_agreed_on_if_it_was_offered_and_not_otherwise() {
        let accepting = GOOD.replace(
            "\r\n\r\n",
            "\r\nSec-WebSocket-Extensions: permessage-deflate\r\n\r\n",
        );
        let read = deflating().read_response(accepting.as_bytes());
        let agreement = read.expect("good").expect("whole").agreement;
        assert!(agreement.expect("agreed").server_keeps_context);
        assert!(plain().read_response(accepting.as_bytes()).is_err());
        let silent = deflating()
            .read_response(GOOD.as_bytes())
            .expect_err("not accepted");
        assert!(silent.contains("permessage-deflate"), "{silent}");
    }
}
