//! Shards between sockets that take what they like, driven as the service's worker drives them.

use std::collections::BTreeMap;
use std::time::Duration;

use shardcast::base::ids::ConnId;
use shardcast::base::io::{Flow, SendOutcome, SocketOp};
use shardcast::base::limits::ConnLimits;
use shardcast::base::slab::Key;
use shardcast::base::time::Now;
use shardcast::dialect::strav::Strav;
use shardcast::engine::decider::{Asked, Decider, Question, Ruling, Verdict};
use shardcast::engine::drain::DrainPhase;
use shardcast::engine::flush::Sink;
use shardcast::engine::identity::Identity;
use shardcast::engine::mailbox::Inbox;
use shardcast::engine::publication::AppId;
use shardcast::engine::shard::Shard;

use crate::rig::{PEER, Process, START, process, server_frames};

/// Letters in a mailbox: few, so that full ones are common.
const MAILBOX: usize = 2;

/// Connections of the process; past that and its headroom sockets are closed at once.
const CONNS_MAX: usize = 6;

/// Bytes that an outbox may hold beyond its limit: the frame that has begun (a publication near the
/// message limit of 600 bytes) and a Close.
const BEYOND_BYTES_MAX: usize = 1_000;

/// Time in which whatever has begun must have ended: decisions, closing, rates, idle peers.
const END_MS: u64 = 60_000;

/// Everything there is.
pub(crate) struct World {
    pub(crate) now: Now,
    pub(crate) nodes: Vec<Node>,
    limits: ConnLimits,
    process: Process,
    /// The phase of the drain that all shards have been told.
    drain: Option<DrainPhase>,
}

/// One shard and its sockets.
pub(crate) struct Node {
    shard: Shard,
    inbox: Inbox<()>,
    pub(crate) sockets: Sockets,
    /// Questions without an answer.
    asked: Vec<Asked>,
    /// Whether it has finished the phase of the drain that it is in.
    drained: bool,
}

/// The sockets of one shard, until they are released.
#[derive(Default)]
pub(crate) struct Sockets(BTreeMap<Key, Socket>);

/// Both ends of a connection.
pub(crate) struct Socket {
    received: Vec<u8>,
    /// How many more bytes it takes.
    pub(crate) room: usize,
    /// Sends fail.
    pub(crate) is_broken: bool,
    flow: Flow,
    end_told: bool,
    watched: bool,
    /// The shard has sent its last byte.
    finished: bool,
    /// The shard has closed it.
    closed: bool,
}

impl Sink for Sockets {
    fn send(&mut self, conn: Key, bytes: &[u8]) -> SendOutcome {
        let socket = self
            .0
            .get_mut(&conn)
            .expect("a send to a socket that is there");
        assert!(!socket.finished && !socket.closed, "a send after the end");
        if socket.is_broken {
            return SendOutcome::Failed;
        }
        let sent = bytes.len().min(socket.room);
        // An outbox whose frames were all dropped is sent once more, as nothing.
        if sent == 0 && !bytes.is_empty() {
            return SendOutcome::Blocked;
        }
        socket.room -= sent;
        socket.received.extend_from_slice(&bytes[..sent]);
        SendOutcome::Sent(sent)
    }
}

/// Rules by a topic's first letter.
struct ByName;

impl Decider for ByName {
    fn decide(
        &self,
        _conn: ConnId,
        _identity: Option<&Identity>,
        question: &Question<'_>,
    ) -> Ruling {
        let (Question::Subscribe { topic } | Question::Publish { topic, .. }) = question;
        match topic.as_bytes().first() {
            Some(b'?') => Ruling::Ask,
            Some(b'-') => Ruling::Known(Verdict::Deny),
            Some(b'!') => Ruling::Known(Verdict::Fail),
            _ => Ruling::Known(Verdict::Allow),
        }
    }
}

impl World {
    pub(crate) fn new(shards: usize, limits: ConnLimits) -> Self {
        let mut process = process(
            shards,
            MAILBOX,
            CONNS_MAX,
            limits,
            || Box::new(Strav),
            || Box::new(ByName),
        );
        let nodes = std::mem::take(&mut process.shards)
            .into_iter()
            .map(|(shard, inbox)| Node {
                shard,
                inbox,
                sockets: Sockets::default(),
                asked: Vec::new(),
                drained: false,
            })
            .collect();
        Self {
            now: START,
            nodes,
            limits,
            process,
            drain: None,
        }
    }

    pub(crate) fn accept(&mut self, node: usize) {
        let node = &mut self.nodes[node];
        if let Some(key) = node.shard.handle_accepted(self.now, PEER) {
            node.sockets.0.insert(
                key,
                Socket {
                    received: Vec::new(),
                    room: usize::MAX,
                    is_broken: false,
                    flow: Flow::Read,
                    end_told: false,
                    watched: false,
                    finished: false,
                    closed: false,
                },
            );
        }
    }

    /// A socket brings bytes, if it is read at present.
    pub(crate) fn receive(&mut self, node: usize, key: Key, bytes: &[u8]) {
        let node = &mut self.nodes[node];
        let Some(socket) = node.sockets.0.get_mut(&key) else {
            return;
        };
        if bytes.is_empty() || !socket.is_read() {
            return;
        }
        socket.flow = node.shard.handle_bytes(self.now, key, &mut bytes.to_vec());
    }

    /// The peer ends its side, or the connection breaks.
    pub(crate) fn end(&mut self, node: usize, key: Key, broken: bool) {
        let node = &mut self.nodes[node];
        let Some(socket) = node.sockets.0.get_mut(&key) else {
            return;
        };
        if socket.is_read() {
            socket.end_told = true;
            socket.is_broken |= broken;
            node.shard.handle_end(self.now, key, broken);
        }
    }

    /// Sends up to `sends_max` sends; true when all is sent that the sockets take.
    pub(crate) fn flush(&mut self, node: usize, sends_max: usize) -> bool {
        let node = &mut self.nodes[node];
        node.shard.flush(self.now, &mut node.sockets, sends_max)
    }

    /// Takes up to `max` letters, and tells the others when there is room; whether there were any.
    pub(crate) fn take_letters(&mut self, node: usize, max: usize) -> bool {
        let node = &mut self.nodes[node];
        let letters = std::iter::from_fn(|| node.inbox.take_publication()).take(max);
        let mut taken = false;
        for letter in letters {
            node.shard.handle_publication(&letter);
            taken = true;
        }
        for waiting in node.inbox.take_waiting() {
            self.nodes[waiting.index()].shard.retry_stalled(self.now);
        }
        taken
    }

    /// Answers a question, and keeps it at times, so that it is answered twice.
    pub(crate) fn answer(&mut self, node: usize, index: usize, verdict: Verdict, again: bool) {
        let node = &mut self.nodes[node];
        if node.asked.is_empty() {
            return;
        }
        let index = index % node.asked.len();
        let (key, ticket) = (node.asked[index].conn.key, node.asked[index].ticket);
        if !again {
            node.asked.remove(index);
        }
        node.shard.handle_verdict(self.now, key, ticket, verdict, 0);
    }

    /// A socket says that it takes bytes, if the shard wants to know.
    pub(crate) fn tell_writable(&mut self, node: usize, key: Key) -> bool {
        let node = &mut self.nodes[node];
        match node.sockets.0.get_mut(&key) {
            Some(socket) if socket.watched && !socket.closed => {
                socket.watched = false;
                node.shard.handle_writable(key);
                true
            }
            _ => false,
        }
    }

    pub(crate) fn elapse(&mut self, ms: u64) {
        self.now = self.now.after(Duration::from_millis(ms));
        for node in &mut self.nodes {
            node.shard.handle_tick(self.now);
        }
    }

    /// Takes all shards to the drain's next phase, if they have finished the one they are in.
    pub(crate) fn drain_on(&mut self, within_ms: u64) {
        if self.drain.is_some() && self.nodes.iter().any(|node| !node.drained) {
            return;
        }
        let next = match self.drain {
            None => DrainPhase::Quiesce,
            Some(DrainPhase::Quiesce) => DrainPhase::Settle,
            Some(DrainPhase::Settle) => DrainPhase::Close {
                by_ms: self.now.monotonic_ms + within_ms,
            },
            Some(DrainPhase::Close { .. }) => return,
        };
        self.drain = Some(next);
        for node in &mut self.nodes {
            node.drained = false;
            node.shard.handle_drain(self.now, next);
        }
    }

    /// Does what the shards want done to their sockets, and holds them to their word.
    pub(crate) fn end_turn(&mut self) {
        for node in &mut self.nodes {
            while let Some((key, op)) = node.shard.poll_socket_op() {
                node.sockets.obey(key, op);
            }
            node.asked
                .extend(std::iter::from_fn(|| node.shard.poll_asked()));
            node.shard.take_posted();
            node.drained |= node.shard.poll_drained(node.inbox.is_empty()).is_some();
        }
        self.check();
    }

    /// The limits hold, and what is counted is there.
    fn check(&self) {
        let outbox_max = self.limits.backpressure_bytes_max + BEYOND_BYTES_MAX;
        let mut conns = 0;
        for node in &self.nodes {
            assert_eq!(node.shard.conns(), node.sockets.0.len());
            conns += node.shard.conns();
            for key in node.sockets.0.keys() {
                let bytes = node.shard.outbox_bytes(*key);
                assert!(bytes <= outbox_max, "an outbox of {bytes} bytes");
            }
            let topics = node.shard.topics();
            let page = topics.page(AppId(0), "", "", usize::MAX);
            let subscribers: usize = page.iter().map(|(_, subscribers)| subscribers).sum();
            assert_eq!(
                (topics.topics(), topics.subscriptions()),
                (page.len(), subscribers)
            );
            assert!(topics.subscriptions() <= node.sockets.0.len() * self.limits.subscriptions_max);
            assert!(node.inbox.len() <= MAILBOX);
            if self.nodes.len() > 1 {
                for (topic, _) in page {
                    let interested = self.process.interest.topics.shards(AppId(0), &topic);
                    assert!(!interested.is_empty(), "nobody knows of {topic:?}");
                }
            }
        }
        assert_eq!(self.process.admission.open(), conns);
    }

    /// Sockets that are closed are released. A last event may come just before.
    pub(crate) fn release(&mut self, node: usize, key: Key, event: usize) -> bool {
        let node = &mut self.nodes[node];
        let Some(socket) = node.sockets.0.get(&key).filter(|socket| socket.closed) else {
            return false;
        };
        socket.check_received();
        match event {
            1 => node.shard.handle_end(self.now, key, true),
            2 => node.shard.handle_writable(key),
            _ => {}
        }
        node.shard.handle_released(key);
        node.sockets.0.remove(&key);
        true
    }

    /// Everybody reads, everything is answered, everybody leaves: nothing stays.
    pub(crate) fn finish(&mut self) {
        let (start_ms, mut leaves) = (self.now.monotonic_ms, false);
        while self.now.monotonic_ms < start_ms + 2 * END_MS {
            self.go_round(leaves);
            let is_empty = self.nodes.iter().all(|node| node.sockets.0.is_empty());
            if is_empty && leaves {
                break;
            }
            // First everything comes to rest with everybody there.
            leaves |= self.now.monotonic_ms > start_ms + END_MS || is_empty;
            self.elapse(500);
        }
        for node in &self.nodes {
            let (shard, topics) = (&node.shard, node.shard.topics());
            let left = [
                shard.conns(),
                topics.topics(),
                topics.subscriptions(),
                node.inbox.len(),
            ];
            assert_eq!(left, [0; 4], "conns, topics, subscriptions, letters");
            assert!(!shard.has_stalled(), "a publication waits for room");
        }
        assert_eq!(self.process.interest.topics.len(), 0);
        assert_eq!(self.process.admission.open(), 0);
    }

    fn go_round(&mut self, leaves: bool) {
        for index in 0..self.nodes.len() {
            while !self.nodes[index].asked.is_empty() {
                self.answer(index, 0, Verdict::Allow, false);
            }
            for key in self.nodes[index].sockets.keys() {
                if let Some(socket) = self.nodes[index].sockets.get_mut(key) {
                    socket.room = usize::MAX;
                }
                self.tell_writable(index, key);
                // Whoever has been told the end ends as well.
                let told = self.nodes[index].sockets.0[&key].finished;
                if leaves || told {
                    self.end(index, key, false);
                }
            }
            while self.take_letters(index, usize::MAX) {}
            assert!(self.flush(index, usize::MAX));
        }
        self.end_turn();
        for index in 0..self.nodes.len() {
            for key in self.nodes[index].sockets.keys() {
                self.release(index, key, 0);
            }
        }
        if self.drain.is_some() {
            self.drain_on(5_000);
        }
    }
}

impl Sockets {
    pub(crate) fn keys(&self) -> Vec<Key> {
        self.0.keys().copied().collect()
    }

    pub(crate) fn get_mut(&mut self, key: Key) -> Option<&mut Socket> {
        self.0.get_mut(&key)
    }

    fn obey(&mut self, key: Key, op: SocketOp) {
        let socket = self.0.get_mut(&key).expect("a socket that is there");
        assert!(!socket.closed, "{op:?} after the end");
        match op {
            SocketOp::Resume => {
                assert_eq!(socket.flow, Flow::Pause, "it was not paused");
                socket.flow = Flow::Read;
            }
            SocketOp::WatchWritable => socket.watched = true,
            SocketOp::ShutdownWrite => socket.finished = true,
            SocketOp::Close | SocketOp::Reset => socket.closed = true,
        }
    }
}

impl Socket {
    /// Whether what comes is given to the shard at present.
    fn is_read(&self) -> bool {
        self.flow == Flow::Read && !self.end_told && !self.closed
    }

    /// Whole frames, unless it was cut off.
    fn check_received(&self) {
        let parsed = server_frames(&self.received);
        let is_whole = parsed.is_none_or(|(status, _, rest)| status != b"101" || rest == 0);
        assert!(is_whole || !self.finished, "half a frame, and then the end");
    }
}
