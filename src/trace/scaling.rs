//! How many copies of a session there are, and by how much each is shifted: what `replay --scale`
//! and `trace scale` have in common. Pure: the same numbers give the same copies.

use crate::units::{NS_PER_MS, NS_PER_S};

/// Bounds of the time by which copies of a session are shifted: at least a chunk, so that they do
/// not tick together; at most a second, so that a burst stays a burst.
const SHIFT_NS: (i64, i64) = (20 * NS_PER_MS, NS_PER_S);

/// So many times the sessions: above 1 with copies shifted in time, below 1 with fewer.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Scaling {
    factor: f64,
    seed: u64,
    /// Longest shift of a copy.
    shift_ns: i64,
}

impl Scaling {
    /// `factor` times the sessions of a trace whose starts are `gap_ns` apart on average: copies
    /// are shifted by up to so much.
    #[must_use]
    pub fn new(factor: f64, seed: u64, gap_ns: i64) -> Scaling {
        Scaling {
            factor,
            seed,
            shift_ns: gap_ns.clamp(SHIFT_NS.0, SHIFT_NS.1),
        }
    }

    /// The shift of each copy of session `session` in the trace's `round`-th repetition: the first
    /// is not shifted; there is none of a session that is left out.
    pub fn shifts(self, session: u32, round: u32) -> impl Iterator<Item = i64> {
        let draw = move |what| chance(self.seed, session, round, what);
        let whole = self.factor.floor();
        let copies = whole as u32 + u32::from(draw(0) < self.factor - whole);
        (0..copies).map(move |copy| match copy {
            0 => 0,
            copy => (draw(copy) * self.shift_ns as f64) as i64,
        })
    }

    /// Most copies of a session.
    #[must_use]
    pub fn most_copies(self) -> u32 {
        (self.factor.ceil() as u32).max(1)
    }
}

/// A number in [0, 1) that depends on nothing but its arguments.
fn chance(seed: u64, session: u32, round: u32, what: u32) -> f64 {
    let mut hash = blake3::Hasher::new();
    hash.update(&seed.to_le_bytes());
    for part in [session, round, what] {
        hash.update(&part.to_le_bytes());
    }
    let mut bytes = [0; 8];
    hash.finalize_xof().fill(&mut bytes);
    (u64::from_le_bytes(bytes) >> 11) as f64 / (1_u64 << 53) as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_factor_of_one_is_each_session_once_and_unshifted() {
        let plain = Scaling::new(1.0, 7, NS_PER_S);
        for session in 0..100 {
            assert_eq!(plain.shifts(session, 0).collect::<Vec<_>>(), [0]);
        }
        assert_eq!(plain.most_copies(), 1);
    }

    #[test]
    fn fractions_are_met_on_average_and_shifts_stay_within_the_gap() {
        for (factor, most) in [(0.25, 1), (2.5, 3)] {
            let scaling = Scaling::new(factor, 3, 100 * NS_PER_MS);
            let copies: Vec<_> = (0..4000)
                .map(|n| scaling.shifts(n, 0).collect::<Vec<_>>())
                .collect();
            let total = copies.iter().map(Vec::len).sum::<usize>() as f64;
            assert!((total / 4000.0 - factor).abs() < 0.05, "{total}");
            assert_eq!(scaling.most_copies(), most);
            let shifts = copies.iter().flatten();
            assert!(shifts.clone().all(|ns| (0..100 * NS_PER_MS).contains(ns)));
            assert!(copies.iter().all(|c| c.first().is_none_or(|ns| *ns == 0)));
        }
    }
}
