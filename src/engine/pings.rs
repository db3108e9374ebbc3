//! Pings in a row: the first are answered each, the rest by one pong.

use crate::base::limits::PONGS_PER_RECV;

/// The pings among the frames of one receive.
#[derive(Debug, Default)]
pub(super) struct Pings {
    answered: usize,
    /// The payload of the last one that waits for an answer: 125 bytes at most.
    waiting: Option<Vec<u8>>,
}

impl Pings {
    /// Whether this ping need not be answered at once, since a later one, or the end of the receive,
    /// brings an answer that serves for both.
    pub(super) fn may_wait(&mut self, payload: &[u8]) -> bool {
        if self.answered < PONGS_PER_RECV {
            self.answered += 1;
            return false;
        }
        let waiting = self.waiting.get_or_insert_default();
        waiting.clear();
        waiting.extend_from_slice(payload);
        true
    }

    /// The payload of the one pong that is still owed.
    pub(super) fn unanswered(&self) -> Option<&[u8]> {
        self.waiting.as_deref()
    }
}
