//! When the users of a closed loop are there, and how long they think. Pure.
//!
//! Users are numbered from 0. While their number grows, they come one after the other, evenly over
//! the ramp, the first of them at its start; while it falls, the last to come are the first to
//! leave, the last of them at the ramp's end. A user who leaves ends what is under way and begins
//! nothing more.

use std::ops::{Range, RangeInclusive};

use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

use super::phases::Phases;
use crate::results::manifest::Stage;
use crate::results::row::Phase;
use crate::units::RunTime;

/// The users of a closed loop.
#[derive(Debug, Clone, PartialEq)]
pub struct Population {
    /// How their number goes, from none.
    pub stages: Vec<Stage>,
    /// How long each thinks between two requests; a random draw for each.
    pub think_ns: RangeInclusive<i64>,
    /// Requests after which a user leaves for good.
    pub requests_per_user: Option<u32>,
    /// What every random choice derives from.
    pub seed: u64,
    /// When the first stage begins.
    pub first: RunTime,
}

impl Population {
    /// Most users at once.
    #[must_use]
    pub fn peak(&self) -> u32 {
        let users = self.stages.iter().map(|stage| stage.users);
        users.max().unwrap_or(0)
    }

    /// From the beginning of the first stage to the end of the last.
    #[must_use]
    pub fn duration_ns(&self) -> i64 {
        let stages = self.stages.iter();
        stages.map(|stage| stage.ramp_ns + stage.hold_ns).sum()
    }

    /// When user `user` may begin a request that would begin at `at`: then, when the user is there
    /// again, or never.
    #[must_use]
    pub fn next_start(&self, user: u32, at: RunTime) -> Option<RunTime> {
        let presences = self.presences(user).into_iter();
        let next = presences
            .filter(|presence| at < presence.end)
            .min_by_key(|p| p.start);
        next.map(|presence| presence.start.max(at))
    }

    /// When user `user` leaves who is there at `at`; `None` for one who is not.
    #[must_use]
    pub fn leaves(&self, user: u32, at: RunTime) -> Option<RunTime> {
        let presences = self.presences(user).into_iter();
        let mut now = presences.filter(|presence| presence.contains(&at));
        now.next().map(|presence| presence.end)
    }

    /// How long user `user` thinks after request number `request`.
    #[must_use]
    pub fn think_ns(&self, user: u32, request: u32) -> i64 {
        let mut rng = ChaCha8Rng::seed_from_u64(self.seed);
        rng.set_stream(u64::from(user) << 32 | u64::from(request));
        rng.random_range(self.think_ns.clone())
    }

    /// The parts of the run: ramps, and the stages' holds, which are its steady phase.
    #[must_use]
    pub fn phases(&self) -> Phases {
        let mut parts = Vec::new();
        let (mut at, mut before) = (self.first, 0);
        for stage in &self.stages {
            let ramp = match stage.users >= before {
                true => Phase::RampUp,
                false => Phase::RampDown,
            };
            let hold = match stage.users {
                0 => Phase::RampDown,
                _ => Phase::Steady,
            };
            for (length_ns, phase) in [(stage.ramp_ns, ramp), (stage.hold_ns, hold)] {
                at = RunTime(at.0 + length_ns);
                if length_ns > 0 {
                    parts.push((at, phase));
                }
            }
            before = stage.users;
        }
        Phases::new(parts)
    }

    /// The stretches in which user `user` is there.
    fn presences(&self, user: u32) -> Vec<Range<RunTime>> {
        let mut presences = Vec::new();
        let (mut at_ns, mut before) = (self.first.0, 0);
        let mut since = None;
        for stage in &self.stages {
            let (from, to) = (before.min(stage.users), before.max(stage.users));
            // Of how many that come or leave it is the how manieth.
            let share = |nth: u32| {
                let ns = i128::from(stage.ramp_ns) * i128::from(nth) / i128::from(to - from).max(1);
                i64::try_from(ns).unwrap_or(i64::MAX)
            };
            if (from..to).contains(&user) {
                match since.take() {
                    None => since = Some(at_ns + share(user - from)),
                    Some(came_ns) => {
                        presences.push(RunTime(came_ns)..RunTime(at_ns + share(to - user)));
                    }
                }
            }
            at_ns += stage.ramp_ns + stage.hold_ns;
            before = stage.users;
        }
        presences.extend(since.map(|came_ns| RunTime(came_ns)..RunTime(at_ns)));
        presences
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use crate::units::NS_PER_S;
    use proptest::prelude::*;

    pub(in crate::replay) fn users(stages: &[(u32, i64, i64)]) -> Population {
        let stages = stages.iter().map(|&(users, ramp_s, hold_s)| Stage {
            users,
            ramp_ns: ramp_s * NS_PER_S,
            hold_ns: hold_s * NS_PER_S,
        });
        Population {
            stages: stages.collect(),
            think_ns: NS_PER_S..=NS_PER_S,
            requests_per_user: None,
            seed: 1,
            first: RunTime(0),
        }
    }

    /// Seconds from which and to which a user is there.
    fn there(users: &Population, user: u32) -> Vec<(f64, f64)> {
        let seconds = |at: RunTime| at.0 as f64 / NS_PER_S as f64;
        let presences = users.presences(user).into_iter();
        presences
            .map(|p| (seconds(p.start), seconds(p.end)))
            .collect()
    }

    #[test]
    fn users_come_evenly_and_the_last_to_come_leave_first() {
        let users = users(&[(5, 10, 120), (0, 5, 0)]);
        let seen: Vec<_> = (0..6).flat_map(|user| there(&users, user)).collect();
        let expected = [
            (0.0, 135.0),
            (2.0, 134.0),
            (4.0, 133.0),
            (6.0, 132.0),
            (8.0, 131.0),
        ];
        assert_eq!(seen, expected);
        assert_eq!((users.peak(), users.duration_ns()), (5, 135 * NS_PER_S));
    }

    #[test]
    fn without_ramps_all_come_and_leave_at_once() {
        let users = users(&[(2, 0, 30)]);
        assert_eq!(there(&users, 0), [(0.0, 30.0)]);
        assert_eq!(there(&users, 1), [(0.0, 30.0)]);
        assert_eq!(there(&users, 2), []);
    }

    #[test]
    fn users_come_back_with_a_later_stage_and_start_again_then() {
        let users = users(&[(4, 0, 10), (2, 0, 10), (4, 4, 10)]);
        assert_eq!(there(&users, 0), [(0.0, 34.0)]);
        assert_eq!(there(&users, 3), [(0.0, 10.0), (22.0, 34.0)]);
        let next = |s: i64| users.next_start(3, RunTime(s * NS_PER_S));
        let at = |s: i64| Some(RunTime(s * NS_PER_S));
        let seen = [9, 10, 21, 33, 34].map(next);
        assert_eq!(seen, [at(9), at(22), at(22), at(33), None]);
        let leaves = [9, 10, 22].map(|s| users.leaves(3, RunTime(s * NS_PER_S)));
        assert_eq!(leaves, [at(10), None, at(34)]);
    }

    #[test]
    fn holds_are_steady_and_ramps_are_not() {
        use Phase::{Drain, RampDown, RampUp, Steady};
        let users = users(&[(4, 2, 2), (2, 2, 2), (0, 2, 0)]);
        let seen = [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 99];
        let seen = seen.map(|s| users.phases().of(RunTime(s * NS_PER_S)));
        let expected = [
            RampUp, RampUp, Steady, Steady, RampDown, RampDown, Steady, Steady, RampDown, RampDown,
            Drain, Drain,
        ];
        assert_eq!(seen, expected);
    }

    proptest! {
        #[test]
        fn as_many_are_there_as_the_stages_say(
            stages in prop::collection::vec((0_u32..30, 0_i64..20, 0_i64..20), 1..5),
            at in 0_i64..200,
        ) {
            let users = users(&stages);
            let at_ns = at * NS_PER_S;
            let mut from = 0;
            let mut expected = 0.0_f64;
            let mut before = 0.0;
            for (count, ramp, hold) in &stages {
                let (ramp_ns, hold_ns) = (ramp * NS_PER_S, hold * NS_PER_S);
                if (from..from + ramp_ns + hold_ns).contains(&at_ns) {
                    let share = match ramp_ns {
                        0 => 1.0,
                        _ => ((at_ns - from) as f64 / ramp_ns as f64).min(1.0),
                    };
                    expected = before + (f64::from(*count) - before) * share;
                }
                before = f64::from(*count);
                from += ramp_ns + hold_ns;
            }
            let there = (0..users.peak()).filter(|user| {
                users.presences(*user).iter().any(|p| p.contains(&RunTime(at_ns)))
            });
            let there = there.count() as f64;
            prop_assert!((there - expected).abs() <= 1.0, "{} {}", there, expected);
        }

        #[test]
        fn thinking_takes_what_was_asked_for(user in any::<u32>(), request in any::<u32>()) {
            let users = Population { think_ns: 5..=9, ..users(&[(1, 0, 1)]) };
            let think_ns = users.think_ns(user, request);
            prop_assert!((5..=9).contains(&think_ns));
            prop_assert_eq!(think_ns, users.think_ns(user, request));
        }
    }
}
