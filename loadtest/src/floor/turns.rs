//! What the floor's server does, turn after turn.

use std::collections::HashMap;
use std::convert::Infallible;
use std::io::{self, Write};
use std::net::TcpListener;
use std::os::fd::{AsRawFd, OwnedFd};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use rustix::event::epoll::{self, CreateFlags, EventData, EventFlags};
use rustix::io::Errno;
use rustix::net::{RecvFlags, SendFlags, SocketFlags, sockopt};

use super::send_ring::{AT_ONCE, SendRing};
use crate::frames::{self, Opcode};
use crate::target;

const LISTENER: u64 = u64::MAX;
const READ_BYTES: usize = 256 << 10;
const EVENTS_MAX: usize = 1_024;

const WELCOME: &[u8] = br#"{"t":"welcome","id":"01M7W7FG1995BEJN09TH3ZZT04"}"#;
const SUBSCRIBE: &[u8] = br#"{"t":"sub","c":""#;
const PUBLISH: &[u8] = br#"{"t":"pub","c":""#;
const MSG: &[u8] = br#"{"t":"msg","c":""#;

/// Its clients, and what they are subscribed to.
pub(super) struct Turns {
    epoll: OwnedFd,
    listener: TcpListener,
    /// By the number of their descriptor.
    peers: Vec<Option<Peer>>,
    /// Peers to be closed at the end of the turn: until then nobody else gets their number.
    gone: Vec<usize>,
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
    socket: OwnedFd,
    is_upgraded: bool,
    topics: Vec<Vec<u8>>,
    rest: Vec<u8>,
    /// What the kernel did not take.
    unsent: Vec<u8>,
    /// A send to it is about to go through the ring.
    is_queued: bool,
}

impl Turns {
    /// Nobody yet; `sends` counts.
    ///
    /// # Errors
    ///
    /// When the system gives no epoll.
    pub(super) fn new(listener: TcpListener, sends: Arc<AtomicU64>) -> io::Result<Self> {
        listener.set_nonblocking(true)?;
        // Those that are accepted inherit it.
        sockopt::set_tcp_nodelay(&listener, true)?;
        wait_for_the_first_word(&listener);
        let epoll = epoll::create(CreateFlags::CLOEXEC)?;
        let token = EventData::new_u64(LISTENER);
        epoll::add(&epoll, &listener, token, EventFlags::IN)?;
        Ok(Self {
            epoll,
            listener,
            peers: Vec::new(),
            gone: Vec::new(),
            topics: HashMap::new(),
            published: Vec::new(),
            ids: 0,
            sends,
            ring: None,
        })
    }

    /// Serves, and sends through `ring` if there is one, which is this thread's.
    ///
    /// # Errors
    ///
    /// When the system fails.
    pub(super) fn run(&mut self, ring: Option<SendRing>) -> io::Result<Infallible> {
        self.ring = ring;
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
            self.close();
        }
    }

    fn accept(&mut self) -> io::Result<()> {
        loop {
            let socket = match rustix::net::accept_with(&self.listener, SocketFlags::CLOEXEC) {
                Ok(socket) => socket,
                Err(Errno::AGAIN) => return Ok(()),
                Err(error) => return Err(error.into()),
            };
            let index = socket.as_raw_fd() as usize;
            let token = EventData::new_u64(index as u64);
            epoll::add(&self.epoll, &socket, token, EventFlags::IN)?;
            if index >= self.peers.len() {
                self.peers.resize_with(index + 1, || None);
            }
            self.peers[index] = Some(Peer {
                socket,
                is_upgraded: false,
                topics: Vec::new(),
                rest: Vec::new(),
                unsent: Vec::new(),
                is_queued: false,
            });
        }
    }

    /// # Panics
    ///
    /// When there is none of this number: nobody asks before one is accepted, or after it is closed.
    fn peer(&mut self, index: usize) -> &mut Peer {
        let peer = self.peers[index].as_mut();
        peer.expect("it is not closed before the end of the turn")
    }

    fn read(&mut self, index: usize, buffer: &mut [u8]) -> io::Result<()> {
        let peer = self.peer(index);
        let read = match rustix::net::recv(&peer.socket, &mut *buffer, RecvFlags::DONTWAIT) {
            Ok((_, read)) if read > 0 => read,
            Err(Errno::AGAIN) => return Ok(()),
            _ => {
                self.gone.push(index);
                return Ok(());
            }
        };
        let mut input = std::mem::take(&mut peer.rest);
        input.extend_from_slice(&buffer[..read]);
        let mut used = 0;
        if !peer.is_upgraded {
            if !input.ends_with(b"\r\n\r\n") {
                peer.rest = input;
                return Ok(());
            }
            used = input.len();
            peer.is_upgraded = true;
            let mut answer = target::accepting_response().into_bytes();
            frames::write_unmasked(Opcode::Text, WELCOME, &mut answer);
            self.send(index, &answer)?;
        }
        while let Some((opcode, frame)) = frames::read_masked(&mut input[used..]) {
            let payload = used + frame.start..used + frame.end;
            used += frame.end;
            match opcode {
                Some(Opcode::Close) => self.leave(index, &input[payload])?,
                _ => self.take(index, &input[payload])?,
            }
        }
        input.drain(..used);
        self.peer(index).rest = input;
        Ok(())
    }

    /// Answers a Close frame, in one segment with the FIN; there is nothing behind it.
    fn leave(&mut self, index: usize, payload: &[u8]) -> io::Result<()> {
        let mut frame = Vec::new();
        frames::write_unmasked(Opcode::Close, payload, &mut frame);
        self.send_with(SendFlags::MORE, index, &frame)?;
        self.gone.push(index);
        Ok(())
    }

    fn take(&mut self, index: usize, message: &[u8]) -> io::Result<()> {
        if let Some(topic) = message.strip_prefix(SUBSCRIBE) {
            let topic = topic.strip_suffix(br#""}"#).unwrap_or(topic);
            self.peer(index).topics.push(topic.to_vec());
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
                let has_ring = self.ring.is_some();
                let peer = self.peer(*index);
                if has_ring && peer.unsent.is_empty() && !peer.is_queued {
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
        let sends = queue.iter().map(|(index, bytes)| {
            let peer = self.peers[*index].as_ref();
            (&peer.expect("it was just queued").socket, *bytes)
        });
        let results = ring.send_all(sends)?;
        for ((index, bytes), result) in queue.drain(..).zip(results) {
            self.peer(index).is_queued = false;
            let sent = match usize::try_from(*result) {
                Ok(sent) => sent,
                Err(_) if -result == Errno::AGAIN.raw_os_error() => 0,
                Err(_) => {
                    self.gone.push(index);
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
        self.send_with(SendFlags::empty(), index, bytes)
    }

    fn send_with(&mut self, flags: SendFlags, index: usize, bytes: &[u8]) -> io::Result<()> {
        let flags = flags | SendFlags::DONTWAIT | SendFlags::NOSIGNAL;
        let peer = self.peer(index);
        let had_unsent = !peer.unsent.is_empty();
        let sent = if had_unsent {
            peer.unsent.extend_from_slice(bytes);
            rustix::net::send(&peer.socket, &peer.unsent, flags)
        } else {
            rustix::net::send(&peer.socket, bytes, flags)
        };
        let sent = match sent {
            Ok(sent) => sent,
            Err(Errno::AGAIN) => 0,
            Err(_) => {
                self.gone.push(index);
                return Ok(());
            }
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
            let peer = self.peers[index].as_ref().expect("it was sent to");
            epoll::modify(&self.epoll, &peer.socket, token, flags)?;
        }
        Ok(())
    }

    /// Closes those that have gone.
    fn close(&mut self) {
        for index in self.gone.drain(..) {
            let Some(peer) = self.peers[index].take() else {
                continue;
            };
            for topic in &peer.topics {
                let topic = self.topics.get_mut(topic).expect("topics stay");
                topic.subscribers.retain(|subscriber| *subscriber != index);
            }
        }
    }
}

/// Has the kernel hold a connection back until its client has said something, or for a second: so there is one event
/// for it instead of two.
fn wait_for_the_first_word(listener: &TcpListener) {
    let seconds: libc::c_int = 1;
    #[expect(unsafe_code, reason = "rustix does not have this option")]
    // SAFETY: the kernel reads the bytes of `seconds`, whose length it is told, before the call returns.
    unsafe {
        libc::setsockopt(
            listener.as_raw_fd(),
            libc::IPPROTO_TCP,
            libc::TCP_DEFER_ACCEPT,
            std::ptr::from_ref(&seconds).cast(),
            size_of_val(&seconds) as libc::socklen_t,
        );
    }
}
