//! One call: its tries, its time, its turn, and what is counted and told of it.

use std::sync::Arc;
use std::sync::PoisonError;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use backon::{ExponentialBuilder, Retryable};
use bytes::Bytes;
use http::header::{CONTENT_TYPE, HeaderValue, USER_AGENT};
use http::{HeaderName, Method, Request, Response, StatusCode};
use http_body_util::Full;
use serde::Serialize;
use tokio::sync::Semaphore;
use tokio::time::{Instant, timeout_at};

use super::Webhook;
use super::breaker::{Breaker, Change};
use super::config::{Kind, WebhookConfig};
use super::error::WebhookError;
use super::numbers::count;
use super::request::{Body, Peer};
use super::signature;
use crate::base::time::millis;
use crate::service::outbound::fetch;

/// Bytes of an answer: a hundred actions with as much data as usual messages have.
const ANSWER_BYTES_MAX: usize = 64 * 1024;

/// Tries in a row that nobody answered before the app server is left alone. 10: more than a restart of
/// one of several app servers costs, and with a time-out each still seconds.
const FAILURES_MAX: u32 = 10;

/// For how long it is left alone then. 2 s: clients that are refused meanwhile come back in seconds.
pub(super) const PAUSE: Duration = Duration::from_secs(2);

/// Before the first retry; twice as long before each further one, and up to twice that by chance, so
/// that calls that failed together do not come back together.
const BACKOFF: Duration = Duration::from_millis(50);
const BACKOFF_MAX: Duration = Duration::from_secs(1);

const AGENT: &str = concat!("shardcast/", env!("CARGO_PKG_VERSION"));
const DELIVERY: HeaderName = HeaderName::from_static("shardcast-delivery");
const SIGNATURE: HeaderName = HeaderName::from_static(signature::HEADER);

/// What a configuration comes to while it holds.
pub(super) struct Live {
    pub(super) config: WebhookConfig,
    /// Requests that may be under way.
    pub(super) slots: Semaphore,
    /// Of these, notices: half, so that questions, for which clients wait, find room as well.
    pub(super) notice_turns: Semaphore,
    pub(super) breaker: Arc<Breaker>,
}

impl Live {
    pub(super) fn new(config: WebhookConfig) -> Self {
        Self::with_breaker(config, Arc::new(Breaker::new(FAILURES_MAX, PAUSE)))
    }

    pub(super) fn renewed(&self, config: WebhookConfig) -> Self {
        if config.url == self.config.url {
            Self::with_breaker(config, Arc::clone(&self.breaker))
        } else {
            Self::new(config)
        }
    }

    pub(super) fn with_breaker(config: WebhookConfig, breaker: Arc<Breaker>) -> Self {
        Self {
            slots: Semaphore::new(config.concurrency),
            notice_turns: Semaphore::new((config.concurrency / 2).max(1)),
            breaker,
            config,
        }
    }

    /// The time of one try: two thirds of the whole, so that one that hangs leaves room for another.
    fn try_time(&self) -> Duration {
        if self.config.retries == 0 {
            self.config.timeout
        } else {
            self.config.timeout * 2 / 3
        }
    }
}

/// How a try ended that may be repeated or not.
enum Miss {
    Error(WebhookError),
    /// Somebody answered for the app server that it is not there.
    Unavailable(Box<Response<Bytes>>),
}

impl Miss {
    fn is_passing(&self) -> bool {
        match self {
            Self::Error(error) => error.is_passing(),
            Self::Unavailable(_) => true,
        }
    }
}

impl Webhook {
    /// Makes a call and reads its answer; counts it, and tells if it failed.
    pub(super) async fn ask<T: Serialize, A>(
        &self,
        kind: Kind,
        peer: &Peer,
        detail: T,
        read: impl FnOnce(&Response<Bytes>) -> Result<A, WebhookError>,
    ) -> Result<A, WebhookError> {
        let counter = self.counters.of(kind);
        count(&counter.calls);
        let live = self.live();
        let request = self.request(&live.config, kind, peer, detail);
        let answer = match self.exchange(&live, kind, request).await {
            Ok(answer) => read(&answer),
            Err(error) => Err(error),
        };
        if let Err(error) = &answer {
            count(&counter.failures);
            if error.is_time_out() {
                count(&counter.timeouts);
            }
            if *error == WebhookError::Paused {
                count(&counter.paused);
            }
            self.tell_failure(kind, error);
        }
        answer
    }

    /// Tries until there is an answer, of whatever status, or no time or no hope.
    async fn exchange(
        &self,
        live: &Live,
        kind: Kind,
        request: Request<Full<Bytes>>,
    ) -> Result<Response<Bytes>, WebhookError> {
        let deadline = Instant::now() + live.config.timeout;
        let backoff = ExponentialBuilder::new()
            .with_min_delay(BACKOFF)
            .with_max_delay(BACKOFF_MAX)
            .with_max_times(live.config.retries)
            .with_jitter();
        let tries = (|| self.attempt(live, request.clone(), deadline))
            .retry(backoff)
            .when(Miss::is_passing)
            .notify(|_, _| count(&self.counters.of(kind).retries));
        match timeout_at(deadline, tries).await {
            Ok(Ok(answer)) => Ok(answer),
            Ok(Err(Miss::Unavailable(answer))) => Ok(*answer),
            Ok(Err(Miss::Error(error))) => Err(error),
            Err(_elapsed) => Err(WebhookError::TimedOut(live.config.timeout)),
        }
    }

    async fn attempt(
        &self,
        live: &Live,
        request: Request<Full<Bytes>>,
        deadline: Instant,
    ) -> Result<Response<Bytes>, Miss> {
        let error = |error| Err(Miss::Error(error));
        // Asked before waiting, for slots may be held by tries that wait in vain.
        if live.breaker.refuses(Instant::now()) {
            return error(WebhookError::Paused);
        }
        let Ok(_slot) = timeout_at(deadline, live.slots.acquire()).await else {
            return error(WebhookError::NoTurn(live.config.timeout));
        };
        let now = Instant::now();
        let Some(pass) = live.breaker.admit(now) else {
            return error(WebhookError::Paused);
        };
        let within = live.try_time().min(deadline - now);
        let answer = fetch(&self.client, request, within, ANSWER_BYTES_MAX).await;
        let answer = match answer {
            Ok(answer) if is_unavailable(answer.status()) => {
                Err(Miss::Unavailable(Box::new(answer)))
            }
            Ok(answer) => Ok(answer),
            Err(error) => Err(Miss::Error(error.into())),
        };
        // Only nobody there is held against the app server. What it answers may be one client's
        // doing, and must not cut off the others.
        let change = match &answer {
            Err(miss) if miss.is_passing() => pass.failed(Instant::now()),
            Ok(_) | Err(_) => pass.succeeded(),
        };
        self.tell_change(change, live);
        answer
    }

    fn request<T: Serialize>(
        &self,
        config: &WebhookConfig,
        kind: Kind,
        peer: &Peer,
        detail: T,
    ) -> Request<Full<Bytes>> {
        // A clock set before 1970 says 0; the app server will find the signature old.
        let unix_ms = SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .map_or(0, millis);
        let body = Body {
            kind,
            connection: &peer.connection,
            user: peer.user.as_deref(),
            endpoint: &self.endpoint,
            app: &self.app,
            time: unix_ms as f64 / 1e3,
            detail,
        };
        let body =
            serde_json::to_vec(&body).expect("keys are texts and nothing fails to be written");
        let signature = config.secret.as_ref().map(|secret| {
            let text = signature::sign(secret.as_bytes(), unix_ms / 1_000, &body);
            HeaderValue::try_from(text).expect("digits and signs of ASCII")
        });
        let delivery = HeaderValue::try_from(self.delivery_id(unix_ms)).expect("ASCII");

        let mut request = Request::new(Full::new(Bytes::from(body)));
        *request.method_mut() = Method::POST;
        *request.uri_mut() = config.url.clone();
        let headers = request.headers_mut();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        headers.insert(USER_AGENT, HeaderValue::from_static(AGENT));
        headers.insert(DELIVERY, delivery);
        if let Some(signature) = signature {
            headers.insert(SIGNATURE, signature);
        }
        request
    }

    /// One for each call, the same in all its tries.
    fn delivery_id(&self, unix_ms: u64) -> String {
        let mut ids = self.ids.lock().unwrap_or_else(PoisonError::into_inner);
        let (generator, random) = &mut *ids;
        generator.next(unix_ms, random).to_string()
    }

    fn tell_change(&self, change: Change, live: &Live) {
        // The path and the query of the URL may hold secrets.
        let server = live.config.url.authority().map_or("", |name| name.as_str());
        match change {
            Change::None => {}
            Change::Opened => tracing::error!(
                endpoint = self.endpoint,
                server,
                "the app server of the webhook does not answer: calls fail at once, and one every {} \
                 finds out whether it is back",
                humantime::format_duration(live.breaker.pause())
            ),
            Change::Closed => tracing::info!(
                endpoint = self.endpoint,
                server,
                "the app server of the webhook answers again"
            ),
        }
    }

    fn tell_failure(&self, kind: Kind, error: &WebhookError) {
        // That calls are paused was told when it began.
        if *error == WebhookError::Paused {
            return;
        }
        if let Some(untold) = self.log_gate.tell(Instant::now()) {
            let (endpoint, kind) = (&self.endpoint, kind.name());
            tracing::warn!(
                endpoint,
                kind,
                untold,
                "a call of the webhook failed: {error}"
            );
        }
    }
}

/// Whether a gateway or the server itself says that nobody is there to answer.
fn is_unavailable(status: StatusCode) -> bool {
    matches!(
        status,
        StatusCode::BAD_GATEWAY | StatusCode::SERVICE_UNAVAILABLE | StatusCode::GATEWAY_TIMEOUT
    )
}
