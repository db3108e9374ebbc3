//! A blocking WebSocket client that shares no code with the server: it writes any bytes at any
//! split, and is strict about what it reads.

use std::io::{ErrorKind, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::time::Duration;

use rustix::net::sockopt::set_socket_recv_buffer_size;
use rustix::net::{AddressFamily, SocketType, connect, socket};

use super::PATIENCE;

/// The sample key of RFC 6455, section 1.3, and the answer to it.
const KEY: &str = "dGhlIHNhbXBsZSBub25jZQ==";
const ACCEPT: &str = "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=";

/// Opcodes of RFC 6455, section 5.2.
pub(crate) const CONTINUATION: u8 = 0x0;
pub(crate) const TEXT: u8 = 0x1;
pub(crate) const BINARY: u8 = 0x2;
pub(crate) const CLOSE: u8 = 0x8;
pub(crate) const PING: u8 = 0x9;
pub(crate) const PONG: u8 = 0xa;

/// What the server sends after the handshake.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Incoming {
    Text(String),
    Binary(Vec<u8>),
    Ping(Vec<u8>),
    Pong(Vec<u8>),
    /// A Close frame's code and reason.
    Close(Option<u16>, String),
    /// The stream has ended in order.
    End,
    /// The connection was reset.
    Reset,
}

/// An answer in HTTP.
#[derive(Debug)]
pub(crate) struct Response {
    pub(crate) status: u16,
    /// Status line and headers.
    pub(crate) head: String,
    pub(crate) body: String,
}

/// One connection.
pub(crate) struct Client {
    stream: TcpStream,
    received: Vec<u8>,
    /// Bytes of `received` that were handed out.
    taken: usize,
    /// A write has failed. The kernel tells a reset once: reading then finds an end in order.
    was_reset: bool,
    masks: Masks,
}

impl Client {
    /// Connects and says nothing yet.
    pub(crate) fn tcp(addr: SocketAddr) -> Self {
        Self::over(TcpStream::connect(addr).expect("the server accepts"))
    }

    /// The same with a receive buffer so small that the server soon notices a client that does not
    /// read. It has to be set before connecting: the handshake settles how far a window can open.
    pub(crate) fn tcp_with_small_buffer(addr: SocketAddr) -> Self {
        let family = if addr.is_ipv4() {
            AddressFamily::INET
        } else {
            AddressFamily::INET6
        };
        let socket = socket(family, SocketType::STREAM, None).expect("a socket");
        set_socket_recv_buffer_size(&socket, 4_096).expect("within the kernel's bounds");
        connect(&socket, &addr).expect("the server accepts");
        Self::over(TcpStream::from(socket))
    }

    /// Makes up for the small buffer, for a client that starts to read.
    pub(crate) fn widen_buffer(&self) {
        set_socket_recv_buffer_size(&self.stream, 1024 * 1024).expect("within the kernel's bounds");
    }

    /// Connects and upgrades at `path`.
    pub(crate) fn upgrade(addr: SocketAddr, path: &str) -> Self {
        let mut client = Self::tcp(addr);
        client.send_raw(&request(path));
        client.expect_upgrade();
        client
    }

    fn over(stream: TcpStream) -> Self {
        stream.set_nodelay(true).expect("a TCP socket");
        stream.set_read_timeout(Some(PATIENCE)).expect("not zero");
        stream.set_write_timeout(Some(PATIENCE)).expect("not zero");
        Self {
            stream,
            received: Vec::new(),
            taken: 0,
            was_reset: false,
            masks: Masks::default(),
        }
    }

    /// Writes bytes as they are.
    pub(crate) fn send_raw(&mut self, bytes: &[u8]) {
        self.stream.write_all(bytes).expect("the server reads");
    }

    /// Writes bytes as they are, to a server that may have gone; whether it took them.
    pub(crate) fn try_send_raw(&mut self, bytes: &[u8]) -> bool {
        let is_sent = self.stream.write_all(bytes).is_ok();
        self.was_reset |= !is_sent;
        is_sent
    }

    /// Writes one whole message or control frame.
    pub(crate) fn send(&mut self, opcode: u8, payload: &[u8]) {
        let frame = self.frame(true, opcode, payload);
        self.send_raw(&frame);
    }

    /// Writes one text message.
    pub(crate) fn send_text(&mut self, text: &str) {
        self.send(TEXT, text.as_bytes());
    }

    /// One frame under a fresh mask.
    pub(crate) fn frame(&mut self, is_final: bool, opcode: u8, payload: &[u8]) -> Vec<u8> {
        frame(is_final, opcode, payload, self.masks.next())
    }

    /// Tells the server that nothing more will be sent.
    pub(crate) fn finish_sending(&self) {
        // The server may have ended the connection already.
        let _gone = self.stream.shutdown(Shutdown::Write);
    }

    /// Has the kernel reset the connection instead of ending it in order.
    pub(crate) fn reset(self) {
        // Unread bytes would do as well, but it cannot be known whether there are any.
        rustix::net::sockopt::set_socket_linger(&self.stream, Some(Duration::ZERO))
            .expect("a TCP socket");
    }

    /// Reads the answer to the handshake, which must be the switch of protocols.
    pub(crate) fn expect_upgrade(&mut self) {
        let head = self.head();
        assert!(head.starts_with("HTTP/1.1 101 "), "{head}");
        assert!(head.contains(ACCEPT), "{head}");
    }

    /// Reads an answer in HTTP and the end of the stream behind it.
    pub(crate) fn response(&mut self) -> Response {
        let head = self.head();
        while self.fill() == Fill::More {}
        let body = String::from_utf8(self.take(self.available())).expect("text");
        let status = head.split(' ').nth(1).and_then(|code| code.parse().ok());
        Response {
            status: status.unwrap_or_else(|| panic!("{head:?} has no status")),
            head,
            body,
        }
    }

    /// Whether the handshake was answered by the switch of protocols, and not by a refusal or by an
    /// end without a word.
    pub(crate) fn was_upgraded(&mut self) -> bool {
        while self.available() == 0 {
            if self.fill() != Fill::More {
                return false;
            }
        }
        self.head().starts_with("HTTP/1.1 101 ")
    }

    /// Whether something has come, be it the end or a reset; waits for it a moment.
    pub(crate) fn has_input(&self, moment: Duration) -> bool {
        if self.available() > 0 {
            return true;
        }
        let timeout = |timeout| self.stream.set_read_timeout(Some(timeout));
        timeout(moment).expect("not zero");
        let peeked = self.stream.peek(&mut [0]);
        timeout(PATIENCE).expect("not zero");
        peeked.map_or_else(|error| error.kind() != ErrorKind::WouldBlock, |_| true)
    }

    /// Reads status line and headers of an answer in HTTP.
    pub(crate) fn head(&mut self) -> String {
        loop {
            let unread = &self.received[self.taken..];
            if let Some(end) = unread.windows(4).position(|four| four == b"\r\n\r\n") {
                return String::from_utf8(self.take(end + 4)).expect("text");
            }
            let filled = self.fill();
            assert_eq!(filled, Fill::More, "an answer in HTTP was to come");
        }
    }

    /// Reads the next frame. The server never fragments.
    pub(crate) fn incoming(&mut self) -> Incoming {
        let header = match self.wait_for(2) {
            Ok(header) => header,
            Err(ending) => return ending,
        };
        let (first, second) = (header[0], header[1]);
        assert_eq!(first & 0xf0, 0x80, "one final frame without reserved bits");
        assert_eq!(second & 0x80, 0, "a server does not mask");
        let (header_len, payload_len) = match second {
            127 => {
                let header = match self.wait_for(10) {
                    Ok(header) => header,
                    Err(ending) => return ending,
                };
                let len = u64::from_be_bytes(header[2..10].try_into().expect("eight bytes"));
                assert!(len > 0xffff, "the shortest form of a length");
                (10, usize::try_from(len).expect("it fits into memory"))
            }
            126 => {
                let header = match self.wait_for(4) {
                    Ok(header) => header,
                    Err(ending) => return ending,
                };
                let len = u16::from_be_bytes([header[2], header[3]]);
                assert!(len > 125, "the shortest form of a length");
                (4, usize::from(len))
            }
            len => (2, usize::from(len)),
        };
        if let Err(ending) = self.wait_for(header_len + payload_len) {
            return ending;
        }
        self.take(header_len);
        let payload = self.take(payload_len);
        match first & 0x0f {
            TEXT => Incoming::Text(utf8(payload)),
            BINARY => Incoming::Binary(payload),
            PING => Incoming::Ping(payload),
            PONG => Incoming::Pong(payload),
            CLOSE if payload.is_empty() => Incoming::Close(None, String::new()),
            CLOSE => {
                let code = u16::from_be_bytes([payload[0], payload[1]]);
                Incoming::Close(Some(code), utf8(payload[2..].to_vec()))
            }
            opcode => panic!("the server sent the opcode {opcode}"),
        }
    }

    /// Reads to the Close frame, which must have this code; answers it and reads the stream's end.
    pub(crate) fn expect_close(&mut self, code: u16) {
        loop {
            match self.incoming() {
                Incoming::Close(got, reason) => {
                    assert_eq!(got, Some(code), "{reason}");
                    return self.answer_close(code);
                }
                Incoming::End | Incoming::Reset => panic!("no Close frame"),
                _ => {}
            }
        }
    }

    /// Answers a Close frame and reads the stream's end.
    pub(crate) fn answer_close(&mut self, code: u16) {
        let frame = self.frame(true, CLOSE, &code.to_be_bytes());
        // The server may have gone ahead: its own side is finished.
        self.try_send_raw(&frame);
        self.finish_sending();
        let ending = self.incoming();
        assert!(
            matches!(ending, Incoming::End | Incoming::Reset),
            "nothing follows Close, but {ending:?} did"
        );
    }

    /// Asks for a Pong: whatever was sent before has then been handled, and answered.
    pub(crate) fn expect_pong(&mut self) {
        self.send(PING, b"there?");
        assert_eq!(self.incoming(), Incoming::Pong(b"there?".to_vec()));
    }

    /// The next `len` unread bytes, without taking them, or how the connection ended before: in
    /// order only between two frames, by a reset anywhere.
    fn wait_for(&mut self, len: usize) -> Result<&[u8], Incoming> {
        while self.available() < len {
            match self.fill() {
                Fill::More => {}
                Fill::Reset => return Err(Incoming::Reset),
                Fill::End => {
                    assert_eq!(self.available(), 0, "the server ended amid a frame");
                    return Err(Incoming::End);
                }
            }
        }
        Ok(&self.received[self.taken..self.taken + len])
    }

    fn available(&self) -> usize {
        self.received.len() - self.taken
    }

    fn take(&mut self, len: usize) -> Vec<u8> {
        let bytes = self.received[self.taken..self.taken + len].to_vec();
        self.taken += len;
        bytes
    }

    fn fill(&mut self) -> Fill {
        if self.taken == self.received.len() {
            self.received.clear();
            self.taken = 0;
        }
        let mut buffer = [0; 64 * 1024];
        match self.stream.read(&mut buffer) {
            Ok(0) if self.was_reset => Fill::Reset,
            Ok(0) => Fill::End,
            Ok(read) => {
                self.received.extend_from_slice(&buffer[..read]);
                Fill::More
            }
            Err(error) if error.kind() == ErrorKind::ConnectionReset => Fill::Reset,
            Err(error) if error.kind() == ErrorKind::Interrupted => Fill::More,
            Err(error) => panic!("nothing came in {PATIENCE:?}: {error}"),
        }
    }
}

/// The handshake's request for `path`.
pub(crate) fn request(path: &str) -> Vec<u8> {
    format!(
        "GET {path} HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
         Sec-WebSocket-Key: {KEY}\r\nSec-WebSocket-Version: 13\r\n\r\n"
    )
    .into_bytes()
}

/// One frame as a client sends it: masked.
pub(crate) fn frame(is_final: bool, opcode: u8, payload: &[u8], mask: [u8; 4]) -> Vec<u8> {
    let mut frame = vec![u8::from(is_final) << 7 | opcode];
    match payload.len() {
        len @ 0..=125 => frame.push(0x80 | len as u8),
        len @ 126..=0xffff => {
            frame.push(0x80 | 126);
            frame.extend_from_slice(&(len as u16).to_be_bytes());
        }
        len => {
            frame.push(0x80 | 127);
            frame.extend_from_slice(&(len as u64).to_be_bytes());
        }
    }
    frame.extend_from_slice(&mask);
    for four in payload.chunks(4) {
        let mut masked = mask;
        for (mask, byte) in masked.iter_mut().zip(four) {
            *mask ^= byte;
        }
        frame.extend_from_slice(&masked[..four.len()]);
    }
    frame
}

fn utf8(payload: Vec<u8>) -> String {
    String::from_utf8(payload).expect("the server sends UTF-8")
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Fill {
    More,
    End,
    Reset,
}

/// Masks that differ from frame to frame and in all four bytes.
#[derive(Default)]
struct Masks(u32);

impl Masks {
    fn next(&mut self) -> [u8; 4] {
        // A step of a full-period generator: every mask comes up, zero among them.
        self.0 = self.0.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        self.0.to_be_bytes()
    }
}
