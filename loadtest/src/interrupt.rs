//! Ctrl-C: the first asks for an early end, the second takes it.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use tokio::runtime::Builder;
use tokio::signal::unix::{Signal, SignalKind, signal};

use crate::failure::Failure;

/// What shells say of a program that SIGINT has ended.
const ENDED_AT_ONCE: i32 = 130;

/// Two that come within this time are one: `timeout -s INT` sends the signal to the process and to its
/// group, and nobody presses so quickly. Less than the time that a run takes to say that another one helps.
const SAME: Duration = Duration::from_millis(90);

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
        let failed = |error| Failure::system("cannot listen for Ctrl-C", error);
        let runtime = Builder::new_current_thread()
            .enable_io()
            .build()
            .map_err(failed)?;
        let signals = {
            let _inside = runtime.enter();
            signal(SignalKind::interrupt()).map_err(failed)?
        };
        let interrupt = Self::default();
        let heard = interrupt.clone();
        thread::Builder::new()
            .name("interrupt".to_owned())
            .spawn(move || runtime.block_on(heard.hear(signals)))
            .map_err(failed)?;
        Ok(interrupt)
    }

    /// Whether it was asked for since the last call.
    pub(crate) fn take(&self) -> bool {
        self.0.swap(false, Ordering::Relaxed)
    }

    async fn hear(self, mut signals: Signal) {
        signals.recv().await;
        let first = Instant::now();
        self.0.store(true, Ordering::Relaxed);
        loop {
            signals.recv().await;
            if first.elapsed() > SAME {
                std::process::exit(ENDED_AT_ONCE);
            }
        }
    }
}
