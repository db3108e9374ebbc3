//! The loop of a client thread.

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use rustix::event::epoll::{Event, EventFlags};

use super::churning::Churning;
use super::command::Command;
use super::conn::Conn;
use super::poller::{Poller, TIMER, WAKE};
use super::publishing::Publishing;
use super::receiver::Receiver;
use super::returning::Returning;
use super::shared::Shared;
use super::wire::{Ended, Incoming, Scratch};
use crate::checks::Faults;
use crate::descriptors;
use crate::failure::Failure;
use crate::machine;
use crate::plan::Phases;
use crate::recorder::Recorder;

/// Scratch space for reads: a whole burst for one subscriber, so that one read takes it.
const READ_BYTES: usize = 256 << 10;

/// Events taken from the kernel at a time.
const EVENTS_MAX: usize = 1_024;

/// How often latencies are handed over.
const HAND_OVER: Duration = Duration::from_millis(500);

/// One client thread.
#[derive(Debug)]
pub(crate) struct Worker {
    pub(super) shared: Arc<Shared>,
    pub(super) lane: usize,
    pub(super) poller: Poller,
    pub(super) to_join: VecDeque<u32>,
    pub(super) returning: Returning,
    pub(super) conns: Vec<Conn>,
    /// The phases as they hold now, when they have begun.
    pub(super) phases: Option<Phases>,
    /// Commands carried out.
    heard: u64,
    /// Connections begun.
    pub(super) connected: usize,
    pub(super) receiver: Receiver,
    /// Clients that come and go, if any do.
    pub(super) churning: Option<Churning>,
    /// Connections of theirs that have ended, and from when on they may be had again.
    pub(super) freed: Vec<(u64, usize)>,
    /// How connections of clients that had stopped reading have ended.
    pub(super) stopped_ends: Vec<Ended>,
    publishing: Publishing,
    scratch: Scratch,
    handed_over_ns: u64,
    stays_awake: bool,
}

/// What a thread has to say at its end.
#[derive(Debug)]
pub(crate) struct Finished {
    /// What was not right, lost deliveries included.
    pub(crate) faults: Faults,
    /// When clients that had lost their server were ready again.
    pub(crate) returned_ns: Vec<u64>,
    /// How connections of clients that had stopped reading have ended.
    pub(crate) stopped_ends: Vec<Ended>,
    /// How long it took clients that come and go until they were subscribed.
    pub(crate) subscribe_times: Recorder,
}

impl Worker {
    /// Runs the thread of index `lane` to its end, pinned to `cpu` if given.
    ///
    /// # Errors
    ///
    /// When the system gives no poller or descriptor table, or the thread may not run on that core.
    pub(crate) fn run(
        shared: Arc<Shared>,
        lane: usize,
        cpu: Option<usize>,
    ) -> Result<Finished, Failure> {
        if let Some(all) = &shared.own_tables {
            let taken = descriptors::take_own_table();
            all.wait();
            taken?;
        }
        if let Some(cpu) = cpu {
            machine::pin_to(cpu)?;
        }
        let mut worker = Self::new(shared, lane)
            .map_err(|error| Failure::system("cannot set up a client thread", error))?;
        // A core of one's own is there to be used; a shared one must not be taken from the server.
        worker.stays_awake = cpu.is_some();
        worker
            .turn_until_the_end()
            .map_err(|error| Failure::system("a client thread cannot go on", error))?;
        Ok(worker.finish())
    }

    fn new(shared: Arc<Shared>, lane: usize) -> rustix::io::Result<Self> {
        let poller = Poller::new(&shared.lanes[lane].wake)?;
        let clients = 0..shared.topology.clients.len() as u32;
        let to_join: VecDeque<u32> = clients
            .filter(|client| shared.lane_of(*client) == lane)
            .collect();
        let publishers: Vec<(u32, usize)> = to_join
            .iter()
            .enumerate()
            .filter_map(|(conn, client)| {
                let client = shared.topology.clients[*client as usize];
                Some((client.publisher?, conn))
            })
            .collect();
        Ok(Self {
            receiver: Receiver::new(Arc::clone(&shared), lane),
            publishing: Publishing::new(Arc::clone(&shared), &publishers),
            lane,
            poller,
            conns: Vec::with_capacity(to_join.len()),
            returning: Returning::new(shared.plan.return_within, lane),
            to_join,
            phases: None,
            heard: 0,
            connected: 0,
            churning: None,
            freed: Vec::new(),
            stopped_ends: Vec::new(),
            scratch: Scratch::new(READ_BYTES),
            handed_over_ns: 0,
            stays_awake: false,
            shared,
        })
    }

    fn turn_until_the_end(&mut self) -> rustix::io::Result<()> {
        let mut events = Vec::with_capacity(EVENTS_MAX);
        while !self.shared.is_ending() {
            self.hear()?;
            self.join_more();
            self.return_some();
            self.publish()?;
            self.churn()?;
            self.set_timer()?;
            self.show();
            events.clear();
            self.wait(&mut events)?;
            for event in &events {
                self.handle(*event)?;
            }
        }
        Ok(())
    }

    /// Waits for events, asleep or awake.
    ///
    /// On one machine the wake-up of a receiver that sleeps is paid by the sender: 2 to 3 us of the server's core for
    /// each delivery, that no server pays for clients elsewhere. So a thread stays awake while deliveries
    /// are on their way, and asks again and again.
    fn wait(&mut self, events: &mut Vec<Event>) -> rustix::io::Result<()> {
        let is_expecting = self.shared.is_outstanding() || self.shared.plan.reopens;
        let is_awake = self.stays_awake && is_expecting;
        let begun_ns = self.shared.clock.now_ns();
        let came = self.poller.wait(events, is_awake)?;
        // Asking in vain is idling, too.
        if came == 0 || !is_awake {
            self.receiver.counts.idle_ns += self.shared.clock.now_ns() - begun_ns;
        }
        Ok(())
    }

    fn handle(&mut self, event: Event) -> rustix::io::Result<()> {
        let Event { flags, data } = event;
        match data.u64() {
            token @ (WAKE | TIMER) => {
                let descriptor = match token {
                    WAKE => &self.shared.lanes[self.lane].wake,
                    _ => self.poller.timer(),
                };
                // What is read is only how often; it is empty when the timer was set anew since.
                let _times = rustix::io::read(descriptor, &mut [0; 8][..]);
            }
            conn => {
                let index = conn as usize;
                if flags.contains(EventFlags::OUT) {
                    self.flush(index)?;
                }
                if flags.intersects(EventFlags::IN | EventFlags::HUP | EventFlags::ERR) {
                    self.read(index)?;
                }
            }
        }
        Ok(())
    }

    fn read(&mut self, index: usize) -> rustix::io::Result<()> {
        let Conn { wire, seat, .. } = &mut self.conns[index];
        let Some(open) = wire else {
            return Ok(());
        };
        let receiver = &mut self.receiver;
        // One reading of the clock for all that one read brings: it arrived together.
        let now_ns = self.shared.clock.now_ns();
        let sink = |incoming: Incoming<'_>, out: &mut _| receiver.take(seat, incoming, out, now_ns);
        match open.read(&self.shared.target, &mut self.scratch, sink) {
            Ok(bytes) => {
                receiver.counts.bytes += bytes as u64;
                receiver.counts.inflated = self.scratch.inflating.counts;
            }
            Err(ended) => {
                self.lose(index, ended);
                return Ok(());
            }
        }
        if open.wants_flush() {
            self.flush(index)?;
        }
        Ok(())
    }

    pub(super) fn flush(&mut self, index: usize) -> rustix::io::Result<()> {
        let conn = &mut self.conns[index];
        let Some(wire) = &mut conn.wire else {
            return Ok(());
        };
        let is_done = match wire.flush(&mut self.receiver.counts.sent_bytes) {
            Ok(is_done) => is_done,
            Err(error) => {
                self.note_refused(&error);
                self.lose(index, format!("connection lost: {error}"));
                return Ok(());
            }
        };
        if conn.watches_room == is_done {
            conn.watches_room = !is_done;
            self.poller.watch_room(wire, index, !is_done)?;
        }
        if is_done && let Some(publisher) = conn.seat.client.publisher {
            self.publishing.has_room(publisher);
        }
        Ok(())
    }

    /// Does what the main thread has asked for since the last turn.
    fn hear(&mut self) -> rustix::io::Result<()> {
        let told = self.shared.commands.told();
        if told == self.heard {
            return Ok(());
        }
        match self.shared.commands.latest() {
            Some(Command::Begin(phases)) => {
                self.publishing.begin(&phases);
                self.begin_to_churn(&phases);
                self.plan_by(phases);
            }
            Some(Command::EndBy(at_ns)) => {
                if let Some(phases) = self.phases {
                    self.plan_by(phases.ending_by(at_ns));
                }
            }
            Some(Command::HandOver) => self.hand_over(),
            Some(Command::StopReading) => self.stop_reading()?,
            Some(Command::ReadAgain) => self.read_again()?,
            None => {}
        }
        self.heard = told;
        // What the command has changed is shown before it is said to be done.
        self.shared.lanes[self.lane].show(&self.receiver.counts);
        self.shared.lanes[self.lane]
            .heard
            .store(told, Ordering::Release);
        Ok(())
    }

    fn plan_by(&mut self, phases: Phases) {
        self.receiver.counts.owed = self.publishing.owed(&phases);
        self.receiver.phases = Some(phases);
        self.phases = Some(phases);
    }

    fn publish(&mut self) -> rustix::io::Result<()> {
        let Some(phases) = self.phases else {
            return Ok(());
        };
        self.exchange_landed();
        let now_ns = self.shared.clock.now_ns();
        let mut written = Vec::new();
        self.publishing.run(
            &phases,
            now_ns,
            &mut self.conns,
            &mut self.receiver.counts,
            |conn| written.push(conn),
        );
        if !written.is_empty() {
            // The others must know what to expect before it can arrive.
            self.shared.lanes[self.lane].show(&self.receiver.counts);
        }
        for conn in written {
            self.flush(conn)?;
        }
        Ok(())
    }

    /// Hands landed publications to their publishers, here and on other threads.
    fn exchange_landed(&mut self) {
        let lanes = &self.shared.lanes;
        for landed in self.receiver.landed.drain(..) {
            let client = self.shared.flights.client_of(landed);
            let lane = self.shared.lane_of(client);
            if lane == self.lane {
                self.publishing.land(landed);
            } else {
                let mut list = lanes[lane].lock_landed();
                list.push(landed);
                // The first one wakes the thread; it takes the others along.
                if list.len() == 1 {
                    lanes[lane].wake_up();
                }
            }
        }
        if lanes.len() > 1 {
            let list = std::mem::take(&mut *lanes[self.lane].lock_landed());
            for landed in list {
                self.publishing.land(landed);
            }
        }
    }

    /// Sets the timer to the next instant at which there is something to do that no event announces.
    fn set_timer(&mut self) -> rustix::io::Result<()> {
        let now_ns = self.shared.clock.now_ns();
        let publication = self
            .phases
            .and_then(|phases| self.publishing.next_instant_ns(&phases, now_ns));
        let churning = self.churning.as_ref();
        let visit = churning.and_then(|churning| churning.next_instant_ns(now_ns));
        let instants = [publication, visit, self.returning.next_instant_ns()];
        match instants.into_iter().flatten().min() {
            Some(at_ns) => self.poller.set_timer(at_ns, now_ns),
            None => Ok(()),
        }
    }

    fn show(&mut self) {
        self.shared.lanes[self.lane].show(&self.receiver.counts);
        let now_ns = self.shared.clock.now_ns();
        if now_ns - self.handed_over_ns > HAND_OVER.as_nanos() as u64 {
            self.handed_over_ns = now_ns;
            self.hand_over();
        }
    }

    fn hand_over(&mut self) {
        let mut latencies = self.shared.lanes[self.lane].lock_latencies();
        self.receiver.recorder.drain_into(&mut latencies);
    }

    fn finish(mut self) -> Finished {
        self.hand_over();
        self.miss_visitors();
        let lost: u64 = self.conns.iter().map(|conn| self.receiver.lost(conn)).sum();
        let mut faults = std::mem::take(&mut self.receiver.faults);
        faults.lost += lost;
        for wire in self.conns.iter_mut().filter_map(|conn| conn.wire.as_mut()) {
            wire.say_goodbye(&mut self.receiver.counts.sent_bytes);
        }
        // What came and went since the last turn.
        self.shared.lanes[self.lane].show(&self.receiver.counts);
        Finished {
            faults,
            returned_ns: self.receiver.returned_ns,
            stopped_ends: self.stopped_ends,
            subscribe_times: self.receiver.subscribe_times,
        }
    }
}
