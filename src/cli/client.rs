//! A small blocking client of a strav endpoint.

use std::io::{self, Read, Write};
use std::net::TcpStream;
use std::time::{Duration, Instant};

use rustix::net::sockopt;
use rustls::{ClientConnection, StreamOwned};
use tungstenite::protocol::CloseFrame;
use tungstenite::{Error, HandshakeError, Message, Utf8Bytes, WebSocket};

use super::connect::{ANSWER_TIMEOUT, UrlFlag, cannot_connect, connect_tcp, in_words};
use super::failure::Failure;
use super::frames::{self, ServerFrame};
use super::trust::{ServerTls, Trust};

/// What leads to a strav endpoint.
const URL_FLAG: UrlFlag = UrlFlag {
    flag: "--url",
    scheme: "ws",
    scheme_with_tls: "wss",
    kind: "a WebSocket URL",
    example: "ws://127.0.0.1:7001/_broadcast",
};

/// A vanished server is noticed after 30 s of silence and three probes of 10 s: within a minute.
const KEEPALIVE_IDLE: Duration = Duration::from_secs(30);
const KEEPALIVE_INTERVAL: Duration = Duration::from_secs(10);
const KEEPALIVE_PROBES: u32 = 3;

/// A connection to a strav endpoint.
pub(super) struct Client {
    url: String,
    socket: WebSocket<ServerStream>,
}

impl Client {
    /// Connects and upgrades, within [`ANSWER_TIMEOUT`] as a whole.
    pub(super) fn connect(url: &str, trust: &Trust) -> Result<Self, Failure> {
        let deadline = Instant::now() + ANSWER_TIMEOUT;
        let uri = URL_FLAG.parse(url)?;
        let (host, port) = URL_FLAG.host_and_port(&uri);
        let tls = match URL_FLAG.has_tls(&uri) {
            true => Some(trust.tls(&host)?),
            false => None,
        };
        let cannot = |error: io::Error| cannot_connect(url, &error);
        let tcp = connect_tcp(host, port, deadline).map_err(cannot)?;
        tune(&tcp).map_err(cannot)?;
        let stream = DeadlineStream {
            tcp,
            deadline: Some(deadline),
        };
        let stream = match tls {
            Some(tls) => ServerStream::with_tls(stream, tls).map_err(cannot)?,
            None => ServerStream::Plain(stream),
        };
        let (socket, _response) =
            tungstenite::client(url, stream).map_err(|error| cannot_upgrade(url, error))?;
        Ok(Self {
            url: url.to_owned(),
            socket,
        })
    }

    /// Until when the server must have answered; `None`: it may stay silent for ever.
    pub(super) fn set_deadline(&mut self, deadline: Option<Instant>) {
        self.socket.get_mut().tcp_mut().deadline = deadline;
    }

    /// Sends one frame.
    pub(super) fn send(&mut self, frame: String) -> Result<(), Failure> {
        self.socket
            .send(Message::text(frame))
            .map_err(|error| self.lost(error))
    }

    /// The text of the next frame that is not a ping; pings are answered.
    pub(super) fn receive(&mut self) -> Result<Utf8Bytes, Failure> {
        loop {
            // Pings of the protocol itself are answered inside `read`.
            match self.socket.read().map_err(|error| self.lost(error))? {
                Message::Text(text) if ServerFrame::parse(&text) == ServerFrame::Ping => {
                    self.send(frames::PONG.to_owned())?;
                }
                Message::Text(text) => return Ok(text),
                Message::Close(frame) => return Err(self.closed(frame)),
                Message::Binary(_) | Message::Ping(_) | Message::Pong(_) | Message::Frame(_) => {}
            }
        }
    }

    /// Says goodbye. What was to be learned is known, so a failure here is nobody's concern.
    pub(super) fn close(mut self) {
        let _ = self.socket.close(None);
        let _ = self.socket.flush();
    }

    fn closed(&self, frame: Option<CloseFrame>) -> Failure {
        let why = frame.map_or_else(
            || "without a reason".to_owned(),
            |frame| {
                let code = u16::from(frame.code);
                match (code, frame.reason.as_str()) {
                    (1001, _) => "it is shutting down (1001)".to_owned(),
                    (1009, _) => "the message is larger than it allows (1009); \
                         see --max-message-bytes of the server"
                        .to_owned(),
                    (1013, _) => {
                        "it is overloaded, or this client reads too slowly (1013)".to_owned()
                    }
                    (code, "") => format!("code {code}"),
                    (code, reason) => format!("code {code}, {reason:?}"),
                }
            },
        );
        Failure::world(format!("{} closed the connection: {why}", self.url))
    }

    fn lost(&self, error: Error) -> Failure {
        let url = &self.url;
        let why = match error {
            // Without a deadline it is the kernel that gave up: the connection was there and is gone.
            Error::Io(error)
                if error.kind() == io::ErrorKind::TimedOut
                    && self.socket.get_ref().tcp().deadline.is_some() =>
            {
                let seconds = ANSWER_TIMEOUT.as_secs();
                return Failure::world(format!(
                    "no answer from {url} within {seconds} s; does a strav endpoint live there?"
                ));
            }
            Error::Io(error) => in_words(&error),
            Error::ConnectionClosed | Error::AlreadyClosed => "closed".to_owned(),
            error => error.to_string(),
        };
        Failure::world(format!("connection to {url} lost: {why}"))
    }
}

/// The way to the server.
enum ServerStream {
    Plain(DeadlineStream),
    Tls(Box<StreamOwned<ClientConnection, DeadlineStream>>),
}

impl ServerStream {
    /// Does the handshake, so that what is wrong with it is not taken for a fault of what comes next.
    fn with_tls(mut stream: DeadlineStream, tls: ServerTls) -> io::Result<Self> {
        let mut tls = ClientConnection::new(tls.config, tls.name).map_err(io::Error::other)?;
        while tls.is_handshaking() {
            tls.complete_io(&mut stream)?;
        }
        Ok(Self::Tls(Box::new(StreamOwned::new(tls, stream))))
    }

    fn tcp(&self) -> &DeadlineStream {
        match self {
            Self::Plain(stream) => stream,
            Self::Tls(stream) => &stream.sock,
        }
    }

    fn tcp_mut(&mut self) -> &mut DeadlineStream {
        match self {
            Self::Plain(stream) => stream,
            Self::Tls(stream) => &mut stream.sock,
        }
    }
}

impl Read for ServerStream {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match self {
            Self::Plain(stream) => stream.read(buffer),
            Self::Tls(stream) => stream.read(buffer),
        }
    }
}

impl Write for ServerStream {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match self {
            Self::Plain(stream) => stream.write(bytes),
            Self::Tls(stream) => stream.write(bytes),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        match self {
            Self::Plain(stream) => stream.flush(),
            Self::Tls(stream) => stream.flush(),
        }
    }
}

/// A socket whose reads and writes all end at one deadline, however little the peer sends at a time.
struct DeadlineStream {
    tcp: TcpStream,
    deadline: Option<Instant>,
}

impl DeadlineStream {
    fn time_left(&self) -> io::Result<Option<Duration>> {
        let Some(deadline) = self.deadline else {
            return Ok(None);
        };
        let left = deadline.saturating_duration_since(Instant::now());
        // The socket would take a zero for "no timeout".
        if left.is_zero() {
            return Err(io::ErrorKind::TimedOut.into());
        }
        Ok(Some(left))
    }
}

impl Read for DeadlineStream {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.tcp.set_read_timeout(self.time_left()?)?;
        self.tcp.read(buffer).map_err(name_timeout)
    }
}

impl Write for DeadlineStream {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.tcp.set_write_timeout(self.time_left()?)?;
        self.tcp.write(bytes).map_err(name_timeout)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.tcp.flush()
    }
}

/// The kernel reports a timeout as "would block", which the protocol crate takes for an invitation
/// to try again.
fn name_timeout(error: io::Error) -> io::Error {
    match error.kind() {
        io::ErrorKind::WouldBlock => io::ErrorKind::TimedOut.into(),
        _ => error,
    }
}

/// Sends each frame at once, and has the kernel notice a server that vanished without a word: a
/// subscriber that only reads would wait for ever.
fn tune(tcp: &TcpStream) -> io::Result<()> {
    tcp.set_nodelay(true)?;
    sockopt::set_socket_keepalive(tcp, true)?;
    sockopt::set_tcp_keepidle(tcp, KEEPALIVE_IDLE)?;
    sockopt::set_tcp_keepintvl(tcp, KEEPALIVE_INTERVAL)?;
    sockopt::set_tcp_keepcnt(tcp, KEEPALIVE_PROBES)?;
    Ok(())
}

fn cannot_upgrade<R: tungstenite::handshake::HandshakeRole>(
    url: &str,
    error: HandshakeError<R>,
) -> Failure {
    let why = match error {
        HandshakeError::Failure(Error::Http(response)) => match response.status().as_u16() {
            404 => {
                "no endpoint has this path (404); the server's banner names its endpoints".into()
            }
            503 => "the server takes no more connections (503)".into(),
            _ => format!("the server answered {}", response.status()),
        },
        HandshakeError::Failure(Error::Io(error)) => in_words(&error),
        HandshakeError::Failure(error) => format!("no WebSocket server answers there: {error}"),
        // Only a non-blocking socket is interrupted.
        HandshakeError::Interrupted(_) => "interrupted".into(),
    };
    Failure::world(format!("cannot connect to {url}: {why}"))
}

#[cfg(test)]
mod tests {
    use std::net::TcpListener;

    use super::*;

    #[test]
    fn deadline_ends_a_read_from_a_silent_peer() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let tcp = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        let mut stream = DeadlineStream {
            tcp,
            deadline: Some(Instant::now() + Duration::from_millis(20)),
        };
        for _ in 0..2 {
            let error = stream.read(&mut [0; 8]).unwrap_err();
            assert_eq!(error.kind(), io::ErrorKind::TimedOut);
        }
    }
}
