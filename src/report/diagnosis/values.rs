//! How often each of several values occurs.

use std::collections::HashMap;

/// Values of one kind that are distinguished; with more of them none is.
const MOST_VALUES: usize = 4_096;

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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_counted_by_number() {
        let mut values = Values::default();
        for i in 0..100 {
            values.add(if i % 4 == 0 { "gpu-3" } else { "gpu-1" });
        }
        let number = values.number("gpu-3").unwrap();
        assert_eq!((values.count(number), values.all()), (25, 100));
        assert_eq!(values.name(number), Some("gpu-3"));
        assert_eq!(most_frequent([3, 1, 3, 1].into_iter()), Some((3, 2)));
    }

    #[test]
    fn too_many_values_are_none() {
        let mut values = Values::default();
        for i in 0..=MOST_VALUES {
            values.add(&i.to_string());
        }
        assert_eq!((values.add("1"), values.all()), (None, 0));
        assert_eq!((values.name(1), values.count(1)), (None, 0));
    }
}
