//! Topics and their subscribers on one shard. Knows slots, no sockets; delivery is its caller's.

use std::collections::HashMap;
use std::sync::Arc;

use ahash::RandomState;
use smallvec::SmallVec;

use super::publication::AppId;
use crate::base::slab::{Key, Slab};
use crate::codec::ws::deflate::WindowBits;

/// Which form a subscriber wants its publications in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Encoding {
    /// The index of its endpoint, whose dialect writes the frame.
    pub endpoint: u16,
    /// The window that it is compressed for; `None`: as it is.
    pub window: Option<WindowBits>,
}

/// One membership as its connection keeps it, sorted by topic.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Subscription {
    /// The topic's slot: shard-local, never on the wire.
    topic: Key,
    /// Where the connection stands in its group of the topic.
    index: u32,
}

/// The memberships of one connection: a set.
pub type Subscriptions = SmallVec<[Subscription; 1]>;

/// The subscribers of one topic that want the same encoding.
#[derive(Debug)]
struct Group {
    encoding: Encoding,
    slots: Vec<u32>,
}

#[derive(Debug)]
struct Topic {
    app: AppId,
    name: Arc<str>,
    /// The first letter of this shard's mailbox that can concern its subscribers: see
    /// [`TopicTable::ignore_letters_before`].
    first_letter: u64,
    /// One group nearly always: endpoints of different encodings rarely share an app.
    groups: SmallVec<[Group; 1]>,
}

/// What a subscribe did.
#[derive(Debug, PartialEq, Eq)]
pub enum Joined {
    /// The connection had the topic already.
    Already,
    /// It has it now, and the shard had subscribers before.
    Added,
    /// It is the shard's first subscriber of this topic.
    First(Arc<str>),
}

/// All topics of one shard that have subscribers.
#[derive(Debug)]
pub struct TopicTable {
    apps: Box<[HashMap<Arc<str>, Key, RandomState>]>,
    topics: Slab<Topic>,
    subscriptions: usize,
}

impl TopicTable {
    /// An empty table for `apps` topic spaces. `seed` keys the hashing against chosen names.
    #[must_use]
    pub fn new(apps: usize, seed: u64) -> Self {
        let hasher = RandomState::with_seed(seed as usize);
        Self {
            apps: (0..apps)
                .map(|_| HashMap::with_hasher(hasher.clone()))
                .collect(),
            topics: Slab::default(),
            subscriptions: 0,
        }
    }

    /// Makes the connection in `slot` a member of the topic. `own` are its memberships so far.
    pub fn subscribe(
        &mut self,
        app: AppId,
        name: &str,
        encoding: Encoding,
        slot: u32,
        own: &mut Subscriptions,
    ) -> Joined {
        let names = &mut self.apps[usize::from(app.0)];
        let (key, first) = if let Some(key) = names.get(name) {
            (*key, None)
        } else {
            let name: Arc<str> = Arc::from(name);
            let key = self.topics.insert_with(|_| Topic {
                app,
                name: Arc::clone(&name),
                first_letter: 0,
                groups: SmallVec::new(),
            });
            names.insert(Arc::clone(&name), key);
            (key, Some(name))
        };
        let Err(place) = own.binary_search_by_key(&key, |subscription| subscription.topic) else {
            return Joined::Already;
        };
        let topic = self.topics.get_mut(key).expect("named topics exist");
        let slots = topic.slots_of(encoding);
        let index = u32::try_from(slots.len()).expect("fewer subscribers than slots");
        slots.push(slot);
        own.insert(place, Subscription { topic: key, index });
        self.subscriptions += 1;
        first.map_or(Joined::Added, Joined::First)
    }

    /// Has [`Self::is_owed_letter`] say no to what was in the mailbox before the topic's first
    /// subscriber came.
    ///
    /// Such letters were meant for subscribers that have left since. What was published after them,
    /// while nobody was here, was not sent to this shard at all: to deliver the one and not the
    /// other would be a gap.
    pub fn ignore_letters_before(&mut self, app: AppId, name: &str, letter: u64) {
        let key = self.apps[usize::from(app.0)].get(name);
        if let Some(topic) = key.and_then(|key| self.topics.get_mut(*key)) {
            topic.first_letter = letter;
        }
    }

    /// Whether the letter of that number is for the subscribers that the topic has now.
    #[must_use]
    pub fn is_owed_letter(&self, app: AppId, name: &str, letter: u64) -> bool {
        let key = self.apps[usize::from(app.0)].get(name);
        key.and_then(|key| self.topics.get(*key))
            .is_some_and(|topic| topic.first_letter <= letter)
    }

    /// The names of these memberships.
    #[must_use]
    pub fn names(&self, own: &Subscriptions) -> Vec<Arc<str>> {
        let topics = own.iter().filter_map(|own| self.topics.get(own.topic));
        topics.map(|topic| Arc::clone(&topic.name)).collect()
    }

    /// Whether a connection with these memberships has the topic.
    #[must_use]
    pub fn is_subscribed(&self, app: AppId, name: &str, own: &Subscriptions) -> bool {
        self.apps[usize::from(app.0)]
            .get(name)
            .is_some_and(|key| position(own, *key).is_some())
    }

    /// Ends one membership, if there is one. `moved` must set the new index of the connection
    /// whose slot it is given: see [`set_index`].
    ///
    /// Returns the topic's name when the shard's last subscriber of it has gone.
    pub fn unsubscribe(
        &mut self,
        app: AppId,
        name: &str,
        encoding: Encoding,
        own: &mut Subscriptions,
        moved: impl FnOnce(Moved),
    ) -> Option<Arc<str>> {
        let key = *self.apps[usize::from(app.0)].get(name)?;
        let place = position(own, key)?;
        let subscription = own.remove(place);
        self.take_out(subscription, encoding, moved)
            .map(|(_, name)| name)
    }

    /// Ends one of the memberships that a connection gave up as a whole; as [`Self::unsubscribe`].
    pub fn take_out(
        &mut self,
        subscription: Subscription,
        encoding: Encoding,
        moved: impl FnOnce(Moved),
    ) -> Option<(AppId, Arc<str>)> {
        let topic = self.topics.get_mut(subscription.topic)?;
        let slots = topic.slots_of(encoding);
        slots.swap_remove(subscription.index as usize);
        if let Some(slot) = slots.get(subscription.index as usize) {
            moved(Moved {
                slot: *slot,
                subscription,
            });
        }
        self.subscriptions -= 1;
        topic.groups.retain(|group| !group.slots.is_empty());
        if !topic.groups.is_empty() {
            return None;
        }
        let topic = self.topics.remove(subscription.topic)?;
        self.apps[usize::from(topic.app.0)].remove(&topic.name);
        Some((topic.app, topic.name))
    }

    /// The subscribers of a topic, one slice of slots for each encoding among them.
    pub fn subscribers(&self, app: AppId, name: &str) -> impl Iterator<Item = (Encoding, &[u32])> {
        self.apps[usize::from(app.0)]
            .get(name)
            .and_then(|key| self.topics.get(*key))
            .into_iter()
            .flat_map(|topic| &topic.groups)
            .map(|group| (group.encoding, group.slots.as_slice()))
    }

    /// The first `limit` topics after the name `after`, by name, of those that begin with `prefix`;
    /// with their subscribers.
    ///
    /// Cost: looks at every topic, for whoever administers; nothing on the way of a message.
    #[must_use]
    pub fn page(
        &self,
        app: AppId,
        prefix: &str,
        after: &str,
        limit: usize,
    ) -> Vec<(String, usize)> {
        let mut names: Vec<&Arc<str>> = self.apps[usize::from(app.0)]
            .keys()
            .filter(|name| name.starts_with(prefix) && &***name > after)
            .collect();
        names.sort_unstable();
        names.truncate(limit);
        let count = |name: &str| {
            self.subscribers(app, name)
                .map(|(_, slots)| slots.len())
                .sum()
        };
        names
            .into_iter()
            .map(|name| (name.to_string(), count(name)))
            .collect()
    }

    /// Topics with at least one subscriber here.
    #[must_use]
    pub fn topics(&self) -> usize {
        self.topics.len()
    }

    /// Memberships of all connections here.
    #[must_use]
    pub fn subscriptions(&self) -> usize {
        self.subscriptions
    }
}

impl Topic {
    fn slots_of(&mut self, encoding: Encoding) -> &mut Vec<u32> {
        let known = self
            .groups
            .iter()
            .position(|group| group.encoding == encoding);
        let index = known.unwrap_or_else(|| {
            self.groups.push(Group {
                encoding,
                slots: Vec::new(),
            });
            self.groups.len() - 1
        });
        &mut self.groups[index].slots
    }
}

/// A connection that now stands where the one that left did.
#[derive(Debug, Clone, Copy)]
pub struct Moved {
    /// The connection's slot.
    pub slot: u32,
    subscription: Subscription,
}

/// Notes in the memberships of a [`Moved`] connection where it stands now.
pub fn set_index(own: &mut Subscriptions, moved: Moved) {
    if let Some(place) = position(own, moved.subscription.topic) {
        own[place].index = moved.subscription.index;
    }
}

fn position(own: &Subscriptions, topic: Key) -> Option<usize> {
    own.binary_search_by_key(&topic, |subscription| subscription.topic)
        .ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::random::Random;
    use std::collections::{BTreeMap, BTreeSet};

    const APP: AppId = AppId(0);

    const fn plain(endpoint: u16) -> Encoding {
        Encoding {
            endpoint,
            window: None,
        }
    }

    fn slots(table: &TopicTable, name: &str) -> BTreeSet<u32> {
        let mut all = BTreeSet::new();
        for (_, slots) in table.subscribers(APP, name) {
            for slot in slots {
                assert!(all.insert(*slot), "slot {slot} twice in {name}");
            }
        }
        all
    }

    #[test]
    fn topic_is_gone_with_its_last_subscriber() {
        let mut table = TopicTable::new(1, 1);
        let mut own = Subscriptions::new();
        let joined = table.subscribe(APP, "t", plain(0), 9, &mut own);
        assert!(matches!(joined, Joined::First(name) if &*name == "t"));
        assert_eq!(
            table.subscribe(APP, "t", plain(0), 9, &mut own),
            Joined::Already
        );
        assert_eq!(table.subscriptions(), 1);
        let gone = table.unsubscribe(APP, "t", plain(0), &mut own, |_| panic!("nobody moved"));
        assert_eq!(gone.as_deref(), Some("t"));
        assert_eq!(
            table.unsubscribe(APP, "t", plain(0), &mut own, |_| ()),
            None
        );
        assert_eq!((table.topics(), table.subscriptions()), (0, 0));
    }

    #[test]
    fn subscribers_are_grouped_by_encoding() {
        let mut table = TopicTable::new(1, 1);
        let mut owns = [(); 4].map(|()| Subscriptions::new());
        let deflated = Encoding {
            window: Some(WindowBits::MAX),
            ..plain(4)
        };
        for (slot, encoding) in [(0, plain(0)), (1, deflated), (2, plain(0)), (3, plain(4))] {
            table.subscribe(APP, "t", encoding, slot, &mut owns[slot as usize]);
        }
        let groups: Vec<_> = table.subscribers(APP, "t").collect();
        let [both, one, other] = [&[0, 2][..], &[1], &[3]];
        assert_eq!(
            groups,
            [(plain(0), both), (deflated, one), (plain(4), other)]
        );
        table.unsubscribe(APP, "t", deflated, &mut owns[1], |_| ());
        assert_eq!(table.subscribers(APP, "t").count(), 2);
    }

    #[test]
    fn random_churn_matches_a_plain_map_of_sets() {
        let mut random = Random::new(11);
        let mut table = TopicTable::new(1, 1);
        let mut owns: Vec<Subscriptions> = vec![Subscriptions::new(); 20];
        let mut model: BTreeMap<String, BTreeSet<u32>> = BTreeMap::new();
        for _ in 0..20_000 {
            let (slot, name) = (random.below(20), format!("t{}", random.below(8)));
            let encoding = plain((slot % 2) as u16);
            let mut own = std::mem::take(&mut owns[slot as usize]);
            let members = model.entry(name.clone()).or_default();
            if random.below(2) == 0 {
                let joined = table.subscribe(APP, &name, encoding, slot, &mut own);
                assert_eq!(matches!(joined, Joined::First(_)), members.is_empty());
                assert_eq!(joined != Joined::Already, members.insert(slot));
            } else {
                let gone = table.unsubscribe(APP, &name, encoding, &mut own, |moved| {
                    set_index(&mut owns[moved.slot as usize], moved);
                });
                let was_member = members.remove(&slot);
                assert_eq!(gone.is_some(), was_member && members.is_empty());
            }
            owns[slot as usize] = own;
            assert_eq!(&slots(&table, &name), members);
        }
        assert_eq!(
            table.subscriptions(),
            model.values().map(BTreeSet::len).sum::<usize>()
        );
    }
}
