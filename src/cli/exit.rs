//! What a command's outcome is, and the exit code that tells it.

use std::process::ExitCode;

use crate::report::Summary;
use crate::report::require::Judgement;

/// How a command ended, in ascending order of precedence: of several, the greatest counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Outcome {
    /// Success.
    Ok,
    /// A requirement was not met, or no request at all was answered.
    NotMet,
    /// The figures are not to be trusted.
    Untrusted,
    /// The target could not be reached.
    Unreachable,
    /// Stopped by SIGTERM or SIGHUP; partial results are written.
    Terminated,
    /// Stopped by Ctrl-C; partial results are written.
    Interrupted,
    /// Wrong usage or bad input.
    BadInput,
    /// Our own failure.
    Failed,
}

impl Outcome {
    /// The exit code.
    #[must_use]
    pub fn code(self) -> u8 {
        match self {
            Outcome::Ok => 0,
            Outcome::Failed => 1,
            Outcome::BadInput => 2,
            Outcome::Unreachable => 3,
            Outcome::Untrusted => 4,
            Outcome::NotMet => 99,
            Outcome::Interrupted => 130,
            Outcome::Terminated => 143,
        }
    }

    /// The outcome that `summary` amounts to; a run that `may_be_invalid` is not held to its
    /// verdict. A requirement that could not be judged does not count as met.
    #[must_use]
    pub fn of(summary: &Summary, may_be_invalid: bool) -> Outcome {
        let untrusted = summary.is_invalid() && !may_be_invalid;
        let requirements = &summary.requirements;
        let missed = requirements.iter().any(|r| r.judgement != Judgement::Met);
        match (untrusted, summary.nothing_answered() || missed) {
            (true, _) => Outcome::Untrusted,
            (false, true) => Outcome::NotMet,
            (false, false) => Outcome::Ok,
        }
    }

    /// The outcome that `error` amounts to: [`BadInput`], [`Unreachable`], [`Untrusted`] or our own
    /// failure.
    #[must_use]
    pub fn of_error(error: &anyhow::Error) -> Outcome {
        match error {
            error if error.is::<BadInput>() => Outcome::BadInput,
            error if error.is::<Unreachable>() => Outcome::Unreachable,
            error if error.is::<Untrusted>() => Outcome::Untrusted,
            _ => Outcome::Failed,
        }
    }
}

impl From<Outcome> for ExitCode {
    fn from(outcome: Outcome) -> ExitCode {
        ExitCode::from(outcome.code())
    }
}

/// The target could not be reached, and nothing was started.
#[derive(Debug, thiserror::Error)]
#[error(transparent)]
pub struct Unreachable(pub anyhow::Error);

/// What was asked for would be made of figures that are not to be trusted.
#[derive(Debug, thiserror::Error)]
#[error(transparent)]
pub struct Untrusted(pub anyhow::Error);

/// An error of the input, not of ours.
#[derive(Debug, thiserror::Error)]
#[error(transparent)]
pub struct BadInput(pub anyhow::Error);

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::require::judge;
    use crate::results::manifest::{Verdict, VerdictLevel};
    use crate::results::row::Status;
    use crate::results::sample::{manifest, row, unanswered};

    #[test]
    fn the_greatest_outcome_is_the_one_that_takes_precedence() {
        use Outcome::*;
        let descending = [
            Failed,
            BadInput,
            Interrupted,
            Terminated,
            Unreachable,
            Untrusted,
            NotMet,
            Ok,
        ];
        assert!(descending.is_sorted_by(|a, b| a > b));
        let codes = descending.map(Outcome::code);
        assert_eq!(codes, [1, 2, 130, 143, 3, 4, 99, 0]);
    }

    #[test]
    fn a_run_is_judged_by_its_verdict_and_then_by_its_answers() {
        let judge = |level, answered: bool, may_be_invalid| {
            let mut run = manifest();
            run.verdict = Some(Verdict {
                level,
                reasons: Vec::new(),
            });
            let row = if answered {
                row(0)
            } else {
                unanswered(0, Status::Error)
            };
            Outcome::of(&Summary::of(&run, &[row], &[], None), may_be_invalid)
        };
        use VerdictLevel::{Degraded, Invalid, Valid};
        let table = [
            (Valid, true, false, Outcome::Ok),
            (Degraded, true, false, Outcome::Ok),
            (Valid, false, false, Outcome::NotMet),
            (Invalid, true, false, Outcome::Untrusted),
            (Invalid, false, false, Outcome::Untrusted),
            (Invalid, true, true, Outcome::Ok),
            (Invalid, false, true, Outcome::NotMet),
        ];
        for (level, answered, may_be_invalid, expected) in table {
            let seen = judge(level, answered, may_be_invalid);
            assert_eq!(seen, expected, "{level:?} {answered} {may_be_invalid}");
        }
    }

    #[test]
    fn a_requirement_that_is_not_met_or_not_judged_fails_the_check_unless_something_graver_does() {
        let outcome = |level, text: &str| {
            let mut run = manifest();
            run.verdict.as_mut().unwrap().level = level;
            let mut summary = Summary::of(&run, &[row(0)], &[], None);
            summary.requirements = judge(&[text.parse().unwrap()], &summary, true);
            Outcome::of(&summary, false)
        };
        let table = [
            (VerdictLevel::Valid, "response.p50 < 1s", Outcome::Ok),
            (
                VerdictLevel::Degraded,
                "response.p50 < 1ms",
                Outcome::NotMet,
            ),
            (VerdictLevel::Valid, "response.p99 < 1s", Outcome::NotMet),
            (
                VerdictLevel::Invalid,
                "response.p50 < 1ms",
                Outcome::Untrusted,
            ),
            (
                VerdictLevel::Invalid,
                "response.p50 < 1s",
                Outcome::Untrusted,
            ),
        ];
        for (level, text, expected) in table {
            assert_eq!(outcome(level, text), expected, "{level:?} {text}");
        }
    }

    #[test]
    fn errors_of_the_input_are_told_from_ours_under_any_context() {
        let ours = anyhow::anyhow!("a bug").context("while at it");
        assert_eq!(Outcome::of_error(&ours), Outcome::Failed);
        let theirs = anyhow::Error::new(BadInput(anyhow::anyhow!("no such run")));
        let theirs = theirs.context("while at it");
        assert_eq!(Outcome::of_error(&theirs), Outcome::BadInput);
    }
}
