//! What a few turns have in common that most others have not.

use std::collections::HashMap;

/// Values of one kind that are told apart; with more of them none is.
const MOST_VALUES: usize = 4_096;
/// A value must be that of so many of the few.
const LEAST_SHARE: f64 = 0.8;
/// Largest chance that turns which have nothing to do with each other share it.
const CHANCE: f64 = 0.001;

/// How often each value of one kind occurs.
#[derive(Debug, Default)]
pub(super) struct Values {
    counts: HashMap<String, u64>,
    overflown: bool,
}

impl Values {
    /// Takes in a value.
    pub(super) fn add(&mut self, value: &str) {
        if let Some(count) = self.counts.get_mut(value) {
            *count += 1;
        } else if self.counts.len() < MOST_VALUES && !self.overflown {
            self.counts.insert(value.to_owned(), 1);
        } else {
            self.overflown = true;
            self.counts.clear();
        }
    }

    /// The value that nearly all of `few` have, with its count among them and its share of all
    /// `turns`, where that cannot be chance.
    pub(super) fn shared<'a>(
        &self,
        few: impl Iterator<Item = &'a str>,
        of: usize,
        turns: u64,
    ) -> Option<(&'a str, usize, f64)> {
        if self.overflown {
            return None;
        }
        let mut counts: HashMap<&str, usize> = HashMap::new();
        for value in few {
            *counts.entry(value).or_default() += 1;
        }
        let (value, count) = counts
            .into_iter()
            .max_by_key(|(value, count)| (*count, *value))?;
        let usual = *self.counts.get(value)? as f64 / turns.max(1) as f64;
        is_remarkable(count, of, usual).then_some((value, count, usual))
    }
}

/// Whether `count` of `of` turns have what a share of `usual` of all has, and it is no chance.
pub(super) fn is_remarkable(count: usize, of: usize, usual: f64) -> bool {
    count as f64 >= LEAST_SHARE * of as f64 && chance(count, of, usual) < CHANCE
}

/// The chance that of `n` at least `k` have what a share `p` of all has.
fn chance(k: usize, n: usize, p: f64) -> f64 {
    let p = p.clamp(0.0, 1.0);
    if p >= 1.0 || k == 0 {
        return 1.0;
    }
    if p <= 0.0 {
        return 0.0;
    }
    let mut logs = vec![0.0; n + 1];
    for i in 1..=n {
        logs[i] = logs[i - 1] + (i as f64).ln();
    }
    let term = |i: usize| {
        let ways = logs[n] - logs[i] - logs[n - i];
        (ways + i as f64 * p.ln() + (n - i) as f64 * (1.0 - p).ln()).exp()
    };
    (k..=n).map(term).sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_chance_is_that_of_the_binomial_distribution() {
        let near = |a: f64, b: f64| assert!((a - b).abs() < 1e-9, "{a} {b}");
        near(chance(3, 3, 0.5), 0.125);
        near(chance(2, 3, 0.5), 0.5);
        near(chance(0, 3, 0.5), 1.0);
        near(chance(1, 10, 0.1), 1.0 - 0.9_f64.powi(10));
        near(chance(1, 2, 1.0), 1.0);
    }

    #[test]
    fn what_most_turns_have_is_not_remarkable() {
        let mut values = Values::default();
        (0..100).for_each(|i| values.add(if i % 4 == 0 { "gpu-3" } else { "gpu-1" }));
        let few = ["gpu-3"; 9].into_iter().chain(["gpu-1"]);
        assert_eq!(values.shared(few, 10, 100), Some(("gpu-3", 9, 0.25)));
        assert_eq!(values.shared(["gpu-1"; 9].into_iter(), 9, 100), None);
        assert_eq!(
            values.shared(["gpu-3"; 4].into_iter(), 4, 100),
            None,
            "too few"
        );
    }

    #[test]
    fn too_many_values_are_none() {
        let mut values = Values::default();
        (0..=MOST_VALUES).for_each(|i| values.add(&i.to_string()));
        assert_eq!(values.shared(["1"; 20].into_iter(), 20, 5_000), None);
    }
}
