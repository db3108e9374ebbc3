//! A model of a client: what it sends, byte by byte, and what it has noticed.

use std::collections::BTreeMap;

use shardcast::base::random::Random;

use crate::contract::{Broken, Dialect, broken};
use crate::deflating::Deflating;
use crate::frames::{
    BINARY, CLOSE, COMPRESSED, CONTINUATION, PING, PONG, TEXT, push_frame, read_frame,
    take_response, upgrade,
};
use crate::tokens::Token;
use crate::wires::Wire;

/// How a client ended its connection by itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Ending {
    /// It sent a Close, with this code or none.
    Closed(Option<u16>),
    /// It sent its last byte, without a Close.
    Finished,
    /// It reset the connection.
    Reset,
    /// It broke the protocol and is to be told this code.
    Offended(u16),
}

/// What a client found in what it read.
#[derive(Debug)]
pub(crate) enum Heard {
    /// The upgrade was answered with this status.
    Response(u16),
    Text(String),
    Ping(Vec<u8>),
    Pong(Vec<u8>),
    /// A Close with its code, if it had one, and its reason.
    Close(Option<u16>, String),
    /// The end of the stream.
    End,
}

/// Messages that mean nothing, by dialect: ignis complains of what is not even JSON.
const STRAV_NONSENSE: [&[u8]; 10] = [
    b"bad",
    b"",
    b"[1]",
    br#"{"t":"zzz"}"#,
    br#"{"t":"sub","c":""}"#,
    br#"{"t":"sub"}"#,
    br#"{"t":"sub","c":"open-0"} x"#,
    br#"{"t":"pub","c":"open-0"}"#,
    br#"{"t":"pub","c":"open-0","e":"x","d":[}"#,
    br#"{"t":"pong"}"#,
];
const IGNIS_NONSENSE: [&[u8]; 6] = [
    b"null",
    br#"{"data":{"rooms":["open-0"]}}"#,
    br#"{"event":"join","data":{"rooms":"open-0"}}"#,
    br#"{"event":"join","data":{"rooms":["ws:x",0,""]}}"#,
    br#"{"event":"heartbeat"}"#,
    br#"{"event":"open-0:nobody.hears","data":1}"#,
];
const SHARED_NONSENSE: [&[u8]; 6] = [
    b"bad",
    b"[1]",
    br#"{"event":"$channel:join","data":{"channel":""}}"#,
    br#"{"event":"$channel:leave","data":"open-0"}"#,
    br#"{"event":":","data":1}"#,
    br#"{"event":"no.channel","data":1}"#,
];

/// The path of the endpoint that speaks a dialect.
pub(crate) fn path(dialect: Dialect) -> &'static str {
    match dialect {
        Dialect::Strav => "/",
        Dialect::Ignis => "/ignis",
        Dialect::SharedWebsocket => "/shared",
    }
}

/// One client.
#[derive(Debug)]
pub(crate) struct Client {
    pub(crate) dialect: Dialect,
    pub(crate) shard: usize,
    /// Whom it says that it is, to begin with.
    pub(crate) user: Option<Token>,
    /// Bytes of its upgrade request.
    pub(crate) request_len: usize,
    /// Whether it still reads.
    pub(crate) reads: bool,
    /// Whether it answers pings and says anything by itself.
    pub(crate) is_alive: bool,
    pub(crate) publishes: bool,
    /// The status of its upgrade, once it is known.
    pub(crate) status: Option<u16>,
    /// What it and the server have agreed on.
    deflating: Option<Deflating>,
    pub(crate) ending: Option<Ending>,
    /// The Close it got.
    pub(crate) close: Option<(Option<u16>, String)>,
    pub(crate) saw_end: bool,
    /// Read and not yet understood.
    unread: Vec<u8>,
    /// Publications so far, by channel.
    numbers: BTreeMap<usize, usize>,
}

impl Client {
    pub(crate) fn new(
        dialect: Dialect,
        shard: usize,
        publishes: bool,
        user: Option<Token>,
        offer: Option<&str>,
        wire: &mut Wire,
    ) -> Self {
        let target = match user {
            Some(token) if dialect == Dialect::Strav => format!("/?token={token}"),
            _ => path(dialect).to_owned(),
        };
        let request = upgrade(&target, offer);
        wire.to_server.extend_from_slice(&request);
        Self {
            dialect,
            user,
            shard,
            request_len: request.len(),
            reads: true,
            is_alive: true,
            publishes,
            status: None,
            deflating: None,
            ending: None,
            close: None,
            saw_end: false,
            unread: Vec::new(),
            numbers: BTreeMap::new(),
        }
    }

    /// Whether it has ended its connection, or knows that it is at its end.
    pub(crate) fn is_over(&self) -> bool {
        self.ending.is_some() || self.close.is_some() || self.saw_end
    }

    /// Whether it may still send messages.
    pub(crate) fn may_speak(&self, wire: &Wire) -> bool {
        !self.is_over()
            && self.is_alive
            && !wire.closed
            && self.status.is_none_or(|code| code == 101)
    }

    /// Whether it is a connection that both sides keep.
    pub(crate) fn is_open(&self, wire: &Wire) -> bool {
        !self.is_over() && !wire.closed && !wire.server_finished && self.status == Some(101)
    }

    /// The number of its next publication on a channel.
    pub(crate) fn next_number(&mut self, channel: usize) -> usize {
        let next = self.numbers.entry(channel).or_default();
        *next += 1;
        *next - 1
    }

    /// Sends a message, as text or binary, in one frame or several; the pings that came between.
    pub(crate) fn say(
        &mut self,
        wire: &mut Wire,
        random: &mut Random,
        message: &[u8],
    ) -> Vec<Vec<u8>> {
        // Only text means anything to shared-websocket.
        let is_binary = random.below(8) == 0 && self.dialect != Dialect::SharedWebsocket;
        let mut opcode = if is_binary { BINARY } else { TEXT };
        let compressed = self
            .deflating
            .as_mut()
            .filter(|_| random.below(3) > 0)
            .map(|deflating| deflating.compress(message));
        if compressed.is_some() {
            opcode |= COMPRESSED;
        }
        let mut pings = Vec::new();
        let mut rest = compressed.as_deref().unwrap_or(message);
        let mut first = true;
        while random.below(8) == 0 {
            let cut = random.below(rest.len() as u32 + 1) as usize;
            let (part, behind) = rest.split_at(cut);
            let opcode = if first { opcode } else { CONTINUATION };
            push_frame(&mut wire.to_server, opcode, false, part, mask(random));
            if random.below(3) == 0 {
                pings.push(Self::ping(wire, random));
            }
            (rest, first) = (behind, false);
        }
        let opcode = if first { opcode } else { CONTINUATION };
        push_frame(&mut wire.to_server, opcode, true, rest, mask(random));
        pings
    }

    /// Sends a ping; its payload.
    pub(crate) fn ping(wire: &mut Wire, random: &mut Random) -> Vec<u8> {
        let len = random.below(126) as usize;
        let payload = vec![random.below(256) as u8; len];
        push_frame(&mut wire.to_server, PING, true, &payload, mask(random));
        payload
    }

    /// Answers a ping.
    pub(crate) fn pong(wire: &mut Wire, random: &mut Random, payload: &[u8]) {
        push_frame(&mut wire.to_server, PONG, true, payload, mask(random));
    }

    /// Sends a message that means nothing and must be passed over.
    pub(crate) fn babble(&mut self, wire: &mut Wire, random: &mut Random) -> Vec<Vec<u8>> {
        let nonsense = match self.dialect {
            Dialect::Strav => &STRAV_NONSENSE[..],
            Dialect::Ignis => &IGNIS_NONSENSE[..],
            Dialect::SharedWebsocket => &SHARED_NONSENSE[..],
        };
        let message = nonsense[random.below(nonsense.len() as u32) as usize];
        self.say(wire, random, message)
    }

    /// Ends the connection in one of the ways clients do.
    pub(crate) fn end(&mut self, wire: &mut Wire, random: &mut Random) -> Ending {
        let ending = match random.below(8) {
            0..=2 => {
                let code = [None, Some(1000_u16), Some(1001), Some(4321)];
                let code = code[random.below(4) as usize];
                let payload = code.map(u16::to_be_bytes);
                let payload = payload.as_ref().map_or(&[][..], |code| &code[..]);
                push_frame(&mut wire.to_server, CLOSE, true, payload, mask(random));
                Ending::Closed(code)
            }
            3 => Ending::Finished,
            4 | 5 => Ending::Reset,
            _ => Ending::Offended(Self::offend(wire, random)),
        };
        match ending {
            Ending::Finished => wire.client_finished = true,
            Ending::Reset => {
                wire.client_reset = true;
                wire.to_client.clear();
            }
            Ending::Closed(_) | Ending::Offended(_) => {}
        }
        self.ending = Some(ending);
        ending
    }

    /// Breaks the protocol; the code that this earns.
    fn offend(wire: &mut Wire, random: &mut Random) -> u16 {
        let out = &mut wire.to_server;
        match random.below(4) {
            0 => {
                out.extend_from_slice(&[0x81, 0x01, b'x']);
                1002
            }
            1 => {
                push_frame(out, CONTINUATION, true, b"x", mask(random));
                1002
            }
            2 => {
                push_frame(out, TEXT, true, b"\xff", mask(random));
                1007
            }
            _ => {
                push_frame(out, BINARY, true, &[b'x'; 17_000], mask(random));
                1009
            }
        }
    }

    /// Answers the server's Close and finishes.
    pub(crate) fn answer_close(&mut self, wire: &mut Wire, random: &mut Random) {
        if !matches!(self.ending, Some(Ending::Closed(_))) {
            push_frame(&mut wire.to_server, CLOSE, true, &[], mask(random));
        }
        wire.client_finished = true;
    }

    /// Reads up to `bytes_max` bytes; what they brought.
    pub(crate) fn read(&mut self, wire: &mut Wire, bytes_max: usize) -> Result<Vec<Heard>, Broken> {
        let mut heard = Vec::new();
        let count = bytes_max.min(wire.to_client.len());
        self.unread.extend(wire.to_client.drain(..count));
        if self.status.is_none()
            && let Some((status, extension)) = take_response(&mut self.unread)
        {
            self.status = Some(status);
            self.deflating = extension.as_deref().map(Deflating::agreed);
            heard.push(Heard::Response(status));
        }
        let mut taken = 0;
        while self.status == Some(101) {
            let frame = match read_frame(&self.unread[taken..]) {
                Ok(Some((frame, len))) => {
                    taken += len;
                    frame
                }
                Ok(None) => break,
                Err(what) => return broken("framing", what),
            };
            if self.close.is_some() {
                return broken("C2", format!("a frame after Close: {frame:?}"));
            }
            heard.push(self.understand(frame)?);
        }
        self.unread.drain(..taken);
        let is_end = wire.server_finished || wire.closed;
        if is_end && wire.to_client.is_empty() && !self.saw_end {
            self.saw_end = true;
            heard.push(Heard::End);
        }
        Ok(heard)
    }

    fn understand(&mut self, (opcode, mut payload): (u8, Vec<u8>)) -> Result<Heard, Broken> {
        let is_compressed = opcode & COMPRESSED != 0;
        if is_compressed {
            let Some(deflating) = &mut self.deflating else {
                return broken("framing", "compressed, without being asked");
            };
            payload = match deflating.open(&payload) {
                Ok(opened) => opened,
                Err(what) => return broken("framing", what),
            };
        }
        let text = |payload: Vec<u8>| {
            String::from_utf8(payload).or_else(|_| broken("framing", "a text is not UTF-8"))
        };
        match opcode {
            TEXT => Ok(Heard::Text(text(payload)?)),
            _ if opcode == TEXT | COMPRESSED => Ok(Heard::Text(text(payload)?)),
            PING => Ok(Heard::Ping(payload)),
            PONG => Ok(Heard::Pong(payload)),
            CLOSE => {
                let (code, reason) = match payload.split_first_chunk() {
                    Some((code, reason)) => {
                        (Some(u16::from_be_bytes(*code)), text(reason.to_vec())?)
                    }
                    None if payload.is_empty() => (None, String::new()),
                    None => return broken("framing", "a Close of one byte"),
                };
                self.close = Some((code, reason.clone()));
                Ok(Heard::Close(code, reason))
            }
            _ => broken("framing", format!("a frame of opcode {opcode}")),
        }
    }

    /// Whether a part of a frame was all that came before the end.
    pub(crate) fn has_torn_frame(&self) -> bool {
        !self.unread.is_empty()
    }
}

fn mask(random: &mut Random) -> u32 {
    random.next_u64() as u32
}
