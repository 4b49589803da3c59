//! A limit: what comes while fewer than so many are there goes well, and hardly anything from there on.

use std::collections::BTreeMap;

use super::count::{Count, split};
use crate::units::{counted, grouped};

/// The least share of failures from the limit on, and the largest below it.
const REFUSED: f64 = 0.8;
const STRAYS: f64 = 0.1;

/// A limit, and what came below it and from it on.
#[derive(Debug, Clone, Copy)]
pub(super) struct Limit {
    pub(super) load: u64,
    below: Count,
    above: Count,
}

impl Limit {
    /// The limit that counts by load show, by 2 ln Λ of at least `least_ratio`, with so many below it
    /// and so many failures from it on.
    pub(super) fn of(
        by_load: &BTreeMap<u64, Count>,
        least_ratio: f64,
        [fewest_below, fewest_failed]: [u64; 2],
    ) -> Option<Limit> {
        let counts: Vec<Count> = by_load.values().copied().collect();
        let split = split(&counts, least_ratio, |split| {
            let is_enough =
                split.below.turns >= fewest_below && split.above.failed >= fewest_failed;
            is_enough && split.above.share() >= REFUSED && split.below.share() <= STRAYS
        })?;
        Some(Limit {
            load: *by_load.keys().nth(split.at)?,
            below: split.below,
            above: split.above,
        })
    }

    /// How things of this name went from the limit on, and below it.
    pub(super) fn said(
        &self,
        noun: &str,
        [from, did]: [&str; 2],
        [below, did_too]: [&str; 2],
    ) -> String {
        format!(
            "Of {} {from}, {} {did} ({}); of {} {below}, {} {did_too}.",
            counted(self.above.turns, noun),
            grouped(self.above.failed),
            self.above.percent(),
            grouped(self.below.turns),
            grouped(self.below.failed),
        )
    }
}
