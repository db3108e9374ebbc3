//! The task that accepts connections.

use std::io;
use std::net::SocketAddr;
use std::os::fd::{AsFd, OwnedFd};
use std::rc::Rc;
use std::time::Duration;

use monoio::time::sleep;
use rustix::io::Errno;
use rustix::net::{Shutdown, SocketFlags, acceptfrom_with, shutdown};

use super::polled::Polled;
use super::shard::Shard;
use super::socket::Socket;
use super::{Handler, ReadEnd};

/// Connections accepted before the others have their time: about half a millisecond's work.
const ACCEPTS_PER_TURN: usize = 64;

/// The pause after a first failure to accept, doubled with each further one up to
/// [`RETRY_MAX`]. Waiting for the listener would not help: it stays readable.
const RETRY_MIN: Duration = Duration::from_millis(100);
const RETRY_MAX: Duration = Duration::from_secs(1);

/// Accepts until told to stop, and then what is queued already, because closing a listener resets
/// the connections in its queue.
pub(super) async fn accept_loop<H: Handler>(shard: Rc<Shard<H>>, listener: Polled) {
    let mut retry = RETRY_MIN;
    let mut failing = false;
    loop {
        // Asked before accepting: what is queued when this turns true is accepted below.
        let last_round = shard.is_accepting_stopped();
        if shard.is_exiting() {
            break;
        }
        let accepted = accept_queued(&shard, &listener);
        // Only an empty queue ends it: where each connection that goes lets one in, it goes on. (Without
        // a free descriptor the kernel does not even look whether the queue is empty.)
        if failing && matches!(accepted, Accepted::All) {
            failing = false;
            shard.with_handler(H::accept_recovered);
        }
        let outcome = match accepted {
            Accepted::All if last_round => break,
            Accepted::All => shard.unless_accepting_stops(listener.readable()).await,
            Accepted::Enough => {
                shard.step_back().await;
                None
            }
            Accepted::Failed(error) => Some(Err(error)),
        };
        let Some(Err(error)) = outcome else {
            retry = RETRY_MIN;
            continue;
        };
        failing = true;
        shard.with_handler(|handler| handler.accept_failed(&error));
        shard.request_turn();
        if last_round {
            break;
        }
        shard.unless_accepting_stops(sleep(retry)).await;
        retry = (retry * 2).min(RETRY_MAX);
    }
    // Dropping is not enough: a wait that was given up keeps the descriptor open a little longer,
    // and connections would queue up that nobody accepts.
    let _ = shutdown(&listener, Shutdown::Both);
    drop(listener);
    shard.task_ended();
}

enum Accepted {
    /// The queue is empty.
    All,
    /// There may be more.
    Enough,
    Failed(io::Error),
}

fn accept_queued<H: Handler>(shard: &Shard<H>, listener: &Polled) -> Accepted {
    for _ in 0..ACCEPTS_PER_TURN {
        let opened = match acceptfrom_with(listener.as_fd(), SocketFlags::CLOEXEC) {
            Ok((socket, peer)) => match peer.map(SocketAddr::try_from) {
                Some(Ok(peer)) => open(shard, socket, peer),
                // It has been reset before it was accepted, or is no TCP connection at all.
                _ => Ok(()),
            },
            Err(Errno::AGAIN) => return Accepted::All,
            Err(error) if is_of_the_connection(error) => Ok(()),
            Err(error) => Err(error.into()),
        };
        shard.request_turn();
        if let Err(error) = opened {
            return Accepted::Failed(error);
        }
    }
    Accepted::Enough
}

fn open<H: Handler>(shard: &Shard<H>, socket: OwnedFd, peer: SocketAddr) -> io::Result<()> {
    let Some(conn) = shard.with_handler(|handler| handler.accepted(peer)) else {
        return Ok(());
    };
    let watched = shard.readiness().add(&socket, conn);
    shard.sockets().insert(Socket::new(conn, socket));
    if watched.is_err() {
        shard.with_handler(|handler| handler.ended(conn, ReadEnd::Failed));
        shard.sockets().close(conn);
    }
    watched
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
