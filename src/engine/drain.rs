//! The graceful end of a shard, in phases that the control plane gives by letter.
//!
//! All shards finish a phase before any begins the next, so none waits for one that is gone:
//! 1. **quiesce**: nothing more is read or accepted; what was, is worked off (decisions, mailboxes
//!    that were full, messages that came too fast). After it no shard posts any more.
//! 2. **settle**: the mailboxes are emptied.
//! 3. **close**: every connection gets what it was to get and is closed with 1001, a share of them
//!    in each tick, so that their reconnects do not arrive all at once elsewhere.

use std::collections::VecDeque;

use super::conn::Phase;
use super::disconnect::Cause;
use super::shard::Shard;
use crate::base::slab::Key;
use crate::base::time::Now;
use crate::base::wheel::TICK_MS;

/// A step of the drain.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DrainPhase {
    /// Read and accept nothing more.
    Quiesce,
    /// Empty the mailbox.
    Settle,
    /// Close everything by this time of the monotonic clock.
    Close {
        /// Milliseconds, as [`Now::monotonic_ms`].
        by_ms: u64,
    },
}

/// Where a shard is in its drain.
#[derive(Debug)]
pub(super) struct Drain {
    phase: DrainPhase,
    reported: bool,
    to_close: VecDeque<Key>,
    /// Connections closed in each tick.
    per_tick: usize,
}

/// Connections closed in a tick at the least: a small server is gone at once.
const CLOSED_PER_TICK_MIN: usize = 256;

impl Shard {
    /// Enters a phase. Phases come in order, each after [`Shard::poll_drained`] has told the end of
    /// the one before.
    pub fn handle_drain(&mut self, now: Now, phase: DrainPhase) {
        self.drain = Some(Drain {
            phase,
            reported: false,
            to_close: VecDeque::new(),
            per_tick: 0,
        });
        let keys = self.conns.keys().collect::<Vec<_>>();
        match phase {
            DrainPhase::Quiesce => {
                for key in keys {
                    match self.conns.get(key).map(|conn| &conn.phase) {
                        Some(Phase::Handshaking(_)) => self.refuse_for(now, key, Cause::Shutdown),
                        Some(Phase::Open) => self.handle_rest(now, key),
                        _ => {}
                    }
                }
            }
            DrainPhase::Settle => {}
            DrainPhase::Close { by_ms } => {
                // Half of what is left spreads the closes, the other half is for peers to answer.
                let ticks = (by_ms.saturating_sub(now.monotonic_ms) / 2 / TICK_MS).max(1);
                if let Some(drain) = &mut self.drain {
                    drain.per_tick = keys.len().div_ceil(ticks as usize).max(CLOSED_PER_TICK_MIN);
                    drain.to_close = keys.into();
                }
                self.close_some(now);
            }
        }
    }

    /// The phase that has ended since the last call. `mailbox_empty`: whether nothing was left in
    /// this shard's mailbox at the end of its turn.
    pub fn poll_drained(&mut self, mailbox_empty: bool) -> Option<DrainPhase> {
        let done = match self.drain.as_ref()?.phase {
            DrainPhase::Quiesce => self.stalled.is_empty() && self.busy_conns == 0,
            DrainPhase::Settle => mailbox_empty,
            DrainPhase::Close { .. } => self.conns.is_empty(),
        };
        let drain = self.drain.as_mut()?;
        if !done || drain.reported {
            return None;
        }
        drain.reported = true;
        Some(drain.phase)
    }

    /// Closes this tick's share of the connections.
    pub(super) fn close_some(&mut self, now: Now) {
        let Some(drain) = &mut self.drain else {
            return;
        };
        let count = drain.per_tick.min(drain.to_close.len());
        let share: Vec<Key> = drain.to_close.drain(..count).collect();
        for key in share {
            self.close(now, key, Cause::Shutdown);
        }
    }

    pub(super) fn is_draining(&self) -> bool {
        self.drain.is_some()
    }

    /// The end of the drain, once it closes connections.
    pub(super) fn drained_by_ms(&self) -> Option<u64> {
        match self.drain.as_ref()?.phase {
            DrainPhase::Close { by_ms } => Some(by_ms),
            DrainPhase::Quiesce | DrainPhase::Settle => None,
        }
    }
}
