//! Values of rows, and the quantiles of them.

use super::interval::{Cluster, effective_rows, ranks};
use super::level::Level;
use super::percentiles::{PerLevel, Percentiles};

/// Stands for a value that never came: larger than every other.
const NEVER: i64 = i64::MAX;

/// Values of rows, where a row without a value counts as larger than every other, each with the
/// cluster of rows that it is like: twelve bytes a row.
#[derive(Debug, Clone, Default)]
pub struct Sample {
    values: Vec<i64>,
    clusters: Vec<u32>,
}

impl Sample {
    /// Takes in a row of a cluster; clusters are numbered from 0 without large gaps.
    pub fn push(&mut self, value: Option<i64>, cluster: u32) {
        self.values.push(value.unwrap_or(NEVER));
        self.clusters.push(cluster);
    }

    /// Those of its rows that have a value.
    #[must_use]
    pub fn present(self) -> Sample {
        let rows = self.values.into_iter().zip(self.clusters);
        let (values, clusters) = rows.filter(|(value, _)| *value != NEVER).unzip();
        Sample { values, clusters }
    }

    /// The usual quantiles, and their intervals.
    #[must_use]
    pub fn percentiles(&self) -> Percentiles {
        let mut sorted = self.values.clone();
        sorted.sort_unstable();
        let rows = sorted.len() as u64;
        let answered = sorted.partition_point(|value| *value != NEVER);
        let several = self
            .clusters
            .iter()
            .any(|c| Some(c) != self.clusters.first());
        let effective = several.then(|| PerLevel::of(|level| self.effective(&sorted, level)));
        let mut figures = Percentiles {
            n: rows,
            answered: answered as u64,
            p50_ns: None,
            p90_ns: None,
            p95_ns: None,
            p99_ns: None,
            max_ns: at(&sorted, rows),
            min_ns: at(&sorted, 1),
            mean_ns: mean(&sorted),
            interval_ns: PerLevel::default(),
            // A hair of tolerance, so that whole numbers stay whole.
            effective_n: effective.map(|rows| rows.map(|rows| (rows + 1e-6).floor() as u64)),
        };
        let counted = figures.rows_that_count();
        let one = |level: Level, counted: u64, effective: Option<f64>| {
            if counted < level.min_rows() {
                return (None, None);
            }
            let ends = effective.and_then(|effective| ranks(level, rows, effective));
            let interval = ends.map(|(low, high)| [at(&sorted, low), at(&sorted, high)]);
            (at(&sorted, level.rank(rows)), interval)
        };
        let effective = effective.map_or(PerLevel::default(), |rows| rows.map(Some));
        let interval = &mut figures.interval_ns;
        (figures.p50_ns, interval.p50) = one(Level::P50, counted.p50, effective.p50);
        (figures.p90_ns, interval.p90) = one(Level::P90, counted.p90, effective.p90);
        (figures.p95_ns, interval.p95) = one(Level::P95, counted.p95, effective.p95);
        (figures.p99_ns, interval.p99) = one(Level::P99, counted.p99, effective.p99);
        figures
    }

    /// The effective rows for a quantile; there must be several clusters.
    ///
    /// The fewest of what its own rows and those of its shoulder say: few rows lie beyond a high
    /// quantile, and where by chance they look less alike than they are, those before them do not.
    fn effective(&self, sorted: &[i64], level: Level) -> f64 {
        let own = self.effective_at(sorted, level);
        let shoulder = match level.shoulder() {
            shoulder if shoulder == level => own,
            shoulder => self.effective_at(sorted, shoulder),
        };
        own.min(shoulder).max(1.0)
    }

    fn effective_at(&self, sorted: &[i64], level: Level) -> f64 {
        let rank = level.rank(sorted.len() as u64) as usize;
        let quantile = sorted.get(rank - 1).copied().unwrap_or(NEVER);
        // Of many rows with one value, either all lie below or none, whichever is nearer; where
        // none lies above, as of rows that never came, there is nothing to tell from all.
        let under = sorted.partition_point(|value| *value < quantile);
        let up_to = sorted.partition_point(|value| *value <= quantile);
        let limit = match rank - under < up_to - rank || up_to == sorted.len() {
            true => quantile.saturating_sub(1),
            false => quantile,
        };
        let count = self.clusters.iter().max().map_or(0, |last| last + 1);
        let mut clusters = vec![Cluster::default(); count as usize];
        for (value, cluster) in self.values.iter().zip(&self.clusters) {
            if let Some(cluster) = clusters.get_mut(*cluster as usize) {
                cluster.rows += 1;
                cluster.below += u32::from(*value <= limit);
            }
        }
        effective_rows(&clusters)
    }
}

/// The value at `rank`, from 1; null where it never came, and where there is no such rank.
fn at(sorted: &[i64], rank: u64) -> Option<i64> {
    let index = usize::try_from(rank).ok()?.checked_sub(1)?;
    sorted.get(index).copied().filter(|value| *value != NEVER)
}

/// The mean over all rows, rounded to nanoseconds; none where a row has no value, as that makes it
/// longer than any number.
fn mean(sorted: &[i64]) -> Option<i64> {
    let rows = sorted.len() as i128;
    sorted.last().filter(|last| **last != NEVER)?;
    let sum: i128 = sorted.iter().map(|ns| i128::from(*ns)).sum();
    i64::try_from((2 * sum + rows).div_euclid(2 * rows)).ok()
}

/// Rows that are not like any other.
impl FromIterator<Option<i64>> for Sample {
    fn from_iter<I: IntoIterator<Item = Option<i64>>>(values: I) -> Sample {
        let mut sample = Sample::default();
        for (value, cluster) in values.into_iter().zip(0..) {
            sample.push(value, cluster);
        }
        sample
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::stats::Quantile;
    use proptest::prelude::*;

    fn sample(values: impl IntoIterator<Item = i64>) -> Sample {
        values.into_iter().map(Some).collect()
    }

    fn p50(values: impl IntoIterator<Item = i64>) -> Option<i64> {
        sample(values).percentiles().p50_ns
    }

    #[test]
    fn quantiles_are_nearest_ranks() {
        let hundred = sample((1..=100).rev()).percentiles();
        let figures = [hundred.p50_ns, hundred.p90_ns, hundred.p95_ns];
        assert_eq!(figures, [Some(50), Some(90), Some(95)]);
        assert_eq!(
            (p50([7]), p50([7, 9]), p50([-7, 9, 9])),
            (Some(7), Some(7), Some(9))
        );
    }

    #[test]
    fn high_quantiles_need_rows_enough() {
        let p99 = |rows: i64| sample(0..rows).percentiles().quantiles()[3];
        assert_eq!(p99(367), Quantile::NotEnough);
        assert_eq!(p99(368), Quantile::Value(364));
        assert_eq!(sample([]).percentiles().quantiles()[0], Quantile::NotEnough);
    }

    #[test]
    fn rows_without_a_value_are_longer_than_all_others() {
        let rows = (0..100).map(|i| (i < 92).then_some(i));
        let figures = rows.collect::<Sample>().percentiles();
        assert_eq!((figures.n, figures.answered), (100, 92));
        assert_eq!(figures.p90_ns, Some(89));
        assert_eq!(figures.interval_ns.p90, Some([Some(83), None]));
        let missing = &figures.quantiles()[2..];
        assert_eq!(
            missing,
            [Quantile::NoAnswer, Quantile::NotEnough, Quantile::NoAnswer]
        );
    }

    #[test]
    fn intervals_are_made_of_measured_values() {
        let figures = sample(1..=100).percentiles();
        assert_eq!(figures.interval_ns.p50, Some([Some(40), Some(61)]));
        assert_eq!(figures.interval_ns.p99, None);
        assert_eq!(figures.effective_n, Some(PerLevel::of(|_| 100)));
    }

    #[test]
    fn rows_that_are_alike_count_as_fewer() {
        let alike = |rows_each: i64| {
            let mut sample = Sample::default();
            for row in 0..400 {
                sample.push(Some(row / rows_each * 7 % 400), (row / rows_each) as u32);
            }
            sample.percentiles()
        };
        let (own, shared) = (alike(1), alike(10));
        assert_eq!(own.p95_ns, Some(379));
        assert_eq!(shared.quantiles()[2], Quantile::NotEnough);
        let effective = shared.effective_n.unwrap();
        assert!((30..=40).contains(&effective.p50), "{effective:?}");
        let width = |figures: &Percentiles| {
            let [low, high] = figures.interval_ns.p50.unwrap().map(Option::unwrap);
            high - low
        };
        assert!(width(&shared) > 2 * width(&own));
    }

    #[test]
    fn one_cluster_has_figures_and_no_interval() {
        let mut sample = Sample::default();
        (0..100).for_each(|value| sample.push(Some(value), 3));
        let figures = sample.percentiles();
        assert_eq!((figures.p50_ns, figures.p95_ns), (Some(49), Some(94)));
        assert_eq!((figures.interval_ns.p50, figures.effective_n), (None, None));
    }

    #[test]
    fn many_equal_values_are_all_below_or_none() {
        let mut sample = Sample::default();
        for row in 0..200_u32 {
            let never = row % 10 < 1;
            sample.push((!never).then_some(5), row % 20);
        }
        let figures = sample.percentiles();
        assert_eq!(figures.interval_ns.p50, Some([Some(5), Some(5)]));
        assert_eq!(figures.quantiles()[1], Quantile::NotEnough, "{figures:?}");
    }

    #[test]
    fn the_mean_is_over_all_rows_and_needs_them_all() {
        let mean = |values: &[i64]| sample(values.iter().copied()).percentiles().mean_ns;
        assert_eq!(mean(&[1, 2]), Some(2), "a half is rounded up");
        assert_eq!(mean(&[-1, -2, -4]), Some(-2));
        assert_eq!(mean(&[i64::MAX - 1; 3]), Some(i64::MAX - 1));
        assert_eq!(mean(&[]), None);
        let broken: Sample = [Some(7), None].into_iter().collect();
        let figures = broken.percentiles();
        assert_eq!((figures.mean_ns, figures.min_ns), (None, Some(7)));
    }

    proptest! {
        #[test]
        fn at_least_the_share_lies_at_or_below(values in prop::collection::vec(any::<i64>(), 72..400)) {
            let p95 = sample(values.clone()).percentiles().p95_ns;
            let p95 = p95.expect("rows enough");
            let below = values.iter().filter(|v| **v <= p95).count();
            let under = values.iter().filter(|v| **v < p95).count();
            prop_assert!(below * 100 >= values.len() * 95 && under * 100 < values.len() * 95);
        }

        #[test]
        fn intervals_hold_their_quantiles(rows in prop::collection::vec((0_i64..1_000, 0_u32..40), 1..400)) {
            let mut sample = Sample::default();
            rows.iter().for_each(|(value, cluster)| sample.push(Some(*value), *cluster));
            let figures = sample.percentiles();
            for (value, interval) in [
                (figures.p50_ns, figures.interval_ns.p50),
                (figures.p90_ns, figures.interval_ns.p90),
                (figures.p95_ns, figures.interval_ns.p95),
            ] {
                if let Some([low, high]) = interval {
                    prop_assert!(low <= value && value <= high, "{figures:?}");
                }
            }
        }
    }
}
