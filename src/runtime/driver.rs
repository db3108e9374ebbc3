//! The event loop of a shard's thread: io_uring where the kernel allows it, epoll elsewhere.

use std::fmt;
use std::io;
use std::net::TcpListener;
use std::sync::{Arc, Once};

use monoio::time::TimeDriver;
use monoio::{IoUringDriver, LegacyDriver, Runtime, RuntimeBuilder};
use rustix::io::Errno;
use rustix::thread::{CpuSet, sched_setaffinity};

use super::Handler;
use super::descriptors::keep_to_oneself;
use super::listener::{ListenError, SharedAddress};
use super::readiness::Readiness;
use super::send_ring::SendRing;
use super::shard::Shard;
use super::sockets::Sockets;
use super::wake::Waker;

/// Which way of waiting for sockets is wanted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum DriverChoice {
    /// io_uring, or epoll if the kernel refuses it.
    #[default]
    Auto,
    /// io_uring or nothing.
    Uring,
    /// epoll.
    Epoll,
}

/// Which way of waiting for sockets a shard uses.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Driver {
    /// io_uring, with these set-up flags.
    Uring(&'static str),
    /// epoll.
    Epoll,
}

impl fmt::Display for Driver {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Uring("") => write!(f, "io_uring"),
            Self::Uring(flags) => write!(f, "io_uring ({flags})"),
            Self::Epoll => write!(f, "epoll"),
        }
    }
}

/// What a shard starts with.
#[derive(Debug)]
pub struct ShardSetup {
    /// Which driver is wanted.
    pub driver: DriverChoice,
    /// The processor to stay on.
    pub cpu: Option<usize>,
    /// Where this shard accepts, beside the others.
    pub address: Arc<SharedAddress>,
    /// Whether it gets a descriptor table of its own. Every descriptor that it is given must be open by then,
    /// and stay open as long as the process lives.
    pub has_own_descriptors: bool,
    /// What other threads wake this shard with.
    pub waker: Waker,
}

/// Why a shard did not start.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StartError {
    /// The address cannot be listened on.
    #[error("{0}")]
    Listen(#[from] ListenError),
    /// It was to have a descriptor table of its own.
    #[error("cannot have a descriptor table of its own: {0}; leave --private-fd-tables out")]
    Descriptors(#[source] io::Error),
    /// io_uring was demanded, and the kernel does not give it.
    #[error("io_uring is not available: {0}; {fix}, or choose the epoll driver", fix = uring_fix(.0))]
    Uring(#[source] io::Error),
    /// Not even epoll works.
    #[error("cannot create an epoll instance: {0}; raise the limit of open files")]
    Epoll(#[source] io::Error),
    /// The set of all that the shard waits for could not be made.
    #[error(
        "cannot wait for the shard's listener and waker: {0}; raise the limit of open files, or \
         fs.epoll.max_user_watches"
    )]
    Register(#[source] io::Error),
}

/// Runs a shard on the calling thread until its handler says [`Turn::Exit`](super::Turn::Exit).
///
/// `started` is told the driver before the first connection is accepted. On the way out all
/// connections are closed and the handler hears of each release, so nothing is left open.
///
/// A panic of the handler unwinds through here: the caller has to see to it that the process ends,
/// because the other shards would wait for this one for ever.
///
/// # Errors
///
/// No driver could be set up; `started` has not been called then.
pub fn run_shard<H: Handler>(
    setup: ShardSetup,
    handler: H,
    started: impl FnOnce(Driver),
) -> Result<(), StartError> {
    if let Some(cpu) = setup.cpu {
        // Before the ring and the shard's memory exist, so that both are made near this processor.
        pin_thread(cpu);
    }
    if setup.has_own_descriptors {
        keep_to_oneself().map_err(StartError::Descriptors)?;
    }
    let uring = match setup.driver {
        DriverChoice::Epoll => None,
        DriverChoice::Uring => Some(build_uring().map_err(StartError::Uring)?),
        DriverChoice::Auto => build_uring().map_err(|error| warn_of_epoll(&error)).ok(),
    };
    if let Some(uring) = uring {
        let mut runtime = uring.runtime;
        let listener = setup.address.listen()?;
        let sockets = Sockets::new(Some(uring.sends));
        let started = || started(Driver::Uring(uring.flags));
        runtime.block_on(serve(handler, setup.waker, sockets, listener, started))
    } else {
        let mut runtime = build_epoll().map_err(StartError::Epoll)?;
        let listener = setup.address.listen()?;
        let started = || started(Driver::Epoll);
        runtime.block_on(serve(
            handler,
            setup.waker,
            Sockets::default(),
            listener,
            started,
        ))
    }
}

async fn serve<H: Handler>(
    handler: H,
    waker: Waker,
    sockets: Sockets,
    listener: TcpListener,
    started: impl FnOnce(),
) -> Result<(), StartError> {
    let readiness = Readiness::new(&listener, &waker).map_err(StartError::Register)?;
    let waited_for = readiness.waited_for().map_err(StartError::Register)?;
    started();
    let shard = Shard::new(handler, sockets, readiness, listener, waker);
    shard.run(waited_for).await;
    Ok(())
}

/// The set-up flags of a ring.
pub(super) struct RingFlags {
    pub(super) text: &'static str,
    /// Spares the interrupts of a thread that enters the kernel anyway (Linux 5.19).
    coop_taskrun: bool,
    /// Spares a lock (Linux 6.0).
    single_issuer: bool,
}

/// The flags that are tried, best first. `DEFER_TASKRUN` is not among them: it shows no difference.
pub(super) const RING_FLAGS: [RingFlags; 3] = [
    RingFlags {
        text: "coop_taskrun, single_issuer",
        coop_taskrun: true,
        single_issuer: true,
    },
    RingFlags {
        text: "coop_taskrun",
        coop_taskrun: true,
        single_issuer: false,
    },
    RingFlags {
        text: "",
        coop_taskrun: false,
        single_issuer: false,
    },
];

impl RingFlags {
    /// A ring that is to have these flags.
    pub(super) fn builder(&self) -> io_uring::Builder {
        let mut ring = io_uring::IoUring::builder();
        if self.coop_taskrun {
            ring.setup_coop_taskrun();
        }
        if self.single_issuer {
            ring.setup_single_issuer();
        }
        ring
    }
}

/// What a shard has of io_uring.
struct Uring {
    runtime: Runtime<TimeDriver<IoUringDriver>>,
    sends: SendRing,
    flags: &'static str,
}

impl Uring {
    fn build(flags: &RingFlags) -> io::Result<Self> {
        let runtime = RuntimeBuilder::<IoUringDriver>::new()
            .with_entries(WAITS)
            .uring_builder(flags.builder())
            .enable_timer()
            .build()?;
        Ok(Self {
            runtime,
            sends: SendRing::new(flags)?,
            flags: flags.text,
        })
    }
}

fn build_uring() -> io::Result<Uring> {
    let mut refusal = io::Error::from(Errno::INVAL);
    for flags in &RING_FLAGS {
        match Uring::build(flags) {
            Ok(uring) => return Ok(uring),
            Err(error) => refusal = error,
        }
        if Errno::from_io_error(&refusal) != Some(Errno::INVAL) {
            // It is not for a flag that the kernel does not know: fewer flags will not help.
            break;
        }
    }
    Err(refusal)
}

/// Waits that a driver has room for: monoio's least, and far more than there are (one, and its clock).
const WAITS: u32 = 256;

fn build_epoll() -> io::Result<Runtime<TimeDriver<LegacyDriver>>> {
    RuntimeBuilder::<LegacyDriver>::new()
        .with_entries(WAITS)
        .enable_timer()
        .build()
}

/// Says once per process that the other driver is used: all shards meet the same refusal.
fn warn_of_epoll(error: &io::Error) {
    static WARNED: Once = Once::new();
    WARNED.call_once(|| {
        tracing::warn!(
            "io_uring is not available: {error}; using epoll. To have io_uring: {}",
            uring_fix(error)
        );
    });
}

/// What an operator can do about a refused ring.
pub(super) fn uring_fix(error: &io::Error) -> &'static str {
    match Errno::from_io_error(error) {
        Some(Errno::PERM | Errno::ACCESS) => {
            "allow the io_uring system calls (a container's seccomp profile, or the setting \
             kernel.io_uring_disabled, forbids them)"
        }
        Some(Errno::NOSYS) => "use a kernel with io_uring (5.10 or newer, and not a sandbox's)",
        Some(Errno::NOMEM) => {
            "raise the limit of locked memory (ulimit -l), or that of the container's memory"
        }
        Some(Errno::MFILE | Errno::NFILE) => "raise the limit of open files (ulimit -n)",
        _ => "use a newer kernel (5.19 or later)",
    }
}

/// Keeps the thread on one processor. Failing costs speed and nothing else, so it is only told.
fn pin_thread(cpu: usize) {
    let mut cpus = CpuSet::new();
    let pinned = if cpu < CpuSet::MAX_CPU {
        cpus.set(cpu);
        sched_setaffinity(None, &cpus)
    } else {
        Err(Errno::INVAL)
    };
    if let Err(error) = pinned {
        tracing::warn!(
            "cannot keep a shard on processor {cpu}: {}; it runs wherever the kernel puts it",
            io::Error::from(error)
        );
    }
}
