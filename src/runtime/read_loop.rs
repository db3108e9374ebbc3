//! The task of a connection: it waits until there is something to read, and hands it over.

use std::rc::Rc;

use rustix::io::Errno;

use super::shard::Shard;
use super::socket::Socket;
use super::{Handler, ReadEnd};
use crate::base::io::Flow;
use crate::base::limits::RECVS_PER_TURN;

/// Reads until the connection is over, then releases it.
///
/// Waiting for readiness instead of starting a receive is what makes an idle connection small: it
/// holds no buffer. With `COOP_TASKRUN` it is also the cheapest way to read under io_uring.
pub(super) async fn read_loop<H: Handler>(shard: Rc<Shard<H>>, socket: Rc<Socket>) {
    let mut pace = Pace::default();
    let mut next = Next::Wait;
    loop {
        match next {
            Next::Wait => {
                if socket.polled().readable().await.is_err() && !socket.is_closing() {
                    shard.with_handler(|handler| handler.ended(socket.key(), ReadEnd::Failed));
                    break;
                }
            }
            Next::StepBack => shard.step_back().await,
            Next::Park => socket.parked().await,
            Next::Stop => break,
        }
        next = receive(&shard, &socket, &mut pace);
    }
    if socket.orphan() {
        shard.release(socket);
    }
    shard.task_ended();
}

/// How the read loop goes on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Next {
    /// When the socket is readable.
    Wait,
    /// After the others and a turn.
    StepBack,
    /// When the handler says so.
    Park,
    /// Not at all.
    Stop,
}

/// Receives until the socket is empty, the handler has enough, or it is the others' time.
fn receive<H: Handler>(shard: &Shard<H>, socket: &Socket, pace: &mut Pace) -> Next {
    let conn = socket.key();
    loop {
        if socket.is_closing() {
            return Next::Stop;
        }
        if !pace.allows(shard.turns()) {
            return Next::StepBack;
        }
        let (flow, filled) = match shard.with_buffer(|buffer| {
            let received = socket.receive(buffer)?;
            if received == 0 {
                return Ok(None);
            }
            let filled = received == buffer.len();
            let bytes = &mut buffer[..received];
            let flow = shard.with_handler(|handler| handler.received(shard.sockets(), conn, bytes));
            Ok(Some((flow, filled)))
        }) {
            Ok(Some(handled)) => handled,
            Ok(None) => {
                socket.end_reading();
                shard.with_handler(|handler| handler.ended(conn, ReadEnd::Eof));
                shard.request_turn();
                return Next::Park;
            }
            Err(Errno::AGAIN) => return Next::Wait,
            Err(_) => {
                shard.with_handler(|handler| handler.ended(conn, ReadEnd::Failed));
                return Next::Stop;
            }
        };
        shard.request_turn();
        match flow {
            Flow::Stop => return Next::Stop,
            Flow::Pause => {
                socket.pause();
                return Next::Park;
            }
            // A receive that did not fill the buffer has most likely emptied the socket: one more
            // would only be told so.
            Flow::Read if !filled => return Next::Wait,
            Flow::Read => {}
        }
    }
}

/// Counts one connection's receives within a turn, so that a peer that sends without pause does not
/// starve the others.
///
/// Counted by turn and not by call, because under epoll waiting for a socket that is readable does
/// not wait: the loop would never be left.
#[derive(Debug, Default)]
struct Pace {
    turn: u32,
    receives: u32,
}

impl Pace {
    fn allows(&mut self, turn: u32) -> bool {
        if self.turn != turn {
            *self = Self { turn, receives: 0 };
        }
        self.receives += 1;
        self.receives as usize <= RECVS_PER_TURN
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::slab::Key;
    use crate::runtime::{Sockets, Turn};
    use std::io;
    use std::net::SocketAddr;

    struct Nobody;

    impl Handler for Nobody {
        fn accepted(&mut self, _: SocketAddr) -> Option<Key> {
            None
        }
        fn received(&mut self, _: &Sockets, _: Key, _: &mut [u8]) -> Flow {
            Flow::Stop
        }
        fn ended(&mut self, _: Key, _: ReadEnd) {}
        fn writable(&mut self, _: Key) {}
        fn released(&mut self, _: Key) {}
        fn accept_failed(&mut self, _: &io::Error) {}
        fn accept_recovered(&mut self) {}
        fn turn(&mut self, _: &Sockets) -> Turn {
            Turn::Exit
        }
        fn has_mail(&self) -> bool {
            false
        }
    }

    fn size_of_task<F: Future>(_: impl Fn(Rc<Shard<Nobody>>, Rc<Socket>) -> F) -> usize {
        size_of::<F>()
    }

    #[test]
    fn task_of_an_idle_connection_is_small() {
        let size = size_of_task(read_loop);
        assert!(size <= 160, "{size} bytes");
    }

    #[test]
    fn peer_that_never_stops_sending_is_stopped_once_per_turn() {
        let mut pace = Pace::default();
        for turn in [0, 1, u32::MAX] {
            let allowed = (0..100).filter(|_| pace.allows(turn)).count();
            assert_eq!(allowed, RECVS_PER_TURN, "turn {turn}");
        }
    }
}
