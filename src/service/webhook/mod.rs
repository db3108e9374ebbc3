//! The webhook of an endpoint: what its app server is asked and told, over HTTP.
//!
//! Lives on the control thread; shards ask by letter. Everything fails closed: a call without an answer
//! that is understood is a [`WebhookError`], and whoever asked denies. `docs/webhooks.md` is the
//! contract with app servers.

mod action;
mod answer;
mod breaker;
mod config;
mod error;
mod exchange;
mod fault;
mod metrics;
mod notices;
mod numbers;
mod refusal;
mod request;
mod signature;
#[cfg(test)]
mod tests;

pub use action::{ACTIONS_MAX, Action, EXCLUDED_MAX, Exclude, Said, Target};
pub use answer::{Accepted, ConnectAnswer, Permission, Permissions};
pub use config::{Kind, Kinds, WebhookConfig};
pub use error::WebhookError;
pub use fault::Fault;
pub use metrics::WebhookMetrics;
pub use notices::{Full, Notices, Room};
pub use numbers::Numbers;
pub use request::{ConnectRequest, Happened, Notice, Peer};

use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;
use http::Response;
use serde_json::value::RawValue;

use self::exchange::Live;
use self::numbers::{Counters, LogGate};
use crate::base::ids::UlidGenerator;
use crate::base::random::Random;
use crate::engine::identity::Identity;
use crate::service::outbound::Client;
use crate::service::process::random_key;

/// One endpoint's app server.
pub struct Webhook {
    endpoint: String,
    app: String,
    client: Client,
    /// What a reload replaces; calls under way go on with what they began with.
    live: Mutex<Arc<Live>>,
    /// Ids of deliveries. Locked for a few instructions, on one thread.
    ids: Mutex<(UlidGenerator, Random)>,
    counters: Counters,
    log_gate: LogGate,
}

impl Webhook {
    /// The webhook of the endpoint with that path, in that app.
    #[must_use]
    pub fn new(
        endpoint: impl Into<String>,
        app: impl Into<String>,
        config: WebhookConfig,
        client: Client,
    ) -> Self {
        let seed = u64::from_le_bytes(random_key()[..8].try_into().expect("eight bytes"));
        Self {
            endpoint: endpoint.into(),
            app: app.into(),
            client,
            live: Mutex::new(Arc::new(Live::new(config))),
            ids: Mutex::new((UlidGenerator::default(), Random::new(seed))),
            counters: Counters::default(),
            log_gate: LogGate::default(),
        }
    }

    /// Takes another configuration from now on. The numbers go on; whether the app server answers is
    /// found out anew only for another URL.
    pub fn replace(&self, config: WebhookConfig) {
        let mut live = self.live.lock().unwrap_or_else(PoisonError::into_inner);
        *live = Arc::new(live.renewed(config));
    }

    /// Whether calls of this kind are to be made.
    #[must_use]
    pub fn asks(&self, kind: Kind) -> bool {
        self.live().config.kinds.contain(kind)
    }

    /// May this client connect, and who is it?
    ///
    /// # Errors
    ///
    /// Nobody could tell: refuse with 503.
    pub async fn connect(
        &self,
        peer: &Peer,
        request: &ConnectRequest,
    ) -> Result<ConnectAnswer, WebhookError> {
        let read = |answer: &Response<Bytes>| match refusal::relayed(answer) {
            Some(refusal) => Ok(ConnectAnswer::Refused(refusal?)),
            None => Ok(answer::connect(content(answer)?)?),
        };
        self.ask(Kind::Connect, peer, request, read).await
    }

    /// Who is it, by what its message says? `None`: not who it says.
    ///
    /// # Errors
    ///
    /// Nobody could tell, which is not the same as a rejection.
    pub async fn authenticate(
        &self,
        peer: &Peer,
        data: &RawValue,
    ) -> Result<Option<Arc<Identity>>, WebhookError> {
        let detail = request::Authenticate { data };
        let read = |answer: &Response<Bytes>| Ok(answer::authenticate(content(answer)?)?);
        self.ask(Kind::Authenticate, peer, detail, read).await
    }

    /// May it subscribe to the channel?
    ///
    /// # Errors
    ///
    /// Nobody could tell.
    pub async fn subscribe(&self, peer: &Peer, channel: &str) -> Result<Permission, WebhookError> {
        let detail = request::Subscribe { channel };
        let read = |answer: &Response<Bytes>| Ok(answer::permission(content(answer)?)?);
        self.ask(Kind::Subscribe, peer, detail, read).await
    }

    /// To which of the channels may it subscribe? One call for all of them.
    ///
    /// # Errors
    ///
    /// Nobody could tell.
    pub async fn subscribe_all(
        &self,
        peer: &Peer,
        channels: &[String],
    ) -> Result<Permissions, WebhookError> {
        let detail = request::SubscribeAll { channels };
        let read = |answer: &Response<Bytes>| Ok(answer::permissions(channels, content(answer)?)?);
        self.ask(Kind::Subscribe, peer, detail, read).await
    }

    /// May it publish this?
    ///
    /// # Errors
    ///
    /// Nobody could tell.
    pub async fn publish(
        &self,
        peer: &Peer,
        channel: &str,
        event: &str,
        data: Option<&RawValue>,
    ) -> Result<Permission, WebhookError> {
        let detail = request::Publish {
            channel,
            event,
            data,
        };
        let read = |answer: &Response<Bytes>| Ok(answer::permission(content(answer)?)?);
        self.ask(Kind::Publish, peer, detail, read).await
    }

    /// What is to be done about this message? In the order of the list.
    ///
    /// # Errors
    ///
    /// Nobody could tell: nothing is done.
    pub async fn message(
        &self,
        peer: &Peer,
        event: &str,
        data: Option<&RawValue>,
    ) -> Result<Vec<Action>, WebhookError> {
        let detail = request::Message { event, data };
        let read =
            |answer: &Response<Bytes>| Ok(action::actions(answer.status(), content(answer)?)?);
        self.ask(Kind::Message, peer, detail, read).await
    }

    /// Tells what happened, if the app server wants to hear of it, when its turn has come. For the order
    /// of one connection's notices see [`Notices`].
    ///
    /// # Errors
    ///
    /// It was not told, after all retries.
    pub async fn notify(&self, notice: &Notice) -> Result<(), WebhookError> {
        let kind = notice.what.kind();
        let live = self.live();
        if !live.config.kinds.contain(kind) {
            return Ok(());
        }
        // Its time begins with its turn: those of ten thousand connections that end at once would
        // not all have one within it.
        let _turn = live.notice_turns.acquire().await;
        let read = |answer: &Response<Bytes>| content(answer).map(|_| ());
        self.ask(kind, &notice.peer, &notice.what, read).await
    }

    /// What there was of one kind.
    #[must_use]
    pub fn numbers(&self, kind: Kind) -> Numbers {
        self.counters.of(kind).read()
    }

    /// Whether the app server is left alone because it does not answer.
    #[must_use]
    pub fn is_paused(&self) -> bool {
        self.live().breaker.is_open()
    }

    /// The path of its endpoint.
    #[must_use]
    pub fn endpoint(&self) -> &str {
        &self.endpoint
    }

    fn live(&self) -> Arc<Live> {
        let live = self.live.lock().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(&live)
    }
}

impl std::fmt::Debug for Webhook {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Webhook")
            .field("endpoint", &self.endpoint)
            .finish_non_exhaustive()
    }
}

/// The body of an answer whose status says that it is one.
fn content(answer: &Response<Bytes>) -> Result<&[u8], WebhookError> {
    if answer.status().is_success() {
        return Ok(answer.body());
    }
    Err(WebhookError::Status(answer.status()))
}
