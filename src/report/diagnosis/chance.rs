//! Whether it can be chance that most of a few turns have what few of all have.

use crate::report::stats::special::{beta_share, ln_choose};

/// What is not chance must be that of so many of the few.
const LEAST_SHARE: f64 = 0.8;
/// Largest chance that turns which have nothing to do with each other share it.
const CHANCE: f64 = 0.001;

/// Whether `count` of `of` turns have what a share of `usual` of all has, and it is no chance.
pub(super) fn is_remarkable(count: usize, of: usize, usual: f64) -> bool {
    count as f64 >= LEAST_SHARE * of as f64 && chance(count, of, usual) < CHANCE
}

/// The chance that of `n` at least `k` have what a share `p` of all has.
fn chance(k: usize, n: usize, p: f64) -> f64 {
    match k {
        0 => 1.0,
        k => beta_share(p, k as f64, (n - k + 1) as f64),
    }
}

/// The chance that at least `k` of the `part` of `all` are among `drawn` that are drawn of all
/// without looking (Fisher's exact test).
pub(super) fn chance_of_draw(k: usize, part: usize, drawn: usize, all: usize) -> f64 {
    if part > all || drawn > all {
        return 1.0;
    }
    let fewest = (part + drawn).saturating_sub(all).max(k);
    let term = |i: usize| {
        let ways = ln_choose(part, i) + ln_choose(all - part, drawn - i);
        (ways - ln_choose(all, drawn)).exp()
    };
    (fewest..=part.min(drawn)).map(term).sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn near(a: f64, b: f64) {
        assert!((a - b).abs() < 1e-9, "{a} {b}");
    }

    #[test]
    fn the_chance_is_that_of_the_binomial_distribution() {
        near(chance(3, 3, 0.5), 0.125);
        near(chance(2, 3, 0.5), 0.5);
        near(chance(0, 3, 0.5), 1.0);
        near(chance(1, 10, 0.1), 1.0 - 0.9_f64.powi(10));
        near(chance(1, 2, 1.0), 1.0);
    }

    #[test]
    fn the_chance_of_a_draw_is_that_of_the_hypergeometric_distribution() {
        // All 7 of 7 among 7 drawn of 15: one of 6,435 draws.
        near(chance_of_draw(7, 7, 7, 15), 1.0 / 6_435.0);
        near(chance_of_draw(0, 7, 7, 15), 1.0);
        // Fisher's tea: 3 of 4 or better.
        near(chance_of_draw(3, 4, 4, 8), 17.0 / 70.0);
        near(chance_of_draw(2, 3, 9, 9), 1.0);
        near(chance_of_draw(5, 4, 9, 20), 0.0);
    }

    #[test]
    fn what_most_turns_have_is_not_remarkable() {
        assert!(is_remarkable(9, 10, 0.25));
        assert!(!is_remarkable(7, 10, 0.25), "fewer than four in five");
        assert!(!is_remarkable(9, 9, 0.75));
        assert!(!is_remarkable(4, 4, 0.25), "too few");
    }
}
