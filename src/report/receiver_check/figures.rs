//! What the receiver check counts and measures: what became of messages, distributions of signed times, and
//! how an error changes over a run.

use serde::{Deserialize, Serialize};

use crate::units::{NS_PER_MS, NS_PER_S};

const NS_PER_MIN: i64 = 60 * NS_PER_S;

/// A chunk arrived late beyond its interval, or beyond this where that is shorter.
pub(super) const LATE_NS: i64 = 20 * NS_PER_MS;

/// What became of the messages that the run says it sent.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Counts {
    /// Sent, by the run.
    pub sent: u64,
    /// Of those, arrived, by the log.
    pub arrived: u64,
    /// Did not arrive, though their stream ended well.
    pub lost: u64,
    /// Did not arrive in streams that were cut off, where a reset discards what is under way.
    pub cut_off: u64,
    /// Arrived again.
    pub doubled: u64,
    /// Arrived after one that was sent later.
    pub reordered: u64,
    /// Arrived with another length.
    pub altered: u64,
    /// In the log as of this run, but not among its messages.
    pub unknown: u64,
    /// In the log, of other runs; left out.
    pub of_other_runs: u64,
}

/// When chunks, audio and fill, were sent and arrived.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Figures {
    /// Planned instant to handing over to the transport.
    pub lag: Option<Quantiles>,
    /// Planned instant to arrival; null without one clock.
    pub error: Option<Quantiles>,
    /// Handing over to arrival; null without one clock.
    pub transit: Option<Quantiles>,
    /// Size of the difference between the gap of two chunks at the receiver and in the plan.
    pub gap_error: Option<Quantiles>,
    /// How the error changes; null without one clock.
    pub drift: Option<Drift>,
    /// Chunks that arrived later than their interval, at least 20 ms, after their instant.
    pub late: u64,
}

/// A distribution of signed times; its quantiles are nearest ranks, values that were measured.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Quantiles {
    /// How many.
    pub n: u64,
    /// Least.
    pub min_ns: i64,
    /// Median.
    pub p50_ns: i64,
    /// 99th percentile.
    pub p99_ns: i64,
    /// 99.9th percentile.
    pub p999_ns: i64,
    /// Largest.
    pub max_ns: i64,
}

impl Quantiles {
    /// The distribution of `values`; `None` when there are none.
    #[must_use]
    pub fn of(mut values: Vec<i64>) -> Option<Quantiles> {
        values.sort_unstable();
        let (min_ns, max_ns) = (*values.first()?, *values.last()?);
        let rank = |per_mille: usize| (values.len() * per_mille).div_ceil(1_000).max(1);
        let at = |per_mille| values[rank(per_mille) - 1];
        Some(Quantiles {
            n: values.len() as u64,
            min_ns,
            p50_ns: at(500),
            p99_ns: at(990),
            p999_ns: at(999),
            max_ns,
        })
    }
}

/// How the receiver's error changes over a run.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Drift {
    /// Slope of the least-squares line of the error over the planned instant, in nanoseconds a
    /// minute.
    pub per_minute_ns: f64,
    /// The slope times the run's length.
    pub over_run_ns: f64,
    /// 99th percentile of the error in the first minute, or in the first tenth of a run of less
    /// than two minutes.
    pub first_p99_ns: i64,
    /// 99th percentile in the last minute, or the last tenth.
    pub last_p99_ns: i64,
}

impl Drift {
    /// The drift of errors, each behind the planned instant that it belongs to; sorts them. `None`
    /// when there are none.
    #[must_use]
    pub fn of(errors: &mut [(i64, i64)]) -> Option<Drift> {
        errors.sort_unstable();
        let (first_ns, last_ns) = (errors.first()?.0, errors.last()?.0);
        let length_ns = last_ns - first_ns;
        let part_ns = match length_ns {
            short if short < 2 * NS_PER_MIN => short / 10,
            _ => NS_PER_MIN,
        };
        let p99_ns = |part: &[(i64, i64)]| {
            let errors = part.iter().map(|(_, error)| *error).collect();
            Some(Quantiles::of(errors)?.p99_ns)
        };
        let first_end = errors.partition_point(|(at, _)| *at <= first_ns + part_ns);
        let last_start = errors.partition_point(|(at, _)| *at < last_ns - part_ns);
        let slope = slope(errors);
        Some(Drift {
            per_minute_ns: slope * NS_PER_MIN as f64,
            over_run_ns: slope * length_ns as f64,
            first_p99_ns: p99_ns(&errors[..first_end])?,
            last_p99_ns: p99_ns(&errors[last_start..])?,
        })
    }
}

/// Slope of the least-squares line through (x, y); 0 where it is not determined.
fn slope(points: &[(i64, i64)]) -> f64 {
    let n = points.len() as f64;
    let origin = points.first().map_or(0, |(x, _)| *x);
    let at = |(x, y): &(i64, i64)| ((x - origin) as f64, *y as f64);
    let (sum_x, sum_y) = points
        .iter()
        .map(at)
        .fold((0.0, 0.0), |sum, (x, y)| (sum.0 + x, sum.1 + y));
    let (mean_x, mean_y) = (sum_x / n, sum_y / n);
    let (mut covariance, mut variance) = (0.0, 0.0);
    for (x, y) in points.iter().map(at) {
        covariance += (x - mean_x) * (y - mean_y);
        variance += (x - mean_x).powi(2);
    }
    if variance > 0.0 {
        covariance / variance
    } else {
        0.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantiles_are_nearest_ranks() {
        let spread = Quantiles::of((1..=1_000).rev().collect()).unwrap();
        let figures = [
            spread.min_ns,
            spread.p50_ns,
            spread.p99_ns,
            spread.p999_ns,
            spread.max_ns,
        ];
        assert_eq!(figures, [1, 500, 990, 999, 1_000]);
        assert_eq!(Quantiles::of(vec![-7]).unwrap().p50_ns, -7);
        assert_eq!(Quantiles::of(Vec::new()), None);
    }

    /// An error that grows by 3 µs a minute, once a second over so many seconds.
    fn growing(seconds: i64) -> Vec<(i64, i64)> {
        (0..=seconds)
            .map(|s| (s * NS_PER_S, 10_000 + s * 50))
            .collect()
    }

    #[test]
    fn a_steady_growth_is_its_slope_whatever_the_order() {
        let mut errors = growing(600);
        errors.reverse();
        let drift = Drift::of(&mut errors).unwrap();
        assert!((drift.per_minute_ns - 3_000.0).abs() < 1e-6, "{drift:?}");
        assert!((drift.over_run_ns - 30_000.0).abs() < 1e-5, "{drift:?}");
        // The 61 errors of the first minute, and of the last: the 99th percentile is the largest.
        let ends = (drift.first_p99_ns, drift.last_p99_ns);
        assert_eq!(ends, (10_000 + 60 * 50, 10_000 + 600 * 50));
    }

    #[test]
    fn short_runs_have_tenths_and_one_chunk_has_no_slope() {
        let drift = Drift::of(&mut growing(100)).unwrap();
        assert_eq!(drift.first_p99_ns, 10_000 + 10 * 50);
        let drift = Drift::of(&mut [(5, 7)]).unwrap();
        assert_eq!((drift.per_minute_ns, drift.last_p99_ns), (0.0, 7));
        assert_eq!(Drift::of(&mut []), None);
    }
}
