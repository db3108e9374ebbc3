//! Question: how many instructions does each hot path take?
//! Method: callgrind counts those of one pass, after a warm-up outside of the count. Counts do not depend
//! on what else the machine does, so that two commits can be told apart by a few percent:
//! `tests/instructions.py` compares this commit with the one that it is built upon.
//! Not measured: the kernel, caches, time.

#[path = "../support/mod.rs"]
#[allow(dead_code, reason = "other benches use more of it")]
mod support;

use std::hint::black_box;

use gungraun::{library_benchmark, library_benchmark_group, main};
use shardcast::base::ids::ShardId;
use shardcast::base::slab::Key;
use shardcast::codec::json::scan_object;
use shardcast::codec::ws::mask::unmask;
use shardcast::engine::mailbox::{Inbox, Mesh, Posted, connect};
use shardcast::engine::shard::Shard;
use support::{NOW, NullSink};

/// Subscribers where there are many.
const MANY: u32 = 1_000;

/// A shard, and what one of its connections is about to send.
struct Turn {
    shard: Shard,
    sender: Key,
    bytes: Vec<u8>,
}

impl Turn {
    fn take(&mut self, bytes: &mut [u8]) {
        self.shard.handle_bytes(NOW, self.sender, bytes);
        let mut sink = NullSink::default();
        assert!(self.shard.flush(NOW, &mut sink, usize::MAX));
    }

    /// Has its buffers grow first.
    fn warm(mut self) -> Self {
        for _ in 0..4 {
            let mut bytes = self.bytes.clone();
            self.take(&mut bytes);
        }
        self
    }
}

/// `burst` publications, to each of the topics in turn.
fn publications(subscribers: u32, topics: u32, burst: u32) -> Turn {
    let mut shard =
        support::shard_with_subscribers(subscribers, |number| format!("t{}", number % topics));
    let data = str::from_utf8(&support::DATA).expect("ASCII");
    let frame = |number: u32| {
        let topic = number % topics;
        support::frame(&format!(
            r#"{{"t":"pub","c":"t{topic}","e":"event","d":{data}}}"#
        ))
    };
    Turn {
        sender: support::open(&mut shard),
        shard,
        bytes: (0..burst).flat_map(frame).collect(),
    }
    .warm()
}

fn subscription() -> Turn {
    let mut shard = support::shard_with_subscribers(MANY, |_| "t".to_owned());
    let frames = [r#"{"t":"sub","c":"new"}"#, r#"{"t":"unsub","c":"new"}"#];
    Turn {
        sender: support::open(&mut shard),
        shard,
        bytes: frames
            .iter()
            .flat_map(|text| support::frame(text))
            .collect(),
    }
    .warm()
}

// From a publisher's bytes to the sends.
#[library_benchmark]
#[bench::to_one(publications(1, 1, 1))]
#[bench::to_many(publications(MANY, 1, 1))]
#[bench::burst_to_many(publications(MANY, 1, 16))]
#[bench::to_ten_each(publications(MANY, MANY / 10, MANY / 10))]
#[bench::subscribe_and_unsubscribe(subscription())]
fn turn(mut turn: Turn) -> Turn {
    let mut bytes = std::mem::take(&mut turn.bytes);
    turn.take(black_box(&mut bytes));
    turn
}

fn empty_shard() -> Shard {
    let mut shard = support::shard_with_subscribers(1, |_| "t".to_owned());
    support::open(&mut shard);
    shard
}

// From accept to the end of the upgrade.
#[library_benchmark]
#[bench::upgrade(empty_shard())]
fn connection(mut shard: Shard) -> Shard {
    support::open(&mut shard);
    assert!(shard.flush(NOW, &mut NullSink::default(), usize::MAX));
    shard
}

fn lane() -> (Mesh, Inbox<()>) {
    let mut ends = connect::<()>(2, 64);
    let (_, inbox, _) = ends.pop().expect("two shards");
    let (mesh, ..) = ends.pop().expect("two shards");
    (mesh, inbox)
}

// From one shard into another one's mailbox, and out again.
#[library_benchmark]
#[bench::share_post_take(lane())]
fn mailbox((mesh, inbox): (Mesh, Inbox<()>)) -> (Mesh, Inbox<()>) {
    let letter = support::publication("room.1").share();
    assert_eq!(mesh.post(ShardId(1), &letter), Posted::Taken);
    black_box(inbox.take_publication());
    (mesh, inbox)
}

const ENVELOPE: &[u8] =
    br#"{"t":"pub","c":"room.1","e":"typing","d":{"on":true,"user":"1234567890","n":-1.5}}"#;

#[library_benchmark]
#[bench::envelope(ENVELOPE)]
fn scan(text: &[u8]) -> bool {
    scan_object(black_box(text), ["t", "c", "e", "d"]).is_ok()
}

#[library_benchmark]
#[bench::one_kib(vec![0; 1_024])]
fn mask(mut payload: Vec<u8>) -> Vec<u8> {
    unmask(black_box(&mut payload), [1, 2, 3, 4], 0);
    payload
}

library_benchmark_group!(
    name = hot_paths,
    benchmarks = [turn, connection, mailbox, scan, mask]
);
main!(library_benchmark_groups = hot_paths);
