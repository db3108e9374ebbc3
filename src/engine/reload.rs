//! New limits and rules for connections that stay.

use super::endpoint::Endpoint;
use super::shard::Shard;
use crate::base::limits::{ConnLimits, HandshakeLimits};
use crate::base::slab::Key;
use crate::base::time::Now;

impl Shard {
    /// Connections that are accepted from now on have these limits until they upgrade.
    pub fn set_handshake_limits(&mut self, limits: HandshakeLimits) {
        self.handshake_limits = limits;
    }

    /// Replaces the endpoint at `index` by one of the same path and topics: its limits, its rules, whom it
    /// lets in, and its dialect, by one of the same name, which finds in its connections' states what the one
    /// before has left there.
    ///
    /// No connection is closed for it: one that has more than is allowed now keeps it and gets no
    /// more. A question that is out is answered by whoever was asked.
    pub fn replace_endpoint(&mut self, now: Now, index: usize, endpoint: Endpoint) {
        let limits = endpoint.limits;
        let before = std::mem::replace(&mut self.endpoints[index], endpoint).limits;
        self.delay.renew(&self.endpoints);
        let times_are_same = before.ping_interval_ms == limits.ping_interval_ms
            && before.idle_timeout_ms == limits.idle_timeout_ms;
        if !times_are_same {
            self.restart_heartbeats(now, index, limits);
        }
    }

    /// Begins the time between pings and the time of silence anew for an endpoint's connections.
    ///
    /// Without this, turning on an idle limit would cut everybody who had no reason to speak before,
    /// and a shorter interval would ping all of them at once and for ever in step. So silence counts
    /// from now, and the next pings are spread over one interval.
    fn restart_heartbeats(&mut self, now: Now, index: usize, limits: ConnLimits) {
        // Nobody waits longer than a day, so this fits.
        let interval_ms = u32::try_from(limits.ping_interval_ms).unwrap_or(u32::MAX);
        let keys: Vec<Key> = self.conns.keys().collect();
        for key in keys {
            let ahead_ms = u64::from(self.random.below(interval_ms.max(1)));
            let Some(conn) = self.conns.get_mut(key) else {
                continue;
            };
            if !conn.is_open() || usize::from(conn.endpoint) != index {
                continue;
            }
            conn.seen_ms = now.monotonic_ms;
            conn.pinged_ms = now.monotonic_ms.saturating_sub(ahead_ms);
            self.schedule(key);
        }
    }
}
