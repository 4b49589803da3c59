//! What the charts of a run are made of, taken in turn by turn: bins and sketches, and the few
//! slowest turns, so that a run of any length has a report of one size.

use std::collections::BTreeMap;
use std::hash::{BuildHasher, BuildHasherDefault, DefaultHasher};

use crate::report::bins::{Bins, Merge};
use crate::report::sketch::Sketch;
use crate::results::answer::AnswerKind;
use crate::results::exclusion::Exclusion;
use crate::results::metrics::LATENCIES;
use crate::results::row::{Phase, RequestRow};
use crate::units::NS_PER_S;

/// Stretches of time that are distinguished, and loads.
const MOST_TIMES: usize = 160;
const MOST_LOADS: usize = 48;
/// Turns that a bin should hold on average.
const TURNS_A_BIN: u64 = 15;
/// Slowest turns that are shown one by one.
const SLOWEST: usize = 10;
/// Turns that are shown as a dot.
const MOST_DOTS: usize = 300;

/// Answers of a stretch of time or at a load.
#[derive(Debug, Clone, Default)]
pub(super) struct Answers {
    /// Times of those that came, from the end of speech.
    pub(super) responses: Sketch,
    /// Turns whose answer never came.
    pub(super) missing: u64,
}

impl Answers {
    fn add(&mut self, response_ns: Option<i64>) {
        match response_ns {
            Some(ns) => self.responses.add(ns),
            None => self.missing += 1,
        }
    }

    /// All turns.
    pub(super) fn turns(&self) -> u64 {
        self.responses.n() + self.missing
    }

    /// A quantile over all turns, one whose answer never came being longer than all others; `None`
    /// where it falls among those.
    pub(super) fn quantile(&self, q: f64) -> Option<i64> {
        let answered = self.responses.n() as f64;
        let rank = (self.turns() as f64 * q).ceil().max(1.0);
        (rank <= answered).then(|| self.responses.quantile(rank / answered))?
    }
}

impl Merge for Answers {
    fn merge(&mut self, other: Answers) {
        self.responses.merge(other.responses);
        self.missing += other.missing;
    }
}

/// The distribution of one latency over the requests of the headline figures.
#[derive(Debug, Clone, Default)]
pub(super) struct Distribution {
    /// Values of those that have it.
    pub(super) values: Sketch,
    /// Requests that it is over.
    pub(super) rows: u64,
}

/// What is kept of a run's turns for its charts.
#[derive(Debug)]
pub(in crate::report) struct Collected {
    answers: AnswerKind,
    /// Answers by the instant of the end of speech, for turns of all phases that expect one.
    pub(super) over_time: Bins<Answers>,
    /// The same by the sessions open at the end of speech.
    pub(super) by_load: Bins<Answers>,
    /// Some of these turns: sessions open, and time to the answer.
    dots: BTreeMap<u64, (u32, i64)>,
    /// By the place of the latency in [`LATENCIES`].
    pub(super) distributions: [Distribution; LATENCIES.len()],
    /// By time to the answer, and then by what no two turns have in common.
    slowest: BTreeMap<(i64, String, u32, u32), RequestRow>,
    /// First and last start of a turn in the steady phase.
    pub(super) steady_ns: Option<(i64, i64)>,
    /// Whether turns lie before or after it.
    pub(super) has_other_phases: bool,
}

impl Collected {
    /// Nothing collected yet of a run whose answers consist of `answers`.
    pub(in crate::report) fn of(answers: AnswerKind) -> Collected {
        Collected {
            answers,
            over_time: Bins::new(NS_PER_S, MOST_TIMES),
            by_load: Bins::new(1, MOST_LOADS),
            dots: BTreeMap::new(),
            distributions: Default::default(),
            slowest: BTreeMap::new(),
            steady_ns: None,
            has_other_phases: false,
        }
    }

    /// Takes in a turn.
    pub(in crate::report) fn add(&mut self, mut row: RequestRow) {
        match row.phase {
            Phase::Steady => {
                let start = row.intended_start_ns;
                let (first, last) = self.steady_ns.unwrap_or((start, start));
                self.steady_ns = Some((first.min(start), last.max(start)));
            }
            _ => self.has_other_phases = true,
        }
        let is_measured = Exclusion::of(&row).is_none();
        // What is left out of the figures for its phase alone is shown over time and load too.
        row.phase = Phase::Steady;
        if Exclusion::of(&row).is_some() {
            return;
        }
        let at_ns = row
            .intended_end_of_speech_ns
            .unwrap_or(row.intended_start_ns);
        let answered_ns = self.answers.latency_ns(&row);
        self.over_time.at(at_ns).add(answered_ns);
        if let Some(load) = row.concurrent_sessions {
            self.by_load.at(load.into()).add(answered_ns);
            if let Some(answered_ns) = answered_ns {
                // Those with the least hashes are a fair choice whatever the order of the rows.
                self.dots.insert(
                    hash(&(&row.session_id, row.copy, row.turn)),
                    (load, answered_ns),
                );
                if self.dots.len() > MOST_DOTS {
                    self.dots.pop_last();
                }
            }
        }
        if is_measured {
            self.measured(row);
        }
    }

    fn measured(&mut self, row: RequestRow) {
        for (latency, kept) in LATENCIES.iter().zip(&mut self.distributions) {
            let value = latency.of(&row);
            kept.rows += u64::from(latency.unanswered_counts(self.answers) || value.is_some());
            if let Some(ns) = value {
                kept.values.add(ns);
            }
        }
        if let Some(answered_ns) = self.answers.latency_ns(&row) {
            let key = (answered_ns, row.session_id.clone(), row.copy, row.turn);
            self.slowest.insert(key, row);
            if self.slowest.len() > SLOWEST {
                self.slowest.pop_first();
            }
        }
    }

    /// All turns are in: joins bins that hold too few for quantiles that mean something.
    pub(in crate::report) fn settle(&mut self) {
        for (bins, fewest) in [(&mut self.over_time, 20), (&mut self.by_load, 8)] {
            let turns: u64 = bins.iter().map(|(_, at)| at.turns()).sum();
            let most = usize::try_from(turns / TURNS_A_BIN).unwrap_or(usize::MAX);
            let met = |bins: &Bins<Answers>| bins.iter().filter(|(_, at)| at.turns() > 0).count();
            while met(bins) > most.max(fewest) {
                bins.widen();
            }
        }
    }

    /// Some turns: sessions open, and time to the answer.
    pub(super) fn dots(&self) -> impl Iterator<Item = (u32, i64)> {
        self.dots.values().copied()
    }

    /// The slowest answered requests of the headline figures, the slowest first.
    pub(super) fn slowest(&self) -> Vec<&RequestRow> {
        self.slowest.values().rev().collect()
    }
}

fn hash(key: &impl std::hash::Hash) -> u64 {
    BuildHasherDefault::<DefaultHasher>::default().hash_one(key)
}
