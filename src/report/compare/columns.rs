//! Quantiles of values of which whole blocks are drawn again and again.

use super::gather::NEVER;
use crate::report::stats::{Level, Percentiles, Sample};

/// How far before its usual place a quantile of a draw is looked for, in standard deviations.
const REACH: f64 = 6.0;

/// The values of one metric in one run, sorted, each with its block.
pub(super) struct Column {
    values: Vec<i64>,
    blocks: Vec<u32>,
    /// Values of each block.
    sizes: Vec<u32>,
    figures: Percentiles,
    /// Clusters of equal size that would tell as much.
    clusters: f64,
}

/// Where the quantile of a draw is looked for.
pub(super) struct Cursor {
    level: Level,
    /// The first row that is looked at.
    from: usize,
    /// Rows before it, of each block.
    before: Vec<u32>,
}

impl Column {
    /// The column of `rows`, each a value and the number of its cluster; there are at most `most`
    /// blocks, which are clusters or, where there are more clusters than that, groups of them.
    pub(super) fn of(rows: &[(i64, u32)], most: u32) -> Column {
        let mut sample = Sample::default();
        for (value, cluster) in rows {
            sample.push(Some(*value).filter(|value| *value != NEVER), *cluster);
        }
        let count = rows.iter().map(|(_, cluster)| cluster + 1).max();
        let mut of_cluster = vec![0_u32; count.unwrap_or(0) as usize];
        let mut sizes = vec![0_u32; count.unwrap_or(0).min(most) as usize];
        let mut sorted: Vec<(i64, u32)> = rows.to_vec();
        for (_, cluster) in &mut sorted {
            of_cluster[*cluster as usize] += 1;
            *cluster %= most;
            sizes[*cluster as usize] += 1;
        }
        sorted.sort_unstable();
        let all = rows.len() as f64;
        let squares: f64 = of_cluster.iter().map(|size| f64::from(*size).powi(2)).sum();
        Column {
            values: sorted.iter().map(|(value, _)| *value).collect(),
            blocks: sorted.iter().map(|(_, block)| *block).collect(),
            sizes,
            figures: sample.percentiles(),
            clusters: if squares > 0.0 {
                all * all / squares
            } else {
                0.0
            },
        }
    }

    /// Values.
    pub(super) fn rows(&self) -> u64 {
        self.values.len() as u64
    }

    /// Blocks, numbered from 0; some may be empty.
    pub(super) fn block_count(&self) -> usize {
        self.sizes.len()
    }

    /// Clusters of equal size that would tell as much about what chance does.
    pub(super) fn clusters(&self) -> f64 {
        self.clusters
    }

    /// Rows that count for the quantile at `level`: the effective ones, where they are known.
    pub(super) fn effective(&self, level: Level) -> u64 {
        self.figures.rows_at(level)
    }

    /// The quantile at `level`, [`NEVER`] where it falls among the rows without a value; null
    /// without rows.
    pub(super) fn quantile(&self, level: Level) -> Option<i64> {
        let rank = level.rank(self.rows()) as usize;
        self.values.get(rank.checked_sub(1)?).copied()
    }

    /// For the quantile at `level` of draws.
    pub(super) fn cursor(&self, level: Level) -> Cursor {
        let rows = self.values.len() as f64;
        let effective = (self.effective(level) as f64).max(1.0);
        let share = level.share();
        let deviation = rows * (share * (1.0 - share) / effective).sqrt();
        let from = rows * share - REACH * deviation - 1.0;
        let from = from.max(0.0) as usize;
        let mut before = vec![0; self.sizes.len()];
        for block in &self.blocks[..from.min(self.blocks.len())] {
            before[*block as usize] += 1;
        }
        Cursor {
            level,
            from,
            before,
        }
    }

    /// The quantile of a draw in which each block is there `weights` times; null without rows.
    pub(super) fn drawn(&self, cursor: &Cursor, weights: &[u32]) -> Option<i64> {
        let total = weighted(&self.sizes, weights);
        let rank = cursor.level.rank(total);
        let mut seen = weighted(&cursor.before, weights);
        let mut from = cursor.from;
        if seen >= rank {
            // A rare draw: it lies before the first row that is looked at.
            (seen, from) = (0, 0);
        }
        let rows = self.values.get(from..)?.iter().zip(&self.blocks[from..]);
        for (value, block) in rows {
            seen += u64::from(weights[*block as usize]);
            if seen >= rank {
                return Some(*value);
            }
        }
        None
    }
}

fn weighted(counts: &[u32], weights: &[u32]) -> u64 {
    let products = counts.iter().zip(weights);
    products
        .map(|(count, weight)| u64::from(*count) * u64::from(*weight))
        .sum()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const LEVELS: [Level; 3] = [Level::P50, Level::P95, Level::P99];

    proptest! {
        #[test]
        fn a_draw_has_the_quantile_of_its_rows_written_out(
            rows in prop::collection::vec((0_i64..50, 0_u32..12), 1..200),
            weights in prop::collection::vec(0_u32..4, 12),
            most in 3_u32..20,
        ) {
            let column = Column::of(&rows, most);
            let weight = |cluster: u32| weights[(cluster % most) as usize];
            let mut all: Vec<i64> = rows
                .iter()
                .flat_map(|(value, cluster)| vec![*value; weight(*cluster) as usize])
                .collect();
            all.sort_unstable();
            let weights = &weights[..column.block_count()];
            for level in LEVELS {
                let rank = level.rank(all.len() as u64) as usize;
                let drawn = column.drawn(&column.cursor(level), weights);
                prop_assert_eq!(drawn, all.get(rank - 1).copied());
            }
        }
    }

    #[test]
    fn figures_are_those_of_the_report() {
        let rows: Vec<_> = (0..400).map(|row| (row * 7 % 400, row as u32)).collect();
        let column = Column::of(&rows, 100);
        assert_eq!(column.quantile(Level::P95), Some(379));
        assert_eq!(
            (column.effective(Level::P99), column.block_count()),
            (400, 100)
        );
        assert_eq!(column.clusters(), 400.0);
        assert_eq!(Column::of(&[], 100).quantile(Level::P50), None);
    }
}
