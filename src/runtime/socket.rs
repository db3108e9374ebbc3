//! One connection's socket: its descriptor, and what is to happen with it.

use std::cell::Cell;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::time::Duration;

use rustix::io::Errno;
use rustix::net::sockopt::set_socket_linger;
use rustix::net::{RecvFlags, SendFlags, Shutdown, recv, send, shutdown};

use crate::base::io::SendOutcome;
use crate::base::slab::Key;

/// A connection's socket. Dropping it closes the connection.
pub(super) struct Socket {
    key: Key,
    fd: OwnedFd,
    reading: Cell<Reading>,
    /// The handler waits until it is writable.
    watched: Cell<bool>,
    /// It may have bytes that no event will tell of.
    unread: Cell<bool>,
}

/// What is done with what comes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Reading {
    On,
    /// Until `resume`.
    Paused,
    /// The peer's FIN has been read.
    Ended,
}

const _: () = assert!(
    size_of::<Option<Socket>>() <= 16,
    "held by every idle connection"
);

impl Socket {
    pub(super) fn new(key: Key, fd: OwnedFd) -> Self {
        Self {
            key,
            fd,
            reading: Cell::new(Reading::On),
            watched: Cell::new(false),
            unread: Cell::new(false),
        }
    }

    pub(super) fn key(&self) -> Key {
        self.key
    }

    /// The handler wants to know when it is writable.
    pub(super) fn watch(&self) {
        self.watched.set(true);
    }

    /// Whether the handler wants to know that it is writable; it is about to.
    pub(super) fn take_watched(&self) -> bool {
        self.watched.take()
    }

    /// Notes that it may have bytes that no event will tell of; whether that was known.
    pub(super) fn set_unread(&self) -> bool {
        self.unread.replace(true)
    }

    pub(super) fn is_unread(&self) -> bool {
        self.unread.get()
    }

    /// Whether it may have bytes that no event will tell of; they are about to be read.
    pub(super) fn take_unread(&self) -> bool {
        self.unread.take()
    }

    /// Sends what the kernel takes now.
    pub(super) fn send(&self, bytes: &[u8]) -> SendOutcome {
        self.send_with(SendFlags::empty(), bytes)
    }

    /// The same, and its last segment waits for more, or for the end.
    pub(super) fn send_last(&self, bytes: &[u8]) -> SendOutcome {
        self.send_with(SendFlags::MORE, bytes)
    }

    fn send_with(&self, flags: SendFlags, bytes: &[u8]) -> SendOutcome {
        // Accepted sockets are blocking; each call says that it will not wait.
        let flags = flags | SendFlags::DONTWAIT | SendFlags::NOSIGNAL;
        loop {
            return match send(&self.fd, bytes, flags) {
                Ok(sent) => SendOutcome::Sent(sent),
                Err(Errno::INTR) => continue,
                Err(Errno::AGAIN) => SendOutcome::Blocked,
                Err(_) => SendOutcome::Failed,
            };
        }
    }

    /// Receives what the kernel has now; 0 is the peer's FIN, `AGAIN` is nothing, or not the time to read.
    pub(super) fn receive(&self, buffer: &mut [u8]) -> Result<usize, Errno> {
        if self.reading.get() != Reading::On {
            return Err(Errno::AGAIN);
        }
        loop {
            return match recv(&self.fd, &mut *buffer, RecvFlags::DONTWAIT) {
                Ok((received, _)) => {
                    if received == 0 {
                        self.reading.set(Reading::Ended);
                    }
                    Ok(received)
                }
                Err(Errno::INTR) => continue,
                Err(error) => Err(error),
            };
        }
    }

    /// Sends FIN after everything that was sent before.
    pub(super) fn shutdown_write(&self) {
        // It fails only when the connection is gone already, which reading finds out.
        let _ = shutdown(&self.fd, Shutdown::Write);
    }

    /// Has the closing to come send a RST, and drop what the peer has not taken.
    pub(super) fn abandon(&self) {
        // It cannot fail on a TCP socket; if it did, the end would be an orderly one.
        let _ = set_socket_linger(&self.fd, Some(Duration::ZERO));
    }

    /// Stops reading until [`resume`](Self::resume).
    pub(super) fn pause(&self) {
        self.reading.set(Reading::Paused);
    }

    /// Reads again, if it was paused; whether it was.
    pub(super) fn resume(&self) -> bool {
        let was_paused = self.reading.get() == Reading::Paused;
        if was_paused {
            self.reading.set(Reading::On);
        }
        was_paused
    }
}

impl AsFd for Socket {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.fd.as_fd()
    }
}
