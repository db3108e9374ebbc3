//! The floor: a server that does nothing but what the kernel needs to be told.
//!
//! One thread, plain epoll, one send for each subscriber and turn, all frames of the turn in one piece, and many sends in
//! one system call where there is io_uring. It speaks
//! just enough of the protocol that the very same clients can use it, those that come and go included: so its receivers are
//! as busy as those of a real server, and what it costs is the price of the kernel's way for the same bytes. A receiver that
//! sleeps more would make every send dearer, because the sender pays for the wake-up.

mod send_ring;
mod turns;

use std::convert::Infallible;
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::thread;

use self::send_ring::SendRing;
use self::turns::Turns;
use crate::args::ServeFloor;
use crate::failure::Failure;
use crate::machine;

/// Serves on the cores that this process has, until it is killed.
///
/// # Errors
///
/// When the address is taken, or the system fails.
pub(crate) fn serve(args: &ServeFloor) -> Result<Infallible, Failure> {
    let cannot = |error| Failure::system(&format!("cannot serve at {}", args.listen), error);
    let listener = TcpListener::bind(args.listen).map_err(cannot)?;
    let addr = listener.local_addr().map_err(cannot)?;
    println!("ws://{addr}/ does nothing but send, as strav; Ctrl-C ends it");
    let mut floor = Turns::new(listener, Arc::default()).map_err(cannot)?;
    let ring = if args.direct { None } else { ring() };
    floor.run(ring).map_err(cannot)
}

/// A ring for the thread that asks for it. Where the kernel gives none, sends go one by one.
fn ring() -> Option<SendRing> {
    SendRing::new().ok()
}

/// A running floor server. Its thread ends with the process: there is nothing to save.
#[derive(Debug)]
pub(crate) struct FloorServer {
    addr: SocketAddr,
    sends: Arc<AtomicU64>,
}

impl FloorServer {
    /// Starts one on a free port of this machine, pinned to `cpu` if given.
    ///
    /// # Errors
    ///
    /// When the system gives no socket, no thread or not that core.
    pub(crate) fn start(cpu: Option<usize>) -> Result<Self, Failure> {
        let cannot = |error| Failure::system("cannot start the floor's server", error);
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).map_err(cannot)?;
        let addr = listener.local_addr().map_err(cannot)?;
        let sends = Arc::new(AtomicU64::new(0));
        let mut floor = Turns::new(listener, Arc::clone(&sends)).map_err(cannot)?;
        let run = move || {
            let pinned = cpu.map_or(Ok(()), machine::pin_to);
            let Err(failure) = pinned.and_then(|()| floor.run(ring()).map_err(cannot));
            // The clients see their connections end, and say so; this is the cause.
            eprintln!("shardcast-loadtest: {failure}");
        };
        let thread = thread::Builder::new().name("floor".to_owned());
        thread.spawn(run).map_err(cannot)?;
        Ok(Self { addr, sends })
    }

    /// Where it serves.
    pub(crate) fn url(&self) -> String {
        format!("ws://{}/", self.addr)
    }

    /// Counts its sends.
    pub(crate) fn sends(&self) -> Arc<AtomicU64> {
        Arc::clone(&self.sends)
    }
}
