//! The publishers of a thread: who may write how much now.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use super::conn::Conn;
use super::counts::Counts;
use super::flights::Landed;
use super::shared::Shared;
use super::wire::Out;
use crate::body::Stamp;
use crate::plan::{Pace, Phases, Schedule};

/// The publishing half of a thread.
#[derive(Debug)]
pub(super) struct Publishing {
    shared: Arc<Shared>,
    publishers: Vec<Publisher>,
    /// For each publisher of the run, its index in `publishers`.
    local: Vec<Option<u32>>,
    /// Publishers that may be able to write.
    awake: Vec<u32>,
    clockwork: Option<Clockwork>,
    message: Vec<u8>,
}

#[derive(Debug)]
struct Publisher {
    id: u32,
    conn: usize,
    is_awake: bool,
    /// The number of its next publication.
    next: u64,
    /// Closed loop: the publications in flight, and the slots they have.
    in_flight: u32,
    slots: Vec<bool>,
    /// Open loop: slots of the schedule that are due, and written.
    rounds_due: u64,
    rounds_written: u64,
}

/// Walks through the schedule of an open loop.
#[derive(Debug)]
struct Clockwork {
    schedule: Schedule,
    /// The next slot that becomes due: a round, and an index among this thread's publishers.
    round: u64,
    index: usize,
}

impl Publishing {
    /// For publishers that each have a connection of this thread: publisher and index of connection.
    pub(super) fn new(shared: Arc<Shared>, publishers: &[(u32, usize)]) -> Self {
        let mut local = vec![None; shared.topology.publishers.len()];
        for (index, (publisher, _)) in (0..).zip(publishers) {
            local[*publisher as usize] = Some(index);
        }
        let slots = shared.flights.slots();
        let publishers = publishers.iter().map(|&(id, conn)| Publisher {
            id,
            conn,
            is_awake: true,
            next: 0,
            in_flight: 0,
            slots: vec![false; slots],
            rounds_due: 0,
            rounds_written: 0,
        });
        let publishers: Vec<Publisher> = publishers.collect();
        Self {
            awake: (0..publishers.len() as u32).collect(),
            publishers,
            local,
            clockwork: None,
            message: Vec::new(),
            shared,
        }
    }

    /// Prepares the schedule of a stretch of load. All that was planned before is written.
    pub(super) fn begin(&mut self, phases: &Phases) {
        for index in 0..self.publishers.len() as u32 {
            let publisher = &mut self.publishers[index as usize];
            (publisher.rounds_due, publisher.rounds_written) = (0, 0);
            self.wake(index);
        }
        let Pace::Open { rate } = phases.pace else {
            return;
        };
        let burst = self.shared.plan.burst;
        let publishers = self.shared.topology.publishers.len() as u32;
        self.clockwork = Some(Clockwork {
            schedule: Schedule::new(rate, burst, publishers, phases.start_ns),
            round: 0,
            index: 0,
        });
    }

    /// How many publications the schedule still has for this thread.
    pub(super) fn owed(&self, phases: &Phases) -> u64 {
        let Some(Clockwork { schedule, .. }) = &self.clockwork else {
            return 0;
        };
        let rounds = self.publishers.iter().map(|publisher| {
            let planned = schedule.rounds_before(publisher.id, phases.window_end_ns);
            // What is due is written, even if the end was moved to before it.
            planned.max(publisher.rounds_due) - publisher.rounds_written
        });
        rounds.sum::<u64>() * u64::from(self.shared.plan.burst)
    }

    /// The instant at which there is something to do that no event announces.
    pub(super) fn next_instant_ns(&self, phases: &Phases, now_ns: u64) -> Option<u64> {
        if self.publishers.is_empty() {
            return None;
        }
        let next = match &self.clockwork {
            Some(clockwork) => clockwork.next_ns(&self.publishers)?,
            None => phases.start_ns,
        };
        (next > now_ns && next < phases.window_end_ns).then_some(next)
    }

    /// Frees the place of a publication that landed.
    pub(super) fn land(&mut self, landed: Landed) {
        let Some(index) = self.local[landed.publisher as usize] else {
            return;
        };
        let publisher = &mut self.publishers[index as usize];
        let slot = landed.number as usize & (publisher.slots.len() - 1);
        publisher.slots[slot] = false;
        publisher.in_flight -= 1;
        self.wake(index);
    }

    /// Notes that a publisher's connection has room again.
    pub(super) fn has_room(&mut self, publisher: u32) {
        if let Some(index) = self.local[publisher as usize] {
            self.wake(index);
        }
    }

    /// Queues everything that may be written now; `written` is told each connection that got something.
    pub(super) fn run(
        &mut self,
        phases: &Phases,
        now_ns: u64,
        conns: &mut [Conn],
        counts: &mut Counts,
        mut written: impl FnMut(usize),
    ) {
        if now_ns < phases.start_ns {
            return;
        }
        self.wake_due(phases, now_ns);
        let is_over = now_ns >= phases.window_end_ns;
        for index in std::mem::take(&mut self.awake) {
            let publisher = &mut self.publishers[index as usize];
            publisher.is_awake = false;
            let Some(wire) = &mut conns[publisher.conn].wire else {
                continue;
            };
            let before = publisher.next;
            while let Some(planned_ns) =
                self.next_burst(index as usize, phases.pace, now_ns, is_over)
            {
                if wire.out.is_full() {
                    break;
                }
                self.write_burst(index as usize, planned_ns, &mut wire.out, counts);
            }
            if self.publishers[index as usize].next > before {
                written(self.publishers[index as usize].conn);
            }
        }
    }

    /// The planned instant of the burst that a publisher may write now.
    fn next_burst(&self, index: usize, pace: Pace, now_ns: u64, is_over: bool) -> Option<u64> {
        let publisher = &self.publishers[index];
        let burst = self.shared.plan.burst;
        match pace {
            Pace::Silent => None,
            // Planned is planned: what is due is written even when the end has come.
            Pace::Open { .. } => {
                let schedule = &self.clockwork.as_ref()?.schedule;
                let is_due = publisher.rounds_written < publisher.rounds_due;
                is_due.then(|| schedule.instant_ns(publisher.id, publisher.rounds_written))
            }
            Pace::Closed { window } => {
                let is_open = !is_over && publisher.in_flight + burst <= window;
                let mask = publisher.slots.len() as u64 - 1;
                let mut numbers = publisher.next..publisher.next + u64::from(burst);
                let is_free = |number| !publisher.slots[(number & mask) as usize];
                (is_open && numbers.all(is_free)).then_some(now_ns)
            }
        }
    }

    fn write_burst(&mut self, index: usize, planned_ns: u64, out: &mut Out, counts: &mut Counts) {
        let shared = &self.shared;
        let publisher = &mut self.publishers[index];
        let duty = &shared.topology.publishers[publisher.id as usize];
        let burst = shared.plan.burst;
        for _ in 0..burst {
            let stamp = Stamp {
                publisher: publisher.id,
                number: publisher.next,
                planned_ns,
            };
            let topic = duty.topic_of(stamp.number);
            if !publisher.slots.is_empty() {
                let slot = stamp.number as usize & (publisher.slots.len() - 1);
                publisher.slots[slot] = true;
                publisher.in_flight += 1;
                let landing = Landed {
                    publisher: publisher.id,
                    number: stamp.number,
                };
                shared.flights.take_off(&shared.audience, landing, topic);
            }
            self.message.clear();
            shared.quick[topic as usize].write_publish(&mut self.message, |message| {
                shared.body.write(&stamp, message);
            });
            out.push(shared.speech.opcode(), &self.message);
            publisher.next += 1;
            counts.published += 1;
            counts.expected += u64::from(shared.audience.all(topic));
        }
        publisher.rounds_written += 1;
        counts.owed = counts.owed.saturating_sub(burst.into());
        shared.published[publisher.id as usize].store(publisher.next, Ordering::Release);
    }

    fn wake_due(&mut self, phases: &Phases, now_ns: u64) {
        let Some(mut clockwork) = self.clockwork.take() else {
            return;
        };
        while let Some(instant_ns) = clockwork.next_ns(&self.publishers)
            && instant_ns <= now_ns
            && instant_ns < phases.window_end_ns
        {
            let index = clockwork.index;
            self.publishers[index].rounds_due += 1;
            self.wake(index as u32);
            clockwork.advance(self.publishers.len());
        }
        self.clockwork = Some(clockwork);
    }

    fn wake(&mut self, index: u32) {
        let publisher = &mut self.publishers[index as usize];
        if !publisher.is_awake {
            publisher.is_awake = true;
            self.awake.push(index);
        }
    }
}

impl Clockwork {
    fn next_ns(&self, publishers: &[Publisher]) -> Option<u64> {
        let publisher = publishers.get(self.index)?;
        Some(self.schedule.instant_ns(publisher.id, self.round))
    }

    fn advance(&mut self, publishers: usize) {
        self.index += 1;
        if self.index == publishers {
            (self.index, self.round) = (0, self.round + 1);
        }
    }
}
