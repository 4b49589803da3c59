//! One absolute timer for all sessions of a worker.
//!
//! The runtime's own timers have steps of a millisecond; a timerfd on the monotonic clock wakes
//! within microseconds of the instant, and an absolute deadline cannot drift.

use std::io;
use std::os::fd::OwnedFd;

use rustix::time::{
    Itimerspec, TimerfdClockId, TimerfdFlags, TimerfdTimerFlags, Timespec, timerfd_create,
    timerfd_settime,
};
use tokio::io::unix::AsyncFd;

use crate::clock::{Clock, RunClock};
use crate::units::{NS_PER_S, RunTime};

/// Sleeps until instants of a run.
#[derive(Debug)]
pub(super) struct Pacer {
    timer: AsyncFd<OwnedFd>,
    clock: RunClock,
}

impl Pacer {
    /// A timer on `clock`; must be made inside a runtime.
    ///
    /// # Errors
    /// The system's, such as a limit of open files.
    pub(super) fn new(clock: RunClock) -> io::Result<Pacer> {
        let flags = TimerfdFlags::NONBLOCK | TimerfdFlags::CLOEXEC;
        #[expect(
            deprecated,
            reason = "an OwnedFd stays open; the other way needs unsafe code"
        )]
        let timer = AsyncFd::new(timerfd_create(TimerfdClockId::Monotonic, flags)?)?;
        Ok(Pacer { timer, clock })
    }

    /// Waits until `at`; returns at once when it has passed.
    ///
    /// # Errors
    /// The system's.
    pub(super) async fn until(&self, at: RunTime) -> io::Result<()> {
        if self.clock.now() >= at {
            return Ok(());
        }
        let at_ns = self.clock.monotonic_of(at);
        let it_value = Timespec {
            tv_sec: at_ns / NS_PER_S,
            tv_nsec: at_ns % NS_PER_S,
        };
        let once = Itimerspec {
            it_interval: Timespec {
                tv_sec: 0,
                tv_nsec: 0,
            },
            it_value,
        };
        timerfd_settime(&self.timer, TimerfdTimerFlags::ABSTIME, &once)?;
        loop {
            let mut ready = self.timer.readable().await?;
            ready.clear_ready();
            if self.clock.now() >= at {
                return Ok(());
            }
        }
    }
}
