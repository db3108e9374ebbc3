//! Keys that are fetched from a URL while the server runs.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::Duration;

use bytes::Bytes;
use http::header::{ACCEPT, HeaderValue};
use http::{Request, StatusCode};
use http_body_util::Full;
use tokio::sync::{mpsc, watch};
use tokio::time::{Instant, sleep_until, timeout_at};

use super::config::RemoteSource;
use super::jwks::{JwksError, read_jwks};
use super::key::Key;
use crate::service::outbound::{Client, FetchError, fetch};

/// Bytes of a JWKS. The large issuers' have 2 to 20 KiB.
const JWKS_BYTES_MAX: usize = 256 * 1024;

/// When keys are fetched.
#[derive(Debug, Clone, Copy)]
pub(super) struct Pace {
    /// After this time, so that a key which the issuer has taken back is not believed for longer.
    pub(super) refresh: Duration,
    /// Not sooner than this after the last attempt, whatever tokens name and however it ended.
    pub(super) rest: Duration,
    /// How long one attempt may take.
    pub(super) timeout: Duration,
}

const PACE: Pace = Pace {
    refresh: Duration::from_secs(300),
    rest: Duration::from_secs(30),
    timeout: Duration::from_secs(5),
};

/// The sets of all endpoints: those that name the same URL share one.
pub struct RemoteKeySets {
    client: Client,
    pace: Pace,
    sets: Mutex<HashMap<RemoteSource, Weak<RemoteKeys>>>,
}

impl RemoteKeySets {
    /// None so far; they will be fetched with `client`.
    #[must_use]
    pub fn new(client: Client) -> Self {
        Self::with_pace(client, PACE)
    }

    pub(super) fn with_pace(client: Client, pace: Pace) -> Self {
        Self {
            client,
            pace,
            sets: Mutex::default(),
        }
    }

    /// The set at this URL, which is being fetched from now on at the latest. One that a verifier still
    /// holds is given again with its keys, so a reload forgets none.
    pub(super) fn get(&self, source: &RemoteSource) -> Arc<RemoteKeys> {
        let mut sets = self.sets.lock().unwrap_or_else(PoisonError::into_inner);
        sets.retain(|_, set| set.strong_count() > 0);
        if let Some(set) = sets.get(source).and_then(Weak::upgrade) {
            return set;
        }
        let set = Arc::new(RemoteKeys::start(
            source.clone(),
            self.client.clone(),
            self.pace,
        ));
        sets.insert(source.clone(), Arc::downgrade(&set));
        set
    }
}

/// The keys at one URL, kept fresh by a task that lives as long as this.
///
/// Keys that were fetched once are used until newer ones come, however long that takes: an issuer
/// that cannot be reached must not keep everybody out.
pub struct RemoteKeys {
    rest: Duration,
    fetched: watch::Receiver<Fetched>,
    wanted: mpsc::Sender<()>,
}

/// What there is after so many attempts.
#[derive(Clone, Default)]
struct Fetched {
    /// `None`: no attempt has succeeded.
    keys: Option<Arc<[Key]>>,
    /// When the last attempt was over. `None`: the first is under way.
    at: Option<Instant>,
}

/// Why an attempt gave no keys.
#[derive(Debug, thiserror::Error)]
enum Failure {
    #[error("{0}")]
    Fetch(#[from] FetchError),
    #[error("the answer is {0}, and not 200; redirects are not followed")]
    Status(StatusCode),
    #[error("the answer {0}")]
    Jwks(#[from] JwksError),
}

impl RemoteKeys {
    fn start(source: RemoteSource, client: Client, pace: Pace) -> Self {
        let (publish, fetched) = watch::channel(Fetched::default());
        // Room for one wish: any number of tokens that name an unknown key want the same.
        let (wanted, wishes) = mpsc::channel(1);
        tokio::spawn(keep_fresh(source, client, pace, publish, wishes));
        Self {
            rest: pace.rest,
            fetched,
            wanted,
        }
    }

    /// What was fetched last.
    pub(super) fn keys(&self) -> Option<Arc<[Key]>> {
        self.fetched.borrow().keys.clone()
    }

    /// Waits for newer keys, if it is not too early for them: until the attempt is over, or not at all.
    pub(super) async fn newer(&self) {
        let mut fetched = self.fetched.clone();
        let last = fetched.borrow_and_update().at;
        if last.is_some_and(|last| last.elapsed() < self.rest) {
            return;
        }
        // Full: the wish is there already.
        self.wanted.try_send(()).ok();
        // An error would say that the task is gone, which outlives `self`.
        fetched.changed().await.ok();
    }
}

async fn keep_fresh(
    source: RemoteSource,
    client: Client,
    pace: Pace,
    publish: watch::Sender<Fetched>,
    mut wishes: mpsc::Receiver<()>,
) {
    let mut failed_before = false;
    loop {
        let result = attempt(&source, &client, pace.timeout).await;
        tell(
            &source,
            &result,
            failed_before,
            publish.borrow().keys.as_deref(),
        );
        failed_before = result.is_err();
        let now = Instant::now();
        publish.send_modify(|fetched| {
            fetched.at = Some(now);
            if let Ok(keys) = result {
                fetched.keys = Some(keys.into());
            }
        });
        // Who wished for this attempt while it was under way has got it.
        while wishes.try_recv().is_ok() {}
        let rested = now + pace.rest;
        let due = if failed_before {
            rested
        } else {
            now + pace.refresh
        };
        match timeout_at(due, wishes.recv()).await {
            Ok(Some(())) => sleep_until(rested).await,
            // Nobody is left who could ask.
            Ok(None) => return,
            Err(_due) => {}
        }
    }
}

async fn attempt(
    source: &RemoteSource,
    client: &Client,
    timeout: Duration,
) -> Result<Vec<Key>, Failure> {
    let mut request = Request::new(Full::<Bytes>::default());
    *request.uri_mut() = source.url.clone();
    let accepted = HeaderValue::from_static("application/jwk-set+json, application/json");
    request.headers_mut().insert(ACCEPT, accepted);
    let answer = fetch(client, request, timeout, JWKS_BYTES_MAX).await?;
    if answer.status() != StatusCode::OK {
        return Err(Failure::Status(answer.status()));
    }
    Ok(read_jwks(answer.body(), source.algorithm, false)?)
}

/// Says what an operator should know: the first of several failures, and what follows them.
fn tell(
    source: &RemoteSource,
    result: &Result<Vec<Key>, Failure>,
    failed_before: bool,
    held: Option<&[Key]>,
) {
    // Without the query, which may be nobody's business.
    let host = source
        .url
        .authority()
        .map_or("", |authority| authority.as_str());
    let path = source.url.path();
    match (result, held) {
        (Ok(keys), _) if failed_before || held.is_none() => {
            tracing::info!(host, path, keys = keys.len(), "keys of tokens fetched");
        }
        (Err(error), None) if !failed_before => tracing::warn!(
            host, path, %error,
            "keys of tokens cannot be fetched; tokens of this issuer are refused until they are"
        ),
        (Err(error), Some(held)) if !failed_before => tracing::warn!(
            host, path, %error, keys = held.len(),
            "keys of tokens cannot be fetched; those fetched before go on"
        ),
        _ => {}
    }
}
