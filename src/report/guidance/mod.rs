//! Rules of thumb for a voice gateway, and what makes the figures of a run worth less. They are shown
//! and never enforced: what must hold is said by `--require`.

pub mod advice;
mod surroundings;

use super::summary::Summary;
use crate::results::neighbours::ClipUsed;
use crate::units::{Human, NS_PER_S, counted, share_percent};
pub use advice::{Advice, Rule, Standing};
pub use surroundings::Surroundings;

/// The 95th percentile of `e2e` is to be below this.
const E2E_P95_NS: i64 = 3 * NS_PER_S;
/// The share of requests that are no success is to be below this.
const ERRORS: f64 = 0.01;
/// The median time to the answer under the heaviest load is to be no longer than so many times that under the
/// lightest.
const FLAT: f64 = 1.2;
/// The utilisation of each GPU is to be below this, in percent.
const GPU_PERCENT: f64 = 90.0;
/// A clip whose peak is lower is silence to a recogniser.
const SILENT_DBFS: f64 = -60.0;

/// How a run stands to a rule, and what is said of that; `None` where there is nothing to say.
type Stands = Option<(Standing, String)>;

/// What tells it of a run.
type Judge = fn(&Summary, &Surroundings) -> Stands;

/// The rules, and then what makes figures worth less, in the order in which they are shown.
const RULES: [(Rule, Judge); 9] = [
    (Rule::E2e, |summary, _| e2e(summary)),
    (Rule::Errors, |summary, _| errors(summary)),
    (Rule::Flat, |summary, _| flat(summary)),
    (Rule::Gpu, |_, around| gpu(&around.gpus)),
    (Rule::SilentClips, |_, around| silent(&around.clips)),
    (Rule::SyntheticClips, |_, around| synthetic(&around.clips)),
    (Rule::Baseline, |_, around| baseline(around)),
    (Rule::Repeats, |_, around| repeats(around.repeats)),
    (Rule::CoolDown, |_, around| cool_down(&around.too_close)),
];

/// What is to be said of a run: the rules first, then the warnings that apply.
#[must_use]
pub fn advise(summary: &Summary, around: &Surroundings) -> Vec<Advice> {
    let advice = RULES.iter().filter_map(|(rule, stands)| {
        let (standing, said) = stands(summary, around)?;
        let rule = *rule;
        Some(Advice {
            rule,
            standing,
            said,
        })
    });
    advice.collect()
}

fn judged(is_good: bool, said: String) -> Stands {
    let standing = match is_good {
        true => Standing::Good,
        false => Standing::Warning,
    };
    Some((standing, said))
}

fn not_judged(why: &str) -> Stands {
    Some((Standing::NotJudged, why.to_owned()))
}

fn e2e(summary: &Summary) -> Stands {
    if summary.not_given().any(|latency| latency.name == "e2e") {
        return not_judged("e2e: not given by this protocol");
    }
    match summary.latencies.get("e2e").and_then(|e2e| e2e.p95_ns) {
        Some(ns) => judged(
            ns < E2E_P95_NS,
            format!("e2e p95 {} (rule: < 3 s)", Human(ns)),
        ),
        None => not_judged("e2e p95: not enough data"),
    }
}

fn errors(summary: &Summary) -> Stands {
    let Some(share) = summary.steady.errors() else {
        return not_judged("errors: no request of the steady phase has ended");
    };
    let said = format!("errors {} (rule: < 1 %)", share_percent(share, 2));
    judged(share < ERRORS, said)
}

fn flat(summary: &Summary) -> Stands {
    let name = summary.answer_latency().name;
    let Some(growth) = &summary.growth else {
        return not_judged(&format!(
            "{name} against load: the load was much the same all the time, or requests are few"
        ));
    };
    let [low, high] = [&growth.low, &growth.high].map(|quarter| {
        match (quarter.least_sessions, quarter.most_sessions) {
            (least, most) if least == most => least.to_string(),
            (least, most) => format!("{least}–{most}"),
        }
    });
    let loads = format!("from {low} to {high} sessions at once");
    let Some([before, after]) = growth.medians() else {
        let said = format!("half of the requests had no answer at an end of the load {loads}");
        return judged(false, said);
    };
    let is_flat = after as f64 <= before as f64 * FLAT;
    let how = if is_flat { "flat" } else { "grows with load" };
    let (before, after) = (Human(before), Human(after));
    judged(
        is_flat,
        format!("{name} p50 {how}: {before} → {after} {loads}"),
    )
}

/// `gpus` are how busy each was, in percent.
fn gpu(gpus: &[f64]) -> Stands {
    let busiest = *gpus.iter().max_by(|a, b| a.total_cmp(b))?;
    let which = match gpus.len() {
        1 => String::new(),
        n => format!(", the busiest of {n}"),
    };
    let share = share_percent(busiest / 100.0, 0);
    let said = format!("GPU utilisation {share}{which} (rule: < 90 %)");
    judged(busiest < GPU_PERCENT, said)
}

/// How many clips are such, of how many; `None` where none is.
fn such(clips: &[ClipUsed], is_such: impl Fn(&&ClipUsed) -> bool) -> Option<String> {
    let such = clips.iter().filter(is_such).count();
    (such > 0).then(|| format!("{such} of {}", counted(clips.len() as u64, "clip")))
}

fn silent(clips: &[ClipUsed]) -> Stands {
    let is_silent = |clip: &&ClipUsed| clip.speech_method == "none" || clip.peak_dbfs < SILENT_DBFS;
    let silent = such(clips, |clip| clip.file.is_some() && is_silent(clip))?;
    judged(
        false,
        format!("nothing is said in {silent}, so that nothing is to be answered"),
    )
}

fn synthetic(clips: &[ClipUsed]) -> Stands {
    let synthetic = such(clips, |clip| clip.file.is_none())?;
    judged(
        false,
        format!(
            "synthesised from the timing alone: {synthetic}; a recogniser finds no words there"
        ),
    )
}

fn baseline(around: &Surroundings) -> Stands {
    let said = match &around.baseline {
        _ if around.is_baseline => return None,
        Some(name) => format!("baseline: {name}"),
        None => "no baseline of this target and these clips beside it; make one: voicelt run \
                 --scenario baseline, with the trace as --audio and the same --target"
            .to_owned(),
    };
    judged(around.baseline.is_some(), said)
}

fn repeats(of: u32) -> Stands {
    let said = match of {
        0 | 1 => "made once: how much such runs differ by themselves is not known; make it \
                  again, and compare (`run` has --repeat)"
            .to_owned(),
        of => format!("one of {of} runs"),
    };
    judged(of >= 2, said)
}

fn cool_down(too_close: &[String]) -> Stands {
    let said = format!(
        "less than a minute between this run and {}: after a heavy or spike run a gateway needs \
         to cool down",
        too_close.join(", ")
    );
    match too_close {
        [] => None,
        _ => judged(false, said),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
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
            gpus: vec![61.0, 72.4],
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
            gpus: vec![90.0],
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
