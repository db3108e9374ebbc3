//! Messages out of frames: the decoder that each connection has.

use super::close::{CloseFrame, parse_close};
use super::error::FrameError;
use super::frame::{HeaderLimits, OpCode, is_unfragmented, read_header};
use super::in_flight::{InFlight, Ready};
use super::mask::unmask;

/// What a message's payload is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum MessageKind {
    /// UTF-8, checked.
    Text,
    /// Any bytes.
    Binary,
}

impl From<MessageKind> for OpCode {
    fn from(kind: MessageKind) -> Self {
        match kind {
            MessageKind::Text => Self::Text,
            MessageKind::Binary => Self::Binary,
        }
    }
}

/// Something the peer said, whole and unmasked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Event<'a> {
    /// A message, put together if it came in fragments.
    Message {
        /// Text or binary.
        kind: MessageKind,
        /// Its bytes; valid UTF-8 if `kind` is text.
        payload: &'a [u8],
    },
    /// The same, compressed: an [`Inflater`](super::deflate::Inflater) opens it, and nothing of what
    /// is inside has been checked.
    Compressed {
        /// What it is once it is opened.
        kind: MessageKind,
        /// Its compressed bytes.
        payload: &'a [u8],
    },
    /// A ping: to be answered with a pong of the same payload (125 bytes at most).
    Ping(&'a [u8]),
    /// A pong.
    Pong(&'a [u8]),
    /// The peer's last frame, with the code and reason it gave, if any. The decoder does not refuse
    /// what comes after; whoever closes the connection stops calling it.
    Close(Option<CloseFrame<'a>>),
}

/// What one message may be, whoever sends it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MessageLimits {
    /// Bytes of payload after reassembly, inclusive. Of a compressed message
    /// [`compressed_len_max`](super::deflate::compressed_len_max) may come; whoever opens it heeds this.
    pub bytes_max: usize,
    /// Frames, inclusive. Empty ones add no bytes, so without this a message need never end.
    pub frames_max: u32,
    /// Whether messages may be compressed: it has been agreed on.
    pub deflate: bool,
}

impl MessageLimits {
    /// Those of a frame, when `bytes` of a message may still come.
    #[inline]
    pub(super) fn of_frame(self, bytes: usize) -> HeaderLimits {
        HeaderLimits {
            payload_len_max: bytes as u64,
            deflate: self.deflate,
        }
    }
}

/// What one call of [`Decoder::decode`] did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Decoded<'a> {
    /// Bytes of the input that are done with; the next call begins after them.
    pub consumed: usize,
    /// What they brought to an end; `None` when all of the input is consumed and more is needed.
    pub event: Option<Event<'a>>,
}

/// Turns the bytes of one client into events.
///
/// An idle connection owns nothing: state exists only while a frame or a message is incomplete, and
/// then in one box, so that 100,000 idle decoders are 100,000 null pointers.
#[derive(Debug, Default)]
pub struct Decoder {
    in_flight: Option<Box<InFlight>>,
}

const _: () = assert!(size_of::<Decoder>() <= 8);

impl Decoder {
    /// Takes input up to the next event.
    ///
    /// The caller calls again with what follows the `consumed` bytes, **until `event` is `None`**;
    /// then all has been consumed and the buffer may be reused. That last call, which may well be
    /// one with an empty rest, also releases the memory of a message that was put together.
    ///
    /// A frame that lies in `input` as a whole is unmasked where it lies, and its event borrows from
    /// there: no copy, no allocation. What comes in pieces is unmasked and, if text, checked as it
    /// arrives, and kept in memory that grows with what has arrived, not with what is announced.
    /// Control frames are delivered when they come, also between the fragments of a message.
    ///
    /// The limits are checked at each header.
    ///
    /// # Errors
    ///
    /// Any [`FrameError`]. The connection is to be closed with [`FrameError::close_code`], and the
    /// decoder, whose further results would mean nothing, to be dropped. The same bytes give the
    /// same events and the same error whichever way they are split.
    ///
    /// # Examples
    ///
    /// ```
    /// use shardcast::codec::ws::{Decoder, Event, FrameError, MessageKind, MessageLimits};
    ///
    /// // "hi" as text, masked with 1 2 3 4, then the first bytes of a ping.
    /// let mut buffer = [0x81, 0x82, 1, 2, 3, 4, b'h' ^ 1, b'i' ^ 2, 0x89, 0x80];
    /// let mut decoder = Decoder::default();
    /// let limits = MessageLimits { bytes_max: 1024, frames_max: 16, deflate: false };
    /// let mut consumed = 0;
    /// loop {
    ///     let decoded = decoder.decode(&mut buffer[consumed..], limits)?;
    ///     consumed += decoded.consumed;
    ///     match decoded.event {
    ///         Some(Event::Message { kind, payload }) => {
    ///             assert_eq!((kind, payload), (MessageKind::Text, &b"hi"[..]));
    ///         }
    ///         Some(event) => unreachable!("{event:?} has not come whole"),
    ///         None => break,
    ///     }
    /// }
    /// assert_eq!(consumed, buffer.len());
    ///
    /// let mut rest = [5, 6, 7, 8];
    /// assert_eq!(decoder.decode(&mut rest, limits)?.event, Some(Event::Ping(&[])));
    /// # Ok::<(), FrameError>(())
    /// ```
    pub fn decode<'a>(
        &'a mut self,
        input: &'a mut [u8],
        limits: MessageLimits,
    ) -> Result<Decoded<'a>, FrameError> {
        if self.in_flight.is_none() {
            let Some(&first) = input.first() else {
                return Ok(Decoded {
                    consumed: 0,
                    event: None,
                });
            };
            if is_unfragmented(first)
                && let Some(header) = read_header(input, limits.of_frame(limits.bytes_max))?
                && let Some(consumed) = header.frame_len()
                && consumed <= input.len()
            {
                let payload = &mut input[header.header_len..consumed];
                unmask(payload, header.mask, 0);
                let event = Some(whole_frame(header.opcode, header.compressed, payload)?);
                return Ok(Decoded { consumed, event });
            }
        }
        self.decode_in_pieces(input, limits)
    }

    /// Heap bytes held for what is incomplete; 0 when idle.
    #[must_use]
    pub fn buffered_bytes(&self) -> usize {
        self.in_flight
            .as_ref()
            .map_or(0, |in_flight| in_flight.heap_bytes())
    }

    /// The way of everything that is not one whole frame in an otherwise idle connection.
    ///
    /// Kept out of line: the registers it needs would be saved on the short way as well, which is
    /// worth a few nanoseconds at most (`benches/frame_header.rs`).
    #[inline(never)]
    fn decode_in_pieces<'a>(
        &'a mut self,
        input: &'a mut [u8],
        limits: MessageLimits,
    ) -> Result<Decoded<'a>, FrameError> {
        if let Some(in_flight) = &mut self.in_flight
            && in_flight.release_lent()
        {
            self.in_flight = None;
            // Back on the short way, which the box would have barred.
            return self.decode(input, limits);
        }
        let in_flight = self.in_flight.get_or_insert_default();
        let (consumed, ready) = in_flight.advance(input, limits)?;
        let event = match ready {
            None => None,
            Some(Ready::InPlace {
                opcode,
                compressed,
                payload,
            }) => Some(whole_frame(opcode, compressed, &input[payload])?),
            Some(Ready::Control(opcode)) => {
                Some(whole_frame(opcode, false, in_flight.control_payload())?)
            }
            // Its text was checked as it arrived.
            Some(Ready::Message(kind)) => Some(Event::Message {
                kind,
                payload: in_flight.message_payload(),
            }),
            Some(Ready::Compressed(kind)) => Some(Event::Compressed {
                kind,
                payload: in_flight.message_payload(),
            }),
        };
        Ok(Decoded { consumed, event })
    }
}

/// The event of a frame that needs no other.
#[inline]
fn whole_frame(opcode: OpCode, compressed: bool, payload: &[u8]) -> Result<Event<'_>, FrameError> {
    match opcode {
        OpCode::Text if compressed => {
            let kind = MessageKind::Text;
            Ok(Event::Compressed { kind, payload })
        }
        OpCode::Binary if compressed => {
            let kind = MessageKind::Binary;
            Ok(Event::Compressed { kind, payload })
        }
        OpCode::Text => {
            std::str::from_utf8(payload).map_err(|_| FrameError::InvalidUtf8)?;
            let kind = MessageKind::Text;
            Ok(Event::Message { kind, payload })
        }
        OpCode::Binary => {
            let kind = MessageKind::Binary;
            Ok(Event::Message { kind, payload })
        }
        OpCode::Continuation => Err(FrameError::UnexpectedContinuation),
        OpCode::Close => Ok(Event::Close(parse_close(payload)?)),
        OpCode::Ping => Ok(Event::Ping(payload)),
        OpCode::Pong => Ok(Event::Pong(payload)),
    }
}

#[cfg(test)]
mod tests;
