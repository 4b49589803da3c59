//! Turns by the second in which they ended.

use crate::report::bins::Bins;
use crate::results::row::{RequestRow, Status};
use crate::units::NS_PER_S;

/// Seconds that are distinguished, a day and a half; of a longer run two together, and so on.
const MOST_SECONDS: usize = 1 << 17;

/// How many turns ended in each second.
#[derive(Debug)]
pub(super) struct Ended(Bins<u64>);

impl Default for Ended {
    fn default() -> Ended {
        Ended(Bins::new(NS_PER_S, MOST_SECONDS))
    }
}

impl Ended {
    /// Takes in a turn.
    pub(super) fn add(&mut self, row: &RequestRow) {
        use Status::{Cancelled, Interrupted, NotStarted};
        let counts = match row.status {
            Interrupted | Cancelled => false,
            NotStarted => row.turn == 0,
            _ => true,
        };
        if counts {
            *self.0.at(row.closed_ns.unwrap_or(row.intended_start_ns)) += 1;
        }
    }

    /// The length of the stretches that are distinguished.
    pub(super) fn width(&self) -> i64 {
        self.0.width()
    }

    /// The stretches in which turns ended, by their begin, and how many did.
    pub(super) fn stretches(&self) -> impl Iterator<Item = (i64, u64)> {
        let stretches = self.0.iter().map(|(start, turns)| (start, *turns));
        stretches.filter(|(_, turns)| *turns > 0)
    }

    /// How many turns ended from `from_ns` to `to_ns`, to the second, and how many in all.
    pub(super) fn within(&self, from_ns: i64, to_ns: i64) -> (u64, u64) {
        let is_inside = |start: i64| start + self.width() > from_ns && start <= to_ns;
        let inside = self.stretches().filter(|(start, _)| is_inside(*start));
        let sum = |turns: &mut dyn Iterator<Item = (i64, u64)>| turns.map(|(_, turns)| turns).sum();
        (sum(&mut { inside }), sum(&mut self.stretches()))
    }
}
