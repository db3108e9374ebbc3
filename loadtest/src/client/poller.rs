//! What a client thread waits for: sockets, other threads, and the next planned instant.

use std::os::fd::{AsFd, OwnedFd};

use rustix::event::epoll::{self, CreateFlags, Event, EventData, EventFlags};
use rustix::time::{
    Itimerspec, TimerfdClockId, TimerfdFlags, TimerfdTimerFlags, Timespec, timerfd_create,
    timerfd_settime,
};

/// The token of another thread's wake-up; connections have their index.
pub(super) const WAKE: u64 = u64::MAX;
/// The token of the timer.
pub(super) const TIMER: u64 = u64::MAX - 1;

/// How long a wait may last: counters and latencies are shown at least this often.
const WAIT: Timespec = Timespec {
    tv_sec: 0,
    tv_nsec: 100_000_000,
};

/// No wait at all.
const NO_WAIT: Timespec = Timespec {
    tv_sec: 0,
    tv_nsec: 0,
};

/// Level-triggered: what one read leaves is told again.
#[derive(Debug)]
pub(super) struct Poller {
    epoll: OwnedFd,
    /// The wait itself is told in whole milliseconds only, too coarse for a schedule.
    timer: OwnedFd,
    timer_at_ns: u64,
}

impl Poller {
    /// A poller that `wake` wakes.
    pub(super) fn new(wake: &OwnedFd) -> rustix::io::Result<Self> {
        let epoll = epoll::create(CreateFlags::CLOEXEC)?;
        let flags = TimerfdFlags::NONBLOCK | TimerfdFlags::CLOEXEC;
        let timer = timerfd_create(TimerfdClockId::Monotonic, flags)?;
        epoll::add(&epoll, &timer, EventData::new_u64(TIMER), EventFlags::IN)?;
        epoll::add(&epoll, wake, EventData::new_u64(WAKE), EventFlags::IN)?;
        Ok(Self {
            epoll,
            timer,
            timer_at_ns: 0,
        })
    }

    /// Watches a new connection: it becomes writable when it is connected.
    pub(super) fn add(&self, socket: impl AsFd, conn: usize) -> rustix::io::Result<()> {
        let token = EventData::new_u64(conn as u64);
        epoll::add(&self.epoll, socket, token, EventFlags::IN | EventFlags::OUT)
    }

    /// Watches a connection no longer.
    pub(super) fn remove(&self, socket: impl AsFd) -> rustix::io::Result<()> {
        epoll::delete(&self.epoll, socket)
    }

    /// Says whether to tell when a connection has room to write.
    pub(super) fn watch_room(
        &self,
        socket: impl AsFd,
        conn: usize,
        watch: bool,
    ) -> rustix::io::Result<()> {
        let flags = match watch {
            true => EventFlags::IN | EventFlags::OUT,
            false => EventFlags::IN,
        };
        let token = EventData::new_u64(conn as u64);
        epoll::modify(&self.epoll, socket, token, flags)
    }

    /// Waits for events, or only asks for them if `is_awake`. Returns how many came.
    pub(super) fn wait(
        &self,
        events: &mut Vec<Event>,
        is_awake: bool,
    ) -> rustix::io::Result<usize> {
        let timeout = if is_awake { &NO_WAIT } else { &WAIT };
        let room = rustix::buffer::spare_capacity(events);
        match epoll::wait(&self.epoll, room, Some(timeout)) {
            Err(rustix::io::Errno::INTR) => Ok(0),
            came => came,
        }
    }

    /// Sets the timer to an instant; the last call counts.
    pub(super) fn set_timer(&mut self, at_ns: u64, now_ns: u64) -> rustix::io::Result<()> {
        if at_ns == self.timer_at_ns {
            return Ok(());
        }
        self.timer_at_ns = at_ns;
        // Zero would switch it off.
        let wait_ns = at_ns.saturating_sub(now_ns).max(1);
        let once = Itimerspec {
            it_interval: NO_WAIT,
            it_value: Timespec {
                tv_sec: (wait_ns / 1_000_000_000) as i64,
                tv_nsec: (wait_ns % 1_000_000_000) as i64,
            },
        };
        timerfd_settime(&self.timer, TimerfdTimerFlags::empty(), &once)?;
        Ok(())
    }

    /// The timer, to be read when it has fired.
    pub(super) fn timer(&self) -> &OwnedFd {
        &self.timer
    }
}
