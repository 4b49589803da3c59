//! A distribution of lengths of time in little memory, for charts and findings; the exact quantiles
//! of a report come from the rows (`stats`).

use std::collections::BTreeMap;

use super::bins::Merge;

/// Bits of a value that are kept: a value is known to within 1/256 of itself.
const BITS: u32 = 7;

/// Counts of values in buckets that are less than 0.8 % wide; negative values count as 0.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Sketch {
    counts: BTreeMap<u16, u64>,
    n: u64,
}

impl Sketch {
    /// Takes in a value.
    pub(super) fn add(&mut self, value: i64) {
        *self.counts.entry(bucket(value)).or_default() += 1;
        self.n += 1;
    }

    /// Values taken in.
    pub(super) fn n(&self) -> u64 {
        self.n
    }

    /// The value at rank ⌈q·n⌉, to within its bucket; `None` without values.
    pub(super) fn quantile(&self, q: f64) -> Option<i64> {
        let rank = ((self.n as f64 * q).ceil() as u64).clamp(1, self.n.max(1));
        let found = self.steps().find(|(_, at_or_below)| *at_or_below >= rank)?;
        Some(found.0)
    }

    /// How many values are larger than `limit`, to within its bucket.
    pub(super) fn above(&self, limit: i64) -> u64 {
        let above = self.counts.range(bucket(limit).saturating_add(1)..);
        above.map(|(_, count)| count).sum()
    }

    /// Each value that occurs, to within its bucket, and how many lie at or below it.
    pub(super) fn steps(&self) -> impl Iterator<Item = (i64, u64)> + '_ {
        self.counts.iter().scan(0, |total, (bucket, count)| {
            *total += count;
            Some((middle(*bucket), *total))
        })
    }
}

impl Merge for Sketch {
    fn merge(&mut self, other: Sketch) {
        for (bucket, count) in other.counts {
            *self.counts.entry(bucket).or_default() += count;
        }
        self.n += other.n;
    }
}

fn bucket(value: i64) -> u16 {
    let value = value.max(0).unsigned_abs();
    let shift = (u64::BITS - value.leading_zeros()).saturating_sub(BITS + 1);
    // At most 56 · 128 + 255.
    ((u64::from(shift) << BITS) + (value >> shift)) as u16
}

/// The middle of a bucket.
fn middle(bucket: u16) -> i64 {
    let shift = (u32::from(bucket) >> BITS).saturating_sub(1);
    let first = (u64::from(bucket) - (u64::from(shift) << BITS)) << shift;
    let middle = first + ((1_u64 << shift) - 1) / 2;
    i64::try_from(middle).unwrap_or(i64::MAX)
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
    fn nothing_has_no_quantile() {
        let sketch = Sketch::default();
        assert_eq!((sketch.quantile(0.5), sketch.above(-1)), (None, 0));
        assert_eq!(sketch.steps().count(), 0);
    }
}
