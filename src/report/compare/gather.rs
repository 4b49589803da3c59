//! What a comparison needs of a run: a few numbers of each request.

use std::hash::{DefaultHasher, Hash, Hasher};

use super::model::Side;
use crate::report::clusters::BlockKind;
use crate::report::exclusion::Exclusion;
use crate::report::latencies::{LATENCIES, Latency};
use crate::report::stats::Level;
use crate::report::steady::Windows;
use crate::report::summary::{Asked, Load, Summary};
use crate::results::ResultsError;
use crate::results::manifest::RunManifest;
use crate::results::reader::RunDir;
use crate::results::row::{Phase, RequestRow, TimelineRow};

/// The latencies that are compared, and at which quantiles; in the order of reports.
pub(super) const COMPARED: [(&str, &[Level]); 7] = [
    ("response", &[Level::P50, Level::P95, Level::P99]),
    ("audible", &[Level::P50, Level::P95]),
    ("e2e", &[Level::P50, Level::P95]),
    ("asr", &[Level::P50]),
    ("llm_ttft", &[Level::P50]),
    ("tts", &[Level::P50]),
    ("total", &[Level::P50]),
];

/// Stands for an answer that never came: longer than every other.
pub(super) const NEVER: i64 = i64::MAX;
/// Stands for a stage that a turn does not have.
const ABSENT: i64 = i64::MIN;

/// What is kept of a request.
#[derive(Debug, Clone)]
pub(super) struct Turn {
    /// The same for the same turn of a trace in every run.
    pub key: u64,
    /// The same for requests that are alike.
    pub block: u64,
    /// Whether it counts in the headline figures.
    pub measured: bool,
    /// Of the steady phase: whether it failed; null where it does not count.
    pub failed: Option<bool>,
    /// Whether it ended within the steady phase.
    pub ended: bool,
    values: [i64; COMPARED.len()],
}

impl Turn {
    /// Its value of a latency of [`COMPARED`], [`NEVER`] without an answer; null where it does not
    /// have it.
    pub(super) fn value(&self, latency: usize) -> Option<i64> {
        let value = self.values.get(latency).copied();
        value.filter(|value| *value != ABSENT)
    }
}

/// A run that is to be compared.
#[derive(Debug, Clone)]
pub struct Input {
    pub(super) side: Side,
    pub(super) manifest: RunManifest,
    pub(super) load: Load,
    pub(super) kind: BlockKind,
    /// How long the steady phase was; null where the run does not say.
    pub(super) span_ns: Option<i64>,
    pub(super) turns: Vec<Turn>,
    pub(super) unreadable: Vec<String>,
    /// It may be compared though it did not keep its schedule: only a warning is due.
    pub may_be_invalid: bool,
}

impl Input {
    /// The run of a directory.
    ///
    /// # Errors
    /// Tables that cannot be read.
    pub fn of_run(run: &RunDir) -> Result<Input, ResultsError> {
        let mut sieve = Sieve::of(run.manifest());
        let summary = Summary::of_run(run, &Asked::default(), |row| sieve.add(row))?;
        Ok(sieve.finish(run.manifest(), summary))
    }

    /// The run that has these rows.
    #[must_use]
    pub fn of_rows(run: &RunManifest, rows: &[RequestRow], timeline: &[TimelineRow]) -> Input {
        let mut sieve = Sieve::of(run);
        rows.iter().for_each(|row| sieve.add(row));
        sieve.finish(run, Summary::of(run, rows, timeline, None))
    }
}

struct Sieve {
    kind: BlockKind,
    steady: Windows,
    latencies: [Option<&'static Latency>; COMPARED.len()],
    turns: Vec<Turn>,
}

impl Sieve {
    fn of(run: &RunManifest) -> Sieve {
        Sieve {
            kind: BlockKind::of(run),
            steady: Windows::of(run),
            latencies: COMPARED.map(|(name, _)| LATENCIES.iter().find(|l| l.name == name)),
            turns: Vec::new(),
        }
    }

    fn add(&mut self, row: &RequestRow) {
        let counts = row.phase == Phase::Steady && row.status.is_judged();
        let closed_ns = row.closed_ns.filter(|_| row.started_ns.is_some());
        let value = |latency: Option<&Latency>| match latency {
            Some(latency) if latency.unanswered_counts => (latency.of)(row).unwrap_or(NEVER),
            latency => latency.and_then(|l| (l.of)(row)).unwrap_or(ABSENT),
        };
        self.turns.push(Turn {
            key: key(row),
            block: self.kind.key(row),
            measured: Exclusion::of(row).is_none(),
            failed: counts.then_some(!row.status.is_success()),
            ended: closed_ns.is_some_and(|ns| self.steady.contain(ns)),
            values: self.latencies.map(value),
        });
    }

    fn finish(self, run: &RunManifest, summary: Summary) -> Input {
        Input {
            span_ns: summary.steady.span_ns,
            side: Side {
                run: summary.run,
                verdict: summary.verdict,
                measured: summary.measured,
            },
            manifest: run.clone(),
            load: summary.load,
            kind: self.kind,
            turns: self.turns,
            unreadable: summary.unreadable,
            may_be_invalid: false,
        }
    }
}

fn key(row: &RequestRow) -> u64 {
    let mut hash = DefaultHasher::new();
    (&row.session_id, row.copy, row.turn).hash(&mut hash);
    hash.finish()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::results::row::Status;
    use crate::results::sample::{manifest, row, unanswered};

    #[test]
    fn every_compared_latency_is_one_of_the_report() {
        let sieve = Sieve::of(&manifest());
        assert!(sieve.latencies.iter().all(Option::is_some));
    }

    #[test]
    fn a_missing_answer_is_long_and_a_missing_stage_is_not_there() {
        let input = Input::of_rows(&manifest(), &[row(0), unanswered(1, Status::Error)], &[]);
        let [answered, failed] = &input.turns[..] else {
            panic!("a turn a row");
        };
        assert_eq!(answered.value(0), Some(200_000_000));
        assert_eq!((failed.value(0), failed.value(2)), (Some(NEVER), None));
        assert_eq!((answered.failed, failed.failed), (Some(false), Some(true)));
        assert_ne!(answered.key, failed.key);
    }
}
