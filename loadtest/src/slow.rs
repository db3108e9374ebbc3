//! Subscribers that stop reading, and what the others feel of it.

use std::thread;
use std::time::{Duration, Instant};

use crate::client::{Command, Ended};
use crate::failure::Failure;
use crate::plan::Plan;
use crate::run::{LOOK, Run};
use crate::stretch::Stretch;

/// When nothing has come to those that read again for so long, they have all that there is.
const QUIET: Duration = Duration::from_millis(500);

/// How long they read at most.
const READING_MAX: Duration = Duration::from_secs(5);

/// What the stop brought, besides the stretch after it.
#[derive(Debug)]
pub(crate) struct Slow {
    /// The stretch before, when everybody was reading.
    pub(crate) before: Stretch,
    /// How many stopped.
    pub(crate) stopped: u64,
    /// Deliveries to the others that had not come when the stopped began to read again.
    pub(crate) held_up: u64,
    /// How the connections of those ended that have ended.
    pub(crate) ends: Vec<Ended>,
}

impl Run<'_> {
    /// Loads the server for two equally long windows, and lets some stop reading at the start of the second.
    ///
    /// # Errors
    ///
    /// When either cannot be measured, or the first is interrupted: there is nothing to compare.
    pub(crate) fn slow(&mut self, plan: &Plan) -> Result<(Slow, Stretch), Failure> {
        let before = self.stretch(plan)?;
        if before.interrupted {
            return Err(Failure::CannotMeasure(
                "interrupted before anybody stopped reading: there is nothing to compare".into(),
            ));
        }
        self.tell(Command::StopReading)?;
        let after = self.stretch(&Plan {
            warmup: Duration::ZERO,
            ..*plan
        })?;
        let counts = self.shared.counts();
        let held_up = counts.expected.saturating_sub(counts.delivered);
        self.tell(Command::ReadAgain)?;
        let clients = self.shared.topology.clients.iter();
        let stopped = clients.filter(|client| client.stops).count() as u64;
        self.let_them_read(stopped);
        let slow = Slow {
            before,
            stopped,
            held_up,
            ends: Vec::new(),
        };
        Ok((slow, after))
    }

    /// Waits until those that have stopped have read what there is for them.
    fn let_them_read(&self, stopped: u64) {
        let begun = Instant::now();
        let (mut bytes, mut since) = (0, begun);
        while begun.elapsed() < READING_MAX && since.elapsed() < QUIET {
            let counts = self.shared.counts();
            if counts.stopped_ended == stopped {
                return;
            }
            if counts.bytes > bytes {
                (bytes, since) = (counts.bytes, Instant::now());
            }
            thread::sleep(LOOK);
        }
    }
}
