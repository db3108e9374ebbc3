//! Bounded lanes between threads: letters go one way, a full lane is an outcome, nobody blocks.
//!
//! Publications and commands have lanes of their own, so that a flood of the one never keeps the
//! other away. Handling a letter never posts one to a shard, so there is no cycle to deadlock.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering, fence};

use crossbeam_channel::{Receiver, Sender, TryRecvError, TrySendError, bounded};

use super::interest::ShardMask;
use super::publication::SharedPublication;
use crate::base::ids::ShardId;
use crate::base::limits::SHARDS_MAX;

/// Commands waiting in one shard's lane; the control plane waits for room, within its deadlines.
pub const COMMANDS_MAX: usize = 1_024;

#[derive(Debug)]
struct Lane {
    publications: Sender<Arc<SharedPublication>>,
    /// Shards that found this lane full and wait for room; bit as in [`ShardMask`].
    waiting: [AtomicU64; SHARDS_MAX / 64],
}

/// One shard's way to all the others.
#[derive(Debug, Clone)]
pub struct Mesh {
    me: ShardId,
    lanes: Arc<[Lane]>,
}

/// What became of a letter.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Posted {
    /// It is in the mailbox; the shard may have to be woken.
    Taken,
    /// The mailbox is full; this shard is woken when it has emptied to half.
    Full,
}

/// One shard's mailbox, as its owner sees it. `C` is what the control plane tells a shard.
#[derive(Debug)]
pub struct Inbox<C> {
    me: ShardId,
    publications: Receiver<Arc<SharedPublication>>,
    commands: Receiver<C>,
    lanes: Arc<[Lane]>,
    capacity: usize,
}

/// Builds the lanes between `shards` shards, each with room for `capacity` publications.
///
/// Returns, for each shard, its way out, its mailbox, and the control plane's lane to it.
#[must_use]
pub fn connect<C>(shards: usize, capacity: usize) -> Vec<(Mesh, Inbox<C>, Sender<C>)> {
    let (lanes, receivers): (Vec<Lane>, Vec<_>) = (0..shards)
        .map(|_| {
            let (publications, receiver) = bounded(capacity);
            let lane = Lane {
                publications,
                waiting: std::array::from_fn(|_| AtomicU64::new(0)),
            };
            (lane, receiver)
        })
        .unzip();
    let lanes: Arc<[Lane]> = lanes.into();
    receivers
        .into_iter()
        .zip((0..).map(ShardId))
        .map(|(publications, me)| {
            let (command_sender, commands) = bounded(COMMANDS_MAX);
            let mesh = Mesh {
                me,
                lanes: Arc::clone(&lanes),
            };
            let inbox = Inbox {
                me,
                publications,
                commands,
                lanes: Arc::clone(&lanes),
                capacity,
            };
            (mesh, inbox, command_sender)
        })
        .collect()
}

impl Mesh {
    /// The shard that this is the way out of.
    #[must_use]
    pub fn me(&self) -> ShardId {
        self.me
    }

    /// Shards in all.
    #[must_use]
    pub fn shards(&self) -> usize {
        self.lanes.len()
    }

    /// Publications that wait in this shard's own mailbox.
    #[must_use]
    pub fn own_len(&self) -> usize {
        self.lanes[self.me.index()].publications.len()
    }

    /// Offers a publication to another shard.
    #[must_use]
    pub fn post(&self, to: ShardId, letter: &Arc<SharedPublication>) -> Posted {
        let lane = &self.lanes[to.index()];
        let Err(TrySendError::Full(letter)) = lane.publications.try_send(Arc::clone(letter)) else {
            // A shard that is gone takes the process with it, so its letters matter to nobody.
            return Posted::Taken;
        };
        // Say that we wait, and then look once more: the owner empties its lane first and looks
        // for waiting shards afterwards, so one of the two sees the other.
        let (word, bit) = (self.me.index() / 64, 1 << (self.me.index() % 64));
        lane.waiting[word].fetch_or(bit, Ordering::Relaxed);
        fence(Ordering::SeqCst);
        match lane.publications.try_send(letter) {
            Err(TrySendError::Full(_)) => Posted::Full,
            Ok(()) | Err(TrySendError::Disconnected(_)) => Posted::Taken,
        }
    }
}

impl<C> Inbox<C> {
    /// The next publication.
    #[must_use]
    pub fn take_publication(&self) -> Option<Arc<SharedPublication>> {
        self.publications.try_recv().ok()
    }

    /// The next command.
    ///
    /// # Errors
    ///
    /// [`TryRecvError::Disconnected`] when the control plane is gone; nothing can be expected then.
    pub fn take_command(&self) -> Result<C, TryRecvError> {
        self.commands.try_recv()
    }

    /// Whether nothing is waiting to be taken.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.publications.is_empty() && self.commands.is_empty()
    }

    /// Publications waiting to be taken.
    #[must_use]
    pub fn len(&self) -> usize {
        self.publications.len()
    }

    /// The shards that found this mailbox full and must be woken now that it is below half.
    ///
    /// To be called after taking; a shard is named once for each time it had to wait.
    #[must_use]
    pub fn take_waiting(&self) -> ShardMask {
        fence(Ordering::SeqCst);
        let lane = &self.lanes[self.me.index()];
        if self.publications.len() > self.capacity / 2 {
            return ShardMask::default();
        }
        ShardMask::from_words(std::array::from_fn(|word| {
            // A plain load first: with nobody waiting, the usual case, the line stays shared.
            if lane.waiting[word].load(Ordering::Relaxed) == 0 {
                return 0;
            }
            lane.waiting[word].swap(0, Ordering::Relaxed)
        }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::ids::{ConnId, Ulid};
    use crate::base::slab::Key;
    use crate::engine::publication::{AppId, Audience, DataKind, MessageId, Origin, Publication};

    fn letter(number: u128) -> Arc<SharedPublication> {
        let key = Key {
            slot: 0,
            generation: 0,
        };
        let shard = ShardId(0);
        Publication {
            app: AppId(0),
            topic: "t",
            event: "e",
            data: None,
            kind: DataKind::Json,
            id: MessageId::Ulid(Ulid(number)),
            audience: Audience::Topic,
            origin: Origin::Conn(ConnId { shard, key }),
            exclude: &[],
        }
        .share()
    }

    #[test]
    fn full_lane_names_its_waiting_shards_once_it_is_half_empty() {
        let mut ends = connect::<()>(3, 4);
        let (_, inbox, _) = ends.remove(2);
        let meshes: Vec<Mesh> = ends.into_iter().map(|(mesh, ..)| mesh).collect();
        for number in 0..4 {
            assert_eq!(meshes[0].post(ShardId(2), &letter(number)), Posted::Taken);
        }
        assert_eq!(meshes[0].post(ShardId(2), &letter(4)), Posted::Full);
        assert_eq!(meshes[1].post(ShardId(2), &letter(5)), Posted::Full);
        inbox.take_publication().expect("a letter");
        assert!(inbox.take_waiting().is_empty(), "three of four left");
        inbox.take_publication().expect("a letter");
        let waiting: Vec<ShardId> = inbox.take_waiting().into_iter().collect();
        assert_eq!(waiting, [ShardId(0), ShardId(1)]);
        assert!(inbox.take_waiting().is_empty());
    }

    #[test]
    fn waiting_producers_are_always_told_and_order_is_kept() {
        const LETTERS: u128 = 20_000;
        let mut ends = connect::<()>(2, 2);
        let (_, inbox, _) = ends.pop().expect("two shards");
        let (mesh, ..) = ends.pop().expect("two shards");
        let (wake, woken) = bounded::<()>(1);
        std::thread::scope(|scope| {
            scope.spawn(move || {
                for number in 0..LETTERS {
                    while mesh.post(ShardId(1), &letter(number)) == Posted::Full {
                        woken.recv().expect("the owner tells whoever waits");
                    }
                }
            });
            let mut expected = 0;
            while expected < LETTERS {
                if let Some(letter) = inbox.take_publication() {
                    assert_eq!(letter.publication().id, MessageId::Ulid(Ulid(expected)));
                    expected += 1;
                }
                if !inbox.take_waiting().is_empty() {
                    let _already_told = wake.try_send(());
                }
            }
        });
    }
}
