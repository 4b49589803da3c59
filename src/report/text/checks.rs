//! What was required and what became of it; rules of thumb, and what makes the figures worth less.

use crate::report::guidance::Standing;
use crate::report::require::Judgement;
use crate::report::summary::Summary;
use crate::units::terminal::{LABEL, Page, Tone};

/// Columns of a judgement.
const JUDGEMENT: usize = 12;

/// A line a requirement; nothing without any.
pub(super) fn requirements(page: &mut Page, summary: &Summary) {
    let mut label = "require";
    let longest = summary.requirements.iter();
    let longest = longest.map(|judged| judged.requirement.chars().count());
    let width = longest.max().unwrap_or(0);
    for judged in &summary.requirements {
        let (text, tone) = match judged.judgement {
            Judgement::Met => ("MET", Tone::Good),
            Judgement::NotMet => ("NOT MET", Tone::Bad),
            Judgement::NotJudged => ("NOT JUDGED", Tone::Warning),
        };
        page.put(&format!("{label:<LABEL$}"), Tone::Strong);
        page.put(&format!("{text:<JUDGEMENT$}"), tone);
        page.put(&format!("{:<width$}  ", judged.requirement), Tone::Plain);
        page.rest(&judged.said, LABEL + JUDGEMENT + width + 2, Tone::Plain);
        label = "";
    }
}

/// The rules that are kept, and a point for each warning; what was not judged is left out.
pub(super) fn guidance(page: &mut Page, summary: &Summary) {
    let of = |standing| {
        let advice = summary.guidance.iter();
        advice.filter(move |advice| advice.standing == standing)
    };
    let kept: Vec<_> = of(Standing::Good)
        .map(|advice| (advice.said.clone(), Tone::Plain))
        .collect();
    let mut warnings = of(Standing::Warning).peekable();
    if kept.is_empty() && warnings.peek().is_none() {
        return;
    }
    page.end_line();
    match kept.is_empty() {
        true => page.items("guidance", &[("what to weigh".to_owned(), Tone::Plain)]),
        false => page.items("guidance", &kept),
    }
    for advice in warnings {
        page.point(&advice.said, Tone::Warning);
    }
}

#[cfg(test)]
mod tests {
    use crate::report::Summary;
    use crate::report::guidance::{Surroundings, advise};
    use crate::report::require::judge;
    use crate::report::text::render;
    use crate::results::lag::LagSummary;
    use crate::results::manifest::{Verdict, VerdictLevel};
    use crate::results::row::{RequestRow, Status};
    use crate::results::sample::{manifest, row, second};

    #[test]
    fn requirements_stand_below_the_verdict_and_guidance_at_the_end() {
        let mut rows: Vec<RequestRow> = (0..1_000).map(row).collect();
        rows[5].status = Status::BargedIn;
        rows[5].barge_in_ns = rows[5].first_audio_ns;
        rows[5].barge_in_stop_ns = rows[5].last_audio_ns;
        rows[5].derive_latencies(false);
        let lag = LagSummary {
            p50_ns: 12_000,
            p99_ns: 88_000,
            p999_ns: 190_000,
            max_ns: 210_000,
            late_chunks: 0,
            chunks: 50_000,
        };
        let mut summary = Summary::of(&manifest(), &rows, &[], Some(lag));
        let required = [
            "response.p95 < 800ms",
            "e2e.max < 200ms",
            "barge_in_latency.p95 < 1s",
            "lag.p99 < 1ms",
        ];
        summary.requirements = judge(&required.map(|text| text.parse().unwrap()), &summary, true);
        summary.guidance = advise(&summary, &Surroundings::default());
        let text = render(&summary, false);
        let (top, rest) = text.split_once("\nlatency").unwrap();
        let (_, bottom) = rest.split_once("\n\nguidance").unwrap();
        insta::assert_snapshot!(format!("{top}\nguidance{bottom}"), @r"
    run       calls-20260921-141320 · ran 102 s · trace calls → http://gateway:50051
    labels    build=abc
    verdict   VALID: the load kept its schedule
    require   MET         response.p95 < 800ms       294 ms
              NOT MET     e2e.max < 200ms            249 ms
              NOT JUDGED  barge_in_latency.p95 < 1s  not enough data: it needs 72
                                                     turns, and there are 1
              MET         lag.p99 < 1ms              88.0 µs

    guidance  e2e p95 244 ms (rule: < 3 s) · errors 0.00 % (rule: < 1 %)
              - no baseline of this target and these clips beside it; make one:
                voicelt run --scenario baseline, with the trace as --audio and the
                same --target
              - made once: how much such runs differ by themselves is not known;
                make it again, and compare (`run` has --repeat)
    ");
    }

    #[test]
    fn an_invalid_run_that_was_let_pass() {
        let mut run = manifest();
        run.spec.allow_invalid = true.into();
        run.verdict = Some(Verdict {
            level: VerdictLevel::Invalid,
            reasons: vec![
                "12.41 % of the chunks were sent over 20 ms late in the 10 s from 1m20s on (limit 10 %)"
                    .to_owned(),
                "the 99th percentile of the lag of session starts is 312 ms (limit 100 ms)".to_owned(),
                "3 result rows were lost because the disk did not keep up".to_owned(),
            ],
        });
        let rows: Vec<_> = (0..40).map(row).collect();
        let timeline: Vec<_> = (0..4).map(second).collect();
        let text = render(&Summary::of(&run, &rows, &timeline, None), false);
        let verdict = text.lines().skip(3).take_while(|line| !line.is_empty());
        insta::assert_snapshot!(verdict.collect::<Vec<_>>().join("\n"), @r"
        verdict   INVALID: the load did not keep its schedule; do not trust the figures
                  (allowed by --allow-invalid)
                  - 12.41 % of the chunks were sent over 20 ms late in the 10 s from
                    1m20s on (limit 10 %)
                  - the 99th percentile of the lag of session starts is 312 ms (limit
                    100 ms)
                  - 3 result rows were lost because the disk did not keep up
        ");
    }
}
