//! 95 % confidence intervals of quantiles by order statistics, where rows of one cluster are alike.
//!
//! With independent rows, the ranks between which the true quantile lies follow from a binomial
//! distribution, whatever the values are. Rows of one session are not independent. How alike they
//! are is measured by the *design effect* of "lies at or below the quantile": its variance between
//! clusters over what it would be with independent rows. So many rows count as one *effective* row
//! (Woodruff 1952), fewer where the design effect itself is known from little (the correction by
//! Student's t of Korn and Graubard 1998, with degrees of freedom after Satterthwaite). Ranks are
//! found among the effective rows and scaled to all. `tools/bench/src/bin/coverage.rs` simulates
//! how often such intervals hold.

use super::level::Level;
use super::special::{beta_share, root, t_limit};

/// The chance that the true quantile lies beyond one end.
const TAIL: f64 = 0.025;

/// Rows of one cluster.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Cluster {
    /// All of them.
    pub rows: u32,
    /// Those at or below the quantile.
    pub below: u32,
}

/// How many independent rows say as much about the share of rows below as the rows of `clusters`, of
/// which there must be several.
pub(super) fn effective_rows(clusters: &[Cluster]) -> f64 {
    let there = || clusters.iter().filter(|cluster| cluster.rows > 0);
    let sum = |of: fn(&Cluster) -> f64| there().map(of).sum::<f64>();
    let count = there().count() as f64;
    let rows = sum(|c| c.rows.into());
    let share = sum(|c| c.below.into()) / rows;
    // The sum of squares between clusters, and how much of it pairs of unlike rows have moved.
    let (mut between, mut moved) = (0.0, 0.0);
    for cluster in there() {
        let (all, below) = (f64::from(cluster.rows), f64::from(cluster.below));
        let square = (below - share * all).powi(2);
        let own = (1.0 - share).powi(2) * below + share.powi(2) * (all - below);
        between += square;
        moved += (square - own).powi(2);
    }
    let independent = share * (1.0 - share) * rows * rows / (rows - 1.0);
    if independent <= 0.0 {
        return rows;
    }
    let effect = (between * count / (count - 1.0) / independent).max(1.0);

    // Clusters of unequal size tell as much as fewer equal ones.
    let squares = sum(|c| f64::from(c.rows).powi(2));
    let alike = rows * rows / squares - 1.0;
    // A pair of rows beyond the quantile that by chance did not come in one cluster.
    let unseen = match squares > rows {
        true => (2.0 * share.max(1.0 - share).powi(2)).powi(2),
        false => 0.0,
    };
    let seen = 2.0 * (effect * independent).powi(2) / (moved + unseen);
    let df = alike.min(seen).max(1.0);
    let known = (t_limit(rows - 1.0) / t_limit(df)).powi(2).min(1.0);
    rows / effect * known
}

/// The ranks among `rows` sorted rows, from 1, between which the true quantile lies in 95 % of
/// cases; `None` when so few effective rows have no such ranks.
pub(super) fn ranks(level: Level, rows: u64, effective: f64) -> Option<(u64, u64)> {
    let p = level.share();
    let n = effective;
    // The chance that at least k, or fewer, of n rows lie at or below the true quantile.
    let at_least = |k: f64| beta_share(p, k, n - k + 1.0);
    let fewer = |k: f64| 1.0 - at_least(k);
    if n < 1.0 || at_least(n) > TAIL || fewer(1.0) > TAIL {
        return None;
    }
    let low = root(|k| fewer(k) - TAIL, 1.0, n);
    let high = root(|k| TAIL - at_least(k), 1.0, n);
    // Outwards, but for what is a whole rank up to rounding.
    let scale = rows as f64 / n;
    let low = (low * scale + 1e-9).floor() as u64;
    let high = (high * scale - 1e-9).ceil() as u64;
    Some((low.clamp(1, rows), high.clamp(1, rows)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn clusters(count: usize, rows: u32, below: impl Fn(usize) -> u32) -> Vec<Cluster> {
        let cluster = |i| Cluster {
            rows,
            below: below(i),
        };
        (0..count).map(cluster).collect()
    }

    #[test]
    fn ranks_of_independent_rows_are_those_of_the_binomial_tables() {
        // Conover, Practical Nonparametric Statistics: P(B < 40) = 0.0176, P(B < 41) = 0.0284 for
        // B of 100 rows at 1/2.
        assert_eq!(ranks(Level::P50, 100, 100.0), Some((40, 61)));
        assert_eq!(ranks(Level::P50, 6, 6.0), Some((1, 6)));
        assert_eq!(ranks(Level::P50, 5, 5.0), None);
        assert_eq!(ranks(Level::P99, 368, 368.0).map(|r| r.1), Some(368));
        assert_eq!(ranks(Level::P99, 367, 367.0), None);
        assert_eq!(ranks(Level::P50, 1_000_000, 1e6), Some((499_020, 500_981)));
    }

    #[test]
    fn fewer_effective_rows_widen_the_ranks_in_proportion() {
        let (low, high) = ranks(Level::P50, 1_000, 100.0).unwrap();
        assert!((391..=410).contains(&low) && (591..=610).contains(&high));
    }

    #[test]
    fn rows_that_are_all_alike_count_as_one_a_cluster() {
        let alike = clusters(100, 10, |i| if i % 2 == 0 { 10 } else { 0 });
        let effective = effective_rows(&alike);
        assert!((90.0..=100.0).contains(&effective), "{effective}");
    }

    #[test]
    fn rows_of_their_own_count_fully_and_none_counts_more() {
        let own = clusters(368, 1, |i| u32::from(i >= 4));
        assert!((effective_rows(&own) - 368.0).abs() < 1e-6);
        let opposed = clusters(100, 10, |_| 5);
        let effective = effective_rows(&opposed);
        assert!((900.0..=1_000.0).contains(&effective), "{effective}");
    }

    #[test]
    fn few_clusters_say_little() {
        let effective =
            |count, rows| effective_rows(&clusters(count, rows, |i| rows / 2 + (i % 2) as u32));
        assert!(effective(2, 200) < 12.0);
        assert!(effective(5, 80) < 250.0);
        assert!(effective(100, 4) > 300.0);
    }
}
