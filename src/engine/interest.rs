//! Which shards have subscribers of a topic: the one structure that shards share.

use std::sync::Arc;

use ahash::RandomState;
use papaya::{Compute, HashMap, Operation, ResizeMode};

use super::publication::{AppId, Audience, Publication};
use crate::base::ids::{IdKey, ShardId, Ulid};
use crate::base::limits::SHARDS_MAX;

const WORDS: usize = SHARDS_MAX / 64;

/// A set of shards.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct ShardMask([u64; WORDS]);

impl ShardMask {
    /// Adds a shard.
    pub fn insert(&mut self, shard: ShardId) {
        self.0[shard.index() / 64] |= 1 << (shard.index() % 64);
    }

    /// Takes a shard out.
    pub fn remove(&mut self, shard: ShardId) {
        self.0[shard.index() / 64] &= !(1 << (shard.index() % 64));
    }

    /// Whether the shard is in it.
    #[must_use]
    pub fn contains(&self, shard: ShardId) -> bool {
        self.0[shard.index() / 64] & (1 << (shard.index() % 64)) != 0
    }

    /// Whether no shard is in it.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.iter().all(|word| *word == 0)
    }

    /// The first `shards` shards.
    #[must_use]
    pub fn first(shards: usize) -> Self {
        let mut all = Self::default();
        for index in 0..shards {
            all.insert(ShardId(index as u16));
        }
        all
    }

    /// Builds a set from its words; bit `n % 64` of word `n / 64` is shard `n`.
    pub(super) fn from_words(words: [u64; WORDS]) -> Self {
        Self(words)
    }
}

impl IntoIterator for ShardMask {
    type Item = ShardId;
    type IntoIter = ShardMaskIter;

    fn into_iter(self) -> ShardMaskIter {
        ShardMaskIter(self)
    }
}

/// The shards of a [`ShardMask`], ascending.
#[derive(Debug)]
pub struct ShardMaskIter(ShardMask);

impl Iterator for ShardMaskIter {
    type Item = ShardId;

    fn next(&mut self) -> Option<ShardId> {
        let (index, word) = self.0.0.iter().enumerate().find(|(_, word)| **word != 0)?;
        let shard = ShardId((index * 64) as u16 + word.trailing_zeros() as u16);
        self.0.remove(shard);
        Some(shard)
    }
}

/// Who is interested in what: the topics of every app, and beside them its users.
///
/// Reading never waits. A key's updates are atomic, and its entry is gone when no shard is left. A
/// shard adds itself **before** it acknowledges the subscribe, so that whoever publishes after
/// having heard of the acknowledgement sees it (C1 of the delivery contract).
#[derive(Debug)]
pub struct Interest {
    /// Topics with subscribers.
    pub topics: Names,
    /// Users with connections.
    pub users: Names,
}

impl Interest {
    /// An empty map for `apps` topic spaces. `seed` keys the hashing against chosen names.
    #[must_use]
    pub fn new(apps: usize, seed: u64) -> Self {
        Self {
            topics: Names::new(apps, seed),
            users: Names::new(apps, seed),
        }
    }

    /// Which of `shards` shards have connections of a user.
    #[must_use]
    pub fn audience_of_user(&self, app: AppId, user: &str, shards: usize) -> ShardMask {
        if shards == 1 {
            return ShardMask::first(1);
        }
        self.users.shards(app, user)
    }

    /// Which of `shards` shards have somebody who is to get a publication, where public ids are
    /// under `id_key`.
    #[must_use]
    pub fn audience(
        &self,
        publication: &Publication<'_>,
        shards: usize,
        id_key: &IdKey,
    ) -> ShardMask {
        let Publication { app, topic, .. } = *publication;
        // Whether an id is anybody's is for the shard that it names to say.
        let owner = |id| {
            let shard = id_key.open(id).shard;
            (shard.index() < shards).then_some(shard)
        };
        match publication.audience {
            // A shard that is alone does not tell its interest.
            _ if shards == 1 => ShardMask::first(1),
            Audience::Topic => {
                let mut mask = self.topics.shards(app, topic);
                let own_room = Ulid::parse_uuid(topic.as_bytes());
                own_room
                    .and_then(owner)
                    .into_iter()
                    .for_each(|shard| mask.insert(shard));
                mask
            }
            Audience::User(user) => self.audience_of_user(app, user, shards),
            Audience::Conn(id) => {
                let mut mask = ShardMask::default();
                owner(id).into_iter().for_each(|shard| mask.insert(shard));
                mask
            }
            Audience::Everyone => ShardMask::first(shards),
        }
    }
}

/// Name to shards, for every app: read at each publish, written when a shard's first subscriber of
/// a topic comes or its last one goes.
#[derive(Debug)]
pub struct Names {
    apps: Box<[HashMap<Arc<str>, ShardMask, RandomState>]>,
}

impl Names {
    fn new(apps: usize, seed: u64) -> Self {
        let hasher = RandomState::with_seed(seed as usize);
        Self {
            apps: (0..apps)
                .map(|_| {
                    // In the incremental mode, the default, a name that comes and goes without end
                    // made each access dearer than the one before: one client's subscribes and
                    // unsubscribes held a shard for 10 s. Here whoever finds a table full copies
                    // all of it, for which other writers wait; readers do not.
                    HashMap::builder()
                        .hasher(hasher.clone())
                        .resize_mode(ResizeMode::Blocking)
                        .build()
                })
                .collect(),
        }
    }

    /// Notes that `shard` has some; true when it is the first shard of this node.
    pub fn add(&self, app: AppId, name: &Arc<str>, shard: ShardId) -> bool {
        let apps = self.apps[usize::from(app.0)].pin();
        let added = apps.compute(Arc::clone(name), |entry| {
            let mut shards = entry.map_or_else(ShardMask::default, |(_, shards)| *shards);
            shards.insert(shard);
            Operation::<ShardMask, ()>::Insert(shards)
        });
        matches!(added, Compute::Inserted(..))
    }

    /// Notes that `shard` has none left; true when it was the last shard of this node.
    pub fn remove(&self, app: AppId, name: &Arc<str>, shard: ShardId) -> bool {
        let apps = self.apps[usize::from(app.0)].pin();
        let removed = apps.compute(Arc::clone(name), |entry| {
            let Some((_, shards)) = entry else {
                return Operation::Abort(());
            };
            let mut shards = *shards;
            shards.remove(shard);
            if shards.is_empty() {
                Operation::Remove
            } else {
                Operation::Insert(shards)
            }
        });
        matches!(removed, Compute::Removed(..))
    }

    /// The shards that have some.
    #[must_use]
    pub fn shards(&self, app: AppId, name: &str) -> ShardMask {
        let apps = self.apps[usize::from(app.0)].pin();
        apps.get(name).copied().unwrap_or_default()
    }

    /// How many names some shard of this node is interested in.
    #[must_use]
    pub fn len(&self) -> usize {
        self.apps.iter().map(HashMap::len).sum()
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn mask_iterates_its_shards_in_order() {
        let shards = [0, 1, 63, 64, 200, 255].map(ShardId);
        let mut mask = ShardMask::default();
        for shard in shards.into_iter().rev() {
            mask.insert(shard);
        }
        assert!(mask.contains(ShardId(200)) && !mask.contains(ShardId(201)));
        assert_eq!(mask.into_iter().collect::<Vec<_>>(), shards);
    }

    #[test]
    fn entry_is_gone_with_its_last_shard() {
        let interest = Names::new(2, 1);
        let (app, topic) = (AppId(1), Arc::from("t"));
        assert!(interest.add(app, &topic, ShardId(0)));
        assert!(!interest.add(app, &topic, ShardId(7)));
        assert!(!interest.add(app, &topic, ShardId(7)));
        assert!(interest.shards(AppId(0), "t").is_empty());
        assert!(!interest.remove(app, &topic, ShardId(0)));
        assert!(interest.shards(app, "t").contains(ShardId(7)));
        assert!(interest.remove(app, &topic, ShardId(7)));
        assert!(!interest.remove(app, &topic, ShardId(7)));
        assert_eq!(interest.len(), 0);
    }

    #[test]
    fn concurrent_updates_of_one_topic_lose_no_shard() {
        let interest = Names::new(1, 1);
        let (app, topic) = (AppId(0), Arc::from("t"));
        std::thread::scope(|scope| {
            for shard in 0..4 {
                let (interest, topic) = (&interest, Arc::clone(&topic));
                scope.spawn(move || {
                    for _ in 0..5_000 {
                        interest.add(app, &topic, ShardId(shard));
                        assert!(interest.shards(app, &topic).contains(ShardId(shard)));
                        interest.remove(app, &topic, ShardId(shard));
                        assert!(!interest.shards(app, &topic).contains(ShardId(shard)));
                    }
                });
            }
        });
        assert_eq!(interest.len(), 0);
    }
}
