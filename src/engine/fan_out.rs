//! A publication's way to its subscribers, here and on the other shards.

use std::sync::Arc;

use smallvec::SmallVec;

use super::actions::{Dispatch, Publish, To};
use super::busy::Wait;
use super::conn::Conn;
use super::deflate::Deflate;
use super::dialect::Dialect;
use super::endpoint::Endpoint;
use super::interest::ShardMask;
use super::mailbox::Posted;
use super::publication::{
    AppId, Audience, DataKind, MessageId, Origin, Publication, SharedPublication,
};
use super::shard::Shard;
use super::topic_table::Encoding;
use super::turn_log::{EntryId, FrameKind, TurnLog};
use crate::base::ids::Ulid;
use crate::base::slab::{Key, Slab};
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
        let own_id = [self.conns.get(key)?.id];
        let publication = Publication {
            app: self.endpoint_of(key)?.app,
            topic: &publish.topic,
            audience: Audience::Topic,
            event: &publish.event,
            data: publish.data.as_deref(),
            kind: publish.kind,
            id: self.next_id(now),
            origin: Origin::Conn(self.conn_id(key)),
            exclude: if publish.exclude_self { &own_id } else { &[] },
        };
        let is_full = self.spread(key, &publication);
        is_full.then(|| Wait::Room {
            topic: Some(publication.topic.into()),
        })
    }

    /// Sends what the application wants sent about a connection's message; as [`Self::publish`], and
    /// nobody is told about it.
    pub(super) fn dispatch(&mut self, now: Now, key: Key, dispatch: &Dispatch<'_>) -> Option<Wait> {
        let own_id = self.conns.get(key)?.id;
        let own_id = dispatch.exclude_sender.then_some(own_id);
        let exclude: SmallVec<[Ulid; 1]> = own_id
            .into_iter()
            .chain(dispatch.exclude.iter().copied())
            .collect();
        let publication = Publication {
            app: self.endpoint_of(key)?.app,
            topic: &dispatch.topic,
            audience: match &dispatch.to {
                To::Sender => Audience::Conn(self.conns.get(key)?.id),
                To::Topic => Audience::Topic,
                To::User(user) => Audience::User(user),
                To::Conn(id) => Audience::Conn(*id),
                To::Everyone => Audience::Everyone,
            },
            event: &dispatch.event,
            data: dispatch.data.as_deref(),
            kind: DataKind::Json,
            id: self.next_id(now),
            origin: Origin::Conn(self.conn_id(key)),
            exclude: &exclude,
        };
        let is_full = self.spread(key, &publication);
        is_full.then_some(Wait::Room { topic: None })
    }

    fn next_id(&mut self, now: Now) -> MessageId<'static> {
        MessageId::Ulid(self.ulids.next(now.unix_ms, &mut self.random))
    }

    /// Delivers here and posts elsewhere; whether some shard had no room.
    fn spread(&mut self, key: Key, publication: &Publication<'_>) -> bool {
        self.stats.publications += 1;
        self.deliver(publication);
        self.post(key, publication)
    }

    /// Adds a publication to the list of everybody on this shard who is to get it: encoded once for
    /// each encoding among them, an index each otherwise. Returns how many those are.
    pub(super) fn deliver(&mut self, publication: &Publication<'_>) -> u64 {
        let Publication { app, topic, .. } = *publication;
        let excluded = self.slots_of(publication.exclude);
        let alone = match publication.audience {
            // Who is subscribed to its own room as well is among the subscribers.
            Audience::Topic => self
                .owner_of_room(app, topic)
                .filter(|owner| !self.is_subscribed(*owner, app, topic)),
            // An id that was given out names one connection, whatever its app.
            Audience::Conn(id) => self.member(id),
            Audience::User(_) | Audience::Everyone => None,
        };
        let everyone = match publication.audience {
            Audience::Everyone => self.everyone(app),
            _ => Vec::new(),
        };
        let mut handout = Handout {
            publication,
            excluded: &excluded,
            endpoints: &self.endpoints,
            conns: &mut self.conns,
            log: &mut self.log,
            deflate: &mut self.deflate,
            count: 0,
        };
        match publication.audience {
            Audience::Topic => handout.give_all(self.topics.subscribers(app, topic)),
            Audience::User(user) => handout.give_all(self.users.subscribers(app, user)),
            Audience::Conn(_) | Audience::Everyone => {}
        }
        for group in everyone.chunk_by(|a, b| a.encoding == b.encoding) {
            let slots = group.iter().map(|member| member.slot);
            handout.give(group[0].encoding, slots);
        }
        if let Some(member) = alone {
            handout.give(member.encoding, std::iter::once(member.slot));
        }
        let count = handout.count;
        self.stats.deliveries += count;
        count
    }

    /// The slots here of the connections with these ids.
    fn slots_of(&self, ids: &[Ulid]) -> SmallVec<[u32; 1]> {
        let keys = ids.iter().filter_map(|id| self.find(*id));
        keys.map(|key| key.slot).collect()
    }

    /// The open connection that shows this id.
    fn member(&self, id: Ulid) -> Option<Member> {
        let key = self.find(id)?;
        Some(Member {
            encoding: self.conns.get(key)?.encoding(),
            slot: key.slot,
        })
    }

    /// The connection whose own room a topic is: some dialects let everybody be addressed as a room.
    fn owner_of_room(&self, app: AppId, topic: &str) -> Option<Member> {
        let member = self.member(Ulid::parse_uuid(topic.as_bytes())?)?;
        let conn = self.conns.at(member.slot)?;
        let endpoint = &self.endpoints[usize::from(member.encoding.endpoint)];
        let is_there = endpoint.app == app && endpoint.dialect.is_in_own_room(&conn.state);
        is_there.then_some(member)
    }

    fn is_subscribed(&self, member: Member, app: AppId, topic: &str) -> bool {
        let conn = self.conns.at(member.slot);
        conn.is_some_and(|conn| self.topics.is_subscribed(app, topic, &conn.subscriptions))
    }

    /// All connections of an app that take broadcasts, those of one encoding side by side.
    fn everyone(&self, app: AppId) -> Vec<Member> {
        let mut all: Vec<Member> = self
            .conns
            .keys()
            .filter_map(|key| {
                let conn = self.conns.get(key).filter(|conn| conn.is_open())?;
                let endpoint = &self.endpoints[usize::from(conn.endpoint)];
                let hears = endpoint.app == app && endpoint.dialect.hears_everyone(&conn.state);
                hears.then_some(Member {
                    encoding: conn.encoding(),
                    slot: key.slot,
                })
            })
            .collect();
        all.sort_unstable();
        all
    }

    /// Sends one letter to each other shard that has somebody; whether one of them had no room.
    fn post(&mut self, source: Key, publication: &Publication<'_>) -> bool {
        if !self.has_peers() {
            return false;
        }
        let mut remaining = self
            .interest
            .audience(publication, self.mesh.shards(), &self.id_key);
        remaining.remove(self.id);
        if remaining.is_empty() {
            return false;
        }
        let shared = publication.share();
        self.post_to_all(&shared, &mut remaining, &mut ShardMask::default());
        if remaining.is_empty() {
            return false;
        }
        self.stats.stalls += 1;
        self.stalled.push_back(Stalled {
            publication: shared,
            remaining,
            source,
        });
        true
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
        self.deliver(publication)
    }

    /// A letter of another shard; letters are numbered in the order of these calls.
    pub fn handle_publication(&mut self, letter: &SharedPublication) {
        let number = self.stats.letters;
        self.stats.letters += 1;
        let publication = letter.publication();
        let Publication { app, topic, .. } = publication;
        let is_owed = match publication.audience {
            Audience::Topic => {
                self.topics.is_owed_letter(app, topic, number)
                    || self.owner_of_room(app, topic).is_some()
            }
            // Nobody is told when they begin to be sent to as a user, so nothing can be missed.
            Audience::User(_) | Audience::Conn(_) | Audience::Everyone => true,
        };
        if is_owed {
            self.deliver(&publication);
        }
    }
}

/// A connection as fan-out sees it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Member {
    encoding: Encoding,
    slot: u32,
}

/// One publication on its way into the lists of connections.
struct Handout<'a> {
    publication: &'a Publication<'a>,
    excluded: &'a [u32],
    endpoints: &'a [Endpoint],
    conns: &'a mut Slab<Conn>,
    log: &'a mut TurnLog,
    deflate: &'a mut Deflate,
    count: u64,
}

impl Handout<'_> {
    fn give_all<'t>(&mut self, groups: impl Iterator<Item = (Encoding, &'t [u32])>) {
        for (encoding, slots) in groups {
            self.give(encoding, slots.iter().copied());
        }
    }

    /// Writes the publication once, and its number to each of these slots.
    fn give(&mut self, encoding: Encoding, slots: impl Iterator<Item = u32>) {
        let dialect = &*self.endpoints[usize::from(encoding.endpoint)].dialect;
        if dialect.encodes_for_each() {
            self.give_to_each(encoding, dialect, slots);
            return;
        }
        let entry = self.write(encoding);
        let log = &mut *self.log;
        let mut count = 0;
        // Hardly ever is anybody left out, and this is what each delivery costs.
        if self.excluded.is_empty() {
            for slot in slots {
                log.append(slot, entry);
                count += 1;
            }
        } else {
            for slot in slots.filter(|slot| !self.excluded.contains(slot)) {
                log.append(slot, entry);
                count += 1;
            }
        }
        self.count += count;
    }

    /// Writes the publication in one encoding.
    fn write(&mut self, encoding: Encoding) -> EntryId {
        let endpoint = &self.endpoints[usize::from(encoding.endpoint)];
        let encode = |out: &mut Vec<u8>| endpoint.dialect.encode(self.publication, out);
        match encoding.window {
            None => self.log.write(FrameKind::Publication, encode),
            Some(window) => {
                let (deflate, bytes_min) = (&mut *self.deflate, endpoint.deflate.bytes_min);
                self.log.write(FrameKind::Publication, |out| {
                    deflate.write(window, bytes_min, out, encode);
                })
            }
        }
    }

    /// Writes the publication for each connection that has a form of its own, and once for the rest.
    fn give_to_each(
        &mut self,
        encoding: Encoding,
        dialect: &dyn Dialect,
        slots: impl Iterator<Item = u32>,
    ) {
        let mut shared = None;
        for slot in slots {
            if self.excluded.contains(&slot) {
                continue;
            }
            let state = self.conns.at_mut(slot).map(|conn| &mut conn.state);
            let own = state.and_then(|state| {
                let write = |out: &mut Vec<u8>| dialect.encode_for(state, self.publication, out);
                self.log.write_some(FrameKind::Publication, write)
            });
            let entry = own.unwrap_or_else(|| *shared.get_or_insert_with(|| self.write(encoding)));
            self.log.append(slot, entry);
            self.count += 1;
        }
    }
}
