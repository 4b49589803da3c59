//! What a comparison says: the shape of its JSON, and what text, Markdown and HTML are made of.

use serde::{Deserialize, Serialize};

pub use crate::report::clusters::BlockKind;
use crate::report::latencies::Measured;
use crate::report::summary::RunFacts;
use crate::results::manifest::Verdict;

/// The version of the comparison's shape.
pub const COMPARISON_SCHEMA: &str = "1.0";

/// One run, and others beside it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Comparison {
    /// [`COMPARISON_SCHEMA`].
    pub schema_version: String,
    /// What the others are compared with.
    pub base: Side,
    /// Each of the others, in the order in which they were given.
    pub against: Vec<Against>,
    /// Differences that the p-values are adjusted over: those of all `against`.
    pub tested: u64,
    /// Samples drawn for each interval.
    pub resamples: u32,
}

/// One of the runs.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Side {
    /// Which run it is.
    pub run: RunFacts,
    /// The verdict on our own part; null when the run did not end.
    pub verdict: Option<Verdict>,
    /// The requests that the run's own headline figures are over.
    pub measured: Measured,
}

/// One run beside the base.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Against {
    /// The run.
    pub side: Side,
    /// Which rows were set beside each other.
    pub pairing: Pairing,
    /// Whether both runs were asked for the same load.
    pub load: LoadCheck,
    /// The differences, in the order of reports.
    pub differences: Vec<Difference>,
    /// Metrics without a difference, and why: `response p99: not enough data (…)`.
    pub left_out: Vec<String>,
    /// What a reader should know before trusting the differences, each a sentence.
    pub warnings: Vec<String>,
}

/// How the rows of two runs were set beside each other.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Pairing {
    /// Turns of one trace in both runs, pair by pair; otherwise each run is taken by itself.
    pub paired: bool,
    /// Why, in words that follow "paired, since" or "unpaired, since".
    pub reason: String,
    /// Requests in the base's figures.
    pub base_rows: u64,
    /// Requests in the run's figures; the same when paired.
    pub run_rows: u64,
    /// Paired: requests that count in the headline figures of one of the two runs only.
    pub without_partner: u64,
    /// What chance is computed over in the base, since requests within one are alike.
    pub base_blocks: Blocks,
    /// The same in the run.
    pub run_blocks: Blocks,
}

/// Groups of requests that are alike.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Blocks {
    /// What they are.
    pub by: BlockKind,
    /// How many there are.
    pub count: u64,
}

/// The loads of two runs, figure by figure.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct LoadCheck {
    /// Whether all of `items` are the same in both runs.
    pub equal: bool,
    /// What was asked for in each.
    pub items: Vec<LoadItem>,
}

/// One figure of the load that was asked for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LoadItem {
    /// What it is, such as `sessions`.
    pub name: String,
    /// In the base, for people.
    pub base: String,
    /// In the run, for people.
    pub run: String,
    /// Whether both are the same.
    pub equal: bool,
}

/// One metric of both runs.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Difference {
    /// Its name: `response p95`, `errors`, `throughput` and so on.
    pub metric: String,
    /// The unit of every figure of it.
    pub unit: Unit,
    /// Whether more of it is worse; otherwise less of it is.
    pub more_is_worse: bool,
    /// In the base.
    pub base: Reading,
    /// In the run.
    pub run: Reading,
    /// Run less base; null when either lies among the requests without an answer.
    pub difference: Option<f64>,
    /// 95 % interval of the difference; null without one, an end is null where it has none.
    pub interval: Option<[Option<f64>; 2]>,
    /// The difference as a share of the base; null where the base is 0 or there is no difference.
    pub relative: Option<f64>,
    /// The chance of a difference at least this large without a cause.
    pub p_value: f64,
    /// The same, adjusted by Holm over [`Comparison::tested`] differences.
    pub p_adjusted: f64,
    /// What that amounts to.
    pub change: Change,
}

/// What a metric is measured in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Unit {
    /// Nanoseconds.
    Nanoseconds,
    /// A share of all, from 0 to 1.
    Share,
    /// A second.
    PerSecond,
}

/// A metric of one run.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Reading {
    /// Its value, in its unit.
    Value(f64),
    /// It falls among the requests without an answer: longer than every answer.
    NoAnswer,
}

/// What a difference amounts to, where 0.05 is the limit of its adjusted p-value.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Change {
    /// Significant, and to the better.
    Better,
    /// Significant, and to the worse.
    Worse,
    /// No more than chance explains.
    NotSignificant,
}

impl Difference {
    /// Whether the run is the worse one, whatever chance says.
    #[must_use]
    pub fn is_to_the_worse(&self) -> bool {
        let more = match (self.base, self.run) {
            (Reading::Value(base), Reading::Value(run)) => run > base,
            (Reading::Value(_), Reading::NoAnswer) => true,
            (Reading::NoAnswer, _) => false,
        };
        more == self.more_is_worse
    }

    /// By what share of the base the run is significantly worse: infinite where the base is 0 or
    /// only the run has no answer; null where it is not.
    #[must_use]
    pub fn regression(&self) -> Option<f64> {
        let worse = self.change == Change::Worse;
        worse.then(|| self.relative.map_or(f64::INFINITY, f64::abs))
    }
}
