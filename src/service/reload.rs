//! Changing what a running server can change.

use std::sync::Arc;

use super::apps::Apps;
use super::control::Shards;
use super::server_config::{EndpointConfig, ServerConfig};
use super::start::Common;
use super::tls::Certificates;
use super::worker::{Command, Worker};
use crate::base::limits::HandshakeLimits;
use crate::base::time::Now;

/// What a shard replaces without closing anything.
struct Reload {
    /// The limits of connections that have not upgraded.
    handshake: HandshakeLimits,
    /// Each endpoint as it shall be, by its index.
    endpoints: Vec<EndpointConfig>,
    apps: Apps,
    tls: Option<Certificates>,
}

impl Reload {
    fn apply_to(&self, worker: &mut Worker, now: Now) {
        worker.shard.set_handshake_limits(self.handshake);
        if let Some(certificates) = &self.tls {
            worker.shard.set_tls(Arc::clone(&certificates.clients));
        }
        let endpoints = self.apps.endpoints(&self.endpoints);
        for (index, endpoint) in endpoints.into_iter().enumerate() {
            worker.shard.replace_endpoint(now, index, endpoint);
        }
    }
}

/// Takes the live part of `new` over into `running`, and tells every shard.
///
/// An endpoint that `new` does not have, or has with another dialect or other topics, keeps what it
/// has: it goes on as it is until a restart.
pub(super) fn apply(
    running: &mut ServerConfig,
    new: &ServerConfig,
    common: &Common,
    shards: &Shards,
) {
    for endpoint in &mut running.endpoints {
        let same = |other: &&_| endpoint.is_same_place(other);
        if let Some(other) = new.endpoints.iter().find(same) {
            let dialect = endpoint.dialect.reloaded(&other.dialect);
            *endpoint = EndpointConfig {
                dialect,
                ..other.clone()
            };
        }
    }
    // Turning it on or off would leave the connections that are there without it, or with.
    if running.tls.is_some() && new.tls.is_some() {
        running.tls.clone_from(&new.tls);
    }
    running.handshake = new.handshake;
    running.context_bytes_max = new.context_bytes_max;
    common.context_memory.set_bytes_max(new.context_bytes_max);
    running.drain_timeout = new.drain_timeout;
    running.log_level = new.log_level;

    let reload = Arc::new(Reload {
        handshake: running.handshake,
        endpoints: running.endpoints.clone(),
        apps: common.apps.clone(),
        tls: running.tls.clone(),
    });
    for shard in shards.handles() {
        let reload = Arc::clone(&reload);
        let apply = move |worker: &mut Worker, now| reload.apply_to(worker, now);
        shard.tell(Command::Invoke(Box::new(apply)));
    }
}
