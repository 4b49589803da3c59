//! Exact quantiles of values of which some never came.
//!
//! A quantile is the **nearest rank** (the inverted distribution function, type 1 of Hyndman and
//! Fan 1996): the value at rank ⌈p·n⌉ of the sorted rows. It is always a value that was measured,
//! and it stays defined when the largest values are "never", where an interpolation would not.

/// Which quantile, in ten-thousandths: `Level(9_900)` is p99.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Level(pub u16);

impl Level {
    /// The median.
    pub const P50: Level = Level(5_000);
    /// The 90th percentile.
    pub const P90: Level = Level(9_000);
    /// The 95th percentile.
    pub const P95: Level = Level(9_500);
    /// The 99th percentile.
    pub const P99: Level = Level(9_900);

    /// The rank of this quantile among `n` sorted rows, from 1.
    #[must_use]
    pub fn rank(self, n: u64) -> u64 {
        let rank = (u128::from(n) * u128::from(self.0)).div_ceil(10_000);
        u64::try_from(rank).unwrap_or(n).clamp(1, n.max(1))
    }

    /// The fewest rows that this quantile is given for: 1 up to the median, and above it the
    /// smallest n with 1 − pⁿ ≥ 0.975, that is n = ⌈ln 0.025 / ln p⌉.
    ///
    /// pⁿ is the chance that no row of n lies above the true quantile; with fewer rows a 95 %
    /// confidence interval free of assumptions has no upper end. p90 needs 36 rows, p95 72,
    /// p99 368.
    #[must_use]
    pub fn min_rows(self) -> u64 {
        if self <= Level::P50 {
            return 1;
        }
        let p = f64::from(self.0) / 10_000.0;
        (0.025_f64.ln() / p.ln()).ceil() as u64
    }
}

/// What a quantile turned out to be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Quantile {
    /// Nanoseconds.
    Value(i64),
    /// It falls among the rows whose value never came: longer than every value there is.
    NoAnswer,
    /// Fewer rows than [`Level::min_rows`].
    NotEnough,
}

impl Quantile {
    /// The value, if there is one.
    #[must_use]
    pub fn value(self) -> Option<i64> {
        match self {
            Quantile::Value(ns) => Some(ns),
            Quantile::NoAnswer | Quantile::NotEnough => None,
        }
    }
}

/// Values of rows, where a row without a value counts as larger than every other.
#[derive(Debug, Clone, Default)]
pub struct Sample {
    values: Vec<i64>,
    rows: u64,
}

impl Sample {
    /// Takes in a row.
    pub fn push(&mut self, value: Option<i64>) {
        self.rows += 1;
        self.values.extend(value);
    }

    /// The quantile at `level` over all rows; the values must be sorted.
    fn quantile(&self, level: Level) -> Quantile {
        match self.rows < level.min_rows() {
            true => Quantile::NotEnough,
            false => self.at(level.rank(self.rows)),
        }
    }

    /// The usual quantiles.
    #[must_use]
    pub fn percentiles(mut self) -> Percentiles {
        self.values.sort_unstable();
        let value = |level| self.quantile(level).value();
        Percentiles {
            n: self.rows,
            answered: self.values.len() as u64,
            p50_ns: value(Level::P50),
            p90_ns: value(Level::P90),
            p95_ns: value(Level::P95),
            p99_ns: value(Level::P99),
            max_ns: self.at(self.rows).value(),
            min_ns: self.values.first().copied(),
            mean_ns: self.mean(),
        }
    }

    /// The mean over all rows, rounded to nanoseconds; none where a row has no value, as that makes it
    /// longer than any number.
    fn mean(&self) -> Option<i64> {
        let rows = i128::from(self.rows);
        if self.values.is_empty() || self.values.len() as i128 != rows {
            return None;
        }
        let sum: i128 = self.values.iter().map(|ns| i128::from(*ns)).sum();
        i64::try_from((2 * sum + rows).div_euclid(2 * rows)).ok()
    }

    /// The row at `rank`, from 1; there must be that many.
    fn at(&self, rank: u64) -> Quantile {
        let index = usize::try_from(rank).unwrap_or(usize::MAX).wrapping_sub(1);
        match self.values.get(index) {
            Some(ns) => Quantile::Value(*ns),
            None => Quantile::NoAnswer,
        }
    }
}

impl FromIterator<Option<i64>> for Sample {
    fn from_iter<I: IntoIterator<Item = Option<i64>>>(values: I) -> Sample {
        let mut sample = Sample::default();
        values.into_iter().for_each(|value| sample.push(value));
        sample.values.sort_unstable();
        sample
    }
}

/// The usual quantiles of a latency in nanoseconds.
///
/// A quantile is null with fewer rows than it needs ([`Level::min_rows`]), and when it falls among
/// the rows that have no value; [`Percentiles::quantiles`] tells which.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Percentiles {
    /// Rows that the quantiles are over.
    pub n: u64,
    /// Rows among them that have a value.
    pub answered: u64,
    /// Median.
    pub p50_ns: Option<i64>,
    /// 90th percentile.
    pub p90_ns: Option<i64>,
    /// 95th percentile.
    pub p95_ns: Option<i64>,
    /// 99th percentile.
    pub p99_ns: Option<i64>,
    /// Largest; null when a row has no value.
    pub max_ns: Option<i64>,
    /// Smallest; null when no row has a value.
    pub min_ns: Option<i64>,
    /// Mean; null when a row has no value.
    pub mean_ns: Option<i64>,
}

impl Percentiles {
    /// The five figures in order, each with why it is missing where it is.
    #[must_use]
    pub fn quantiles(&self) -> [Quantile; 5] {
        let one = |ns: Option<i64>, needed: u64| match ns {
            Some(ns) => Quantile::Value(ns),
            None if self.n < needed => Quantile::NotEnough,
            None => Quantile::NoAnswer,
        };
        [
            one(self.p50_ns, Level::P50.min_rows()),
            one(self.p90_ns, Level::P90.min_rows()),
            one(self.p95_ns, Level::P95.min_rows()),
            one(self.p99_ns, Level::P99.min_rows()),
            one(self.max_ns, 1),
        ]
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn sample(values: impl IntoIterator<Item = i64>) -> Sample {
        values.into_iter().map(Some).collect()
    }

    #[test]
    fn quantiles_are_nearest_ranks() {
        let hundred = sample((1..=100).rev());
        let at = |level| hundred.quantile(level);
        assert_eq!(at(Level::P50), Quantile::Value(50));
        assert_eq!(at(Level::P90), Quantile::Value(90));
        assert_eq!(at(Level::P95), Quantile::Value(95));
        assert_eq!(sample([7]).quantile(Level::P50), Quantile::Value(7));
        assert_eq!(sample([7, 9]).quantile(Level::P50), Quantile::Value(7));
        assert_eq!(sample([-7, 9, 9]).quantile(Level::P50), Quantile::Value(9));
    }

    #[test]
    fn high_quantiles_need_rows_enough() {
        let needs = [Level::P50, Level::P90, Level::P95, Level::P99, Level(9_990)];
        assert_eq!(needs.map(Level::min_rows), [1, 36, 72, 368, 3_688]);
        assert_eq!(sample(0..367).quantile(Level::P99), Quantile::NotEnough);
        assert_eq!(sample(0..368).quantile(Level::P99), Quantile::Value(364));
        assert_eq!(sample([]).quantile(Level::P50), Quantile::NotEnough);
    }

    #[test]
    fn rows_without_a_value_are_longer_than_all_others() {
        let rows = (0..100).map(|i| (i < 92).then_some(i));
        let sample: Sample = rows.collect();
        assert_eq!(sample.quantile(Level::P90), Quantile::Value(89));
        assert_eq!(sample.quantile(Level::P95), Quantile::NoAnswer);
        let figures = sample.percentiles();
        assert_eq!((figures.n, figures.answered), (100, 92));
        let missing = &figures.quantiles()[2..];
        assert_eq!(
            missing,
            [Quantile::NoAnswer, Quantile::NotEnough, Quantile::NoAnswer]
        );
    }

    #[test]
    fn the_mean_is_over_all_rows_and_needs_them_all() {
        let mean = |values: &[i64]| sample(values.iter().copied()).percentiles().mean_ns;
        assert_eq!(mean(&[1, 2]), Some(2), "a half is rounded up");
        assert_eq!(mean(&[-1, -2, -4]), Some(-2));
        assert_eq!(mean(&[i64::MAX; 3]), Some(i64::MAX));
        assert_eq!(mean(&[]), None);
        let broken: Sample = [Some(7), None].into_iter().collect();
        let figures = broken.percentiles();
        assert_eq!((figures.mean_ns, figures.min_ns), (None, Some(7)));
    }

    proptest! {
        #[test]
        fn at_least_the_share_lies_at_or_below(values in prop::collection::vec(any::<i64>(), 72..400)) {
            let Quantile::Value(p95) = sample(values.clone()).quantile(Level::P95) else {
                panic!("rows enough");
            };
            let below = values.iter().filter(|v| **v <= p95).count();
            let under = values.iter().filter(|v| **v < p95).count();
            prop_assert!(below * 100 >= values.len() * 95 && under * 100 < values.len() * 95);
        }
    }
}
