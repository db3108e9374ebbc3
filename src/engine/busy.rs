//! A connection that cannot handle its next message yet, and the messages that wait for it.

use super::actions::{Actions, Publish};
use super::decider::Verdict;
use crate::base::limits::PARKED_BYTES_MAX;
use crate::codec::ws::CloseCode;
use crate::codec::ws::MessageKind;

/// What a connection is waiting for, what it was about to do, and what has come since.
///
/// Boxed: only connections that wait have one.
#[derive(Debug, Default)]
pub(super) struct Busy {
    /// `None` while the parked messages are being worked off.
    pub(super) wait: Option<Wait>,
    /// The actions behind the one that waits.
    pub(super) rest: Actions<'static>,
    /// What has been decided along with the question before, for these actions.
    pub(super) decided: Vec<(String, Verdict)>,
    /// The messages behind that one.
    pub(super) parked: Parked,
    /// How the peer has ended it; what it sent before is still to be done.
    pub(super) peer_end: Option<PeerEnd>,
}

/// How a peer says that it will send nothing more.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum PeerEnd {
    /// A Close frame, with or without a code.
    Close(Option<CloseCode>),
    /// The end of its stream.
    Eof,
}

impl Busy {
    /// Whether more must not be read from the connection for now.
    pub(super) fn must_pause(&self) -> bool {
        let must_wait = matches!(self.wait, Some(Wait::Room { .. } | Wait::Turn { .. }));
        must_wait || self.parked.len() >= PARKED_BYTES_MAX
    }
}

/// What must come before a connection can go on.
#[derive(Debug)]
pub(super) enum Wait {
    /// A decision of the control plane.
    Decision {
        ticket: u32,
        deadline_ms: u64,
        request: Request,
    },
    /// Room in another shard's mailbox for the publication that was accepted. The publication
    /// itself is with the shard, so that it arrives even if its publisher goes away. `topic` is what
    /// the publisher is to be told about, if anything.
    Room { topic: Option<Box<str>> },
    /// The turn of the others: what it has sent was much work.
    Turn { until_ms: u64 },
}

impl Wait {
    /// Whether what came before it counts although its sender has gone.
    pub(super) fn outlasts_peer(&self) -> bool {
        matches!(self, Self::Room { .. } | Self::Turn { .. })
    }
}

/// Whether a message is still compressed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Form {
    Plain,
    Compressed,
}

/// What is being decided.
#[derive(Debug)]
pub(super) enum Request {
    /// To the first of these; the actions behind it want the others.
    Subscribe(Vec<String>),
    Publish(Publish<'static>, Gate),
    Authenticate,
    Message,
}

/// The questions that a publish must pass, in order.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Gate {
    Access,
    Publish,
}

/// Messages in the order of their arrival, in one piece of memory: a flood of tiny ones costs about
/// what it cost on the wire.
#[derive(Debug, Default)]
pub(super) struct Parked {
    bytes: Vec<u8>,
    taken: usize,
}

const RECORD_HEAD: usize = 5;
const TEXT_BIT: u8 = 1;
const COMPRESSED_BIT: u8 = 2;

impl Parked {
    pub(super) fn push(&mut self, kind: MessageKind, form: Form, payload: &[u8]) {
        let len = u32::try_from(payload.len()).expect("messages are below the message limit");
        let text = u8::from(kind == MessageKind::Text) * TEXT_BIT;
        let compressed = u8::from(form == Form::Compressed) * COMPRESSED_BIT;
        self.bytes.push(text | compressed);
        self.bytes.extend_from_slice(&len.to_le_bytes());
        self.bytes.extend_from_slice(payload);
    }

    pub(super) fn next(&mut self) -> Option<(MessageKind, Form, &[u8])> {
        let head = self.bytes.get(self.taken..self.taken + RECORD_HEAD)?;
        let kind = if head[0] & TEXT_BIT != 0 {
            MessageKind::Text
        } else {
            MessageKind::Binary
        };
        let form = if head[0] & COMPRESSED_BIT != 0 {
            Form::Compressed
        } else {
            Form::Plain
        };
        let len = u32::from_le_bytes(head[1..].try_into().expect("four bytes")) as usize;
        let start = self.taken + RECORD_HEAD;
        self.taken = start + len;
        Some((kind, form, &self.bytes[start..start + len]))
    }

    /// Bytes that still wait.
    pub(super) fn len(&self) -> usize {
        self.bytes.len() - self.taken
    }

    /// Gives the memory of what was taken back, once that is worth the move.
    pub(super) fn compact(&mut self) {
        if self.taken > self.bytes.len() / 2 {
            self.bytes.drain(..self.taken);
            self.taken = 0;
            self.bytes.shrink_to(2 * self.bytes.len());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parked_messages_come_back_in_order() {
        let mut parked = Parked::default();
        let one = (MessageKind::Text, Form::Plain, &b"one"[..]);
        let two = (MessageKind::Binary, Form::Compressed, &b""[..]);
        let three = (MessageKind::Text, Form::Compressed, &b"three"[..]);
        for (kind, form, payload) in [one, two] {
            parked.push(kind, form, payload);
        }
        assert_eq!(parked.next(), Some(one));
        parked.compact();
        parked.push(three.0, three.1, three.2);
        assert_eq!(parked.next(), Some(two));
        assert_eq!(parked.next(), Some(three));
        assert_eq!(parked.next(), None);
        assert_eq!(parked.len(), 0);
    }
}
