//! A shard's thread at work: bytes go from its sockets to its engine and back.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::answers::ToControl;
use super::control::Health;
use super::histogram::Histogram;
use super::process::accept_fix;
use crate::base::ids::ShardId;
use crate::base::io::{Flow, SendOutcome, SocketOp};
use crate::base::limits::{LETTERS_PER_TURN, SENDS_AT_ONCE};
use crate::base::slab::Key;
use crate::base::time::{Clock, Now};
use crate::engine::drain::DrainPhase;
use crate::engine::flush::Sink;
use crate::engine::mailbox::Inbox;
use crate::engine::shard::Shard;
use crate::runtime::{Driver, Handler, ReadEnd, Sockets, StartError, Turn, Waker};

/// What a shard does on its own thread, between its turns, for somebody else.
pub(super) type Act = Box<dyn FnOnce(&mut Worker, Now) + Send>;

/// What the control thread tells a shard.
pub(super) enum Command {
    /// Enter this phase of the drain, and report when it is done.
    Drain(DrainPhase),
    /// The drain is over, on all shards: end.
    Exit,
    /// Do this; an answer goes back by a channel of its own.
    Invoke(Act),
}

/// What a shard tells the control thread.
#[derive(Debug)]
pub(super) enum Report {
    /// It serves.
    Started(ShardId, Driver),
    /// It could not start.
    Failed(ShardId, StartError),
    /// It has finished a phase of the drain.
    Drained(DrainPhase),
}

/// One shard's engine between its sockets and its mailbox.
pub(super) struct Worker {
    pub(super) id: ShardId,
    pub(super) shard: Shard,
    pub(super) inbox: Inbox<Command>,
    pub(super) clock: Clock,
    /// The wakers of all shards, by number.
    pub(super) wakers: Arc<[Waker]>,
    pub(super) to_control: ToControl,
    /// The time of this turn, read at its first event.
    pub(super) now: Option<Now>,
    pub(super) exiting: bool,
    /// Whether the system gives no sockets at present.
    pub(super) starved: bool,
    pub(super) health: Arc<Health>,
    /// Sends of each flush that sent anything, and its time.
    pub(super) flush_sends: Histogram,
    pub(super) flush_micros: Histogram,
}

impl Worker {
    pub(super) fn new(
        id: ShardId,
        shard: Shard,
        inbox: Inbox<Command>,
        clock: Clock,
        wakers: Arc<[Waker]>,
        to_control: ToControl,
        health: Arc<Health>,
    ) -> Self {
        Self {
            id,
            shard,
            inbox,
            clock,
            wakers,
            to_control,
            now: None,
            exiting: false,
            starved: false,
            health,
            flush_sends: Histogram::default(),
            flush_micros: Histogram::default(),
        }
    }
}

/// The engine's way to the sockets.
struct SocketSink<'a>(&'a Sockets);

impl Sink for SocketSink<'_> {
    fn send(&mut self, conn: Key, bytes: &[u8]) -> SendOutcome {
        self.0.send(conn, bytes)
    }

    fn send_last(&mut self, conn: Key, bytes: &[u8]) -> SendOutcome {
        self.0.send_last(conn, bytes)
    }

    fn send_all<'a>(
        &mut self,
        sends: impl ExactSizeIterator<Item = (Key, &'a [u8])>,
        outcomes: &mut Vec<SendOutcome>,
    ) {
        self.0.send_all(sends, outcomes);
    }
}

impl Handler for Worker {
    fn accepted(&mut self, peer: SocketAddr) -> Option<Key> {
        let now = self.now();
        self.shard.handle_accepted(now, peer.ip())
    }

    fn received(&mut self, sockets: &Sockets, conn: Key, bytes: &mut [u8]) -> Flow {
        let now = self.now();
        let flow = self.shard.handle_bytes(now, conn, bytes);
        if self.flush_much(now, sockets) {
            // It may have been closed by that, and then it is read on.
            return self.shard.flow(conn);
        }
        flow
    }

    fn ended(&mut self, conn: Key, end: ReadEnd) {
        let now = self.now();
        self.shard.handle_end(now, conn, end == ReadEnd::Failed);
    }

    fn writable(&mut self, conn: Key) {
        self.shard.handle_writable(conn);
    }

    fn released(&mut self, conn: Key) {
        self.shard.handle_released(conn);
    }

    fn accept_failed(&mut self, error: &io::Error) {
        self.health.count_starved();
        // Once, however many attempts it takes: the metric tells how many.
        if !std::mem::replace(&mut self.starved, true) {
            tracing::warn!(
                shard = self.id.0,
                "cannot accept connections: {error}; {}; trying again, those who are in are served \
                 meanwhile",
                accept_fix(error)
            );
        }
    }

    fn accept_recovered(&mut self) {
        self.starved = false;
        tracing::info!(shard = self.id.0, "accepts connections again");
    }

    fn turn(&mut self, sockets: &Sockets) -> Turn {
        let now = self.now();
        self.health.beat(self.id, now.monotonic_ms);
        self.take_commands(now, sockets);
        let more_letters = self.take_letters(now, sockets);
        self.shard.handle_tick(now);
        if self.shard.has_stalled() {
            self.shard.retry_stalled(now);
        }
        self.ask(now);
        let flushed = self.flush(now, sockets);
        self.wake_others();
        self.report_drained();
        self.now = None;
        if self.exiting {
            Turn::Exit
        } else if more_letters || !flushed {
            Turn::Again
        } else {
            let due_ms = self.shard.flush_due_ms();
            let pause_ms = due_ms.map(|due_ms| due_ms.saturating_sub(now.monotonic_ms));
            Turn::Idle(pause_ms.map(Duration::from_millis))
        }
    }

    fn has_mail(&self) -> bool {
        !self.inbox.is_empty()
    }
}

impl Worker {
    fn now(&mut self) -> Now {
        *self.now.get_or_insert_with(|| self.clock.now())
    }

    pub(super) fn take_commands(&mut self, now: Now, sockets: &Sockets) {
        while let Ok(command) = self.inbox.take_command() {
            match command {
                Command::Drain(phase) => {
                    if phase == DrainPhase::Quiesce {
                        sockets.stop_accepting();
                    }
                    self.shard.handle_drain(now, phase);
                }
                Command::Exit => self.exiting = true,
                Command::Invoke(act) => act(self, now),
            }
            self.flush_much(now, sockets);
        }
    }

    /// Takes letters, within a bound; whether there are more.
    fn take_letters(&mut self, now: Now, sockets: &Sockets) -> bool {
        for _ in 0..LETTERS_PER_TURN {
            let Some(letter) = self.inbox.take_publication() else {
                return false;
            };
            self.shard.handle_publication(&letter);
            self.flush_much(now, sockets);
        }
        true
    }

    /// Passes questions and what happened on to the control thread.
    fn ask(&mut self, now: Now) {
        while let Some(happening) = self.shard.poll_happening() {
            // If the control thread is gone, so is the process.
            let _gone = self.to_control.happenings.send(happening);
        }
        while let Some(asked) = self.shard.poll_asked() {
            // Where there is no room, nobody can tell.
            if let Err(asked) = self.to_control.questions.put(asked) {
                self.shard.handle_unanswered(now, &asked);
            }
        }
    }

    /// Does not wait for the turn's end where much has gathered; whether it did.
    fn flush_much(&mut self, now: Now, sockets: &Sockets) -> bool {
        let is_much = self.shard.wants_flush();
        if is_much {
            self.flush(now, sockets);
        }
        is_much
    }

    fn flush(&mut self, now: Now, sockets: &Sockets) -> bool {
        let (sends, start) = (self.shard.stats().sends, Instant::now());
        let flushed = self
            .shard
            .flush(now, &mut SocketSink(sockets), SENDS_AT_ONCE);
        let sends = self.shard.stats().sends - sends;
        if sends > 0 {
            let micros = start.elapsed().as_micros();
            self.flush_micros
                .record(u64::try_from(micros).unwrap_or(u64::MAX));
            self.flush_sends.record(sends);
        }
        while let Some((conn, op)) = self.shard.poll_socket_op() {
            match op {
                SocketOp::Resume => sockets.resume(conn),
                SocketOp::WatchWritable => sockets.watch_writable(conn),
                SocketOp::ShutdownWrite => sockets.shutdown_write(conn),
                SocketOp::Close => sockets.close(conn),
                SocketOp::Reset => sockets.reset(conn),
            }
        }
        flushed
    }

    fn wake_others(&mut self) {
        let posted = self.shard.take_posted();
        let waiting = self.inbox.take_waiting();
        for shard in posted.into_iter().chain(waiting) {
            self.wakers[shard.index()].wake();
        }
    }

    fn report_drained(&mut self) {
        if let Some(phase) = self.shard.poll_drained(self.inbox.is_empty()) {
            // The lane has room for every report of every shard; if the control thread is gone, so
            // is the process.
            let _gone = self.to_control.reports.try_send(Report::Drained(phase));
        }
    }
}
