//! Accepting: who waits in the listener's queue is let in at the beginning of a turn.

use std::io;
use std::net::{SocketAddr, TcpListener};
use std::os::fd::OwnedFd;
use std::time::{Duration, Instant};

use rustix::io::Errno;
use rustix::net::{SocketFlags, acceptfrom_with};

use super::shard::Shard;
use super::socket::Socket;
use super::{Handler, ReadEnd};

/// Connections accepted before the others have their time: about half a millisecond's work.
const ACCEPTS_PER_TURN: usize = 64;

/// The pause after a first failure to accept, doubled with each further one up to
/// [`RETRY_MAX`]. No event would tell: the queue is filled already.
const RETRY_MIN: Duration = Duration::from_millis(100);
const RETRY_MAX: Duration = Duration::from_secs(1);

/// The listener, and what is known of its queue.
pub(super) struct AcceptQueue {
    /// Until accepting has stopped.
    listener: Option<TcpListener>,
    /// It may hold connections of which no event will tell.
    filled: bool,
    /// When the next attempt is due, because the last one has failed.
    retry: Option<Retry>,
    /// An attempt has failed, and the queue has not been empty since.
    failing: bool,
}

struct Retry {
    at: Instant,
    /// The pause before it.
    pause: Duration,
}

impl AcceptQueue {
    pub(super) fn new(listener: TcpListener) -> Self {
        Self {
            listener: Some(listener),
            filled: true,
            retry: None,
            failing: false,
        }
    }

    /// An event has told that there are connections.
    pub(super) fn fill(&mut self) {
        self.filled = true;
    }

    /// Whether there is something to do now; `is_last` if accepting is to stop.
    pub(super) fn is_due(&self, is_last: bool) -> bool {
        let may_try = || (self.retry.as_ref()).is_none_or(|retry| retry.at <= Instant::now());
        self.listener.is_some() && (is_last || self.filled && may_try())
    }

    fn fail(&mut self) {
        self.failing = true;
        let longer = |last: &Retry| (last.pause * 2).min(RETRY_MAX);
        let pause = self.retry.as_ref().map_or(RETRY_MIN, longer);
        let at = Instant::now() + pause;
        self.retry = Some(Retry { at, pause });
    }
}

enum Accepted {
    /// The queue is empty.
    All,
    /// There may be more.
    Enough,
    Failed(io::Error),
}

impl<H: Handler> Shard<H> {
    /// Accepts what is queued, within a bound. Once accepting is to stop it goes on until the queue is empty,
    /// because closing a listener resets the connections in it.
    pub(super) fn accept(&mut self) {
        // Asked before accepting: what is queued when this turns true is accepted below.
        let is_last = self.sockets.is_accepting_stopped();
        if !self.queue.is_due(is_last) {
            return;
        }
        let accepted = self.accept_queued();
        match &accepted {
            Accepted::All => {
                self.queue.retry = None;
                self.queue.filled = false;
                // Only an empty queue ends it: where each connection that goes lets one in, it goes on.
                // (Without a free descriptor the kernel does not even look whether the queue is empty.)
                if std::mem::take(&mut self.queue.failing) {
                    self.handler.accept_recovered();
                }
            }
            Accepted::Enough => self.queue.retry = None,
            Accepted::Failed(error) => {
                self.queue.fail();
                self.handler.accept_failed(error);
            }
        }
        if is_last && !matches!(accepted, Accepted::Enough) {
            self.queue.listener = None;
        }
    }

    fn accept_queued(&mut self) -> Accepted {
        for _ in 0..ACCEPTS_PER_TURN {
            let Some(listener) = &self.queue.listener else {
                return Accepted::All;
            };
            let opened = match acceptfrom_with(listener, SocketFlags::CLOEXEC) {
                Ok((socket, peer)) => match peer.map(SocketAddr::try_from) {
                    Some(Ok(peer)) => self.open(socket, peer),
                    // It has been reset before it was accepted, or is no TCP connection at all.
                    _ => Ok(()),
                },
                Err(Errno::AGAIN) => return Accepted::All,
                Err(error) if is_of_the_connection(error) => Ok(()),
                Err(error) => Err(error.into()),
            };
            if let Err(error) = opened {
                return Accepted::Failed(error);
            }
        }
        Accepted::Enough
    }

    fn open(&mut self, socket: OwnedFd, peer: SocketAddr) -> io::Result<()> {
        let Some(conn) = self.handler.accepted(peer) else {
            return Ok(());
        };
        let watched = self.readiness.add(&socket, conn);
        self.sockets.insert(Socket::new(conn, socket));
        if watched.is_err() {
            self.handler.ended(conn, ReadEnd::Failed);
            self.sockets.close(conn);
        }
        watched
    }
}

/// Whether `accept` passed on an error of the one connection (Linux does so for anything that was
/// pending on the new socket), and the next may be accepted at once.
fn is_of_the_connection(error: Errno) -> bool {
    matches!(
        error,
        Errno::INTR
            | Errno::CONNABORTED
            | Errno::PROTO
            | Errno::NOPROTOOPT
            | Errno::OPNOTSUPP
            | Errno::NETDOWN
            | Errno::NETUNREACH
            | Errno::HOSTDOWN
            | Errno::HOSTUNREACH
            | Errno::NONET
            | Errno::PERM
            | Errno::TIMEDOUT
    )
}
