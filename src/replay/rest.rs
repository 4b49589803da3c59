//! How short a busy thread may sleep. To sleep and be woken costs as much as to send a chunk or two: a thread
//! that is busy anyway gets further, and is more punctual in the end, when it is not woken for each.

use crate::clock::{Clock, RunClock};
use crate::units::RunTime;

/// How often it is looked how busy the thread is.
const LOOK_NS: i64 = 20_000_000;
/// Up to this share of its time, in percent, each chunk has a wake-up of its own.
const EXACT_PERCENT: i64 = 50;
/// From this share on a thread sleeps no shorter than [`LONGEST_NS`]; between them, in proportion.
const BUSY_PERCENT: i64 = 75;
const LONGEST_NS: i64 = 100_000;

/// The shortest sleep of a thread.
#[derive(Debug)]
pub(super) struct Rest {
    shortest_ns: i64,
    looked: RunTime,
    cpu_ns: i64,
}

impl Rest {
    /// Of the calling thread, which has not done anything yet.
    pub(super) fn new(clock: &RunClock) -> Rest {
        Rest {
            shortest_ns: 0,
            looked: clock.now(),
            cpu_ns: clock.thread_cpu_ns(),
        }
    }

    /// When it is to wake that has something to do at `next`, if it is to sleep longer than that.
    pub(super) fn beyond(
        &mut self,
        next: RunTime,
        now: RunTime,
        clock: &RunClock,
    ) -> Option<RunTime> {
        let past_ns = now.0 - self.looked.0;
        if past_ns >= LOOK_NS {
            let cpu_ns = clock.thread_cpu_ns();
            self.shortest_ns = shortest_ns((cpu_ns - self.cpu_ns) * 100 / past_ns);
            (self.looked, self.cpu_ns) = (now, cpu_ns);
        }
        let rested = RunTime(now.0 + self.shortest_ns);
        (next > now && rested > next).then_some(rested)
    }
}

/// The shortest sleep of a thread that is so busy.
fn shortest_ns(percent: i64) -> i64 {
    let busy = (percent - EXACT_PERCENT).clamp(0, BUSY_PERCENT - EXACT_PERCENT);
    LONGEST_NS * busy / (BUSY_PERCENT - EXACT_PERCENT)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::manual::ManualClock;

    #[test]
    fn only_a_busy_thread_is_less_exact() {
        let table = [(0, 0), (50, 0), (60, 40_000), (75, 100_000), (120, 100_000)];
        for (percent, expected) in table {
            assert_eq!(shortest_ns(percent), expected, "{percent} %");
        }
        let mut rest = Rest {
            shortest_ns: 40_000,
            looked: RunTime(0),
            cpu_ns: 0,
        };
        let clock = RunClock::manual(&ManualClock::default());
        let mut beyond = |next| rest.beyond(RunTime(next), RunTime(100_000), &clock);
        assert_eq!(beyond(110_000), Some(RunTime(140_000)));
        assert_eq!(beyond(150_000), None);
        assert_eq!(beyond(90_000), None, "what is due is not put off");
    }
}
