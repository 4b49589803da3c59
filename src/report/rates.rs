//! How much the plan asked for in a second, and how much was done.

use serde::{Deserialize, Serialize};

use crate::results::row::TimelineRow;
use crate::units::NS_PER_S;

/// Rates over the seconds in which the plan asked for something, so that load which came after
/// its time lowers what was achieved.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Rates {
    /// Sessions a second, as planned.
    pub offered_sessions_per_s: f64,
    /// Sessions a second, as started.
    pub achieved_sessions_per_s: f64,
    /// Chunks a second, as planned.
    pub offered_chunks_per_s: f64,
    /// Chunks a second, as sent.
    pub achieved_chunks_per_s: f64,
}

impl Rates {
    /// The rates of a timeline; `None` where nothing was asked for.
    pub(super) fn of(timeline: &[TimelineRow]) -> Option<Rates> {
        // Users who think ask for nothing, and are the load all the same.
        let users = |row: &TimelineRow| row.users.is_some_and(|users| users > 0);
        let asked =
            |row: &TimelineRow| row.offered_starts > 0 || row.offered_chunks > 0 || users(row);
        let first = timeline.iter().position(asked)?;
        let last = timeline.iter().rposition(asked)?;
        let window = timeline.get(first..=last)?;
        let span_ns = window.last()?.second_ns - window.first()?.second_ns + NS_PER_S;
        let per_second = |count: fn(&TimelineRow) -> u64| {
            window.iter().map(count).sum::<u64>() as f64 * NS_PER_S as f64 / span_ns as f64
        };
        Some(Rates {
            offered_sessions_per_s: per_second(|row| row.offered_starts.into()),
            achieved_sessions_per_s: per_second(|row| row.achieved_starts.into()),
            offered_chunks_per_s: per_second(|row| row.offered_chunks),
            achieved_chunks_per_s: per_second(|row| row.achieved_chunks),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::results::sample::second;

    #[test]
    fn chunks_sent_after_their_time_lower_the_achieved_rate() {
        let mut timeline: Vec<_> = (0..6).map(second).collect();
        timeline[0].offered_chunks = 0;
        timeline[0].offered_starts = 0;
        timeline[4].achieved_chunks = 100;
        timeline[5].offered_chunks = 0;
        timeline[5].offered_starts = 0;
        let rates = Rates::of(&timeline).unwrap();
        assert_eq!(rates.offered_chunks_per_s, 500.0);
        assert_eq!(rates.achieved_chunks_per_s, 400.0);
    }

    #[test]
    fn where_nothing_was_asked_for_there_is_no_rate() {
        assert_eq!(Rates::of(&[]), None);
    }
}
