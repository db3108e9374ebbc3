//! Changing what a running server can change.

use std::sync::Arc;

use super::control::Shards;
use super::server_config::ServerConfig;
use super::worker::{Command, Worker};
use crate::base::limits::{ConnLimits, HandshakeLimits};
use crate::base::time::Now;
use crate::engine::rules::Rules;

/// What a shard replaces without closing anything.
struct Reload {
    /// The limits of connections that have not upgraded.
    handshake: HandshakeLimits,
    /// Limits and rules of each endpoint, by its index.
    endpoints: Vec<(ConnLimits, Rules)>,
}

impl Reload {
    fn apply_to(&self, worker: &mut Worker, now: Now) {
        worker.shard.set_handshake_limits(self.handshake);
        for (index, (limits, rules)) in self.endpoints.iter().enumerate() {
            let decider = Box::new(rules.clone());
            worker.shard.replace_endpoint(now, index, *limits, decider);
        }
    }
}

/// Takes the live part of `new` over into `running`, and tells every shard.
///
/// An endpoint that `new` does not have, or has with another dialect or other topics, keeps what it
/// has: it goes on as it is until a restart.
pub(super) fn apply(running: &mut ServerConfig, new: &ServerConfig, shards: &Shards) {
    for endpoint in &mut running.endpoints {
        let same = |other: &&_| endpoint.is_same_place(other);
        if let Some(other) = new.endpoints.iter().find(same) {
            endpoint.limits = other.limits;
            endpoint.rules = other.rules.clone();
        }
    }
    running.handshake = new.handshake;
    running.drain_timeout = new.drain_timeout;
    running.log_level = new.log_level;

    let endpoints = running.endpoints.iter();
    let reload = Arc::new(Reload {
        handshake: running.handshake,
        endpoints: endpoints
            .map(|endpoint| (endpoint.limits, endpoint.rules.clone()))
            .collect(),
    });
    for shard in shards.handles() {
        let reload = Arc::clone(&reload);
        let apply = move |worker: &mut Worker, now| reload.apply_to(worker, now);
        shard.tell(Command::Invoke(Box::new(apply)));
    }
}
