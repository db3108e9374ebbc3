//! What both clients need to reach a server: a URL, and a connection before a deadline.

use std::io;
use std::net::{SocketAddr, TcpStream, ToSocketAddrs};
use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant};

use http::Uri;

use super::failure::Failure;
use super::trust;

/// How long the server may take to answer: to connect, to upgrade, to accept or refuse.
///
/// Long enough for a bad line, short enough for somebody who waits at a terminal.
pub(super) const ANSWER_TIMEOUT: Duration = Duration::from_secs(5);

/// A flag that takes a server's URL.
#[derive(Debug)]
pub(super) struct UrlFlag {
    /// With its dashes.
    pub(super) flag: &'static str,
    /// The scheme that it takes.
    pub(super) scheme: &'static str,
    /// The same with TLS.
    pub(super) scheme_with_tls: &'static str,
    /// What a URL with another scheme is not.
    pub(super) kind: &'static str,
    /// One that works where nothing was configured.
    pub(super) example: &'static str,
}

impl UrlFlag {
    /// Reads a URL of either scheme, with a host.
    pub(super) fn parse(&self, url: &str) -> Result<Uri, Failure> {
        let uri: Uri = url.parse().map_err(|_| self.refuse(url, "is not a URL"))?;
        match uri.scheme_str() {
            Some(scheme) if [self.scheme, self.scheme_with_tls].contains(&scheme) => {}
            _ => return Err(self.refuse(url, &format!("is not {}", self.kind))),
        }
        if uri.host().is_none_or(str::is_empty) {
            return Err(self.refuse(url, "names no host"));
        }
        Ok(uri)
    }

    /// Whether such a URL leads to a server that speaks TLS.
    pub(super) fn has_tls(&self, uri: &Uri) -> bool {
        uri.scheme_str() == Some(self.scheme_with_tls)
    }

    /// Where such a URL leads.
    pub(super) fn host_and_port(&self, uri: &Uri) -> (String, u16) {
        let host = uri.host().unwrap_or_default();
        // The brackets of an IPv6 address belong to the URL, not to the address.
        let host = host.trim_start_matches('[').trim_end_matches(']');
        // WebSockets have the ports of HTTP.
        let default_port = if self.has_tls(uri) { 443 } else { 80 };
        (host.to_owned(), uri.port_u16().unwrap_or(default_port))
    }

    /// Says why a URL cannot be used, and how one looks that can.
    pub(super) fn refuse(&self, url: &str, problem: &str) -> Failure {
        let Self { flag, example, .. } = self;
        Failure::usage(format!("{flag}: {url:?} {problem}; write it as {example}"))
    }
}

/// Tries each address of the host in turn.
pub(super) fn connect_tcp(host: String, port: u16, deadline: Instant) -> io::Result<TcpStream> {
    let mut last_error = io::Error::new(io::ErrorKind::NotFound, "the host has no address");
    for addr in look_up(host, port, deadline)? {
        let left = deadline.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return Err(io::ErrorKind::TimedOut.into());
        }
        match TcpStream::connect_timeout(&addr, left) {
            Ok(tcp) => return Ok(tcp),
            Err(error) => last_error = error,
        }
    }
    Err(last_error)
}

/// Looks the host up on a thread of its own: the resolver knows no deadline.
fn look_up(host: String, port: u16, deadline: Instant) -> io::Result<Vec<SocketAddr>> {
    let (sender, receiver) = mpsc::channel();
    thread::spawn(move || {
        let found = (host.as_str(), port).to_socket_addrs().map(Vec::from_iter);
        // Nobody listens any more once the deadline has passed.
        let _ = sender.send(found);
    });
    receiver
        .recv_timeout(deadline.saturating_duration_since(Instant::now()))
        .unwrap_or_else(|_| Err(io::ErrorKind::TimedOut.into()))
}

/// Says that there is no connection, and what to do if nothing listens there.
pub(super) fn cannot_connect(url: &str, error: &io::Error) -> Failure {
    let hint = match error.kind() {
        io::ErrorKind::ConnectionRefused => {
            "; is the server running? start it with: shardcast serve"
        }
        _ => "",
    };
    let why = trust::explain(error).unwrap_or_else(|| in_words(error));
    Failure::world(format!("cannot connect to {url}: {why}{hint}"))
}

/// The error without its number: "connection refused", not "Connection refused (os error 111)".
pub(super) fn in_words(error: &io::Error) -> String {
    let text = error.to_string();
    let words = text.split(" (os error").next().unwrap_or_default();
    let mut chars = words.chars();
    chars.next().map_or_else(String::new, |first| {
        first.to_lowercase().chain(chars).collect()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const URL_FLAG: UrlFlag = UrlFlag {
        flag: "--url",
        scheme: "ws",
        scheme_with_tls: "wss",
        kind: "a WebSocket URL",
        example: "ws://127.0.0.1:7001/_broadcast",
    };

    #[test]
    fn url_gives_host_and_port() {
        for (url, host, port) in [
            ("ws://127.0.0.1:7001/_broadcast", "127.0.0.1", 7001),
            ("ws://[::1]:7001/x", "::1", 7001),
            ("ws://example.org", "example.org", 80),
            ("wss://example.org/live", "example.org", 443),
            ("wss://example.org:8443", "example.org", 8443),
        ] {
            assert_eq!(
                URL_FLAG.host_and_port(&URL_FLAG.parse(url).unwrap()),
                (host.to_owned(), port)
            );
        }
    }

    #[test]
    fn url_that_cannot_work_is_refused_with_an_example() {
        for (url, problem) in [
            ("http://x/", "is not a WebSocket URL"),
            ("https://x/", "is not a WebSocket URL"),
            ("127.0.0.1:7001", "is not a WebSocket URL"),
            ("/_broadcast", "is not a WebSocket URL"),
            ("ws://a b/", "is not a URL"),
            ("ws://:7001/", "names no host"),
        ] {
            let failure = URL_FLAG.parse(url).unwrap_err();
            assert!(failure.message().contains(problem), "{failure:?}");
            assert!(
                failure.message().contains("write it as ws://"),
                "{failure:?}"
            );
        }
    }

    #[test]
    fn error_is_told_in_words() {
        assert_eq!(
            in_words(&io::Error::from_raw_os_error(111)),
            "connection refused"
        );
    }
}
