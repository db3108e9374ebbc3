//! What can happen in one step, to whom and how much of it: always by the run's one [`Random`].

use std::net::{IpAddr, Ipv4Addr};

use shardcast::base::ids::ShardId;
use shardcast::engine::disconnect::Cause;

use crate::client::{Client, Heard};
use crate::contract::{Broken, Checked, Dialect, Said, broken};
use crate::plan::Happening;
use crate::planted::{Bug, redirect, with_data};
use crate::world::{HANDSHAKE_MS, World};

/// Where everybody comes from. (192.0.2.0/24 is kept for documentation.)
const PEER: IpAddr = IpAddr::V4(Ipv4Addr::new(192, 0, 2, 1));

impl World {
    /// One thing happens.
    pub(crate) fn step(&mut self) -> Checked {
        self.trace.step += 1;
        self.restore_interest(self.trace.step);
        self.find_lost();
        let node = self.random.below(self.plan.shards) as usize;
        let happening = self.plan.next(&mut self.random);
        if happening.is_of_a_shard() && self.is_hanging(node) {
            return Ok(());
        }
        match happening {
            Happening::ClientActs => self.for_some(Self::act),
            Happening::BytesArrive => self.for_some(Self::arrive_some),
            Happening::ClientReads => self.for_some(Self::read_some),
            Happening::LettersTaken => {
                let letters = 1 + self.random.below(6) as usize;
                self.take_commands(node, letters)?;
                self.take_letters(node, letters).map(drop)
            }
            Happening::Flushed => {
                let sends = [1, 2, 5, 1_000][self.random.below(4) as usize];
                self.flush(node, sends)
            }
            Happening::TimePasses => {
                let elapsed_ms = 1 + u64::from(self.random.below(self.plan.elapse_ms_max));
                self.elapse(elapsed_ms)
            }
            Happening::SocketWritable => self.for_some(|world, client| {
                world.report_writable(client);
                Ok(())
            }),
            Happening::SocketReleased => self.for_some(|world, client| {
                world.release(client);
                world.forget(client);
                Ok(())
            }),
            Happening::StalledRetried => self.retry_stalled(node).map(drop),
            Happening::AnswersCome => self.give_answers(),
            Happening::ApiCalled => {
                if !self.is_ending {
                    self.call();
                }
                Ok(())
            }
            Happening::ConnectionDies if self.is_calm => Ok(()),
            Happening::ConnectionDies => self.connection_dies(),
            Happening::ShardHangs => {
                self.shard_hangs(node);
                Ok(())
            }
            Happening::DrainAdvances => self.advance_drain(node),
            Happening::ClientComes => {
                if !self.is_ending && self.present.len() < 2 * self.plan.clients as usize {
                    self.come();
                }
                Ok(())
            }
        }
    }

    fn for_some(&mut self, mut happen: impl FnMut(&mut Self, usize) -> Checked) -> Checked {
        for _ in 0..self.plan.batch {
            if let Some(client) = self.anybody() {
                happen(self, client)?;
            }
        }
        Ok(())
    }

    /// Gives back the interest that a bug has hidden up to this step.
    pub(crate) fn restore_interest(&mut self, step: u64) {
        let nodes = &self.nodes;
        let is_wanted = |shard: ShardId, topic: &str| {
            let topics = nodes[shard.index()].shard.topics();
            topics
                .subscribers(crate::world::APP, topic)
                .next()
                .is_some()
        };
        self.planted.restore(&self.interest, step, is_wanted);
    }

    fn arrive_some(&mut self, index: usize) -> Checked {
        let bytes_max = match self.random.below(4) {
            0 => 1 + self.random.below(3) as usize,
            1 => 1 + self.random.below(200) as usize,
            _ => usize::MAX,
        };
        self.arrive(index, bytes_max).map(drop)
    }

    /// What a client has sent arrives at its shard; whether anything did.
    pub(crate) fn arrive(&mut self, index: usize, bytes_max: usize) -> Result<bool, Broken> {
        let shard = self.clients[index].shard;
        if !self.wires[index].is_readable() || self.is_hanging(shard) {
            return Ok(false);
        }
        let before = self.watch_interest(shard);
        let (now, wire) = (self.now, &mut self.wires[index]);
        let node = &mut self.nodes[shard];
        let Some(key) = wire.key else {
            return self.accept(index).map(|()| true);
        };
        if wire.client_reset && self.random.below(2) == 0 {
            wire.to_server.clear();
        }
        let count = bytes_max.min(wire.to_server.len());
        self.trace.event("arrive", &[index as u64, count as u64]);
        if count == 0 {
            wire.end_told = true;
            node.shard.handle_end(now, key, wire.client_reset);
        } else {
            let mut bytes: Vec<u8> = wire.to_server.drain(..count).collect();
            wire.heard_ms = now.monotonic_ms;
            wire.arrived += count;
            let stalls = node.shard.stats().stalls;
            let flow = node.shard.handle_bytes(now, key, &mut bytes);
            wire.stalled |= node.shard.stats().stalls > stalls;
            wire.note_flow(flow);
            if node.shard.wants_flush() {
                self.flush(shard, 1)?;
            }
        }
        self.hide_interest(shard, &before);
        self.end_turn(shard)?;
        Ok(true)
    }

    fn accept(&mut self, index: usize) -> Checked {
        let shard = self.clients[index].shard;
        let node = &mut self.nodes[shard];
        let Some(key) = node.shard.handle_accepted(self.now, PEER) else {
            return broken("admission", "a socket was turned away");
        };
        node.conns.insert(key, index);
        let wire = &mut self.wires[index];
        wire.key = Some(key);
        (wire.accepted_ms, wire.heard_ms) = (self.now.monotonic_ms, self.now.monotonic_ms);
        self.trace.event(
            "accepted",
            &[index as u64, shard as u64, u64::from(key.slot)],
        );
        self.end_turn(shard)
    }

    fn read_some(&mut self, index: usize) -> Checked {
        if !self.clients[index].reads {
            // Most have only paused.
            self.clients[index].reads = self.random.below(16) == 0;
            return Ok(());
        }
        let bytes_max = match self.random.below(4) {
            0 => 1 + self.random.below(300) as usize,
            _ => usize::MAX,
        };
        self.read(index, bytes_max).map(drop)
    }

    /// A client reads, and answers what wants an answer; whether there was anything.
    pub(crate) fn read(&mut self, index: usize, bytes_max: usize) -> Result<bool, Broken> {
        let (client, wire) = (&mut self.clients[index], &mut self.wires[index]);
        let before = wire.to_client.len();
        let heard = client.read(wire, bytes_max)?;
        let has_read = before > wire.to_client.len() || !heard.is_empty();
        for heard in heard {
            self.trace.say(|| format!("client {index} reads {heard:?}"));
            let (client, wire) = (&mut self.clients[index], &mut self.wires[index]);
            match heard {
                Heard::Response(status) => {
                    let waited_ms = self.now.monotonic_ms - wire.accepted_ms;
                    let is_right = match status {
                        101 => true,
                        408 => waited_ms >= HANDSHAKE_MS,
                        503 => self.is_draining,
                        _ => false,
                    };
                    if !is_right {
                        return broken("handshake", format!("client {index} got {status}"));
                    }
                    if status != 101 {
                        wire.client_finished = true;
                    }
                    if client.dialect == Dialect::SharedWebsocket {
                        self.learn_id(index);
                    }
                }
                Heard::Ping(payload) => {
                    if client.is_alive && client.ending.is_none() {
                        Client::pong(wire, &mut self.random, &payload);
                    }
                }
                Heard::Pong(payload) => self.checker.pong(index, &payload)?,
                Heard::Text(text) => {
                    let Some(said) = client.dialect.read(&text) else {
                        return broken("dialect", format!("client {index} cannot read {text}"));
                    };
                    let around = self.around(index);
                    self.checker.hear(index, &said, around)?;
                    if let Said::Welcome(id, _) = said {
                        self.look_up(index, id)?;
                    }
                }
                Heard::Close(code, reason) => self.judge_close(index, code, &reason)?,
                Heard::End => self.judge_end(index)?,
            }
        }
        Ok(has_read)
    }

    /// A shard handles up to `count` letters; how many it did.
    pub(crate) fn take_letters(&mut self, shard: usize, count: usize) -> Result<usize, Broken> {
        let mut taken = 0;
        while taken < count {
            let node = &mut self.nodes[shard];
            let Some(mut letter) = node.inbox.take_publication() else {
                break;
            };
            taken += 1;
            self.trace.event("letter", &[shard as u64]);
            if self.planted.strikes(Bug::WrongTopic, &mut self.random, 16) {
                let other = self.random.below(self.plan.open_channels) as usize;
                letter = redirect(&letter, &self.channels[other]);
            }
            if self
                .planted
                .strikes(Bug::NullForAbsent, &mut self.random, 1)
            {
                letter = with_data(&letter);
            }
            if self.planted.bug == Some(Bug::SwappedLetters)
                && let Some(next) = node.inbox.take_publication()
            {
                let (one, two) = (letter.publication(), next.publication());
                if one.origin == two.origin && one.topic == two.topic {
                    self.planted.times += 1;
                    node.shard.handle_publication(&next);
                    node.shard.handle_publication(&letter);
                } else {
                    node.shard.handle_publication(&letter);
                    node.shard.handle_publication(&next);
                }
                continue;
            }
            node.shard.handle_publication(&letter);
            if self
                .planted
                .strikes(Bug::DuplicateLetter, &mut self.random, 16)
            {
                node.shard.handle_publication(&letter);
            }
        }
        self.end_turn(shard)?;
        Ok(taken)
    }

    /// A shard tries what waits for room, if it has been woken for that; whether it was.
    pub(crate) fn retry_stalled(&mut self, shard: usize) -> Result<bool, Broken> {
        let node = &mut self.nodes[shard];
        if !std::mem::take(&mut node.is_woken) || !node.shard.has_stalled() {
            return Ok(false);
        }
        let before = self.watch_interest(shard);
        self.trace.event("retries", &[shard as u64]);
        self.nodes[shard].shard.retry_stalled(self.now);
        self.hide_interest(shard, &before);
        self.end_turn(shard)?;
        Ok(true)
    }

    /// Time passes: answers come, and every shard ticks, unless it is late.
    pub(crate) fn elapse(&mut self, elapsed_ms: u64) -> Checked {
        let elapsed_ms = elapsed_ms + self.standstill_ms();
        self.now.monotonic_ms += elapsed_ms;
        self.now.unix_ms += elapsed_ms;
        self.set_clock();
        self.trace.event("time", &[self.now.monotonic_ms]);
        self.give_answers()?;
        self.let_expire();
        let first = self.random.below(self.plan.shards) as usize;
        for turn in 0..self.nodes.len() {
            let shard = (first + turn) % self.nodes.len();
            if self.misses_tick(shard) {
                continue;
            }
            self.take_commands(shard, usize::MAX)?;
            let before = self.watch_interest(shard);
            let closed_before = self.nodes[shard].shard.stats().closed_for(Cause::Idle);
            self.nodes[shard].shard.handle_tick(self.now);
            self.nodes[shard].ticked_ms = self.now.monotonic_ms;
            self.note_expired(shard);
            self.judge_idle(shard, closed_before)?;
            self.hide_interest(shard, &before);
            self.end_turn(shard)?;
        }
        Ok(())
    }

    /// The interest of a shard before something that may subscribe.
    pub(crate) fn watch_interest(&self, shard: usize) -> Vec<bool> {
        let shard = ShardId(shard as u16);
        self.planted.watch(&self.interest, shard, &self.channels)
    }

    pub(crate) fn hide_interest(&mut self, shard: usize, before: &[bool]) {
        let until_step = self.trace.step + 500;
        let shard = ShardId(shard as u16);
        self.planted
            .hide(&self.interest, shard, &self.channels, before, until_step);
    }
}
