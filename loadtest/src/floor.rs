//! The floor: a server that does nothing but what the kernel needs to be told.
//!
//! One thread, plain epoll, one send for each subscriber and turn, all frames of the turn in one piece, and many sends in
//! one system call where there is io_uring. It speaks
//! just enough of the protocol that the very same clients can use it: so its receivers are as busy as those of a real
//! server, and what it costs is the price of the kernel's way for the same bytes. A receiver that sleeps more
//! would make every send dearer, because the sender pays for the wake-up.

use std::collections::HashMap;
use std::io::{self, ErrorKind, Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::os::fd::OwnedFd;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;

use rustix::event::epoll::{self, CreateFlags, EventData, EventFlags};
use rustix::io::Errno;

use crate::failure::Failure;
use crate::frames::{self, Opcode};
use crate::machine;
use crate::send_ring::{AT_ONCE, SendRing};
use crate::target;

const LISTENER: u64 = u64::MAX;
const READ_BYTES: usize = 256 << 10;
const EVENTS_MAX: usize = 1_024;

const WELCOME: &[u8] = br#"{"t":"welcome","id":"01M7W7FG1995BEJN09TH3ZZT04"}"#;
const SUBSCRIBE: &[u8] = br#"{"t":"sub","c":""#;
const PUBLISH: &[u8] = br#"{"t":"pub","c":""#;
const MSG: &[u8] = br#"{"t":"msg","c":""#;

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
        listener.set_nonblocking(true).map_err(cannot)?;
        let addr = listener.local_addr().map_err(cannot)?;
        let sends = Arc::new(AtomicU64::new(0));
        let mut floor = Turns::new(listener, Arc::clone(&sends)).map_err(cannot)?;
        let run = move || {
            let pinned = cpu.map_or(Ok(()), machine::pin_to);
            let ended = pinned.and_then(|()| floor.turn().map_err(cannot));
            if let Err(failure) = ended {
                // The clients see their connections end, and say so; this is the cause.
                eprintln!("shardcast-loadtest: {failure}");
            }
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

struct Turns {
    epoll: OwnedFd,
    listener: TcpListener,
    peers: Vec<Peer>,
    topics: HashMap<Vec<u8>, Topic>,
    /// Topics with a publication in this turn.
    published: Vec<Vec<u8>>,
    ids: u64,
    sends: Arc<AtomicU64>,
    ring: Option<SendRing>,
}

#[derive(Debug, Default)]
struct Topic {
    subscribers: Vec<usize>,
    batch: Vec<u8>,
}

#[derive(Debug)]
struct Peer {
    socket: TcpStream,
    is_upgraded: bool,
    rest: Vec<u8>,
    /// What the kernel did not take.
    unsent: Vec<u8>,
    /// A send to it is about to go through the ring.
    is_queued: bool,
}

impl Turns {
    fn new(listener: TcpListener, sends: Arc<AtomicU64>) -> io::Result<Self> {
        let epoll = epoll::create(CreateFlags::CLOEXEC)?;
        let token = EventData::new_u64(LISTENER);
        epoll::add(&epoll, &listener, token, EventFlags::IN)?;
        Ok(Self {
            epoll,
            listener,
            peers: Vec::new(),
            topics: HashMap::new(),
            published: Vec::new(),
            ids: 0,
            sends,
            ring: None,
        })
    }

    fn turn(&mut self) -> io::Result<()> {
        // On the thread that uses it. Where the kernel gives none, sends go one by one.
        self.ring = SendRing::new().ok();
        let mut events = Vec::with_capacity(EVENTS_MAX);
        let mut buffer = vec![0; READ_BYTES];
        loop {
            events.clear();
            let room = rustix::buffer::spare_capacity(&mut events);
            match epoll::wait(&self.epoll, room, None) {
                Ok(_) | Err(Errno::INTR) => {}
                Err(error) => return Err(error.into()),
            }
            for event in &events {
                match event.data.u64() {
                    LISTENER => self.accept()?,
                    peer => {
                        let flags = event.flags;
                        if flags.contains(EventFlags::OUT) {
                            self.send(peer as usize, &[])?;
                        }
                        if flags.contains(EventFlags::IN) {
                            self.read(peer as usize, &mut buffer)?;
                        }
                    }
                }
            }
            self.flush()?;
        }
    }

    fn accept(&mut self) -> io::Result<()> {
        loop {
            let socket = match self.listener.accept() {
                Ok((socket, _)) => socket,
                Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(()),
                Err(error) => return Err(error),
            };
            socket.set_nonblocking(true)?;
            socket.set_nodelay(true)?;
            let token = EventData::new_u64(self.peers.len() as u64);
            epoll::add(&self.epoll, &socket, token, EventFlags::IN)?;
            self.peers.push(Peer {
                socket,
                is_upgraded: false,
                rest: Vec::new(),
                unsent: Vec::new(),
                is_queued: false,
            });
        }
    }

    fn read(&mut self, index: usize, buffer: &mut [u8]) -> io::Result<()> {
        let peer = &mut self.peers[index];
        let read = match peer.socket.read(buffer) {
            Ok(0) => return self.lose(index),
            Ok(read) => read,
            Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(()),
            Err(_) => return self.lose(index),
        };
        let mut input = std::mem::take(&mut peer.rest);
        input.extend_from_slice(&buffer[..read]);
        let mut used = 0;
        if !peer.is_upgraded {
            if !input.ends_with(b"\r\n\r\n") {
                self.peers[index].rest = input;
                return Ok(());
            }
            used = input.len();
            peer.is_upgraded = true;
            let mut answer = target::accepting_response().into_bytes();
            frames::write_unmasked(Opcode::Text, WELCOME, &mut answer);
            self.send(index, &answer)?;
        }
        while let Some(frame) = frames::read_masked(&mut input[used..]) {
            let payload = used + frame.start..used + frame.end;
            used += frame.end;
            self.take(index, &input[payload])?;
        }
        input.drain(..used);
        self.peers[index].rest = input;
        Ok(())
    }

    fn take(&mut self, index: usize, message: &[u8]) -> io::Result<()> {
        if let Some(topic) = message.strip_prefix(SUBSCRIBE) {
            let topic = topic.strip_suffix(br#""}"#).unwrap_or(topic);
            let subscribers = &mut self.topics.entry(topic.to_vec()).or_default().subscribers;
            subscribers.push(index);
            let name = String::from_utf8_lossy(topic);
            let answer = format!(r#"{{"t":"ok","c":"{name}"}}"#);
            let mut frame = Vec::new();
            frames::write_unmasked(Opcode::Text, answer.as_bytes(), &mut frame);
            return self.send(index, &frame);
        }
        let Some(rest) = message.strip_prefix(PUBLISH) else {
            return Ok(());
        };
        let name_end = rest.iter().position(|byte| *byte == b'"');
        let name = &rest[..name_end.unwrap_or(0)];
        let Some(topic) = self.topics.get_mut(name) else {
            return Ok(());
        };
        if topic.batch.is_empty() {
            self.published.push(name.to_vec());
        }
        self.ids += 1;
        let mut msg = Vec::with_capacity(message.len() + 40);
        msg.extend_from_slice(MSG);
        msg.extend_from_slice(&rest[..rest.len() - 1]);
        // As long as the ids of real servers.
        write!(msg, r#","i":"{:026}"}}"#, self.ids)?;
        frames::write_unmasked(Opcode::Text, &msg, &mut topic.batch);
        Ok(())
    }

    fn flush(&mut self) -> io::Result<()> {
        let published = std::mem::take(&mut self.published);
        let topics: Vec<Topic> = published
            .iter()
            .map(|name| std::mem::take(self.topics.get_mut(name).expect("topics stay")))
            .collect();
        let mut queue = Vec::with_capacity(AT_ONCE);
        let mut sends = 0;
        for topic in &topics {
            sends += topic.subscribers.len() as u64;
            for index in &topic.subscribers {
                let peer = &mut self.peers[*index];
                if self.ring.is_some() && peer.unsent.is_empty() && !peer.is_queued {
                    peer.is_queued = true;
                    queue.push((*index, topic.batch.as_slice()));
                    if queue.len() == AT_ONCE {
                        self.send_queued(&mut queue)?;
                    }
                    continue;
                }
                if peer.is_queued {
                    self.send_queued(&mut queue)?;
                }
                self.send(*index, &topic.batch)?;
            }
        }
        self.send_queued(&mut queue)?;
        let sends = self.sends.load(Ordering::Relaxed) + sends;
        self.sends.store(sends, Ordering::Relaxed);
        for (name, mut topic) in published.into_iter().zip(topics) {
            topic.batch.clear();
            self.topics.insert(name, topic);
        }
        Ok(())
    }

    /// Sends what is queued through the ring.
    fn send_queued(&mut self, queue: &mut Vec<(usize, &[u8])>) -> io::Result<()> {
        let Some(mut ring) = self.ring.take() else {
            return Ok(());
        };
        let sends = queue
            .iter()
            .map(|(index, bytes)| (&self.peers[*index].socket, *bytes));
        let results = ring.send_all(sends)?;
        for ((index, bytes), result) in queue.drain(..).zip(results) {
            self.peers[index].is_queued = false;
            let sent = match usize::try_from(*result) {
                Ok(sent) => sent,
                Err(_) if -result == Errno::AGAIN.raw_os_error() => 0,
                Err(_) => {
                    self.lose(index)?;
                    continue;
                }
            };
            if sent < bytes.len() {
                // Once more, so that what is left is kept in the one way there is.
                self.send(index, &bytes[sent..])?;
            }
        }
        self.ring = Some(ring);
        Ok(())
    }

    /// Sends `bytes` after what is still unsent.
    fn send(&mut self, index: usize, bytes: &[u8]) -> io::Result<()> {
        let peer = &mut self.peers[index];
        let had_unsent = !peer.unsent.is_empty();
        let sent = if had_unsent {
            peer.unsent.extend_from_slice(bytes);
            peer.socket.write(&peer.unsent)
        } else {
            peer.socket.write(bytes)
        };
        let sent = match sent {
            Ok(sent) => sent,
            Err(error) if error.kind() == ErrorKind::WouldBlock => 0,
            Err(_) => return self.lose(index),
        };
        if had_unsent {
            peer.unsent.drain(..sent);
        } else {
            peer.unsent.extend_from_slice(&bytes[sent..]);
        }
        if had_unsent == peer.unsent.is_empty() {
            let flags = match had_unsent {
                true => EventFlags::IN,
                false => EventFlags::IN | EventFlags::OUT,
            };
            let token = EventData::new_u64(index as u64);
            epoll::modify(&self.epoll, &peer.socket, token, flags)?;
        }
        Ok(())
    }

    fn lose(&mut self, index: usize) -> io::Result<()> {
        // Shut down, not closed: the place of a peer is its number.
        let _ended = self.peers[index].socket.shutdown(std::net::Shutdown::Both);
        self.peers[index].unsent.clear();
        let _gone = epoll::delete(&self.epoll, &self.peers[index].socket);
        Ok(())
    }
}
