//! Answers that stop at one stage: what came so far, and what did not come after it.

use super::failures::Failures;
use super::shared::most_frequent;
use super::stage_reached::STAGES;
use super::{Finding, Kind};
use crate::report::exclusion::expects_answer;
use crate::results::row::{RequestRow, Status};
use crate::units::{NS_PER_S, counted, grouped, percent};

/// Fewer turns are no evidence.
const FEWEST: usize = 3;
/// Streams that all break off within this time tell of that moment, not of a stage.
const MOMENT_NS: i64 = NS_PER_S;

/// What answers that came consist of.
#[derive(Debug, Default)]
pub(super) struct Answers {
    answered: u64,
    having: [u64; STAGES.len()],
}

impl Answers {
    /// Takes in a turn.
    pub(super) fn add(&mut self, row: &RequestRow) {
        if row.status.is_success() && expects_answer(row) && row.first_audio_ns.is_some() {
            self.answered += 1;
            for (count, stage) in self.having.iter_mut().zip(&STAGES) {
                *count += u64::from((stage.has)(row));
            }
        }
    }

    /// Said when more than one turn of a hundred got no further than one stage, and most of those
    /// that failed once their caller had spoken did.
    pub(super) fn finding(&self, failures: &mut Failures) -> Option<Finding> {
        // An error by itself says more than that nothing came before it.
        let stops = |code, reached| {
            let is_silent = matches!(code, Err(Status::Timeout | Status::NoAnswer));
            reached > 0 || is_silent
        };
        let spoken = || failures.unexplained().filter(|f| f.spoken_ns.is_some());
        let stopped = spoken().filter(|f| stops(f.code, f.reached));
        let (at, count) = most_frequent(stopped.map(|f| f.reached))?;
        let turns = count as u64 * failures.every();
        if count < FEWEST || count * 5 < spoken().count() * 3 || !failures.are_many(turns) {
            return None;
        }
        let of_it = || spoken().filter(|f| f.reached == at && stops(f.code, f.reached));
        let instants = || of_it().map(|f| f.at_ns);
        let span_ns = instants().max()? - instants().min()?;
        if span_ns < MOMENT_NS && of_it().all(|f| f.broken_ns.is_some()) {
            return None;
        }
        let next = self.next(at)?;
        let last = at.checked_sub(1).and_then(|last| STAGES.get(last));
        let after = match last {
            Some(last) => format!("after {}", last.name),
            None => "before they begin".to_owned(),
        };
        let came = match last {
            Some(last) => format!("came as far as {}, and nothing after it came", last.name),
            None => "got nothing back once their caller had spoken".to_owned(),
        };
        let mut evidence = format!(
            "{} of {} ({}) {came}.",
            grouped(turns),
            counted(failures.judged(), "turn"),
            percent(turns, failures.judged()),
        );
        if self.answered > 0 {
            evidence += &format!(
                " Of {} that were answered, {} went on with {}.",
                grouped(self.answered),
                grouped(self.having[next]),
                STAGES[next].name
            );
        }
        evidence += &failures
            .explain(|f| f.spoken_ns.is_some() && f.reached == at && stops(f.code, f.reached));
        Some(Finding {
            kind: Kind::AnswersStop,
            title: format!("Answers stop {after}: no {} comes", STAGES[next].name),
            evidence,
            advice: STAGES[next].advice.to_owned(),
        })
    }

    /// The stage that comes after the first `at`: the first that most answers have.
    fn next(&self, at: usize) -> Option<usize> {
        let usual = |next: &usize| self.having[*next] * 2 > self.answered;
        let mut after = at..STAGES.len();
        after.clone().find(usual).or_else(|| after.next())
    }
}
