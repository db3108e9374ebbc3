//! One connection's socket and what its tasks have to know.

use std::cell::Cell;
use std::future::poll_fn;
use std::os::fd::{AsFd, BorrowedFd};
use std::task::{Poll, Waker};

use rustix::io::Errno;
use rustix::net::sockopt::set_socket_linger;
use rustix::net::{RecvFlags, SendFlags, Shutdown, connect_unspec, recv, send, shutdown};

use super::polled::Polled;
use crate::base::io::SendOutcome;
use crate::base::slab::Key;

/// A connection's socket, shared by its read loop, the watch for writability and the shard's table.
pub(super) struct Socket {
    key: Key,
    polled: Polled,
    /// The read loop, while it waits for anything but the socket.
    parked: Cell<Option<Waker>>,
    reading: Cell<Reading>,
    /// Nothing but `released` may be called any more.
    closing: Cell<bool>,
    /// A task waits until the socket is writable.
    watched: Cell<bool>,
    /// The read loop is gone; whoever else holds the socket has to release it.
    orphaned: Cell<bool>,
}

/// What the read loop does with the socket.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Reading {
    On,
    /// Until `resume`.
    Paused,
    /// The peer's FIN has been read. An ended socket is always readable, so it must never be waited
    /// on again.
    Ended,
}

const _: () = assert!(size_of::<Socket>() <= 48, "held by every idle connection");

impl Socket {
    pub(super) fn new(key: Key, polled: Polled) -> Self {
        Self {
            key,
            polled,
            parked: Cell::new(None),
            reading: Cell::new(Reading::On),
            closing: Cell::new(false),
            watched: Cell::new(false),
            orphaned: Cell::new(false),
        }
    }

    pub(super) fn key(&self) -> Key {
        self.key
    }

    pub(super) fn polled(&self) -> &Polled {
        &self.polled
    }

    pub(super) fn is_closing(&self) -> bool {
        self.closing.get()
    }

    /// Notes that the socket is watched for writability; whether it was before.
    pub(super) fn set_watched(&self, watched: bool) -> bool {
        self.watched.replace(watched)
    }

    pub(super) fn is_orphaned(&self) -> bool {
        self.orphaned.get()
    }

    /// Sends what the kernel takes now.
    pub(super) fn send(&self, bytes: &[u8]) -> SendOutcome {
        // Accepted sockets are blocking; each call says that it will not wait.
        let flags = SendFlags::DONTWAIT | SendFlags::NOSIGNAL;
        loop {
            return match send(self.fd(), bytes, flags) {
                Ok(sent) => SendOutcome::Sent(sent),
                Err(Errno::INTR) => continue,
                Err(Errno::AGAIN) => SendOutcome::Blocked,
                Err(_) => SendOutcome::Failed,
            };
        }
    }

    /// Receives what the kernel has now; 0 is the peer's FIN, `AGAIN` is nothing.
    pub(super) fn receive(&self, buffer: &mut [u8]) -> Result<usize, Errno> {
        loop {
            return match recv(self.fd(), &mut *buffer, RecvFlags::DONTWAIT) {
                Ok((received, _)) => Ok(received),
                Err(Errno::INTR) => continue,
                Err(error) => Err(error),
            };
        }
    }

    /// Sends FIN after everything that was sent before.
    pub(super) fn shutdown_write(&self) {
        // It fails only when the connection is gone already, which the read loop finds out.
        let _ = shutdown(self.fd(), Shutdown::Write);
    }

    /// Ends both directions; what the kernel has taken is still delivered.
    ///
    /// The operation that waits for the socket keeps its descriptor open, so closing cannot end it;
    /// a shutdown makes it complete.
    pub(super) fn close(&self) {
        self.closing.set(true);
        let _ = shutdown(self.fd(), Shutdown::Both);
        self.unpark();
    }

    /// Ends the connection with a RST, dropping what the peer has not taken.
    pub(super) fn reset(&self) {
        self.closing.set(true);
        // Dissolving the association sends the RST at once and completes all waits. The usual way
        // (no linger, then close) would need a shutdown first, whose FIN the peer may take for an
        // orderly end; it is the way out if the kernel refuses.
        if connect_unspec(self.fd()).is_err() {
            let _ = set_socket_linger(self.fd(), Some(std::time::Duration::ZERO));
            let _ = shutdown(self.fd(), Shutdown::Both);
        }
        self.unpark();
    }

    /// Stops reading until [`resume`](Self::resume).
    pub(super) fn pause(&self) {
        self.reading.set(Reading::Paused);
    }

    /// Reads again, if it was paused.
    pub(super) fn resume(&self) {
        if self.reading.get() == Reading::Paused {
            self.reading.set(Reading::On);
            self.unpark();
        }
    }

    /// Nothing more will be read; the descriptor waits for `close`.
    pub(super) fn end_reading(&self) {
        self.reading.set(Reading::Ended);
    }

    /// Waits, without looking at the socket, until reading may go on or the socket is closing.
    pub(super) async fn parked(&self) {
        poll_fn(|context| {
            if self.closing.get() || self.reading.get() == Reading::On {
                return Poll::Ready(());
            }
            self.parked.set(Some(context.waker().clone()));
            Poll::Pending
        })
        .await;
    }

    /// The read loop is done. `true` if nobody else needs the socket; otherwise the watch for
    /// writability, which this ends, releases it.
    pub(super) fn orphan(&self) -> bool {
        self.orphaned.set(true);
        if self.watched.get() {
            self.close();
        }
        !self.watched.get()
    }

    fn unpark(&self) {
        if let Some(task) = self.parked.take() {
            task.wake();
        }
    }

    fn fd(&self) -> BorrowedFd<'_> {
        self.polled.as_fd()
    }
}
