//! What a seed decides before anything happens: the size of the world, its limits and its weather.

use shardcast::base::limits::{BackpressurePolicy, ConnLimits, ReadRates};
use shardcast::base::random::Random;
use shardcast::engine::deflate::DeflateConfig;

use crate::deflating;

/// What can happen in a step, in the order of [`Plan::weights`].
#[derive(Debug, Clone, Copy)]
pub(crate) enum Happening {
    ClientActs,
    BytesArrive,
    ClientReads,
    LettersTaken,
    Flushed,
    TimePasses,
    SocketWritable,
    SocketReleased,
    StalledRetried,
    ClientComes,
    AnswersCome,
    ApiCalled,
    ConnectionDies,
    ShardHangs,
    DrainAdvances,
}

impl Happening {
    const ALL: [Self; 15] = [
        Self::ClientActs,
        Self::BytesArrive,
        Self::ClientReads,
        Self::LettersTaken,
        Self::Flushed,
        Self::TimePasses,
        Self::SocketWritable,
        Self::SocketReleased,
        Self::StalledRetried,
        Self::ClientComes,
        Self::AnswersCome,
        Self::ApiCalled,
        Self::ConnectionDies,
        Self::ShardHangs,
        Self::DrainAdvances,
    ];

    /// Whether it is something that the shard of the step does.
    pub(crate) fn is_of_a_shard(self) -> bool {
        use Happening::{DrainAdvances, Flushed, LettersTaken, StalledRetried};
        matches!(
            self,
            LettersTaken | Flushed | StalledRetried | DrainAdvances
        )
    }

    /// How often each happens, in the same order.
    const WEIGHTS: [u32; Self::ALL.len()] = [12, 14, 8, 8, 8, 3, 4, 2, 3, 1, 2, 2, 1, 1, 1];
}

/// How far faults go, and what is checked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Mode {
    /// Each is small, and all of them stop: then everything that is owed must come.
    Bounded,
    /// Anything at any time, for ever: what comes must be right.
    Unbounded,
}

impl Mode {
    /// The test that runs it.
    pub(crate) fn test(self) -> &'static str {
        match self {
            Self::Bounded => "bounded_faults",
            Self::Unbounded => "unbounded_faults",
        }
    }
}

/// The plan of a run.
#[derive(Debug, Clone)]
pub(crate) struct Plan {
    pub(crate) mode: Mode,
    pub(crate) shards: u32,
    /// Clients at the start.
    pub(crate) clients: u32,
    pub(crate) steps: u64,
    /// Clients touched by one step.
    pub(crate) batch: u32,
    pub(crate) mailbox: usize,
    pub(crate) open_channels: u32,
    /// Filler bytes of a publication at most.
    pub(crate) data_bytes_max: usize,
    pub(crate) limits: ConnLimits,
    pub(crate) deflate: DeflateConfig,
    /// Whether clients leave before the end.
    pub(crate) has_ends: bool,
    /// Whether clients stop reading, and others stop answering pings.
    pub(crate) has_silence: bool,
    /// Clients in 16 whose window is small.
    pub(crate) narrow: u32,
    /// Users whom half of the clients speak for.
    pub(crate) users: u32,
    /// Clients in 16 that publish.
    pub(crate) publishers: u32,
    /// Whether the run ends with a drain, or comes to one on its way.
    pub(crate) drains: bool,
    /// Milliseconds that pass at once.
    pub(crate) elapse_ms_max: u32,
    /// Times in 16 that a shard misses its tick, and how far behind it may be at most.
    pub(crate) late: u32,
    pub(crate) late_ms_max: u64,
    /// Milliseconds by which the wall clock jumps at most, if it does.
    pub(crate) clock_jump_ms_max: u32,
    /// Milliseconds of a standstill at most, if there are any.
    pub(crate) standstill_ms_max: u32,
    weights: [u32; Happening::ALL.len()],
}

/// Bytes of the longest frame but for publications: the refusal of a name that is too long.
const REPLY_BYTES_MAX: usize = 1_400;

/// How late ticks are where that has a bound: a shard that is busy for so long is hardly well.
pub(crate) const LATE_MS_MAX: u64 = 1_000;

/// Milliseconds that pass at once, at most, until it comes to the end.
pub(crate) const ELAPSE_MS_MAX: u32 = 400;

/// A day: longer than any timer.
const DAY_MS: u32 = 24 * 3_600 * 1_000;

impl Plan {
    pub(crate) fn draw(mode: Mode, random: &mut Random) -> Self {
        let is_crowded = random.below(64) == 0;
        let clients = match random.below(4) {
            _ if is_crowded => 1_000 + random.below(2_000),
            0 => 3 + random.below(4),
            1 | 2 => 6 + random.below(14),
            _ => 20 + random.below(40),
        };
        let shards = if random.below(16) == 0 {
            1
        } else {
            2 + random.below(7)
        };
        let data_bytes_max = [40, 300, 3_000][random.below(3) as usize];
        let mut plan = Self {
            mode,
            shards,
            clients,
            steps: if is_crowded {
                400
            } else {
                u64::from(1_000 + random.below(2_000))
            },
            batch: 1 + clients / 16,
            mailbox: [1, 2, 4, 256][random.below(4) as usize],
            open_channels: if is_crowded { 40 } else { 1 + random.below(5) },
            data_bytes_max,
            limits: Self::limits(random, data_bytes_max),
            deflate: deflating::config(random),
            has_ends: random.below(3) > 0,
            has_silence: random.below(3) > 0,
            narrow: [0, 4, 12][random.below(3) as usize],
            users: 1 + random.below(4),
            publishers: if is_crowded { 1 } else { 6 + random.below(10) },
            drains: random.below(3) == 0,
            elapse_ms_max: 1 + random.below(ELAPSE_MS_MAX),
            late: [0, 1, 8][random.below(3) as usize],
            late_ms_max: LATE_MS_MAX,
            clock_jump_ms_max: [0, 0, 5_000][random.below(3) as usize],
            standstill_ms_max: 0,
            weights: [0; Happening::ALL.len()],
        };
        if mode == Mode::Unbounded {
            // They are cheap: nothing is waited for.
            plan.steps *= 3;
            plan.late_ms_max = u64::MAX;
            plan.clock_jump_ms_max = [0, 5_000, DAY_MS][random.below(3) as usize];
            plan.standstill_ms_max = [0, 0, 10_000, DAY_MS][random.below(4) as usize];
        }
        for (happening, weight) in Happening::ALL.into_iter().zip(&mut plan.weights) {
            let base = Happening::WEIGHTS[happening as usize];
            // Some weathers are lopsided: a shard that hardly looks into its mailbox, a client
            // that floods faster than anybody flushes.
            *weight = match random.below(8) {
                0 => base / 4 + 1,
                1 => base * 4,
                _ => base * 2,
            };
        }
        if random.below(2) == 0 {
            plan.weights[Happening::ConnectionDies as usize] = 0;
        }
        if random.below(2) == 0 {
            plan.weights[Happening::ShardHangs as usize] = 0;
        }
        // In the other mode it is what a run ends with.
        if mode == Mode::Bounded || !plan.drains {
            plan.weights[Happening::DrainAdvances as usize] = 0;
        }
        plan
    }

    fn limits(random: &mut Random, data_bytes_max: usize) -> ConnLimits {
        let frame = (data_bytes_max + 200).max(REPLY_BYTES_MAX);
        let ping_interval_ms = [0, 1_000, 30_000][random.below(3) as usize];
        ConnLimits {
            message_bytes_max: 16 * 1024,
            // More than any client here uses for one message.
            message_frames_max: 1_000,
            read_rates: ReadRates {
                messages_per_s: [0, 0, 5, 50][random.below(4) as usize],
                bytes_per_s: [0, 0, 200, 10_000][random.below(4) as usize],
            },
            backpressure_bytes_max: match random.below(3) {
                0 => frame + 64 + random.below(4_000) as usize,
                1 => 6 * frame,
                _ => 1024 * 1024,
            },
            backpressure_policy: match random.below(6) {
                0 => BackpressurePolicy::DropNewest,
                1 => BackpressurePolicy::DropOldest,
                _ => BackpressurePolicy::Close,
            },
            unproven_bytes_max: 0,
            subscriptions_max: [2, 5, 128][random.below(3) as usize],
            ping_interval_ms,
            idle_timeout_ms: 3 * ping_interval_ms,
            flush_interval_ms: [0, 0, 1, 300][random.below(4) as usize],
        }
    }

    /// Bytes of the longest frame that can occur.
    pub(crate) fn frame_bytes_max(&self) -> usize {
        (self.data_bytes_max + 200).max(REPLY_BYTES_MAX)
    }

    /// Whether publications may be dropped.
    pub(crate) fn may_drop(&self) -> bool {
        self.limits.backpressure_policy != BackpressurePolicy::Close
    }

    /// Whether connections die.
    pub(crate) fn has_deaths(&self) -> bool {
        self.weights[Happening::ConnectionDies as usize] > 0
    }

    /// What happens next.
    pub(crate) fn next(&self, random: &mut Random) -> Happening {
        let mut left = random.below(self.weights.iter().sum());
        for (happening, weight) in Happening::ALL.into_iter().zip(self.weights) {
            if left < weight {
                return happening;
            }
            left -= weight;
        }
        Happening::BytesArrive
    }
}
