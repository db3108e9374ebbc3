//! Clients that stop reading, and what they find when they read again.

use super::conn::Stage;
use super::worker::Worker;
use crate::topology::Client;

impl Worker {
    /// Lets those that are to stop do so: nobody looks at their sockets any more, which fill up.
    ///
    /// All that was published so far has come. What is published from now on is not expected for them.
    pub(super) fn stop_reading(&mut self) -> rustix::io::Result<()> {
        for conn in &mut self.conns {
            let Client { topic, stops, .. } = conn.seat.client;
            let Some(topic) = topic.filter(|_| stops) else {
                continue;
            };
            self.receiver.faults.lost += self.receiver.lost(conn);
            self.shared.audience.leave(topic, self.lane);
            conn.seat.client.topic = None;
            conn.seat.stage = Stage::Stopped;
            if let Some(wire) = &conn.wire {
                self.poller.remove(wire)?;
            }
        }
        Ok(())
    }

    /// Lets them read again. What they get is not looked at, but how it ends.
    pub(super) fn read_again(&mut self) -> rustix::io::Result<()> {
        for (index, conn) in self.conns.iter_mut().enumerate() {
            if conn.seat.stage == Stage::Stopped
                && let Some(wire) = &conn.wire
            {
                self.poller.add(wire, index)?;
                conn.watches_room = true;
            }
        }
        Ok(())
    }
}
