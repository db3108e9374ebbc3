//! Which descriptors are ready: one set for everything that a shard waits for.

use std::io;
use std::net::TcpListener;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::net::UnixStream as StdUnixStream;

use monoio::net::UnixStream;
use rustix::buffer::spare_capacity;
use rustix::event::{Timespec, epoll};
use rustix::io::Errno;

use super::wake::Waker;
use crate::base::slab::Key;

/// Events taken before the turn goes on: some milliseconds' work.
const EVENTS_PER_TURN: usize = 1_024;

/// The names of what is not a connection. No slot is as high: slots are fewer than descriptors.
const LISTENER: u64 = u64::MAX;
const WAKER: u64 = u64::MAX - 1;

/// A shard's sockets, its listener and its waker, as a set that the event loop waits on like on one
/// descriptor.
///
/// A wait of its own for each socket would be a task, an operation of the ring and an entry in the kernel
/// for each connection, and would have to be started anew for each message. Here a socket is put in once,
/// when it is accepted, and leaves when it is closed. Each is named when something *becomes* so (edge
/// triggered): who does not read, write or accept until the kernel has no more must come back by himself.
pub(super) struct Readiness {
    set: OwnedFd,
}

/// What there is to do.
#[derive(Debug, Clone, Copy)]
pub(super) enum Event {
    /// Connections wait in the listener's queue.
    Queued,
    /// The shard has been woken.
    Woken,
    /// A socket is ready.
    Socket(Ready),
}

/// What a socket is ready for.
#[derive(Debug, Clone, Copy)]
pub(super) struct Ready {
    pub(super) conn: Key,
    /// There are bytes to read, or an end.
    pub(super) readable: bool,
    /// The peer's end has come, or an error: what is to be read ends with it, and no event will say so again.
    pub(super) ended: bool,
    /// It takes bytes.
    pub(super) writable: bool,
}

impl Readiness {
    /// A set with nothing in it but these two.
    pub(super) fn new(listener: &TcpListener, waker: &Waker) -> io::Result<Self> {
        let set = epoll::create(epoll::CreateFlags::CLOEXEC)?;
        let readable = epoll::EventFlags::IN | epoll::EventFlags::ET;
        epoll::add(
            &set,
            listener,
            epoll::EventData::new_u64(LISTENER),
            readable,
        )?;
        epoll::add(&set, waker, epoll::EventData::new_u64(WAKER), readable)?;
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

    /// Takes events, without waiting.
    pub(super) fn take(&self, events: &mut Vec<epoll::Event>) {
        events.clear();
        events.reserve(EVENTS_PER_TURN);
        let at_once = Timespec::default();
        // It can fail only by a signal, and no event is lost then.
        while epoll::wait(&self.set, spare_capacity(events), Some(&at_once)) == Err(Errno::INTR) {}
    }

    /// The set as something that the event loop of this thread waits for.
    ///
    /// monoio lends waiting only through its own socket types. Its Unix stream is the smallest of them, and
    /// waiting does not care what is behind the descriptor. A duplicate, because the stream keeps it.
    pub(super) fn waited_for(&self) -> io::Result<UnixStream> {
        UnixStream::from_std(StdUnixStream::from(self.set.try_clone()?))
    }
}

impl From<epoll::Event> for Event {
    fn from(event: epoll::Event) -> Self {
        let (flags, name) = (event.flags, event.data.u64());
        if name == LISTENER {
            return Self::Queued;
        }
        if name == WAKER {
            return Self::Woken;
        }
        let ended = flags
            .intersects(epoll::EventFlags::RDHUP | epoll::EventFlags::HUP | epoll::EventFlags::ERR);
        Self::Socket(Ready {
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
        })
    }
}
