//! Notices in order: those of one connection one after the other, different connections side by side.

use std::collections::hash_map::Entry;
use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::Notify;

use super::Webhook;
use super::request::{Happened, Notice};

/// The bounded queue of notices to one app server. One that is not told after its retries is dropped and
/// counted; those behind it go on.
#[derive(Debug)]
pub struct Notices {
    webhook: Arc<Webhook>,
    room_max: usize,
    lanes: Mutex<Lanes>,
    /// Rung when everything has been told or dropped.
    empty: Notify,
}

#[derive(Debug, Default)]
struct Lanes {
    /// Notices that wait or are under way, and rooms that are kept.
    taken: usize,
    /// Connections of which a notice is under way, with what waits behind it.
    by_connection: HashMap<Arc<str>, VecDeque<(Notice, Room)>>,
}

/// There is no room for another notice.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("too many notices wait for the app server")]
pub struct Full;

/// Room for one notice; dropped, it is given back.
#[derive(Debug)]
pub struct Room {
    notices: Arc<Notices>,
}

impl Notices {
    /// A queue with room for `room_max` notices, waiting or under way.
    #[must_use]
    pub fn new(webhook: Arc<Webhook>, room_max: usize) -> Arc<Self> {
        Arc::new(Self {
            webhook,
            room_max,
            lanes: Mutex::default(),
            empty: Notify::new(),
        })
    }

    /// Keeps room for one notice: whoever lets a connection in keeps it for the notice of its end.
    ///
    /// # Errors
    ///
    /// All of it is taken.
    pub fn reserve(self: &Arc<Self>) -> Result<Room, Full> {
        let mut lanes = self.lanes();
        if lanes.taken >= self.room_max {
            return Err(Full);
        }
        lanes.taken += 1;
        Ok(Room {
            notices: Arc::clone(self),
        })
    }

    /// Queues a notice. Must be called on the runtime that is to send it.
    ///
    /// # Errors
    ///
    /// There is no room; nothing is queued.
    pub fn post(self: &Arc<Self>, notice: Notice) -> Result<(), Full> {
        self.reserve().map(|room| room.post(notice))
    }

    /// Returns once nothing waits and nothing is under way; rooms that are kept do not count.
    pub async fn told(&self) {
        loop {
            let empty = self.empty.notified();
            if self.lanes().by_connection.is_empty() {
                return;
            }
            empty.await;
        }
    }

    /// Tells this notice, and then all that have come meanwhile for the same connection.
    async fn run(self: Arc<Self>, mut notice: Notice, mut room: Room) {
        loop {
            // A failure has been counted and told of; nobody can do more about it here.
            let _ = self.webhook.notify(&notice).await;
            drop(room);
            let mut lanes = self.lanes();
            let waiting = lanes.by_connection.get_mut(&notice.peer.connection);
            match waiting.and_then(VecDeque::pop_front) {
                Some(next) => (notice, room) = next,
                None => {
                    lanes.by_connection.remove(&notice.peer.connection);
                    if lanes.by_connection.is_empty() {
                        self.empty.notify_waiters();
                    }
                    return;
                }
            }
        }
    }

    fn lanes(&self) -> MutexGuard<'_, Lanes> {
        self.lanes.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Room {
    /// Queues a notice, which takes this room until it has been told. Must be called on the runtime
    /// that is to send it.
    ///
    /// Of several changes of who it is that wait, only the last is told: a connection may log in as
    /// often as it likes, and must not take the room of all others with it.
    pub fn post(self, notice: Notice) {
        let notices = Arc::clone(&self.notices);
        let mut lanes = notices.lanes();
        match lanes
            .by_connection
            .entry(Arc::clone(&notice.peer.connection))
        {
            Entry::Occupied(mut lane) => {
                let waiting = lane.get_mut();
                let is_identity = |notice: &Notice| notice.what == Happened::Authenticated {};
                match waiting.back_mut() {
                    Some((last, _)) if is_identity(last) && is_identity(&notice) => *last = notice,
                    _ => return waiting.push_back((notice, self)),
                }
            }
            Entry::Vacant(lane) => {
                lane.insert(VecDeque::new());
                tokio::spawn(Arc::clone(&notices).run(notice, self));
                return;
            }
        }
        // This room is given back below, which takes the lock.
        drop(lanes);
    }
}

impl Drop for Room {
    fn drop(&mut self) {
        self.notices.lanes().taken -= 1;
    }
}
