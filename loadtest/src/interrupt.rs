//! Ctrl-C: the first asks for an early end, the second takes it.

use std::future::poll_fn;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::Poll;
use std::thread;
use std::time::{Duration, Instant};

use tokio::runtime::Builder;
use tokio::signal::unix::{Signal, SignalKind, signal};

use crate::failure::Failure;

/// What shells say of a program that SIGINT has ended.
const ENDED_AT_ONCE: i32 = 130;

/// Two that come within this time are one: `timeout -s INT` sends the signal to the process and to its
/// group, and nobody presses so quickly. Less than the time that a run takes to say that another one helps.
pub(crate) const SAME: Duration = Duration::from_millis(90);

/// Whether somebody has asked for an early end.
#[derive(Clone, Debug, Default)]
pub(crate) struct Interrupt(Arc<AtomicBool>);

impl Interrupt {
    /// Listens for SIGINT from now on, on a thread that sleeps until it comes.
    ///
    /// # Errors
    ///
    /// When the system gives no thread, or nothing to listen with.
    pub(crate) fn listen() -> Result<Self, Failure> {
        Self::listen_for(&[SignalKind::interrupt()], || {})
    }

    /// The same for several signals; before the second ends this process, `at_once` is done.
    ///
    /// # Errors
    ///
    /// As for [`Self::listen`].
    pub(crate) fn listen_for(
        kinds: &[SignalKind],
        at_once: impl FnOnce() + Send + 'static,
    ) -> Result<Self, Failure> {
        let failed = |error| Failure::system("cannot listen for Ctrl-C", error);
        let runtime = Builder::new_current_thread()
            .enable_io()
            .build()
            .map_err(failed)?;
        let signals: Vec<Signal> = {
            let _inside = runtime.enter();
            let signals = kinds.iter().map(|kind| signal(*kind));
            signals.collect::<Result<_, _>>().map_err(failed)?
        };
        let interrupt = Self::default();
        let heard = interrupt.clone();
        thread::Builder::new()
            .name("interrupt".to_owned())
            .spawn(move || runtime.block_on(heard.hear(signals, at_once)))
            .map_err(failed)?;
        Ok(interrupt)
    }

    /// Whether it was asked for since the last call.
    pub(crate) fn take(&self) -> bool {
        self.0.swap(false, Ordering::Relaxed)
    }

    /// Whether it was asked for, without making it forgotten.
    pub(crate) fn is_asked_for(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }

    async fn hear(self, mut signals: Vec<Signal>, at_once: impl FnOnce()) {
        any(&mut signals).await;
        let first = Instant::now();
        self.0.store(true, Ordering::Relaxed);
        loop {
            any(&mut signals).await;
            if first.elapsed() > SAME {
                at_once();
                std::process::exit(ENDED_AT_ONCE);
            }
        }
    }
}

/// Waits for one of them.
async fn any(signals: &mut [Signal]) {
    poll_fn(|context| {
        let came = signals
            .iter_mut()
            .map(|signal| signal.poll_recv(context).is_ready());
        // All are polled, so that each knows whom to wake.
        match came.fold(false, |any, came| any | came) {
            true => Poll::Ready(()),
            false => Poll::Pending,
        }
    })
    .await;
}
