//! How a thread's clients get their connections, lose them, and come back.

use std::io::ErrorKind;

use super::conn::{Absence, Conn, Seat, Stage};
use super::wire::{Ended, Wire};
use super::worker::Worker;
use crate::checks::Fault;

/// Connections of a thread that are being set up at a time: well below any listen backlog.
const JOINING_MAX: usize = 64;

/// Connections that are begun again before the thread looks what has come: were it all that are due, the first of
/// them would seem to have come back with the last.
const RETURNS_PER_TURN: usize = 64;

impl Worker {
    /// A connection has ended before the run did.
    pub(super) fn lose(&mut self, index: usize, ended: impl Into<Ended>) {
        let ended = ended.into();
        // Dropping the socket takes it out of the poller as well.
        self.conns[index].wire = None;
        if self.conns[index].seat.is_leaving {
            return match self.comes_and_goes(index) {
                true => self.has_left(index),
                false => self.reopen(index),
            };
        }
        if self.conns[index].seat.visit.is_some() {
            return self.visit_failed(index, &ended.words);
        }
        if self.phases.is_none() && self.waits_to_return(index) {
            return;
        }
        let Seat { index, stage, .. } = self.conns[index].seat;
        match stage {
            Stage::Joining => {
                let addr = self.shared.target.addr;
                self.shared.give_up(format!(
                    "cannot set up connection {index} to {addr}: {ended}"
                ));
            }
            Stage::Ready => self
                .receiver
                .note(Fault::Disconnected, || format!("client {index}: {ended}")),
            Stage::Stopped => {
                self.receiver.counts.stopped_ended += 1;
                self.stopped_ends.push(ended);
            }
        }
    }

    /// Begins the next connection of a client that has left.
    fn reopen(&mut self, index: usize) {
        if self.shared.is_ending() {
            return;
        }
        if let Err(error) = self.connect(index) {
            self.conns[index].seat.is_leaving = false;
            self.lose(index, error.to_string());
        }
    }

    /// Lets a client without a connection try again later, if that is planned.
    fn waits_to_return(&mut self, index: usize) -> bool {
        if !self.returning.add(index, self.shared.clock.now_ns()) {
            return false;
        }
        let (seat, counts) = (&mut self.conns[index].seat, &mut self.receiver.counts);
        if seat.stage == Stage::Ready {
            seat.stage = Stage::Joining;
            counts.ready -= 1;
            if seat.absence == Absence::None {
                seat.absence = Absence::Away;
                counts.departed += 1;
            }
        }
        true
    }

    /// Connects some whose time has come.
    pub(super) fn return_some(&mut self) {
        let now_ns = self.shared.clock.now_ns();
        for _ in 0..RETURNS_PER_TURN {
            let Some(index) = self.returning.next_due(now_ns) else {
                break;
            };
            self.receiver.counts.attempts += 1;
            if let Err(error) = self.connect(index) {
                self.note_refused(&error);
                self.lose(index, error.to_string());
            }
        }
    }

    pub(super) fn note_refused(&mut self, error: &std::io::Error) {
        if error.kind() == ErrorKind::ConnectionRefused {
            self.receiver.counts.refused += 1;
        }
    }

    pub(super) fn join_more(&mut self) {
        while !self.to_join.is_empty()
            && self.conns.len() - (self.receiver.counts.ready as usize) < JOINING_MAX
        {
            let Some(client) = self.to_join.pop_front() else {
                return;
            };
            if let Err(error) = self.join(client)
                && !self.waits_to_return(self.conns.len() - 1)
            {
                let addr = self.shared.target.addr;
                self.to_join.clear();
                self.shared
                    .give_up(format!("cannot connect to {addr}: {error}"));
            }
        }
    }

    fn join(&mut self, index: u32) -> std::io::Result<()> {
        let topology = &self.shared.topology;
        let client = topology.clients[index as usize];
        let sources = client
            .topic
            .map_or(0, |topic| topology.topics[topic as usize].sources.len());
        let seat = Seat::new(index, client, sources);
        self.conns.push(Conn::new(seat));
        self.connect(self.conns.len() - 1)
    }

    /// Begins to connect the client of a connection.
    pub(super) fn connect(&mut self, index: usize) -> std::io::Result<()> {
        // Who connects over and over needs more ports than one address has: closed connections keep theirs for a minute.
        let number = match self.shared.plan.reopens || self.comes_and_goes(index) {
            true => (self.connected * self.shared.thread_count() + self.lane) as u32,
            false => self.conns[index].seat.index,
        };
        self.connected += 1;
        let target = &self.shared.target;
        let conn = &mut self.conns[index];
        let mut wire = Wire::connect(target, target.source(number))?;
        if let Some(request) = self.shared.own_request(&conn.seat) {
            wire.ask(request);
        }
        conn.seat.begun_ns = self.shared.clock.now_ns();
        conn.seat.is_leaving = false;
        conn.seat.rest.clear();
        self.poller.add(&wire, index)?;
        conn.wire = Some(wire);
        conn.watches_room = true;
        Ok(())
    }
}
