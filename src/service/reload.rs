//! Changing what a running server can change.

use std::sync::Arc;

use super::drain::ShardHandle;
use super::server_config::ServerConfig;
use crate::engine::mailbox::{Command, EndpointUpdate, Reload};

/// Takes the live part of `new` over into `running`, and tells every shard.
///
/// An endpoint that `new` does not have, or has with another dialect or other topics, keeps what it
/// has: it goes on as it is until a restart.
pub(super) fn apply(running: &mut ServerConfig, new: &ServerConfig, shards: &[ShardHandle]) {
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

    let endpoints = running.endpoints.iter().map(|endpoint| EndpointUpdate {
        limits: endpoint.limits,
        rules: endpoint.rules.clone(),
    });
    let reload = Arc::new(Reload {
        handshake: running.handshake,
        endpoints: endpoints.collect(),
    });
    for shard in shards {
        shard.tell(Command::Reload(Arc::clone(&reload)));
    }
}
