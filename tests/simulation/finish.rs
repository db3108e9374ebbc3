//! How a run ends: everything comes to rest and is complete, everybody leaves or is drained, and
//! nothing stays behind.

use std::collections::BTreeSet;

use crate::contract::{Broken, Checked, Dialect, Request, broken};
use crate::decider::DECIDED_MS;
use crate::wires::Wire;
use crate::world::World;

/// Rounds without an end that are taken for a standstill that goes in circles.
const ROUNDS_MAX: usize = 20_000;

/// A channel that is open to everybody, in every run.
const OPEN_CHANNEL: usize = 0;

/// The clock's step while everything comes to rest.
pub(crate) const REST_MS: u64 = 250;

impl World {
    /// One round of everything that can happen without time passing; whether anything did. Everybody
    /// reads once: what fits into a window.
    pub(crate) fn go_round(&mut self) -> Result<bool, Broken> {
        self.trace.step += 1;
        self.restore_interest(self.trace.step);
        let mut has_moved = false;
        for index in self.present.clone() {
            has_moved |= self.arrive(index, usize::MAX)?;
            has_moved |= self.clients[index].reads && self.read(index, usize::MAX)?;
            has_moved |= self.report_writable(index);
        }
        for shard in 0..self.nodes.len() {
            has_moved |= self.take_commands(shard, usize::MAX)? > 0;
            has_moved |= self.take_letters(shard, usize::MAX)? > 0;
            has_moved |= self.retry_stalled(shard)?;
            let sends = self.nodes[shard].shard.stats().sends;
            self.flush(shard, usize::MAX)?;
            has_moved |= self.nodes[shard].shard.stats().sends > sends;
        }
        for index in self.present.clone() {
            has_moved |= self.release(index);
            self.forget(index);
        }
        Ok(has_moved)
    }

    /// Goes round until nothing moves any more, and nobody's messages wait for others.
    fn pump(&mut self) -> Checked {
        for _ in 0..ROUNDS_MAX {
            if self.go_round()? {
                continue;
            }
            let due_ms = self
                .nodes
                .iter()
                .filter_map(|node| node.shard.flush_due_ms());
            let Some(due_ms) = due_ms.min() else {
                return Ok(());
            };
            self.elapse(due_ms.saturating_sub(self.now.monotonic_ms))?;
        }
        broken("rest", "it goes round in circles")
    }

    /// Lets time pass until `is_done`, at most until `by_ms`.
    pub(crate) fn rest_until(
        &mut self,
        by_ms: u64,
        step_ms: u64,
        is_done: impl Fn(&Self) -> bool,
    ) -> Result<bool, Broken> {
        loop {
            self.pump()?;
            if is_done(self) {
                return Ok(true);
            }
            if self.now.monotonic_ms >= by_ms {
                return Ok(false);
            }
            self.elapse(step_ms)?;
        }
    }

    /// Who has lost its connection, for whatever reason, comes again, subscribes and publishes: as
    /// many as there were at first.
    pub(crate) fn come_back(&mut self) -> Vec<usize> {
        self.trace.event("back", &[]);
        let clients = self.clients.iter().zip(&self.wires);
        let gone = clients.filter(|(client, wire)| client.is_over() || wire.closed);
        let gone = gone.count().min(self.plan.clients as usize);
        let back = self.clients.len()..self.clients.len() + gone;
        for index in back.clone() {
            self.come_as(Dialect::Strav, None);
            self.wires[index].heal();
            for request in [Request::Subscribe, Request::Publish { number: 0 }] {
                for ping in self.ask_on(index, OPEN_CHANNEL, request) {
                    self.checker.ping(index, ping);
                }
            }
        }
        back.collect()
    }

    /// They are all there, and have got what they published. (What they were answered, and whether
    /// they have everything, has been judged with all others.)
    pub(crate) fn are_there(&self, back: &[usize]) -> Checked {
        for index in back.iter().copied() {
            let is_open = self.clients[index].is_open(&self.wires[index]) && self.is_open(index);
            if !is_open || self.checker.messages(index) == 0 {
                return broken("rest", format!("client {index} could not come back"));
            }
        }
        Ok(())
    }

    /// Everybody who reads gets all there is, decisions come or are given up; then the books must
    /// be right.
    pub(crate) fn come_to_rest(&mut self) -> Checked {
        self.trace.event("rest", &[]);
        let by_ms = self.now.monotonic_ms + 3_600_000;
        // Also for those who just have been found too slow to be gone.
        self.asked_ms = self.now.monotonic_ms;
        // Those who sent too fast are read again when their rate allows it.
        let at_rest = |world: &Self| {
            let is_paused = |wire: &Wire| wire.paused && !wire.closed;
            let is_held_back = |index: usize| {
                let (client, wire) = (&world.clients[index], &world.wires[index]);
                let is_open = client.reads && client.is_open(wire);
                wire.waited_at_door && is_open && world.checker.is_answered(index).is_err()
            };
            world.now.monotonic_ms > world.asked_ms + DECIDED_MS
                && !world
                    .present
                    .iter()
                    .any(|index| is_paused(&world.wires[*index]) || is_held_back(*index))
        };
        if !self.rest_until(by_ms, REST_MS, at_rest)? {
            return broken(
                "rest",
                "decisions have no end, or somebody is never read again",
            );
        }
        self.restore_interest(u64::MAX);
        for (shard, node) in self.nodes.iter().enumerate() {
            if node.shard.has_stalled() {
                return broken("rest", format!("shard {shard} waits for room for ever"));
            }
            if !node.inbox.is_empty() {
                return broken("rest", format!("shard {shard} leaves letters unread"));
            }
        }
        for index in self.present.clone() {
            let (client, wire) = (&self.clients[index], &self.wires[index]);
            if client.reads && client.is_open(wire) {
                self.checker.is_answered(index)?;
                self.checker.is_told(index)?;
            }
            if wire.is_readable() || (wire.paused && !wire.closed) {
                return broken("rest", format!("client {index} is not read any more"));
            }
            let shard = &self.nodes[client.shard].shard;
            let left = wire.key.map_or(0, |key| shard.outbox_bytes(key));
            if client.reads && !wire.released && left > 0 {
                let what = format!("{left} bytes for client {index} are never sent");
                return broken("rest", what);
            }
        }
        self.check_complete(|world, index| {
            let client = &world.clients[index];
            // Who does not read cannot know that it was closed for that, and then what it had sent too
            // fast went with it.
            let is_there = client.reads || world.is_open(index);
            client.is_open(&world.wires[index]) && is_there && world.is_seen_through(index)
        })?;
        self.check_subscriptions()?;
        self.check_accounts()
    }

    /// Whether it is known that nothing is held back any more of what a client has sent: by the answer to
    /// its last ping, which those that have ended or fallen silent have not sent.
    fn is_seen_through(&self, index: usize) -> bool {
        let client = &self.clients[index];
        let has_pinged = client.is_alive && client.ending.is_none();
        has_pinged || !self.wires[index].waited_at_door
    }

    /// Every reader that `stayed` has what was sent by those that stayed, or was seen by anybody.
    pub(crate) fn check_complete(&mut self, stayed: impl Fn(&Self, usize) -> bool) -> Checked {
        let all = 0..self.clients.len();
        let settled: Vec<bool> = all.clone().map(|index| stayed(self, index)).collect();
        for index in all {
            if settled[index] && self.clients[index].reads {
                let around = self.around(index);
                self.checker.is_complete(index, &settled, around)?;
            }
        }
        let dropped: u64 = self
            .nodes
            .iter()
            .map(|node| node.shard.stats().dropped())
            .sum();
        if self.checker.missing > dropped {
            let missing = self.checker.missing;
            return broken(
                "C5",
                format!("{missing} are missing, but {dropped} counted"),
            );
        }
        Ok(())
    }

    /// Shards have the subscriptions that their clients have, and the map has their topics.
    fn check_subscriptions(&self) -> Checked {
        let mut topics: BTreeSet<usize> = BTreeSet::new();
        let mut is_all_known = true;
        for (shard, node) in self.nodes.iter().enumerate() {
            let (mut expected, mut is_known) = (0, true);
            for index in node.conns.values().copied() {
                let (client, wire) = (&self.clients[index], &self.wires[index]);
                let is_there = match self.checker.id(index) {
                    Some(id) => node.shard.find(id).is_some(),
                    None => client.is_open(wire),
                };
                if is_there {
                    // Who does not read does not know that its identity has ended.
                    is_known &= !self.checker.may_have_ended(index) && self.is_seen_through(index);
                    let channels = self.checker.will_have(index);
                    expected += channels.len();
                    topics.extend(channels);
                }
            }
            let subscriptions = node.shard.topics().subscriptions();
            is_all_known &= is_known;
            if is_known && subscriptions != expected {
                let what = format!("shard {shard} has {subscriptions} subscriptions: {expected}");
                return broken("subscriptions", what);
            }
        }
        if is_all_known && self.nodes.len() > 1 && self.interest.topics.len() != topics.len() {
            let what = format!(
                "{} topics in the map: {}",
                self.interest.topics.len(),
                topics.len()
            );
            return broken("subscriptions", what);
        }
        Ok(())
    }

    /// Where nobody has left and everybody reads, each delivery was read or counted as dropped.
    fn check_accounts(&mut self) -> Checked {
        for (shard, node) in self.nodes.iter().enumerate() {
            let mut read = 0;
            let mut is_calm = true;
            for (index, client) in self.clients.iter().enumerate() {
                if client.shard == shard {
                    read += self.checker.messages(index);
                    is_calm &= client.reads && client.is_open(&self.wires[index]);
                }
            }
            let stats = node.shard.stats();
            if !is_calm || stats.deliveries == 0 {
                continue;
            }
            self.report.exact_accounts += 1;
            if stats.deliveries != read + stats.dropped() {
                let what = format!(
                    "shard {shard}: {} deliveries, {read} read, {} dropped",
                    stats.deliveries,
                    stats.dropped()
                );
                return broken("C5", what);
            }
        }
        Ok(())
    }

    /// Everybody leaves, each in their own way.
    pub(crate) fn part(&mut self) -> Checked {
        self.trace.event("part", &[]);
        for index in self.present.clone() {
            let (client, wire) = (&mut self.clients[index], &mut self.wires[index]);
            if client.ending.is_none() && client.close.is_none() {
                client.end(wire, &mut self.random);
            }
            if self.random.below(4) == 0 {
                self.step()?;
            }
        }
        let by_ms = self.now.monotonic_ms + 60_000;
        if self.rest_until(by_ms, REST_MS, |world| world.present.is_empty())? {
            return Ok(());
        }
        broken("rest", format!("clients {:?} never go", self.present))
    }

    /// Whether its shard has this connection open.
    pub(crate) fn is_open(&self, index: usize) -> bool {
        let node = &self.nodes[self.clients[index].shard];
        let id = self.checker.id(index);
        id.is_some_and(|id| node.shard.find(id).is_some())
    }

    /// Nothing of anybody is left.
    pub(crate) fn leave_nothing(&mut self) -> Checked {
        let by_ms = self.now.monotonic_ms + 60_000;
        self.rest_until(by_ms, REST_MS, |world| world.present.is_empty())?;
        self.restore_interest(u64::MAX);
        for (shard, node) in self.nodes.iter().enumerate() {
            let topics = node.shard.topics();
            let left = [
                node.shard.conns(),
                topics.topics(),
                topics.subscriptions(),
                node.inbox.len(),
            ];
            if left != [0; 4] {
                let what = format!("shard {shard} keeps {left:?} (conns, topics, ..)");
                return broken("phantoms", what);
            }
        }
        if !self.interest.users.is_empty() {
            let what = format!("{} users stay in the map", self.interest.users.len());
            return broken("phantoms", what);
        }
        if !self.interest.topics.is_empty() {
            let what = format!("{} topics stay in the map", self.interest.topics.len());
            return broken("phantoms", what);
        }
        Ok(())
    }
}
