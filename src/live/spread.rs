//! A distribution of durations that is counted without a lock or an allocation.
//!
//! Its buckets end at round numbers, so that the buckets which Prometheus is shown are sums of
//! whole ones.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

/// Ends of the buckets of a decade, in hundredths of its beginning.
const STEPS: [u64; 10] = [100, 125, 150, 200, 250, 300, 400, 500, 600, 750];
/// Decades, from 100 ns to 750 s.
const DECADES: usize = 10;
/// Buckets that have an end; one more takes what is longer than all of them.
const BUCKETS: usize = STEPS.len() * DECADES;
/// What each bucket ends with, itself included, in nanoseconds.
const ENDS_NS: [u64; BUCKETS] = ends();

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

/// A distribution of durations: coarse (buckets are at most a third wide), but never locked.
#[derive(Debug)]
pub struct Spread {
    counts: [AtomicU64; BUCKETS + 1],
    sum_ns: AtomicU64,
}

impl Default for Spread {
    fn default() -> Self {
        Spread {
            counts: [const { AtomicU64::new(0) }; BUCKETS + 1],
            sum_ns: AtomicU64::new(0),
        }
    }
}

impl Spread {
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
            buckets: self
                .counts
                .iter()
                .map(|count| count.load(Relaxed))
                .collect(),
            sum_ns: self.sum_ns.load(Relaxed),
        }
    }
}

/// What a [`Spread`] had counted at an instant, or between two.
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

    /// What came after `earlier` was taken from the same spread.
    #[must_use]
    pub fn since(&self, earlier: &Counts) -> Counts {
        let before = earlier.buckets.iter().copied().chain(std::iter::repeat(0));
        let buckets = self.buckets.iter().zip(before);
        Counts {
            buckets: buckets
                .map(|(now, before)| now.saturating_sub(before))
                .collect(),
            sum_ns: self.sum_ns.saturating_sub(earlier.sum_ns),
        }
    }

    /// The duration in nanoseconds that a share `q` of all do not exceed, within a bucket in
    /// proportion; `None` when there are none.
    #[must_use]
    pub fn quantile(&self, q: f64) -> Option<i64> {
        let rank = (self.total() as f64 * q).max(f64::MIN_POSITIVE);
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
    /// beyond the last. Each must be the end of a bucket: 1, 1.25, 1.5, 2, 2.5, 3, 4, 5, 6 or 7.5
    /// of a decade.
    #[must_use]
    pub fn between(&self, ends_ns: &[u64]) -> Vec<u64> {
        let upto = |end: &u64| {
            let buckets = ENDS_NS.partition_point(|own| own <= end);
            self.buckets.iter().take(buckets).sum::<u64>()
        };
        let mut below = 0;
        let mut counts: Vec<u64> = ends_ns
            .iter()
            .map(|end| {
                let before = below;
                below = upto(end);
                below - before
            })
            .collect();
        counts.push(self.total() - below);
        counts
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantiles_are_within_a_bucket() {
        let spread = Spread::default();
        assert_eq!(spread.counts().quantile(0.5), None);
        for ms in 1..=100 {
            spread.record(ms * 1_000_000);
        }
        let counts = spread.counts();
        assert_eq!((counts.total(), counts.sum_ns()), (100, 5_050_000_000));
        for (q, ms) in [(0.5, 50.0), (0.95, 95.0), (1.0, 100.0)] {
            let found = counts.quantile(q).unwrap() as f64 / 1e6;
            assert!((found / ms - 1.0).abs() < 0.06, "{q}: {found} ms");
        }
    }

    #[test]
    fn a_bucket_holds_what_it_ends_with_and_the_extremes_have_one_too() {
        let spread = Spread::default();
        for ns in [-5, 0, 100, 101, 50_000_000, 50_000_001, i64::MAX] {
            spread.record(ns);
        }
        let ends = [100, 50_000_000, 750_000_000_000];
        assert_eq!(spread.counts().between(&ends), [3, 2, 1, 1]);
        assert_eq!(spread.counts().quantile(1.0), Some(750_000_000_000));
    }

    #[test]
    fn what_came_in_between_is_a_difference() {
        let spread = Spread::default();
        spread.record(1_000);
        let before = spread.counts();
        spread.record(2_000_000);
        let recent = spread.counts().since(&before);
        assert_eq!((recent.total(), recent.sum_ns()), (1, 2_000_000));
        assert_eq!(spread.counts().since(&Counts::default()), spread.counts());
    }
}
