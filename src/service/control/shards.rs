//! The control thread's way to the shards: something to be done there, and its answer.

use std::sync::Arc;
use std::time::Duration;

use crossbeam_channel::Sender;
use tokio::sync::oneshot;
use tokio::time::{Instant, sleep, timeout_at};

use crate::base::ids::ShardId;
use crate::base::time::Now;
use crate::engine::mailbox::COMMANDS_MAX;
use crate::runtime::Waker;
use crate::service::worker::{Command, Worker};

/// How long a call may wait for room in a shard's lane and for its answer.
///
/// 2 s: a shard that needs longer is not ready (see `health`), and an app server has better things
/// to do than to wait.
const CALL_TIMEOUT: Duration = Duration::from_secs(2);

/// Between two looks at a lane that was full.
const RETRY_PAUSE: Duration = Duration::from_millis(2);

/// What calls leave free in a lane, so that there is always room for what must not wait: the three
/// phases of a drain, and reloads. 64: more of those than anybody asks for within one turn.
const COMMANDS_RESERVED: usize = 64;

/// One shard's lane and what wakes it.
#[derive(Clone)]
pub(in crate::service) struct ShardHandle {
    pub(in crate::service) commands: Sender<Command>,
    pub(in crate::service) waker: Waker,
}

impl ShardHandle {
    /// Posts a command for which the lane always has room: those of a drain, and reloads.
    pub(in crate::service) fn tell(&self, command: Command) {
        // A shard that is gone needs no command, and one that takes none will not drain either.
        let _gone = self.commands.try_send(command);
        self.waker.wake();
    }
}

/// All shards.
#[derive(Clone)]
pub(in crate::service) struct Shards(Arc<[ShardHandle]>);

/// Why a call was not answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(in crate::service) enum CallError {
    /// The lane had no room in time: the call has no effect.
    #[error("the shard's mailbox is full")]
    Full,
    /// The answer did not come in time: the call may still take effect.
    #[error("the shard does not answer")]
    Late,
}

impl Shards {
    pub(in crate::service) fn new(shards: Vec<ShardHandle>) -> Self {
        Self(shards.into())
    }

    pub(in crate::service) fn len(&self) -> usize {
        self.0.len()
    }

    pub(in crate::service) fn ids(&self) -> impl Iterator<Item = ShardId> + use<> {
        (0..self.0.len()).map(|index| ShardId(index as u16))
    }

    pub(in crate::service) fn handles(&self) -> &[ShardHandle] {
        &self.0
    }

    /// Has `act` done on a shard's own thread, between its turns, and returns what it says.
    ///
    /// Calls to one shard take effect in the order in which they found room.
    pub(in crate::service) async fn invoke_on<T: Send + 'static>(
        &self,
        shard: ShardId,
        act: impl FnOnce(&mut Worker, Now) -> T + Send + 'static,
    ) -> Result<T, CallError> {
        let deadline = Instant::now() + CALL_TIMEOUT;
        let (answer, answered) = oneshot::channel();
        let command = Command::Invoke(Box::new(move |worker: &mut Worker, now| {
            // Whoever asked may have given up.
            let _gone = answer.send(act(worker, now));
        }));
        let ShardHandle { commands, waker } = &self.0[shard.index()];
        // Only this thread posts, so what is free now is free in the next line.
        while commands.len() >= COMMANDS_MAX - COMMANDS_RESERVED {
            if Instant::now() >= deadline {
                return Err(CallError::Full);
            }
            sleep(RETRY_PAUSE).await;
        }
        let _shard_ended = commands.try_send(command);
        waker.wake();
        match timeout_at(deadline, answered).await {
            Ok(Ok(answer)) => Ok(answer),
            // The shard has ended, and with it the process in this very moment; or it is late.
            Ok(Err(_)) | Err(_) => Err(CallError::Late),
        }
    }

    /// Has `act` done on every shard at the same time; the answers are in the order of the shards.
    pub(in crate::service) async fn invoke_on_all<T: Send + 'static>(
        &self,
        act: impl Fn(&mut Worker, Now) -> T + Clone + Send + 'static,
    ) -> Result<Vec<T>, CallError> {
        let calls = self.ids().map(|shard| self.invoke_on(shard, act.clone()));
        futures_util::future::try_join_all(calls).await
    }
}
