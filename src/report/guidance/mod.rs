//! Rules of thumb for a voice gateway, and what makes the figures of a run worth less. They are shown
//! and never enforced: what must hold is said by `--require`.

pub mod advice;
mod surroundings;

use super::stats::Quantile;
use super::summary::Summary;
use crate::units::{Human, NS_PER_S, counted, share_percent};
pub use advice::{Advice, Rule, Standing};
pub use surroundings::{GpuUse, Surroundings};

/// The 95th percentile of `e2e` is to be below this.
const E2E_P95_NS: i64 = 3 * NS_PER_S;
/// The share of requests that are no success is to be below this.
const ERRORS: f64 = 0.01;
/// The median response under the heaviest load is to be no longer than so many times that under the
/// lightest.
const FLAT: f64 = 1.2;
/// The utilisation of each GPU is to be below this, in percent.
const GPU_PERCENT: f64 = 90.0;
/// A clip whose peak is lower is silence to a recogniser.
const SILENT_DBFS: f64 = -60.0;

/// What is to be said of a run: the rules first, then the warnings that apply.
#[must_use]
pub fn advise(summary: &Summary, around: &Surroundings) -> Vec<Advice> {
    let mut all = vec![e2e(summary), errors(summary), flat(summary)];
    all.extend(gpu(&around.gpus));
    all.extend(silent(around));
    all.extend(synthetic(around));
    all.extend(baseline(around));
    all.push(repeats(around.repeats));
    all.extend(cool_down(&around.too_close));
    all
}

fn e2e(summary: &Summary) -> Advice {
    let figures = summary.latencies.get("e2e");
    match figures.map(|figures| figures.quantiles()[2]) {
        Some(Quantile::Value(ns)) => Advice::new(
            Rule::E2e,
            ns < E2E_P95_NS,
            format!("e2e p95 {} (rule: < 3 s)", Human(ns)),
        ),
        _ => Advice::not_judged(Rule::E2e, "e2e p95: not enough data"),
    }
}

fn errors(summary: &Summary) -> Advice {
    let Some(share) = summary.steady.errors() else {
        return Advice::not_judged(
            Rule::Errors,
            "errors: no request of the steady phase has ended",
        );
    };
    let said = format!("errors {} (rule: < 1 %)", share_percent(share, 2));
    Advice::new(Rule::Errors, share < ERRORS, said)
}

fn flat(summary: &Summary) -> Advice {
    let Some(growth) = &summary.growth else {
        return Advice::not_judged(
            Rule::Flat,
            "response against load: the load was much the same all the time, or requests are few",
        );
    };
    let (low, high) = (&growth.low, &growth.high);
    let loads = format!(
        "from {} to {}",
        range(low.least_sessions, low.most_sessions),
        counted_range(high.least_sessions, high.most_sessions)
    );
    match growth.medians() {
        Some([before, after]) => {
            let is_flat = after as f64 <= before as f64 * FLAT;
            let (before, after) = (Human(before), Human(after));
            let said = match is_flat {
                true => format!("response p50 flat: {before} → {after} {loads}"),
                false => format!("response p50 grows with load: {before} → {after} {loads}"),
            };
            Advice::new(Rule::Flat, is_flat, said)
        }
        None => Advice::new(
            Rule::Flat,
            false,
            format!("half of the requests had no answer at an end of the load {loads}"),
        ),
    }
}

fn range(least: u32, most: u32) -> String {
    match least == most {
        true => least.to_string(),
        false => format!("{least}–{most}"),
    }
}

fn counted_range(least: u32, most: u32) -> String {
    format!("{} sessions at once", range(least, most))
}

fn gpu(gpus: &[GpuUse]) -> Option<Advice> {
    let busiest = gpus.iter().max_by(|a, b| a.mean.total_cmp(&b.mean))?;
    let which = match gpus.len() {
        1 => String::new(),
        n => format!(", the busiest of {n}"),
    };
    let said = format!(
        "GPU utilisation {}{which} (rule: < 90 %)",
        share_percent(busiest.mean / 100.0, 0)
    );
    Some(Advice::new(Rule::Gpu, busiest.mean < GPU_PERCENT, said))
}

fn silent(around: &Surroundings) -> Option<Advice> {
    let clips = &around.clips;
    let is_silent = |method: &str, peak: f64| method == "none" || peak < SILENT_DBFS;
    let silent = clips
        .iter()
        .filter(|clip| clip.file.is_some() && is_silent(&clip.speech_method, clip.peak_dbfs));
    let silent = silent.count() as u64;
    let said = format!(
        "nothing is said in {silent} of {}, so that nothing is to be answered",
        counted(clips.len() as u64, "clip")
    );
    (silent > 0).then(|| Advice::new(Rule::SilentClips, false, said))
}

fn synthetic(around: &Surroundings) -> Option<Advice> {
    let clips = &around.clips;
    let synthetic = clips.iter().filter(|clip| clip.file.is_none()).count();
    let said = format!(
        "synthesised from the timing alone: {synthetic} of {}; a recogniser finds no words there",
        counted(clips.len() as u64, "clip")
    );
    (synthetic > 0).then(|| Advice::new(Rule::SyntheticClips, false, said))
}

fn baseline(around: &Surroundings) -> Option<Advice> {
    if around.is_baseline {
        return None;
    }
    Some(match &around.baseline {
        Some(name) => Advice::new(Rule::Baseline, true, format!("baseline: {name}")),
        None => Advice::new(
            Rule::Baseline,
            false,
            "no baseline of this target and these clips beside it; make one: voicelt run \
             --scenario baseline, with the trace as --audio and the same --target"
                .to_owned(),
        ),
    })
}

fn repeats(of: u32) -> Advice {
    let is_repeated = of >= 2;
    let said = match is_repeated {
        true => format!("one of {of} runs"),
        false => "made once: how much such runs differ by themselves is not known; make it \
                  again, and compare (`run` has --repeat)"
            .to_owned(),
    };
    Advice::new(Rule::Repeats, is_repeated, said)
}

fn cool_down(too_close: &[String]) -> Option<Advice> {
    let names = too_close.join(", ");
    let said = format!(
        "less than a minute between this run and {names}: after a heavy or spike run a gateway \
         needs to cool down"
    );
    (!too_close.is_empty()).then(|| Advice::new(Rule::CoolDown, false, said))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::results::neighbours::ClipUsed;
    use crate::results::row::{RequestRow, Status};
    use crate::results::sample::{manifest, row, unanswered};

    fn clip(file: Option<&str>, speech_method: &str, peak_dbfs: f64) -> ClipUsed {
        ClipUsed {
            clip_id: "c11b".to_owned(),
            file: file.map(str::to_owned),
            sample_rate_hz: 16_000,
            speech_method: speech_method.to_owned(),
            peak_dbfs,
            source_path: None,
            transcript: None,
        }
    }

    fn said(rows: &[RequestRow], around: &Surroundings) -> Vec<String> {
        let advice = advise(&Summary::of(&manifest(), rows, &[], None), around);
        advice
            .into_iter()
            .map(|advice| format!("{:?} {:?}: {}", advice.rule, advice.standing, advice.said))
            .collect()
    }

    #[test]
    fn a_run_that_keeps_every_rule_has_no_warning() {
        let rows: Vec<_> = (0..200)
            .map(|turn| RequestRow {
                session_id: row(turn).session_id,
                concurrent_sessions: Some(1 + turn / 50),
                ..row(turn % 2)
            })
            .collect();
        let around = Surroundings {
            clips: vec![clip(Some("a.wav"), "energy", -3.0)],
            gpus: [61.0, 72.4].map(|mean| GpuUse { mean }).into(),
            baseline: Some("alone".to_owned()),
            repeats: 3,
            ..Surroundings::default()
        };
        assert_eq!(
            said(&rows, &around),
            [
                "E2e Good: e2e p95 151 ms (rule: < 3 s)",
                "Errors Good: errors 0.00 % (rule: < 1 %)",
                "Flat Good: response p50 flat: 200 ms → 200 ms from 1 to 4 sessions at once",
                "Gpu Good: GPU utilisation 72 %, the busiest of 2 (rule: < 90 %)",
                "Baseline Good: baseline: alone",
                "Repeats Good: one of 3 runs",
            ]
        );
    }

    #[test]
    fn everything_that_is_not_as_it_should_be_is_said() {
        let slow = |turn| {
            let mut slow = row(turn);
            slow.first_audio_ns = slow.first_audio_ns.map(|ns| ns + 3 * NS_PER_S);
            slow.derive_latencies(false);
            slow
        };
        let rows: Vec<_> = (0..99)
            .map(slow)
            .chain([unanswered(99, Status::Error)])
            .collect();
        let around = Surroundings {
            clips: vec![
                clip(Some("a.wav"), "none", -3.0),
                clip(Some("b.wav"), "energy", f64::NEG_INFINITY),
                clip(None, "energy", -3.0),
            ],
            gpus: vec![GpuUse { mean: 90.0 }],
            too_close: vec!["burst".to_owned()],
            ..Surroundings::default()
        };
        assert_eq!(
            said(&rows, &around),
            [
                "E2e Warning: e2e p95 3.24 s (rule: < 3 s)",
                "Errors Warning: errors 1.00 % (rule: < 1 %)",
                "Flat NotJudged: response against load: the load was much the same all the time, or requests are few",
                "Gpu Warning: GPU utilisation 90 % (rule: < 90 %)",
                "SilentClips Warning: nothing is said in 2 of 3 clips, so that nothing is to be answered",
                "SyntheticClips Warning: synthesised from the timing alone: 1 of 3 clips; a recogniser finds no words there",
                "Baseline Warning: no baseline of this target and these clips beside it; make one: voicelt run --scenario baseline, with the trace as --audio and the same --target",
                "Repeats Warning: made once: how much such runs differ by themselves is not known; make it again, and compare (`run` has --repeat)",
                "CoolDown Warning: less than a minute between this run and burst: after a heavy or spike run a gateway needs to cool down",
            ]
        );
    }

    #[test]
    fn an_empty_run_is_not_judged_by_the_rules() {
        let around = Surroundings {
            is_baseline: true,
            ..Surroundings::default()
        };
        let said = said(&[], &around);
        assert_eq!(said.len(), 4, "{said:?}");
        assert!(
            said[..3].iter().all(|text| text.contains("NotJudged")),
            "{said:?}"
        );
    }
}
