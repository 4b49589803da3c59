//! Which part of a run an instant belongs to. Pure.

use std::ops::Range;

use crate::results::row::Phase;
use crate::results::settings::Setting;
use crate::units::RunTime;

/// The parts of a run one after the other; after the last of them calls drain.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Phases(Vec<(RunTime, Phase)>);

impl Phases {
    /// Each part ends before its instant, which is where the next begins.
    #[must_use]
    pub fn new(parts: Vec<(RunTime, Phase)>) -> Phases {
        Phases(parts)
    }

    /// Warm-up, a steady phase from `steady`'s start to its end, and the drain.
    #[must_use]
    pub fn steady(steady: Range<RunTime>) -> Phases {
        Phases(vec![
            (steady.start, Phase::Warmup),
            (steady.end, Phase::Steady),
        ])
    }

    /// The part that an instant belongs to.
    #[must_use]
    pub fn of(&self, at: RunTime) -> Phase {
        let part = self.0.iter().find(|(end, _)| at < *end);
        part.map_or(Phase::Drain, |(_, phase)| *phase)
    }

    /// The parts in order, each with the instant at which it ends.
    #[must_use]
    pub fn parts(&self) -> &[(RunTime, Phase)] {
        &self.0
    }

    /// The parts as the settings show them: name and end, since the run's epoch.
    #[must_use]
    pub fn shown(&self) -> Vec<(Setting<Phase>, i64)> {
        let parts = self.0.iter();
        parts.map(|(end, phase)| ((*phase).into(), end.0)).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_instant_belongs_to_the_part_that_ends_after_it() {
        let phases = Phases::steady(RunTime(10)..RunTime(20));
        let seen = [0, 9, 10, 19, 20, 99].map(|at| phases.of(RunTime(at)));
        use Phase::{Drain, Steady, Warmup};
        assert_eq!(seen, [Warmup, Warmup, Steady, Steady, Drain, Drain]);
    }
}
