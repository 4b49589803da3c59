//! Draws of whole blocks, with replacement: what another run of the same kind might have been.

use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;

use super::columns::{Column, Cursor};
use super::gather::NEVER;
use crate::report::stats::Level;

/// Draws for each interval.
pub(super) const DRAWS: u32 = 2_000;
/// Most blocks that are drawn from; more clusters than that are put together in groups, which costs a
/// few percent of the intervals' precision.
pub(super) const MOST_BLOCKS: u32 = 2_000;
const SEED: u64 = 0x7061_6972_6564;

/// A quantile of one metric in both runs.
pub(super) struct Match<'a> {
    base: (&'a Column, Cursor),
    run: (&'a Column, Cursor),
    /// Run less base, in each draw.
    pub draws: Vec<f64>,
}

impl<'a> Match<'a> {
    /// The quantile at `level` of a metric's columns.
    pub(super) fn of(base: &'a Column, run: &'a Column, level: Level) -> Match<'a> {
        Match {
            base: (base, base.cursor(level)),
            run: (run, run.cursor(level)),
            draws: Vec::with_capacity(DRAWS as usize),
        }
    }

    fn add(&mut self, base: &[u32], run: &[u32]) {
        let drawn = |(column, cursor): &(&Column, Cursor), weights: &[u32]| {
            column.drawn(cursor, weights.get(..column.block_count())?)
        };
        if let (Some(base), Some(run)) = (drawn(&self.base, base), drawn(&self.run, run)) {
            self.draws.push(difference(base, run));
        }
    }
}

/// Run less base: infinite where one of them has no answer, 0 where neither has.
pub(super) fn difference(base: i64, run: i64) -> f64 {
    match (base == NEVER, run == NEVER) {
        (true, true) => 0.0,
        (false, true) => f64::INFINITY,
        (true, false) => f64::NEG_INFINITY,
        (false, false) => (run - base) as f64,
    }
}

/// Draws for all of `matches` at once; in paired runs the same blocks are drawn in both.
pub(super) fn draw(matches: &mut [Match<'_>], paired: bool) {
    let most = |side: fn(&Match<'_>) -> usize| matches.iter().map(side).max().unwrap_or(0);
    let mut base = vec![0_u32; most(|one| one.base.0.block_count())];
    let mut run = vec![0_u32; most(|one| one.run.0.block_count())];
    let mut random = ChaCha8Rng::seed_from_u64(SEED);
    for _ in 0..DRAWS {
        weigh(&mut base, &mut random);
        if paired {
            run.clone_from(&base);
        } else {
            weigh(&mut run, &mut random);
        }
        matches.iter_mut().for_each(|one| one.add(&base, &run));
    }
}

/// How often each block comes in a draw of as many blocks as there are.
fn weigh(weights: &mut [u32], random: &mut ChaCha8Rng) {
    let count = weights.len() as u64;
    weights.fill(0);
    for _ in 0..count {
        let block = (u64::from(random.next_u32()) * count) >> 32;
        weights[block as usize] += 1;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn draws_are_the_same_every_time_and_as_large_as_what_they_are_drawn_from() {
        let mut weights = vec![0; 50];
        let mut random = ChaCha8Rng::seed_from_u64(1);
        for _ in 0..20 {
            weigh(&mut weights, &mut random);
            assert_eq!(weights.iter().sum::<u32>(), 50);
        }
        let column = Column::of(
            &(0..400).map(|i| (i, i as u32 / 8)).collect::<Vec<_>>(),
            2_000,
        );
        let draws = || {
            let mut matches = [Match::of(&column, &column, Level::P50)];
            draw(&mut matches, false);
            matches.map(|one| one.draws)
        };
        let [first] = draws();
        assert_eq!(std::slice::from_ref(&first), draws());
        assert_eq!(first.len(), DRAWS as usize);
        let mean = first.iter().sum::<f64>() / f64::from(DRAWS);
        assert!(
            mean.abs() < 3.0 && first.iter().any(|d| *d != 0.0),
            "{mean}"
        );
    }

    #[test]
    fn a_pair_of_equal_runs_never_differs() {
        let column = Column::of(
            &(0..400).map(|i| (i, i as u32 / 8)).collect::<Vec<_>>(),
            2_000,
        );
        let mut matches = [Match::of(&column, &column, Level::P95)];
        draw(&mut matches, true);
        assert!(matches[0].draws.iter().all(|d| *d == 0.0));
    }

    #[test]
    fn no_answer_is_longer_than_every_answer() {
        assert_eq!(difference(NEVER, NEVER), 0.0);
        assert_eq!(difference(5, NEVER), f64::INFINITY);
        assert_eq!(difference(NEVER, 5), f64::NEG_INFINITY);
        assert_eq!(difference(7, 5), -2.0);
    }
}
