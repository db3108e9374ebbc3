//! One connection as its shard keeps it.

use super::addresses::AddressKey;
use super::busy::Busy;
use super::deflate::Compression;
use super::dialect::DialectState;
use super::handshake::Handshake;
use super::meter::Meter;
use super::outbox::Outbox;
use super::session::Session;
use super::topic_table::{Encoding, Subscriptions};
use super::wire::Wire;
use crate::base::ids::Ulid;
use crate::codec::ws::Decoder;

/// Where a connection is in its life; it only goes forward.
#[derive(Debug)]
pub(super) enum Phase {
    /// HTTP.
    Handshaking(Box<Handshake>),
    /// WebSocket.
    Open,
    /// Its last frame is written; what still comes from the peer is thrown away.
    Closing {
        /// Whether everything has gone out and the FIN with it.
        finished: bool,
        /// Whether the peer has said that it will send nothing more.
        peer_finished: bool,
    },
    /// Over; the slot waits until the socket is closed.
    Ended,
}

/// One connection. Everything that an idle one does not need is behind a pointer.
pub(super) struct Conn {
    pub(super) id: Ulid,
    pub(super) phase: Phase,
    pub(super) decoder: Decoder,
    pub(super) state: DialectState,
    pub(super) subscriptions: Subscriptions,
    pub(super) outbox: Option<Box<Outbox>>,
    pub(super) busy: Option<Box<Busy>>,
    pub(super) meter: Option<Box<Meter>>,
    pub(super) session: Option<Box<Session>>,
    /// What its frames go through on their way, if they do not go as they are.
    pub(super) wire: Option<Box<Wire>>,
    /// When the peer was last heard.
    pub(super) seen_ms: u64,
    /// When the last heartbeat went out.
    pub(super) pinged_ms: u64,
    /// The dialect's timer; [`NEVER_MS`] when unset.
    pub(super) timer_ms: u64,
    /// End of the handshake's or the closing's time; [`NEVER_MS`] otherwise.
    pub(super) deadline_ms: u64,
    /// The earliest time at which the wheel will show this connection.
    pub(super) wheel_ms: u64,
    pub(super) endpoint: u16,
    pub(super) compression: Compression,
    /// Whether the socket is not being read.
    pub(super) paused: bool,
    /// Whether the shard will be told when the socket takes bytes again.
    pub(super) watched: bool,
    /// Whom it is counted for, if anybody.
    pub(super) address: Option<AddressKey>,
    /// Whether it comes from this machine, where rates do not hold.
    pub(super) is_trusted: bool,
}

// An idle connection is this, 16 bytes for its socket and its topics' entries.
const _: () = assert!(size_of::<Conn>() <= 176);

/// A deadline that never comes.
pub(super) const NEVER_MS: u64 = u64::MAX;

impl Conn {
    pub(super) fn is_open(&self) -> bool {
        matches!(self.phase, Phase::Open)
    }

    /// Whether frames go out otherwise than they are, over TLS for example.
    pub(super) fn seals(&self) -> bool {
        self.wire.as_ref().is_some_and(|wire| wire.seals())
    }

    /// The form in which it gets publications.
    pub(super) fn encoding(&self) -> Encoding {
        Encoding {
            endpoint: self.endpoint,
            window: match self.compression {
                Compression::Shared(window) => Some(window),
                Compression::None | Compression::Dedicated => None,
            },
        }
    }

    /// Whether more must not be read from it for now.
    pub(super) fn must_pause(&self) -> bool {
        let must_wait_at_the_door = match &self.phase {
            Phase::Handshaking(handshake) => handshake.must_pause(),
            _ => false,
        };
        must_wait_at_the_door
            || self.busy.as_deref().is_some_and(Busy::must_pause)
            || self.meter.as_deref().is_some_and(Meter::is_exhausted)
    }
}
