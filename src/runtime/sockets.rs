//! The sockets of one shard, by key.

use std::cell::{Cell, RefCell};
use std::os::fd::AsFd;

use super::send_ring::SendRing;
use super::socket::Socket;
use crate::base::io::SendOutcome;
use crate::base::slab::Key;

/// The sockets of one shard: what a [`Handler`](super::Handler) acts upon during its turn.
///
/// All methods return at once. A key whose connection has been closed does nothing.
#[derive(Default)]
pub struct Sockets {
    /// By slot. The key inside the socket tells whether the slot is still in the use that is meant.
    table: RefCell<Vec<Option<Socket>>>,
    open: Cell<usize>,
    /// Those that may have bytes that no event will tell of, each once.
    unread: RefCell<Vec<Key>>,
    /// Those that are closed, until the handler has been told.
    closed: RefCell<Vec<Key>>,
    accepting_stopped: Cell<bool>,
    /// Where there is io_uring.
    ring: RefCell<Option<SendRing>>,
}

/// Fewer sends than this take less time one by one.
const RING_SENDS_MIN: usize = 2;

impl Sockets {
    /// No sockets, which are sent to through this ring if there is one.
    pub(super) fn new(ring: Option<SendRing>) -> Self {
        Self {
            ring: RefCell::new(ring),
            ..Self::default()
        }
    }

    /// Sends what the kernel takes without waiting: one system call.
    pub fn send(&self, conn: Key, bytes: &[u8]) -> SendOutcome {
        self.with(conn, |socket| socket.send(bytes))
            .unwrap_or(SendOutcome::Failed)
    }

    /// The same, and the kernel waits with the end of it for the FIN, so that one segment has both:
    /// [`shutdown_write`](Self::shutdown_write) must follow in this turn if it takes all.
    pub fn send_last(&self, conn: Key, bytes: &[u8]) -> SendOutcome {
        self.with(conn, |socket| socket.send_last(bytes))
            .unwrap_or(SendOutcome::Failed)
    }

    /// Sends to each of these, each connection once and at most
    /// [`SENDS_AT_ONCE`](crate::base::limits::SENDS_AT_ONCE), what the kernel takes without waiting: in one
    /// system call where there is a ring. Adds each outcome to `outcomes`, in their order.
    pub fn send_all<'a>(
        &self,
        sends: impl ExactSizeIterator<Item = (Key, &'a [u8])>,
        outcomes: &mut Vec<SendOutcome>,
    ) {
        let mut ring = self.ring.borrow_mut();
        let Some(ring) = ring.as_mut().filter(|_| sends.len() >= RING_SENDS_MIN) else {
            outcomes.extend(sends.map(|(conn, bytes)| self.send(conn, bytes)));
            return;
        };
        outcomes.resize(outcomes.len() + sends.len(), SendOutcome::Failed);
        let first = outcomes.len() - sends.len();
        let table = self.table.borrow();
        let sends = sends.map(|(conn, bytes)| (find(&table, conn).map(AsFd::as_fd), bytes));
        ring.send_all(sends, &mut outcomes[first..]);
    }

    /// Has [`Handler::writable`](super::Handler::writable) called once, when the socket takes bytes
    /// again. Only after a send that did not take all: the kernel tells of no other.
    pub fn watch_writable(&self, conn: Key) {
        self.with(conn, Socket::watch);
    }

    /// Reads a paused connection again.
    pub fn resume(&self, conn: Key) {
        if self.with(conn, Socket::resume) == Some(true) {
            self.receive_again(conn);
        }
    }

    /// Sends FIN after everything sent so far; reading goes on.
    pub fn shutdown_write(&self, conn: Key) {
        self.with(conn, Socket::shutdown_write);
    }

    /// Closes the connection. What the kernel took is still delivered, unless bytes of the peer lie
    /// unread or come later: the kernel answers those with a reset. So after a last message to a peer that
    /// may say more, send FIN, read until the peer's, and close then.
    pub fn close(&self, conn: Key) {
        if self.take(conn).is_some() {
            self.closed.borrow_mut().push(conn);
        }
    }

    /// Ends the connection with a RST, dropping everything the peer has not taken.
    pub fn reset(&self, conn: Key) {
        self.with(conn, Socket::abandon);
        self.close(conn);
    }

    /// Accepts what is queued already, then closes the listener: who has connected and said nothing yet is not
    /// in the queue, and meets a reset.
    pub fn stop_accepting(&self) {
        self.accepting_stopped.set(true);
    }

    /// How many connections hold a descriptor.
    #[must_use]
    pub fn open(&self) -> usize {
        self.open.get()
    }

    pub(super) fn is_accepting_stopped(&self) -> bool {
        self.accepting_stopped.get()
    }

    pub(super) fn insert(&self, socket: Socket) {
        let slot = socket.key().slot as usize;
        let mut table = self.table.borrow_mut();
        if table.len() <= slot {
            table.resize_with(slot + 1, || None);
        }
        let before = table[slot].replace(socket);
        assert!(
            before.is_none(),
            "the handler gave slot {slot} again before it was released"
        );
        self.open.set(self.open.get() + 1);
    }

    pub(super) fn close_all(&self) {
        let keys = |table: &[Option<Socket>]| table.iter().flatten().map(Socket::key).collect();
        let all: Vec<Key> = keys(&self.table.borrow());
        for conn in all {
            self.close(conn);
        }
    }

    /// Has it read in the next turn, whether or not there is an event.
    pub(super) fn receive_again(&self, conn: Key) {
        if self.with(conn, Socket::set_unread) == Some(false) {
            self.unread.borrow_mut().push(conn);
        }
    }

    pub(super) fn has_unread(&self) -> bool {
        !self.unread.borrow().is_empty()
    }

    /// Those that are to be read in this turn.
    pub(super) fn take_unread(&self) -> Vec<Key> {
        self.unread.take()
    }

    /// One that is closed, for its handler to be told.
    pub(super) fn next_closed(&self) -> Option<Key> {
        self.closed.borrow_mut().pop()
    }

    /// Acts on a socket, unless it is closed.
    pub(super) fn with<T>(&self, conn: Key, act: impl FnOnce(&Socket) -> T) -> Option<T> {
        find(&self.table.borrow(), conn).map(act)
    }

    fn take(&self, conn: Key) -> Option<Socket> {
        let mut table = self.table.borrow_mut();
        let place = table.get_mut(conn.slot as usize)?;
        let socket = place.take_if(|socket| socket.key() == conn)?;
        self.open.set(self.open.get() - 1);
        Some(socket)
    }
}

fn find(table: &[Option<Socket>], conn: Key) -> Option<&Socket> {
    let socket = table.get(conn.slot as usize)?.as_ref()?;
    (socket.key() == conn).then_some(socket)
}
