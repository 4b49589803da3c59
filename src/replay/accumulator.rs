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
    /// Lags of those that were to leave in it.
    pub(super) lag: Histogram<u64>,
    /// CPU time that the worker used in it.
    pub(super) cpu_ns: i64,
}

impl Default for Second {
    fn default() -> Self {
        Second {
            offered_starts: 0,
            achieved_starts: 0,
            offered_chunks: 0,
            achieved_chunks: 0,
            late_chunks: 0,
            lag: lag_histogram(),
            cpu_ns: 0,
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
        self.cpu_ns += other.cpu_ns;
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

    /// The worker used so much CPU time in the second before `now`.
    pub(super) fn cpu(&mut self, now: RunTime, cpu_ns: i64) {
        self.at(RunTime(now.0 - NS_PER_S / 2)).cpu_ns += cpu_ns;
    }

    /// A session started.
    pub(super) fn start(&mut self, due: RunTime, started: RunTime) {
        self.at(due).offered_starts += 1;
        self.at(started).achieved_starts += 1;
    }

    /// A chunk left, with this lag of ours.
    pub(super) fn chunk(&mut self, due: RunTime, sent: RunTime, lag: Lag, interval_ns: i64) {
        let second = self.at(due);
        second.offered_chunks += 1;
        second.late_chunks += u64::from(lag.0 > interval_ns.max(LATE_NS));
        record(&mut second.lag, lag);
        self.at(sent).achieved_chunks += 1;
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

    #[test]
    fn a_chunk_counts_where_it_was_due_and_where_it_left() {
        let mut accumulator = Accumulator::default();
        let at = |ms: i64| RunTime(ms * NS_PER_MS);
        accumulator.start(at(900), at(1100));
        accumulator.chunk(at(990), at(1015), Lag(25 * NS_PER_MS), 20 * NS_PER_MS);
        accumulator.chunk(at(1500), at(1500), Lag(0), 20 * NS_PER_MS);
        assert!(accumulator.close(Some(at(3999))).is_empty());
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
        accumulator.chunk(
            RunTime(0),
            RunTime(9 * NS_PER_S),
            Lag(9 * NS_PER_S),
            NS_PER_MS,
        );
        assert_eq!(accumulator.close(None)[0].0, 6);
    }
}
