//! What a few turns have in common that most others have not.

use std::collections::HashMap;

/// Values of one kind that are distinguished; with more of them none is.
const MOST_VALUES: usize = 4_096;
/// A value must be that of so many of the few.
const LEAST_SHARE: f64 = 0.8;
/// Largest chance that turns which have nothing to do with each other share it.
const CHANCE: f64 = 0.001;

/// How often each value of one kind occurs.
#[derive(Debug, Default)]
pub(super) struct Values {
    numbers: HashMap<String, u32>,
    counts: Vec<u64>,
    overflown: bool,
}

impl Values {
    /// Takes in a value, and returns its number; `None` where there are too many.
    pub(super) fn add(&mut self, value: &str) -> Option<u32> {
        let number = self.number(value)?;
        *self.counts.get_mut(number as usize)? += 1;
        Some(number)
    }

    /// The number of a value; `None` where there are too many.
    pub(super) fn number(&mut self, value: &str) -> Option<u32> {
        if let Some(number) = self.numbers.get(value) {
            return Some(*number);
        }
        if self.overflown || self.counts.len() >= MOST_VALUES {
            *self = Values {
                overflown: true,
                ..Values::default()
            };
            return None;
        }
        let number = u32::try_from(self.counts.len()).ok()?;
        self.numbers.insert(value.to_owned(), number);
        self.counts.push(0);
        Some(number)
    }

    /// How often the value of this number occurs.
    pub(super) fn count(&self, number: u32) -> u64 {
        self.counts.get(number as usize).copied().unwrap_or(0)
    }

    /// How often any does; 0 where there are too many.
    pub(super) fn all(&self) -> u64 {
        self.counts.iter().sum()
    }

    /// The value of this number.
    pub(super) fn name(&self, number: u32) -> Option<&str> {
        let found = self.numbers.iter().find(|(_, other)| **other == number);
        found.map(|(name, _)| name.as_str())
    }

    /// The value that nearly all of `few` have, with its count among them and its share of all
    /// `turns`, where that cannot be chance.
    pub(super) fn shared<'a>(
        &self,
        few: impl Iterator<Item = &'a str>,
        of: usize,
        turns: u64,
    ) -> Option<(&'a str, usize, f64)> {
        let (value, count) = most_frequent(few)?;
        let number = *self.numbers.get(value)?;
        let usual = self.count(number) as f64 / turns.max(1) as f64;
        is_remarkable(count, of, usual).then_some((value, count, usual))
    }
}

/// The most frequent of these, with its count; of several the largest.
pub(super) fn most_frequent<T: std::hash::Hash + Ord + Copy>(
    items: impl Iterator<Item = T>,
) -> Option<(T, usize)> {
    let mut counts: HashMap<T, usize> = HashMap::new();
    for item in items {
        *counts.entry(item).or_default() += 1;
    }
    let counts = counts.into_iter();
    counts.max_by_key(|(item, count)| (*count, *item))
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
    let logs = Logs::up_to(n);
    let term =
        |i: usize| (logs.ways(n, i) + i as f64 * p.ln() + (n - i) as f64 * (1.0 - p).ln()).exp();
    (k..=n).map(term).sum()
}

/// The chance that at least `k` of the `part` of `all` are among `drawn` that are drawn of all
/// without looking (Fisher's exact test).
pub(super) fn chance_of_draw(k: usize, part: usize, drawn: usize, all: usize) -> f64 {
    if part > all || drawn > all {
        return 1.0;
    }
    let logs = Logs::up_to(all);
    let most = part.min(drawn);
    let fewest = (part + drawn).saturating_sub(all).max(k);
    let term = |i: usize| {
        let ways = logs.ways(part, i) + logs.ways(all - part, drawn - i);
        (ways - logs.ways(all, drawn)).exp()
    };
    (fewest..=most).map(term).sum()
}

/// Logarithms of factorials.
struct Logs(Vec<f64>);

impl Logs {
    fn up_to(n: usize) -> Logs {
        let mut logs = vec![0.0; n + 1];
        for i in 1..=n {
            logs[i] = logs[i - 1] + (i as f64).ln();
        }
        Logs(logs)
    }

    /// In how many ways `k` can be chosen of `n`.
    fn ways(&self, n: usize, k: usize) -> f64 {
        self.0[n] - self.0[k] - self.0[n - k]
    }
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
        let mut values = Values::default();
        for i in 0..100 {
            values.add(if i % 4 == 0 { "gpu-3" } else { "gpu-1" });
        }
        let few = ["gpu-3"; 9].into_iter().chain(["gpu-1"]);
        assert_eq!(values.shared(few, 10, 100), Some(("gpu-3", 9, 0.25)));
        assert_eq!(values.shared(["gpu-1"; 9].into_iter(), 9, 100), None);
        assert_eq!(
            values.shared(["gpu-3"; 4].into_iter(), 4, 100),
            None,
            "too few"
        );
        let number = values.number("gpu-3").unwrap();
        assert_eq!((values.count(number), values.all()), (25, 100));
        assert_eq!(values.name(number), Some("gpu-3"));
    }

    #[test]
    fn too_many_values_are_none() {
        let mut values = Values::default();
        for i in 0..=MOST_VALUES {
            values.add(&i.to_string());
        }
        assert_eq!(values.shared(["1"; 20].into_iter(), 20, 5_000), None);
        assert_eq!((values.add("1"), values.all()), (None, 0));
    }
}
