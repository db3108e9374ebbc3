//! The control plane's HTTP API, on the control thread: publish, look, be watched.
//!
//! It reaches shards by letter only and shares nothing with them but the interest map.

mod addressee;
mod auth;
mod connections;
mod error;
mod health;
mod idempotency;
mod inspect;
mod membership;
mod metrics;
mod object;
mod openapi;
mod publish;
mod send;
mod shards;
mod tls_listener;

pub(super) use auth::Guard;
pub use auth::Secret;
pub(super) use health::{Health, watch};
pub(super) use idempotency::{Answered, Fingerprints};
pub(super) use shards::{ShardHandle, Shards};
pub(super) use tls_listener::{Shown, TlsListener};

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use axum::Router;
use axum::http::StatusCode;
use axum::middleware::from_fn_with_state;
use axum::routing::{get, post};

use self::error::ApiError;
use crate::base::ids::{IdKey, ShardId, Ulid, UlidGenerator};
use crate::base::random::Random;
use crate::base::time::Clock;
use crate::engine::context_memory::ContextMemory;
use crate::engine::interest::Interest;
use crate::engine::publication::AppId;
use crate::service::webhook::{Webhook, WebhookMetrics};

/// What the API's handlers need.
pub(super) struct Control {
    pub(super) shards: Shards,
    pub(super) interest: Arc<Interest>,
    pub(super) id_key: IdKey,
    pub(super) apps: Vec<App>,
    pub(super) clock: Clock,
    pub(super) health: Arc<Health>,
    pub(super) guard: Guard,
    /// Ids of what is published here. Locked for a few instructions, on one thread.
    pub(super) ids: Mutex<(UlidGenerator, Random)>,
    pub(super) connections_max: usize,
    pub(super) context_memory: ContextMemory,
    /// Those of all endpoints; a reload may change which there are.
    pub(super) webhooks: Mutex<WebhookMetrics>,
    pub(super) answered: Answered,
    pub(super) fingerprints: Fingerprints,
}

/// A topic space, as app servers address it.
#[derive(Debug)]
pub(super) struct App {
    pub(super) id: AppId,
    /// The name, and the paths of the endpoints in it: either addresses it.
    pub(super) names: Vec<String>,
    /// The smallest message limit among its endpoints: what every subscriber may be sent. A reload
    /// may change it.
    pub(super) message_bytes_max: AtomicUsize,
}

/// What a handler is given.
type SharedControl = Arc<Control>;

/// The routes.
pub(super) fn router(control: Arc<Control>) -> Router {
    let guarded = Router::new()
        .route("/v1/publish", post(publish::publish))
        .route("/v1/publish/batch", post(publish::publish_batch))
        .route("/v1/send", post(send::send))
        .route("/v1/subscribe", post(membership::subscribe))
        .route("/v1/unsubscribe", post(membership::unsubscribe))
        .route("/v1/disconnect", post(membership::disconnect))
        .route("/v1/revoke", post(membership::revoke))
        .route("/v1/connections", get(connections::connections))
        .route("/v1/connections/{id}", get(connections::connection))
        .route("/v1/users/{id}", get(connections::user))
        .route("/v1/stats", get(inspect::stats))
        .route("/v1/channels", get(inspect::channels))
        .route("/v1/channels/{name}", get(inspect::channel))
        .route("/metrics", get(metrics::metrics))
        .route_layer(from_fn_with_state(Arc::clone(&control), auth::demand_token));
    Router::new()
        .merge(guarded)
        .route("/healthz", get(health::healthz))
        .route("/readyz", get(health::readyz))
        .route("/v1/openapi.json", get(openapi::openapi))
        .fallback(error::not_found)
        .method_not_allowed_fallback(error::method_not_allowed)
        .layer(from_fn_with_state(Arc::clone(&control), auth::demand_host))
        .layer(from_fn_with_state(
            Arc::clone(&control),
            publish::bound_body,
        ))
        .with_state(control)
}

impl Control {
    /// Takes the message limits over from the same apps after a reload.
    pub(super) fn renew_limits(&self, apps: &[App]) {
        for (own, new) in self.apps.iter().zip(apps) {
            let bytes = new.message_bytes_max.load(Ordering::Relaxed);
            own.message_bytes_max.store(bytes, Ordering::Relaxed);
        }
    }

    /// Tells the numbers of these webhooks from now on.
    pub(super) fn renew_webhooks(&self, webhooks: Vec<Arc<Webhook>>) {
        let mut own = self.webhooks.lock().unwrap_or_else(PoisonError::into_inner);
        own.0 = webhooks;
    }

    /// The shard whose connection shows an id, if the id can be one of this process's.
    fn owner(&self, id: Ulid) -> Option<ShardId> {
        let shard = self.id_key.open(id).shard;
        (shard.index() < self.shards.len()).then_some(shard)
    }

    /// The topic space of that name or endpoint; without one, the first.
    fn app(&self, name: Option<&str>) -> Result<&App, ApiError> {
        let found = match name {
            None => self.apps.first(),
            Some(name) => self
                .apps
                .iter()
                .find(|app| app.names.iter().any(|known| known == name)),
        };
        found.ok_or_else(|| {
            ApiError::new(
                StatusCode::BAD_REQUEST,
                "unknown_app",
                "no endpoint has that path, and none names that app",
            )
        })
    }
}
