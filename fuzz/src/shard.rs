//! Whole shards, by commands.

use shardcast::base::limits::{BackpressurePolicy, ConnLimits, ReadRates};
use shardcast::base::slab::Key;
use shardcast::engine::decider::Verdict;

use crate::pieces::Choices;
use crate::rig::{UPGRADE, client_frame};
use crate::world::World;

/// Commands of one input: enough to get anywhere, few enough for thousands of inputs in a second.
const COMMANDS_MAX: usize = 400;

/// What `world::ByName` allows, asks about, denies and cannot tell.
const TOPICS: [&str; 6] = ["a", "b", "?a", "?b", "-", "!"];

/// Bytes that break something.
const OFFENCES: [&[u8]; 6] = [
    b"\x81\x01x",
    b"\xc1\x80\0\0\0\0",
    b"\x80\x80\0\0\0\0",
    b"\x81\x81\0\0\0\0\xff",
    b"\x82\xff\0\0\0\0\xff\0\0\0",
    b"GET / HTTP/1.0\r\n\r\n",
];

/// Reads `data` as commands to one shard or two and to the sockets around them: connect, send
/// (whole, split, wrong), let time pass, read a little, break, answer, drain.
///
/// - After each: outboxes, mailboxes and subscriptions are within their limits, and counted right.
/// - Nothing is sent to, or wanted of, a socket that is over; what arrived is whole frames.
/// - When all are gone, nothing of them is left.
pub fn shard(data: &[u8]) {
    let mut choices = Choices::new(data);
    let shards = 1 + choices.below(2);
    let mut world = World::new(shards, limits(&mut choices));
    for _ in 0..COMMANDS_MAX {
        if choices.are_over() {
            break;
        }
        let node = choices.below(shards);
        command(&mut world, node, &mut choices);
        world.end_turn();
    }
    world.finish();
}

fn limits(choices: &mut Choices<'_>) -> ConnLimits {
    let backpressure_policy = [
        BackpressurePolicy::Close,
        BackpressurePolicy::DropNewest,
        BackpressurePolicy::DropOldest,
    ][choices.below(3)];
    let rates = [(0, 0), (4, 0), (0, 400)][choices.below(3)];
    ConnLimits {
        message_bytes_max: 600,
        message_frames_max: 4,
        read_rates: ReadRates {
            messages_per_s: rates.0,
            bytes_per_s: rates.1,
        },
        backpressure_bytes_max: 1_500,
        backpressure_policy,
        unproven_bytes_max: 0,
        subscriptions_max: 3,
        ping_interval_ms: [0, 1_000][choices.below(2)],
        idle_timeout_ms: [0, 3_000][choices.below(2)],
        flush_interval_ms: [0, 0, 0, 50][choices.below(4)],
    }
}

fn command(world: &mut World, node: usize, choices: &mut Choices<'_>) {
    let what = choices.byte();
    let keys = world.nodes[node].sockets.keys();
    let key =
        |choices: &mut Choices<'_>| -> Option<Key> { keys.get(choices.below(keys.len())).copied() };
    match what % 16 {
        0 => world.accept(node),
        1 => {
            // As most clients connect: the whole request at once, and something right behind it.
            world.accept(node);
            let newest = world.nodes[node].sockets.keys();
            for key in newest {
                if !keys.contains(&key) {
                    let bytes = [UPGRADE, &message(choices)].concat();
                    world.receive(node, key, &bytes);
                }
            }
        }
        2 => {
            world.flush(node, choices.below(4));
        }
        3 => world.elapse(u64::from(choices.byte()) * 20),
        4 => {
            world.take_letters(node, choices.below(3));
        }
        5 => {
            let verdict = [Verdict::Allow, Verdict::Deny, Verdict::Fail][choices.below(3)];
            let (index, again) = (choices.below(8), choices.below(8) == 7);
            world.answer(node, index, verdict, again);
        }
        // Rare: what comes after it is little.
        6 if choices.byte() > 200 => world.drain_on(u64::from(choices.byte()) * 20),
        6 => {
            world.flush(node, usize::MAX);
        }
        other => {
            if let Some(key) = key(choices) {
                command_to(world, node, key, other, choices);
            }
        }
    }
}

/// What concerns one connection.
fn command_to(world: &mut World, node: usize, key: Key, what: u8, choices: &mut Choices<'_>) {
    match what {
        7 => {
            if let Some(socket) = world.nodes[node].sockets.get_mut(key) {
                let choice = choices.below(6);
                socket.room = [0, 1, 20, 300, usize::MAX, 0][choice];
                socket.is_broken |= choice == 5;
            }
        }
        8 => {
            world.tell_writable(node, key);
        }
        9 => {
            world.release(node, key, choices.below(4));
        }
        10 => {
            let broken = choices.below(2) == 1;
            world.end(node, key, broken);
        }
        11 => {
            // In two pieces, with a turn between them.
            let bytes = message(choices);
            let (first, rest) = bytes.split_at(choices.below(bytes.len().clamp(1, 256)));
            world.receive(node, key, first);
            world.end_turn();
            world.receive(node, key, rest);
        }
        12 => {
            let len = choices.below(40);
            let bytes = choices.bytes(len);
            world.receive(node, key, bytes);
        }
        13 => world.receive(node, key, OFFENCES[choices.below(OFFENCES.len())]),
        14 => {
            // Several frames in one receive.
            let bytes: Vec<u8> = (0..choices.below(8))
                .flat_map(|_| message(choices))
                .collect();
            world.receive(node, key, &bytes);
        }
        _ => {
            let bytes = message(choices);
            world.receive(node, key, &bytes);
        }
    }
}

/// A client's frame that means something.
fn message(choices: &mut Choices<'_>) -> Vec<u8> {
    let what = choices.byte();
    let topic = TOPICS[choices.below(TOPICS.len())];
    let (first, payload) = match what % 12 {
        0..=2 => (0x81, format!(r#"{{"t":"sub","c":"{topic}"}}"#).into_bytes()),
        3 => (
            0x81,
            format!(r#"{{"t":"unsub","c":"{topic}"}}"#).into_bytes(),
        ),
        4..=7 => {
            let data = "x".repeat(usize::from(choices.byte()) * 2);
            let text = format!(r#"{{"t":"pub","c":"{topic}","e":"e","d":"{data}"}}"#);
            (0x81, text.into_bytes())
        }
        // A message that comes in two frames; the second is the next one's business.
        8 => (0x01, br#"{"t":"sub","#.to_vec()),
        9 => (0x80, format!(r#""c":"{topic}"}}"#).into_bytes()),
        10 => (0x89, topic.as_bytes().to_vec()),
        _ => (
            0x88,
            [&b""[..], b"\x03\xe8", b"\x03"][choices.below(3)].to_vec(),
        ),
    };
    client_frame(first, [what, 1, 2, 3], &payload)
}
