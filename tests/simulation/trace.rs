//! What a run leaves behind: a hash of all its events, a log when asked for, and how it failed.

use std::fmt;

use crate::contract::{Broken, Dialect, Reply, To};
use crate::faults::Tally;
use crate::plan::Mode;

/// A failed run, with all that is needed to see it again.
#[derive(Debug, Clone)]
pub(crate) struct Violation {
    pub(crate) mode: Mode,
    pub(crate) seed: u64,
    pub(crate) step: u64,
    pub(crate) broken: Broken,
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            mode,
            seed,
            step,
            broken,
        } = self;
        write!(
            f,
            "seed {seed}, step {step}: {} is broken: {}\nsee its log with: {}",
            broken.rule,
            broken.what,
            replay_command(*mode, *seed),
        )
    }
}

/// How to run one seed again, with its log.
fn replay_command(mode: Mode, seed: u64) -> String {
    let test = mode.test();
    format!("SHARDCAST_SIM_SEED={seed} cargo test --test simulation -- --exact {test} --nocapture")
}

/// What happened in a run, in numbers: a run that exercises nothing proves nothing.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Report {
    pub(crate) hash: u64,
    pub(crate) conns: u64,
    pub(crate) publications: u64,
    pub(crate) deliveries: u64,
    pub(crate) messages_read: u64,
    pub(crate) letters: u64,
    pub(crate) stalls: u64,
    pub(crate) dropped: u64,
    pub(crate) evicted: u64,
    pub(crate) idled: u64,
    pub(crate) drains: u64,
    /// Shards whose every delivery was accounted for, to the last one.
    pub(crate) exact_accounts: u64,
    /// Replies read, in the order of [`crate::contract::Reply::ALL`].
    pub(crate) replies: [u64; Reply::ALL.len()],
    /// Messages read of what another dialect's client published, by the reader's dialect.
    pub(crate) crossed: [u64; Dialect::ALL.len()],
    /// Of what was sent to users, connections and everybody, messages read, in this order.
    pub(crate) sends_read: [u64; To::KINDS],
    /// Calls to end identities, identities whose time ran out, and clients that were told of either.
    pub(crate) revocations: u64,
    pub(crate) expired: u64,
    pub(crate) notices: u64,
    /// Clients that were closed for that.
    pub(crate) sent_off: u64,
    /// The longest time after its end for which an identity was still held, while no shard hung.
    pub(crate) late_end_ms: u64,
    /// Times a bug was planted.
    pub(crate) planted: u64,
    pub(crate) steps: u64,
    pub(crate) faults: Tally,
}

impl Report {
    /// Adds up two runs.
    pub(crate) fn add(&mut self, other: &Self) {
        self.hash ^= other.hash;
        self.conns += other.conns;
        self.publications += other.publications;
        self.deliveries += other.deliveries;
        self.messages_read += other.messages_read;
        self.letters += other.letters;
        self.stalls += other.stalls;
        self.dropped += other.dropped;
        self.evicted += other.evicted;
        self.idled += other.idled;
        self.drains += other.drains;
        self.exact_accounts += other.exact_accounts;
        self.planted += other.planted;
        self.steps += other.steps;
        self.faults.add(&other.faults);
        for (sum, more) in self.replies.iter_mut().zip(other.replies) {
            *sum += more;
        }
        for (sum, more) in self.sends_read.iter_mut().zip(other.sends_read) {
            *sum += more;
        }
        self.revocations += other.revocations;
        self.expired += other.expired;
        self.notices += other.notices;
        self.sent_off += other.sent_off;
        self.late_end_ms = self.late_end_ms.max(other.late_end_ms);
        for (sum, more) in self.crossed.iter_mut().zip(other.crossed) {
            *sum += more;
        }
    }
}

/// The events of a run, as a hash (FNV-1a) and, if loud, as lines.
#[derive(Debug)]
pub(crate) struct Trace {
    pub(crate) hash: u64,
    pub(crate) loud: bool,
    pub(crate) step: u64,
}

impl Trace {
    pub(crate) fn new(loud: bool) -> Self {
        Self {
            hash: 0xcbf2_9ce4_8422_2325,
            loud,
            step: 0,
        }
    }

    /// Notes an event and the numbers that belong to it.
    pub(crate) fn event(&mut self, what: &str, numbers: &[u64]) {
        self.bytes(what.as_bytes());
        for number in numbers {
            self.mix(*number);
        }
        if self.loud {
            println!("{:>7} {what} {numbers:?}", self.step);
        }
    }

    /// Notes bytes that went over a wire.
    pub(crate) fn bytes(&mut self, bytes: &[u8]) {
        for chunk in bytes.chunks(8) {
            let mut word = [0; 8];
            word[..chunk.len()].copy_from_slice(chunk);
            self.mix(u64::from_le_bytes(word));
        }
    }

    /// Says something in the log alone.
    pub(crate) fn say(&self, text: impl FnOnce() -> String) {
        if self.loud {
            println!("{:>7}     {}", self.step, text());
        }
    }

    fn mix(&mut self, number: u64) {
        self.hash = (self.hash ^ number).wrapping_mul(0x0100_0000_01b3);
        self.hash ^= self.hash >> 29;
    }
}

/// Tells the seed when the engine panics in the middle of a run.
pub(crate) struct TellSeed(pub(crate) Mode, pub(crate) u64);

impl Drop for TellSeed {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!(
                "that was seed {}; again with: {}",
                self.1,
                replay_command(self.0, self.1)
            );
        }
    }
}
