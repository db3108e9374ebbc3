//! The end of a shard's turn: what it wants sent, done and asked, and whether that was right.

use shardcast::base::ids::Ulid;
use shardcast::base::io::{Flow, SocketOp};
use shardcast::base::limits::{OUTBOX_GATHER_BYTES, OUTBOX_SLICE_OVERHEAD_BYTES};
use shardcast::base::slab::Key;
use shardcast::base::wheel::TICK_MS;
use shardcast::engine::deflate::DeflateMode;
use shardcast::engine::disconnect::Cause;
use shardcast::engine::drain::DrainPhase;

use crate::client::Ending;
use crate::contract::{Checked, Dialect, broken};
use crate::wires::{Port, Wire};
use crate::world::{HANDSHAKE_MS, World};

impl Wire {
    /// The shard's word on further reads.
    pub(crate) fn note_flow(&mut self, flow: Flow) {
        match flow {
            Flow::Read => {}
            Flow::Pause => self.paused = true,
            Flow::Stop => self.stopped = true,
        }
    }
}

impl World {
    /// A shard sends what it has, within a budget; C6 must hold right after.
    pub(crate) fn flush(&mut self, shard: usize, sends_max: usize) -> Checked {
        self.trace.event("flush", &[shard as u64, sends_max as u64]);
        let node = &mut self.nodes[shard];
        let mut port = Port {
            wires: &mut self.wires,
            conns: &node.conns,
            random: &mut self.random,
            planted: &mut self.planted,
            trace: &mut self.trace,
            wrong: None,
        };
        node.shard.flush(self.now, &mut port, sends_max);
        if let Some(what) = port.wrong {
            return broken("C2", what);
        }
        self.end_turn(shard)?;
        let frame = self.plan.frame_bytes_max() + OUTBOX_SLICE_OVERHEAD_BYTES;
        // Where frames are compressed for one connection, what one send would take is sealed at once, and
        // cannot be dropped.
        let sealed = match self.plan.deflate.mode {
            DeflateMode::Dedicated => OUTBOX_GATHER_BYTES,
            DeflateMode::Off | DeflateMode::Shared => 0,
        };
        let bytes_max = self.plan.limits.backpressure_bytes_max + frame.max(sealed);
        let node = &self.nodes[shard];
        for (key, client) in &node.conns {
            let bytes = node.shard.outbox_bytes(*key);
            if bytes > bytes_max {
                let what = format!("the outbox of client {client} has {bytes} bytes");
                return broken("C6", what);
            }
        }
        Ok(())
    }

    /// Takes what a shard has put out: what a worker does at the end of a turn.
    pub(crate) fn end_turn(&mut self, shard: usize) -> Checked {
        while let Some((key, op)) = self.nodes[shard].shard.poll_socket_op() {
            self.obey(shard, key, op)?;
        }
        while let Some(asked) = self.nodes[shard].shard.poll_asked() {
            self.ask_decider(shard, asked)?;
        }
        let node = &mut self.nodes[shard];
        let waiting = node.inbox.take_waiting();
        let is_empty = node.inbox.is_empty();
        if let Some(phase) = node.shard.poll_drained(is_empty) {
            self.trace.event("drained", &[shard as u64]);
            node.drained = Some(phase);
            if phase == DrainPhase::Quiesce {
                node.quiet_publications = Some(node.shard.stats().publications);
            }
        }
        // Who has got letters looks into its mailbox sooner or later without being told here.
        node.shard.take_posted();
        for waiting in waiting {
            self.nodes[waiting.index()].is_woken = true;
        }
        Ok(())
    }

    fn obey(&mut self, shard: usize, key: Key, op: SocketOp) -> Checked {
        let Some(index) = self.nodes[shard].conns.get(&key).copied() else {
            return broken("sockets", format!("{op:?} for {key:?}, which is released"));
        };
        self.trace.event("socket", &[index as u64]);
        self.trace.say(|| format!("{op:?} for client {index}"));
        let wire = &mut self.wires[index];
        if wire.closed {
            return broken(
                "sockets",
                format!("{op:?} for client {index} after its end"),
            );
        }
        match op {
            SocketOp::Resume if !wire.paused => {
                return broken("sockets", format!("client {index} was not paused"));
            }
            SocketOp::Resume => {
                wire.paused = false;
                wire.stalled = false;
                wire.heard_ms = self.now.monotonic_ms;
            }
            SocketOp::WatchWritable => wire.watched = true,
            SocketOp::ShutdownWrite => wire.server_finished = true,
            SocketOp::Close => wire.closed = true,
            // Watched: something is still to be sent.
            SocketOp::Reset
                if wire.was_open_for_drain
                    && wire.watched
                    && !wire.client_reset
                    && self.now.monotonic_ms < self.drained_by_ms =>
            {
                return broken("C7", format!("client {index} is cut off with time left"));
            }
            SocketOp::Reset => {
                wire.closed = true;
                wire.to_client.clear();
            }
        }
        Ok(())
    }

    /// Tells a shard that a socket it watches has room; whether there was one.
    pub(crate) fn report_writable(&mut self, index: usize) -> bool {
        if self.is_hanging(self.clients[index].shard) {
            return false;
        }
        let wire = &mut self.wires[index];
        let (true, Some(key)) = (wire.is_writable(), wire.key) else {
            return false;
        };
        wire.watched = false;
        self.trace.event("writable", &[index as u64]);
        self.nodes[self.clients[index].shard]
            .shard
            .handle_writable(key);
        true
    }

    /// Tells a shard that a socket is closed; whether it was. A last event may come just before.
    pub(crate) fn release(&mut self, index: usize) -> bool {
        if self.is_hanging(self.clients[index].shard) {
            return false;
        }
        let wire = &mut self.wires[index];
        let (true, false, Some(key)) = (wire.closed, wire.released, wire.key) else {
            return false;
        };
        wire.released = true;
        self.trace.event("released", &[index as u64]);
        let node = &mut self.nodes[self.clients[index].shard];
        match self.random.below(4) {
            0 => node.shard.handle_end(self.now, key, true),
            1 => node.shard.handle_writable(key),
            _ => {}
        }
        node.conns.remove(&key);
        node.shard.handle_released(key);
        true
    }

    /// Passes over a client from now on, once both ends know that it is over.
    pub(crate) fn forget(&mut self, index: usize) {
        let client = &self.clients[index];
        if self.wires[index].released && (client.saw_end || !client.reads) {
            self.present.retain(|present| *present != index);
        }
    }

    /// What an administrator would ask the server, since its client is not told it: a connection's id.
    pub(crate) fn learn_id(&mut self, index: usize) {
        let node = &self.nodes[self.clients[index].shard];
        let described = self.wires[index]
            .key
            .and_then(|key| node.shard.describe(key));
        if let Some(id) = described.and_then(|conn| Ulid::parse(conn.id.as_bytes())) {
            self.checker.know(index, id);
        }
    }

    /// Only the shard that a client is on knows its id, and for as long as it is open.
    pub(crate) fn look_up(&self, index: usize, id: Ulid) -> Checked {
        let (client, wire) = (&self.clients[index], &self.wires[index]);
        for (number, node) in self.nodes.iter().enumerate() {
            let found = node.shard.find(id);
            let may_be_over = client.ending.is_some()
                || wire.squeezed
                || wire.idled
                || wire.closed
                || wire.server_finished
                || self.checker.may_have_ended(index)
                || self.is_draining;
            let is_right = if number == client.shard {
                found == wire.key || (found.is_none() && may_be_over)
            } else {
                found.is_none()
            };
            if !is_right {
                let what = format!("client {index}: shard {number} takes {id} for {found:?}");
                return broken("ids", what);
            }
        }
        Ok(())
    }

    /// A server closes for a reason.
    pub(crate) fn judge_close(&mut self, index: usize, code: Option<u16>, reason: &str) -> Checked {
        let (client, wire) = (&mut self.clients[index], &mut self.wires[index]);
        client.answer_close(wire, &mut self.random);
        let is_right = match (code, reason) {
            (Some(1013), "slow consumer") => wire.squeezed,
            (Some(1001), "idle timeout") => wire.idled,
            (Some(1008), "unauthorized") | (Some(4003), "Authentication failed") => {
                self.report.sent_off += 1;
                return self.checker.may_close(index);
            }
            (Some(1001), "server shutting down" | "Server shutting down") => self.is_draining,
            (code, reason) => match client.ending {
                // What a slow one had waiting may be cut when it closes: it does not want it.
                Some(Ending::Closed(sent)) if sent == code && reason.is_empty() => {
                    return if wire.squeezed {
                        Ok(())
                    } else {
                        self.checker.owes_nothing(index)
                    };
                }
                Some(Ending::Offended(earned)) => code == Some(earned),
                _ => false,
            },
        };
        if is_right {
            return Ok(());
        }
        let what = format!("client {index} was closed with {code:?} {reason:?} for nothing");
        broken("close", what)
    }

    /// The stream ends: behind a Close, or because the client itself ended it, or cut off after it
    /// had time enough.
    pub(crate) fn judge_end(&self, index: usize) -> Checked {
        let (client, wire) = (&self.clients[index], &self.wires[index]);
        let is_explained = client.close.is_some()
            || client.status.is_some_and(|status| status != 101)
            || matches!(client.ending, Some(Ending::Finished | Ending::Reset))
            // ignis has no word for those that it takes for dead.
            || (client.dialect == Dialect::Ignis && wire.idled);
        let waited_ms = self.now.monotonic_ms - wire.accepted_ms;
        let was_refused = client.status.is_none() && waited_ms >= HANDSHAKE_MS;
        let is_forced = wire.squeezed
            || wire.idled
            || was_refused
            || self.is_draining
            || self.checker.may_have_ended(index);
        let is_cut_off = wire.closed && (is_forced || client.ending.is_some());
        if !is_explained && !is_cut_off {
            return broken(
                "C5",
                format!("client {index} lost its connection for nothing"),
            );
        }
        // What follows a refusal's head is its body.
        let is_upgraded = client.status == Some(101);
        if is_upgraded && client.has_torn_frame() && !is_cut_off && !wire.client_reset {
            return broken("framing", format!("client {index} got half a frame"));
        }
        Ok(())
    }

    /// A tick has closed exactly those that had been silent for the idle limit.
    pub(crate) fn judge_idle(&mut self, shard: usize, closed_before: u64) -> Checked {
        let idle_ms = self.plan.limits.idle_timeout_ms;
        let node = &self.nodes[shard];
        let closed = node.shard.stats().closed_for(Cause::Idle) - closed_before;
        if idle_ms == 0 {
            return if closed == 0 {
                Ok(())
            } else {
                broken("idle", "there is no idle limit")
            };
        }
        let mut due = 0;
        for index in node.conns.values().copied() {
            let wire = &mut self.wires[index];
            let silent_ms = self.now.monotonic_ms - wire.heard_ms;
            if wire.paused || wire.closed || silent_ms < idle_ms {
                continue;
            }
            due += 1;
            let is_there = self
                .checker
                .id(index)
                .is_some_and(|id| node.shard.find(id).is_some());
            if is_there && silent_ms >= idle_ms + TICK_MS {
                let what = format!("client {index} is still there after {silent_ms} ms");
                return broken("idle", what);
            }
            wire.idled |= closed > 0 && !is_there;
        }
        if closed > due {
            return broken("idle", format!("{closed} closed, but only {due} were due"));
        }
        Ok(())
    }
}
