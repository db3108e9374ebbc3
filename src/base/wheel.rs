//! A coarse timer wheel: one tick per shard drives every deadline of every connection.

/// One tick in milliseconds: how late a deadline may be seen.
///
/// 100 ms: deadlines here are seconds; ten wake-ups a second cost nothing measurable, while a timer
/// per connection costs about 1.2 KB and 2.8 us in monoio.
pub const TICK_MS: u64 = 100;

/// Buckets of the wheel: 1024 ticks, about 102 s, above the default idle limit. A deadline further
/// off is seen once per revolution and put back.
const BUCKETS: usize = 1024;

/// Entries by the tick at which they are due.
///
/// The wheel is a hint: it never forgets an entry and may return one early (a deadline further than
/// one revolution) or after it has lost its meaning. Whoever takes an entry looks at what is really
/// due and schedules again.
#[derive(Debug)]
pub struct Wheel<T> {
    buckets: Vec<Vec<T>>,
    /// The next tick to be taken.
    tick: u64,
}

impl<T> Wheel<T> {
    /// A wheel whose first tick is the one of `now_ms`.
    #[must_use]
    pub fn new(now_ms: u64) -> Self {
        Self {
            buckets: (0..BUCKETS).map(|_| Vec::new()).collect(),
            tick: now_ms / TICK_MS,
        }
    }

    /// Notes that `entry` wants to be seen at `due_ms`, rounded up to a tick; never before the next.
    ///
    /// Returns when it will be seen, which is earlier for a deadline beyond one revolution.
    pub fn schedule(&mut self, due_ms: u64, entry: T) -> u64 {
        let due = due_ms
            .div_ceil(TICK_MS)
            .clamp(self.tick, self.tick + (BUCKETS as u64 - 1));
        self.buckets[(due % BUCKETS as u64) as usize].push(entry);
        due * TICK_MS
    }

    /// Moves the entries of all ticks up to `now_ms` into `due`.
    pub fn take_due(&mut self, now_ms: u64, due: &mut Vec<T>) {
        let now_tick = now_ms / TICK_MS;
        // After a long stall one revolution visits every bucket.
        let first = self.tick.max((now_tick + 1).saturating_sub(BUCKETS as u64));
        for tick in first..=now_tick {
            due.append(&mut self.buckets[(tick % BUCKETS as u64) as usize]);
        }
        self.tick = self.tick.max(now_tick + 1);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn due(wheel: &mut Wheel<u32>, now_ms: u64) -> Vec<u32> {
        let mut out = Vec::new();
        wheel.take_due(now_ms, &mut out);
        out
    }

    #[test]
    fn entry_is_seen_at_its_tick_and_not_before() {
        let mut wheel = Wheel::new(5_000);
        wheel.schedule(5_250, 1);
        assert!(due(&mut wheel, 5_250).is_empty());
        assert_eq!(due(&mut wheel, 5_300), [1]);
        assert!(due(&mut wheel, 5_400).is_empty());
    }

    #[test]
    fn past_deadline_is_seen_at_the_next_tick() {
        let mut wheel = Wheel::new(0);
        assert!(due(&mut wheel, 1_000).is_empty());
        wheel.schedule(10, 7);
        assert_eq!(due(&mut wheel, 1_100), [7]);
    }

    #[test]
    fn far_deadline_is_returned_within_a_revolution() {
        let mut wheel = Wheel::new(0);
        wheel.schedule(10_000_000, 3);
        assert!(due(&mut wheel, (BUCKETS as u64 - 2) * TICK_MS).is_empty());
        assert_eq!(due(&mut wheel, BUCKETS as u64 * TICK_MS), [3]);
    }

    #[test]
    fn long_stall_loses_nothing() {
        let mut wheel = Wheel::new(0);
        for n in 0..2_000 {
            wheel.schedule(u64::from(n) * TICK_MS, n);
        }
        assert_eq!(due(&mut wheel, 1_000_000_000).len(), 2_000);
    }
}
