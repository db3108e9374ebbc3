//! A publication's way to its subscribers, here and on the other shards.

use std::sync::Arc;

use super::busy::Wait;
use super::dialect::Publish;
use super::interest::ShardMask;
use super::mailbox::Posted;
use super::publication::{MessageId, Origin, Publication, SharedPublication};
use super::shard::Shard;
use super::turn_log::FrameKind;
use crate::base::ids::ConnId;
use crate::base::slab::Key;
use crate::base::time::Now;

/// An accepted publication that not every interested shard had room for.
#[derive(Debug)]
pub(super) struct Stalled {
    publication: Arc<SharedPublication>,
    /// The shards still to go.
    remaining: ShardMask,
    /// The connection that waits for it, if it is still there.
    source: Key,
}

impl Shard {
    /// Publishes for a connection. What is returned must be waited for before the next publication
    /// of the same connection: otherwise that could overtake on the shards that had room.
    pub(super) fn publish(&mut self, now: Now, key: Key, publish: &Publish<'_>) -> Option<Wait> {
        let source = self.conn_id(key);
        let app = self.endpoint_of(key)?.app;
        let publication = Publication {
            app,
            topic: &publish.topic,
            event: &publish.event,
            data: publish.data.as_deref(),
            kind: publish.kind,
            id: MessageId::Ulid(self.ulids.next(now.unix_ms, &mut self.random)),
            origin: Origin::Conn(source),
            exclude: publish.exclude_self.then_some(source),
        };
        self.stats.publications += 1;
        self.deliver(&publication);
        self.post(key, &publication)
    }

    /// Adds a publication to the list of every subscriber on this shard: encoded once for each
    /// encoding among them, an index each otherwise.
    fn deliver(&mut self, publication: &Publication<'_>) {
        let excluded = publication.exclude.filter(|conn| conn.shard == self.id);
        let excluded = excluded.map(|conn: ConnId| conn.key.slot);
        let (topics, log) = (&self.topics, &mut self.log);
        for (encoding, slots) in topics.subscribers(publication.app, publication.topic) {
            let dialect = &self.endpoints[usize::from(encoding)].dialect;
            let entry = log.write(FrameKind::Publication, |out| {
                dialect.encode(publication, out);
            });
            for slot in slots {
                if Some(*slot) != excluded {
                    log.append(*slot, entry);
                    self.stats.deliveries += 1;
                }
            }
        }
    }

    /// Sends one letter to each other shard that has subscribers.
    fn post(&mut self, source: Key, publication: &Publication<'_>) -> Option<Wait> {
        if !self.has_peers() {
            return None;
        }
        let mut remaining = self.interest.shards(publication.app, publication.topic);
        remaining.remove(self.id);
        if remaining.is_empty() {
            return None;
        }
        let shared = publication.share();
        self.post_to_all(&shared, &mut remaining, &mut ShardMask::default());
        if remaining.is_empty() {
            return None;
        }
        self.stats.stalls += 1;
        self.stalled.push_back(Stalled {
            publication: shared,
            remaining,
            source,
        });
        Some(Wait::Room {
            topic: publication.topic.into(),
        })
    }

    /// Posts to the shards of `remaining` that are not known to be `full`, and takes out those that
    /// had room.
    fn post_to_all(
        &mut self,
        publication: &Arc<SharedPublication>,
        remaining: &mut ShardMask,
        full: &mut ShardMask,
    ) {
        for shard in *remaining {
            if full.contains(shard) {
                continue;
            }
            match self.mesh.post(shard, publication) {
                Posted::Taken => {
                    remaining.remove(shard);
                    self.posted.insert(shard);
                }
                Posted::Full => full.insert(shard),
            }
        }
    }

    /// Tries the waiting publications again, oldest first; to be called when this shard was woken.
    ///
    /// Each source has at most one, so trying a younger one while an older waits for another shard
    /// swaps nothing that anybody could see.
    pub fn retry_stalled(&mut self, now: Now) {
        let mut full = ShardMask::default();
        for _ in 0..self.stalled.len() {
            let Some(mut stalled) = self.stalled.pop_front() else {
                return;
            };
            self.post_to_all(&stalled.publication, &mut stalled.remaining, &mut full);
            if stalled.remaining.is_empty() {
                self.handle_room(now, stalled.source);
            } else {
                self.stalled.push_back(stalled);
            }
        }
    }

    /// Whether some publication waits for room.
    #[must_use]
    pub fn has_stalled(&self) -> bool {
        !self.stalled.is_empty()
    }

    /// A publication that the control plane hands to each shard itself. Returns how many
    /// subscribers of this shard it is queued to.
    pub fn handle_command_publication(&mut self, publication: &Publication<'_>) -> u64 {
        let before = self.stats.deliveries;
        self.deliver(publication);
        self.stats.deliveries - before
    }

    /// A letter of another shard; letters are numbered in the order of these calls.
    pub fn handle_publication(&mut self, letter: &SharedPublication) {
        let number = self.stats.letters;
        self.stats.letters += 1;
        let publication = letter.publication();
        let Publication { app, topic, .. } = publication;
        if self.topics.is_owed_letter(app, topic, number) {
            self.deliver(&publication);
        }
    }
}
