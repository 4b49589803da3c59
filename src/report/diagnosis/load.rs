//! How many sessions were open at any second.

use crate::results::row::TimelineRow;
use crate::units::{NS_PER_S, counted};

/// Open sessions by second.
#[derive(Debug)]
pub(super) struct Load<'a>(&'a [TimelineRow]);

impl Load<'_> {
    /// The load of a timeline whose seconds are in order.
    pub(super) fn of(timeline: &[TimelineRow]) -> Load<'_> {
        Load(timeline)
    }

    /// Most sessions open from a second before `from_ns` until `to_ns`; `None` where the timeline
    /// has no such second.
    ///
    /// A timeline counts at the end of a second: what ended in it was still there the second before.
    pub(super) fn most(&self, from_ns: i64, to_ns: i64) -> Option<u32> {
        let first = from_ns.saturating_sub(2 * NS_PER_S);
        let start = self.0.partition_point(|row| row.second_ns <= first);
        let seconds = self.0[start..]
            .iter()
            .take_while(|row| row.second_ns <= to_ns);
        seconds.map(|row| row.active_sessions).max()
    }

    /// How many were open at an instant, where that is known, behind what happened then.
    pub(super) fn said_at(&self, at_ns: i64) -> String {
        self.most(at_ns, at_ns)
            .map_or_else(String::new, |sessions| {
                format!(", when {} were open", counted(sessions.into(), "session"))
            })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::results::sample::second;

    #[test]
    fn a_second_has_the_load_of_its_begin_and_end() {
        let timeline: Vec<TimelineRow> = (0..5)
            .map(|n| TimelineRow {
                active_sessions: [4, 9, 1, 2, 0][n as usize],
                ..second(n)
            })
            .collect();
        let load = Load::of(&timeline);
        let at = |ns| load.most(ns, ns);
        assert_eq!(at(0), Some(4));
        assert_eq!(at(2 * NS_PER_S + 1), Some(9));
        assert_eq!(at(3 * NS_PER_S + 1), Some(2));
        assert_eq!(load.most(2 * NS_PER_S, 4 * NS_PER_S), Some(9));
        assert_eq!(at(9 * NS_PER_S), None);
    }
}
