//! What a connection owns while a frame or a message of its peer is on its way.

use std::ops::Range;

use super::deflate::compressed_len_max;
use super::error::FrameError;
use super::frame::{CLIENT_HEADER_BYTES_MAX, FrameHeader, OpCode, read_first_byte, read_header};
use super::mask::unmask;
use super::message::{MessageKind, MessageLimits};
use super::utf8::Utf8Validator;

/// The state between two inputs: a header that has not come whole, a frame whose payload is coming,
/// a message whose frames are coming. At least one of them is there, or the last event's payload is.
#[derive(Debug, Default)]
pub(super) struct InFlight {
    /// The first bytes of a header whose rest is missing: `header[..header_len]`.
    header: [u8; CLIENT_HEADER_BYTES_MAX],
    header_len: u8,
    /// The frame whose payload is coming.
    frame: Option<Frame>,
    /// The message that is open, possibly under a control frame.
    message: Option<Assembly>,
    /// The payload so far of a control frame that came in pieces: 125 bytes at most.
    control_payload: Vec<u8>,
    /// What the last event was made of; it is released at the next call.
    lent: Option<Lent>,
}

/// What can be delivered now.
#[derive(Debug)]
pub(super) enum Ready {
    /// A frame that lies in the input as a whole, unmasked by now: a control frame or a message.
    InPlace {
        opcode: OpCode,
        compressed: bool,
        payload: Range<usize>,
    },
    /// A control frame that came in pieces.
    Control(OpCode),
    /// A message that came in pieces, text already checked.
    Message(MessageKind),
    /// The same, compressed; nothing inside has been checked.
    Compressed(MessageKind),
}

#[derive(Debug)]
enum Lent {
    Control,
    Message,
}

/// A frame whose header has been read.
#[derive(Debug, Clone, Copy)]
struct Frame {
    fin: bool,
    opcode: OpCode,
    compressed: bool,
    mask: [u8; 4],
    payload_len: usize,
    /// Bytes of the payload that have been taken.
    received: usize,
}

/// A message that comes in pieces.
#[derive(Debug)]
struct Assembly {
    kind: MessageKind,
    compressed: bool,
    utf8: Utf8Validator,
    payload: Vec<u8>,
    /// Frames that have come whole.
    frames: u32,
}

impl InFlight {
    /// Takes input up to the next thing that can be delivered, or all of it; says how much it took.
    pub(super) fn advance(
        &mut self,
        input: &mut [u8],
        limits: MessageLimits,
    ) -> Result<(usize, Option<Ready>), FrameError> {
        let mut consumed = 0;
        loop {
            let mut frame = match self.frame.take() {
                Some(frame) => frame,
                None => match self.take_header(input, &mut consumed, limits)? {
                    Some(frame) => frame,
                    None => return Ok((consumed, None)),
                },
            };
            let chunk_len = frame.missing().min(input.len() - consumed);
            let chunk = consumed..consumed + chunk_len;
            consumed = chunk.end;
            unmask(&mut input[chunk.clone()], frame.mask, frame.received);
            frame.received += chunk_len;
            let is_complete = frame.received == frame.payload_len;

            let is_whole_here = chunk_len == frame.payload_len;
            let is_unfragmented = frame.fin && self.message.is_none();
            if is_whole_here && (is_unfragmented || frame.opcode.is_control()) {
                let ready = Ready::InPlace {
                    opcode: frame.opcode,
                    compressed: frame.compressed,
                    payload: chunk,
                };
                return Ok((consumed, Some(ready)));
            }
            if !is_complete {
                self.frame = Some(frame);
            }
            let ready = self.append(frame, is_complete, &input[chunk], limits)?;
            if ready.is_some() || !is_complete {
                return Ok((consumed, ready));
            }
        }
    }

    /// Releases what the last event was made of; `true` when nothing is left to keep.
    pub(super) fn release_lent(&mut self) -> bool {
        match self.lent.take() {
            Some(Lent::Control) => self.control_payload = Vec::new(),
            Some(Lent::Message) => self.message = None,
            None => {}
        }
        self.is_idle()
    }

    /// Whether no header, frame or message has begun.
    pub(super) fn is_idle(&self) -> bool {
        self.header_len == 0 && self.frame.is_none() && self.message.is_none()
    }

    /// The payload of [`Ready::Message`].
    pub(super) fn message_payload(&self) -> &[u8] {
        self.message
            .as_ref()
            .map_or(&[], |message| &message.payload)
    }

    /// The payload of [`Ready::Control`].
    pub(super) fn control_payload(&self) -> &[u8] {
        &self.control_payload
    }

    /// Heap bytes held, this struct included.
    pub(super) fn heap_bytes(&self) -> usize {
        let message = self
            .message
            .as_ref()
            .map_or(0, |message| message.payload.capacity());
        size_of::<Self>() + message + self.control_payload.capacity()
    }

    /// Reads the next header, of which an earlier input may have brought the first bytes.
    fn take_header(
        &mut self,
        input: &[u8],
        consumed: &mut usize,
        limits: MessageLimits,
    ) -> Result<Option<Frame>, FrameError> {
        let rest = &input[*consumed..];
        let before = usize::from(self.header_len);
        let taken = rest.len().min(CLIENT_HEADER_BYTES_MAX - before);
        self.header[before..before + taken].copy_from_slice(&rest[..taken]);
        let known = &self.header[..before + taken];

        self.check_order(known, limits)?;
        let may_come = match &self.message {
            Some(message) => message
                .bytes_max(limits)
                .saturating_sub(message.payload.len()),
            None => limits.bytes_max,
        };
        let Some(header) = read_header(known, limits.of_frame(may_come))? else {
            // An incomplete header is shorter than the longest, so it took all there was.
            self.header_len = known.len() as u8;
            *consumed = input.len();
            return Ok(None);
        };
        self.header_len = 0;
        let new = header.header_len.checked_sub(before);
        *consumed += new.expect("what was kept is no whole header");
        Frame::new(header).map(Some)
    }

    /// Fragments of one message follow each other, up to their limit, and only control frames come
    /// between.
    ///
    /// Decided by the first byte, before anything else in the header can fail.
    fn check_order(&self, header: &[u8], limits: MessageLimits) -> Result<(), FrameError> {
        let Some(&first) = header.first() else {
            return Ok(());
        };
        let opcode = read_first_byte(first, limits.deflate)?.opcode;
        match (opcode, &self.message) {
            (OpCode::Continuation, Some(message)) if message.frames >= limits.frames_max => {
                Err(FrameError::TooManyFrames)
            }
            (OpCode::Continuation, None) => Err(FrameError::UnexpectedContinuation),
            (OpCode::Text | OpCode::Binary, Some(_)) => Err(FrameError::ExpectedContinuation),
            _ => Ok(()),
        }
    }

    /// Keeps the next bytes of `frame`, and says whether they complete something.
    fn append(
        &mut self,
        frame: Frame,
        is_complete: bool,
        chunk: &[u8],
        limits: MessageLimits,
    ) -> Result<Option<Ready>, FrameError> {
        let kind = match frame.opcode {
            OpCode::Text => MessageKind::Text,
            // `check_order` has seen to it that a continuation finds its message below.
            OpCode::Binary | OpCode::Continuation => MessageKind::Binary,
            OpCode::Close | OpCode::Ping | OpCode::Pong => {
                self.control_payload.extend_from_slice(chunk);
                self.lent = is_complete.then_some(Lent::Control);
                return Ok(is_complete.then_some(Ready::Control(frame.opcode)));
            }
        };
        if chunk.is_empty() && !is_complete {
            // Only the header has come. Without a message to append to, the payload can still be
            // delivered in place if the next input has all of it.
            return Ok(None);
        }
        let message = self.message.get_or_insert_with(|| Assembly {
            kind,
            compressed: frame.compressed,
            utf8: Utf8Validator::default(),
            payload: Vec::new(),
            frames: 0,
        });
        message.append(chunk, message.bytes_max(limits))?;
        if !is_complete {
            return Ok(None);
        }
        message.frames += 1;
        if !frame.fin {
            return Ok(None);
        }
        message.utf8.finish()?;
        self.lent = Some(Lent::Message);
        Ok(Some(if message.compressed {
            Ready::Compressed(message.kind)
        } else {
            Ready::Message(message.kind)
        }))
    }
}

impl Frame {
    fn new(header: FrameHeader) -> Result<Self, FrameError> {
        let payload_len = usize::try_from(header.payload_len);
        Ok(Self {
            fin: header.fin,
            opcode: header.opcode,
            compressed: header.compressed,
            mask: header.mask,
            payload_len: payload_len.map_err(|_| FrameError::MessageTooBig)?,
            received: 0,
        })
    }

    /// Bytes of the payload that are yet to come.
    fn missing(&self) -> usize {
        let missing = self.payload_len.checked_sub(self.received);
        missing.expect("no more is taken than was announced")
    }
}

impl Assembly {
    /// Bytes that may come of it.
    fn bytes_max(&self, limits: MessageLimits) -> usize {
        if self.compressed {
            compressed_len_max(limits.bytes_max)
        } else {
            limits.bytes_max
        }
    }

    fn append(&mut self, chunk: &[u8], bytes_max: usize) -> Result<(), FrameError> {
        if self.kind == MessageKind::Text && !self.compressed {
            self.utf8.feed(chunk)?;
        }
        // Grows with what has arrived, never with what was announced: announcing costs the peer
        // nothing. Doubling keeps a message of many small fragments linear; stopping at the limit
        // keeps the memory of a connection within what the operator was told.
        let needed = self.payload.len() + chunk.len();
        if needed > self.payload.capacity() {
            let doubled = (2 * self.payload.capacity()).min(bytes_max);
            self.payload
                .reserve_exact(needed.max(doubled) - self.payload.len());
        }
        self.payload.extend_from_slice(chunk);
        Ok(())
    }
}
