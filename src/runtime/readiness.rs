//! Which sockets are ready: one set for all connections of a shard.

use std::future::Future;
use std::io;
use std::os::fd::AsFd;

use rustix::buffer::spare_capacity;
use rustix::event::{Timespec, epoll};
use rustix::io::Errno;

use super::polled::Polled;
use crate::base::slab::Key;

/// Events taken before the turn goes on: some milliseconds' work.
const EVENTS_PER_TURN: usize = 1_024;

/// The sockets of a shard, as a set that the event loop waits on like on one descriptor.
///
/// A wait of its own for each socket would be a task, an operation of the ring and an entry in the kernel
/// for each connection, and would have to be started anew for each message. Here a socket is put in once,
/// when it is accepted, and leaves when it is closed. It is named when something *becomes* so (edge
/// triggered): who does not read or write until the kernel has no more must come back by himself.
pub(super) struct Readiness {
    set: Polled,
}

/// What a socket is ready for.
#[derive(Debug, Clone, Copy)]
pub(super) struct Event {
    pub(super) conn: Key,
    /// There are bytes to read, or an end.
    pub(super) readable: bool,
    /// The peer's end has come, or an error: what is to be read ends with it, and no event will say so again.
    pub(super) ended: bool,
    /// It takes bytes.
    pub(super) writable: bool,
}

impl Readiness {
    /// An empty set, on the event loop of this thread.
    pub(super) fn new() -> io::Result<Self> {
        let set = Polled::new(epoll::create(epoll::CreateFlags::CLOEXEC)?)?;
        Ok(Self { set })
    }

    /// Puts a socket in. What it is ready for already is an event, too.
    pub(super) fn add(&self, socket: impl AsFd, conn: Key) -> io::Result<()> {
        let name = u64::from(conn.generation) << 32 | u64::from(conn.slot);
        let flags = epoll::EventFlags::IN
            | epoll::EventFlags::OUT
            | epoll::EventFlags::RDHUP
            | epoll::EventFlags::ET;
        epoll::add(&self.set, socket, epoll::EventData::new_u64(name), flags)?;
        Ok(())
    }

    /// Waits until there are events.
    pub(super) fn changed(&self) -> impl Future<Output = io::Result<()>> + '_ {
        self.set.readable()
    }

    /// Takes events, without waiting.
    pub(super) fn take(&self, events: &mut Vec<epoll::Event>) {
        events.reserve(EVENTS_PER_TURN);
        let at_once = Timespec::default();
        // It can fail only by a signal, and no event is lost then.
        while epoll::wait(&self.set, spare_capacity(events), Some(&at_once)) == Err(Errno::INTR) {}
    }
}

impl From<epoll::Event> for Event {
    fn from(event: epoll::Event) -> Self {
        let (flags, name) = (event.flags, event.data.u64());
        let ended = flags
            .intersects(epoll::EventFlags::RDHUP | epoll::EventFlags::HUP | epoll::EventFlags::ERR);
        Self {
            #[expect(clippy::cast_possible_truncation, reason = "its two halves")]
            conn: Key {
                slot: name as u32,
                generation: (name >> 32) as u32,
            },
            readable: ended || flags.contains(epoll::EventFlags::IN),
            ended,
            writable: flags.intersects(
                epoll::EventFlags::OUT | epoll::EventFlags::HUP | epoll::EventFlags::ERR,
            ),
        }
    }
}
