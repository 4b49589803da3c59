//! A latency in seconds, as one object: as the Python load test computed it, and as nearest ranks.

use serde::{Deserialize, Serialize};

use super::seconds::seconds;
use crate::report::stats::Level;
use crate::units::NS_PER_S;

/// A latency over the requests that have it, in seconds.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
pub struct LatencySummary {
    /// Requests that have it; all else is null without any.
    pub count: u64,
    /// Smallest.
    pub min: Option<f64>,
    /// Largest.
    pub max: Option<f64>,
    /// Mean.
    pub mean: Option<f64>,
    /// Median.
    pub median: Option<f64>,
    /// 90th percentile.
    pub p90: Option<f64>,
    /// 95th percentile.
    pub p95: Option<f64>,
    /// 99th percentile.
    pub p99: Option<f64>,
    /// Standard deviation of a sample; null with fewer than two.
    pub stddev: Option<f64>,
}

impl LatencySummary {
    /// Of nanoseconds in ascending order; percentiles are nearest ranks.
    fn of(sorted: &[i64]) -> LatencySummary {
        let count = sorted.len() as u64;
        let at = |level: Level| {
            let rank = usize::try_from(level.rank(count)).unwrap_or(usize::MAX);
            sorted.get(rank - 1).map(|ns| seconds(*ns))
        };
        LatencySummary {
            count,
            min: sorted.first().map(|ns| seconds(*ns)),
            max: sorted.last().map(|ns| seconds(*ns)),
            mean: mean(sorted),
            median: at(Level::P50),
            p90: at(Level::P90),
            p95: at(Level::P95),
            p99: at(Level::P99),
            stddev: stddev(sorted),
        }
    }

    /// Of nanoseconds in ascending order by the formulas of the Python load test: a median is the mean of
    /// the middle two, and what has a share of values before it is a percentile; `None` without any.
    fn original(sorted: &[i64]) -> Option<LatencySummary> {
        let count = sorted.len();
        let [low, high] = [count.checked_sub(1)? / 2, count / 2].map(|at| seconds(sorted[at]));
        // Floating point on purpose: where it falls short of a whole number, the rank is one lower.
        let after = |share: f64| Some(seconds(sorted[(count as f64 * share) as usize]));
        Some(LatencySummary {
            median: Some(f64::midpoint(low, high)),
            p90: after(0.90),
            p95: after(0.95),
            p99: after(0.99),
            stddev: Some(stddev(sorted).unwrap_or(0.0)),
            ..LatencySummary::of(sorted)
        })
    }
}

/// In seconds.
fn mean(values: &[i64]) -> Option<f64> {
    let sum: f64 = values.iter().map(|ns| *ns as f64).sum();
    let n = values.len() as f64;
    (n > 0.0).then(|| sum / n / NS_PER_S as f64)
}

/// Of a sample, in seconds; `None` with fewer than two.
fn stddev(values: &[i64]) -> Option<f64> {
    let mean = mean(values).filter(|_| values.len() > 1)?;
    let squares = values.iter().map(|ns| (seconds(*ns) - mean).powi(2));
    Some((squares.sum::<f64>() / (values.len() - 1) as f64).sqrt())
}

/// The values of a latency, request by request.
#[derive(Debug, Default)]
pub(super) struct Values {
    of_successes: Vec<i64>,
    of_others: Vec<i64>,
}

impl Values {
    /// Takes in the latency of a request, if it has it.
    pub(super) fn add(&mut self, is_success: bool, ns: Option<i64>) {
        match is_success {
            true => self.of_successes.extend(ns),
            false => self.of_others.extend(ns),
        }
    }

    /// Over the successes, and over every request.
    pub(super) fn finish(self) -> (Option<LatencySummary>, LatencySummary) {
        let mut values = self.of_successes;
        values.sort_unstable();
        let successes = LatencySummary::original(&values);
        values.extend(self.of_others);
        values.sort_unstable();
        (successes, LatencySummary::of(&values))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::units::NS_PER_MS;

    fn of(successes_ms: &[i64], others_ms: &[i64]) -> (Option<LatencySummary>, LatencySummary) {
        let mut values = Values::default();
        for (is_success, all) in [(true, successes_ms), (false, others_ms)] {
            for ms in all {
                values.add(is_success, Some(ms * NS_PER_MS));
            }
        }
        values.add(true, None);
        values.finish()
    }

    #[test]
    fn the_spread_is_that_of_a_sample_by_nearest_ranks() {
        let (_, spread) = of(&[4, 2, 4, 4], &[5, 5, 7, 9]);
        assert_eq!(
            (spread.count, spread.min, spread.max),
            (8, Some(0.002), Some(0.009))
        );
        assert_eq!((spread.median, spread.p90), (Some(0.004), Some(0.009)));
        assert!((spread.mean.unwrap() - 0.005).abs() < 1e-12);
        let stddev = (32.0_f64 / 7.0).sqrt() / 1e3;
        assert!((spread.stddev.unwrap() - stddev).abs() < 1e-12);
        assert_eq!(of(&[], &[]).1, LatencySummary::default());
        let (_, one) = of(&[3], &[]);
        assert_eq!((one.p99, one.stddev), (Some(0.003), None));
    }

    #[test]
    fn successes_alone_count_by_the_original_formulas() {
        // By Python: statistics.median, sorted(v)[int(n * p)], statistics.stdev.
        let twenty: Vec<i64> = (1..=20).collect();
        let spread = of(&twenty, &[500, 600]).0.unwrap();
        assert_eq!(
            (spread.count, spread.min, spread.max),
            (20, Some(0.001), Some(0.02))
        );
        assert!((spread.median.unwrap() - 0.0105).abs() < 1e-12);
        assert_eq!(
            (spread.p90, spread.p95, spread.p99),
            [0.019, 0.02, 0.02].map(Some).into()
        );
        assert!((spread.mean.unwrap() - 0.0105).abs() < 1e-12);
        assert!((spread.stddev.unwrap() - 0.005_916_079_783_1).abs() < 1e-12);
        let hundred: Vec<i64> = (1..=100).collect();
        let spread = of(&hundred, &[]).0.unwrap();
        assert_eq!(
            (spread.p90, spread.p95, spread.p99),
            [0.091, 0.096, 0.1].map(Some).into()
        );

        let one = of(&[3], &[1]).0.unwrap();
        assert_eq!(
            (one.median, one.p99, one.stddev),
            [0.003, 0.003, 0.0].map(Some).into()
        );
        assert_eq!(of(&[], &[1]).0, None, "as the original, which left it out");
    }
}
