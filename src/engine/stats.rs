//! What a shard counts. Plain numbers of one thread: whoever wants them asks by letter.

use super::disconnect::Cause;
use crate::base::limits::BackpressurePolicy;

/// Counters of one shard since its start.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Stats {
    /// Sockets accepted.
    pub accepted: u64,
    /// Sockets turned away because the connection limit was reached.
    pub refused_full: u64,
    /// TLS handshakes done in full.
    pub tls_handshakes: u64,
    /// TLS handshakes that resumed an earlier session.
    pub tls_resumed: u64,
    /// Connections that completed the opening handshake.
    pub upgraded: u64,
    /// Connections that ended, by [`Cause::ALL`].
    pub closed: [u64; Cause::ALL.len()],
    /// Data messages received.
    pub messages_received: u64,
    /// Messages that a dialect ignored as malformed or unknown.
    pub messages_ignored: u64,
    /// Publications accepted from this shard's connections, and those that their messages have led to.
    pub publications: u64,
    /// Publications handed to a subscriber's outgoing list on this shard.
    pub deliveries: u64,
    /// Publications dropped for a slow subscriber under `drop-newest`.
    pub dropped_newest: u64,
    /// The same under `drop-oldest`.
    pub dropped_oldest: u64,
    /// Letters received from other shards.
    pub letters: u64,
    /// Times a publication had to wait for room in another shard's mailbox.
    pub stalls: u64,
    /// Times a connection sent faster than its endpoint's rates and was not read for a while.
    pub throttled: u64,
    /// Bytes received and sent on sockets.
    pub bytes_received: u64,
    /// Bytes the kernel took.
    pub bytes_sent: u64,
    /// Sends made, whole or short.
    pub sends: u64,
}

impl Stats {
    /// Counts one end.
    pub(super) fn count_close(&mut self, cause: Cause) {
        self.closed[cause as usize] += 1;
    }

    /// Counts publications that a policy has dropped.
    pub(super) fn count_dropped(&mut self, policy: BackpressurePolicy, count: u64) {
        match policy {
            // Nothing but the connection is dropped.
            BackpressurePolicy::Close => debug_assert_eq!(count, 0),
            BackpressurePolicy::DropNewest => self.dropped_newest += count,
            BackpressurePolicy::DropOldest => self.dropped_oldest += count,
        }
    }

    /// Publications dropped for slow subscribers, under whichever policy.
    #[must_use]
    pub fn dropped(&self) -> u64 {
        self.dropped_newest + self.dropped_oldest
    }

    /// How many connections ended for `cause`.
    #[must_use]
    pub fn closed_for(&self, cause: Cause) -> u64 {
        self.closed[cause as usize]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_cause_has_its_own_counter_and_name() {
        let mut stats = Stats::default();
        for (index, cause) in Cause::ALL.into_iter().enumerate() {
            assert_eq!(cause as usize, index);
            stats.count_close(cause);
        }
        assert_eq!(stats.closed, [1; Cause::ALL.len()]);
        let mut names = Cause::ALL.map(Cause::name);
        names.sort_unstable();
        assert!(names.windows(2).all(|pair| pair[0] != pair[1]));
    }
}
