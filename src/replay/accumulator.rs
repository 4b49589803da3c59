//! What a worker counts in each second, and over the run.

use std::collections::VecDeque;

use hdrhistogram::Histogram;

use crate::units::{Lag, NS_PER_MS, NS_PER_S, RunTime};

/// Seconds that stay open for chunks that leave late; what is later counts where it leaves.
const OPEN_SECONDS: usize = 3;
/// Longest lag that is distinguished: an hour.
const LONGEST_NS: u64 = 3_600_000_000_000;
/// A chunk is late beyond its interval, or beyond this where that is shorter.
const LATE_NS: i64 = 20 * NS_PER_MS;

/// A histogram of lags from 1 ns to an hour, to 3 digits; memory does not grow with use.
#[must_use]
pub(super) fn lag_histogram() -> Histogram<u64> {
    #[expect(
        clippy::expect_used,
        reason = "the bounds are constants that are valid"
    )]
    Histogram::new_with_bounds(1, LONGEST_NS, 3).expect("valid bounds")
}

/// Counts a lag; one before its instant counts as none.
pub(super) fn record(histogram: &mut Histogram<u64>, lag: Lag) {
    histogram.saturating_record(u64::try_from(lag.0).unwrap_or(0));
}

/// A message that was due.
#[derive(Debug, Clone, Copy)]
pub(super) struct Left {
    /// When.
    pub(super) due: RunTime,
    /// When it was written; `None` if it was not when its session ended.
    pub(super) sent: Option<RunTime>,
    /// Until then, without what the peer is to blame for.
    pub(super) lag: Lag,
    /// What the peer is to blame for.
    pub(super) blocked_ns: i64,
    /// The usual time between two chunks of its session.
    pub(super) interval_ns: i64,
}

/// What happened in one second.
#[derive(Debug, Clone)]
pub struct Second {
    /// Sessions that were to start in it.
    pub(super) offered_starts: u32,
    /// Sessions that started in it.
    pub(super) achieved_starts: u32,
    /// Chunks that were to leave in it.
    pub(super) offered_chunks: u64,
    /// Chunks that left in it.
    pub(super) achieved_chunks: u64,
    /// Of those that were to leave in it, how many were late.
    pub(super) late_chunks: u64,
    /// Of the others, how many left late or never since the peer took no more.
    pub(super) blocked_chunks: u64,
    /// Lags of those that were to leave in it.
    pub(super) lag: Histogram<u64>,
}

impl Default for Second {
    fn default() -> Self {
        Second {
            offered_starts: 0,
            achieved_starts: 0,
            offered_chunks: 0,
            achieved_chunks: 0,
            late_chunks: 0,
            blocked_chunks: 0,
            lag: lag_histogram(),
        }
    }
}

impl Second {
    /// Adds what another worker counted in the same second.
    pub(super) fn add(&mut self, other: &Second) {
        self.offered_starts += other.offered_starts;
        self.achieved_starts += other.achieved_starts;
        self.offered_chunks += other.offered_chunks;
        self.achieved_chunks += other.achieved_chunks;
        self.late_chunks += other.late_chunks;
        self.blocked_chunks += other.blocked_chunks;
        // Both have the same bounds, so that adding cannot fail.
        let _ = self.lag.add(&other.lag);
    }
}

/// A worker's counts: the seconds still open, the first of them being number `first`.
#[derive(Debug, Default)]
pub(super) struct Accumulator {
    open: VecDeque<Second>,
    first: i64,
}

impl Accumulator {
    fn at(&mut self, when: RunTime) -> &mut Second {
        let number = when.0.div_euclid(NS_PER_S).max(self.first);
        let place = (number - self.first) as usize;
        while self.open.len() <= place {
            self.open.push_back(Second::default());
        }
        &mut self.open[place]
    }

    /// A session started.
    pub(super) fn start(&mut self, left: &Left) {
        self.at(left.due).offered_starts += 1;
        if let Some(sent) = left.sent {
            self.at(sent).achieved_starts += 1;
        }
    }

    /// A chunk was due: it left, or had not when its session ended.
    pub(super) fn chunk(&mut self, left: &Left) {
        let limit_ns = left.interval_ns.max(LATE_NS);
        let (late, blocked) = match left.lag.0 > limit_ns {
            true => (true, false),
            false => (false, left.lag.0 + left.blocked_ns > limit_ns),
        };
        if left.sent.is_none() && !(late || blocked) {
            return;
        }
        let second = self.at(left.due);
        second.offered_chunks += 1;
        second.late_chunks += u64::from(late);
        second.blocked_chunks += u64::from(blocked);
        record(&mut second.lag, left.lag);
        if let Some(sent) = left.sent {
            self.at(sent).achieved_chunks += 1;
        }
    }

    /// The seconds that are over, with their numbers; all of them when there is no `now`.
    pub(super) fn close(&mut self, now: Option<RunTime>) -> Vec<(i64, Second)> {
        let keep_from = match now {
            Some(now) => now.0.div_euclid(NS_PER_S) - OPEN_SECONDS as i64,
            None => i64::MAX,
        };
        let mut closed = Vec::new();
        while self.first < keep_from {
            match self.open.pop_front() {
                Some(second) => closed.push((self.first, second)),
                None if now.is_none() => break,
                None => closed.push((self.first, Second::default())),
            }
            self.first += 1;
        }
        closed
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A chunk with a lag of ours and a wait for the peer, in milliseconds; `None` left never.
    fn left(due_ms: i64, lag_ms: i64, blocked_ms: i64, sent: bool) -> Left {
        let at = |ms: i64| RunTime(ms * NS_PER_MS);
        Left {
            due: at(due_ms),
            sent: sent.then(|| at(due_ms + lag_ms + blocked_ms)),
            lag: Lag(lag_ms * NS_PER_MS),
            blocked_ns: blocked_ms * NS_PER_MS,
            interval_ns: 20 * NS_PER_MS,
        }
    }

    #[test]
    fn a_chunk_counts_where_it_was_due_and_where_it_left() {
        let mut accumulator = Accumulator::default();
        accumulator.start(&left(900, 200, 0, true));
        accumulator.chunk(&left(990, 25, 0, true));
        accumulator.chunk(&left(1500, 0, 0, true));
        let end = RunTime(3999 * NS_PER_MS);
        assert!(accumulator.close(Some(end)).is_empty());
        let closed = accumulator.close(None);
        let counts: Vec<_> = closed
            .iter()
            .map(|(n, s)| (*n, s.offered_chunks, s.achieved_chunks, s.late_chunks))
            .collect();
        assert_eq!(counts, [(0, 1, 0, 1), (1, 1, 2, 0)]);
        assert_eq!(
            (closed[0].1.offered_starts, closed[1].1.achieved_starts),
            (1, 1)
        );
    }

    #[test]
    fn what_leaves_after_its_second_was_closed_counts_in_the_oldest_open_one() {
        let mut accumulator = Accumulator::default();
        assert_eq!(accumulator.close(Some(RunTime(9 * NS_PER_S))).len(), 6);
        accumulator.chunk(&left(0, 9_000, 0, true));
        assert_eq!(accumulator.close(None)[0].0, 6);
    }

    #[test]
    fn what_is_late_is_ours_or_the_peers_or_neither() {
        let table = [
            // Lag, wait, sent; offered, late, blocked.
            (20, 0, true, [1, 0, 0]),
            (21, 0, true, [1, 1, 0]),
            (0, 21, true, [1, 0, 1]),
            (11, 10, true, [1, 0, 1]),
            (30, 30, true, [1, 1, 0]),
            (30, 0, false, [1, 1, 0]),
            (0, 30, false, [1, 0, 1]),
            // Its session ended before it was late.
            (10, 10, false, [0, 0, 0]),
        ];
        for (lag, blocked, sent, counts) in table {
            let mut accumulator = Accumulator::default();
            accumulator.chunk(&left(0, lag, blocked, sent));
            let second = accumulator.close(None).pop().map(|(_, second)| second);
            let second = second.unwrap_or_default();
            let counted = [
                second.offered_chunks,
                second.late_chunks,
                second.blocked_chunks,
            ];
            assert_eq!(counted, counts, "{lag} {blocked} {sent}");
            assert_eq!(second.lag.len(), counts[0]);
            assert_eq!(second.achieved_chunks, u64::from(sent));
        }
    }
}
