//! What a summary is made of, counted turn by turn, so that a run of any length can be summed up.

use std::collections::{BTreeMap, HashSet};
use std::hash::{DefaultHasher, Hash, Hasher};

use super::breakdown::{ErrorAccumulator, ShareAccumulator};
use super::clusters::Clusters;
use super::counted_sections::Counts;
use super::diagnosis::Evidence;
use super::goodput::{GoodputAccumulator, expressions};
use super::growth::GrowthAccumulator;
use super::latencies::Selection;
use super::require::Requirement;
use super::shares::ShareCounts;
use super::steady::SteadyAccumulator;
use super::turns::Turns;
use crate::results::answer::AnswerKind;
use crate::results::exclusion::expects_answer;
use crate::results::manifest::RunManifest;
use crate::results::row::{RequestRow, Status};

/// Counts of turns.
#[derive(Debug)]
pub(super) struct Accumulator {
    clusters: Clusters,
    answers: AnswerKind,
    pub(super) selection: Selection,
    pub(super) shares: ShareCounts,
    pub(super) steady: SteadyAccumulator,
    pub(super) goodput: GoodputAccumulator,
    pub(super) growth: GrowthAccumulator,
    pub(super) sections: Counts,
    pub(super) errors: ErrorAccumulator,
    pub(super) peers: ShareAccumulator,
    pub(super) replicas: ShareAccumulator,
    pub(super) evidence: Evidence,
    pub(super) blocked_ns: i64,
    /// Hashes of the sessions of which a turn started: a million of them take little memory.
    sessions: HashSet<u64>,
    /// The last instant of any turn.
    pub(super) last_ns: Option<i64>,
    turns: Turns,
    outcomes: BTreeMap<Status, u64>,
}

impl Accumulator {
    /// Nothing counted yet of `run`, of which this is required.
    pub(super) fn of(run: &RunManifest, required: &[Requirement]) -> Accumulator {
        let answers = run.spec.answers_by();
        Accumulator {
            clusters: Clusters::of(run),
            answers,
            selection: Selection::of(answers),
            shares: ShareCounts::default(),
            steady: SteadyAccumulator::of(run),
            goodput: GoodputAccumulator::of(expressions(run, required)),
            growth: GrowthAccumulator::of(answers),
            sections: Counts::default(),
            evidence: Evidence::of(answers),
            errors: ErrorAccumulator::default(),
            peers: ShareAccumulator::of(answers),
            replicas: ShareAccumulator::of(answers),
            blocked_ns: 0,
            sessions: HashSet::new(),
            last_ns: None,
            turns: Turns::default(),
            outcomes: BTreeMap::new(),
        }
    }

    /// Takes in a turn.
    pub(super) fn add(&mut self, row: &RequestRow) {
        let cluster = self.clusters.number(row);
        self.selection.add(row, cluster);
        self.shares.add(row);
        self.steady.add(row);
        self.goodput.add(row);
        self.growth.add(row, cluster);
        self.sections.add(row, cluster);
        self.evidence.add(row);
        self.errors.add(row);
        self.peers.add(row.peer.as_deref(), row, cluster);
        self.replicas.add(row.replica.as_deref(), row, cluster);
        self.blocked_ns += row.blocked_ns;
        self.last_ns = self.last_ns.max(row.started_ns).max(row.closed_ns);
        *self.outcomes.entry(row.status).or_default() += 1;
        let started = row.started_ns.is_some();
        let expected = expects_answer(row);
        if started {
            let mut hash = DefaultHasher::new();
            (&row.session_id, row.copy).hash(&mut hash);
            self.sessions.insert(hash.finish());
        }
        let turns = &mut self.turns;
        turns.rows += 1;
        turns.started += u64::from(started);
        turns.successes += u64::from(row.status.is_success());
        turns.answer_expected += u64::from(expected);
        turns.answered += u64::from(expected && self.answers.is_answered(row));
        turns.overlapped += u64::from(row.overlapped);
        turns.owner_uncertain += u64::from(row.owner_uncertain == Some(true));
    }

    /// Sessions of which a turn started.
    pub(super) fn sessions_started(&self) -> u64 {
        self.sessions.len() as u64
    }

    /// Turns.
    pub(super) fn rows(&self) -> u64 {
        self.turns.rows
    }

    /// What became of the turns, of which so many were planned.
    pub(super) fn turns(&self, planned: u64) -> Turns {
        let of = |status: &Status| self.outcomes.get(status).copied().unwrap_or(0);
        let outcomes = Status::ALL.iter();
        let mut turns = Turns {
            planned,
            in_flight: of(&Status::Interrupted),
            outcomes: outcomes
                .map(|status| (status.name().to_owned(), of(status)))
                .collect(),
            ..self.turns.clone()
        };
        let judged = turns.judged();
        turns.success_rate = (judged > 0).then(|| turns.successes as f64 / judged as f64);
        turns
    }
}
