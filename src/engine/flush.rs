//! The end of a turn: every connection's list goes out in one send, and what the kernel does not
//! take is kept.

use super::conn::Phase;
use super::disconnect::{Cause, Disconnect};
use super::outbox::{Outbox, Push};
use super::shard::Shard;
use super::turn_log::{EntryId, FrameKind, Pending};
use crate::base::io::{SendOutcome, SocketOp};
use crate::base::limits::{BackpressurePolicy, SENDS_AT_ONCE, TURN_LOG_BYTES_HIGH};
use crate::base::slab::Key;
use crate::base::time::Now;
use crate::codec::ws::write_close;

/// Connections that are looked at together before they are sent to.
const LOOK_AHEAD: usize = 16;

/// Where a shard's bytes go.
pub trait Sink {
    /// Sends what can be sent without waiting.
    fn send(&mut self, conn: Key, bytes: &[u8]) -> SendOutcome;

    /// The same for what nothing follows but the connection's end, which comes soon: it may be held back until then.
    fn send_last(&mut self, conn: Key, bytes: &[u8]) -> SendOutcome {
        self.send(conn, bytes)
    }

    /// The same as `send` for several, each connection once; adds the outcome of each to `outcomes`, in their order.
    fn send_all<'a>(
        &mut self,
        sends: impl ExactSizeIterator<Item = (Key, &'a [u8])>,
        outcomes: &mut Vec<SendOutcome>,
    ) {
        outcomes.extend(sends.map(|(conn, bytes)| self.send(conn, bytes)));
    }
}

impl Shard {
    /// Sends what this turn has gathered, at most `sends_max` sends unless the log has grown large.
    ///
    /// Returns whether everything has been handled; otherwise the next turn goes on.
    pub fn flush(&mut self, now: Now, sink: &mut impl Sink, sends_max: usize) -> bool {
        let mut sends_left = sends_max;
        while let Some(key) = self.writable.pop_front() {
            self.flush_outbox(key, sink);
            sends_left = sends_left.saturating_sub(1);
        }
        self.delay.open(now, self.wants_flush(), &mut self.log);
        while self.log.is_dirty() {
            let room = if self.wants_flush() {
                usize::MAX
            } else {
                sends_left
            };
            if room == 0 {
                return false;
            }
            let sends = self.gather_sends(now, room.min(SENDS_AT_ONCE), sink);
            self.send_gathered(now, sink);
            sends_left = sends_left.saturating_sub(sends);
        }
        if self.delay.close(now) {
            self.log.clear();
        } else {
            self.log.rest();
        }
        true
    }

    /// When [`flush`](Self::flush) must be called at the latest, for those whose messages wait for
    /// each other.
    #[must_use]
    pub fn flush_due_ms(&self) -> Option<u64> {
        self.delay.due_ms()
    }

    /// Whether so much is waiting to be sent that a flush should not wait for the turn's end.
    #[must_use]
    pub fn wants_flush(&self) -> bool {
        self.log.bytes() >= TURN_LOG_BYTES_HIGH
    }

    /// Has the memory of the next connections fetched into the caches, all at the same time: one after the
    /// other, each send would wait for its own. Returns how many those are.
    fn look_ahead(&self) -> usize {
        let slots = self.log.next_slots(LOOK_AHEAD);
        let mut seen = 0;
        for slot in slots {
            if let Some(conn) = self.conns.at(*slot) {
                let parts = [conn.outbox.is_some(), conn.wire.is_some(), conn.is_open()];
                seen += parts.into_iter().filter(|part| *part).count();
            }
        }
        std::hint::black_box(seen);
        slots.len()
    }

    /// Gathers lists to be sent, as many as there is room for; how many sends those are, with what had to be
    /// sent or kept meanwhile.
    ///
    /// Each connection is there once, since what follows on a send that was cut short must wait: so when
    /// something new is to be sent to anybody, that is for the next time.
    fn gather_sends(&mut self, now: Now, room: usize, sink: &mut impl Sink) -> usize {
        let (mut sends, mut looked_at) = (0, 0);
        let dirty = self.log.dirty_count();
        while sends < room && self.log.is_dirty() && self.log.dirty_count() == dirty {
            if looked_at == 0 {
                looked_at = self.look_ahead();
            }
            looked_at -= 1;
            if let Some((slot, list)) = self.log.next_dirty()
                && self.flush_list(now, slot, list, sink)
            {
                sends += 1;
            }
        }
        sends
    }

    /// Sends what is gathered, all of it at once.
    fn send_gathered(&mut self, now: Now, sink: &mut impl Sink) {
        let mut gathered = std::mem::take(&mut self.gathered);
        let mut outcomes = std::mem::take(&mut self.outcomes);
        let log = &self.log;
        let sends = gathered.iter().map(|(key, list)| (*key, log.joined(*list)));
        sink.send_all(sends, &mut outcomes);
        for ((key, list), outcome) in gathered.drain(..).zip(outcomes.drain(..)) {
            self.handle_sent(now, key, list, outcome);
        }
        self.gathered = gathered;
        self.outcomes = outcomes;
    }

    fn handle_sent(&mut self, now: Now, key: Key, list: Pending, outcome: SendOutcome) {
        match outcome {
            SendOutcome::Sent(sent) => {
                self.count_send(sent);
                if sent == self.log.joined(list).len() {
                    self.finish(key);
                } else {
                    self.keep_from(now, key, list, sent);
                }
            }
            SendOutcome::Blocked => self.keep_from(now, key, list, 0),
            SendOutcome::Failed => self.fail(key),
        }
    }

    /// Has a list sent, or keeps it where it cannot be; `false` if it must wait.
    fn flush_list(&mut self, now: Now, slot: u32, list: Pending, sink: &mut impl Sink) -> bool {
        let Some(key) = self.conns.key_at(slot) else {
            return true;
        };
        let Some(conn) = self.conns.get(key) else {
            return true;
        };
        if conn.outbox.is_some() {
            self.keep_from(now, key, list, 0);
            return true;
        }
        if self.delay.holds(conn.endpoint, slot) {
            self.log.hold(slot, list);
            return false;
        }
        // Where TLS is spoken nothing goes out in plaintext, not even before there is a session.
        if self.tls.is_some() || conn.seals() {
            self.flush_sealed(now, key, list, sink);
            return true;
        }
        let is_last = matches!(conn.phase, Phase::Closing { .. });
        self.log.join(list);
        if is_last {
            let outcome = sink.send_last(key, self.log.joined(list));
            self.handle_sent(now, key, list, outcome);
        } else {
            self.gathered.push((key, list));
        }
        true
    }

    /// Keeps what is left of a list after its first `sent` bytes.
    fn keep_from(&mut self, now: Now, key: Key, list: Pending, sent: usize) {
        let entries = self.log.entries_of(list);
        self.keep(now, key, &entries, sent);
    }

    /// Keeps what is left of these frames after their first `sent` bytes.
    pub(super) fn keep(&mut self, now: Now, key: Key, entries: &[EntryId], mut sent: usize) {
        let Some(conn) = self.conns.get_mut(key) else {
            return;
        };
        let limits = &self.endpoints[usize::from(conn.endpoint)].limits;
        let is_open = conn.is_open();
        let outbox = conn.outbox.get_or_insert_with(Box::<Outbox>::default);
        let mut overflowed = false;
        for &entry in entries {
            let len = self.log.len_of(entry);
            if sent >= len {
                sent -= len;
                continue;
            }
            let (bytes, kind) = self.log.keep(entry);
            if sent > 0 {
                outbox.push_started(bytes, kind, sent);
                sent = 0;
                continue;
            }
            if overflowed && kind != FrameKind::Last {
                continue;
            }
            let policy = limits.backpressure_policy;
            match outbox.push(bytes, kind, limits.backpressure_bytes_max, policy) {
                Push::Queued => {}
                Push::Replaced(dropped) => self.stats.count_dropped(policy, dropped),
                Push::Dropped => self.stats.count_dropped(policy, 1),
                Push::Overflow => {
                    outbox.truncate_to_started();
                    overflowed = true;
                    if is_open {
                        break;
                    }
                }
            }
        }
        if overflowed && is_open {
            self.evict(now, key);
        }
        self.watch(key);
    }

    /// Ends a connection that does not read: what it has not begun to receive is dropped already,
    /// and a Close frame is all that it will still find.
    fn evict(&mut self, now: Now, key: Key) {
        let disconnect = self
            .endpoint_of(key)
            .and_then(|endpoint| endpoint.dialect.disconnect(Cause::SlowConsumer));
        self.leave(key, Cause::SlowConsumer);
        // A drop policy's or a dialect's last word may have been queued meanwhile: too late.
        self.log.discard(key.slot);
        let Some(conn) = self.conns.get_mut(key) else {
            return;
        };
        if let Some(Disconnect { code, reason }) = disconnect {
            let mut frame = Vec::new();
            write_close(&mut frame, code, &reason);
            let outbox = conn.outbox.get_or_insert_with(Box::<Outbox>::default);
            let policy = BackpressurePolicy::Close;
            outbox.push(frame.into(), FrameKind::Last, 0, policy);
        }
        self.start_closing(now, key, false);
    }

    fn flush_outbox(&mut self, key: Key, sink: &mut impl Sink) {
        loop {
            if !self.seal_outbox(key) {
                self.fail(key);
                return;
            }
            let Some(conn) = self.conns.get_mut(key) else {
                return;
            };
            let Some(outbox) = &mut conn.outbox else {
                return;
            };
            let front = match outbox.sealed() {
                Some(sealed) => sealed,
                None => outbox.front(&mut self.gather),
            };
            let len = front.len();
            match sink.send(key, front) {
                SendOutcome::Sent(sent) => {
                    outbox.advance(sent);
                    let empty = outbox.is_empty();
                    if empty {
                        conn.outbox = None;
                    }
                    self.count_send(sent);
                    if empty {
                        self.finish_unless_pending(key);
                        return;
                    }
                    if sent == len {
                        continue;
                    }
                }
                SendOutcome::Blocked => {}
                SendOutcome::Failed => {
                    self.fail(key);
                    return;
                }
            }
            self.watch(key);
            return;
        }
    }

    fn finish_unless_pending(&mut self, key: Key) {
        if self.is_sent(key) {
            self.finish(key);
        }
    }

    pub(super) fn watch(&mut self, key: Key) {
        if let Some(conn) = self.conns.get_mut(key)
            && !conn.watched
        {
            conn.watched = true;
            self.socket_ops.push_back((key, SocketOp::WatchWritable));
        }
    }

    pub(super) fn fail(&mut self, key: Key) {
        if let Some(conn) = self.conns.get(key)
            && !matches!(conn.phase, Phase::Closing { .. } | Phase::Ended)
        {
            self.leave(key, Cause::PeerGone);
        }
        self.end(key, SocketOp::Close);
    }

    pub(super) fn count_send(&mut self, sent: usize) {
        self.stats.sends += 1;
        self.stats.bytes_sent += sent as u64;
    }
}
