//! What a comparison needs of a run: a few numbers of each request.

use std::hash::{DefaultHasher, Hash, Hasher};

use super::model::Side;
use crate::report::clusters::BlockKind;
use crate::report::goodput::{MEASURED, expressions};
use crate::report::require::Requirement;
use crate::report::require::conditions::Conditions;
use crate::report::steady::Windows;
use crate::report::summarise::Asked;
use crate::report::summary::{Load, Summary};
use crate::results::ResultsError;
use crate::results::answer::AnswerKind;
use crate::results::exclusion::Exclusion;
use crate::results::manifest::RunManifest;
use crate::results::metrics::{Compared, LATENCIES, Latency, SHARES};
use crate::results::reader::RunDir;
use crate::results::row::{RequestRow, TimelineRow};

/// Stands for an answer that never came: longer than every other.
pub(super) const NEVER: i64 = i64::MAX;
/// Stands for a stage that a turn does not have.
const ABSENT: i64 = i64::MIN;

/// Most shares that runs are compared by: a bit for each is kept of a request.
const MOST_ASKED: usize = u64::BITS as usize;

/// What is kept of a request.
#[derive(Debug, Clone)]
pub(super) struct Turn {
    /// The same for the same turn of a trace in every run.
    pub key: u64,
    /// The same for requests that are alike.
    pub block: u64,
    /// Whether it counts in the headline figures.
    pub measured: bool,
    /// Whether it ended within the steady phase.
    pub ended: bool,
    /// By the place of the latency in the catalog.
    values: [i64; LATENCIES.len()],
    /// A bit for each share of [`Input::asked`]: whether it counts there.
    counted: u64,
    /// Whether it is among those in question there.
    events: u64,
}

impl Turn {
    /// Its value of the latency at this place of the catalog, [`NEVER`] without an answer; null where it
    /// does not have it.
    pub(super) fn value(&self, latency: usize) -> Option<i64> {
        let value = self.values.get(latency).copied();
        value.filter(|value| *value != ABSENT)
    }

    /// Whether it is among those in question of the share at this place of [`Input::asked`]; null where
    /// it does not count.
    pub(super) fn event(&self, share: usize) -> Option<bool> {
        let bit = 1 << share;
        (self.counted & bit != 0).then_some(self.events & bit != 0)
    }
}

/// A run that is to be compared.
#[derive(Debug, Clone)]
pub struct Input {
    pub(super) side: Side,
    pub(super) manifest: RunManifest,
    pub(super) load: Load,
    /// What its answers consist of.
    pub(super) answers: AnswerKind,
    pub(super) kind: BlockKind,
    /// How long the steady phase was; null where the run does not say.
    pub(super) span_ns: Option<i64>,
    /// The shares that it is compared by.
    pub(super) asked: Vec<ComparedShare>,
    pub(super) turns: Vec<Turn>,
    pub(super) unreadable: Vec<String>,
    /// It may be compared though it did not keep its schedule: only a warning is due.
    pub may_be_invalid: bool,
}

impl Input {
    /// The run of a directory, which is to be compared by this `goodput` too.
    ///
    /// # Errors
    /// Tables that cannot be read.
    pub fn of_run(run: &RunDir, goodput: &[Conditions]) -> Result<Input, ResultsError> {
        let mut sieve = Sieve::of(run.manifest(), goodput);
        let summary = Summary::of_run(run, &Asked::default(), |row| sieve.add(row))?;
        Ok(sieve.finish(run.manifest(), summary))
    }

    /// The run that has these rows, which is to be compared by its own goodput too.
    #[must_use]
    pub fn of_rows(run: &RunManifest, rows: &[RequestRow], timeline: &[TimelineRow]) -> Input {
        let mut sieve = Sieve::of(run, &goodput([run]));
        rows.iter().for_each(|row| sieve.add(row));
        sieve.finish(run, Summary::of(run, rows, timeline, None))
    }
}

/// What makes a turn good by what was required of any of `runs`; each once.
#[must_use]
pub fn goodput<'a>(runs: impl IntoIterator<Item = &'a RunManifest>) -> Vec<Conditions> {
    let mut all: Vec<Conditions> = Vec::new();
    for run in runs {
        for conditions in expressions(run, &Requirement::kept_by(run)) {
            if !all.contains(&conditions) {
                all.push(conditions);
            }
        }
    }
    all
}

/// A share that runs are compared by.
#[derive(Debug, Clone)]
pub(super) struct ComparedShare {
    pub(super) name: String,
    pub(super) more_is_worse: bool,
    pub(super) compared: Compared,
    /// What it is a share of, in the plural.
    pub(super) over: &'static str,
    of: ShareOf,
}

#[derive(Debug, Clone)]
enum ShareOf {
    Catalog(fn(&RequestRow) -> Option<bool>),
    Good(Conditions),
}

impl ComparedShare {
    /// Those of the catalog, then those of these goodputs.
    fn all(goodput: &[Conditions]) -> Vec<ComparedShare> {
        let catalog = SHARES.iter().map(|share| ComparedShare {
            name: share.name.to_owned(),
            more_is_worse: share.more_is_worse,
            compared: share.compared,
            over: share.over,
            of: ShareOf::Catalog(share.of),
        });
        let goodput = goodput.iter().map(|conditions| ComparedShare {
            name: format!("goodput({conditions})"),
            more_is_worse: false,
            compared: Compared::Always,
            over: MEASURED,
            of: ShareOf::Good(conditions.clone()),
        });
        let compared = catalog.filter(|share| share.compared != Compared::Never);
        compared.chain(goodput).take(MOST_ASKED).collect()
    }

    fn is_event(&self, row: &RequestRow) -> Option<bool> {
        match &self.of {
            ShareOf::Catalog(of) => of(row),
            ShareOf::Good(conditions) => conditions.good(row),
        }
    }
}

struct Sieve {
    answers: AnswerKind,
    kind: BlockKind,
    steady: Windows,
    asked: Vec<ComparedShare>,
    turns: Vec<Turn>,
}

impl Sieve {
    fn of(run: &RunManifest, goodput: &[Conditions]) -> Sieve {
        Sieve {
            answers: run.spec.answers_by(),
            kind: BlockKind::of(run),
            steady: Windows::of(run),
            asked: ComparedShare::all(goodput),
            turns: Vec::new(),
        }
    }

    fn add(&mut self, row: &RequestRow) {
        let closed_ns = row.closed_ns.filter(|_| row.started_ns.is_some());
        let value = |latency: &Latency| {
            let lacking = if latency.unanswered_counts(self.answers) {
                NEVER
            } else {
                ABSENT
            };
            latency.of(row).unwrap_or(lacking)
        };
        let (mut counted, mut events) = (0, 0);
        for (place, asked) in self.asked.iter().enumerate() {
            let event = asked.is_event(row);
            counted |= u64::from(event.is_some()) << place;
            events |= u64::from(event == Some(true)) << place;
        }
        self.turns.push(Turn {
            key: key(row),
            block: self.kind.key(row),
            measured: Exclusion::of(row).is_none(),
            ended: closed_ns.is_some_and(|ns| self.steady.contain(ns)),
            values: LATENCIES.each_ref().map(value),
            counted,
            events,
        });
    }

    fn finish(mut self, run: &RunManifest, summary: Summary) -> Input {
        let answers = summary.answers_by;
        for (place, latency) in LATENCIES.iter().enumerate() {
            let is_longest = latency.unanswered_counts(answers);
            let values = self.turns.iter_mut().map(|turn| &mut turn.values[place]);
            for value in values.filter(|value| **value == NEVER && !is_longest) {
                *value = ABSENT;
            }
        }
        Input {
            answers,
            span_ns: summary.steady.span_ns,
            side: Side {
                run: summary.run,
                verdict: summary.verdict,
                measured: summary.measured,
            },
            manifest: run.clone(),
            load: summary.load,
            kind: self.kind,
            asked: self.asked,
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
    fn a_missing_answer_is_long_and_a_missing_stage_is_not_there() {
        let input = Input::of_rows(&manifest(), &[row(0), unanswered(1, Status::Error)], &[]);
        let [answered, failed] = &input.turns[..] else {
            panic!("a turn a row");
        };
        assert_eq!(answered.value(0), Some(200_000_000));
        assert_eq!((failed.value(0), failed.value(2)), (Some(NEVER), None));
        let names: Vec<&str> = input.asked.iter().map(|asked| &*asked.name).collect();
        assert_eq!(
            names,
            ["errors", "underruns", "early_endpoint", "overlapped"]
        );
        let events = |turn: &Turn| [0, 1, 2, 3].map(|place| turn.event(place));
        let no = Some(false);
        assert_eq!(events(answered), [no; 4]);
        assert_eq!(events(failed), [Some(true), None, no, no]);
        assert_ne!(answered.key, failed.key);
    }
}
