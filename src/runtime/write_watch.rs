//! The task of a connection whose socket is full: it waits until bytes are taken again.

use std::rc::Rc;

use super::Handler;
use super::shard::Shard;
use super::socket::Socket;

/// Waits once, reports, ends. Exists only while a socket is blocked, so that a connection whose peer
/// reads costs no second task.
pub(super) async fn write_watch<H: Handler>(shard: Rc<Shard<H>>, socket: Rc<Socket>) {
    // A failed wait is reported as well: the next send tells what is wrong.
    let _ = socket.polled().writable().await;
    socket.set_watched(false);
    if socket.is_orphaned() {
        shard.release(socket);
    } else if !socket.is_closing() {
        shard.with_handler(|handler| handler.writable(socket.key()));
    }
    shard.task_ended();
}
