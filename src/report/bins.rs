//! Bins of equal width that never become too many: where a value lies beyond the last, all are made
//! twice as wide. Charts of a run of any length and any load are made of them.

/// What two neighbouring bins become.
pub(super) trait Merge: Default {
    /// Takes in what `other` holds.
    fn merge(&mut self, other: Self);
}

impl Merge for u64 {
    fn merge(&mut self, other: u64) {
        *self += other;
    }
}

/// Bins from 0 on.
#[derive(Debug, Clone)]
pub(super) struct Bins<T> {
    width: i64,
    most: usize,
    bins: Vec<T>,
}

impl<T: Merge> Bins<T> {
    /// At most `most` bins, which are `width` wide or a multiple of that by a power of two.
    pub(super) fn new(width: i64, most: usize) -> Bins<T> {
        Bins {
            width: width.max(1),
            most: most.max(2),
            bins: Vec::new(),
        }
    }

    /// How wide each bin is by now.
    pub(super) fn width(&self) -> i64 {
        self.width
    }

    /// The bin of `value`; a negative one lies in the first.
    pub(super) fn at(&mut self, value: i64) -> &mut T {
        let value = value.max(0);
        while value / self.width >= self.most as i64 {
            self.widen();
        }
        let number = (value / self.width) as usize;
        if self.bins.len() <= number {
            self.bins.resize_with(number + 1, T::default);
        }
        &mut self.bins[number]
    }

    /// Makes bins twice as wide.
    pub(super) fn widen(&mut self) {
        self.width = self.width.saturating_mul(2);
        let mut narrow = std::mem::take(&mut self.bins).into_iter();
        while let Some(mut bin) = narrow.next() {
            if let Some(other) = narrow.next() {
                bin.merge(other);
            }
            self.bins.push(bin);
        }
    }

    /// Each bin with where it begins, in order.
    pub(super) fn iter(&self) -> impl Iterator<Item = (i64, &T)> {
        let bins = self.bins.iter().enumerate();
        bins.map(|(number, bin)| (number as i64 * self.width, bin))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn nothing_is_lost_and_bins_stay_few(values in prop::collection::vec(0_i64..1_000_000, 1..200)) {
            let mut bins: Bins<u64> = Bins::new(10, 16);
            for value in &values {
                *bins.at(*value) += 1;
            }
            prop_assert!(bins.iter().count() <= 16);
            let width = bins.width();
            for (start, count) in bins.iter() {
                let inside = values.iter().filter(|v| (start..start + width).contains(*v)).count();
                prop_assert_eq!(*count, inside as u64);
            }
        }
    }

    #[test]
    fn the_end_of_time_has_a_bin() {
        let mut bins: Bins<u64> = Bins::new(1, 64);
        *bins.at(-3) += 1;
        *bins.at(i64::MAX) += 1;
        let counts: Vec<_> = bins.iter().map(|(_, count)| *count).collect();
        assert_eq!((counts[0], counts[counts.len() - 1]), (1, 1));
    }
}
