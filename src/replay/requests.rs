//! What the users of a closed loop say: each request is a session of its own. Pure.

use std::ops::RangeInclusive;
use std::sync::Arc;

use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

use super::microphone::as_sent;
use super::script::Script;
use super::session_index::SessionIndex;
use crate::dialect::Nature;
use crate::trace::layout::{Begins, CallSpec, Utterance, lay_out};
use crate::trace::model::ClipRow;
use crate::trace::pick::{Pick, Picker};
use crate::units::RunTime;

/// What users say, and how.
#[derive(Debug, Clone, PartialEq)]
pub struct RequestSpec {
    /// How a call goes.
    pub call: CallSpec,
    /// Which clip is spoken next, by each user; in turn from the user's number on.
    pub pick: Pick,
    /// Utterances of a request.
    pub turns: u32,
    /// Pause before each but the first, after the playout of the answer; a random draw for each.
    pub think_ns: RangeInclusive<i64>,
    /// What every random choice derives from.
    pub seed: u64,
}

/// Makes the requests of all users.
#[derive(Debug)]
pub(super) struct Requests {
    spec: RequestSpec,
    nature: Nature,
    users: Vec<User>,
    made: u64,
}

#[derive(Debug)]
struct User {
    picker: Picker,
    think: ChaCha8Rng,
    requests: u32,
}

impl Requests {
    /// Those of so many users, who say these clips, at least one, as a dialect of this nature has them sent.
    pub(super) fn new(spec: RequestSpec, nature: Nature, users: u32, clips: usize) -> Requests {
        let user = |number: u32| {
            // Two streams of random numbers for each user.
            let rng = |of: u64| {
                let mut rng = ChaCha8Rng::seed_from_u64(spec.seed);
                rng.set_stream(2 * u64::from(number) + of);
                rng
            };
            User {
                picker: Picker::new(spec.pick, clips, number as usize, rng(0)),
                think: rng(1),
                requests: 0,
            }
        };
        Requests {
            users: (0..users).map(user).collect(),
            nature,
            spec,
            made: 0,
        }
    }

    /// The next request of `user`, with no start and no audio yet.
    pub(super) fn next(&mut self, user: u32, clips: &[ClipRow]) -> Script {
        let of_user = &mut self.users[user as usize];
        of_user.picker.begin_session();
        let utterances: Vec<_> = (0..self.spec.turns)
            .map(|turn| Utterance {
                clip: &clips[of_user.picker.pick()],
                begins: match turn {
                    0 => Begins::At(0),
                    _ => Begins::AfterAnswer {
                        think_ns: of_user.think.random_range(self.spec.think_ns.clone()),
                    },
                },
            })
            .collect();
        let number = self.made;
        let mut rows = lay_out(&self.spec.call, number as u32, 0, &utterances);
        rows.session.session_id = session_id(user, of_user.requests);
        let rows = as_sent(rows, &self.nature);
        of_user.requests += 1;
        self.made += 1;
        let index = Arc::new(SessionIndex::of(&rows));
        let mut script = Script::new(Arc::new(rows), index, number, 0, RunTime(0));
        script.user = Some(user);
        script
    }
}

/// The name of request number `request` of a user.
fn session_id(user: u32, request: u32) -> String {
    format!("u{user:04}-r{request:05}")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::trace::sample;

    fn clip(number: u32) -> ClipRow {
        ClipRow {
            clip: number,
            ..sample::clip(&[0; 1600], "a.wav")
        }
    }

    fn said(pick: Pick, turns: u32, users: u32, requests: u32) -> Vec<Vec<u32>> {
        let clips: Vec<ClipRow> = (0..5).map(clip).collect();
        let spec = RequestSpec {
            call: CallSpec::default(),
            pick,
            turns,
            think_ns: 1..=1_000_000,
            seed: 3,
        };
        let mut made = Requests::new(spec, Nature::default(), users, clips.len());
        let mut said = Vec::new();
        for user in 0..users {
            let scripts = (0..requests).map(|_| made.next(user, &clips));
            let turns = scripts.flat_map(|script| script.rows.turns.clone());
            said.push(turns.filter_map(|turn| turn.clip).collect());
        }
        said
    }

    #[test]
    fn each_user_goes_through_the_clips_from_another_one_on() {
        let said = said(Pick::RoundRobin, 1, 3, 6);
        assert_eq!(said[0], [0, 1, 2, 3, 4, 0]);
        assert_eq!(said[2], [2, 3, 4, 0, 1, 2]);
    }

    #[test]
    fn a_sequential_session_begins_again_and_a_shuffled_one_says_all_first() {
        assert_eq!(said(Pick::Sequential, 2, 1, 2), [[0, 1, 0, 1]]);
        for mut said in said(Pick::Shuffle, 1, 2, 5) {
            said.sort_unstable();
            assert_eq!(said, [0, 1, 2, 3, 4]);
        }
        let random = said(Pick::Random, 1, 2, 20);
        assert_ne!(random[0], random[1], "users differ");
    }

    #[test]
    fn requests_are_named_after_their_user_and_numbered_over_all() {
        let clips = [clip(0)];
        let spec = RequestSpec {
            call: CallSpec::default(),
            pick: Pick::RoundRobin,
            turns: 1,
            think_ns: 0..=0,
            seed: 0,
        };
        let mut requests = Requests::new(spec, Nature::default(), 2, 1);
        let made = [1, 0, 1].map(|user| requests.next(user, &clips));
        let names = made
            .each_ref()
            .map(|script| &*script.rows.session.session_id);
        assert_eq!(names, ["u0001-r00000", "u0000-r00000", "u0001-r00001"]);
        assert_eq!(made.map(|script| script.number), [0, 1, 2]);
    }
}
