//! The sockets of one shard, by key.

use std::cell::{Cell, RefCell};
use std::rc::Rc;

use super::socket::Socket;
use crate::base::io::SendOutcome;
use crate::base::slab::Key;

/// The sockets of one shard: what a [`Handler`](super::Handler) acts upon during its turn.
///
/// All methods return at once; what they set off happens in later passes of the loop. A key whose
/// connection has been released does nothing.
#[derive(Default)]
pub struct Sockets {
    /// By slot. The key inside the socket tells whether the slot is still in the use that is meant.
    table: RefCell<Vec<Option<Rc<Socket>>>>,
    open: Cell<usize>,
    /// Sockets whose watch is to be started after the turn.
    to_watch: RefCell<Vec<Rc<Socket>>>,
    accepting_stopped: Cell<bool>,
}

impl Sockets {
    /// Sends what the kernel takes without waiting: one system call.
    pub fn send(&self, conn: Key, bytes: &[u8]) -> SendOutcome {
        self.with(conn, |socket| socket.send(bytes))
            .unwrap_or(SendOutcome::Failed)
    }

    /// Has the sockets of these slots fetched into the caches, as they are about to be used.
    pub fn look_ahead(&self, slots: &[u32]) {
        let table = self.table.borrow();
        let sockets = slots.iter().filter_map(|slot| table.get(*slot as usize));
        let open = sockets.flatten().filter(|socket| !socket.is_closing());
        std::hint::black_box(open.count());
    }

    /// Has [`Handler::writable`](super::Handler::writable) called once, when the socket takes bytes
    /// again. Asking twice is asking once.
    pub fn watch_writable(&self, conn: Key) {
        let socket = self.get(conn).filter(|socket| !socket.is_closing());
        if let Some(socket) = socket
            && !socket.set_watched(true)
        {
            self.to_watch.borrow_mut().push(socket);
        }
    }

    /// Reads a paused connection again.
    pub fn resume(&self, conn: Key) {
        self.with(conn, Socket::resume);
    }

    /// Sends FIN after everything sent so far; reading goes on.
    pub fn shutdown_write(&self, conn: Key) {
        self.with(conn, Socket::shutdown_write);
    }

    /// Closes the connection. What the kernel took is still delivered, unless bytes of the peer lie
    /// unread: the kernel answers those with a reset. So after a last message, send FIN, read until
    /// the peer's, and close then.
    pub fn close(&self, conn: Key) {
        self.with(conn, Socket::close);
    }

    /// Ends the connection with a RST, dropping everything the peer has not taken.
    pub fn reset(&self, conn: Key) {
        self.with(conn, Socket::reset);
    }

    /// Accepts what is queued already, then closes the listener.
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

    pub(super) fn insert(&self, socket: Rc<Socket>) {
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

    pub(super) fn remove(&self, conn: Key) {
        if let Some(place) = self.table.borrow_mut().get_mut(conn.slot as usize)
            && place.take_if(|socket| socket.key() == conn).is_some()
        {
            self.open.set(self.open.get() - 1);
        }
    }

    pub(super) fn close_all(&self) {
        for socket in self.table.borrow().iter().flatten() {
            socket.close();
        }
    }

    pub(super) fn next_to_watch(&self) -> Option<Rc<Socket>> {
        self.to_watch.borrow_mut().pop()
    }

    fn get(&self, conn: Key) -> Option<Rc<Socket>> {
        let table = self.table.borrow();
        let socket = table.get(conn.slot as usize)?.as_ref()?;
        (socket.key() == conn).then(|| Rc::clone(socket))
    }

    fn with<T>(&self, conn: Key, act: impl FnOnce(&Socket) -> T) -> Option<T> {
        let table = self.table.borrow();
        let socket = table.get(conn.slot as usize)?.as_ref()?;
        (socket.key() == conn).then(|| act(socket))
    }
}
