//! Reading: the first part of a turn.

use rustix::event::epoll;
use rustix::io::Errno;

use super::readiness::Event;
use super::shard::Shard;
use super::socket::Socket;
use super::{Handler, ReadEnd};
use crate::base::io::Flow;
use crate::base::limits::RECVS_PER_TURN;
use crate::base::slab::Key;

/// Hands over what has come on the sockets of these events, and on those that were left in the last turn.
pub(super) fn receive_all<H: Handler>(shard: &Shard<H>, events: &[epoll::Event]) {
    // What is left in this turn is for the next.
    let unread = shard.sockets().take_unread();
    for event in events {
        handle(shard, Event::from(*event));
    }
    for conn in unread {
        if shard.sockets().with(conn, Socket::take_unread) == Some(true) {
            receive(shard, conn, true);
        }
    }
}

fn handle<H: Handler>(shard: &Shard<H>, event: Event) {
    let conn = event.conn;
    let ask = |socket: &Socket| (event.writable && socket.take_watched(), socket.is_unread());
    let Some((wants_to_know, is_unread)) = shard.sockets().with(conn, ask) else {
        return;
    };
    if wants_to_know {
        shard.with_handler(|handler| handler.writable(conn));
    }
    // One that is unread has its time once in a turn like everybody else, and is read to the end then.
    if event.readable && !is_unread {
        receive(shard, conn, event.ended);
    }
}

/// Receives until the socket is empty, the handler has enough, or it is the others' time.
///
/// A receive that did not fill the buffer has most likely emptied the socket, and whatever comes later is
/// a new event: one more would only be told that there is nothing. With `to_the_end` there is one more,
/// because the end, which is no new event, may lie behind it.
fn receive<H: Handler>(shard: &Shard<H>, conn: Key, to_the_end: bool) {
    let sockets = shard.sockets();
    for _ in 0..RECVS_PER_TURN {
        let (flow, filled) = match receive_once(shard, conn) {
            Received::Bytes { flow, filled } => (flow, filled),
            Received::Nothing => return,
            Received::End(end) => {
                shard.with_handler(|handler| handler.ended(conn, end));
                if end == ReadEnd::Failed {
                    sockets.close(conn);
                }
                return;
            }
        };
        match flow {
            Flow::Read if filled || to_the_end => {}
            Flow::Read => return,
            Flow::Pause => {
                sockets.with(conn, Socket::pause);
                return;
            }
            Flow::Stop => return sockets.close(conn),
        }
    }
    sockets.receive_again(conn);
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

fn receive_once<H: Handler>(shard: &Shard<H>, conn: Key) -> Received {
    let sockets = shard.sockets();
    shard.with_buffer(|buffer| {
        let received = match sockets.with(conn, |socket| socket.receive(buffer)) {
            Some(Ok(0)) => return Received::End(ReadEnd::Eof),
            Some(Ok(received)) => received,
            None | Some(Err(Errno::AGAIN)) => return Received::Nothing,
            Some(Err(_)) => return Received::End(ReadEnd::Failed),
        };
        let bytes = &mut buffer[..received];
        Received::Bytes {
            flow: shard.with_handler(|handler| handler.received(sockets, conn, bytes)),
            filled: received == buffer.len(),
        }
    })
}
