//! What the tests of this module share: frames as a client sends them, and a caller of the decoder.

use super::error::FrameError;
use super::mask::unmask_scalar;
use super::message::{Decoder, Event, MessageKind, MessageLimits};

/// An [`Event`] that has outlived its buffer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum OwnedEvent {
    /// A message.
    Message(MessageKind, Vec<u8>),
    /// A compressed message.
    Compressed(MessageKind, Vec<u8>),
    /// A ping.
    Ping(Vec<u8>),
    /// A pong.
    Pong(Vec<u8>),
    /// A close: code and reason.
    Close(Option<(u16, String)>),
}

impl From<Event<'_>> for OwnedEvent {
    fn from(event: Event<'_>) -> Self {
        match event {
            Event::Message { kind, payload } => Self::Message(kind, payload.to_vec()),
            Event::Compressed { kind, payload } => Self::Compressed(kind, payload.to_vec()),
            Event::Ping(payload) => Self::Ping(payload.to_vec()),
            Event::Pong(payload) => Self::Pong(payload.to_vec()),
            Event::Close(close) => {
                Self::Close(close.map(|close| (close.code.0, close.reason.to_owned())))
            }
        }
    }
}

/// The header of a client frame; `first` is its first byte as it stands on the wire.
pub(super) fn client_header(first: u8, payload_len: u64, key: [u8; 4]) -> Vec<u8> {
    let mut header = vec![first];
    match payload_len {
        0..=125 => header.push(0x80 | payload_len as u8),
        126..=0xffff => {
            header.push(0xfe);
            header.extend_from_slice(&(payload_len as u16).to_be_bytes());
        }
        _ => {
            header.push(0xff);
            header.extend_from_slice(&payload_len.to_be_bytes());
        }
    }
    header.extend_from_slice(&key);
    header
}

/// A limit of bytes alone.
pub(super) const fn bytes_limit(bytes_max: usize) -> MessageLimits {
    MessageLimits {
        bytes_max,
        frames_max: u32::MAX,
        deflate: false,
    }
}

/// A client frame with a key that depends on its payload.
pub(super) fn raw_frame(first: u8, payload: &[u8]) -> Vec<u8> {
    let key = [0x37, 0xfa, payload.len() as u8, 0x3d];
    let mut frame = client_header(first, payload.len() as u64, key);
    let header_len = frame.len();
    frame.extend_from_slice(payload);
    unmask_scalar(&mut frame[header_len..], key, 0);
    frame
}

/// Gives the chunks to a new decoder as a connection would; the events, and the error that ended it.
///
/// Checks the decoder's contract on the way: progress with each event, everything consumed without
/// one, nothing owned whenever no frame or message is open.
pub(super) fn events<'c>(
    chunks: impl IntoIterator<Item = &'c [u8]>,
    limits: MessageLimits,
) -> (Vec<OwnedEvent>, Option<FrameError>) {
    let mut decoder = Decoder::default();
    let mut events = Vec::new();
    for chunk in chunks {
        let error = feed(&mut decoder, chunk, limits, &mut events);
        if error.is_some() {
            return (events, error);
        }
    }
    (events, None)
}

/// Gives one chunk to `decoder`, until it asks for more.
pub(super) fn feed(
    decoder: &mut Decoder,
    chunk: &[u8],
    limits: MessageLimits,
    events: &mut Vec<OwnedEvent>,
) -> Option<FrameError> {
    let mut input = chunk.to_vec();
    let mut consumed = 0;
    loop {
        let decoded = match decoder.decode(&mut input[consumed..], limits) {
            Ok(decoded) => decoded,
            Err(error) => return Some(error),
        };
        consumed += decoded.consumed;
        let Some(event) = decoded.event else {
            assert_eq!(consumed, input.len(), "no event, so all is consumed");
            return None;
        };
        events.push(event.into());
    }
}
