//! Which publications of a closed loop are in flight.
//!
//! Each thread counts its own subscribers' deliveries. The last one of a thread takes the thread off the
//! publication's list, and the last thread tells the publisher's thread that the publication has landed.

use std::sync::atomic::{AtomicU32, Ordering};

use super::audience::Audience;
use crate::plan::{Pace, Plan};
use crate::topology::Topology;

/// A publication that all its subscribers have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Landed {
    /// Its publisher.
    pub(super) publisher: u32,
    /// Its number.
    pub(super) number: u64,
}

/// What the threads share: for each slot of each publisher, how many threads wait for deliveries.
#[derive(Debug)]
pub(crate) struct Flights {
    /// Slots of a publisher; 0 if the loop is open.
    slots: usize,
    threads_left: Vec<AtomicU32>,
    /// For each publisher, the client that it is.
    clients: Vec<u32>,
}

impl Flights {
    /// The number of slots leaves room to overtake: a publication that is late keeps its slot, while
    /// those behind it may land and be followed by others.
    pub(super) fn new(topology: &Topology, plan: &Plan) -> Self {
        let slots = match plan.pace {
            Pace::Closed { window } => (window as usize * 4).next_power_of_two(),
            Pace::Open { .. } | Pace::Silent => 0,
        };
        let mut clients = vec![0; topology.publishers.len()];
        for (index, client) in topology.clients.iter().enumerate() {
            if let Some(publisher) = client.publisher {
                clients[publisher as usize] = index as u32;
            }
        }
        let threads_left = (0..slots * topology.publishers.len()).map(|_| AtomicU32::new(0));
        Self {
            slots,
            threads_left: threads_left.collect(),
            clients,
        }
    }

    /// The client whose publication landed.
    pub(super) fn client_of(&self, landed: Landed) -> u32 {
        self.clients[landed.publisher as usize]
    }

    /// Slots of each publisher.
    pub(super) fn slots(&self) -> usize {
        self.slots
    }

    /// Notes that a publication is about to be written. Its slot must be free.
    pub(super) fn take_off(&self, audience: &Audience, landing: Landed, topic: u32) {
        // Relaxed: the other threads learn of the publication through sockets, or not at all.
        self.threads_left[self.slot(landing)].store(audience.threads(topic), Ordering::Relaxed);
    }

    fn slot(&self, landing: Landed) -> usize {
        landing.publisher as usize * self.slots + (landing.number as usize & (self.slots - 1))
    }
}

/// One thread's counts.
#[derive(Debug)]
pub(super) struct Arrivals {
    thread: usize,
    arrived: Vec<u32>,
}

impl Arrivals {
    /// Of a thread that has seen nothing.
    pub(super) fn new(flights: &Flights, thread: usize) -> Self {
        Self {
            thread,
            arrived: vec![0; flights.threads_left.len()],
        }
    }

    /// Notes the first delivery of a publication to a subscriber of this thread; `true` when it was the
    /// last of all.
    #[inline]
    pub(super) fn arrive(
        &mut self,
        flights: &Flights,
        audience: &Audience,
        landing: Landed,
        topic: u32,
    ) -> bool {
        if flights.slots == 0 {
            return false;
        }
        let slot = flights.slot(landing);
        let arrived = &mut self.arrived[slot];
        *arrived += 1;
        if *arrived < audience.here(topic, self.thread) {
            return false;
        }
        *arrived = 0;
        flights.threads_left[slot].fetch_sub(1, Ordering::AcqRel) == 1
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn flights(subscribers: u32, threads: usize) -> (Flights, Audience, Vec<Arrivals>) {
        let plan = Plan {
            pace: Pace::Closed { window: 2 },
            burst: 1,
            warmup: Duration::ZERO,
            duration: Duration::ZERO,
            return_within: None,
            reopens: false,
            behind_max: None,
            churn: None,
        };
        let topology = Topology::fan_out(subscribers, 1, 1);
        let flights = Flights::new(&topology, &plan);
        let arrivals = (0..threads).map(|thread| Arrivals::new(&flights, thread));
        let arrivals = arrivals.collect();
        (flights, Audience::new(&topology, threads), arrivals)
    }

    #[test]
    fn a_publication_lands_with_its_last_delivery_on_the_last_thread() {
        // Two subscribers on thread 0, one on thread 1.
        let (flights, audience, mut threads) = flights(3, 2);
        for number in 0..100 {
            let landing = Landed {
                publisher: 0,
                number,
            };
            flights.take_off(&audience, landing, 0);
            assert!(!threads[0].arrive(&flights, &audience, landing, 0));
            assert!(!threads[1].arrive(&flights, &audience, landing, 0));
            assert!(threads[0].arrive(&flights, &audience, landing, 0));
        }
    }

    #[test]
    fn threads_without_subscribers_are_not_waited_for() {
        let (flights, audience, mut threads) = flights(1, 4);
        let landing = Landed {
            publisher: 0,
            number: 9,
        };
        flights.take_off(&audience, landing, 0);
        assert!(threads[0].arrive(&flights, &audience, landing, 0));
    }
}
