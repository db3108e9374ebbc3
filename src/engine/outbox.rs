//! What the kernel did not take: whole frames in order, the first possibly part-sent, bounded by bytes.

use std::collections::VecDeque;
use std::rc::Rc;

use super::turn_log::FrameKind;
use crate::base::limits::{BackpressurePolicy, OUTBOX_GATHER_BYTES, OUTBOX_SLICE_OVERHEAD_BYTES};

#[derive(Debug)]
struct Slice {
    bytes: Rc<[u8]>,
    kind: FrameKind,
}

impl Slice {
    fn cost(&self) -> usize {
        self.bytes.len() + OUTBOX_SLICE_OVERHEAD_BYTES
    }

    fn publication_cost(&self) -> usize {
        match self.kind {
            FrameKind::Publication => self.cost(),
            FrameKind::Response | FrameKind::Private | FrameKind::Last | FrameKind::Sealed => 0,
        }
    }
}

/// What became of a frame that was offered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Push {
    /// It is queued.
    Queued,
    /// It is queued, and this many older or newer publications made room for it.
    Replaced(u64),
    /// It is not queued: a publication that the policy drops.
    Dropped,
    /// There is no room and no policy that makes any: the connection must end.
    Overflow,
}

/// The unsent frames of one connection.
///
/// Invariant: `head_sent` < length of the first frame; `bytes` is the cost of all frames, and at
/// most the limit of the last push, except that the one frame the kernel has begun to take is kept
/// whatever its size.
#[derive(Debug, Default)]
pub struct Outbox {
    slices: VecDeque<Slice>,
    head_sent: usize,
    bytes: usize,
    /// The part of `bytes` that publications cost.
    publication_bytes: usize,
}

impl Outbox {
    /// Offers one frame behind those that are queued.
    pub fn push(
        &mut self,
        bytes: Rc<[u8]>,
        kind: FrameKind,
        bytes_max: usize,
        policy: BackpressurePolicy,
    ) -> Push {
        let slice = Slice { bytes, kind };
        let excess = (self.bytes + slice.cost()).saturating_sub(bytes_max);
        if excess == 0 || matches!(kind, FrameKind::Response | FrameKind::Last) {
            self.queue(slice);
            return Push::Queued;
        }
        let is_publication = kind == FrameKind::Publication;
        // Looked at first: nothing is to be dropped for a frame that finds no room all the same.
        let makes_room = excess <= self.droppable_bytes();
        match policy {
            BackpressurePolicy::Close => Push::Overflow,
            BackpressurePolicy::DropNewest if is_publication => Push::Dropped,
            _ if !makes_room && is_publication => Push::Dropped,
            _ if !makes_room => Push::Overflow,
            BackpressurePolicy::DropNewest | BackpressurePolicy::DropOldest => {
                let dropped = self.drop_publications(excess, policy);
                self.queue(slice);
                Push::Replaced(dropped)
            }
        }
    }

    /// Puts a frame of which the kernel has taken the first `sent` bytes before all others: whatever
    /// the limit says, a frame that has begun must be finished, and so must what is sealed. No other
    /// may have begun.
    pub fn push_started(&mut self, bytes: Rc<[u8]>, kind: FrameKind, sent: usize) {
        debug_assert!(self.head_sent == 0 && sent < bytes.len());
        let slice = Slice { bytes, kind };
        self.bytes += slice.cost();
        self.publication_bytes += slice.publication_cost();
        self.slices.push_front(slice);
        self.head_sent = sent;
        self.check_invariants();
    }

    /// Puts sealed bytes behind those that are sealed already, before all else.
    pub fn push_sealed(&mut self, bytes: Rc<[u8]>) {
        let is_sealed = |slice: &Slice| slice.kind == FrameKind::Sealed;
        let sealed = self.slices.iter().take_while(|slice| is_sealed(slice));
        let place = sealed.count();
        debug_assert!(self.head_sent == 0 || place > 0, "a frame has begun");
        let kind = FrameKind::Sealed;
        let slice = Slice { bytes, kind };
        self.bytes += slice.cost();
        self.slices.insert(place, slice);
        self.check_invariants();
    }

    /// What is left of the sealed bytes at the head, if there are any.
    #[must_use]
    pub fn sealed(&self) -> Option<&[u8]> {
        let head = self.slices.front()?;
        (head.kind == FrameKind::Sealed).then(|| &head.bytes[self.head_sent..])
    }

    /// Takes the first frame out, none of which has been sent.
    pub fn pop(&mut self) -> Option<Rc<[u8]>> {
        debug_assert!(self.head_sent == 0, "it has begun");
        let head = self.slices.pop_front()?;
        self.bytes -= head.cost();
        self.publication_bytes -= head.publication_cost();
        Some(head.bytes)
    }

    /// The bytes of the first frame.
    #[must_use]
    pub fn first_len(&self) -> Option<usize> {
        self.slices.front().map(|head| head.bytes.len())
    }

    fn queue(&mut self, slice: Slice) {
        self.bytes += slice.cost();
        self.publication_bytes += slice.publication_cost();
        self.slices.push_back(slice);
        self.check_invariants();
    }

    /// What the whole, unsent publications cost.
    fn droppable_bytes(&self) -> usize {
        let started = self
            .slices
            .front()
            .filter(|head| self.head_sent > 0 && head.kind == FrameKind::Publication);
        self.publication_bytes - started.map_or(0, Slice::cost)
    }

    /// Drops whole publications until `excess` bytes are free; how many those were.
    fn drop_publications(&mut self, excess: usize, policy: BackpressurePolicy) -> u64 {
        let (mut freed, mut dropped) = (0, 0);
        while freed < excess {
            let mut whole = self.first_whole()..self.slices.len();
            let is_publication = |index: &usize| self.slices[*index].kind == FrameKind::Publication;
            let found = match policy {
                BackpressurePolicy::DropNewest => whole.rfind(is_publication),
                BackpressurePolicy::Close | BackpressurePolicy::DropOldest => {
                    whole.find(is_publication)
                }
            };
            let Some(slice) = found.and_then(|index| self.slices.remove(index)) else {
                debug_assert!(false, "there was less to drop than counted");
                break;
            };
            freed += slice.cost();
            dropped += 1;
            self.bytes -= slice.cost();
            self.publication_bytes -= slice.cost();
        }
        dropped
    }

    fn first_whole(&self) -> usize {
        usize::from(self.head_sent > 0)
    }

    /// Puts the next bytes to be sent into `gather`, or yields the first frame's rest itself when
    /// that alone fills a send.
    #[must_use]
    pub fn front<'a>(&'a self, gather: &'a mut Vec<u8>) -> &'a [u8] {
        let Some(head) = self.slices.front() else {
            return &[];
        };
        let rest = &head.bytes[self.head_sent..];
        if self.slices.len() == 1 || rest.len() >= OUTBOX_GATHER_BYTES {
            return rest;
        }
        gather.clear();
        gather.extend_from_slice(rest);
        for slice in self.slices.iter().skip(1) {
            if gather.len() + slice.bytes.len() > OUTBOX_GATHER_BYTES {
                break;
            }
            gather.extend_from_slice(&slice.bytes);
        }
        gather
    }

    /// Takes away what the kernel has taken.
    pub fn advance(&mut self, mut sent: usize) {
        while sent > 0 {
            let Some(head) = self.slices.front() else {
                debug_assert!(false, "sent more than there was");
                return;
            };
            let rest = head.bytes.len() - self.head_sent;
            if sent < rest {
                self.head_sent += sent;
                break;
            }
            sent -= rest;
            self.head_sent = 0;
            self.bytes -= head.cost();
            self.publication_bytes -= head.publication_cost();
            self.slices.pop_front();
        }
        self.check_invariants();
    }

    /// Leaves only what a connection that is being closed still owes: the frame that has begun, what is
    /// sealed, or the response to its request, without which a Close frame would be no answer.
    pub fn truncate_to_started(&mut self) {
        // All that is sealed: what was left out could not be decrypted around.
        let is_sealed = |slice: &Slice| slice.kind == FrameKind::Sealed;
        let is_owed = |head: &Slice| self.head_sent > 0 || head.kind == FrameKind::Response;
        let sealed = self.slices.iter().take_while(|slice| is_sealed(slice));
        let head = usize::from(self.slices.front().is_some_and(is_owed));
        let owed = sealed.count().max(head);
        self.slices.truncate(owed);
        self.bytes = self.slices.iter().map(Slice::cost).sum();
        self.publication_bytes = self.slices.iter().map(Slice::publication_cost).sum();
        self.check_invariants();
    }

    /// Whether everything has been sent.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.slices.is_empty()
    }

    /// What counts against the backpressure limit.
    #[must_use]
    pub fn bytes(&self) -> usize {
        self.bytes
    }

    fn check_invariants(&self) {
        debug_assert!(
            self.slices
                .front()
                .map_or(self.head_sent == 0, |head| self.head_sent
                    < head.bytes.len())
        );
        debug_assert!(
            self.slices.len() > 64
                || self.bytes == self.slices.iter().map(Slice::cost).sum::<usize>()
        );
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use BackpressurePolicy::{Close, DropNewest, DropOldest};
    use FrameKind::{Private, Publication};

    const COST: usize = 4 + OUTBOX_SLICE_OVERHEAD_BYTES;

    fn offer(outbox: &mut Outbox, text: &str, kind: FrameKind, policy: BackpressurePolicy) -> Push {
        outbox.push(Rc::from(text.as_bytes()), kind, 3 * COST, policy)
    }

    fn drain(outbox: &mut Outbox) -> String {
        let (mut text, mut gather) = (String::new(), Vec::new());
        while !outbox.is_empty() {
            let front = outbox.front(&mut gather);
            text.push_str(std::str::from_utf8(front).expect("text"));
            let sent = front.len();
            outbox.advance(sent);
        }
        assert_eq!(outbox.bytes(), 0);
        text
    }

    fn full(kinds: [FrameKind; 3], policy: BackpressurePolicy) -> Outbox {
        let mut outbox = Outbox::default();
        for (text, kind) in ["aaaa", "bbbb", "cccc"].into_iter().zip(kinds) {
            assert_eq!(offer(&mut outbox, text, kind, policy), Push::Queued);
        }
        outbox
    }

    #[test]
    fn close_policy_overflows_at_the_limit() {
        let mut outbox = full([Publication; 3], Close);
        assert_eq!(offer(&mut outbox, "d", Publication, Close), Push::Overflow);
        assert_eq!(offer(&mut outbox, "d", Private, Close), Push::Overflow);
        assert_eq!(drain(&mut outbox), "aaaabbbbcccc");
    }

    #[test]
    fn drop_newest_keeps_the_queue_and_makes_room_for_replies() {
        let mut outbox = full([Publication, Private, Publication], DropNewest);
        assert_eq!(
            offer(&mut outbox, "dddd", Publication, DropNewest),
            Push::Dropped
        );
        assert_eq!(
            offer(&mut outbox, "rrrr", Private, DropNewest),
            Push::Replaced(1)
        );
        assert_eq!(drain(&mut outbox), "aaaabbbbrrrr");
    }

    #[test]
    fn drop_oldest_drops_whole_unsent_publications_only() {
        let mut outbox = full([Publication, Private, Publication], DropOldest);
        outbox.advance(1);
        assert_eq!(
            offer(&mut outbox, "dddd", Publication, DropOldest),
            Push::Replaced(1)
        );
        assert_eq!(
            offer(&mut outbox, "eeee", Publication, DropOldest),
            Push::Replaced(1)
        );
        assert_eq!(drain(&mut outbox), "aaabbbbeeee");
    }

    #[test]
    fn nothing_is_dropped_for_a_frame_that_finds_no_room_all_the_same() {
        let mut outbox = full([Publication, Private, Private], DropOldest);
        let big = "e".repeat(COST + 5);
        assert_eq!(
            offer(&mut outbox, &big, Publication, DropOldest),
            Push::Dropped
        );
        assert_eq!(drain(&mut outbox), "aaaabbbbcccc");
    }

    #[test]
    fn replies_alone_overflow_under_every_policy() {
        for policy in [Close, DropNewest, DropOldest] {
            let mut outbox = full([Private; 3], policy);
            assert_eq!(offer(&mut outbox, "rrrr", Private, policy), Push::Overflow);
            assert_eq!(drain(&mut outbox), "aaaabbbbcccc");
        }
    }

    #[test]
    fn advance_by_every_split_sends_every_byte_once() {
        for step in 1..13 {
            let mut outbox = full([Publication; 3], Close);
            let (mut text, mut gather) = (String::new(), Vec::new());
            while !outbox.is_empty() {
                let front = outbox.front(&mut gather);
                let sent = step.min(front.len());
                text.push_str(std::str::from_utf8(&front[..sent]).expect("text"));
                outbox.advance(sent);
            }
            assert_eq!(text, "aaaabbbbcccc", "step {step}");
        }
    }

    #[test]
    fn truncate_leaves_the_begun_frame_alone() {
        let mut outbox = full([Publication; 3], Close);
        outbox.advance(2);
        outbox.truncate_to_started();
        assert_eq!(drain(&mut outbox), "aa");
        let mut outbox = full([Publication; 3], Close);
        outbox.truncate_to_started();
        assert!(outbox.is_empty());
    }

    #[test]
    fn truncate_leaves_all_that_is_sealed() {
        for begun in [0, 1] {
            let mut outbox = full([Publication; 3], Close);
            outbox.push_started(Rc::from(&b"1111"[..]), FrameKind::Sealed, begun);
            outbox.push_sealed(Rc::from(&b"2222"[..]));
            assert_eq!(outbox.sealed(), Some(&b"1111"[begun..]));
            outbox.truncate_to_started();
            assert_eq!(drain(&mut outbox), &"11112222"[begun..]);
        }
    }

    #[test]
    fn front_gathers_up_to_one_send() {
        let mut outbox = Outbox::default();
        let big: Rc<[u8]> = Rc::from(vec![1; OUTBOX_GATHER_BYTES / 2]);
        for _ in 0..5 {
            outbox.push(Rc::clone(&big), Publication, usize::MAX, Close);
        }
        let mut gather = Vec::new();
        assert_eq!(outbox.front(&mut gather).len(), OUTBOX_GATHER_BYTES);
        let huge: Rc<[u8]> = Rc::from(vec![1; OUTBOX_GATHER_BYTES * 3]);
        let mut outbox = Outbox::default();
        outbox.push(huge, Publication, usize::MAX, Close);
        assert_eq!(outbox.front(&mut gather).len(), OUTBOX_GATHER_BYTES * 3);
    }
}
