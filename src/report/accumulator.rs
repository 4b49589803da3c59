//! What a summary is made of, counted turn by turn, so that a run of any length can be summed up.

use std::collections::{BTreeMap, HashSet};
use std::hash::{DefaultHasher, Hash, Hasher};

use super::breakdown::{ErrorAccumulator, ShareAccumulator};
use super::clusters::Clusters;
use super::diagnosis::Evidence;
use super::goodput::{GoodputAccumulator, expressions};
use super::growth::GrowthAccumulator;
use super::latencies::{Measured, Selection};
use super::recorded_baseline::RecordedBaseline;
use super::require::Requirement;
use super::shares::ShareCounts;
use super::steady::SteadyAccumulator;
use super::turns::Turns;
use crate::results::exclusion::expects_answer;
use crate::results::manifest::RunManifest;
use crate::results::row::{RequestRow, Status};

/// Counts of turns.
#[derive(Debug)]
pub(super) struct Accumulator {
    clusters: Clusters,
    pub(super) selection: Selection,
    pub(super) shares: ShareCounts,
    pub(super) steady: SteadyAccumulator,
    pub(super) goodput: GoodputAccumulator,
    pub(super) growth: GrowthAccumulator,
    pub(super) recorded_baseline: RecordedBaseline,
    pub(super) errors: ErrorAccumulator,
    pub(super) peers: ShareAccumulator,
    pub(super) replicas: ShareAccumulator,
    pub(super) evidence: Evidence,
    pub(super) blocked_ns: i64,
    /// Hashes of the sessions of which a turn started: a million of them take little memory.
    sessions: HashSet<u64>,
    /// The last instant of any turn.
    pub(super) last_ns: Option<i64>,
    outcomes: BTreeMap<&'static str, u64>,
    rows: u64,
    started: u64,
    successes: u64,
    answer_expected: u64,
    answered: u64,
    overlapped: u64,
    owner_uncertain: u64,
}

impl Accumulator {
    /// Nothing counted yet of `run`, of which this is required.
    pub(super) fn of(run: &RunManifest, required: &[Requirement]) -> Accumulator {
        Accumulator {
            clusters: Clusters::of(run),
            selection: Selection::default(),
            shares: ShareCounts::default(),
            steady: SteadyAccumulator::of(run),
            goodput: GoodputAccumulator::of(expressions(run, required)),
            growth: GrowthAccumulator::default(),
            recorded_baseline: RecordedBaseline::default(),
            evidence: Evidence::default(),
            errors: ErrorAccumulator::default(),
            peers: ShareAccumulator::default(),
            replicas: ShareAccumulator::default(),
            blocked_ns: 0,
            sessions: HashSet::new(),
            last_ns: None,
            outcomes: BTreeMap::new(),
            rows: 0,
            started: 0,
            successes: 0,
            answer_expected: 0,
            answered: 0,
            overlapped: 0,
            owner_uncertain: 0,
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
        self.recorded_baseline.add(row, cluster);
        self.evidence.add(row);
        self.errors.add(row);
        self.peers.add(row.peer.as_deref(), row, cluster);
        self.replicas.add(row.replica.as_deref(), row, cluster);
        self.blocked_ns += row.blocked_ns;
        self.last_ns = self.last_ns.max(row.started_ns).max(row.closed_ns);
        *self.outcomes.entry(row.status.name()).or_default() += 1;
        let started = row.started_ns.is_some();
        let expected = expects_answer(row);
        self.rows += 1;
        self.started += u64::from(started);
        if started {
            let mut hash = DefaultHasher::new();
            (&row.session_id, row.copy).hash(&mut hash);
            self.sessions.insert(hash.finish());
        }
        self.successes += u64::from(row.status.is_success());
        self.answer_expected += u64::from(expected);
        self.answered += u64::from(expected && row.first_audio_ns.is_some());
        self.overlapped += u64::from(row.overlapped);
        self.owner_uncertain += u64::from(row.owner_uncertain == Some(true));
    }

    /// Sessions of which a turn started.
    pub(super) fn sessions_started(&self) -> u64 {
        self.sessions.len() as u64
    }

    /// Turns.
    pub(super) fn rows(&self) -> u64 {
        self.rows
    }

    /// What became of the turns, of which so many were planned.
    pub(super) fn turns(&self, planned: u64) -> Turns {
        let of = |status: &Status| self.outcomes.get(status.name()).copied().unwrap_or(0);
        let outcomes = Status::ALL.iter();
        let unjudged = Status::ALL.iter().filter(|status| !status.is_judged());
        let judged = self.rows - unjudged.map(of).sum::<u64>();
        Turns {
            planned,
            rows: self.rows,
            started: self.started,
            in_flight: of(&Status::Interrupted),
            successes: self.successes,
            success_rate: (judged > 0).then(|| self.successes as f64 / judged as f64),
            answer_expected: self.answer_expected,
            answered: self.answered,
            overlapped: self.overlapped,
            owner_uncertain: self.owner_uncertain,
            outcomes: outcomes
                .map(|status| (status.name().to_owned(), of(status)))
                .collect(),
        }
    }

    /// The requests that the latencies are over.
    pub(super) fn measured(&self) -> Measured {
        let selection = &self.selection;
        Measured {
            rows: selection.rows,
            answered: selection.answered,
            cut_off: selection.cut_off,
            overlapped: selection.overlapped,
            no_speech: selection.no_speech,
            stopped: selection.stopped,
            warmup: selection.warmup,
            drain: selection.drain,
        }
    }
}
