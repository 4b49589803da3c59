//! Answers that take longer the more sessions there are: they wait in line.

use super::{Finding, Kind, Look, Seen};
use crate::report::answer_titles::AnswerTitles;
use crate::report::bins::{Bins, Merge};
use crate::report::sketch::Sketch;
use crate::results::answer::AnswerKind;
use crate::results::exclusion::expects_answer;
use crate::results::row::RequestRow;
use crate::units::{Human, NS_PER_MS, grouped};

/// Loads that are distinguished.
const LOADS: usize = 64;
/// Fewest answers at low and at high load.
const FEWEST: u64 = 30;
/// The share of answers that stands for low and for high load.
const SHARE: u64 = 8;
/// Least factor between the two loads, and between their medians; least difference of the medians.
const LOADS_APART: f64 = 2.0;
const MEDIANS_APART: f64 = 1.5;
const LEAST_NS: i64 = 50 * NS_PER_MS;
/// So many of the answers at high load must be slower than the median at low load.
const SLOWER: f64 = 0.85;
/// Least rank correlation of load and median over the bins between.
const LEAST_CORRELATION: f64 = 0.7;

/// A stage of an answer: its name, and its length in a turn.
type Stage = (&'static str, fn(&RequestRow) -> Option<i64>);

/// What a response is made of besides the network and the end of speech.
const STAGES: [Stage; 3] = [
    ("endpoint", |row| row.endpoint_ns),
    ("llm_ttft", |row| row.llm_ttft_ns),
    ("tts", |row| row.tts_ns),
];

/// Response times by the number of sessions at the end of speech.
#[derive(Debug)]
pub(super) struct ByLoad {
    answers: AnswerKind,
    bins: Bins<At>,
}

/// The answers at one load.
#[derive(Debug, Clone, Default)]
struct At {
    responses: Sketch,
    /// Sum of the loads, for their mean.
    loads: u64,
    /// Sums of the stages, for their means: of turns that lack one, nothing is added.
    stages_ns: [i64; STAGES.len()],
}

impl At {
    fn load(&self) -> f64 {
        self.loads as f64 / self.responses.n().max(1) as f64
    }

    /// The mean of a stage over all answers.
    fn stage(&self, stage: usize) -> f64 {
        self.stages_ns[stage] as f64 / self.responses.n().max(1) as f64
    }
}

impl Merge for At {
    fn merge(&mut self, other: At) {
        self.responses.merge(other.responses);
        self.loads += other.loads;
        for (sum, ns) in self.stages_ns.iter_mut().zip(other.stages_ns) {
            *sum = sum.saturating_add(ns);
        }
    }
}

impl ByLoad {
    pub(super) fn of(answers: AnswerKind) -> ByLoad {
        ByLoad {
            answers,
            bins: Bins::new(1, LOADS),
        }
    }
}

impl Look for ByLoad {
    /// Of any phase, if it was answered, and its answer not mixed up with another.
    fn add(&mut self, row: &RequestRow) {
        let answered_ns = self.answers.latency_ns(row);
        let (Some(load), Some(response_ns)) = (row.concurrent_sessions, answered_ns) else {
            return;
        };
        if expects_answer(row) && !row.early_endpoint && !row.overlapped {
            let at = self.bins.at(load.into());
            at.responses.add(response_ns);
            at.loads += u64::from(load);
            for (sum, (_, of)) in at.stages_ns.iter_mut().zip(STAGES) {
                *sum = sum.saturating_add(of(row).unwrap_or(0));
            }
        }
    }

    /// Said when the medians rise with the load, clearly and all along.
    fn finding(&self, seen: &mut Seen<'_>) -> Option<Finding> {
        let bins = self.bins.iter().map(|(_, at)| at);
        let bins: Vec<&At> = bins.filter(|at| at.responses.n() > 0).collect();
        let all: u64 = bins.iter().map(|at| at.responses.n()).sum();
        let enough = FEWEST.max(all / SHARE);
        let low = gather(bins.iter().copied(), enough)?;
        let high = gather(bins.iter().rev().copied(), enough)?;
        let (at_low, at_high) = (low.responses.quantile(0.5)?, high.responses.quantile(0.5)?);
        let is_apart = low.responses.n() + high.responses.n() <= all
            && high.load() >= LOADS_APART * low.load().max(1.0)
            && at_high as f64 >= MEDIANS_APART * at_low as f64
            && at_high - at_low >= LEAST_NS;
        let slower = high.responses.above(at_low) as f64 / high.responses.n() as f64;
        if !is_apart || slower < SLOWER || correlation(&bins) < LEAST_CORRELATION {
            return None;
        }
        let per_session = (at_high - at_low) as f64 / (high.load() - low.load());
        // How the median grows with the load: 1 is in proportion.
        let exponent =
            (at_high as f64 / at_low.max(1) as f64).ln() / (high.load() / low.load().max(1.0)).ln();
        let grows = match exponent {
            e if e < 0.8 => "less than in proportion to the load",
            e if e <= 1.25 => "in proportion to the load",
            _ => "faster than in proportion to the load",
        };
        // What is made side by side has no stages that the time could be in.
        let is_serial = seen.case.run.spec.dialect().has_serial_stages();
        let grown = match is_serial {
            true => grown(&low, &high),
            false => String::new(),
        };
        let at = |group: &At| {
            let quantile = |q| Human(group.responses.quantile(q).unwrap_or(0));
            format!(
                "p50 {}, p95 {} at about {:.0} sessions ({} turns)",
                quantile(0.5),
                quantile(0.95),
                group.load(),
                grouped(group.responses.n())
            )
        };
        Some(Finding {
            kind: Kind::Queueing,
            title: "Answers take longer the more sessions there are".to_owned(),
            evidence: format!(
                "{}: {}; {}. The median grows {grows}, by {} for each session more{grown}.",
                AnswerTitles::of(self.answers).chart,
                at(&low),
                at(&high),
                Human(per_session as i64),
            ),
            advice: "Requests wait in line: give the stage that grows more replicas, GPU slots or a larger \
                     batch; or keep the load where the latency is flat."
                .to_owned(),
        })
    }
}

/// The stage that most of the growth is in, in words; none where it is in several, or between them.
fn grown(low: &At, high: &At) -> String {
    let growths: Vec<(usize, f64)> = (0..STAGES.len())
        .map(|stage| (stage, high.stage(stage) - low.stage(stage)))
        .collect();
    let all: f64 = growths.iter().map(|(_, growth)| growth.max(0.0)).sum();
    let most = growths.iter().find(|(_, growth)| *growth > all / 2.0);
    most.map_or_else(String::new, |(stage, _)| {
        let [from, to] = [low, high].map(|group| Human(group.stage(*stage) as i64));
        let name = STAGES[*stage].0;
        format!(", most of it in {name} ({from} and {to} on average)")
    })
}

/// The first of `bins` until there are `enough` answers; `None` if they are fewer.
fn gather<'a>(bins: impl Iterator<Item = &'a At>, enough: u64) -> Option<At> {
    let mut group = At::default();
    for bin in bins {
        group.merge(bin.clone());
        if group.responses.n() >= enough {
            return Some(group);
        }
    }
    None
}

/// Spearman's rank correlation of load and median over the bins with answers enough; 1 with fewer
/// than three, where the two ends have to do.
fn correlation(bins: &[&At]) -> f64 {
    let known = bins.iter().filter(|at| at.responses.n() >= 10);
    let medians = known.filter_map(|at| at.responses.quantile(0.5));
    let mut order: Vec<(usize, i64)> = medians.enumerate().collect();
    if order.len() < 3 {
        return 1.0;
    }
    order.sort_by_key(|(_, median)| *median);
    let ranks = order.iter().zip(0_u32..);
    let squares: f64 = ranks
        .map(|((at, _), rank)| (f64::from(rank) - *at as f64).powi(2))
        .sum();
    let n = order.len() as f64;
    1.0 - 6.0 * squares / (n * (n * n - 1.0))
}
