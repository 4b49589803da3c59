//! A distribution of durations that is counted without a lock or an allocation.
//!
//! Its buckets end at round numbers, so that the buckets which Prometheus is shown are sums of
//! whole ones.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

/// Ends of the buckets of a decade, in hundredths of its beginning.
const STEPS: [u64; 20] = [
    100, 110, 125, 140, 150, 175, 200, 225, 250, 275, 300, 350, 400, 450, 500, 550, 600, 675, 750,
    875,
];
/// Decades, from 100 ns to 875 s.
const DECADES: usize = 10;
/// Buckets that have an end; one more takes what is longer than all of them.
const BUCKETS: usize = STEPS.len() * DECADES;
/// What each bucket ends with, itself included, in nanoseconds.
const ENDS_NS: [u64; BUCKETS] = ends();

/// Ends of the buckets that latencies are exposed with, in nanoseconds.
pub const LATENCY_ENDS_NS: [u64; 15] = in_ns(
    1_000_000,
    [
        50, 100, 250, 500, 750, 1_000, 1_500, 2_000, 3_000, 5_000, 7_500, 10_000, 15_000, 20_000,
        30_000,
    ],
);
/// Ends of the buckets that lags and delays of our own are exposed with, in nanoseconds.
pub const LAG_ENDS_NS: [u64; 18] = in_ns(
    1_000,
    [
        10, 25, 50, 100, 250, 500, 1_000, 2_500, 5_000, 10_000, 20_000, 50_000, 100_000, 250_000,
        500_000, 1_000_000, 5_000_000, 30_000_000,
    ],
);

const fn ends() -> [u64; BUCKETS] {
    let mut ends = [0; BUCKETS];
    let (mut k, mut scale) = (0, 1);
    while k < BUCKETS {
        ends[k] = STEPS[k % STEPS.len()] * scale;
        k += 1;
        if k.is_multiple_of(STEPS.len()) {
            scale *= 10;
        }
    }
    ends
}

/// Each of `ends`, which are in units of so many nanoseconds.
const fn in_ns<const N: usize>(unit_ns: u64, mut ends: [u64; N]) -> [u64; N] {
    let mut k = 0;
    while k < N {
        ends[k] *= unit_ns;
        k += 1;
    }
    ends
}

/// A distribution of durations: coarse (a bucket is at most a sixth wide), but never locked.
#[derive(Debug)]
pub struct LatencyHistogram {
    counts: [AtomicU64; BUCKETS + 1],
    sum_ns: AtomicU64,
}

impl Default for LatencyHistogram {
    fn default() -> Self {
        LatencyHistogram {
            counts: [const { AtomicU64::new(0) }; BUCKETS + 1],
            sum_ns: AtomicU64::new(0),
        }
    }
}

impl LatencyHistogram {
    /// Counts one duration; negative ones as 0.
    pub fn record(&self, ns: i64) {
        let ns = u64::try_from(ns).unwrap_or(0);
        let bucket = ENDS_NS.partition_point(|end| *end < ns);
        self.counts[bucket].fetch_add(1, Relaxed);
        self.sum_ns.fetch_add(ns, Relaxed);
    }

    /// What has been counted so far.
    #[must_use]
    pub fn counts(&self) -> Counts {
        Counts {
            buckets: self.counts.iter().map(|n| n.load(Relaxed)).collect(),
            sum_ns: self.sum_ns.load(Relaxed),
        }
    }
}

/// What a [`LatencyHistogram`] had counted at an instant, or between two.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Counts {
    /// Empty for none, else one for each bucket.
    buckets: Vec<u64>,
    sum_ns: u64,
}

impl Counts {
    /// How many durations there are.
    #[must_use]
    pub fn total(&self) -> u64 {
        self.buckets.iter().sum()
    }

    /// All of them together.
    #[must_use]
    pub fn sum_ns(&self) -> u64 {
        self.sum_ns
    }

    /// Their mean in nanoseconds; `None` when there are none.
    #[must_use]
    pub fn mean_ns(&self) -> Option<f64> {
        let total = self.total();
        (total > 0).then(|| self.sum_ns as f64 / total as f64)
    }

    /// What came after `earlier` was taken from the same spread.
    #[must_use]
    pub fn since(&self, earlier: &Counts) -> Counts {
        let before = earlier.buckets.iter().copied().chain(std::iter::repeat(0));
        let buckets = self.buckets.iter().zip(before);
        let buckets = buckets.map(|(now, before)| now.saturating_sub(before));
        Counts {
            buckets: buckets.collect(),
            sum_ns: self.sum_ns.saturating_sub(earlier.sum_ns),
        }
    }

    /// The duration in nanoseconds that a share `q` of all do not exceed, within a bucket in
    /// proportion; `None` when there are so few that none is expected to.
    #[must_use]
    pub fn quantile(&self, q: f64) -> Option<i64> {
        let total = self.total() as f64;
        if total * (1.0 - q) < 1.0 - f64::EPSILON {
            return None;
        }
        let rank = (total * q).max(f64::MIN_POSITIVE);
        let mut below = 0;
        for (bucket, count) in self.buckets.iter().enumerate() {
            let upto = below + count;
            if *count > 0 && upto as f64 >= rank {
                let end = ENDS_NS[bucket.min(BUCKETS - 1)] as f64;
                let begin = match bucket.checked_sub(1) {
                    Some(before) => ENDS_NS[before] as f64,
                    None => 0.0,
                };
                let share = (rank - below as f64) / *count as f64;
                return Some((begin + (end - begin) * share) as i64);
            }
            below = upto;
        }
        None
    }

    /// How many lie between one of `ends_ns`, itself included, and the one before it, and how many
    /// beyond the last. Each must be the end of a bucket.
    #[must_use]
    pub fn between(&self, ends_ns: &[u64]) -> Vec<u64> {
        let upto = ends_ns.iter().map(|end| {
            let buckets = ENDS_NS.partition_point(|own| own <= end);
            self.buckets.iter().take(buckets).sum::<u64>()
        });
        let mut below = 0;
        upto.chain([self.total()])
            .map(|upto| upto - std::mem::replace(&mut below, upto))
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantiles_are_within_a_bucket() {
        let spread = LatencyHistogram::default();
        assert_eq!(spread.counts().quantile(0.5), None);
        for ms in 1..=100 {
            spread.record(ms * 1_000_000);
        }
        let counts = spread.counts();
        assert_eq!((counts.total(), counts.sum_ns()), (100, 5_050_000_000));
        for (q, ms) in [(0.5, 50.0), (0.95, 95.0), (0.99, 99.0)] {
            let found = counts.quantile(q).unwrap() as f64 / 1e6;
            assert!((found / ms - 1.0).abs() < 0.06, "{q}: {found} ms");
        }
    }

    #[test]
    fn a_quantile_needs_something_beyond_it() {
        let spread = LatencyHistogram::default();
        let mut shown = Vec::new();
        for _ in 0..100 {
            spread.record(1_000);
            let found = [0.5, 0.95, 0.99].map(|q| spread.counts().quantile(q).is_some());
            shown.push(found.iter().filter(|found| **found).count());
        }
        let first = |figures| {
            shown
                .iter()
                .position(|shown| *shown == figures)
                .map(|n| n + 1)
        };
        assert_eq!([1, 2, 3].map(first), [Some(2), Some(20), Some(100)]);
    }

    #[test]
    fn what_is_exposed_ends_where_buckets_do() {
        let ends = [&LATENCY_ENDS_NS[..], &LAG_ENDS_NS[..]].concat();
        for end in ends {
            assert!(ENDS_NS.contains(&end), "{end}");
        }
    }

    #[test]
    fn a_bucket_holds_what_it_ends_with_and_the_extremes_have_one_too() {
        let spread = LatencyHistogram::default();
        for ns in [-5, 0, 100, 101, 50_000_000, 50_000_001, i64::MAX] {
            spread.record(ns);
        }
        let ends = [100, 50_000_000, 875_000_000_000];
        assert_eq!(spread.counts().between(&ends), [3, 2, 1, 1]);
        let upto = |ns: i64| {
            let spread = LatencyHistogram::default();
            (0..2).for_each(|_| spread.record(ns));
            spread.counts().quantile(0.5)
        };
        assert_eq!(upto(i64::MAX), Some(875_000_000_000));
        assert_eq!(upto(0), Some(50));
    }

    #[test]
    fn what_came_in_between_is_a_difference() {
        let spread = LatencyHistogram::default();
        spread.record(1_000);
        let before = spread.counts();
        spread.record(2_000_000);
        let recent = spread.counts().since(&before);
        assert_eq!((recent.total(), recent.sum_ns()), (1, 2_000_000));
        assert_eq!(spread.counts().since(&Counts::default()), spread.counts());
    }
}
