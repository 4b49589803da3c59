//! The instants at which something happens in a worker's sessions, the earliest first.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::collections::binary_heap::PeekMut;

use slotmap::new_key_type;

use crate::units::RunTime;

new_key_type! {
    /// A session of a worker; the key of one that has ended is of none that comes after it.
    pub struct CallKey;
}

/// What happens at an instant, to a session.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Timer {
    /// Its next message is due.
    Send(CallKey),
    /// Its caller may speak into an answer.
    BargeIn(CallKey),
    /// It may be overdue.
    Overdue(CallKey),
    /// What was waited for after an answer has come by now, or will not.
    Settled(CallKey),
}

/// All timers that are set.
#[derive(Debug, Default)]
pub struct Timers(BinaryHeap<Reverse<(RunTime, Timer)>>);

impl Timers {
    /// Sets a timer.
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
        let mut keys = slotmap::SlotMap::with_key();
        let [a, b, c] = std::array::from_fn(|_| keys.insert(()));
        for (at, key) in [(30, a), (10, b), (20, c)] {
            timers.set(RunTime(at), Timer::Send(key));
        }
        assert_eq!(timers.first(), Some(RunTime(10)));
        let rung: Vec<_> = std::iter::from_fn(|| timers.take_due(RunTime(20))).collect();
        assert_eq!(
            rung,
            [(RunTime(10), Timer::Send(b)), (RunTime(20), Timer::Send(c))]
        );
        assert_eq!(timers.first(), Some(RunTime(30)));
    }
}
