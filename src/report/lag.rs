//! The schedule lag of a whole run where only its seconds are known.

use serde::{Deserialize, Serialize};

use super::stats::Level;
use crate::results::lag::LagSummary;
use crate::results::row::TimelineRow;

/// Where figures of the schedule lag come from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LagBasis {
    /// The distribution of all chunks, kept while the run went on.
    Measured,
    /// The seconds of the timeline: the true quantiles are no larger; largest and counts are exact.
    UpperBound,
}

/// The schedule lag of a run, and how well it is known.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct ScheduleLag {
    /// Where the quantiles come from.
    pub basis: LagBasis,
    /// The figures.
    #[serde(flatten)]
    pub figures: LagSummary,
}

/// What is known of the chunks of one second.
struct Second {
    chunks: u64,
    p50: i64,
    p99: i64,
    max: i64,
}

impl Second {
    /// The most chunks of the second that can lie above `lag`, from its quantiles alone.
    fn at_most_above(&self, lag: i64) -> u64 {
        match lag {
            lag if lag >= self.max => 0,
            lag if lag >= self.p99 => self.chunks / 100,
            lag if lag >= self.p50 => self.chunks / 2,
            _ => self.chunks,
        }
    }
}

/// Upper bounds of the lag's quantiles over all chunks, from the quantiles of each second; `None`
/// when no second has chunks.
///
/// A second whose p99 is x has at most 1 % of its chunks above x, and so on; the bound is the
/// smallest lag for which these shares add up to no more than the quantile leaves above it.
#[must_use]
pub fn from_timeline(timeline: &[TimelineRow]) -> Option<ScheduleLag> {
    let seconds: Vec<Second> = timeline
        .iter()
        .filter(|row| row.achieved_chunks > 0)
        .filter_map(|row| {
            Some(Second {
                chunks: row.achieved_chunks,
                p50: row.lag_p50_ns?,
                p99: row.lag_p99_ns?,
                max: row.lag_max_ns?,
            })
        })
        .collect();
    let max_ns = seconds.iter().map(|second| second.max).max()?;
    let known = seconds.iter().flat_map(|s| [s.p50, s.p99, s.max]);
    let mut known: Vec<i64> = known.collect();
    known.sort_unstable();
    let chunks: u64 = seconds.iter().map(|second| second.chunks).sum();
    let bound = |level: Level| {
        let allowed = chunks - level.rank(chunks);
        let too_low = |lag: &i64| {
            let above: u64 = seconds.iter().map(|s| s.at_most_above(*lag)).sum();
            above > allowed
        };
        let first = known.partition_point(too_low);
        known.get(first).copied().unwrap_or(max_ns)
    };
    Some(ScheduleLag {
        basis: LagBasis::UpperBound,
        figures: LagSummary {
            p50_ns: bound(Level::P50),
            p99_ns: bound(Level::P99),
            p999_ns: bound(Level(9_990)),
            max_ns,
            late_chunks: timeline.iter().map(|row| row.late_chunks).sum(),
            blocked_chunks: timeline.iter().filter_map(|row| row.blocked_chunks).sum(),
            chunks,
        },
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::stats::Sample;
    use crate::results::sample;
    use proptest::prelude::*;

    #[test]
    fn one_bad_second_of_many_does_not_set_the_p99() {
        let mut timeline: Vec<_> = (0..300).map(sample::second).collect();
        timeline[7].lag_p99_ns = Some(40_000_000);
        timeline[7].lag_max_ns = Some(50_000_000);
        timeline[7].late_chunks = 30;
        let lag = from_timeline(&timeline).unwrap();
        assert_eq!(lag.basis, LagBasis::UpperBound);
        assert_eq!(
            lag.figures,
            LagSummary {
                p50_ns: 12_000,
                p99_ns: 210_000,
                p999_ns: 40_000_000,
                max_ns: 50_000_000,
                late_chunks: 30,
                blocked_chunks: 0,
                chunks: 150_000,
            }
        );
        assert_eq!(from_timeline(&[]), None);
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]

        #[test]
        fn bounds_hold(seconds in prop::collection::vec(
            prop::collection::vec(-1_000_000_i64..50_000_000, 1..300), 1..20,
        )) {
            let nearest = |sorted: &[i64], level: Level| {
                sorted[level.rank(sorted.len() as u64) as usize - 1]
            };
            let timeline: Vec<_> = seconds.iter().map(|lags| {
                let mut sorted = lags.clone();
                sorted.sort_unstable();
                let mut row = sample::second(0);
                row.achieved_chunks = sorted.len() as u64;
                row.lag_p50_ns = Some(nearest(&sorted, Level::P50));
                row.lag_p99_ns = Some(nearest(&sorted, Level::P99));
                row.lag_max_ns = sorted.last().copied();
                row
            }).collect();
            let mut all = seconds.concat();
            all.sort_unstable();
            let bound = from_timeline(&timeline).unwrap().figures;
            prop_assert!(bound.p50_ns >= nearest(&all, Level::P50));
            prop_assert!(bound.p99_ns >= nearest(&all, Level::P99));
            prop_assert!(bound.p999_ns >= nearest(&all, Level(9_990)));
            let largest: Sample = all.into_iter().map(Some).collect();
            prop_assert_eq!(largest.percentiles().max_ns, Some(bound.max_ns));
        }
    }
}
