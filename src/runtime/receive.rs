//! Reading: what has come is handed over before anything is sent.

use rustix::event::epoll;
use rustix::io::Errno;

use super::readiness::{Event, Ready};
use super::shard::Shard;
use super::socket::Socket;
use super::{Handler, ReadEnd};
use crate::base::io::Flow;
use crate::base::limits::RECVS_PER_TURN;
use crate::base::slab::Key;

impl<H: Handler> Shard<H> {
    /// Sees to what these events tell of, and to the sockets that were left in the last turn.
    pub(super) fn receive_all(&mut self, events: &[epoll::Event]) {
        // What is left in this turn is for the next.
        let unread = self.sockets.take_unread();
        for event in events {
            match Event::from(*event) {
                Event::Queued => self.queue.fill(),
                // The turn that it asks for is this one.
                Event::Woken => {}
                Event::Socket(ready) => self.handle_ready(ready),
            }
        }
        for conn in unread {
            if self.sockets.with(conn, Socket::take_unread) == Some(true) {
                self.receive(conn, true);
            }
        }
    }

    fn handle_ready(&mut self, ready: Ready) {
        let conn = ready.conn;
        let ask = |socket: &Socket| (ready.writable && socket.take_watched(), socket.is_unread());
        let Some((wants_to_know, is_unread)) = self.sockets.with(conn, ask) else {
            return;
        };
        if wants_to_know {
            self.handler.writable(conn);
        }
        // One that is unread has its time once in a turn like everybody else, and is read to the end then.
        if ready.readable && !is_unread {
            self.receive(conn, ready.ended);
        }
    }

    /// Receives until the socket is empty, the handler has enough, or it is the others' time.
    ///
    /// A receive that did not fill the buffer has most likely emptied the socket, and whatever comes later is
    /// a new event: one more would only be told that there is nothing. With `to_the_end` there is one more,
    /// because the end, which is no new event, may lie behind it.
    fn receive(&mut self, conn: Key, to_the_end: bool) {
        for _ in 0..RECVS_PER_TURN {
            let (flow, filled) = match self.receive_once(conn) {
                Received::Bytes { flow, filled } => (flow, filled),
                Received::Nothing => return,
                Received::End(end) => {
                    self.handler.ended(conn, end);
                    if end == ReadEnd::Failed {
                        self.sockets.close(conn);
                    }
                    return;
                }
            };
            match flow {
                Flow::Read if filled || to_the_end => {}
                Flow::Read => return,
                Flow::Pause => {
                    self.sockets.with(conn, Socket::pause);
                    return;
                }
                Flow::Stop => return self.sockets.close(conn),
            }
        }
        self.sockets.receive_again(conn);
    }

    fn receive_once(&mut self, conn: Key) -> Received {
        let received = match (self.sockets).with(conn, |socket| socket.receive(&mut self.buffer)) {
            Some(Ok(0)) => return Received::End(ReadEnd::Eof),
            Some(Ok(received)) => received,
            None | Some(Err(Errno::AGAIN)) => return Received::Nothing,
            Some(Err(_)) => return Received::End(ReadEnd::Failed),
        };
        let bytes = &mut self.buffer[..received];
        Received::Bytes {
            flow: self.handler.received(&self.sockets, conn, bytes),
            filled: received == self.buffer.len(),
        }
    }
}

/// What came of one receive.
enum Received {
    Bytes {
        flow: Flow,
        /// The buffer was, so there may be more.
        filled: bool,
    },
    Nothing,
    End(ReadEnd),
}
