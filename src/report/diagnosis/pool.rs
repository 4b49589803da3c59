//! Turns that get no answer whenever so many wait for one: something behind the gateway takes so many
//! at a time, and leaves the others without an answer or an error.

use std::collections::BTreeMap;

use super::count::{Count, split};
use super::failures::{Failure, Failures};
use super::{Finding, Kind};
use crate::report::exclusion::expects_answer;
use crate::results::row::{RequestRow, Status};
use crate::units::{counted, grouped, percent};

/// Loads that are distinguished; what lies above them counts as the highest.
const MOST_LOADS: u32 = 1 << 16;
/// Fewer turns on either side are no evidence.
const FEWEST: u64 = 5;
/// So many get no answer from the load on, at least, and below it, at most.
const UNANSWERED: f64 = 0.8;
const STRAYS: f64 = 0.1;
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
pub(super) struct Waiting([BTreeMap<u32, u64>; MEASURES.len()]);

impl Waiting {
    /// Takes in a turn.
    pub(super) fn add(&mut self, row: &RequestRow) {
        if !row.status.is_judged() || !expects_answer(row) {
            return;
        }
        let loads = [row.awaiting_answer, row.concurrent_sessions];
        for (turns, load) in self.0.iter_mut().zip(loads) {
            if let Some(load) = load {
                *turns.entry(load.min(MOST_LOADS)).or_default() += 1;
            }
        }
    }

    /// Said when hardly a turn gets an answer from a load on, and hardly one gets none below it.
    pub(super) fn finding(&self, failures: &mut Failures) -> Option<Finding> {
        (0..MEASURES.len()).find_map(|measure| self.by(measure, failures))
    }

    fn by(&self, measure: usize, failures: &mut Failures) -> Option<Finding> {
        let load_of = |failure: &Failure| failure.waiting[measure].map(|load| load.min(MOST_LOADS));
        let mut unanswered: BTreeMap<u32, u64> = BTreeMap::new();
        for load in failures
            .unexplained()
            .filter(|f| is_silent(f))
            .filter_map(load_of)
        {
            *unanswered.entry(load).or_default() += failures.every();
        }
        let by_load: Vec<(u32, Count)> = self.0[measure]
            .iter()
            .map(|(load, turns)| {
                let failed = unanswered.get(load).copied().unwrap_or(0).min(*turns);
                let count = Count {
                    turns: *turns,
                    failed,
                };
                (*load, count)
            })
            .collect();
        let counts: Vec<Count> = by_load.iter().map(|(_, count)| *count).collect();
        let at = split(&counts, LEAST_RATIO, |_, below, above| {
            below.turns >= FEWEST
                && above.failed >= FEWEST
                && above.share() >= UNANSWERED
                && below.share() <= STRAYS
        })?;
        let (limit, _) = *by_load.get(at)?;
        let mut first: Vec<(i64, u32)> = failures
            .unexplained()
            .filter(|failure| is_silent(failure))
            .filter_map(|failure| Some((failure.spoken_ns?, load_of(failure)?)))
            .collect();
        first.sort_unstable();
        if first.iter().take(FIRST).any(|(_, load)| *load < limit) {
            return None;
        }
        let (low, high) = (
            Count::sum(counts[..at].iter().copied()),
            Count::sum(counts[at..].iter().copied()),
        );
        let (noun, now, then) = MEASURES[measure];
        let load = counted(limit.into(), noun);
        let mut evidence = format!(
            "Of {} whose caller had spoken when {load} or more {then}, {} got no answer ({}); of \
             {} with fewer, {} got none.",
            counted(high.turns, "turn"),
            grouped(high.failed),
            percent(high.failed, high.turns),
            grouped(low.turns),
            grouped(low.failed),
        );
        evidence += &failures.explain(|failure| {
            is_silent(failure) && load_of(failure).is_some_and(|load| load >= limit)
        });
        Some(Finding {
            kind: Kind::PoolLimit,
            title: format!("No answers come once {load} {now}"),
            evidence,
            advice: format!(
                "Something behind the gateway takes {} at a time and leaves the others without an \
                 answer: look at its pools of workers and of connections to models and data bases, \
                 raise what is too small, and let what finds no room fail at once.",
                limit.saturating_sub(1)
            ),
        })
    }
}

/// Whether a turn was heard, and neither an answer nor an error came.
fn is_silent(failure: &Failure) -> bool {
    let is_silent = matches!(failure.code, Err(Status::Timeout | Status::NoAnswer));
    is_silent && !failure.answered
}
