//! What a shard is going to send at the end of its turn, and to whom.
//!
//! The log holds each frame once: **shared** entries (a publication in one encoding) and
//! **private** ones (a reply). A connection holds no frames, only the number of its list. Lists are
//! interned by extension: "list 7 and then entry 4" is made once, by the first connection that
//! extends list 7 with entry 4; the next thousand find it in list 7's own note. So a delivery costs
//! no hash, no copy and no allocation, connections with equal lists share one contiguous run of
//! bytes, and replies and publications keep their order.
//!
//! ```text
//! bytes    | frame 0 | frame 1 | frame 2 |            one arena, frames in the order of their making
//! lists    0: empty    1: 0+[0]    2: 1+[1]    3: 1+[2]
//! pending  slot 5 -> 2 (sends frames 0,1: one slice of the arena)
//!          slot 9 -> 3 (sends frames 0,2: copied once, for all that have list 3)
//! ```

use std::ops::Range;
use std::rc::Rc;

/// A frame in the log.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct EntryId(u32);

/// What a backpressure policy may do with a frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FrameKind {
    /// An HTTP response: always finds room and is never dropped, as nothing may go out before it.
    Response,
    /// May be dropped, whole and unsent, where the operator chose so.
    Publication,
    /// A reply or a control frame: never dropped.
    Private,
    /// A Close frame: always finds room, as it is the last.
    Last,
    /// What has been through its connection's `wire`: it goes out as it is, before
    /// anything else, since what follows builds upon it.
    Sealed,
}

#[derive(Debug)]
struct Entry {
    span: Range<usize>,
    kind: FrameKind,
    /// The frame on its own, made when the first connection could not send it: what such a
    /// connection keeps must not hold the whole arena in memory.
    kept: Option<Rc<[u8]>>,
}

type ListId = u32;
const EMPTY: ListId = 0;

#[derive(Debug)]
struct List {
    parent: ListId,
    entry: u32,
    /// The list's bytes in the arena, while its frames happen to lie side by side there.
    span: Option<Range<usize>>,
    /// The list's bytes in `batches`, once some connection needed them.
    batch: Option<Range<usize>>,
    /// The last entry this list was extended with, and the list that gave.
    extended: (u32, ListId),
}

const NEVER: (u32, ListId) = (u32::MAX, EMPTY);

/// The frames of one turn and every connection's list of them.
#[derive(Debug)]
pub struct TurnLog {
    bytes: Vec<u8>,
    entries: Vec<Entry>,
    lists: Vec<List>,
    batches: Vec<u8>,
    /// By slot: the connection's list.
    pending: Vec<ListId>,
    /// Slots with a list, in the order in which they got one.
    dirty: Vec<u32>,
    flushed: usize,
}

/// Capacity that the arena and the batches keep from turn to turn; a burst's memory is given back.
const KEPT_CAPACITY_BYTES: usize = 1024 * 1024;

/// The same for entries and lists, which are many when many come at once.
const KEPT_CAPACITY: usize = 4_096;

impl Default for TurnLog {
    fn default() -> Self {
        Self {
            bytes: Vec::new(),
            entries: Vec::new(),
            lists: vec![List {
                parent: EMPTY,
                entry: u32::MAX,
                span: None,
                batch: None,
                extended: NEVER,
            }],
            batches: Vec::new(),
            pending: Vec::new(),
            dirty: Vec::new(),
            flushed: 0,
        }
    }
}

impl TurnLog {
    /// Adds one frame, written by `write` at the end of the given buffer.
    pub fn write(&mut self, kind: FrameKind, write: impl FnOnce(&mut Vec<u8>)) -> EntryId {
        let entry = self.write_some(kind, |out| {
            write(out);
            true
        });
        entry.expect("it was written")
    }

    /// The same, unless `write` says that it has written nothing.
    pub(super) fn write_some(
        &mut self,
        kind: FrameKind,
        write: impl FnOnce(&mut Vec<u8>) -> bool,
    ) -> Option<EntryId> {
        let start = self.bytes.len();
        if !write(&mut self.bytes) {
            debug_assert_eq!(self.bytes.len(), start, "nothing was to be written");
            return None;
        }
        debug_assert!(self.bytes.len() > start, "a frame has at least its header");
        self.entries.push(Entry {
            span: start..self.bytes.len(),
            kind,
            kept: None,
        });
        let index = u32::try_from(self.entries.len() - 1).expect("frames of one turn fit 32 bits");
        Some(EntryId(index))
    }

    /// Adds an entry to the end of a connection's list.
    ///
    /// Cost: two loads and a store when another connection had the same list before.
    #[inline]
    pub fn append(&mut self, slot: u32, entry: EntryId) {
        let index = slot as usize;
        if index >= self.pending.len() {
            self.pending.resize(index + 1, EMPTY);
        }
        let list = self.pending[index];
        if list == EMPTY {
            self.dirty.push(slot);
        }
        let (last_entry, extended) = self.lists[list as usize].extended;
        self.pending[index] = if last_entry == entry.0 {
            extended
        } else {
            self.extend(list, entry)
        };
    }

    fn extend(&mut self, list: ListId, entry: EntryId) -> ListId {
        let extended = ListId::try_from(self.lists.len()).expect("lists of one turn fit 32 bits");
        let added = &self.entries[entry.0 as usize].span;
        let parent = &mut self.lists[list as usize];
        parent.extended = (entry.0, extended);
        let span = if list == EMPTY {
            Some(added.clone())
        } else {
            let adjacent = parent.span.as_ref().filter(|span| span.end == added.start);
            adjacent.map(|span| span.start..added.end)
        };
        self.lists.push(List {
            parent: list,
            entry: entry.0,
            span,
            batch: None,
            extended: NEVER,
        });
        extended
    }

    /// The next connection to be flushed and its list, which is taken from it.
    pub fn next_dirty(&mut self) -> Option<(u32, Pending)> {
        loop {
            let slot = *self.dirty.get(self.flushed)?;
            self.flushed += 1;
            let list = std::mem::replace(&mut self.pending[slot as usize], EMPTY);
            if list != EMPTY {
                return Some((slot, Pending(list)));
            }
        }
    }

    /// How often a connection without a list has got one in this turn.
    pub(super) fn dirty_count(&self) -> usize {
        self.dirty.len()
    }

    /// The slots that [`next_dirty`](Self::next_dirty) comes to next, `max` at most. Some of them may have nothing to be
    /// sent any more.
    pub(super) fn next_slots(&self, max: usize) -> &[u32] {
        let end = self.dirty.len().min(self.flushed + max);
        &self.dirty[self.flushed..end]
    }

    /// Gives a list back that was taken and is to wait until [`release`](Self::release).
    pub(super) fn hold(&mut self, slot: u32, list: Pending) {
        self.pending[slot as usize] = list.0;
    }

    /// Puts connections whose lists have waited behind those that are to be flushed.
    pub(super) fn release(&mut self, slots: impl Iterator<Item = u32>) {
        self.dirty.extend(slots);
    }

    /// Whether some connection has something to be sent.
    #[must_use]
    pub fn is_dirty(&self) -> bool {
        self.flushed < self.dirty.len()
    }

    /// Whether this connection has something to be sent.
    #[must_use]
    pub fn has_pending(&self, slot: u32) -> bool {
        self.pending
            .get(slot as usize)
            .is_some_and(|list| *list != EMPTY)
    }

    /// Forgets what a connection was to be sent: it has ended.
    pub fn discard(&mut self, slot: u32) {
        if let Some(list) = self.pending.get_mut(slot as usize) {
            *list = EMPTY;
        }
    }

    /// Takes a connection's list away to keep what is in it otherwise.
    pub fn take(&mut self, slot: u32) -> Option<Pending> {
        let list = self.pending.get_mut(slot as usize)?;
        let list = std::mem::replace(list, EMPTY);
        (list != EMPTY).then_some(Pending(list))
    }

    /// Sees to it that a list's bytes lie in one piece; they are copied together at most once, whoever has it.
    pub fn join(&mut self, pending: Pending) {
        let list = &self.lists[pending.0 as usize];
        if list.span.is_some() || list.batch.is_some() {
            return;
        }
        let start = self.batches.len();
        for entry in self.entries_of(pending) {
            let span = self.entries[entry.0 as usize].span.clone();
            self.batches.extend_from_slice(&self.bytes[span]);
        }
        self.lists[pending.0 as usize].batch = Some(start..self.batches.len());
    }

    /// The bytes of a list that has been [joined](Self::join).
    #[must_use]
    pub fn joined(&self, pending: Pending) -> &[u8] {
        let list = &self.lists[pending.0 as usize];
        match (&list.span, &list.batch) {
            (Some(span), _) => &self.bytes[span.clone()],
            (None, Some(batch)) => &self.batches[batch.clone()],
            (None, None) => panic!("a list is joined before its bytes are looked at"),
        }
    }

    /// A list's entries, first one first.
    #[must_use]
    pub fn entries_of(&self, pending: Pending) -> Vec<EntryId> {
        let mut entries = Vec::new();
        let mut list = pending.0;
        while list != EMPTY {
            entries.push(EntryId(self.lists[list as usize].entry));
            list = self.lists[list as usize].parent;
        }
        entries.reverse();
        entries
    }

    /// An entry's frame.
    #[must_use]
    pub fn frame(&self, entry: EntryId) -> &[u8] {
        &self.bytes[self.entries[entry.0 as usize].span.clone()]
    }

    /// The bytes of an entry's frame.
    #[must_use]
    pub fn len_of(&self, entry: EntryId) -> usize {
        self.entries[entry.0 as usize].span.len()
    }

    /// An entry as a frame of its own that outlives the turn, shared by all who keep it.
    pub fn keep(&mut self, entry: EntryId) -> (Rc<[u8]>, FrameKind) {
        let entry = &mut self.entries[entry.0 as usize];
        let bytes = &self.bytes[entry.span.clone()];
        let kept = entry.kept.get_or_insert_with(|| Rc::from(bytes));
        (Rc::clone(kept), entry.kind)
    }

    /// Bytes held for sending: what bounds a turn.
    #[must_use]
    pub fn bytes(&self) -> usize {
        self.bytes.len() + self.batches.len()
    }

    /// Forgets who has been flushed, and keeps what those have that wait.
    pub(super) fn rest(&mut self) {
        debug_assert!(!self.is_dirty(), "somebody would be forgotten");
        self.dirty.clear();
        self.flushed = 0;
    }

    /// Starts afresh once every list has been taken.
    pub fn clear(&mut self) {
        self.rest();
        self.bytes.clear();
        self.bytes.shrink_to(KEPT_CAPACITY_BYTES);
        self.batches.clear();
        self.batches.shrink_to(KEPT_CAPACITY_BYTES);
        self.entries.clear();
        self.entries.shrink_to(KEPT_CAPACITY);
        self.lists.truncate(1);
        self.lists.shrink_to(KEPT_CAPACITY);
        self.lists[0].extended = NEVER;
    }
}

/// A connection's list, taken for sending; means something until the log is cleared.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Pending(ListId);

#[cfg(test)]
mod tests {
    use super::*;

    fn frame(log: &mut TurnLog, text: &str) -> EntryId {
        log.write(FrameKind::Publication, |out| {
            out.extend_from_slice(text.as_bytes());
        })
    }

    fn flush(log: &mut TurnLog) -> Vec<(u32, String)> {
        let mut sent = Vec::new();
        while let Some((slot, list)) = log.next_dirty() {
            log.join(list);
            let text = String::from_utf8(log.joined(list).to_vec()).expect("text");
            sent.push((slot, text));
        }
        log.clear();
        sent
    }

    #[test]
    fn equal_lists_are_one_list() {
        let mut log = TurnLog::default();
        for text in ["a", "b", "c"] {
            let entry = frame(&mut log, text);
            (0..100).for_each(|slot| log.append(slot, entry));
        }
        assert_eq!(log.lists.len(), 1 + 3);
        assert!(flush(&mut log).iter().all(|(_, text)| text == "abc"));
        assert!(log.batches.is_empty(), "adjacent frames are not copied");
    }

    #[test]
    fn replies_and_publications_keep_their_order_for_each_connection() {
        let mut log = TurnLog::default();
        let first = frame(&mut log, "1");
        log.append(0, first);
        log.append(1, first);
        let reply = log.write(FrameKind::Private, |out| out.push(b'r'));
        log.append(1, reply);
        let second = frame(&mut log, "2");
        (0..3).for_each(|slot| log.append(slot, second));
        assert_eq!(
            flush(&mut log),
            [(0, "12".into()), (1, "1r2".into()), (2, "2".into())]
        );
    }

    #[test]
    fn copied_batch_is_made_once_for_all_that_share_it() {
        let mut log = TurnLog::default();
        let [a, _, c] = ["a", "b", "c"].map(|text| frame(&mut log, text));
        for slot in 0..10 {
            log.append(slot, a);
        }
        for slot in 0..10 {
            log.append(slot, c);
        }
        assert!(flush(&mut log).iter().all(|(_, text)| text == "ac"));
        assert_eq!(log.batches.len(), 0);
    }

    #[test]
    fn discarded_connection_sends_nothing_and_its_slot_can_be_used_again() {
        let mut log = TurnLog::default();
        let entry = frame(&mut log, "x");
        log.append(4, entry);
        log.discard(4);
        assert!(!log.has_pending(4));
        let entry = frame(&mut log, "y");
        log.append(4, entry);
        assert_eq!(flush(&mut log), [(4, "y".into())]);
    }

    #[test]
    fn kept_frame_is_shared_and_outlives_the_turn() {
        let mut log = TurnLog::default();
        let entry = frame(&mut log, "kept");
        log.append(0, entry);
        let (one, kind) = log.keep(entry);
        let (two, _) = log.keep(entry);
        assert!(Rc::ptr_eq(&one, &two));
        flush(&mut log);
        assert_eq!((&*one, kind), (&b"kept"[..], FrameKind::Publication));
    }
}
