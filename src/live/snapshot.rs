//! What the gauges of a run say at an instant, and what changed over the last seconds.

use std::collections::VecDeque;
use std::sync::atomic::Ordering::Relaxed;

use super::gauges::Gauges;
use super::histogram::Counts;
use crate::results::metrics::LIVE;
use crate::results::row::Status;
use crate::units::{NS_PER_S, RunTime};

/// How far back "recent" goes.
pub const RECENT_NS: i64 = 10 * NS_PER_S;
/// Snapshots that are kept, for sparklines.
const MOST_KEPT: usize = 240;

/// The gauges at an instant.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Snapshot {
    /// When they were read.
    pub at: RunTime,
    /// Sessions open.
    pub active_sessions: u32,
    /// Virtual users there; 0 in a replay.
    pub users: u32,
    /// Sessions that wait for an answer.
    pub awaiting_answer: u32,
    /// Sessions whose planned start had come.
    pub offered_sessions: u64,
    /// Sessions started.
    pub started_sessions: u64,
    /// Turns that had ended with each status.
    pub requests: [u64; Status::ALL.len()],
    /// Schedule lags.
    pub lag: Counts,
    /// Chunks in the seconds that are accounted for.
    pub judged_chunks: u64,
    /// Of those, how many were late.
    pub late_chunks: u64,
    /// Latencies of turns.
    pub latencies: [Counts; LIVE],
}

impl Snapshot {
    /// Reads the gauges at `at`.
    #[must_use]
    pub fn of(gauges: &Gauges, at: RunTime) -> Snapshot {
        Snapshot {
            at,
            active_sessions: gauges.active_sessions.load(Relaxed),
            users: gauges.users.load(Relaxed),
            awaiting_answer: gauges.awaiting_answer.load(Relaxed),
            offered_sessions: gauges.offered_sessions.load(Relaxed),
            started_sessions: gauges.started_sessions.load(Relaxed),
            requests: gauges.requests.counts(),
            lag: gauges.lag.counts(),
            judged_chunks: gauges.judged_chunks.load(Relaxed),
            late_chunks: gauges.late_chunks.load(Relaxed),
            latencies: std::array::from_fn(|k| gauges.latencies[k].spread.counts()),
        }
    }

    /// Turns that ended.
    #[must_use]
    pub fn ended(&self) -> u64 {
        self.requests.iter().sum()
    }

    /// Turns that ended well.
    #[must_use]
    pub fn succeeded(&self) -> u64 {
        let by_status = Status::ALL.iter().zip(self.requests);
        let succeeded = by_status.filter(|(status, _)| status.is_success());
        succeeded.map(|(_, count)| count).sum()
    }

    /// What changed after `earlier`; what only goes up and down stays as it is.
    #[must_use]
    pub fn since(&self, earlier: &Snapshot) -> Snapshot {
        let more = |now: u64, before: u64| now.saturating_sub(before);
        Snapshot {
            at: self.at,
            offered_sessions: more(self.offered_sessions, earlier.offered_sessions),
            started_sessions: more(self.started_sessions, earlier.started_sessions),
            requests: std::array::from_fn(|k| more(self.requests[k], earlier.requests[k])),
            lag: self.lag.since(&earlier.lag),
            judged_chunks: more(self.judged_chunks, earlier.judged_chunks),
            late_chunks: more(self.late_chunks, earlier.late_chunks),
            latencies: std::array::from_fn(|k| self.latencies[k].since(&earlier.latencies[k])),
            ..*self
        }
    }
}

/// What changed over a stretch of time.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Change {
    /// How long the stretch is.
    pub span_ns: i64,
    /// What changed.
    pub figures: Snapshot,
}

impl Change {
    /// How long the stretch is, in whole seconds.
    pub(super) fn seconds(&self) -> i64 {
        (self.span_ns + NS_PER_S / 2) / NS_PER_S
    }

    /// `count` as so many a second.
    #[must_use]
    pub fn rate(&self, count: u64) -> f64 {
        count as f64 / (self.span_ns.max(1) as f64 / NS_PER_S as f64)
    }
}

/// The snapshots of the last minutes, one a second.
#[derive(Debug, Default)]
pub struct History {
    kept: VecDeque<Snapshot>,
}

impl History {
    /// Takes in a snapshot that is later than all before it.
    pub fn push(&mut self, snapshot: Snapshot) {
        if self.kept.len() == MOST_KEPT {
            self.kept.pop_front();
        }
        self.kept.push_back(snapshot);
    }

    /// The latest snapshot.
    #[must_use]
    pub fn latest(&self) -> Option<&Snapshot> {
        self.kept.back()
    }

    /// What changed in the last [`RECENT_NS`], or since the start where that is shorter; `None`
    /// before there is anything to compare.
    #[must_use]
    pub fn recent(&self) -> Option<Change> {
        let latest = self.kept.back()?;
        let begin = latest.at.0 - RECENT_NS;
        // Half a second of grace: snapshots are not taken on the dot.
        let earlier = |kept: &&Snapshot| kept.at.0 >= begin - NS_PER_S / 2;
        let earliest = self.kept.iter().find(earlier)?;
        change(earliest, latest)
    }

    /// What changed from each of the last `count` snapshots to the next, oldest first.
    #[must_use]
    pub fn changes(&self, count: usize) -> Vec<Change> {
        let first = self.kept.len().saturating_sub(count + 1);
        let pairs = self.kept.iter().skip(first);
        let next = self.kept.iter().skip(first + 1);
        let changes = pairs.zip(next).filter_map(|(one, next)| change(one, next));
        changes.collect()
    }
}

fn change(earlier: &Snapshot, later: &Snapshot) -> Option<Change> {
    let span_ns = later.at.0 - earlier.at.0;
    (span_ns > 0).then(|| Change {
        span_ns,
        figures: later.since(earlier),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(second: i64, ended: u64) -> Snapshot {
        let mut snapshot = Snapshot {
            at: RunTime(second * NS_PER_S),
            started_sessions: 2 * ended,
            active_sessions: 7,
            ..Snapshot::default()
        };
        snapshot.requests[Status::Ok as usize] = ended;
        snapshot
    }

    #[test]
    fn recent_is_the_last_ten_seconds_or_what_there_is() {
        let mut history = History::default();
        assert_eq!(history.recent(), None);
        history.push(at(0, 0));
        assert_eq!(history.recent(), None);
        for second in 1..=4 {
            history.push(at(second, 3 * second as u64));
        }
        let recent = history.recent().unwrap();
        assert_eq!((recent.span_ns, recent.figures.ended()), (4 * NS_PER_S, 12));
        for second in 5..=60 {
            history.push(at(second, 12));
        }
        let recent = history.recent().unwrap();
        assert_eq!((recent.span_ns, recent.figures.ended()), (RECENT_NS, 0));
        assert_eq!(recent.figures.active_sessions, 7);
    }

    #[test]
    fn changes_are_from_second_to_second() {
        let mut history = History::default();
        for second in 0..300_u64 {
            history.push(at(second as i64, second * second));
        }
        let ended: Vec<_> = history
            .changes(3)
            .iter()
            .map(|change| change.rate(change.figures.ended()))
            .collect();
        assert_eq!(ended, [593.0, 595.0, 597.0]);
        assert_eq!(history.changes(1_000).len(), MOST_KEPT - 1);
    }

    #[test]
    fn successes_are_those_that_were_answered_or_interrupted_as_planned() {
        let gauges = Gauges::default();
        Status::ALL
            .iter()
            .for_each(|status| gauges.requests.count(*status));
        let snapshot = Snapshot::of(&gauges, RunTime(0));
        assert_eq!((snapshot.ended(), snapshot.succeeded()), (8, 2));
    }
}
