//! How a connection ends: it leaves everything, says its last, and is given time to finish.
//!
//! ```text
//! open -- cause --> closing: Close frame queued, input thrown away
//!                     |-- all sent, and the peer's Close was first --> closed
//!                     |-- all sent --> FIN --> peer's FIN --> closed
//!                     |-- time over --> reset
//! ```

use super::busy::PeerEnd;
use super::conn::{NEVER_MS, Phase};
use super::disconnect::{Cause, Disconnect};
use super::shard::Shard;
use super::topic_table::set_index;
use super::turn_log::FrameKind;
use crate::base::io::SocketOp;
use crate::base::limits::LINGER;
use crate::base::slab::Key;
use crate::base::time::{Now, millis};
use crate::codec::ws::{Decoder, write_close};

impl Shard {
    /// The peer has sent its last byte, or (`broken`) the socket has failed.
    ///
    /// What was accepted from a peer that only finished sending is still answered.
    pub fn handle_end(&mut self, now: Now, key: Key, broken: bool) {
        if !broken {
            self.handle_all_rest(now, key);
        }
        let Some(conn) = self.conns.get_mut(key) else {
            return;
        };
        match &mut conn.phase {
            Phase::Open if !broken => self.handle_peer_end(now, key, PeerEnd::Eof),
            Phase::Open => self.leave(key, Cause::PeerGone),
            Phase::Handshaking(_) => {
                self.leave(key, Cause::HandshakeRefused);
                self.start_closing(now, key, true);
            }
            Phase::Closing { peer_finished, .. } => *peer_finished = true,
            Phase::Ended => {}
        }
        if broken || (self.is_sent(key) && !self.is_open(key)) {
            self.end(key, SocketOp::Close);
        }
    }

    /// The socket is closed: the connection's slot is free.
    pub fn handle_released(&mut self, key: Key) {
        let alive = |phase: &Phase| matches!(phase, Phase::Handshaking(_) | Phase::Open);
        if self.conns.get(key).is_some_and(|conn| alive(&conn.phase)) {
            self.leave(key, Cause::PeerGone);
        }
        self.log.discard(key.slot);
        if let Some(conn) = self.conns.remove(key) {
            self.admission.leave(conn.address);
        }
    }

    /// Closes for a cause, telling the peer what its dialect says about it.
    pub(super) fn close(&mut self, now: Now, key: Key, cause: Cause) {
        let Some(endpoint) = self.endpoint_of(key) else {
            return;
        };
        let disconnect = endpoint.dialect.disconnect(cause);
        self.close_with(now, key, cause, disconnect);
    }

    /// Closes for a cause with a Close frame, or without.
    pub(super) fn close_with(
        &mut self,
        now: Now,
        key: Key,
        cause: Cause,
        disconnect: Option<Disconnect>,
    ) {
        if !self.is_open(key) {
            return;
        }
        self.leave_with(key, cause, disconnect.as_ref());
        if let Some(Disconnect { code, reason }) = disconnect {
            self.write_last(key, |out| write_close(out, code, &reason));
        }
        let peer_finished = cause == Cause::PeerClosed && self.is_heard_out(key);
        self.start_closing(now, key, peer_finished);
    }

    /// Whether nothing is to come behind the peer's Close frame (RFC 6455, section 5.5.1), not even a last word of TLS:
    /// waiting for its FIN would cost an eighth of a short connection's time. One that has not read what was sent
    /// before is given its time all the same, and counts as a connection meanwhile.
    fn is_heard_out(&self, key: Key) -> bool {
        let conn = self.conns.get(key);
        conn.is_some_and(|conn| !conn.seals() && conn.outbox.is_none())
    }

    /// Queues the frame after which nothing follows.
    pub(super) fn write_last(&mut self, key: Key, write: impl FnOnce(&mut Vec<u8>)) {
        let entry = self.log.write(FrameKind::Last, write);
        self.log.append(key.slot, entry);
    }

    /// Takes a connection out of everything: topics, waiting, counters. Its frames stay.
    pub(super) fn leave(&mut self, key: Key, cause: Cause) {
        self.leave_with(key, cause, None);
    }

    fn leave_with(&mut self, key: Key, cause: Cause, told: Option<&Disconnect>) {
        if self.is_open(key) {
            self.happen_to_end(key, cause, told);
        }
        let Some(conn) = self.conns.get_mut(key) else {
            return;
        };
        let (encoding, endpoint) = (conn.encoding(), conn.endpoint);
        let was_open = conn.is_open();
        if conn.busy.take().is_some() {
            self.busy_conns -= 1;
        }
        conn.timer_ms = NEVER_MS;
        conn.meter = None;
        for subscription in std::mem::take(&mut conn.subscriptions) {
            let conns = &mut self.conns;
            let gone = self.topics.take_out(subscription, encoding, |moved| {
                if let Some(conn) = conns.at_mut(moved.slot) {
                    set_index(&mut conn.subscriptions, moved);
                }
            });
            if let Some((app, topic)) = gone {
                self.lose_interest(app, &topic);
            }
        }
        self.take_identity(key);
        self.stats.count_close(cause);
        let Some(conn) = self.conns.get_mut(key) else {
            return;
        };
        // An answer about its credentials that is still out would make it a user's again.
        conn.session = None;
        if was_open {
            let dialect = &self.endpoints[usize::from(endpoint)].dialect;
            dialect.on_close(&mut conn.state, cause);
        }
    }

    /// From here on only what is queued goes out, for a limited time.
    pub(super) fn start_closing(&mut self, now: Now, key: Key, peer_finished: bool) {
        let Some(conn) = self.conns.get_mut(key) else {
            return;
        };
        conn.phase = Phase::Closing {
            finished: false,
            peer_finished,
        };
        conn.decoder = Decoder::default();
        conn.deadline_ms = now.monotonic_ms + millis(LINGER);
        if std::mem::take(&mut conn.paused) {
            self.socket_ops.push_back((key, SocketOp::Resume));
        }
        self.schedule(key);
        if self.is_sent(key) {
            self.finish(key);
        }
    }

    /// Everything has gone out.
    pub(super) fn finish(&mut self, key: Key) {
        let Some(conn) = self.conns.get_mut(key) else {
            return;
        };
        let Phase::Closing {
            finished,
            peer_finished,
        } = &mut conn.phase
        else {
            return;
        };
        let peer_finished = *peer_finished;
        if !std::mem::replace(finished, true) {
            // Before it is closed, too: if the peer says more, closing is a reset, which drops what waits for the FIN.
            self.socket_ops.push_back((key, SocketOp::ShutdownWrite));
        }
        if peer_finished {
            self.end(key, SocketOp::Close);
        }
    }

    /// Over, now.
    pub(super) fn end(&mut self, key: Key, how: SocketOp) {
        let Some(conn) = self.conns.get_mut(key) else {
            return;
        };
        if matches!(conn.phase, Phase::Ended) {
            return;
        }
        debug_assert!(conn.subscriptions.is_empty(), "leave() comes first");
        conn.phase = Phase::Ended;
        conn.outbox = None;
        self.log.discard(key.slot);
        self.socket_ops.push_back((key, how));
    }

    /// Whether nothing of the connection waits to be sent.
    pub(super) fn is_sent(&self, key: Key) -> bool {
        !self.log.has_pending(key.slot)
            && self
                .conns
                .get(key)
                .is_none_or(|conn| conn.outbox.as_ref().is_none_or(|outbox| outbox.is_empty()))
    }
}
