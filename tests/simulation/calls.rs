//! Calls of the API: what it sends to users, to connections and to everybody, and what it revokes.
//!
//! They take the way that the control plane takes: into the command lanes of the shards that the interest
//! map names, where each shard finds them in the order of their calls. A shard that ticks has emptied its
//! lane before, as its worker would have.
//!
//! An identity that ends must be over for its connection soon. A deadline is seen at the first tick after
//! it is rounded up to [`TICK_MS`], and a revocation when it is taken from the lane; so with bounded faults
//! nothing may need an ended identity later than [`LATE_END_MS_MAX`] after its end, unless the shard hangs
//! meanwhile. The checker is told of the very moment ([`Checker::has_ended`](crate::contract::Checker)).

use std::sync::Arc;

use shardcast::base::ids::{IdKey, ShardId, Ulid};
use shardcast::base::slab::Key;
use shardcast::base::wheel::TICK_MS;
use shardcast::engine::interest::ShardMask;
use shardcast::engine::publication::{
    Audience, DataKind, MessageId, Origin, Publication, SharedPublication,
};

use crate::contract::{Broken, EXPIRED, To, user_name};
use crate::plan::{ELAPSE_MS_MAX, LATE_MS_MAX};
use crate::planted::Bug;
use crate::world::{APP, World};

/// How much later than its end an identity may be needed by something that is delivered, where ticks are
/// late by a bounded time and no shard hangs.
pub(crate) const LATE_END_MS_MAX: u64 = TICK_MS + LATE_MS_MAX + ELAPSE_MS_MAX as u64;

/// Connections that something sent leaves out, at most.
const EXCLUDED_MAX: u32 = 2;

/// Something that the control plane wants of one shard.
#[derive(Debug)]
pub(crate) enum Command {
    /// To hand out what was sent as this number.
    Send(usize, Arc<SharedPublication>),
    /// To end identities.
    Revoke(Revocation),
}

/// An end of identities, called for at a time.
#[derive(Debug, Clone)]
pub(crate) struct Revocation {
    of: Revoked,
    reason: String,
    called_ms: u64,
}

/// Whose identity ends.
#[derive(Debug, Clone, Copy)]
enum Revoked {
    User(usize),
    /// A client's connection, and its public id.
    Conn(usize, Ulid),
}

impl World {
    /// The key of all public ids of a run.
    pub(crate) fn id_key(seed: u64) -> IdKey {
        IdKey::new([seed as u8; 16])
    }

    /// Somebody calls the API.
    pub(crate) fn call(&mut self) {
        if self.is_draining {
            return;
        }
        if self.random.below(8) == 0 {
            self.revoke_something();
            return;
        }
        let to = match self.random.below(8) {
            0 => Some(To::Everyone),
            1 | 2 => self.anybody_with_id().map(To::Client),
            _ => Some(To::User(self.random.below(self.plan.users) as usize)),
        };
        if let Some(to) = to {
            let exclude = (0..self.random.below(EXCLUDED_MAX + 1))
                .filter_map(|_| self.anybody_with_id())
                .collect::<Vec<_>>();
            self.send(to, &exclude);
        }
    }

    /// Every user is sent something, and everybody.
    pub(crate) fn send_to_all(&mut self) {
        for user in 0..self.plan.users as usize {
            self.send(To::User(user), &[]);
        }
        self.send(To::Everyone, &[]);
    }

    fn anybody_with_id(&mut self) -> Option<usize> {
        let client = self.anybody()?;
        self.checker.id(client).map(|_| client)
    }

    fn send(&mut self, to: To, exclude: &[usize]) {
        let number = self.checker.send(to, exclude);
        let (event, data) = self.checker.send_text(number);
        let id = |client: usize| self.checker.id(client);
        let exclude: Vec<Ulid> = exclude.iter().filter_map(|client| id(*client)).collect();
        let user = match to {
            To::User(user) => user_name(user),
            _ => String::new(),
        };
        let publication = Publication {
            app: APP,
            topic: "",
            audience: match to {
                To::User(_) => Audience::User(&user),
                To::Client(client) => Audience::Conn(id(client).unwrap_or(Ulid(0))),
                To::Everyone => Audience::Everyone,
            },
            event: &event,
            data: data.as_deref().map(str::as_bytes),
            kind: DataKind::Json,
            id: MessageId::Ulid(Ulid(number as u128)),
            origin: Origin::Api,
            exclude: &exclude,
        };
        let shards = self
            .interest
            .audience(&publication, self.nodes.len(), &self.id_key);
        let shared = publication.share();
        self.trace.event("sends", &[number as u64]);
        self.trace.say(|| format!("{to:?}, but not {exclude:?}"));
        for shard in shards {
            let command = Command::Send(number, Arc::clone(&shared));
            self.nodes[shard.index()].lane.push_back(command);
        }
    }

    fn revoke_something(&mut self) {
        self.report.revocations += 1;
        let reason = format!("revoked.{}", self.report.revocations);
        let of = match self.random.below(2) {
            0 => Revoked::User(self.random.below(self.plan.users) as usize),
            _ => {
                let Some(client) = self.anybody_with_id() else {
                    return;
                };
                // Whom nobody knows would be closed or told as well.
                match self.checker.id(client) {
                    Some(id) if self.clients[client].user.is_some() => Revoked::Conn(client, id),
                    _ => return,
                }
            }
        };
        self.trace.event("revokes", &[self.report.revocations]);
        self.trace.say(|| format!("{of:?}"));
        let shards = match of {
            Revoked::User(user) => {
                self.checker.may_end_for(user, &reason);
                let shards = self.nodes.len();
                let name = user_name(user);
                self.interest.audience_of_user(APP, &name, shards)
            }
            Revoked::Conn(client, _) => {
                self.checker.may_end(client, &reason);
                let mut shards = ShardMask::default();
                shards.insert(ShardId(self.clients[client].shard as u16));
                shards
            }
        };
        let revocation = Revocation {
            of,
            reason,
            called_ms: self.now.monotonic_ms,
        };
        for shard in shards {
            let command = Command::Revoke(revocation.clone());
            self.nodes[shard.index()].lane.push_back(command);
        }
    }

    /// A shard does up to `count` things that the control plane wants; how many it did.
    pub(crate) fn take_commands(&mut self, shard: usize, count: usize) -> Result<usize, Broken> {
        let mut taken = 0;
        while taken < count
            && let Some(command) = self.nodes[shard].lane.pop_front()
        {
            taken += 1;
            self.trace.event("command", &[shard as u64]);
            match command {
                Command::Send(number, letter) => self.hand_out(shard, number, &letter),
                Command::Revoke(revocation) => self.revoke(shard, &revocation),
            }
        }
        if taken > 0 {
            self.end_turn(shard)?;
        }
        Ok(taken)
    }

    fn hand_out(&mut self, shard: usize, number: usize, letter: &SharedPublication) {
        let publication = letter.publication();
        let other = user_name(self.random.below(self.plan.users) as usize);
        let audience = match publication.audience {
            Audience::User(_)
                if self
                    .planted
                    .strikes(Bug::MisdirectedSend, &mut self.random, 4) =>
            {
                Audience::User(&other)
            }
            audience => audience,
        };
        let exclude = if self
            .planted
            .strikes(Bug::ExcludedGetIt, &mut self.random, 1)
        {
            &[]
        } else {
            publication.exclude
        };
        let publication = Publication {
            audience,
            exclude,
            ..publication
        };
        let times = 1 + u64::from(self.planted.strikes(Bug::SentTwice, &mut self.random, 8));
        for _ in 0..times {
            let node = &mut self.nodes[shard];
            node.shard.handle_command_publication(&publication);
        }
        self.checker.note_sent(shard, number);
    }

    fn revoke(&mut self, shard: usize, revocation: &Revocation) {
        let Revocation {
            of,
            ref reason,
            called_ms,
        } = *revocation;
        let node = &mut self.nodes[shard];
        let keys: Vec<Key> = match of {
            Revoked::User(user) => {
                // Those, too, who have become known since the call.
                self.checker.may_end_for(user, reason);
                node.shard.conns_of_user(APP, &user_name(user))
            }
            Revoked::Conn(_, id) => node.shard.find(id).into_iter().collect(),
        };
        let is_ignored = self
            .planted
            .strikes(Bug::IgnoredRevocation, &mut self.random, 1);
        for key in keys {
            if !is_ignored {
                node.shard.revoke(self.now, key, reason);
            }
        }
        match of {
            Revoked::User(user) => self.checker.has_ended_for(user, shard),
            Revoked::Conn(client, _) => self.checker.has_ended(client),
        }
        self.note_late_end(shard, called_ms);
    }

    /// The time of some identities is over.
    pub(crate) fn let_expire(&mut self) {
        for (client, end_ms) in &self.lives {
            if *end_ms <= self.now.monotonic_ms && !self.expiring.contains(client) {
                self.expiring.insert(*client);
                self.checker.may_end(*client, EXPIRED);
            }
        }
    }

    /// A shard has ticked: from then on there are no identities there that have ended before.
    pub(crate) fn note_expired(&mut self, shard: usize) {
        let is_seen = |end_ms: u64| end_ms.next_multiple_of(TICK_MS) <= self.now.monotonic_ms;
        let clients = &self.clients;
        let seen: Vec<(usize, u64)> = self
            .lives
            .iter()
            .filter(|(client, end_ms)| clients[**client].shard == shard && is_seen(**end_ms))
            .map(|(client, end_ms)| (*client, *end_ms))
            .collect();
        for (client, end_ms) in seen {
            self.lives.remove(&client);
            self.expiring.remove(&client);
            self.checker.has_ended(client);
            self.report.expired += 1;
            self.note_late_end(shard, end_ms);
        }
    }

    /// How late an end has come, where that has a bound.
    fn note_late_end(&mut self, shard: usize, end_ms: u64) {
        let has_hung = self.nodes[shard].hung_ms >= end_ms;
        if !has_hung && !self.is_ending {
            let late_ms = self.now.monotonic_ms - end_ms;
            self.report.late_end_ms = self.report.late_end_ms.max(late_ms);
        }
    }
}
