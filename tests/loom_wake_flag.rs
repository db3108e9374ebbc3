//! Goal: no letter is left behind by a shard that goes to sleep, in any interleaving of threads.
//! Method: loom runs the wake flag's own source, with its atomics in place of the standard ones,
//! through every order of two senders and a shard that falls asleep. A shard that is asleep in the
//! end, with a letter in its mailbox and nobody having woken it, has lost the letter.

#[path = "../src/base/wake_flag.rs"]
#[allow(
    unreachable_pub,
    unfulfilled_lint_expectations,
    reason = "the file is written for the library, where its items are public"
)]
mod wake_flag;

/// What the wake flag takes its atomics from; here, loom's.
mod atomic {
    pub(super) use loom::sync::atomic::{AtomicBool, Ordering, fence};
}

use std::collections::VecDeque;

use loom::sync::atomic::AtomicUsize;
use loom::sync::{Arc, Mutex};
use loom::thread;

use atomic::Ordering;
use wake_flag::WakeFlag;

const SENDERS: usize = 2;

/// Where letters wait. The two kinds differ in what order they impose on their own.
trait Mailbox: Send + Sync + 'static {
    fn new() -> Self;
    fn push(&self);
    /// How many letters were taken out.
    fn take(&self) -> usize;
    fn is_empty(&self) -> bool;
}

/// A queue behind a lock, which orders a push and a look by itself.
struct Locked(Mutex<VecDeque<()>>);

impl Mailbox for Locked {
    fn new() -> Self {
        Self(Mutex::new(VecDeque::new()))
    }

    fn push(&self) {
        self.0.lock().unwrap().push_back(());
    }

    fn take(&self) -> usize {
        self.0.lock().unwrap().drain(..).count()
    }

    fn is_empty(&self) -> bool {
        self.0.lock().unwrap().is_empty()
    }
}

/// No more than a lock-free queue promises: whoever sees a letter sees what was written before it.
/// When it is seen is left to the flag's fences.
struct LockFree(AtomicUsize);

impl Mailbox for LockFree {
    fn new() -> Self {
        Self(AtomicUsize::new(0))
    }

    fn push(&self) {
        self.0.fetch_add(1, Ordering::Release);
    }

    fn take(&self) -> usize {
        self.0.swap(0, Ordering::Acquire)
    }

    fn is_empty(&self) -> bool {
        self.0.load(Ordering::Acquire) == 0
    }
}

/// What the shard does between saying that it will sleep and sleeping.
#[derive(Clone, Copy, PartialEq)]
enum BeforeSleep {
    LookAgain,
    DoNotLook,
}

/// Times the shard may wake up and fall asleep again: once per sender, and once more.
const ROUNDS: usize = SENDERS + 1;

/// Runs `scene` in all interleavings with few preemptions: real mistakes of this kind show with one
/// or two, and without a bound it takes minutes.
fn in_every_order(scene: impl Fn() + Send + Sync + 'static) {
    let mut model = loom::model::Builder::new();
    model.preemption_bound = Some(3);
    model.check(scene);
}

fn no_letter_is_left_behind<M: Mailbox>(before_sleep: BeforeSleep) {
    let flag = Arc::new(WakeFlag::new());
    let mailbox = Arc::new(M::new());
    // Like the runtime's event counter: a wake-up that comes before the wait is kept.
    let rings = Arc::new(AtomicUsize::new(0));

    let senders: Vec<_> = (0..SENDERS)
        .map(|_| {
            let (flag, mailbox, rings) = (flag.clone(), mailbox.clone(), rings.clone());
            thread::spawn(move || {
                mailbox.push();
                if flag.must_wake() {
                    rings.fetch_add(1, Ordering::AcqRel);
                }
            })
        })
        .collect();

    let mut taken = 0;
    let mut asleep = false;
    for _ in 0..ROUNDS {
        flag.unpark();
        taken += mailbox.take();
        flag.park();
        if before_sleep == BeforeSleep::LookAgain && !mailbox.is_empty() {
            continue;
        }
        if rings.swap(0, Ordering::AcqRel) == 0 {
            asleep = true;
            break;
        }
    }
    for sender in senders {
        sender.join().unwrap();
    }
    let left_behind = asleep && taken < SENDERS && rings.load(Ordering::Acquire) == 0;
    assert!(!left_behind, "asleep on a letter");
}

#[test]
fn no_letter_is_left_behind_in_a_locked_mailbox() {
    in_every_order(|| no_letter_is_left_behind::<Locked>(BeforeSleep::LookAgain));
}

#[test]
fn no_letter_is_left_behind_in_a_lock_free_mailbox() {
    in_every_order(|| no_letter_is_left_behind::<LockFree>(BeforeSleep::LookAgain));
}

#[test]
#[should_panic(expected = "asleep on a letter")]
fn shard_that_does_not_look_again_sleeps_on_a_letter() {
    in_every_order(|| no_letter_is_left_behind::<LockFree>(BeforeSleep::DoNotLook));
}
