//! A shard on its own thread, whose handler echoes and tells the test all that happens to it.

use std::collections::VecDeque;
use std::io::{self, Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::Duration;

use shardcast::base::io::{Flow, SendOutcome};
use shardcast::base::limits::RECVS_PER_TURN;
use shardcast::base::slab::{Key, Slab};
use shardcast::runtime::{
    Driver, DriverChoice, Handler, ReadEnd, ShardSetup, SharedAddress, Sockets, StartError, Turn,
    Waker, run_shard,
};

/// After this a test has failed.
pub(crate) const DEADLINE: Duration = Duration::from_secs(60);

pub(crate) const ANY_PORT: SocketAddr =
    SocketAddr::new(std::net::IpAddr::V4(Ipv4Addr::LOCALHOST), 0);

/// Runs `test` under epoll, and under io_uring unless this machine forbids it.
pub(crate) fn on_each_driver(test: impl Fn(DriverChoice)) {
    test(DriverChoice::Epoll);
    if has_uring() {
        test(DriverChoice::Uring);
    } else {
        eprintln!("io_uring is not available here: tested under epoll only");
    }
}

pub(crate) fn has_uring() -> bool {
    match Server::try_start(DriverChoice::Uring, address()) {
        Ok(_) => true,
        Err(StartError::Uring(_)) => false,
        Err(error) => panic!("{error}"),
    }
}

/// A free port for one shard.
pub(crate) fn address() -> Arc<SharedAddress> {
    Arc::new(SharedAddress::new(ANY_PORT, 1, None))
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Event {
    Accepted(Key),
    Received(Key, Vec<u8>),
    Ended(Key, ReadEnd),
    Writable(Key),
    Released(Key),
    AcceptFailed(io::ErrorKind),
    AcceptRecovered,
}

/// What the test has the handler do in its next turn.
type Letter = Box<dyn FnOnce(&mut Probe, &Sockets) + Send>;

#[derive(Default)]
struct Shared {
    letters: Mutex<VecDeque<Letter>>,
    turns: AtomicU64,
}

/// The handler: unless told otherwise, it echoes.
pub(crate) struct Probe {
    pub(crate) conns: Slab<Conn>,
    /// Send back what is received.
    pub(crate) echo: bool,
    /// Accept connections at all.
    pub(crate) welcome: bool,
    /// What to answer to received bytes.
    pub(crate) flow: Flow,
    /// What to answer after a turn.
    pub(crate) turn: Turn,
    events: Sender<Event>,
    shared: Arc<Shared>,
}

#[derive(Default)]
pub(crate) struct Conn {
    unsent: Vec<u8>,
    blocked: bool,
    eof: bool,
    /// The last turn before bytes came, and how often they came since.
    received: (u64, usize),
}

impl Probe {
    fn tell(&self, event: Event) {
        // The test may have seen enough.
        let _ = self.events.send(event);
    }

    fn flush(&mut self, conn: Key, sockets: &Sockets) {
        let state = self.conns.get_mut(conn).unwrap();
        while !state.blocked && !state.unsent.is_empty() {
            match sockets.send(conn, &state.unsent) {
                SendOutcome::Sent(sent) => drop(state.unsent.drain(..sent)),
                SendOutcome::Blocked => {
                    state.blocked = true;
                    sockets.watch_writable(conn);
                }
                SendOutcome::Failed => return sockets.close(conn),
            }
        }
        if state.eof && state.unsent.is_empty() {
            sockets.close(conn);
        }
    }
}

impl Handler for Probe {
    fn accepted(&mut self, _peer: SocketAddr) -> Option<Key> {
        if !self.welcome {
            return None;
        }
        let conn = self.conns.insert_with(|_| Conn::default());
        self.tell(Event::Accepted(conn));
        Some(conn)
    }

    fn received(&mut self, _sockets: &Sockets, conn: Key, bytes: &mut [u8]) -> Flow {
        self.tell(Event::Received(conn, bytes.to_vec()));
        let turn = self.shared.turns.load(Ordering::Relaxed);
        let state = self.conns.get_mut(conn).unwrap();
        if state.received.0 != turn {
            state.received = (turn, 0);
        }
        state.received.1 += 1;
        assert!(state.received.1 <= RECVS_PER_TURN, "the others wait");
        if self.echo {
            state.unsent.extend_from_slice(bytes);
        }
        self.flow
    }

    fn ended(&mut self, conn: Key, end: ReadEnd) {
        self.tell(Event::Ended(conn, end));
        self.conns.get_mut(conn).unwrap().eof = true;
    }

    fn writable(&mut self, conn: Key) {
        self.tell(Event::Writable(conn));
        self.conns.get_mut(conn).unwrap().blocked = false;
    }

    fn released(&mut self, conn: Key) {
        self.conns.remove(conn).expect("released only once");
        self.tell(Event::Released(conn));
    }

    fn accept_failed(&mut self, error: &io::Error) {
        self.tell(Event::AcceptFailed(error.kind()));
    }

    fn accept_recovered(&mut self) {
        self.tell(Event::AcceptRecovered);
    }

    fn turn(&mut self, sockets: &Sockets) -> Turn {
        self.shared.turns.fetch_add(1, Ordering::Relaxed);
        // One letter a turn: whether the shard sees to the rest is what is tested.
        let letter = self.shared.letters.lock().unwrap().pop_front();
        if let Some(letter) = letter {
            letter(self, sockets);
        }
        if self.echo {
            for conn in self.conns.keys().collect::<Vec<_>>() {
                self.flush(conn, sockets);
            }
        }
        self.turn
    }

    fn has_mail(&self) -> bool {
        !self.shared.letters.lock().unwrap().is_empty()
    }
}

/// A running shard, as the test sees it.
pub(crate) struct Server {
    pub(crate) addr: SocketAddr,
    pub(crate) driver: Driver,
    pub(crate) events: Receiver<Event>,
    waker: Waker,
    shared: Arc<Shared>,
    thread: Option<JoinHandle<()>>,
}

impl Server {
    pub(crate) fn start(driver: DriverChoice) -> Self {
        Self::try_start(driver, address()).unwrap()
    }

    pub(crate) fn try_start(
        driver: DriverChoice,
        address: Arc<SharedAddress>,
    ) -> Result<Self, StartError> {
        Self::start_on(driver, address, None)
    }

    pub(crate) fn start_on(
        driver: DriverChoice,
        address: Arc<SharedAddress>,
        cpu: Option<usize>,
    ) -> Result<Self, StartError> {
        let waker = Waker::new().unwrap();
        let shared = Arc::new(Shared::default());
        let (tell, events) = channel();
        let (tell_started, started) = channel();
        let setup = ShardSetup {
            driver,
            cpu,
            address: Arc::clone(&address),
            has_own_descriptors: false,
            waker: waker.clone(),
        };
        let shared_with_probe = Arc::clone(&shared);
        let thread = std::thread::spawn(move || {
            let probe = Probe {
                conns: Slab::default(),
                echo: true,
                welcome: true,
                flow: Flow::Read,
                turn: Turn::Idle(None),
                events: tell,
                shared: shared_with_probe,
            };
            let tell_driver = |driver| tell_started.send(Ok(driver)).unwrap();
            if let Err(error) = run_shard(setup, probe, tell_driver) {
                tell_started.send(Err(error)).unwrap();
            }
        });
        let driver = started.recv().unwrap()?;
        Ok(Self {
            addr: address.bound().unwrap(),
            driver,
            waker,
            events,
            shared,
            thread: Some(thread),
        })
    }

    pub(crate) fn connect(&self) -> TcpStream {
        let stream = TcpStream::connect(self.addr).unwrap();
        stream.set_read_timeout(Some(DEADLINE)).unwrap();
        stream.set_write_timeout(Some(DEADLINE)).unwrap();
        stream
    }

    /// Connects, and waits until the shard knows it: that takes a second, because it says nothing.
    pub(crate) fn connect_known(&self) -> (TcpStream, Key) {
        (self.connect(), self.next_accepted())
    }

    /// Connects, says something and gets it back: that takes no second.
    pub(crate) fn connect_heard(&self) -> (TcpStream, Key) {
        let mut stream = self.connect();
        stream.write_all(b"?").unwrap();
        stream.read_exact(&mut [0]).unwrap();
        (stream, self.next_accepted())
    }

    fn next_accepted(&self) -> Key {
        loop {
            if let Event::Accepted(conn) = self.next_event() {
                return conn;
            }
        }
    }

    /// Sends a letter without waiting.
    pub(crate) fn post(&self, letter: impl FnOnce(&mut Probe, &Sockets) + Send + 'static) {
        self.poster().post(letter);
    }

    /// What another thread posts with.
    pub(crate) fn poster(&self) -> Poster {
        Poster {
            shared: Arc::clone(&self.shared),
            waker: self.waker.clone(),
        }
    }

    /// Sends a letter and waits for its answer.
    pub(crate) fn ask<T: Send + 'static>(
        &self,
        letter: impl FnOnce(&mut Probe, &Sockets) -> T + Send + 'static,
    ) -> T {
        let (tell, answer) = channel();
        self.post(move |probe, sockets| tell.send(letter(probe, sockets)).unwrap());
        answer.recv_timeout(DEADLINE).expect("the shard answers")
    }

    pub(crate) fn next_event(&self) -> Event {
        self.events
            .recv_timeout(DEADLINE)
            .expect("something happens")
    }

    /// Waits for `event`, skipping what comes before.
    pub(crate) fn wait_for(&self, event: &Event) {
        while self.next_event() != *event {}
    }

    pub(crate) fn turns(&self) -> u64 {
        self.shared.turns.load(Ordering::Relaxed)
    }

    /// Ends the shard and returns the events that nobody has looked at.
    pub(crate) fn stop(mut self) -> Vec<Event> {
        self.exit();
        self.events.try_iter().collect()
    }

    fn exit(&mut self) {
        if let Some(thread) = self.thread.take() {
            self.post(|probe, _| probe.turn = Turn::Exit);
            let ended = thread.join();
            if !std::thread::panicking() {
                ended.expect("the shard does not panic");
            }
        }
    }
}

/// The shard's mailbox.
pub(crate) struct Poster {
    shared: Arc<Shared>,
    waker: Waker,
}

impl Poster {
    pub(crate) fn post(&self, letter: impl FnOnce(&mut Probe, &Sockets) + Send + 'static) {
        let mut letters = self.shared.letters.lock().unwrap();
        letters.push_back(Box::new(letter));
        drop(letters);
        self.waker.wake();
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.exit();
    }
}

/// Bytes that differ from their neighbours, so that loss and disorder show.
pub(crate) fn pattern(len: usize) -> Vec<u8> {
    (0..len).map(|index| (index % 251) as u8).collect()
}

/// Runs `test` in a process of its own, by having this binary run the test of that name again.
pub(crate) fn in_child_process(name: &str, test: impl FnOnce()) {
    const MARK: &str = "SHARDCAST_TEST_CHILD";
    if std::env::var_os(MARK).is_some() {
        return test();
    }
    let output = std::process::Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "--nocapture", "--test-threads=1", name])
        .env(MARK, "1")
        .output()
        .unwrap();
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(
        text.contains("1 passed"),
        "{text}{}",
        String::from_utf8_lossy(&output.stderr)
    );
}
