//! The instants at which something happens in a worker's sessions, the earliest first.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::collections::binary_heap::PeekMut;

use crate::units::RunTime;

/// What happens at an instant, to the session of this number.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Timer {
    /// Its next message is due.
    Send(u64),
    /// Its caller may speak into an answer.
    BargeIn(u64),
    /// It may be overdue.
    Overdue(u64),
}

/// All timers that are set.
#[derive(Debug, Default)]
pub struct Timers(BinaryHeap<Reverse<(RunTime, Timer)>>);

impl Timers {
    /// Sets an timer.
    pub fn set(&mut self, at: RunTime, timer: Timer) {
        self.0.push(Reverse((at, timer)));
    }

    /// When the first rings.
    #[must_use]
    pub fn first(&self) -> Option<RunTime> {
        self.0.peek().map(|Reverse((at, _))| *at)
    }

    /// Takes the first, if it rings by `horizon`.
    pub fn take_due(&mut self, horizon: RunTime) -> Option<(RunTime, Timer)> {
        let first = self.0.peek_mut()?;
        if first.0.0 > horizon {
            return None;
        }
        let Reverse(first) = PeekMut::pop(first);
        Some(first)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn timers_fire_in_order_and_not_before_their_time() {
        let mut timers = Timers::default();
        for at in [30, 10, 20] {
            timers.set(RunTime(at), Timer::Send(at as u64));
        }
        assert_eq!(timers.first(), Some(RunTime(10)));
        let rung: Vec<_> = std::iter::from_fn(|| timers.take_due(RunTime(20))).collect();
        assert_eq!(
            rung,
            [
                (RunTime(10), Timer::Send(10)),
                (RunTime(20), Timer::Send(20))
            ]
        );
        assert_eq!(timers.first(), Some(RunTime(30)));
    }
}
