//! One connection: its wire and what it is there for.

use shardcast_contract::Track;

use super::visit::Visit;
use super::wire::Wire;
use crate::topology::Client;

/// A connection of this thread.
#[derive(Debug)]
pub(super) struct Conn {
    /// The socket; `None` once it has ended.
    pub(super) wire: Option<Wire>,
    /// Whether the poller watches for room to write.
    pub(super) watches_room: bool,
    /// Who sits there.
    pub(super) seat: Seat,
}

/// The client of a connection.
#[derive(Debug)]
pub(super) struct Seat {
    /// Its index among all clients.
    pub(super) index: u32,
    /// What it does.
    pub(super) client: Client,
    /// How far it is.
    pub(super) stage: Stage,
    /// When its connection was begun.
    pub(super) begun_ns: u64,
    /// Whether it has said goodbye.
    pub(super) is_leaving: bool,
    /// Whether it has lost its server before the first phase.
    pub(super) absence: Absence,
    /// What has come of a message that does not end with the WebSocket message in which it begins.
    pub(super) rest: Vec<u8>,
    /// One for each source of its topic, in the topic's order.
    pub(super) tracks: Box<[Track]>,
    /// What it is there for now, if it comes and goes.
    pub(super) visit: Option<Box<Visit>>,
}

impl Conn {
    /// One that is not connected yet.
    pub(super) fn new(seat: Seat) -> Self {
        Self {
            wire: None,
            watches_room: true,
            seat,
        }
    }
}

impl Seat {
    /// Of a client whose topic has so many sources.
    pub(super) fn new(index: u32, client: Client, sources: usize) -> Self {
        Self {
            index,
            client,
            stage: Stage::Joining,
            begun_ns: 0,
            is_leaving: false,
            absence: Absence::None,
            rest: Vec::new(),
            tracks: (0..sources).map(|_| Track::default()).collect(),
            visit: None,
        }
    }

    /// The topic it subscribes to, now or for the whole run.
    pub(super) fn topic(&self) -> Option<u32> {
        let visit = self.visit.as_ref().map(|visit| visit.topic);
        self.client.topic.or(visit)
    }
}

/// How far a client is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Stage {
    /// Not yet greeted, or not yet subscribed.
    Joining,
    /// Subscribed, or greeted if it does not subscribe.
    Ready,
    /// It does not read, or has not for some time: what it gets then is not looked at.
    Stopped,
}

/// Whether a client has lost its server.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Absence {
    /// It has not.
    #[default]
    None,
    /// It has, and is not ready again.
    Away,
    /// It has, and was ready again.
    Returned,
}
