//! A bad network in user space: passes bytes between clients and a server on loopback, and cuts, delays and
//! ends the streams as a seed says.
//!
//! Time passes here on purpose: waiting is what such a network does. Nobody waits for the proxy by time.

use std::io::{ErrorKind, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::net::sockopt::set_socket_linger;
use shardcast::base::random::Random;

use super::PATIENCE;

/// What a link does to what it carries.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fault {
    /// Every byte is written by itself.
    Split,
    /// Pieces of any length, each some milliseconds late.
    Delay,
    /// Nothing moves for a while, now and then.
    Stall,
    /// So many bytes a millisecond.
    Throttle,
    /// Both ends are reset after some bytes.
    Reset,
    /// The client's direction ends after some bytes; the server's goes on.
    HalfClose,
}

impl Fault {
    pub(crate) const ALL: [Self; 6] = [
        Self::Split,
        Self::Delay,
        Self::Stall,
        Self::Throttle,
        Self::Reset,
        Self::HalfClose,
    ];

    /// Whether connections end by it.
    pub(crate) fn breaks(self) -> bool {
        matches!(self, Self::Reset | Self::HalfClose)
    }
}

/// An address that leads to the server over links of one fault.
pub(crate) struct FaultProxy {
    /// Where it listens.
    pub(crate) addr: SocketAddr,
    is_over: Arc<AtomicBool>,
    accepting: Option<JoinHandle<()>>,
}

impl FaultProxy {
    /// Listens on a free port. The seed and the number of the connection tell all that a link does.
    pub(crate) fn start(server: SocketAddr, fault: Fault, seed: u64) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let addr = listener.local_addr().expect("it is bound");
        let is_over = Arc::new(AtomicBool::new(false));
        let over = Arc::clone(&is_over);
        let accepting = thread::spawn(move || {
            let mut links = Vec::new();
            for number in 0.. {
                let (client, _) = listener.accept().expect("a connection");
                if over.load(Ordering::Acquire) {
                    break;
                }
                let random = Random::new(seed << 16 | number);
                let mut link = Link::new(client, server, fault, random);
                links.push(thread::spawn(move || link.run()));
            }
            for link in links {
                link.join().expect("a link does not fail");
            }
        });
        Self {
            addr,
            is_over,
            accepting: Some(accepting),
        }
    }
}

impl Drop for FaultProxy {
    /// Links end with their connections, so the clients must have gone.
    fn drop(&mut self) {
        self.is_over.store(true, Ordering::Release);
        let woken = TcpStream::connect(self.addr);
        let ended = self.accepting.take().map(JoinHandle::join);
        if !thread::panicking() {
            assert!(woken.is_ok() && ended.is_some_and(|ended| ended.is_ok()));
        }
    }
}

/// One connection through the proxy.
struct Link {
    fault: Fault,
    random: Random,
    /// Bytes to pass in either direction before it breaks, if it does.
    breaks_after: usize,
    to_server: Lane,
    to_client: Lane,
}

/// One direction, from a socket to the other link's socket.
struct Lane {
    from: TcpStream,
    to: TcpStream,
    /// Read and not yet passed on.
    queue: Vec<u8>,
    passed: usize,
    /// Nothing is passed on before this.
    not_before: Instant,
    /// There is nothing more to read.
    has_ended: bool,
    /// What still comes is thrown away.
    is_cut: bool,
    /// The end has been passed on.
    is_shut: bool,
}

/// Bytes of a direction that may wait here: few, so that a slow link is felt at its ends.
const QUEUE_BYTES_MAX: usize = 4 * 1024;

/// A link lets the handshake and some messages through before it breaks.
const BREAKS_AFTER_MIN: u32 = 1_000;

impl Link {
    fn new(client: TcpStream, server: SocketAddr, fault: Fault, mut random: Random) -> Self {
        let server = TcpStream::connect(server).expect("the server accepts");
        for stream in [&client, &server] {
            stream.set_nodelay(true).expect("a TCP socket");
            stream.set_nonblocking(true).expect("a TCP socket");
        }
        let lane = |from: &TcpStream, to: &TcpStream| Lane {
            from: from.try_clone().expect("a descriptor"),
            to: to.try_clone().expect("a descriptor"),
            queue: Vec::new(),
            passed: 0,
            not_before: Instant::now(),
            has_ended: false,
            is_cut: false,
            is_shut: false,
        };
        Self {
            fault,
            breaks_after: (BREAKS_AFTER_MIN + random.below(4_000)) as usize,
            to_server: lane(&client, &server),
            to_client: lane(&server, &client),
            random,
        }
    }

    /// Passes bytes until both directions have ended, or one of the ends is gone.
    fn run(&mut self) {
        loop {
            if self.to_server.is_shut && self.to_client.is_shut {
                return;
            }
            if !self.wait() {
                return self.reset();
            }
            let to_server = self.to_server.receive();
            let to_client = self.to_client.receive();
            if to_server.and(to_client).is_err() || self.pass_on().is_err() || self.is_to_reset() {
                return self.reset();
            }
        }
    }

    /// Waits until something can be read or written that may be; not for ever, so that a test ends that has
    /// failed. What waits at the ends has then given up before.
    fn wait(&self) -> bool {
        let now = Instant::now();
        let lanes = [&self.to_server, &self.to_client];
        let due = lanes.iter().filter(|lane| lane.wants_write());
        let next = due.map(|lane| lane.not_before).min();
        let timeout = next.map_or(2 * PATIENCE, |next| next.saturating_duration_since(now));
        let mut polled = Vec::new();
        for lane in lanes {
            if lane.wants_read() {
                polled.push(PollFd::new(&lane.from, PollFlags::IN));
            }
            if lane.wants_write() && lane.not_before <= now {
                polled.push(PollFd::new(&lane.to, PollFlags::OUT));
            }
        }
        let timeout = Timespec::try_from(timeout).expect("seconds");
        let ready = poll(&mut polled, Some(&timeout)).expect("our own sockets");
        ready > 0 || next.is_some()
    }

    fn pass_on(&mut self) -> std::io::Result<()> {
        let (fault, random) = (self.fault, &mut self.random);
        for lane in [&mut self.to_server, &mut self.to_client] {
            if lane.wants_write() && lane.not_before <= Instant::now() {
                let (bytes_max, pause_us) = match fault {
                    Fault::Split => (1, 0),
                    Fault::Delay => (1 + random.below(2_000), random.below(5_000)),
                    Fault::Stall if random.below(40) == 0 => (1_000, 300_000),
                    Fault::Stall => (1 + random.below(1_000), 0),
                    Fault::Throttle => (256, 1_000),
                    Fault::Reset | Fault::HalfClose => (1 + random.below(500), 0),
                };
                lane.send(bytes_max as usize)?;
                lane.not_before = Instant::now() + Duration::from_micros(pause_us.into());
            }
            lane.pass_on_end();
        }
        if fault == Fault::HalfClose && self.to_server.passed >= self.breaks_after {
            self.to_server.queue.clear();
            self.to_server.is_cut = true;
            self.to_server.pass_on_end();
        }
        Ok(())
    }

    fn is_to_reset(&self) -> bool {
        let passed = self.to_server.passed.max(self.to_client.passed);
        self.fault == Fault::Reset && passed >= self.breaks_after
    }

    /// Has the kernel reset both connections when they are dropped, if they are not over anyway.
    fn reset(&self) {
        for stream in [&self.to_server.from, &self.to_client.from] {
            set_socket_linger(stream, Some(Duration::ZERO)).expect("a TCP socket");
        }
    }
}

impl Lane {
    fn wants_read(&self) -> bool {
        !self.has_ended && (self.is_cut || self.queue.len() < QUEUE_BYTES_MAX)
    }

    fn wants_write(&self) -> bool {
        !self.queue.is_empty()
    }

    fn receive(&mut self) -> std::io::Result<()> {
        if !self.wants_read() {
            return Ok(());
        }
        let mut buffer = [0; QUEUE_BYTES_MAX];
        match self.from.read(&mut buffer) {
            Ok(0) => self.has_ended = true,
            Ok(_) if self.is_cut => {}
            Ok(read) => self.queue.extend_from_slice(&buffer[..read]),
            Err(error) => return unless_later(error),
        }
        Ok(())
    }

    fn send(&mut self, bytes_max: usize) -> std::io::Result<()> {
        let bytes_max = bytes_max.min(self.queue.len());
        match self.to.write(&self.queue[..bytes_max]) {
            Ok(sent) => {
                self.queue.drain(..sent);
                self.passed += sent;
                Ok(())
            }
            Err(error) => unless_later(error),
        }
    }

    fn pass_on_end(&mut self) {
        if (self.has_ended || self.is_cut) && self.queue.is_empty() && !self.is_shut {
            self.is_shut = true;
            // The other end may have gone already.
            let _gone = self.to.shutdown(Shutdown::Write);
        }
    }
}

/// Whether it is an error at all.
fn unless_later(error: std::io::Error) -> std::io::Result<()> {
    match error.kind() {
        ErrorKind::WouldBlock | ErrorKind::Interrupted => Ok(()),
        _ => Err(error),
    }
}
