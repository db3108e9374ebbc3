//! One socket: bytes in become messages, messages out become bytes.

use std::fmt;
use std::io::{self, ErrorKind};
use std::net::SocketAddr;
use std::os::fd::{AsFd, BorrowedFd};

use super::inflating::{Context, Inflating};
use super::transport::{Received, Transport};
use crate::deflate::Agreement;
use crate::frames::{self, Header, Opcode};
use crate::target::Target;
use crate::tls::Secured;

/// What a server may leave unread before publishers wait for it: some thousands of publications, so that
/// a short stall of the server does not stop the schedule.
const OUT_BYTES_MAX: usize = 4 << 20;

/// A socket with what is left over between its reads and writes.
#[derive(Debug)]
pub(super) struct Wire {
    transport: Transport,
    is_upgraded: bool,
    /// How what comes is compressed.
    context: Context,
    /// Bytes of a frame, or of the response's head, whose end has not come.
    rest: Vec<u8>,
    /// The message before its last fragment.
    fragments: Option<Fragments>,
    /// What is to be sent.
    pub(super) out: Out,
}

/// What has come of a message.
#[derive(Debug)]
struct Fragments {
    is_compressed: bool,
    payload: Vec<u8>,
}

/// What the connections of a thread use in turns, while one of them reads.
#[derive(Debug)]
pub(super) struct Scratch {
    /// Where reads go: the larger, the fewer of them.
    bytes: Vec<u8>,
    /// Where TLS decrypts them to.
    plain: Vec<u8>,
    /// What inflates messages.
    pub(super) inflating: Inflating,
}

/// Bytes waiting to be sent, and the masks that frames get.
#[derive(Debug)]
pub(super) struct Out {
    bytes: Vec<u8>,
    sent: usize,
    mask: u32,
}

/// What came in.
pub(super) enum Incoming<'a> {
    /// The connection has become a WebSocket, on these terms.
    Upgraded(Terms),
    /// A ping frame, answered already.
    Pinged,
    /// A whole message, text or binary.
    Message(&'a [u8]),
}

/// What client and server have settled before the first frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Terms {
    /// About compression, if it was offered.
    pub(crate) agreement: Option<Agreement>,
    /// About TLS, if there is any.
    pub(crate) secured: Option<Secured>,
}

/// How a connection has ended.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Ended {
    /// The code of the server's Close frame, if there was one.
    pub(crate) close_code: Option<u16>,
    /// Why, in words.
    pub(crate) words: String,
}

impl Scratch {
    /// For reads of up to `bytes`.
    pub(super) fn new(bytes: usize) -> Self {
        Self {
            bytes: vec![0; bytes],
            plain: Vec::new(),
            inflating: Inflating::new(),
        }
    }
}

impl Wire {
    /// Begins to connect, and queues the upgrade request.
    pub(super) fn connect(target: &Target, source: Option<SocketAddr>) -> io::Result<Self> {
        Ok(Self {
            transport: Transport::connect(target, source)?,
            is_upgraded: false,
            context: Context::None,
            rest: Vec::new(),
            fragments: None,
            out: Out {
                bytes: target.request.clone(),
                sent: 0,
                mask: 0x9e37_79b9,
            },
        })
    }

    /// Queues another upgrade request instead of the target's.
    pub(super) fn ask(&mut self, request: Vec<u8>) {
        self.out.bytes = request;
    }

    /// Reads what the socket has, and gives each whole message to `sink` with the way to answer.
    ///
    /// `target` is what it was connected to. Returns the bytes read.
    ///
    /// # Errors
    ///
    /// How the connection has ended.
    pub(super) fn read(
        &mut self,
        target: &Target,
        scratch: &mut Scratch,
        mut sink: impl FnMut(Incoming<'_>, &mut Out),
    ) -> Result<usize, Ended> {
        let mut bytes = 0;
        let Scratch {
            bytes: buffer,
            plain,
            inflating,
        } = scratch;
        let room = buffer.len();
        while let Some(received) = self.transport.read(buffer, plain)? {
            let Received { wire_bytes, plain } = received;
            bytes += wire_bytes;
            if self.rest.is_empty() {
                let used = self.consume(target, plain, inflating, &mut sink)?;
                self.rest.extend_from_slice(&plain[used..]);
            } else {
                let mut rest = std::mem::take(&mut self.rest);
                rest.extend_from_slice(plain);
                let used = self.consume(target, &rest, inflating, &mut sink)?;
                rest.drain(..used);
                self.rest = rest;
            }
            // A short read has emptied the socket: asking again would tell only that.
            if wire_bytes < room {
                break;
            }
        }
        Ok(bytes)
    }

    /// Sends what is queued, and adds to `sent_bytes` what went; `true` when all of it did.
    pub(super) fn flush(&mut self, sent_bytes: &mut u64) -> io::Result<bool> {
        match self.write_out(sent_bytes) {
            Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(false),
            done => done?,
        }
        self.out.bytes.clear();
        self.out.sent = 0;
        Ok(true)
    }

    fn write_out(&mut self, sent_bytes: &mut u64) -> io::Result<()> {
        let out = &mut self.out;
        while out.sent < out.bytes.len() {
            out.sent += self.transport.write(&out.bytes[out.sent..], sent_bytes)?;
        }
        self.transport.flush(sent_bytes)
    }

    /// Whether there is something to send.
    pub(super) fn wants_flush(&self) -> bool {
        !self.out.is_empty() || self.transport.wants_flush()
    }

    /// Lets the connection end by a reset when it is dropped.
    pub(super) fn reset(&self) -> rustix::io::Result<()> {
        self.transport.reset()
    }

    /// Queues the end of the connection, and sends what it can.
    pub(super) fn say_goodbye(&mut self, sent_bytes: &mut u64) {
        self.out.push(Opcode::Close, &1_000_u16.to_be_bytes());
        // It is good manners; a server that is gone misses nothing.
        let _sent = self.flush(sent_bytes);
        self.transport.say_goodbye();
        let _sent = self.flush(sent_bytes);
    }

    /// Handles the whole frames at the front of `input`; returns how many bytes they took.
    fn consume(
        &mut self,
        target: &Target,
        input: &[u8],
        inflating: &mut Inflating,
        sink: &mut impl FnMut(Incoming<'_>, &mut Out),
    ) -> Result<usize, Ended> {
        let mut used = 0;
        if !self.is_upgraded {
            let Some(response) = target.read_response(input)? else {
                return Ok(0);
            };
            used = response.bytes;
            self.is_upgraded = true;
            self.context = Context::new(response.agreement);
            let terms = Terms {
                agreement: response.agreement,
                secured: self.transport.secured(),
            };
            sink(Incoming::Upgraded(terms), &mut self.out);
        }
        while let Some(header) =
            frames::read_header(&input[used..]).map_err(|fault| sent(fault.text().to_owned()))?
        {
            let frame = &input[used..];
            let Some(payload) = frame.get(header.header_bytes..header.frame_bytes()) else {
                break;
            };
            used += header.frame_bytes();
            let is_whole = header.is_last && self.fragments.is_none();
            match header.opcode {
                Opcode::Text | Opcode::Binary if is_whole => {
                    let message = match header.is_compressed {
                        true => inflating
                            .inflate(&mut self.context, payload)
                            .map_err(sent)?,
                        false => payload,
                    };
                    sink(Incoming::Message(message), &mut self.out);
                }
                _ => self.consume_uncommon(header, payload, inflating, sink)?,
            }
        }
        Ok(used)
    }

    fn consume_uncommon(
        &mut self,
        header: Header,
        payload: &[u8],
        inflating: &mut Inflating,
        sink: &mut impl FnMut(Incoming<'_>, &mut Out),
    ) -> Result<(), Ended> {
        match (header.opcode, &mut self.fragments) {
            (Opcode::Ping, _) => {
                self.out.push(Opcode::Pong, payload);
                sink(Incoming::Pinged, &mut self.out);
            }
            (Opcode::Pong, _) => {}
            (Opcode::Close, _) => return Err(Ended::by_close(payload)),
            (Opcode::Continuation, Some(fragments)) => {
                fragments.payload.extend_from_slice(payload);
                if header.is_last
                    && let Some(fragments) = self.fragments.take()
                {
                    let message = match fragments.is_compressed {
                        true => inflating
                            .inflate(&mut self.context, &fragments.payload)
                            .map_err(sent)?,
                        false => &fragments.payload,
                    };
                    sink(Incoming::Message(message), &mut self.out);
                }
            }
            (Opcode::Text | Opcode::Binary, fragments @ None) => {
                *fragments = Some(Fragments {
                    is_compressed: header.is_compressed,
                    payload: payload.to_vec(),
                });
            }
            (Opcode::Continuation, None) => {
                return Err("a fragment of no message".to_owned().into());
            }
            (Opcode::Text | Opcode::Binary, Some(_)) => {
                return Err("a message inside a message".to_owned().into());
            }
        }
        Ok(())
    }
}

impl AsFd for Wire {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.transport.as_fd()
    }
}

impl Out {
    /// Queues a frame.
    pub(super) fn push(&mut self, opcode: Opcode, payload: &[u8]) {
        // A linear congruence is no secret, and need not be one: no browser or proxy is involved.
        self.mask = self
            .mask
            .wrapping_mul(1_664_525)
            .wrapping_add(1_013_904_223);
        frames::write_masked(opcode, payload, self.mask, &mut self.bytes);
    }

    /// Whether nothing is queued.
    pub(super) fn is_empty(&self) -> bool {
        self.bytes.is_empty()
    }

    /// Whether the server has left too much unread.
    pub(super) fn is_full(&self) -> bool {
        self.bytes.len() - self.sent > OUT_BYTES_MAX
    }
}

fn sent(what: String) -> String {
    format!("the server sent {what}")
}

impl Ended {
    fn by_close(payload: &[u8]) -> Self {
        let close_code = payload.first_chunk().map(|code| u16::from_be_bytes(*code));
        Self {
            close_code,
            words: match close_code {
                Some(code) => {
                    let reason = String::from_utf8_lossy(&payload[2..]);
                    format!("the server closed the connection with {code} {reason:?}")
                }
                None => "the server closed the connection without a code".to_owned(),
            },
        }
    }
}

impl From<String> for Ended {
    fn from(words: String) -> Self {
        Self {
            close_code: None,
            words,
        }
    }
}

impl fmt::Display for Ended {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.words)
    }
}
