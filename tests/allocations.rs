//! Goal: in steady state neither a delivery nor a publication allocates.
//! Method: publishers and subscribers on a shard without sockets, warmed up until its buffers have
//! grown; then every allocation of this thread is counted, from the bytes that a publisher sends to the sends.

#[path = "../benches/support/mod.rs"]
#[allow(dead_code, reason = "the benches use more of it")]
mod support;

use allocation_counter::measure;
use shardcast::base::slab::Key;
use shardcast::engine::shard::Shard;
use support::{NOW, NullSink};

/// Publications that are counted.
const PUBLICATIONS: u64 = 64;

struct World {
    shard: Shard,
    publisher: Key,
    frames: Vec<u8>,
}

impl World {
    /// `subscribers` spread over `topics`; a publisher sends `burst` publications at a time, to each
    /// topic in turn.
    fn new(subscribers: u32, topics: u32, burst: u32) -> Self {
        let mut shard =
            support::shard_with_subscribers(subscribers, |number| format!("t{}", number % topics));
        let publisher = support::open(&mut shard);
        let data = str::from_utf8(&support::DATA).expect("ASCII");
        let mut frames = Vec::new();
        for number in 0..burst {
            let topic = number % topics;
            frames.extend(support::frame(&format!(
                r#"{{"t":"pub","c":"t{topic}","e":"event","d":{data}}}"#
            )));
        }
        Self {
            shard,
            publisher,
            frames,
        }
    }

    /// One turn; how many deliveries there were.
    fn turn(&mut self, scratch: &mut [u8]) -> u64 {
        let before = self.shard.stats().deliveries;
        // As a receive does: into a buffer that is there, and unmasked in place.
        scratch.copy_from_slice(&self.frames);
        self.shard.handle_bytes(NOW, self.publisher, scratch);
        let mut sink = NullSink::default();
        assert!(self.shard.flush(NOW, &mut sink, usize::MAX));
        self.shard.stats().deliveries - before
    }

    /// Allocations of so many turns, and their deliveries.
    fn count(&mut self, turns: u64) -> (u64, u64) {
        let mut scratch = self.frames.clone();
        for _ in 0..8 {
            self.turn(&mut scratch);
        }
        let mut deliveries = 0;
        let counted = measure(|| {
            for _ in 0..turns {
                deliveries += self.turn(&mut scratch);
            }
        });
        (counted.count_total, deliveries)
    }
}

#[test]
fn deliveries_allocate_nothing() {
    for (subscribers, topics, burst, per_turn_max) in [
        (1, 1, 1, 0),
        (1_000, 1, 1, 0),
        (1_000, 1, 16, 0),
        // Two lists with gaps, each copied together once, whoever has it.
        (1_000, 2, 16, 4),
        (1_000, 1_000, 64, 0),
    ] {
        let mut world = World::new(subscribers, topics, burst);
        let turns = PUBLICATIONS.div_ceil(burst.into());
        let (allocations, deliveries) = world.count(turns);
        let world = format!("{subscribers} subscribers of {topics} topics, bursts of {burst}");
        let subscribers = u64::from(subscribers / topics);
        assert_eq!(
            deliveries,
            turns * u64::from(burst) * subscribers,
            "{world}"
        );
        assert!(
            allocations <= turns * per_turn_max,
            "{world}: {allocations} allocations in {turns} turns"
        );
    }
}

#[test]
fn allocation_is_noticed() {
    let counted = measure(|| drop(std::hint::black_box(vec![0_u8; 100])));
    assert_eq!(counted.count_total, 1);
}

/// Connections, a power of two: what grows by doubling is full then.
const IDLE: u32 = 8_192;

#[test]
fn idle_connection_keeps_little() {
    let mut world = None;
    let counted = measure(|| {
        world = Some(support::shard_with_subscribers(IDLE, |_| "t".to_owned()));
    });
    let mut nobody = None;
    let empty = measure(|| {
        nobody = Some(support::shard_with_subscribers(0, |_| "t".to_owned()));
    });
    let bytes = (counted.bytes_current - empty.bytes_current) / i64::from(IDLE);
    assert!((184..=224).contains(&bytes), "{bytes} bytes for each");
}
