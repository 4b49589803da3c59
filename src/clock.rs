//! The only place that reads a clock.
//!
//! Run times count from a [`RunClock`]'s epoch on the system's monotonic clock, the one that
//! absolute timers use too; a stepped wall clock changes nothing.
#![expect(
    clippy::disallowed_methods,
    reason = "the only place that reads a clock"
)]

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use rustix::time::{ClockId, Timespec, clock_gettime};

use crate::units::{Epoch, NS_PER_S, RunTime};

/// Reads the time since a run's epoch.
pub trait Clock: Clone + Send + 'static {
    /// Nanoseconds since the epoch.
    fn now(&self) -> RunTime;
}

/// The present instant on both clocks.
#[must_use]
pub fn epoch_now() -> Epoch {
    // The pair is read as close together as can be: the tightest of a few tries.
    let (mut best, mut width) = ((0, 0), i64::MAX);
    for _ in 0..5 {
        let before = monotonic_ns();
        let realtime = wall_ns();
        let after = monotonic_ns();
        if after - before < width {
            width = after - before;
            best = (realtime, before + width / 2);
        }
    }
    let boot_id = std::fs::read_to_string("/proc/sys/kernel/random/boot_id");
    Epoch {
        realtime_ns: best.0,
        monotonic_ns: best.1,
        boot_id: boot_id.map(|id| id.trim().to_owned()).unwrap_or_default(),
    }
}

/// The instant so many nanoseconds from now, on both clocks.
#[must_use]
pub fn epoch_in(ns: i64) -> Epoch {
    let now = epoch_now();
    Epoch {
        realtime_ns: now.realtime_ns.saturating_add(ns),
        monotonic_ns: now.monotonic_ns.saturating_add(ns),
        ..now
    }
}

/// The real clock of a run.
#[derive(Debug, Clone)]
pub struct RunClock {
    epoch_monotonic_ns: i64,
}

impl RunClock {
    /// A clock that counts from `epoch`.
    #[must_use]
    pub fn new(epoch: &Epoch) -> RunClock {
        RunClock {
            epoch_monotonic_ns: epoch.monotonic_ns,
        }
    }

    /// `at` as the system's monotonic time in nanoseconds, for absolute timers.
    #[must_use]
    pub fn monotonic_of(&self, at: RunTime) -> i64 {
        self.epoch_monotonic_ns.saturating_add(at.0)
    }
}

impl Clock for RunClock {
    fn now(&self) -> RunTime {
        RunTime(monotonic_ns() - self.epoch_monotonic_ns)
    }
}

/// A clock that stands still until told otherwise; for tests.
#[derive(Debug, Clone, Default)]
pub struct ManualClock(Arc<AtomicI64>);

impl ManualClock {
    /// Moves the clock to `at`.
    pub fn set(&self, at: RunTime) {
        self.0.store(at.0, Ordering::SeqCst);
    }
}

impl Clock for ManualClock {
    fn now(&self) -> RunTime {
        RunTime(self.0.load(Ordering::SeqCst))
    }
}

/// The monotonic clock in nanoseconds.
#[must_use]
pub fn monotonic_ns() -> i64 {
    nanoseconds(clock_gettime(ClockId::Monotonic))
}

/// The wall clock in nanoseconds since 1970-01-01 UTC; for names and labels, never for latencies.
#[must_use]
pub fn wall_ns() -> i64 {
    nanoseconds(clock_gettime(ClockId::Realtime))
}

/// CPU time that this process has used, in nanoseconds.
#[must_use]
pub fn process_cpu_ns() -> i64 {
    nanoseconds(clock_gettime(ClockId::ProcessCPUTime))
}

/// CPU time that the calling thread has used, in nanoseconds.
#[must_use]
pub fn thread_cpu_ns() -> i64 {
    nanoseconds(clock_gettime(ClockId::ThreadCPUTime))
}

fn nanoseconds(at: Timespec) -> i64 {
    at.tv_sec * NS_PER_S + at.tv_nsec
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn run_time_starts_at_the_epoch_and_only_grows() {
        let clock = RunClock::new(&epoch_now());
        let first = clock.now();
        let second = clock.now();
        assert!(first.0 >= 0 && second >= first);
        assert_eq!(
            clock.monotonic_of(RunTime(7)) - clock.monotonic_of(RunTime(0)),
            7
        );
    }

    #[test]
    fn a_manual_clock_is_shared_by_its_clones() {
        let clock = ManualClock::default();
        let other = clock.clone();
        clock.set(RunTime(42));
        assert_eq!(other.now(), RunTime(42));
    }
}
