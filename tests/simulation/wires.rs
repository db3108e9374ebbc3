//! The sockets of the simulation: a byte pipe each way, the one to the client with a bounded window.

use std::collections::{BTreeMap, BTreeSet};

use shardcast::base::io::SendOutcome;
use shardcast::base::random::Random;
use shardcast::base::slab::Key;
use shardcast::engine::flush::Sink;

use crate::planted::{Bug, Planted};
use crate::trace::Trace;

/// One connection's socket, both ends of it.
#[derive(Debug)]
pub(crate) struct Wire {
    /// The shard's name for it, once it is accepted.
    pub(crate) key: Option<Key>,
    pub(crate) to_server: Vec<u8>,
    /// Some of what the client has sent never arrives.
    pub(crate) has_lost: bool,
    /// It was asked about at the door: what was sent meanwhile may be more than its rate allows, and is
    /// then held back without a pause that anybody could see.
    pub(crate) waited_at_door: bool,
    /// Bytes that have arrived at the shard.
    pub(crate) arrived: usize,
    pub(crate) to_client: Vec<u8>,
    /// Bytes that may be on their way to the client.
    pub(crate) window: usize,
    /// Whether sends may be short although there is room.
    pub(crate) is_fickle: bool,
    /// The client has sent its last byte.
    pub(crate) client_finished: bool,
    /// The client is gone.
    pub(crate) client_reset: bool,
    /// The shard has been told of either.
    pub(crate) end_told: bool,
    /// The shard has sent its last byte.
    pub(crate) server_finished: bool,
    /// The shard has closed it.
    pub(crate) closed: bool,
    /// And has been told that it is closed: the key means nothing any more.
    pub(crate) released: bool,
    /// The shard does not want to read now, or ever.
    pub(crate) paused: bool,
    pub(crate) stopped: bool,
    /// A publication of it has had to wait for room since it was last read.
    pub(crate) stalled: bool,
    /// When its shard asked whether it may subscribe, if that is not answered.
    pub(crate) subscribe_asked_ms: Option<u64>,
    /// The shard wants to know when there is room.
    pub(crate) watched: bool,
    /// It was open when the drain began to close.
    pub(crate) was_open_for_drain: bool,
    /// Some send was short or blocked.
    pub(crate) squeezed: bool,
    /// It has been silent for the idle limit, and closed for that.
    pub(crate) idled: bool,
    /// When it was accepted.
    pub(crate) accepted_ms: u64,
    /// When the shard last got something from it, or paused it.
    pub(crate) heard_ms: u64,
}

impl Wire {
    pub(crate) fn new(window: usize, is_fickle: bool, now_ms: u64) -> Self {
        Self {
            key: None,
            to_server: Vec::new(),
            has_lost: false,
            waited_at_door: false,
            arrived: 0,
            to_client: Vec::new(),
            window,
            is_fickle,
            client_finished: false,
            client_reset: false,
            end_told: false,
            server_finished: false,
            closed: false,
            released: false,
            paused: false,
            stopped: false,
            stalled: false,
            subscribe_asked_ms: None,
            watched: false,
            was_open_for_drain: false,
            squeezed: false,
            idled: false,
            accepted_ms: now_ms,
            heard_ms: now_ms,
        }
    }

    /// It takes everything from now on.
    pub(crate) fn heal(&mut self) {
        (self.window, self.is_fickle) = (usize::MAX, false);
    }

    /// Bytes it would take now.
    pub(crate) fn room(&self) -> usize {
        self.window.saturating_sub(self.to_client.len())
    }

    /// Whether a watched socket would be reported.
    pub(crate) fn is_writable(&self) -> bool {
        self.watched && !self.closed && (self.room() > 0 || self.client_reset)
    }

    /// Whether the shard would find something to read.
    pub(crate) fn is_readable(&self) -> bool {
        let has_end = (self.client_finished || self.client_reset) && !self.end_told;
        !self.closed && !self.paused && !self.stopped && (!self.to_server.is_empty() || has_end)
    }
}

/// One shard's way to its sockets, for one flush.
pub(crate) struct Port<'a> {
    pub(crate) wires: &'a mut [Wire],
    pub(crate) conns: &'a BTreeMap<Key, usize>,
    pub(crate) random: &'a mut Random,
    pub(crate) planted: &'a mut Planted,
    pub(crate) trace: &'a mut Trace,
    /// A send that must not have been tried.
    pub(crate) wrong: Option<String>,
}

impl Sink for Port<'_> {
    fn send(&mut self, conn: Key, bytes: &[u8]) -> SendOutcome {
        let Some(index) = self.conns.get(&conn).copied() else {
            self.wrong = Some(format!("a send to {conn:?}, which is released"));
            return SendOutcome::Failed;
        };
        let wire = &mut self.wires[index];
        if wire.closed || wire.server_finished {
            self.wrong = Some(format!("a send to client {index} after its end"));
            return SendOutcome::Failed;
        }
        if wire.client_reset {
            return SendOutcome::Failed;
        }
        let mut sent = bytes.len().min(wire.room());
        if sent > 1 && wire.is_fickle && self.random.below(4) == 0 {
            sent = 1 + self.random.below(sent as u32 - 1) as usize;
        }
        wire.to_client.extend_from_slice(&bytes[..sent]);
        self.trace
            .event("sent", &[index as u64, bytes.len() as u64, sent as u64]);
        self.trace.bytes(&bytes[..sent]);
        if sent < bytes.len() {
            wire.squeezed = true;
            if self.planted.strikes(Bug::LostRetry, self.random, 16) {
                return SendOutcome::Sent(bytes.len());
            }
        }
        if sent == 0 && !bytes.is_empty() {
            return SendOutcome::Blocked;
        }
        SendOutcome::Sent(sent)
    }

    fn send_all<'a>(
        &mut self,
        sends: impl ExactSizeIterator<Item = (Key, &'a [u8])>,
        outcomes: &mut Vec<SendOutcome>,
    ) {
        let mut sent_to = BTreeSet::new();
        for (conn, bytes) in sends {
            // Where a ring sends, the second would go out although the first was cut short.
            if !sent_to.insert(conn) {
                self.wrong = Some(format!("two sends at once to {conn:?}"));
            }
            outcomes.push(self.send(conn, bytes));
        }
    }
}
