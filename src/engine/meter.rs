//! How much a connection may send: one that sends more is read later, and loses nothing.

use super::conn::NEVER_MS;
use super::shard::Shard;
use crate::base::io::SocketOp;
use crate::base::limits::ReadRates;
use crate::base::slab::Key;
use crate::base::time::Now;

/// What may be sent at once after a pause: as much as one second's.
const BURST_NS: u64 = 1_000_000_000;

/// What a connection has sent, and what it must wait for.
///
/// Boxed: only connections that send, at endpoints that have rates, own one.
#[derive(Debug)]
pub(super) struct Meter {
    messages: Bucket,
    bytes: Bucket,
    /// Received behind the message that was one too many; less than one receive, and behind a door as
    /// much as may wait there and another receive.
    rest: Vec<u8>,
    /// When there is room again; [`NEVER_MS`] while there is some.
    pub(super) resume_ms: u64,
}

/// A token bucket as a moment: the one at which all that was taken will have been paid for.
///
/// Source: the generic cell rate algorithm, ITU-T I.371, annex A.
#[derive(Debug, Default)]
struct Bucket {
    paid_ns: u64,
}

impl Bucket {
    /// Takes `count` of what comes in at `per_s`; a rate of 0 is none.
    fn take(&mut self, now_ns: u64, count: u64, per_s: u64) {
        if let Some(cost_ns) = (count * BURST_NS).checked_div(per_s) {
            self.paid_ns = self.paid_ns.max(now_ns) + cost_ns;
        }
    }

    /// When there is room for more.
    fn free_ns(&self) -> u64 {
        self.paid_ns.saturating_sub(BURST_NS)
    }
}

impl Default for Meter {
    fn default() -> Self {
        Self {
            messages: Bucket::default(),
            bytes: Bucket::default(),
            rest: Vec::new(),
            resume_ms: NEVER_MS,
        }
    }
}

impl Meter {
    /// Notes what has come in; whether nothing more must for now.
    fn take(&mut self, now: Now, messages: u64, bytes: u64, rates: ReadRates) -> bool {
        let now_ns = now.monotonic_ms * 1_000_000;
        self.messages
            .take(now_ns, messages, u64::from(rates.messages_per_s));
        self.bytes.take(now_ns, bytes, rates.bytes_per_s as u64);
        let free_ns = self.messages.free_ns().max(self.bytes.free_ns());
        if free_ns <= now_ns {
            return false;
        }
        self.resume_ms = free_ns.div_ceil(1_000_000);
        true
    }

    /// Keeps what came behind what is kept already.
    pub(super) fn keep(&mut self, bytes: &[u8]) {
        self.rest.extend_from_slice(bytes);
    }

    /// Whether the connection must not be read.
    pub(super) fn is_exhausted(&self) -> bool {
        self.resume_ms != NEVER_MS
    }
}

impl Shard {
    /// Notes what a connection has sent. Past its rate `rest`, which came behind it, is kept for
    /// later; whether that is so.
    pub(super) fn meter(
        &mut self,
        now: Now,
        key: Key,
        messages: u64,
        bytes: usize,
        rest: &[u8],
    ) -> bool {
        let Some(conn) = self.conns.get_mut(key) else {
            return false;
        };
        let rates = self.endpoints[usize::from(conn.endpoint)].limits.read_rates;
        let meter = conn.meter.get_or_insert_default();
        if !meter.take(now, messages, bytes as u64, rates) {
            return false;
        }
        meter.keep(rest);
        self.stats.throttled += 1;
        self.schedule(key);
        true
    }

    /// Goes on with a connection whose rate allows it again: first with what was received already.
    pub(super) fn handle_refilled(&mut self, now: Now, key: Key) {
        let is_due = |meter: &Meter| meter.resume_ms <= now.monotonic_ms;
        let meter = self.conns.get(key).and_then(|conn| conn.meter.as_deref());
        if meter.is_some_and(is_due) {
            self.handle_rest(now, key);
            self.resume(now, key);
        }
    }

    /// Handles what a rate has held back, until it does so again. In a drain no rate holds: nothing
    /// more is read, and what was received is bounded.
    pub(super) fn handle_rest(&mut self, now: Now, key: Key) {
        let conn = self.conns.get_mut(key);
        let Some(meter) = conn.and_then(|conn| conn.meter.as_deref_mut()) else {
            return;
        };
        meter.resume_ms = NEVER_MS;
        let mut rest = std::mem::take(&mut meter.rest);
        self.handle_frames(now, key, &mut rest);
    }

    /// Handles all that a rate has held back: it came before the end of its peer, which has come.
    pub(super) fn handle_all_rest(&mut self, now: Now, key: Key) {
        let has_rest = |shard: &Self| {
            let conn = shard.conns.get(key).filter(|conn| conn.is_open());
            let meter = conn.and_then(|conn| conn.meter.as_deref());
            meter.is_some_and(|meter| !meter.rest.is_empty())
        };
        // Each round handles one message at least, or keeps less than one.
        while has_rest(self) {
            self.handle_rest(now, key);
        }
    }

    /// Reads a paused connection again, unless something still keeps it from being read.
    pub(super) fn resume(&mut self, now: Now, key: Key) {
        let Some(conn) = self.conns.get_mut(key) else {
            return;
        };
        if conn.paused && !conn.must_pause() {
            conn.paused = false;
            // Time in which nobody read the peer does not count against it.
            conn.seen_ms = now.monotonic_ms;
            self.socket_ops.push_back((key, SocketOp::Resume));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bucket_gives_one_seconds_worth_at_once_and_then_its_rate() {
        let rates = ReadRates {
            messages_per_s: 10,
            bytes_per_s: 0,
        };
        let at = |monotonic_ms| Now {
            monotonic_ms,
            unix_ms: 0,
        };
        let mut meter = Meter::default();
        for _ in 0..10 {
            assert!(!meter.take(at(5_000), 1, 1 << 20, rates));
        }
        assert!(meter.take(at(5_000), 1, 0, rates));
        assert_eq!(meter.resume_ms, 5_100);
        assert!(
            meter.take(at(5_100), 1, 0, rates),
            "one message in a tenth of a second"
        );
        assert_eq!(meter.resume_ms, 5_200);
        meter.resume_ms = NEVER_MS;
        assert!(!meter.take(at(5_900), 1, 0, rates));
        assert!(!meter.is_exhausted());
    }

    #[test]
    fn many_small_takings_cost_as_much_as_one_large() {
        let mut small = Bucket::default();
        for _ in 0..1_000_000 {
            small.take(0, 6, 16 << 20);
        }
        let mut large = Bucket::default();
        large.take(0, 6_000_000, 16 << 20);
        let lost = large.paid_ns - small.paid_ns;
        assert!(lost * 100 < large.paid_ns, "{lost} ns");
    }
}
