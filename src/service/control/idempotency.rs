//! Publications that are asked for twice and happen once.

use std::collections::{HashMap, VecDeque};
use std::hash::{BuildHasher, RandomState};
use std::panic::resume_unwind;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use axum::http::StatusCode;
use tokio::sync::OnceCell;
use tokio::time::Instant;

use super::Control;
use super::error::ApiError;
use super::publish::{Published, bad_name};
use crate::engine::publication::{AppId, MessageId, Publication};

/// How long a key is known: longer than a caller goes on trying.
const KEPT: Duration = Duration::from_secs(5 * 60);

/// Keys known at a time; then the oldest go first. With names of 1 KiB that is 100 MiB at the most.
const KEYS_MAX: usize = 100_000;

type Name = (AppId, Arc<str>);

/// What was answered to requests that had a key.
#[derive(Debug, Default)]
pub(in crate::service) struct Answered(Mutex<Known>);

#[derive(Debug, Default)]
struct Known {
    entries: HashMap<Name, Arc<Entry>>,
    /// The same, oldest first.
    order: VecDeque<(Instant, Name)>,
}

#[derive(Debug)]
struct Entry {
    fingerprint: u64,
    /// Empty while the first request is under way; others wait for it. It stays empty if that one
    /// fails, and then the next one is the first.
    answer: OnceCell<Published>,
}

impl Answered {
    fn entry(&self, now: Instant, name: Name, fingerprint: u64) -> Arc<Entry> {
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let Known { entries, order } = &mut *known;
        while let Some((since, _)) = order.front()
            && (*since + KEPT <= now || order.len() > KEYS_MAX)
        {
            if let Some((_, oldest)) = order.pop_front() {
                entries.remove(&oldest);
            }
        }
        let entry = entries.entry(name.clone()).or_insert_with(|| {
            order.push_back((now, name));
            Arc::new(Entry {
                fingerprint,
                answer: OnceCell::new(),
            })
        });
        Arc::clone(entry)
    }
}

impl Control {
    /// Publishes, unless a request with the same key has done so not long ago.
    pub(super) async fn publish_once(
        self: &Arc<Self>,
        publication: &Publication<'_>,
        key: Option<&str>,
    ) -> Result<Published, ApiError> {
        let Some(key) = key else {
            return self.spread(publication).await;
        };
        bad_name("idempotency_key", key)?;
        let Publication {
            app,
            topic,
            audience,
            event,
            data,
            id,
            exclude,
            ..
        } = *publication;
        let id = match id {
            MessageId::Given(id) => Some(id),
            // It differs each time.
            MessageId::Ulid(_) => None,
        };
        let said = (topic, format!("{audience:?}"), event, data, id, exclude);
        let fingerprint = self.fingerprints.hash_one(said);
        let entry = self
            .answered
            .entry(Instant::now(), (app, key.into()), fingerprint);
        if entry.fingerprint != fingerprint {
            return Err(ApiError::new(
                StatusCode::CONFLICT,
                "key_reused",
                "this idempotency key belongs to another request; take a new one for each",
            ));
        }
        // A task of its own: whoever has given this request up and asks again must find it under way,
        // for the shards have been told.
        let (control, shared) = (Arc::clone(self), publication.share());
        let published = tokio::spawn(async move {
            let publication = shared.publication();
            let answer = entry
                .answer
                .get_or_try_init(|| control.spread(&publication));
            answer.await.cloned()
        });
        published
            .await
            .unwrap_or_else(|ended| resume_unwind(ended.into_panic()))
    }
}

/// Keys the fingerprints, so that nobody can make two requests look the same.
pub(in crate::service) type Fingerprints = RandomState;

#[cfg(test)]
mod tests {
    use super::*;

    fn name(key: &str) -> Name {
        (AppId(0), key.into())
    }

    #[test]
    fn key_is_known_for_its_time_and_no_longer() {
        let answered = Answered::default();
        let start = Instant::now();
        let first = answered.entry(start, name("a"), 1);
        assert!(Arc::ptr_eq(&first, &answered.entry(start, name("a"), 2)));
        let other_app = (AppId(1), Arc::from("a"));
        assert!(!Arc::ptr_eq(&first, &answered.entry(start, other_app, 1)));
        let later = answered.entry(start + KEPT, name("a"), 2);
        assert_eq!((first.fingerprint, later.fingerprint), (1, 2));
    }

    #[test]
    fn keys_are_bounded_and_the_oldest_go_first() {
        let answered = Answered::default();
        let now = Instant::now();
        for key in 0..KEYS_MAX + 10 {
            answered.entry(now, name(&key.to_string()), 1);
        }
        let known = answered.0.lock().expect("not poisoned");
        assert!(known.entries.len() <= KEYS_MAX + 1);
        assert_eq!(known.entries.len(), known.order.len());
        assert!(!known.entries.contains_key(&name("0")));
    }
}
