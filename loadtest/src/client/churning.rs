//! Clients that come and go while others stay.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, VecDeque};
use std::time::Duration;

use super::conn::{Conn, Seat, Stage};
use super::visit::Visit;
use super::worker::Worker;
use crate::checks::Fault;
use crate::frames::Opcode;
use crate::plan::{Churn, Phases, nanos};
use crate::random::Random;
use crate::topology::Client;

/// How long a client whose time is over waits for what is missing, or for its subscribe to be acknowledged.
const PATIENCE: Duration = Duration::from_secs(5);

/// One that could not come tries again after this time.
const AGAIN: Duration = Duration::from_millis(100);

/// The clients of a thread that come and go.
#[derive(Debug)]
pub(super) struct Churning {
    churn: Churn,
    /// Connections that nobody has, and since when they may be had.
    free: BinaryHeap<Reverse<(u64, usize)>>,
    /// With a rate: when the next ones are to come; and those whose time has come, but who found no free connection.
    slots: Option<Slots>,
    waiting: VecDeque<u64>,
    /// When those that are subscribed have stayed long enough.
    leaving: BinaryHeap<Reverse<(u64, usize)>>,
    /// Those whose time is over and who have not left.
    over: Vec<usize>,
    random: Random,
}

/// Planned instants at equal distances, of which each thread has its share.
#[derive(Debug)]
struct Slots {
    start_ns: u64,
    distance_ns: f64,
    next: u64,
    step: u64,
}

impl Churning {
    /// For thread `lane` of `lanes`, with the connections `conns`, from the start of `phases` on.
    fn new(
        churn: Churn,
        (lane, lanes): (usize, usize),
        conns: std::ops::Range<usize>,
        phases: &Phases,
    ) -> Self {
        let start_ns = phases.start_ns;
        let mut random = Random::new(lane as u64);
        // Those that come as fast as they can do not come all at once.
        let spread_ns = match churn.rate {
            Some(_) => 1,
            None => nanos(churn.stay).max(1),
        };
        let free = conns.map(|conn| Reverse((start_ns + random.below(spread_ns), conn)));
        Self {
            free: free.collect(),
            slots: churn.rate.map(|rate| Slots {
                start_ns,
                distance_ns: 1e9 / rate,
                next: lane as u64,
                step: lanes as u64,
            }),
            waiting: VecDeque::new(),
            leaving: BinaryHeap::new(),
            over: Vec::new(),
            random,
            churn,
        }
    }

    /// Who comes now: the connection, and when it was planned.
    fn next_arrival(&mut self, now_ns: u64) -> Option<(usize, u64)> {
        let Reverse((free_ns, conn)) = *self.free.peek()?;
        if free_ns > now_ns {
            return None;
        }
        let planned_ns = match self.slots {
            Some(_) => self.waiting.pop_front()?,
            None => free_ns,
        };
        self.free.pop();
        Some((conn, planned_ns))
    }

    /// Lets those of the schedule come whose time is now; returns how many of them found nothing free.
    fn fall_due(&mut self, now_ns: u64, end_ns: u64) -> u64 {
        let Some(slots) = &mut self.slots else {
            return 0;
        };
        let before = self.waiting.len();
        while slots.next_ns() <= now_ns && slots.next_ns() < end_ns {
            self.waiting.push_back(slots.next_ns());
            slots.next += slots.step;
        }
        let due = self.waiting.len() - before;
        (self.waiting.len().saturating_sub(self.free.len()).min(due)) as u64
    }

    /// The next instant at which somebody comes or goes.
    pub(super) fn next_instant_ns(&self, now_ns: u64) -> Option<u64> {
        let free = self.free.peek().map(|Reverse((at_ns, _))| *at_ns);
        let leaving = self.leaving.peek().map(|Reverse((at_ns, _))| *at_ns);
        let slot = self.slots.as_ref().map(Slots::next_ns);
        let instants = [free, leaving, slot].into_iter().flatten();
        instants.filter(|at_ns| *at_ns > now_ns).min()
    }

    /// How long the next one stays: at random, from half of the mean to one and a half.
    fn stay_ns(&mut self) -> u64 {
        let mean_ns = nanos(self.churn.stay);
        mean_ns / 2 + self.random.below(mean_ns + 1)
    }
}

impl Slots {
    fn next_ns(&self) -> u64 {
        self.start_ns + (self.next as f64 * self.distance_ns) as u64
    }
}

impl Worker {
    /// Makes room for those that will come and go, if any do.
    pub(super) fn begin_to_churn(&mut self, phases: &Phases) {
        let Some(churn) = self.shared.plan.churn else {
            return;
        };
        let first = self.conns.len();
        let stay = self.shared.topology.clients.len() as u32;
        let lanes = self.shared.thread_count();
        let all = stay..stay + churn.churners;
        for index in all.filter(|index| self.shared.lane_of(*index) == self.lane) {
            let seat = Seat::new(index, Client::default(), 0);
            self.conns.push(Conn::new(seat));
        }
        let conns = first..self.conns.len();
        self.churning = Some(Churning::new(churn, (self.lane, lanes), conns, phases));
    }

    /// Lets those come and go whose time it is.
    pub(super) fn churn(&mut self) -> rustix::io::Result<()> {
        let (Some(mut churning), Some(phases)) = (self.churning.take(), self.phases) else {
            return Ok(());
        };
        let now_ns = self.shared.clock.now_ns();
        let done = self.churn_with(&mut churning, &phases, now_ns);
        self.churning = Some(churning);
        done
    }

    fn churn_with(
        &mut self,
        churning: &mut Churning,
        phases: &Phases,
        now_ns: u64,
    ) -> rustix::io::Result<()> {
        for conn in self.receiver.subscribed.drain(..) {
            let until_ns = now_ns + churning.stay_ns();
            churning.leaving.push(Reverse((until_ns, conn)));
        }
        let is_end = now_ns >= phases.window_end_ns;
        while let Some(Reverse((at_ns, conn))) = churning.leaving.peek().copied()
            && (at_ns <= now_ns || is_end)
        {
            churning.leaving.pop();
            self.end_visit(churning, conn, now_ns);
        }
        self.let_go(churning, now_ns)?;
        churning.free.extend(self.freed.drain(..).map(Reverse));
        // Planned is planned: those that were due come even when the end has come.
        self.receiver.counts.late_visits += churning.fall_due(now_ns, phases.window_end_ns);
        if is_end && churning.slots.is_none() {
            return Ok(());
        }
        while let Some((conn, planned_ns)) = churning.next_arrival(now_ns) {
            self.come(churning, conn, planned_ns);
        }
        Ok(())
    }

    /// Begins a visit.
    fn come(&mut self, churning: &mut Churning, conn: usize, planned_ns: u64) {
        let topics = &self.shared.topology.topics;
        let topic = churning.random.below(topics.len() as u64) as u32;
        let sources = topics[topic as usize].sources.len();
        let seat = &mut self.conns[conn].seat;
        seat.stage = Stage::Joining;
        seat.visit = Some(Box::new(Visit::new(conn, topic, sources, planned_ns)));
        self.receiver.counts.visitors += 1;
        if let Err(error) = self.connect(conn) {
            self.visit_failed(conn, &error.to_string());
        }
    }

    fn end_visit(&mut self, churning: &mut Churning, conn: usize, now_ns: u64) {
        // It may have ended before its time.
        let Some(visit) = &mut self.conns[conn].seat.visit else {
            return;
        };
        if visit.over_ns.is_none() {
            let sources = &self.shared.topology.topics[visit.topic as usize].sources;
            visit.end(now_ns, sources, &self.shared.published);
            churning.over.push(conn);
        }
    }

    /// Lets those go whose time is over and who have everything, or have waited for it long enough.
    fn let_go(&mut self, churning: &mut Churning, now_ns: u64) -> rustix::io::Result<()> {
        let mut index = 0;
        while let Some(conn) = churning.over.get(index).copied() {
            let visit = self.conns[conn].seat.visit.as_ref();
            let is_complete = visit.is_none_or(|visit| visit.missing() == 0);
            let over_ns = visit.and_then(|visit| visit.over_ns).unwrap_or(now_ns);
            if is_complete || now_ns - over_ns > nanos(PATIENCE) {
                churning.over.swap_remove(index);
                self.go(churning, conn)?;
            } else {
                index += 1;
            }
        }
        Ok(())
    }

    /// Leaves: with a Close frame, or without a word.
    fn go(&mut self, churning: &mut Churning, index: usize) -> rustix::io::Result<()> {
        let conn = &mut self.conns[index];
        let (Some(wire), Some(visit)) = (&mut conn.wire, conn.seat.visit.take()) else {
            return Ok(());
        };
        let missing = visit.missing();
        if missing > 0 {
            let client = conn.seat.index;
            self.receiver.note_lost(missing, || {
                format!("client {client}: {missing} publications of its stay never came")
            });
        }
        conn.seat.is_leaving = true;
        if churning.random.below(10_000) < u64::from(churning.churn.abrupt) {
            wire.reset()?;
            self.lose(index, "left without a word".to_owned());
            return Ok(());
        }
        wire.out.push(Opcode::Close, &1_000_u16.to_be_bytes());
        self.flush(index)
    }

    /// Whether a connection is of a client that comes and goes.
    pub(super) fn comes_and_goes(&self, index: usize) -> bool {
        self.conns[index].seat.index as usize >= self.shared.topology.clients.len()
    }

    /// A connection whose client has left has ended.
    pub(super) fn has_left(&mut self, index: usize) {
        self.receiver.counts.visitors -= 1;
        self.receiver.counts.visits += 1;
        self.set_free(index, Duration::ZERO);
    }

    /// A connection has ended before its client has left.
    pub(super) fn visit_failed(&mut self, index: usize, why: &str) {
        let conn = &mut self.conns[index];
        conn.seat.visit = None;
        let client = conn.seat.index;
        self.receiver.counts.visitors -= 1;
        self.receiver.note(Fault::Disconnected, || {
            format!("client {client}, which came and went: {why}")
        });
        self.set_free(index, AGAIN);
    }

    /// Notes those that should have come and gone, and did not.
    pub(super) fn miss_visitors(&mut self) {
        for conn in &self.conns {
            if conn.seat.visit.is_some() && conn.seat.stage == Stage::Joining {
                let client = conn.seat.index;
                self.receiver.note(Fault::Disconnected, || {
                    format!("client {client}, which came and went, was never subscribed")
                });
            }
        }
    }

    fn set_free(&mut self, conn: usize, after: Duration) {
        let at_ns = self.shared.clock.now_ns() + nanos(after);
        self.freed.push((at_ns, conn));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::Pace;

    const PHASES: Phases = Phases {
        pace: Pace::Silent,
        start_ns: 1_000,
        window_start_ns: 1_000,
        window_end_ns: 101_000,
    };

    fn churning(rate: Option<f64>, lane: usize, conns: usize) -> Churning {
        let churn = Churn {
            churners: 100,
            rate,
            stay: Duration::from_nanos(1_000),
            abrupt: 0,
        };
        Churning::new(churn, (lane, 2), 0..conns, &PHASES)
    }

    #[test]
    fn a_schedule_is_shared_by_the_threads() {
        // One visit in 1,000 ns, in turns.
        let mut planned = Vec::new();
        for lane in 0..2 {
            let mut churning = churning(Some(1e6), lane, 10);
            for now_ns in (1_000..20_000).step_by(500) {
                assert_eq!(churning.fall_due(now_ns, 11_000), 0, "none is late");
                while let Some((conn, planned_ns)) = churning.next_arrival(now_ns) {
                    planned.push(planned_ns);
                    churning.free.push(Reverse((now_ns, conn)));
                }
            }
        }
        planned.sort_unstable();
        let wanted: Vec<u64> = (1_000..11_000).step_by(1_000).collect();
        assert_eq!(planned, wanted);
    }

    #[test]
    fn visits_without_a_free_connection_are_late_and_keep_their_instant() {
        let mut churning = churning(Some(1e6), 0, 1);
        assert_eq!(churning.fall_due(1_000, 100_000), 0);
        let (conn, planned_ns) = churning.next_arrival(1_001).expect("free");
        assert_eq!(planned_ns, 1_000);
        assert_eq!(churning.fall_due(5_000, 100_000), 2);
        assert_eq!(churning.next_arrival(5_000), None);
        churning.free.push(Reverse((6_000, conn)));
        assert_eq!(churning.next_arrival(5_999), None);
        assert_eq!(churning.next_arrival(6_000), Some((conn, 3_000)));
    }

    #[test]
    fn without_a_schedule_each_comes_when_it_is_free_and_not_all_at_once() {
        let mut churning = churning(None, 0, 100);
        assert_eq!(churning.fall_due(5_000, 100_000), 0);
        let mut came = 0;
        while let Some((_, planned_ns)) = churning.next_arrival(1_499) {
            assert!((1_000..1_500).contains(&planned_ns));
            came += 1;
        }
        assert!(
            (25..=75).contains(&came),
            "{came} of 100 in half of the time"
        );
        let next_ns = churning.next_instant_ns(1_499).expect("the others");
        assert!((1_500..2_000).contains(&next_ns), "{next_ns}");
    }

    #[test]
    fn stays_are_spread_around_their_mean() {
        let mut churning = churning(None, 0, 0);
        let stays: Vec<u64> = (0..1_000).map(|_| churning.stay_ns()).collect();
        assert!(stays.iter().all(|ns| (500..=1_500).contains(ns)));
        let mean = stays.iter().sum::<u64>() / 1_000;
        assert!((950..=1_050).contains(&mean), "{mean}");
    }
}
