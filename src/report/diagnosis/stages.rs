//! Answers that stop at one stage: what came so far, and what did not come after it.

use super::count::Count;
use super::failures::Failure;
use super::stage_reached::STAGES;
use super::values::most_frequent;
use super::{Finding, Kind, Look, Seen};
use crate::results::answer::AnswerKind;
use crate::results::exclusion::expects_answer;
use crate::results::row::{RequestRow, Status};
use crate::units::{NS_PER_S, grouped};

/// Fewer turns are no evidence.
const FEWEST: usize = 3;
/// Streams that all break off within this time tell of that moment, not of a stage.
const MOMENT_NS: i64 = NS_PER_S;

/// What answers that came consist of.
#[derive(Debug, Default)]
pub(super) struct Answers {
    answers: AnswerKind,
    answered: u64,
    having: [u64; STAGES.len()],
}

impl Look for Answers {
    fn add(&mut self, row: &RequestRow) {
        if row.status.is_success() && expects_answer(row) && self.answers.is_answered(row) {
            self.answered += 1;
            for (count, stage) in self.having.iter_mut().zip(&STAGES) {
                *count += u64::from((stage.has)(row));
            }
        }
    }

    /// Said when more than one turn of a hundred got no further than one stage, and most of those
    /// that failed once their caller had spoken did.
    fn finding(&self, seen: &mut Seen<'_>) -> Option<Finding> {
        let failures = &mut seen.failures;
        let spoken = failures.unexplained().filter(|f| f.spoken_ns.is_some());
        let (stopped, others): (Vec<&Failure>, Vec<&Failure>) = spoken.partition(|f| stops(f));
        let (at, count) = most_frequent(stopped.iter().map(|f| f.reached))?;
        let count_of_it = Count {
            failed: count as u64 * failures.every,
            ..failures.judged
        };
        let is_most = count * 5 >= (stopped.len() + others.len()) * 3;
        if count < FEWEST || !is_most || !failures.are_many(count_of_it.failed) {
            return None;
        }
        let of_it = || stopped.iter().filter(|f| f.reached == at);
        let instants = || of_it().map(|f| f.at_ns);
        let span_ns = instants().max()? - instants().min()?;
        if span_ns < MOMENT_NS && of_it().all(|f| f.broken_ns.is_some()) {
            return None;
        }
        let next = self.next(at)?;
        let last = at.checked_sub(1).and_then(|last| STAGES.get(last));
        let (after, came) = match last.map(|last| last.name) {
            Some(last) => (
                format!("after {last}"),
                format!("came as far as {last}, and nothing after it came"),
            ),
            None => (
                "before they begin".to_owned(),
                "got nothing back once their caller had spoken".to_owned(),
            ),
        };
        let outlasting = of_it().filter(|f| f.still_played).count();
        if outlasting * 2 > count {
            let outlasting = Count {
                failed: outlasting as u64 * failures.every,
                ..count_of_it
            };
            let of_it = |f: &Failure| f.spoken_ns.is_some() && f.reached == at && f.still_played;
            return Some(Finding {
                kind: Kind::AnswersStop,
                title: "Answers play for longer than the timeout".to_owned(),
                evidence: format!(
                    "The audio that had come for {} was still to be heard when the timeout was over, before the end of \
                     the answer came.{}",
                    outlasting.said("turn", ""),
                    failures.explain(of_it)
                ),
                advice: "Replay with a --timeout that is longer than the longest answer, or look at why answers are so \
                         long."
                    .to_owned(),
            });
        }
        let mut evidence = format!("{} {came}.", count_of_it.said("turn", ""));
        if self.answered > 0 {
            evidence += &format!(
                " Of {} that were answered, {} went on with {}.",
                grouped(self.answered),
                grouped(self.having[next]),
                STAGES[next].name
            );
        }
        let is_of_it = |f: &Failure| f.spoken_ns.is_some() && f.reached == at && stops(f);
        evidence += &failures.explain(is_of_it);
        Some(Finding {
            kind: Kind::AnswersStop,
            title: format!("Answers stop {after}: no {} comes", STAGES[next].name),
            evidence,
            advice: STAGES[next].advice.to_owned(),
        })
    }
}

impl Answers {
    pub(super) fn of(answers: AnswerKind) -> Answers {
        Answers {
            answers,
            ..Answers::default()
        }
    }

    /// The stage that comes after the first `at`: the first that most answers have, or any; none where answers of this
    /// protocol have no further one.
    fn next(&self, at: usize) -> Option<usize> {
        let after = || at..STAGES.len();
        let usual = after().find(|next| self.having[*next] * 2 > self.answered);
        let any = || after().find(|next| self.answered == 0 || self.having[*next] > 0);
        usual.or_else(any)
    }
}

/// An error by itself says more than that nothing came before it.
fn stops(failure: &Failure) -> bool {
    failure.reached > 0 || matches!(failure.code, Err(Status::Timeout | Status::NoAnswer))
}
