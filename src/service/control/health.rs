//! Whether the server is well: for load balancers, and for itself.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use utoipa::ToSchema;

use super::SharedControl;
use crate::base::ids::ShardId;
use crate::base::time::Clock;

/// A shard takes a turn at least every tick. Past this it is stalled, and the server not ready.
const STALLED_MS: u64 = 2_000;

/// Past this it will not come back: the process ends, so that a supervisor starts it afresh.
const DEAD_MS: u64 = 10_000;

/// Between two looks at the shards.
const WATCH_INTERVAL: Duration = Duration::from_millis(250);

/// What the threads say of themselves.
#[derive(Debug)]
pub(in crate::service) struct Health {
    /// By shard: the monotonic time of its last turn, in milliseconds.
    turns: Box<[AtomicU64]>,
    draining: AtomicBool,
    /// Attempts to accept that failed for want of descriptors or memory.
    starved: AtomicU64,
}

impl Health {
    pub(in crate::service) fn new(shards: usize, clock: Clock) -> Self {
        let now_ms = clock.now().monotonic_ms;
        Self {
            turns: (0..shards).map(|_| AtomicU64::new(now_ms)).collect(),
            draining: AtomicBool::new(false),
            starved: AtomicU64::new(0),
        }
    }

    /// A shard says that it has taken a turn.
    pub(in crate::service) fn beat(&self, shard: ShardId, now_ms: u64) {
        self.turns[shard.index()].store(now_ms, Ordering::Relaxed);
    }

    /// A socket could not be accepted for want of descriptors or memory.
    pub(in crate::service) fn count_starved(&self) {
        self.starved.fetch_add(1, Ordering::Relaxed);
    }

    pub(super) fn starved(&self) -> u64 {
        self.starved.load(Ordering::Relaxed)
    }

    /// From here on the server is not ready.
    pub(in crate::service) fn start_draining(&self) {
        self.draining.store(true, Ordering::Relaxed);
    }

    pub(super) fn is_draining(&self) -> bool {
        self.draining.load(Ordering::Relaxed)
    }

    /// The shard that has been silent longest, and for how long.
    fn most_silent(&self, now_ms: u64) -> (ShardId, u64) {
        let silent = |turn: &AtomicU64| now_ms.saturating_sub(turn.load(Ordering::Relaxed));
        self.turns
            .iter()
            .map(silent)
            .zip((0..).map(ShardId))
            .map(|(silent_ms, shard)| (shard, silent_ms))
            .max_by_key(|(_, silent_ms)| *silent_ms)
            .unwrap_or((ShardId(0), 0))
    }
}

/// Looks after the shards for as long as the process lives.
pub(in crate::service) async fn watch(health: Arc<Health>, clock: Clock) {
    let mut stalled = false;
    loop {
        tokio::time::sleep(WATCH_INTERVAL).await;
        let (shard, silent_ms) = health.most_silent(clock.now().monotonic_ms);
        if silent_ms > DEAD_MS {
            tracing::error!("shard {shard} has not moved for {silent_ms} ms: aborting");
            std::process::abort();
        }
        if stalled != (silent_ms > STALLED_MS) {
            stalled = !stalled;
            if stalled {
                tracing::error!("shard {shard} has not moved for {silent_ms} ms: not ready");
            } else {
                tracing::info!("all shards move again: ready");
            }
        }
    }
}

/// How the server is.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct HealthBody {
    /// `ok`, `ready`, `draining` or `stalled`.
    status: &'static str,
}

fn answer(code: StatusCode, status: &'static str) -> Response {
    (code, Json(HealthBody { status })).into_response()
}

/// The process lives.
#[utoipa::path(get, path = "/healthz", responses(
    (status = 200, description = "The process lives", body = HealthBody)
))]
pub(super) async fn healthz() -> Response {
    answer(StatusCode::OK, "ok")
}

/// New connections are welcome: every shard answers, and no drain has begun.
#[utoipa::path(get, path = "/readyz", responses(
    (status = 200, description = "New connections are welcome", body = HealthBody),
    (status = 503, description = "Draining, or a shard does not answer", body = HealthBody)
))]
pub(super) async fn readyz(State(control): State<SharedControl>) -> Response {
    if control.health.is_draining() {
        return answer(StatusCode::SERVICE_UNAVAILABLE, "draining");
    }
    // The canary: a letter that crosses every shard.
    match control.shards.invoke_on_all(|_, _| ()).await {
        Ok(_) => answer(StatusCode::OK, "ready"),
        Err(_) => answer(StatusCode::SERVICE_UNAVAILABLE, "stalled"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn most_silent_shard_is_named() {
        let health = Health::new(3, Clock::new());
        for (shard, turn_ms) in [(0, 900), (1, 100), (2, 1_000)] {
            health.beat(ShardId(shard), turn_ms);
        }
        assert_eq!(health.most_silent(1_000), (ShardId(1), 900));
        assert_eq!(health.most_silent(50), (ShardId(2), 0));
    }
}
