//! One shard's whole world as a state machine.
//!
//! Whoever drives it (the service's worker, a simulation, a benchmark) calls, in any order:
//!
//! - **input**: [`Shard::handle_accepted`], [`Shard::handle_bytes`], [`Shard::handle_end`],
//!   [`Shard::handle_writable`], [`Shard::handle_released`] for sockets; [`Shard::handle_publication`]
//!   for letters; [`Shard::handle_verdict`], [`Shard::handle_proof`], [`Shard::handle_admission`] and
//!   [`Shard::handle_deeds`] for answers of the control plane; [`Shard::handle_tick`]
//!   for time; [`Shard::handle_drain`] for the end;
//! - **output**, once per turn: [`Shard::flush`] for what is to be sent, [`Shard::poll_socket_op`],
//!   [`Shard::poll_asked`], [`Shard::poll_happening`], [`Shard::take_posted`].
//!
//! The rest of `impl Shard` lies beside the nouns it is about: `handshake`, `receive` (frames and
//! messages), `meter`, `perform` (what a dialect wants done), `waiting`, `fan_out`, `flush`,
//! `heartbeat`, `closing`, `drain`.

use std::collections::VecDeque;
use std::net::IpAddr;
use std::sync::Arc;

use super::actions::Actions;
use super::admission::{Admission, Admit};
use super::conn::{Conn, NEVER_MS, Phase};
use super::context_memory::ContextMemory;
use super::decider::Asked;
use super::deflate::{Compression, Deflate, Stopwatch};
use super::dialect::{ConnView, Dialect};
use super::disconnect::Cause;
use super::drain::Drain;
use super::endpoint::Endpoint;
use super::fan_out::Stalled;
use super::handshake::Handshake;
use super::happening::Happening;
use super::interest::{Interest, ShardMask};
use super::mailbox::Mesh;
use super::publication::AppId;
use super::stats::Stats;
use super::topic_table::{Subscriptions, TopicTable};
use super::turn_log::{FrameKind, Pending, TurnLog};
use super::wire::Scratch;
use super::write_delay::WriteDelay;
use crate::base::ids::{ConnAddress, ConnId, IdKey, ShardId, Ulid, UlidGenerator};
use crate::base::io::{Flow, SendOutcome, SocketOp};
use crate::base::limits::HandshakeLimits;
use crate::base::random::Random;
use crate::base::slab::{Key, Slab};
use crate::base::time::Now;
use crate::base::wheel::Wheel;
use crate::codec::tls::TlsConfig;
use crate::codec::ws::Decoder;

/// What a shard is built from.
#[derive(Debug)]
pub struct ShardConfig {
    /// Its number.
    pub id: ShardId,
    /// The endpoints, the same on every shard; built on the shard's own thread.
    pub endpoints: Vec<Endpoint>,
    /// Topic spaces among the endpoints.
    pub apps: usize,
    /// The limits before an endpoint is known.
    pub handshake: HandshakeLimits,
    /// The count that all shards share.
    pub admission: Admission,
    /// The key of public ids, the same on every shard.
    pub id_key: IdKey,
    /// The seed of everything random here.
    pub seed: u64,
    /// The map that all shards share.
    pub interest: Arc<Interest>,
    /// The way to the other shards.
    pub mesh: Mesh,
    /// The certificates, where connections speak TLS.
    pub tls: Option<Arc<TlsConfig>>,
    /// What all shards may keep of earlier messages.
    pub context_memory: ContextMemory,
    /// Times what is only counted.
    pub stopwatch: Stopwatch,
}

/// One shard. See the [module's text](self) for how it is driven.
pub struct Shard {
    pub(super) id: ShardId,
    pub(super) endpoints: Box<[Endpoint]>,
    pub(super) handshake_limits: HandshakeLimits,
    pub(super) admission: Admission,
    pub(super) id_key: IdKey,
    pub(super) random: Random,
    pub(super) ulids: UlidGenerator,
    pub(super) interest: Arc<Interest>,
    pub(super) mesh: Mesh,
    pub(super) conns: Slab<Conn>,
    /// Connections opened, for the part of an id that tells two uses of a slot apart.
    pub(super) conns_opened: u32,
    pub(super) topics: TopicTable,
    /// The connections of each user: topics of another kind, which no client can name.
    pub(super) users: TopicTable,
    pub(super) log: TurnLog,
    pub(super) delay: WriteDelay,
    pub(super) wheel: Wheel<Key>,
    /// Connections whose outbox may go on.
    pub(super) writable: VecDeque<Key>,
    /// Accepted publications that some shard had no room for, oldest first.
    pub(super) stalled: VecDeque<Stalled>,
    /// Shards that were posted to since the last [`Shard::take_posted`].
    pub(super) posted: ShardMask,
    pub(super) socket_ops: VecDeque<(Key, SocketOp)>,
    pub(super) asked: VecDeque<Asked>,
    pub(super) happenings: VecDeque<Happening>,
    pub(super) tickets: u32,
    /// Connections that have a `Busy`: a drain waits for them.
    pub(super) busy_conns: usize,
    pub(super) drain: Option<Drain>,
    pub(super) stats: Stats,
    pub(super) deflate: Deflate,
    pub(super) context_memory: ContextMemory,
    pub(super) tls: Option<Arc<TlsConfig>>,
    pub(super) scratch: Scratch,
    /// What a receive has brought once TLS was taken off.
    pub(super) unsealed: Vec<u8>,
    /// Buffers kept for reuse.
    pub(super) spare_frames: Vec<u8>,
    pub(super) gather: Vec<u8>,
    /// Lists that are about to be sent, and what became of them.
    pub(super) gathered: Vec<(Key, Pending)>,
    pub(super) outcomes: Vec<SendOutcome>,
    pub(super) due: Vec<Key>,
}

impl std::fmt::Debug for Shard {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Shard")
            .field("id", &self.id)
            .field("conns", &self.conns.len())
            .field("topics", &self.topics.topics())
            .finish_non_exhaustive()
    }
}

/// Capacity that a scratch buffer keeps after an unusually large use.
const SPARE_CAPACITY_BYTES: usize = 64 * 1024;

impl Shard {
    /// An empty shard.
    #[must_use]
    pub fn new(config: ShardConfig, now: Now) -> Self {
        let mut random = Random::new(config.seed ^ u64::from(config.id.0).rotate_left(32));
        let delay = WriteDelay::new(&config.endpoints);
        Self {
            id: config.id,
            endpoints: config.endpoints.into_boxed_slice(),
            handshake_limits: config.handshake,
            admission: config.admission,
            id_key: config.id_key,
            ulids: UlidGenerator::default(),
            interest: config.interest,
            mesh: config.mesh,
            conns: Slab::default(),
            conns_opened: 0,
            topics: TopicTable::new(config.apps, random.next_u64()),
            users: TopicTable::new(config.apps, random.next_u64()),
            log: TurnLog::default(),
            delay,
            wheel: Wheel::new(now.monotonic_ms),
            writable: VecDeque::new(),
            stalled: VecDeque::new(),
            posted: ShardMask::default(),
            socket_ops: VecDeque::new(),
            asked: VecDeque::new(),
            happenings: VecDeque::new(),
            tickets: 0,
            busy_conns: 0,
            drain: None,
            stats: Stats::default(),
            deflate: Deflate::new(config.stopwatch),
            context_memory: config.context_memory,
            tls: config.tls,
            scratch: Scratch::default(),
            unsealed: Vec::new(),
            spare_frames: Vec::new(),
            gather: Vec::new(),
            gathered: Vec::new(),
            outcomes: Vec::new(),
            due: Vec::new(),
            random,
        }
    }

    /// A socket was accepted. `None`: the process is full, close it at once.
    pub fn handle_accepted(&mut self, now: Now, peer: IpAddr) -> Option<Key> {
        let refuse = match self.admission.enter() {
            Admit::Welcome => None,
            Admit::Refuse => Some(Cause::ServerFull),
            Admit::Full => {
                self.stats.refused_full += 1;
                return None;
            }
        };
        self.stats.accepted += 1;
        let (shard, count) = (self.id, self.conns_opened);
        self.conns_opened = self.conns_opened.wrapping_add(1);
        let id_key = self.id_key;
        let deadline_ms = now.monotonic_ms + self.handshake_limits.timeout_ms;
        let key = self.conns.insert_with(|key| {
            let address = ConnAddress {
                shard,
                slot: key.slot,
            };
            Conn {
                id: id_key.seal(now.unix_ms, address, count),
                phase: Phase::Handshaking(Box::new(Handshake::new(refuse))),
                decoder: Decoder::default(),
                state: None,
                subscriptions: Subscriptions::new(),
                outbox: None,
                busy: None,
                meter: None,
                session: None,
                wire: None,
                seen_ms: now.monotonic_ms,
                pinged_ms: now.monotonic_ms,
                timer_ms: NEVER_MS,
                deadline_ms,
                wheel_ms: NEVER_MS,
                endpoint: 0,
                compression: Compression::None,
                paused: false,
                watched: false,
                address: None,
                is_trusted: false,
            }
        });
        self.schedule(key);
        if self.is_draining() {
            self.refuse_for(now, key, Cause::Shutdown);
        } else {
            self.meet(now, key, peer);
        }
        Some(key)
    }

    /// Bytes arrived. They may be changed in place; nothing of them is kept but an unfinished rest.
    pub fn handle_bytes(&mut self, now: Now, key: Key, bytes: &mut [u8]) -> Flow {
        self.stats.bytes_received += bytes.len() as u64;
        let Some(conn) = self.conns.get_mut(key) else {
            return Flow::Stop;
        };
        conn.seen_ms = now.monotonic_ms;
        if self.tls.is_some() {
            self.handle_sealed(now, key, bytes);
        } else {
            self.handle_plain(now, key, bytes);
        }
        self.flow(key)
    }

    /// What a peer says in plaintext.
    pub(super) fn handle_plain(&mut self, now: Now, key: Key, bytes: &mut [u8]) {
        let draining = self.is_draining();
        let Some(conn) = self.conns.get_mut(key) else {
            return;
        };
        match conn.phase {
            Phase::Handshaking(_) => self.handle_head(now, key, bytes),
            // What was not read before the drain began has not been accepted.
            Phase::Open if draining => {}
            Phase::Open => self.handle_frames(now, key, bytes),
            Phase::Closing { .. } | Phase::Ended => {}
        }
    }

    /// The socket takes bytes again.
    pub fn handle_writable(&mut self, key: Key) {
        if let Some(conn) = self.conns.get_mut(key) {
            conn.watched = false;
            self.writable.push_back(key);
        }
    }

    /// Queues one frame for one connection alone.
    pub(super) fn reply(&mut self, key: Key, write: impl FnOnce(&mut Vec<u8>)) {
        self.queue(key, FrameKind::Private, write);
    }

    /// The same with a frame of any kind.
    pub(super) fn queue(&mut self, key: Key, kind: FrameKind, write: impl FnOnce(&mut Vec<u8>)) {
        if self.conns.get(key).is_some() {
            let entry = self.log.write(kind, write);
            self.log.append(key.slot, entry);
        }
    }

    /// Asks the connection's dialect; `None` when the connection is gone.
    pub(super) fn consult<'m>(
        &mut self,
        now: Now,
        key: Key,
        ask: impl FnOnce(&dyn Dialect, &mut ConnView<'_>, &mut Actions<'m>),
    ) -> Option<Actions<'m>> {
        let conn = self.conns.get_mut(key)?;
        let endpoint = &self.endpoints[usize::from(conn.endpoint)];
        let mut view = ConnView {
            id: conn.id,
            now,
            state: &mut conn.state,
            identity: conn.session.as_ref().and_then(|s| s.identity.as_deref()),
            app: endpoint.app,
            topics: &self.topics,
            subscriptions: &conn.subscriptions,
        };
        let mut actions = Actions {
            frames: std::mem::take(&mut self.spare_frames),
            ..Actions::default()
        };
        ask(&*endpoint.dialect, &mut view, &mut actions);
        self.stats.messages_ignored += u64::from(actions.ignored);
        Some(actions)
    }

    /// Keeps a buffer for the next dialect call.
    pub(super) fn give_back(&mut self, mut frames: Vec<u8>) {
        if frames.capacity() <= SPARE_CAPACITY_BYTES {
            frames.clear();
            self.spare_frames = frames;
        }
    }

    /// Whether a connection is to be read further: as [`handle_bytes`](Self::handle_bytes) says, asked again
    /// because a flush came between.
    pub fn flow(&mut self, key: Key) -> Flow {
        let draining = self.is_draining();
        let Some(conn) = self.conns.get_mut(key) else {
            return Flow::Stop;
        };
        match &conn.phase {
            Phase::Ended => Flow::Stop,
            Phase::Handshaking(_) | Phase::Open if !draining && conn.must_pause() => {
                conn.paused = true;
                Flow::Pause
            }
            _ => Flow::Read,
        }
    }

    pub(super) fn is_open(&self, key: Key) -> bool {
        self.conns.get(key).is_some_and(Conn::is_open)
    }

    pub(super) fn endpoint_of(&self, key: Key) -> Option<&Endpoint> {
        let conn = self.conns.get(key)?;
        self.endpoints.get(usize::from(conn.endpoint))
    }

    pub(super) fn conn_id(&self, key: Key) -> ConnId {
        ConnId {
            shard: self.id,
            key,
        }
    }

    /// Whether other shards have to be told anything.
    pub(super) fn has_peers(&self) -> bool {
        self.mesh.shards() > 1
    }

    pub(super) fn lose_interest(&self, app: AppId, topic: &Arc<str>) {
        if self.has_peers() {
            self.interest.topics.remove(app, topic, self.id);
        }
    }

    /// The next thing to be done to a socket.
    pub fn poll_socket_op(&mut self) -> Option<(Key, SocketOp)> {
        self.socket_ops.pop_front()
    }

    /// The next question for the control plane.
    pub fn poll_asked(&mut self) -> Option<Asked> {
        self.asked.pop_front()
    }

    /// The shards that have got letters since the last call, to be woken.
    pub fn take_posted(&mut self) -> ShardMask {
        std::mem::take(&mut self.posted)
    }

    /// The connection that shows this public id, if it is one of this shard's and still open.
    #[must_use]
    pub fn find(&self, id: Ulid) -> Option<Key> {
        let address = self.id_key.open(id);
        if address.shard != self.id {
            return None;
        }
        let conn = self.conns.at(address.slot)?;
        if conn.id != id || !conn.is_open() {
            return None;
        }
        self.conns.key_at(address.slot)
    }

    #[cfg(test)]
    pub(super) fn conn(&self, key: Key) -> Option<&Conn> {
        self.conns.get(key)
    }

    /// Connections of every phase.
    #[must_use]
    pub fn conns(&self) -> usize {
        self.conns.len()
    }

    /// The topics of this shard.
    #[must_use]
    pub fn topics(&self) -> &TopicTable {
        &self.topics
    }

    /// The counters.
    #[must_use]
    pub fn stats(&self) -> &Stats {
        &self.stats
    }

    /// What one connection's outbox holds, in bytes counted as its limit counts them.
    #[must_use]
    pub fn outbox_bytes(&self, key: Key) -> usize {
        self.conns
            .get(key)
            .and_then(|conn| conn.outbox.as_ref())
            .map_or(0, |outbox| outbox.bytes())
    }
}
