//! Ending all shards together, phase by phase.

use std::time::Duration;

use tokio::sync::mpsc;
use tokio::time::{Instant, timeout_at};

use super::control::ShardHandle;
use super::worker::{Command, Report};
use crate::base::time::{Clock, millis};
use crate::engine::drain::DrainPhase;

/// What a phase gets even if no time is left or none was given: enough for the shards to do their
/// part, a Close frame to each peer at the end, without waiting for anybody.
const PHASE_TIME_MIN: Duration = Duration::from_millis(500);

/// Takes all shards through the drain; whether they finished within `timeout`.
pub(super) async fn drain(
    shards: &[ShardHandle],
    reports: &mut mpsc::Receiver<Report>,
    clock: Clock,
    timeout: Duration,
) -> bool {
    let deadline = Instant::now() + timeout;
    let by_ms = clock.now().monotonic_ms + millis(timeout);
    let phases = [
        DrainPhase::Quiesce,
        DrainPhase::Settle,
        DrainPhase::Close { by_ms },
    ];
    let mut in_time = true;
    for phase in phases {
        tracing::debug!(?phase, "draining");
        for shard in shards {
            shard.tell(Command::Drain(phase));
        }
        // A phase that does not end (a decision that is still out) must not keep the others from
        // their turn: at half of the time the connections are closed all the same.
        let until = match phase {
            DrainPhase::Close { .. } => deadline,
            DrainPhase::Quiesce | DrainPhase::Settle => deadline - timeout / 2,
        };
        let until = until.max(Instant::now() + PHASE_TIME_MIN);
        let all = timeout_at(until, all_drained(shards.len(), phase, reports)).await;
        in_time &= all.is_ok();
    }
    // Not before, although some had nothing left to close: until the end each can be asked for its
    // numbers.
    for shard in shards {
        shard.tell(Command::Exit);
    }
    in_time
}

async fn all_drained(shards: usize, phase: DrainPhase, reports: &mut mpsc::Receiver<Report>) {
    let mut left = shards;
    while left > 0 {
        match reports.recv().await {
            Some(Report::Drained(done)) if done == phase => left -= 1,
            Some(_) => {}
            None => return,
        }
    }
}
