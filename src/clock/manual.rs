//! A clock that stands still until a test moves it, and wakes whoever waits for an instant.

use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, Waker};

use crate::units::RunTime;

/// The clock; clones are the same one.
#[derive(Debug, Clone, Default)]
pub(crate) struct ManualClock(Arc<Mutex<State>>);

#[derive(Debug, Default)]
struct State {
    now: i64,
    waiting: Vec<(i64, Waker)>,
}

impl ManualClock {
    pub(crate) fn now(&self) -> RunTime {
        RunTime(self.0.lock().unwrap().now)
    }

    /// Ready from `at` on; wakes the task then.
    pub(crate) fn poll_until(&self, at: RunTime, context: &mut Context<'_>) -> Poll<()> {
        let mut state = self.0.lock().unwrap();
        if state.now >= at.0 {
            return Poll::Ready(());
        }
        state.waiting.push((at.0, context.waker().clone()));
        Poll::Pending
    }

    /// Moves to `end`, or to the first instant before it that somebody waits for; true at `end`.
    pub(crate) fn advance(&self, end: RunTime) -> bool {
        let mut state = self.0.lock().unwrap();
        let first = state.waiting.iter().map(|(at, _)| *at).min();
        let to = first.unwrap_or(i64::MAX).min(end.0).max(state.now);
        state.now = to;
        let due;
        (due, state.waiting) = std::mem::take(&mut state.waiting)
            .into_iter()
            .partition(|(at, _)| *at <= to);
        due.into_iter().for_each(|(_, waker)| waker.wake());
        to >= end.0
    }
}
