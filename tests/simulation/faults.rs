//! What the world does to the engine, and how often it did: a pass means something only if
//! everything has happened.
//!
//! In both modes peers stop reading, mailboxes fill up, shards tick late, the wall clock jumps,
//! connections die at each step of their lives, and decisions come when they like. The modes differ
//! in how far it goes: see [`Mode`].

use shardcast::base::limits::DECISION_TIMEOUT;
use shardcast::base::time::millis;

use crate::client::Ending;
use crate::contract::Checked;
use crate::plan::Mode;
use crate::world::World;

/// A fault that comes from outside the engine. (What is wrong inside is a [`crate::planted::Bug`].)
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fault {
    /// A peer stops reading, for a while or for good.
    PeerStopsReading,
    /// A publication finds a mailbox full.
    MailboxFull,
    /// Time passes, but a shard does not tick.
    TickLate,
    /// A shard does nothing at all, while the others go on.
    ShardHangs,
    /// The wall clock goes back.
    ClockBack,
    /// The wall clock leaps ahead.
    ClockAhead,
    /// Nothing at all happens for longer than any timer runs.
    Standstill,
    /// A connection dies before the head of its request is whole.
    DeathInHead,
    /// It dies after the 101, before it asked for anything.
    DeathAfterUpgrade,
    /// It dies while its subscribe is being decided.
    DeathDuringDecision,
    /// It dies with a publication that waits for room.
    DeathWithoutRoom,
    /// It dies while the shard closes it.
    DeathDuringClose,
    /// It dies after its shard has begun to drain.
    DeathDuringDrain,
    /// A decision comes after it was given up.
    DecisionLate,
    /// A decision never comes.
    DecisionMissing,
    /// A decision comes again, and says the opposite.
    DecisionRepeated,
    /// A decision comes for a connection that is gone.
    DecisionForNobody,
}

impl Fault {
    pub(crate) const ALL: [Self; 17] = [
        Self::PeerStopsReading,
        Self::MailboxFull,
        Self::TickLate,
        Self::ShardHangs,
        Self::ClockBack,
        Self::ClockAhead,
        Self::Standstill,
        Self::DeathInHead,
        Self::DeathAfterUpgrade,
        Self::DeathDuringDecision,
        Self::DeathWithoutRoom,
        Self::DeathDuringClose,
        Self::DeathDuringDrain,
        Self::DecisionLate,
        Self::DecisionMissing,
        Self::DecisionRepeated,
        Self::DecisionForNobody,
    ];

    const DEATHS: [Self; 6] = [
        Self::DeathInHead,
        Self::DeathAfterUpgrade,
        Self::DeathDuringDecision,
        Self::DeathWithoutRoom,
        Self::DeathDuringClose,
        Self::DeathDuringDrain,
    ];

    /// Whether it can happen in this mode.
    pub(crate) fn happens_in(self, mode: Mode) -> bool {
        self != Self::Standstill || mode == Mode::Unbounded
    }
}

/// Steps for which a shard hangs, if it comes to again.
const HANGING_STEPS_MAX: u32 = 300;

/// How often each fault has happened.
#[derive(Clone, Default, PartialEq, Eq)]
pub(crate) struct Tally([u64; Fault::ALL.len()]);

impl Tally {
    pub(crate) fn note(&mut self, fault: Fault) {
        self.note_many(fault, 1);
    }

    pub(crate) fn note_many(&mut self, fault: Fault, times: u64) {
        self.0[fault as usize] += times;
    }

    pub(crate) fn of(&self, fault: Fault) -> u64 {
        self.0[fault as usize]
    }

    pub(crate) fn add(&mut self, other: &Self) {
        for (sum, more) in self.0.iter_mut().zip(other.0) {
            *sum += more;
        }
    }
}

impl std::fmt::Debug for Tally {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let faults = Fault::ALL.iter().map(|fault| (fault, self.of(*fault)));
        f.debug_map().entries(faults).finish()
    }
}

impl World {
    /// Whether a fault that comes with the clock happens now: `times` in 16, until faults stop.
    fn strikes(&mut self, fault: Fault, times: u32) -> bool {
        let now = !self.is_calm && self.random.below(16) < times;
        if now {
            self.report.faults.note(fault);
        }
        now
    }

    /// Whether a shard misses its tick at this time.
    pub(crate) fn misses_tick(&mut self, shard: usize) -> bool {
        if self.is_hanging(shard) {
            self.nodes[shard].hung_ms = self.now.monotonic_ms;
            return true;
        }
        let behind_ms = self.now.monotonic_ms - self.nodes[shard].ticked_ms;
        behind_ms <= self.plan.late_ms_max && self.strikes(Fault::TickLate, self.plan.late)
    }

    /// A shard hangs: for some steps, or for ever.
    pub(crate) fn shard_hangs(&mut self, shard: usize) {
        if self.is_ending || self.is_hanging(shard) {
            return;
        }
        let is_final = self.plan.mode == Mode::Unbounded && self.random.below(4) == 0;
        let until_step = match is_final {
            true => u64::MAX,
            false => self.trace.step + u64::from(self.random.below(HANGING_STEPS_MAX)),
        };
        self.hanging = Some((shard, until_step));
        self.report.faults.note(Fault::ShardHangs);
        self.trace.event("hangs", &[shard as u64, until_step]);
    }

    /// Whether a shard does nothing now.
    pub(crate) fn is_hanging(&self, shard: usize) -> bool {
        self.hanging
            .is_some_and(|(hanging, until)| hanging == shard && self.trace.step < until)
    }

    /// Milliseconds that pass beyond those that would.
    pub(crate) fn standstill_ms(&mut self) -> u64 {
        // Rare, since it ends most of what was going on.
        let may_be = self.plan.standstill_ms_max > 0 && self.random.below(8) == 0;
        if may_be && self.strikes(Fault::Standstill, 1) {
            return u64::from(self.random.below(self.plan.standstill_ms_max));
        }
        0
    }

    /// The wall clock is set, as it is by hand or by NTP.
    pub(crate) fn set_clock(&mut self) {
        let by_ms = u64::from(self.random.below(self.plan.clock_jump_ms_max.max(1)));
        if by_ms == 0 {
            return;
        }
        if self.strikes(Fault::ClockBack, 1) {
            self.now.unix_ms -= by_ms;
        } else if self.strikes(Fault::ClockAhead, 1) {
            self.now.unix_ms += by_ms;
        }
    }

    /// A peer stops reading.
    pub(crate) fn stop_reading(&mut self, index: usize) {
        self.clients[index].reads = false;
        self.report.faults.note(Fault::PeerStopsReading);
        self.trace.event("stops reading", &[index as u64]);
    }

    /// A connection dies at one of the steps of its life, if one is there now.
    pub(crate) fn connection_dies(&mut self) -> Checked {
        let count = Fault::DEATHS.len() as u32;
        let step = Fault::DEATHS[self.random.below(count) as usize];
        let is_there = |index: &usize| self.is_at(*index, step);
        let there: Vec<usize> = self.present.iter().copied().filter(is_there).collect();
        let chosen = self.random.below(there.len().max(1) as u32) as usize;
        let Some(index) = there.get(chosen).copied() else {
            return Ok(());
        };
        self.report.faults.note(step);
        self.trace.event("dies", &[index as u64, step as u64]);
        self.trace.say(|| format!("{step:?}"));
        let (client, wire) = (&mut self.clients[index], &mut self.wires[index]);
        // What the network still had of it is lost.
        wire.has_lost |= !wire.to_server.is_empty();
        wire.to_server.clear();
        let is_ending = client.ending.is_some() || step == Fault::DeathDuringClose;
        if is_ending || self.random.below(2) == 0 {
            wire.client_reset = true;
            wire.to_client.clear();
            client.ending = Some(Ending::Reset);
        } else {
            wire.client_finished = true;
            client.ending = Some(Ending::Finished);
        }
        // The shard is told at this very step, unless it does not read.
        self.arrive(index, usize::MAX).map(drop)
    }

    /// Whether a connection that is alive is at the step at which this death would strike it.
    fn is_at(&self, index: usize, step: Fault) -> bool {
        let (client, wire) = (&self.clients[index], &self.wires[index]);
        let is_dead = wire.closed || wire.client_reset || wire.client_finished;
        if wire.key.is_none() || is_dead {
            return false;
        }
        let node = &self.nodes[client.shard];
        match step {
            Fault::DeathInHead => wire.arrived < client.request_len,
            Fault::DeathAfterUpgrade => wire.arrived == client.request_len,
            Fault::DeathDuringDecision => wire.subscribe_asked_ms.is_some_and(|asked_ms| {
                self.is_open(index) && self.now.monotonic_ms < asked_ms + millis(DECISION_TIMEOUT)
            }),
            Fault::DeathWithoutRoom => {
                wire.stalled && wire.paused && node.shard.has_stalled() && self.is_open(index)
            }
            Fault::DeathDuringClose => self.checker.id(index).is_some() && !self.is_open(index),
            Fault::DeathDuringDrain => node.phase.is_some(),
            _ => false,
        }
    }

    /// From here on nothing goes wrong any more, but what stays broken: some peers that do not read
    /// never will.
    pub(crate) fn stop_faults(&mut self) {
        self.is_calm = true;
        for index in self.present.clone() {
            if self.random.below(4) > 0 {
                self.clients[index].reads = true;
            }
        }
    }
}
