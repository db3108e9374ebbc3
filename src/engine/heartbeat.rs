//! Deadlines of connections: handshake, heartbeat, idleness, the dialect's timer, lingering.
//!
//! Each connection stands in the wheel at the earliest of its deadlines, or earlier; when the wheel
//! shows it, what is really due is looked up here. So a byte from the peer moves a deadline without
//! touching the wheel.

use super::busy::Wait;
use super::conn::{Conn, NEVER_MS, Phase};
use super::disconnect::Cause;
use super::session::Session;
use super::shard::Shard;
use super::turn_log::{EntryId, FrameKind};
use crate::base::io::SocketOp;
use crate::base::limits::ConnLimits;
use crate::base::slab::Key;
use crate::base::time::Now;

impl Conn {
    /// The earliest moment at which anything can be due.
    fn next_due_ms(&self, limits: &ConnLimits) -> u64 {
        let mut due_ms = self.deadline_ms;
        if self.is_open() {
            due_ms = due_ms.min(self.timer_ms);
            if limits.ping_interval_ms > 0 {
                due_ms = due_ms.min(self.pinged_ms + limits.ping_interval_ms);
            }
            if limits.idle_timeout_ms > 0 {
                due_ms = due_ms.min(self.seen_ms + limits.idle_timeout_ms);
            }
            match self.busy.as_ref().and_then(|busy| busy.wait.as_ref()) {
                Some(Wait::Decision { deadline_ms, .. }) => due_ms = due_ms.min(*deadline_ms),
                Some(Wait::Turn { until_ms }) => due_ms = due_ms.min(*until_ms),
                Some(Wait::Room { .. }) | None => {}
            }
            if let Some(Session {
                expires_ms: Some(end_ms),
                ..
            }) = self.session.as_deref()
            {
                due_ms = due_ms.min(*end_ms);
            }
            if let Some(meter) = &self.meter {
                due_ms = due_ms.min(meter.resume_ms);
            }
        }
        due_ms
    }
}

impl Shard {
    /// Makes sure that the wheel shows a connection by its next deadline.
    pub(super) fn schedule(&mut self, key: Key) {
        let Some(conn) = self.conns.get_mut(key) else {
            return;
        };
        let due_ms = conn.next_due_ms(&self.endpoints[usize::from(conn.endpoint)].limits);
        if due_ms < conn.wheel_ms {
            conn.wheel_ms = self.wheel.schedule(due_ms, key);
        }
    }

    /// Time has passed: whatever is due happens.
    pub fn handle_tick(&mut self, now: Now) {
        let mut due = std::mem::take(&mut self.due);
        self.wheel.take_due(now.monotonic_ms, &mut due);
        let mut heartbeats = Heartbeats::default();
        for key in due.drain(..) {
            let Some(conn) = self.conns.get_mut(key) else {
                continue;
            };
            if conn.wheel_ms > now.monotonic_ms {
                // An older, now meaningless entry: another one stands for this connection.
                continue;
            }
            conn.wheel_ms = NEVER_MS;
            self.handle_due(now, key, &mut heartbeats);
            self.schedule(key);
        }
        self.due = due;
        self.close_some(now);
    }

    fn handle_due(&mut self, now: Now, key: Key, heartbeats: &mut Heartbeats) {
        let Some(conn) = self.conns.get_mut(key) else {
            return;
        };
        match conn.phase {
            Phase::Handshaking(_) if conn.deadline_ms <= now.monotonic_ms => {
                self.expire_handshake(now, key);
            }
            Phase::Closing { .. } if conn.deadline_ms <= now.monotonic_ms => {
                self.handle_lingered(now, key);
            }
            Phase::Open => self.handle_due_open(now, key, heartbeats),
            Phase::Handshaking(_) | Phase::Closing { .. } => {}
            Phase::Ended => conn.deadline_ms = NEVER_MS,
        }
    }

    /// A closing connection has had its time. Not so while draining, since what was accepted must
    /// reach a peer that reads: it then has as long as the drain, and what the kernel has taken is
    /// left to the kernel, which goes on sending after the process is gone.
    fn handle_lingered(&mut self, now: Now, key: Key) {
        match self.drained_by_ms() {
            None => self.end(key, SocketOp::Reset),
            Some(_) if self.is_sent(key) => self.end(key, SocketOp::Close),
            Some(by_ms) if by_ms <= now.monotonic_ms => self.end(key, SocketOp::Reset),
            Some(by_ms) => {
                if let Some(conn) = self.conns.get_mut(key) {
                    conn.deadline_ms = by_ms;
                }
            }
        }
    }

    fn handle_due_open(&mut self, now: Now, key: Key, heartbeats: &mut Heartbeats) {
        self.expire_decision(now, key);
        self.expire_identity(now, key);
        self.end_turn(now, key);
        self.handle_refilled(now, key);
        let Some(conn) = self.conns.get_mut(key).filter(|conn| conn.is_open()) else {
            return;
        };
        let limits = self.endpoints[usize::from(conn.endpoint)].limits;
        if conn.paused {
            // It is we who do not read: that must not count against the peer.
            conn.seen_ms = now.monotonic_ms;
        }
        if limits.idle_timeout_ms > 0 && conn.seen_ms + limits.idle_timeout_ms <= now.monotonic_ms {
            self.close(now, key, Cause::Idle);
            return;
        }
        if limits.ping_interval_ms > 0
            && conn.pinged_ms + limits.ping_interval_ms <= now.monotonic_ms
        {
            conn.pinged_ms = now.monotonic_ms;
            let endpoint = conn.endpoint;
            let entry = self.heartbeat_entry(endpoint, heartbeats);
            self.log.append(key.slot, entry);
        }
        let Some(conn) = self.conns.get_mut(key) else {
            return;
        };
        if conn.timer_ms <= now.monotonic_ms {
            conn.timer_ms = NEVER_MS;
            let actions = self.consult(now, key, |dialect, view, actions| {
                dialect.on_timer(view, actions);
            });
            if let Some(actions) = actions {
                self.perform_all(now, key, actions);
            }
        }
    }

    fn heartbeat_entry(&mut self, endpoint: u16, heartbeats: &mut Heartbeats) -> EntryId {
        if let Some((known, entry)) = heartbeats.last
            && known == endpoint
        {
            return entry;
        }
        let dialect = &self.endpoints[usize::from(endpoint)].dialect;
        let entry = self
            .log
            .write(FrameKind::Private, |out| dialect.heartbeat(out));
        heartbeats.last = Some((endpoint, entry));
        entry
    }
}

/// The heartbeat written last in this tick: one frame serves all connections of its endpoint.
#[derive(Debug, Default)]
struct Heartbeats {
    last: Option<(u16, EntryId)>,
}
