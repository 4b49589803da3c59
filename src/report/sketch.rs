//! A distribution of lengths of time in little memory, for charts and findings; the exact quantiles
//! of a report come from the rows (`stats`).

use hdrhistogram::Histogram;

use super::bins::Merge;

/// Decimal digits of a value that are kept: it is known to within 1/256 of itself.
const DIGITS: u8 = 2;

/// Counts of values in buckets that are less than 0.8 % wide, at most 30 KB; negative values count as 0.
#[derive(Debug, Clone)]
pub(super) struct Sketch(Histogram<u32>);

#[expect(clippy::expect_used, reason = "the digits are valid")]
impl Default for Sketch {
    fn default() -> Sketch {
        Sketch(Histogram::new(DIGITS).expect("valid digits"))
    }
}

impl Sketch {
    /// Takes in a value.
    #[expect(clippy::expect_used, reason = "a histogram that grows takes any value")]
    pub(super) fn add(&mut self, value: i64) {
        self.0.record(own(value)).expect("room for any value");
    }

    /// Values taken in.
    pub(super) fn n(&self) -> u64 {
        self.0.len()
    }

    /// The value at rank ⌈q·n⌉, to within its bucket; `None` without values.
    pub(super) fn quantile(&self, q: f64) -> Option<i64> {
        (self.n() > 0).then(|| self.middle(self.0.value_at_quantile(q)))
    }

    /// How many values are larger than `limit`, to within its bucket.
    pub(super) fn above(&self, limit: i64) -> u64 {
        self.n() - self.0.count_between(0, own(limit))
    }

    /// Each value that occurs, to within its bucket, and how many lie at or below it.
    pub(super) fn steps(&self) -> impl Iterator<Item = (i64, u64)> + '_ {
        self.0.iter_recorded().scan(0, |total, step| {
            *total += step.count_since_last_iteration();
            Some((self.middle(step.value_iterated_to()), *total))
        })
    }

    fn middle(&self, value: u64) -> i64 {
        i64::try_from(self.0.median_equivalent(value)).unwrap_or(i64::MAX)
    }
}

impl Merge for Sketch {
    #[expect(clippy::expect_used, reason = "a histogram that grows takes any value")]
    fn merge(&mut self, other: Sketch) {
        self.0.add(other.0).expect("room for any value");
    }
}

fn own(value: i64) -> u64 {
    value.max(0).unsigned_abs()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn a_value_is_known_to_half_a_percent(value in any::<i64>()) {
            let mut sketch = Sketch::default();
            sketch.add(value);
            let known = sketch.quantile(0.5).unwrap();
            let error = (known as f64 - value.max(0) as f64).abs();
            prop_assert!(error <= value.max(0) as f64 / 256.0, "{known}");
        }

        #[test]
        fn quantiles_and_counts_are_those_of_the_sorted_values(
            mut values in prop::collection::vec(0_i64..10_000_000_000, 1..300),
            split in 0_usize..300,
            q in 0.001_f64..1.0,
        ) {
            let mut sketch = Sketch::default();
            let mut rest = Sketch::default();
            for (i, value) in values.iter().enumerate() {
                if i < split { sketch.add(*value) } else { rest.add(*value) }
            }
            sketch.merge(rest);
            values.sort_unstable();
            let rank = ((values.len() as f64 * q).ceil() as usize).max(1);
            let exact = values[rank - 1] as f64;
            let known = sketch.quantile(q).unwrap() as f64;
            prop_assert!((known - exact).abs() <= exact / 256.0);
            prop_assert_eq!(sketch.n(), values.len() as u64);
            let above = sketch.above(values[rank - 1]);
            prop_assert!(above as usize <= values.len() - rank);
        }
    }

    #[test]
    fn memory_stays_small_whatever_is_taken_in() {
        let mut sketch = Sketch::default();
        for value in [0, i64::MAX, 7_200_000_000_000] {
            sketch.add(value);
        }
        assert!(sketch.0.distinct_values() * size_of::<u32>() <= 30_000);
        assert!(Sketch::default().0.distinct_values() * size_of::<u32>() <= 1_100);
    }

    #[test]
    fn nothing_has_no_quantile() {
        let sketch = Sketch::default();
        assert_eq!((sketch.quantile(0.5), sketch.above(-1)), (None, 0));
        assert_eq!(sketch.steps().count(), 0);
    }
}
