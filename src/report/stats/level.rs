//! Which quantile is meant, which row it is, and how many rows it needs.

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

    /// The share of rows at or below it.
    #[must_use]
    pub fn share(self) -> f64 {
        f64::from(self.0) / 10_000.0
    }

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
    /// p99 368. Rows that are alike count as fewer.
    #[must_use]
    pub fn min_rows(self) -> u64 {
        if self <= Level::P50 {
            return 1;
        }
        (0.025_f64.ln() / self.share().ln()).ceil() as u64
    }

    /// The level that three times as many rows lie beyond, at most half of all: where a sample
    /// tells better how alike its rows are.
    pub(super) fn shoulder(self) -> Level {
        let beyond = 10_000 - self.0.min(10_000);
        Level(10_000 - (3 * beyond).min(5_000)).min(self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn high_quantiles_need_rows_enough() {
        let needs = [Level::P50, Level::P90, Level::P95, Level::P99, Level(9_990)];
        assert_eq!(needs.map(Level::min_rows), [1, 36, 72, 368, 3_688]);
    }

    #[test]
    fn shoulders_lie_between_the_median_and_the_level() {
        let levels = [Level::P50, Level::P90, Level::P95, Level::P99];
        let shoulders = levels.map(|level| level.shoulder().0);
        assert_eq!(shoulders, [5_000, 7_000, 8_500, 9_700]);
    }
}
