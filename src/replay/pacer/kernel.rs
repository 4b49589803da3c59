//! A timerfd on the monotonic clock, watched by the worker's own runtime: no other thread has to
//! run for the worker to wake.

use std::io;
use std::os::fd::OwnedFd;

use rustix::time::{
    Itimerspec, TimerfdClockId, TimerfdFlags, TimerfdTimerFlags, Timespec, timerfd_create,
    timerfd_settime,
};
use tokio::io::unix::AsyncFd;

use crate::units::NS_PER_S;

/// The kernel's timer.
#[derive(Debug)]
pub(super) struct Timerfd(AsyncFd<OwnedFd>);

impl Timerfd {
    /// A timer that is not set; must be made inside a runtime.
    ///
    /// # Errors
    /// The system's, such as a limit of open files.
    pub(super) fn new() -> io::Result<Timerfd> {
        let flags = TimerfdFlags::NONBLOCK | TimerfdFlags::CLOEXEC;
        #[expect(
            deprecated,
            reason = "an OwnedFd stays open; the other way needs unsafe code"
        )]
        let timer = AsyncFd::new(timerfd_create(TimerfdClockId::Monotonic, flags)?)?;
        Ok(Timerfd(timer))
    }

    /// Sleeps until the monotonic clock reads `at_ns`, or shorter when the timer of an earlier
    /// sleep that was given up is still to be taken: the caller looks at the clock again.
    ///
    /// # Errors
    /// The system's.
    pub(super) async fn sleep(&self, at_ns: i64) -> io::Result<()> {
        let unset = Timespec {
            tv_sec: 0,
            tv_nsec: 0,
        };
        let once = Itimerspec {
            it_interval: unset,
            it_value: Timespec {
                tv_sec: at_ns / NS_PER_S,
                tv_nsec: at_ns % NS_PER_S,
            },
        };
        timerfd_settime(&self.0, TimerfdTimerFlags::ABSTIME, &once)?;
        self.0.readable().await?.clear_ready();
        Ok(())
    }
}
