//! The graceful end of all shards: in good order, where everything must come out right, or with shards in
//! different phases, as when the control thread does not wait for one that is stuck.

use shardcast::engine::drain::DrainPhase;

use crate::contract::{Checked, broken};
use crate::finish::REST_MS;
use crate::world::World;

/// Time between two reads of a leisurely peer: more than the two seconds of a closing connection.
const LEISURE_MS: u64 = 2_100;

/// Milliseconds for the last phase where nobody waits for anybody, at most.
const CLOSE_MS_MAX: u32 = 20_000;

impl World {
    /// All shards stop reading, all mailboxes are emptied, all connections are closed.
    pub(crate) fn drain(&mut self) -> Checked {
        self.trace.event("drain", &[]);
        self.report.drains += 1;
        self.is_draining = true;
        let mut was_read = vec![false; self.clients.len()];
        for shard in 0..self.nodes.len() {
            for _ in 0..self.random.below(20) {
                self.step()?;
            }
            for (index, wire) in self.wires.iter().enumerate() {
                if self.clients[index].shard == shard {
                    let has_come = wire.to_server.is_empty() && !wire.has_lost;
                    was_read[index] = wire.key.is_some() && has_come;
                }
            }
            self.begin(shard, DrainPhase::Quiesce)?;
        }
        self.come();
        self.enter(DrainPhase::Quiesce, 3_600_000)?;
        self.restore_interest(u64::MAX);
        self.enter(DrainPhase::Settle, 10_000)?;
        self.close_all()?;
        self.are_quiet()?;
        let stayed = |world: &Self, index: usize| {
            let close = world.clients[index].close.as_ref();
            close.is_some_and(|(_, reason)| reason.eq_ignore_ascii_case("server shutting down"))
        };
        let was_read = |index: usize| was_read.get(index).is_some_and(|was_read| *was_read);
        for (index, client) in self.clients.iter().enumerate() {
            if client.reads && client.status == Some(101) && !client.is_over() {
                return broken("C7", format!("client {index} was not closed"));
            }
            if client.reads && stayed(self, index) && was_read(index) {
                self.checker.is_answered(index)?;
            }
        }
        self.check_complete(|world, index| stayed(world, index) && was_read(index))
    }

    /// The last phase: every connection is closed. In half of the runs peers take their time, more
    /// between two reads than a closing connection usually has.
    fn close_all(&mut self) -> Checked {
        let is_leisurely = self.random.below(2) == 0;
        let within_ms = if is_leisurely { 600_000 } else { 10_000 };
        let by_ms = self.now.monotonic_ms + within_ms;
        self.drained_by_ms = by_ms;
        let phase = DrainPhase::Close { by_ms };
        if is_leisurely {
            for shard in 0..self.nodes.len() {
                self.begin(shard, phase)?;
            }
            while self.now.monotonic_ms < by_ms && self.go_round()? {
                self.elapse(LEISURE_MS)?;
            }
        }
        self.enter(phase, within_ms + 5_000)
    }

    fn begin(&mut self, shard: usize, phase: DrainPhase) -> Checked {
        // It comes through the same lane.
        self.take_commands(shard, usize::MAX)?;
        if matches!(phase, DrainPhase::Close { .. }) {
            let conns: Vec<usize> = self.nodes[shard].conns.values().copied().collect();
            for index in conns {
                self.wires[index].was_open_for_drain = self.is_open(index);
            }
        }
        let node = &mut self.nodes[shard];
        node.phase = Some(phase);
        node.shard.handle_drain(self.now, phase);
        self.end_turn(shard)
    }

    /// All shards enter a phase, some steps apart unless they have, and report its end.
    fn enter(&mut self, phase: DrainPhase, within_ms: u64) -> Checked {
        let is_begun = self.nodes.iter().all(|node| node.phase == Some(phase));
        if !is_begun {
            for shard in 0..self.nodes.len() {
                self.begin(shard, phase)?;
                if self.plan.has_deaths() && self.random.below(2) == 0 {
                    self.connection_dies()?;
                }
                for _ in 0..self.random.below(10) {
                    self.step()?;
                }
            }
        }
        let by_ms = self.now.monotonic_ms + within_ms;
        let is_done = |world: &Self| {
            let mut nodes = world.nodes.iter();
            nodes.all(|node| node.drained == Some(phase))
        };
        // Decisions are still to come in the first phase alone.
        let step_ms = match phase {
            DrainPhase::Close { .. } => within_ms / 40,
            DrainPhase::Quiesce | DrainPhase::Settle => REST_MS,
        };
        if self.rest_until(by_ms, step_ms, is_done)? {
            return Ok(());
        }
        broken("C7", format!("{phase:?} has no end"))
    }

    /// A shard is told of its next phase, wherever the others are.
    pub(crate) fn advance_drain(&mut self, shard: usize) -> Checked {
        if !self.is_draining {
            self.trace.event("drain", &[]);
            self.report.drains += 1;
            self.is_draining = true;
            let within_ms = u64::from(self.random.below(CLOSE_MS_MAX));
            self.drained_by_ms = self.now.monotonic_ms + within_ms;
        }
        let by_ms = self.drained_by_ms;
        let phase = match self.nodes[shard].phase {
            None => DrainPhase::Quiesce,
            Some(DrainPhase::Quiesce) => DrainPhase::Settle,
            Some(DrainPhase::Settle) => DrainPhase::Close { by_ms },
            Some(DrainPhase::Close { .. }) => return Ok(()),
        };
        self.begin(shard, phase)
    }

    /// Who has reported that it will publish nothing more has kept its word.
    pub(crate) fn are_quiet(&self) -> Checked {
        for (shard, node) in self.nodes.iter().enumerate() {
            let publications = node.shard.stats().publications;
            if node
                .quiet_publications
                .is_some_and(|quiet| quiet != publications)
            {
                return broken("C7", format!("shard {shard} published after it was quiet"));
            }
        }
        Ok(())
    }
}
