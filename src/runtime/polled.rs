//! A descriptor whose readiness can be awaited, whatever kind of file it is.

use std::future::Future;
use std::io;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};
use std::os::unix::net::UnixStream as StdUnixStream;

use monoio::net::UnixStream;

/// A descriptor that monoio waits on and that we use by direct system calls.
///
/// monoio lends readiness only through its own socket types. Its Unix stream is the smallest of
/// them, and waiting does not care what is behind the descriptor: listeners, event counters and the
/// set of all sockets go through here.
#[derive(Debug)]
pub(super) struct Polled {
    stream: UnixStream,
}

impl Polled {
    /// Hands `fd` to the event loop of this thread.
    pub(super) fn new(fd: OwnedFd) -> io::Result<Self> {
        let stream = UnixStream::from_std(StdUnixStream::from(fd))?;
        Ok(Self { stream })
    }

    /// Waits until a read would not block.
    ///
    /// Not "relaxed": under epoll monoio would otherwise answer from its memory of the last event
    /// and call a drained socket readable for ever.
    pub(super) fn readable(&self) -> impl Future<Output = io::Result<()>> + '_ {
        self.stream.readable(false)
    }
}

impl AsFd for Polled {
    #[expect(
        unsafe_code,
        reason = "monoio's streams lend only raw descriptors; this is the one place that borrows them"
    )]
    fn as_fd(&self) -> BorrowedFd<'_> {
        // SAFETY: `stream` is never replaced, and keeps its descriptor open until it is dropped. The
        // borrow ends before that, because it borrows `self`. The descriptor is not -1: it came out of
        // an `OwnedFd`.
        unsafe { BorrowedFd::borrow_raw(self.stream.as_raw_fd()) }
    }
}
