//! What the tasks of one shard share.

use std::cell::{Cell, OnceCell, RefCell};
use std::future::{Future, poll_fn};
use std::task::{Poll, Waker as TaskWaker};

use super::Handler;
use super::readiness::Readiness;
use super::sockets::Sockets;
use super::wake::Waker;
use crate::base::limits::RECV_BUFFER_BYTES;

/// The state behind one shard's tasks. They are on one thread and never hold a borrow of it while
/// they wait.
pub(super) struct Shard<H> {
    handler: RefCell<H>,
    sockets: Sockets,
    readiness: Readiness,
    /// Where all connections receive: a connection that has nothing to read owns no buffer.
    buffer: RefCell<Box<[u8]>>,
    waker: Waker,
    /// Wakes the turn loop, which is the root future and therefore runs after all woken tasks.
    turn_loop: OnceCell<TaskWaker>,
    /// A turn will follow in this pass.
    turn_requested: Cell<bool>,
    /// The next wait returns at once, because the counter has been rung by the shard itself.
    rung: Cell<bool>,
    /// Tasks that stepped back for a turn.
    yielded: RefCell<Vec<TaskWaker>>,
    /// The accept loop, while it waits.
    accept_loop: Cell<Option<TaskWaker>>,
    tasks: Cell<usize>,
    exiting: Cell<bool>,
}

impl<H: Handler> Shard<H> {
    pub(super) fn new(handler: H, waker: Waker, readiness: Readiness, sockets: Sockets) -> Self {
        Self {
            handler: RefCell::new(handler),
            sockets,
            readiness,
            buffer: RefCell::new(vec![0; RECV_BUFFER_BYTES].into_boxed_slice()),
            waker,
            turn_loop: OnceCell::new(),
            turn_requested: Cell::new(false),
            rung: Cell::new(false),
            yielded: RefCell::new(Vec::new()),
            accept_loop: Cell::new(None),
            tasks: Cell::new(0),
            exiting: Cell::new(false),
        }
    }

    pub(super) fn sockets(&self) -> &Sockets {
        &self.sockets
    }

    pub(super) fn readiness(&self) -> &Readiness {
        &self.readiness
    }

    pub(super) fn waker(&self) -> &Waker {
        &self.waker
    }

    pub(super) fn with_handler<T>(&self, call: impl FnOnce(&mut H) -> T) -> T {
        call(&mut self.handler.borrow_mut())
    }

    pub(super) fn with_buffer<T>(&self, fill: impl FnOnce(&mut [u8]) -> T) -> T {
        fill(&mut self.buffer.borrow_mut())
    }

    /// Starts a task; it must call [`task_ended`](Self::task_ended) as its last act.
    pub(super) fn spawn(&self, task: impl Future<Output = ()> + 'static) {
        self.tasks.set(self.tasks.get() + 1);
        drop(monoio::spawn(task));
    }

    pub(super) fn task_ended(&self) {
        self.tasks.set(self.tasks.get() - 1);
        self.request_turn();
    }

    pub(super) fn has_tasks(&self) -> bool {
        self.tasks.get() > 0
    }

    /// Tells the handler of the connections that have been closed; whether there were any.
    pub(super) fn release_closed(&self) -> bool {
        let mut any = false;
        while let Some(conn) = self.sockets.next_closed() {
            any = true;
            self.with_handler(|handler| handler.released(conn));
        }
        any
    }

    /// Asks for a turn in this pass of the loop. For tasks only: the turn loop asking itself would
    /// spin without ever looking at a socket.
    pub(super) fn request_turn(&self) {
        if self.turn_requested.replace(true) {
            return;
        }
        // From here on letters are seen without a wake-up.
        self.waker.flag().unpark();
        if let Some(turn_loop) = self.turn_loop.get() {
            turn_loop.wake_by_ref();
        }
    }

    /// The turn loop says that its turn begins.
    pub(super) fn begin_turn(&self, turn_loop: &TaskWaker) {
        // monoio gives the root future one and the same waker for its whole life.
        self.turn_loop.get_or_init(|| turn_loop.clone());
        self.turn_requested.set(false);
        self.waker.flag().unpark();
    }

    /// Makes the next wait return at once, after it has looked at the sockets and the timers.
    ///
    /// Through the kernel, although a task that wakes itself would be cheaper: monoio puts such a
    /// task before all others, and runs no timer before the queue is empty.
    pub(super) fn ring(&self) {
        if !self.rung.replace(true) {
            self.waker.ring();
        }
    }

    /// The counter has been rung, by whomever.
    pub(super) fn rung(&self) {
        self.rung.set(false);
        for task in self.yielded.borrow_mut().drain(..) {
            task.wake();
        }
        self.request_turn();
    }

    /// Lets everybody else, and a turn, go first.
    pub(super) async fn step_back(&self) {
        let mut waited = false;
        poll_fn(|context| {
            if waited {
                return Poll::Ready(());
            }
            waited = true;
            self.yielded.borrow_mut().push(context.waker().clone());
            self.ring();
            Poll::Pending
        })
        .await;
    }

    /// Waits for `event`, or until accepting is to stop: `None`.
    pub(super) async fn unless_accepting_stops<E: Future>(&self, event: E) -> Option<E::Output> {
        let mut event = std::pin::pin!(event);
        poll_fn(|context| {
            if self.is_accepting_stopped() {
                return Poll::Ready(None);
            }
            self.accept_loop.set(Some(context.waker().clone()));
            event.as_mut().poll(context).map(Some)
        })
        .await
    }

    pub(super) fn is_accepting_stopped(&self) -> bool {
        self.exiting.get() || self.sockets.is_accepting_stopped()
    }

    /// Has the accept loop notice that it is to stop.
    pub(super) fn wake_accept_loop(&self) {
        if let Some(task) = self.accept_loop.take() {
            task.wake();
        }
    }

    /// Ends all tasks; they are gone a few passes later.
    pub(super) fn exit(&self) {
        self.exiting.set(true);
        self.sockets.close_all();
        self.wake_accept_loop();
        self.ring();
    }

    pub(super) fn is_exiting(&self) -> bool {
        self.exiting.get()
    }
}
