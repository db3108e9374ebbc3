//! A shard's thread at work: one turn after the other.

use std::net::TcpListener;
use std::time::Duration;

use monoio::net::UnixStream;
use rustix::event::epoll;

use super::accept::AcceptQueue;
use super::readiness::Readiness;
use super::sockets::Sockets;
use super::wait::Wait;
use super::wake::Waker;
use super::{Handler, Turn};
use crate::base::limits::RECV_BUFFER_BYTES;
use crate::base::wheel::TICK_MS;

const TICK: Duration = Duration::from_millis(TICK_MS);

/// All that a shard's thread has.
pub(super) struct Shard<H> {
    pub(super) handler: H,
    pub(super) sockets: Sockets,
    pub(super) readiness: Readiness,
    pub(super) queue: AcceptQueue,
    /// Where all connections receive: a connection that has nothing to read owns no buffer.
    pub(super) buffer: Box<[u8]>,
    waker: Waker,
}

/// What follows a turn.
enum Next {
    /// Another one.
    Turn,
    /// A wait for events, so long at most.
    Wait(Duration),
    Exit,
}

impl<H: Handler> Shard<H> {
    pub(super) fn new(
        handler: H,
        sockets: Sockets,
        readiness: Readiness,
        listener: TcpListener,
        waker: Waker,
    ) -> Self {
        Self {
            handler,
            sockets,
            readiness,
            queue: AcceptQueue::new(listener),
            buffer: vec![0; RECV_BUFFER_BYTES].into_boxed_slice(),
            waker,
        }
    }

    /// Takes turns until the handler is done; waits where there is nothing to do. `waited_for` is the
    /// readiness, for waiting.
    ///
    /// This is the only task of its event loop. So it need not leave room for others: where there is always
    /// something to do, it never waits, and the event loop costs nothing.
    pub(super) async fn run(mut self, waited_for: UnixStream) {
        let mut wait = Wait::new(|| waited_for.readable(false));
        let mut events = Vec::new();
        // How long it may wait, when nothing is left to do.
        let mut idle = None;
        loop {
            self.readiness.take(&mut events);
            if let Some(pause) = idle.take().filter(|_| events.is_empty()) {
                wait.at_most(pause).await;
                continue;
            }
            match self.turn(&events) {
                Next::Turn => {}
                Next::Wait(pause) => idle = Some(pause),
                Next::Exit => break,
            }
        }
        self.sockets.close_all();
        self.release_closed();
    }

    fn turn(&mut self, events: &[epoll::Event]) -> Next {
        // From here on letters are seen without a wake-up.
        self.waker.flag().unpark();
        self.receive_all(events);
        self.accept();
        self.release_closed();
        let pause = match self.handler.turn(&self.sockets) {
            Turn::Exit => return Next::Exit,
            Turn::Again => None,
            Turn::Idle(pause) => Some(pause.unwrap_or(TICK).min(TICK)),
        };
        let any_released = self.release_closed();
        let Some(pause) = pause.filter(|_| !any_released && !self.has_more()) else {
            return Next::Turn;
        };
        self.waker.flag().park();
        if self.handler.has_mail() {
            return Next::Turn;
        }
        Next::Wait(pause)
    }

    /// Whether there is something to do of which no event will tell.
    fn has_more(&self) -> bool {
        let is_last = self.sockets.is_accepting_stopped();
        self.sockets.has_unread() || self.queue.is_due(is_last)
    }

    /// Tells the handler of the connections that have been closed; whether there were any.
    fn release_closed(&mut self) -> bool {
        let mut any = false;
        while let Some(conn) = self.sockets.next_closed() {
            any = true;
            self.handler.released(conn);
        }
        any
    }
}
