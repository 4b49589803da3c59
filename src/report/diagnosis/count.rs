//! Turns and failures among them, and where a load splits them into those that go well and those
//! that do not.

use crate::units::{counted, grouped, percent};

/// Turns and failures among them.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Count {
    pub(super) turns: u64,
    pub(super) failed: u64,
}

impl Count {
    /// The sum of several.
    pub(super) fn sum(counts: impl IntoIterator<Item = Count>) -> Count {
        counts
            .into_iter()
            .fold(Count::default(), |sum, count| Count {
                turns: sum.turns + count.turns,
                failed: sum.failed + count.failed,
            })
    }

    /// So many of so many, what they did, and their share: `3 of 12 turns failed (25.0 %)`.
    pub(super) fn said(self, noun: &str, did: &str) -> String {
        let (failed, all) = (grouped(self.failed), counted(self.turns, noun));
        format!("{failed} of {all}{did} ({})", self.percent())
    }

    /// The failures in percent.
    pub(super) fn percent(self) -> String {
        percent(self.failed, self.turns)
    }

    /// The failures as a share.
    pub(super) fn share(self) -> f64 {
        self.failed as f64 / self.turns.max(1) as f64
    }

    fn without(self, part: Count) -> Count {
        Count {
            turns: self.turns - part.turns,
            failed: self.failed - part.failed,
        }
    }

    /// Log-likelihood of the count under its own share.
    fn likelihood(self) -> f64 {
        let part = |count: u64| match count {
            0 => 0.0,
            count => count as f64 * (count as f64 / self.turns as f64).ln(),
        };
        part(self.failed) + part(self.turns - self.failed)
    }
}

/// Counts in the order of their load, in two.
#[derive(Debug, Clone, Copy)]
pub(super) struct Split {
    /// Where the second part begins.
    pub(super) at: usize,
    pub(super) below: Count,
    pub(super) above: Count,
}

/// Where to split `sorted`, which are counts in the order of their load: where the counts below and
/// from there on are the likeliest to have shares of their own, by 2 ln Λ, which must be
/// `least_ratio`. `may_be` says where there may be a split, and of which counts.
pub(super) fn split(
    sorted: &[Count],
    least_ratio: f64,
    may_be: impl Fn(Split) -> bool,
) -> Option<Split> {
    let all = Count::sum(sorted.iter().copied());
    let mut below = Count::default();
    let mut best: Option<(f64, Split)> = None;
    for (at, count) in sorted.iter().enumerate() {
        let above = all.without(below);
        let split = Split { at, below, above };
        if at > 0 && may_be(split) {
            let ratio = 2.0 * (below.likelihood() + above.likelihood() - all.likelihood());
            if ratio >= least_ratio && best.is_none_or(|(most, _)| ratio > most) {
                best = Some((ratio, split));
            }
        }
        below = Count::sum([below, *count]);
    }
    best.map(|(_, split)| split)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn counts(counts: &[(u64, u64)]) -> Vec<Count> {
        let count = |&(turns, failed): &(u64, u64)| Count { turns, failed };
        counts.iter().map(count).collect()
    }

    #[test]
    fn counts_are_split_where_their_shares_part() {
        let sorted = counts(&[(9, 0), (11, 1), (10, 9), (4, 4)]);
        let at = |sorted: &[Count], least, may_be: fn(Split) -> bool| {
            split(sorted, least, may_be).map(|split| split.at)
        };
        assert_eq!(at(&sorted, 10.0, |_| true), Some(2));
        assert_eq!(at(&sorted, 1_000.0, |_| true), None);
        assert_eq!(at(&sorted, 5.0, |split| split.at == 3), Some(3));
        let all_alike = counts(&[(9, 3), (9, 3), (9, 3)]);
        assert_eq!(at(&all_alike, 1.0, |_| true), None);
        assert_eq!(at(&[], 0.0, |_| true), None);
    }
}
