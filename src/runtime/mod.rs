//! Floor 3: a shard's thread, its event loop and its sockets.
//!
//! Everything that makes a system call on the data plane is here, and nothing else: this floor knows
//! sockets and bytes, but no protocol. What happens with the bytes is decided by a [`Handler`].
//!
//! A shard is one task, and takes one turn after the other:
//!
//! 1. take what is ready from the set of all that the shard waits for (`readiness`): its sockets, its
//!    listener, and its waker, which other threads ring ([`Waker::wake`]);
//! 2. receive from those sockets into the shard's shared buffer and call [`Handler::received`]; accept;
//! 3. call [`Handler::turn`], in which letters are taken and everything is sent;
//! 4. where there is nothing more to do, wait for the set (monoio does, on io_uring or epoll).
//!
//! So whatever has come by the beginning of a turn is answered in that turn, and what a turn sends to a
//! connection can leave as one send. A connection is a descriptor and 12 bytes beside it: it has no task.

mod accept;
mod descriptors;
mod driver;
mod listener;
mod probe;
mod readiness;
mod receive;
mod send_ring;
mod shard;
mod socket;
mod sockets;
mod wait;
mod wake;

use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use crate::base::io::Flow;
use crate::base::slab::Key;

pub use driver::{Driver, DriverChoice, ShardSetup, StartError, run_shard};
pub use listener::{ListenError, SharedAddress};
pub use probe::{UringRefusal, probe_uring};
pub use sockets::Sockets;
pub use wake::Waker;

/// What a shard does with its sockets. All calls come on the shard's thread, one at a time.
///
/// Of one connection the calls come in this order: `accepted`, then any number of `received` and
/// `writable`, `ended` at most once, `released`. After `ended` there is no `received`; after
/// [`Sockets::close`], [`Sockets::reset`] or [`Flow::Stop`] there is only `released`.
pub trait Handler: 'static {
    /// A socket was accepted. `None` refuses it: it is closed at once, with a reset if it has said anything. The key is the handler's own
    /// choice of slot and generation; it must not be given again before `released`.
    fn accepted(&mut self, peer: SocketAddr) -> Option<Key>;

    /// Bytes arrived. They lie in a buffer that all connections of the shard share: they may be
    /// changed in place, and what is not used up here must be copied.
    fn received(&mut self, sockets: &Sockets, conn: Key, bytes: &mut [u8]) -> Flow;

    /// Nothing more can be read.
    ///
    /// After [`ReadEnd::Eof`] the other direction is still open and the handler owes a
    /// [`Sockets::close`]: until then the descriptor stays, so that answers can be sent, and
    /// `writable` may be called. After [`ReadEnd::Failed`] the connection is over and `released`
    /// follows by itself.
    fn ended(&mut self, conn: Key, end: ReadEnd);

    /// The socket that [`Sockets::watch_writable`] was asked to watch takes bytes again.
    fn writable(&mut self, conn: Key);

    /// The descriptor of the connection has been given back: the key may be used again.
    fn released(&mut self, conn: Key);

    /// The system could not give a socket (out of descriptors or memory). Accepting goes on by
    /// itself after a pause.
    fn accept_failed(&mut self, error: &io::Error);

    /// After one or more of `accept_failed`: everybody who waited is in, and there is room for more.
    fn accept_recovered(&mut self);

    /// One turn: take letters, look at deadlines, send. Called at least every
    /// [`TICK_MS`](crate::base::wheel::TICK_MS), and after everything that happened.
    fn turn(&mut self, sockets: &Sockets) -> Turn;

    /// Whether letters wait. Asked after the shard has said that it goes to sleep, so that a letter
    /// that came in between is not left behind.
    fn has_mail(&self) -> bool;
}

/// Why nothing more can be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ReadEnd {
    /// The peer has sent everything it had (FIN).
    Eof,
    /// The connection is broken: reset, timed out.
    Failed,
}

/// What the shard does after a turn.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Turn {
    /// Wait for the next event, and at most so long.
    Idle(Option<Duration>),
    /// There is more to do: look at the sockets without waiting, then take another turn.
    Again,
    /// Close everything and return from [`run_shard`].
    Exit,
}
