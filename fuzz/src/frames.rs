//! The stream of frames, as any bytes.

use shardcast::codec::ws::deflate::compressed_len_max;
use shardcast::codec::ws::frame::CONTROL_PAYLOAD_BYTES_MAX;
use shardcast::codec::ws::{CloseCode, Decoder, Event, FrameError, MessageKind, MessageLimits};

use crate::pieces::cut;

/// Limits that small inputs can break, and limits that they cannot.
const LIMITS: [MessageLimits; 2] = [
    MessageLimits {
        bytes_max: 300,
        frames_max: 5,
        deflate: false,
    },
    MessageLimits {
        bytes_max: 1 << 20,
        frames_max: u32::MAX,
        deflate: true,
    },
];

/// What an idle decoder may grow by whatever is sent: its box, a control frame, an allocator's least.
const STATE_BYTES_MAX: usize = 1_024;

/// An [`Event`] that has outlived its buffer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Owned {
    Message(MessageKind, Vec<u8>),
    Compressed(MessageKind, Vec<u8>),
    Ping(Vec<u8>),
    Pong(Vec<u8>),
    Close(Option<(u16, String)>),
}

/// Decodes `data` as what a client sent after its handshake.
///
/// - However it is split, it gives the same events and the same error.
/// - Events keep the promises of their types: text is UTF-8, messages are within the limit, control
///   frames are short, close codes may travel.
/// - Memory grows with what has arrived, not with what is announced, and not past the limit.
pub fn frames(data: &[u8]) {
    for limits in LIMITS {
        let whole = decode(&[data], limits);
        assert_eq!(decode(&cut(data, 1), limits), whole, "byte by byte");
        assert_eq!(decode(&cut(data, 16), limits), whole, "in small pieces");
        assert_eq!(decode(&cut(data, 200), limits), whole, "in pieces");
    }
}

/// Gives the pieces to a new decoder as a connection would: the events, and the error that ended it.
pub(crate) fn decode(pieces: &[&[u8]], limits: MessageLimits) -> (Vec<Owned>, Option<FrameError>) {
    decode_with(&mut Decoder::default(), pieces, limits)
}

pub(crate) fn decode_with(
    decoder: &mut Decoder,
    pieces: &[&[u8]],
    limits: MessageLimits,
) -> (Vec<Owned>, Option<FrameError>) {
    let mut events = Vec::new();
    let mut arrived = 0;
    for piece in pieces {
        arrived += piece.len();
        let mut input = piece.to_vec();
        let mut position = 0;
        loop {
            let decoded = match decoder.decode(&mut input[position..], limits) {
                Ok(decoded) => decoded,
                Err(error) => return (events, Some(error)),
            };
            position += decoded.consumed;
            let Some(event) = decoded.event else {
                break;
            };
            events.push(own(event, limits));
        }
        assert_eq!(position, input.len(), "no event, so all is consumed");
        let kept = decoder.buffered_bytes();
        // A vector that grows by doubling has up to twice what it holds.
        let kept_max = STATE_BYTES_MAX + limits.bytes_max.min(2 * arrived);
        assert!(kept <= kept_max, "{kept} kept of {arrived}");
    }
    (events, None)
}

fn own(event: Event<'_>, limits: MessageLimits) -> Owned {
    let control = |payload: &[u8]| {
        assert!(payload.len() <= CONTROL_PAYLOAD_BYTES_MAX);
        payload.to_vec()
    };
    match event {
        Event::Message { kind, payload } => {
            assert!(payload.len() <= limits.bytes_max);
            assert!(kind == MessageKind::Binary || std::str::from_utf8(payload).is_ok());
            Owned::Message(kind, payload.to_vec())
        }
        Event::Compressed { kind, payload } => {
            assert!(limits.deflate && payload.len() <= compressed_len_max(limits.bytes_max));
            Owned::Compressed(kind, payload.to_vec())
        }
        Event::Ping(payload) => Owned::Ping(control(payload)),
        Event::Pong(payload) => Owned::Pong(control(payload)),
        Event::Close(close) => Owned::Close(close.map(|close| {
            assert!(CloseCode::is_valid_on_wire(close.code), "{}", close.code);
            control(close.reason.as_bytes());
            (close.code.0, close.reason.to_owned())
        })),
    }
}
