//! The only place that reads a clock.
//!
//! Run times count from a [`RunClock`]'s epoch on the system's monotonic clock, the one that
//! absolute timers use too; a stepped wall clock changes nothing.
#![expect(
    clippy::disallowed_methods,
    reason = "the only place that reads a clock"
)]

use rustix::time::{ClockId, Timespec, clock_gettime};

use crate::units::{Epoch, NS_PER_S, RunTime};

#[cfg(test)]
pub(crate) mod manual;

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

/// The clock of a run.
#[derive(Debug, Clone)]
pub struct RunClock(Kind);

#[derive(Debug, Clone)]
enum Kind {
    /// The system's, and its time at the epoch.
    System(i64),
    #[cfg(test)]
    Manual(manual::ManualClock),
}

impl RunClock {
    /// A clock that counts from `epoch`.
    #[must_use]
    pub fn new(epoch: &Epoch) -> RunClock {
        RunClock(Kind::System(epoch.monotonic_ns))
    }

    /// A clock that a test moves.
    #[cfg(test)]
    pub(crate) fn manual(clock: &manual::ManualClock) -> RunClock {
        RunClock(Kind::Manual(clock.clone()))
    }

    /// `at` as the system's monotonic time in nanoseconds, for absolute timers.
    #[must_use]
    pub fn monotonic_of(&self, at: RunTime) -> i64 {
        match &self.0 {
            Kind::System(epoch_ns) => epoch_ns.saturating_add(at.0),
            #[cfg(test)]
            Kind::Manual(_) => at.0,
        }
    }

    /// CPU time that the calling thread has used, in nanoseconds; a test's clock knows of none.
    #[must_use]
    pub fn thread_cpu_ns(&self) -> i64 {
        match &self.0 {
            Kind::System(_) => thread_cpu_ns(),
            #[cfg(test)]
            Kind::Manual(_) => 0,
        }
    }

    /// The instant at which the system's monotonic clock read `monotonic_ns`.
    #[must_use]
    pub fn run_time_of(&self, monotonic_ns: i64) -> RunTime {
        match &self.0 {
            Kind::System(epoch_ns) => RunTime(monotonic_ns - epoch_ns),
            #[cfg(test)]
            Kind::Manual(_) => RunTime(monotonic_ns),
        }
    }
}

impl Clock for RunClock {
    fn now(&self) -> RunTime {
        match &self.0 {
            Kind::System(epoch_ns) => RunTime(monotonic_ns() - epoch_ns),
            #[cfg(test)]
            Kind::Manual(clock) => clock.now(),
        }
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
}
