//! The questions' way from the shards to the control thread, and how much there may be of them.

use std::sync::Arc;

use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc};

use crate::engine::decider::Asked;

/// Bytes of all questions on their way or being answered.
///
/// A connection has one or two, but those of one that has ended last until an app server has answered or
/// its time is over: clients that ask and leave could heap them up. 128 MiB: 130,000 without any data.
const ROOM_BYTES: usize = 128 * 1024 * 1024;

/// What a question costs by itself: its fields and its task, generously.
const QUESTION_BYTES: usize = 1024;

/// What room is counted in.
const UNIT_BYTES: usize = 1024;

/// The shards' end.
#[derive(Debug, Clone)]
pub(in crate::service) struct Questions {
    lane: mpsc::UnboundedSender<Pending>,
    room: Arc<Semaphore>,
}

/// A question that has room until this is dropped.
#[derive(Debug)]
pub(super) struct Pending {
    pub(super) asked: Asked,
    _room: OwnedSemaphorePermit,
}

impl Questions {
    pub(super) fn new() -> (Self, mpsc::UnboundedReceiver<Pending>) {
        let (lane, pending) = mpsc::unbounded_channel();
        let room = Arc::new(Semaphore::new(ROOM_BYTES / UNIT_BYTES));
        (Self { lane, room }, pending)
    }

    /// Puts a question; it comes back where there is no room, or nobody who answers.
    pub(in crate::service) fn put(&self, asked: Asked) -> Result<(), Asked> {
        let units = (QUESTION_BYTES + asked.bytes()).div_ceil(UNIT_BYTES);
        let units = u32::try_from(units).unwrap_or(u32::MAX);
        match Arc::clone(&self.room).try_acquire_many_owned(units) {
            Ok(room) => {
                let pending = Pending { asked, _room: room };
                self.lane.send(pending).map_err(|unsent| unsent.0.asked)
            }
            Err(_full) => Err(asked),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::ids::{ConnId, ShardId};
    use crate::base::slab::Key;
    use crate::engine::decider::Inquiry;

    fn asked(bytes: usize) -> Asked {
        Asked {
            conn: ConnId {
                shard: ShardId(0),
                key: Key {
                    slot: 0,
                    generation: 0,
                },
            },
            id: "id".into(),
            endpoint: 0,
            identity: None,
            ticket: 1,
            inquiry: Inquiry::Authenticate {
                data: vec![0; bytes].into(),
            },
        }
    }

    #[test]
    fn questions_have_room_until_they_are_answered() {
        let (questions, mut pending) = Questions::new();
        let each = 128 * 1024;
        let put = || (0..).take_while(|_| questions.put(asked(each)).is_ok());
        let count = put().count();
        assert_eq!(count, ROOM_BYTES / (each + QUESTION_BYTES));
        let first = pending.try_recv().expect("the first");
        assert!(questions.put(asked(each)).is_err(), "it is being answered");
        drop(first);
        assert_eq!(put().count(), 1);
        assert_eq!(pending.len(), count);
    }

    #[test]
    fn a_question_that_nobody_answers_comes_back() {
        let (questions, pending) = Questions::new();
        drop(pending);
        assert!(questions.put(asked(1)).is_err());
    }
}
