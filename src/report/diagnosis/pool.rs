//! Turns that get no answer whenever so many wait for one: something behind the gateway takes so many
//! at a time, and leaves the others without an answer or an error.

use std::collections::BTreeMap;

use super::count::Count;
use super::failures::{Failure, Failures};
use super::limit::Limit;
use super::{Finding, Kind, Look, Seen};
use crate::results::exclusion::expects_answer;
use crate::results::row::{RequestRow, Status};
use crate::units::counted;

/// Loads that are distinguished; what lies above them counts as the highest.
const MOST_LOADS: u32 = 1 << 16;
/// Fewer turns on either side are no evidence.
const FEWEST: u64 = 5;
/// Least likelihood ratio (2 ln Λ) of two shares against one.
const LEAST_RATIO: f64 = 15.0;
/// Where all answers stop at one moment, those that wait become many, too: the first so many to get
/// none must have met the load already.
const FIRST: usize = 3;

/// What a load is counted in, and what of that is said now and of then.
const MEASURES: [(&str, &str, &str); 2] = [
    ("turn", "wait for an answer", "waited for an answer"),
    ("session", "are open", "were open"),
];

/// Turns by the turns that waited for an answer when their caller had spoken, and by the sessions that
/// were open.
#[derive(Debug, Default)]
pub(super) struct Waiting([BTreeMap<u64, u64>; MEASURES.len()]);

impl Look for Waiting {
    fn add(&mut self, row: &RequestRow) {
        if !row.status.is_judged() || !expects_answer(row) {
            return;
        }
        let loads = [row.awaiting_answer, row.concurrent_sessions];
        for (turns, load) in self.0.iter_mut().zip(loads.map(counted_load)) {
            if let Some(load) = load {
                *turns.entry(load).or_default() += 1;
            }
        }
    }

    /// Said when hardly a turn gets an answer from a load on, and hardly one gets none below it.
    fn finding(&self, seen: &mut Seen<'_>) -> Option<Finding> {
        (0..MEASURES.len()).find_map(|measure| self.by(measure, &mut seen.failures))
    }
}

impl Waiting {
    fn by(&self, measure: usize, failures: &mut Failures) -> Option<Finding> {
        // Of a turn that was heard, and neither an answer nor an error came.
        let load_of = |failure: &Failure| {
            let is_silent = matches!(failure.code, Err(Status::Timeout | Status::NoAnswer));
            let load = failure.waiting[measure].filter(|_| is_silent && !failure.answered);
            counted_load(load)
        };
        let unanswered = failures.count_by(load_of);
        let by_load = self.0[measure].iter().map(|(load, turns)| {
            let failed = unanswered.get(load).copied().unwrap_or(0).min(*turns);
            let turns = *turns;
            (*load, Count { turns, failed })
        });
        let limit = Limit::of(&by_load.collect(), LEAST_RATIO, [FEWEST; 2])?;
        let mut first: Vec<(i64, u64)> = failures
            .unexplained()
            .filter_map(|failure| Some((failure.spoken_ns?, load_of(failure)?)))
            .collect();
        first.sort_unstable();
        if first.iter().take(FIRST).any(|(_, load)| *load < limit.load) {
            return None;
        }
        let (noun, now, then) = MEASURES[measure];
        let load = counted(limit.load, noun);
        let from = format!("whose caller had spoken when {load} or more {then}");
        let mut evidence = limit.said("turn", [&from, "got no answer"], ["with fewer", "got none"]);
        evidence += &failures.explain(|failure| load_of(failure) >= Some(limit.load));
        Some(Finding {
            kind: Kind::PoolLimit,
            title: format!("No answers come once {load} {now}"),
            evidence,
            advice: format!(
                "Something behind the gateway takes {} at a time and leaves the others without an \
                 answer: look at its pools of workers and of connections to models and data bases, \
                 raise what is too small, and let what finds no room fail at once.",
                limit.load.saturating_sub(1)
            ),
        })
    }
}

fn counted_load(load: Option<u32>) -> Option<u64> {
    load.map(|load| load.min(MOST_LOADS).into())
}
