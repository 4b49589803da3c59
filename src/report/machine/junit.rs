//! JUnit: a suite a run, a case a requirement and a case a reason of the verdict.

use quick_junit::{NonSuccessKind, Report, SerializeError, TestCase, TestCaseStatus, TestSuite};

use crate::report::require::{Judged, Judgement};
use crate::report::summary::Summary;
use crate::results::manifest::{Verdict, VerdictLevel};

/// The runs as JUnit XML, each with whether it is held to its verdict.
///
/// # Errors
/// The XML library's, which writes to memory.
pub fn render<'a>(
    runs: impl IntoIterator<Item = (&'a Summary, bool)>,
) -> Result<String, SerializeError> {
    let mut report = Report::new("voicelt");
    let suites = runs.into_iter().map(|(summary, held)| suite(summary, held));
    report.add_test_suites(suites);
    report.to_string()
}

fn suite(summary: &Summary, held: bool) -> TestSuite {
    let run = &summary.run;
    let mut suite = TestSuite::new(run.name.as_str());
    suite.add_property(("run_id", run.run_id.as_str()));
    suite.add_property(("trace", run.trace.as_str()));
    if let Some(target) = &run.target {
        suite.add_property(("target", target.as_str()));
    }
    for (key, value) in &run.labels {
        suite.add_property((format!("label.{key}"), value.clone()));
    }
    suite.add_test_cases(verdict(summary.verdict.as_ref(), held));
    suite.add_test_cases(summary.requirements.iter().map(requirement));
    suite
}

/// A valid verdict is one case that passes; otherwise each reason is a case, and those of an invalid
/// verdict fail, or are skipped where the run is let pass all the same.
fn verdict(verdict: Option<&Verdict>, held: bool) -> Vec<TestCase> {
    let Some(verdict) = verdict else {
        let mut status = TestCaseStatus::skipped();
        status.set_message("it is given when a run ends");
        return vec![case("verdict", "verdict", status)];
    };
    if verdict.reasons.is_empty() {
        return vec![case("verdict", "verdict", reason(verdict.level, "", held))];
    }
    let reasons = verdict.reasons.iter();
    reasons
        .map(|text| case("verdict", text, reason(verdict.level, text, held)))
        .collect()
}

/// The level is the worst of all reasons, so that one of an invalid verdict may be a minor violation alone:
/// which is not known any more.
fn reason(level: VerdictLevel, text: &str, held: bool) -> TestCaseStatus {
    match level {
        VerdictLevel::Invalid if held => failure("invalid", text),
        VerdictLevel::Invalid => {
            let mut status = TestCaseStatus::skipped();
            status.set_type("invalid").set_message(text);
            status
        }
        VerdictLevel::Valid | VerdictLevel::Degraded => TestCaseStatus::success(),
    }
}

fn requirement(judged: &Judged) -> TestCase {
    let status = match judged.judgement {
        Judgement::Met => TestCaseStatus::success(),
        Judgement::NotMet => failure("not_met", &judged.said),
        Judgement::NotJudged => failure("not_judged", &judged.said),
    };
    let mut case = case("requirement", &judged.requirement, status);
    case.set_system_out(judged.said.as_str());
    case
}

fn failure(kind: &str, message: &str) -> TestCaseStatus {
    let mut status = TestCaseStatus::non_success(NonSuccessKind::Failure);
    status.set_type(kind).set_message(message);
    status
}

fn case(class: &str, name: &str, status: TestCaseStatus) -> TestCase {
    let mut case = TestCase::new(name, status);
    case.set_classname(class);
    case
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::require::judge;
    use crate::results::sample::{manifest, row};

    fn summary(level: VerdictLevel, reasons: &[&str], requirements: &[&str]) -> Summary {
        let mut run = manifest();
        run.verdict = Some(Verdict {
            level,
            reasons: reasons.iter().map(|reason| (*reason).to_owned()).collect(),
        });
        let rows: Vec<_> = (0..100).map(row).collect();
        let mut summary = Summary::of(&run, &rows, &[], None);
        let requirements: Vec<_> = requirements.iter().map(|r| r.parse().unwrap()).collect();
        summary.requirements = judge(&requirements, &summary, true);
        summary
    }

    #[test]
    fn requirements_and_reasons_are_cases() {
        let required = ["response.p95 < 800ms", "e2e.max < 1ms", "response.p99 < 1s"];
        let mut cut = summary(VerdictLevel::Valid, &[], &[]);
        cut.verdict = None;
        let runs = [
            summary(VerdictLevel::Valid, &[], &required),
            summary(VerdictLevel::Degraded, &["the timer is coarse"], &[]),
            summary(
                VerdictLevel::Invalid,
                &["3.2 % late & <lost>"],
                &["errors < 1%"],
            ),
            cut,
        ];
        let allowed = summary(VerdictLevel::Invalid, &["3.2 % late"], &[]);
        let held = runs.iter().map(|run| (run, true));
        let runs = held.chain([(&allowed, false)]);
        insta::assert_snapshot!(render(runs).unwrap());
    }

    #[test]
    fn the_counts_are_those_of_the_cases() {
        let required = ["response.p95 < 800ms", "e2e.max < 1ms", "response.p99 < 1s"];
        let run = summary(VerdictLevel::Valid, &[], &required);
        let text = render([(&run, true)]).unwrap();
        let report = Report::deserialize_from_str(&text).unwrap();
        assert_eq!((report.tests, report.failures, report.errors), (4, 2, 0));
    }
}
