//! A histogram of powers of two: a shard counts into it without an allocation or a clock.

/// Buckets: up to 1, 2, 4, ... 2^22, and beyond.
const BUCKETS: usize = 24;

/// How often a value was at most 2^n.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Histogram {
    counts: [u64; BUCKETS],
    sum: u64,
}

impl Histogram {
    /// Counts one value.
    pub(super) fn record(&mut self, value: u64) {
        let bucket = value.max(1).next_power_of_two().trailing_zeros() as usize;
        self.counts[bucket.min(BUCKETS - 1)] += 1;
        self.sum += value;
    }

    /// Upper bound and count of each bucket; the last bound is infinite.
    pub(super) fn buckets(&self) -> impl Iterator<Item = (f64, u64)> + '_ {
        self.counts.iter().enumerate().map(|(index, count)| {
            let bound = if index == BUCKETS - 1 {
                f64::INFINITY
            } else {
                (1_u64 << index) as f64
            };
            (bound, *count)
        })
    }

    /// All values together.
    pub(super) fn sum(&self) -> u64 {
        self.sum
    }

    /// How many values there were.
    pub(super) fn count(&self) -> u64 {
        self.counts.iter().sum()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn value_counts_in_the_first_bucket_that_holds_it() {
        let mut histogram = Histogram::default();
        for value in [0, 1, 2, 3, 4, 5, u64::from(u32::MAX)] {
            histogram.record(value);
        }
        let counts: Vec<u64> = histogram.buckets().map(|(_, count)| count).collect();
        assert_eq!(counts[..5], [2, 1, 2, 1, 0]);
        assert_eq!(counts[BUCKETS - 1], 1);
        assert_eq!(histogram.count(), 7);
        assert_eq!(histogram.sum(), 15 + u64::from(u32::MAX));
    }
}
