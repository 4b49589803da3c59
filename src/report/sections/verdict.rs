//! The verdict on our own part, with its reasons, and what was required.

use super::Report;
use crate::report::document::{Block, Column, Table, Words};
use crate::report::require::Judgement;
use crate::report::summary::Summary;
use crate::results::manifest::VerdictLevel;
use crate::units::terminal::Tone;

pub(super) fn blocks(report: &Report<'_>) -> Vec<Block> {
    let summary = report.summary;
    let reasons = summary.verdict.iter().flat_map(|verdict| &verdict.reasons);
    let reasons = reasons.map(|reason| reason.as_str().into()).collect();
    let verdict = Block::points("verdict", vec![verdict(summary)], reasons);
    let rows = summary.requirements.iter().map(|judged| {
        let judgement = match judged.judgement {
            Judgement::Met => Words::new(Tone::Good, "MET"),
            Judgement::NotMet => Words::new(Tone::Bad, "NOT MET"),
            Judgement::NotJudged => Words::new(Tone::Warning, "NOT JUDGED"),
        };
        vec![
            judgement,
            judged.requirement.as_str().into(),
            judged.said.as_str().into(),
        ]
    });
    let columns = [
        Column::Name("required"),
        Column::Name(""),
        Column::Sentence("observed"),
    ];
    let requirements = Table::of(&columns, rows).block();
    [verdict].into_iter().chain(requirements).collect()
}

/// The verdict in a sentence that begins with its name and a colon.
fn verdict(summary: &Summary) -> Words {
    let level = summary.verdict.as_ref().map(|verdict| verdict.level);
    let (tone, words) = match level {
        None => (Tone::Warning, "NONE: it is given when a run ends"),
        Some(VerdictLevel::Valid) => (Tone::Good, "VALID: the load kept its schedule"),
        Some(VerdictLevel::Degraded) => {
            (Tone::Warning, "DEGRADED: the figures stand, with a warning")
        }
        Some(VerdictLevel::Invalid) => (
            Tone::Bad,
            "INVALID: the load did not keep its schedule; do not trust the figures",
        ),
    };
    let allowed = match level {
        Some(VerdictLevel::Invalid) if summary.run.allow_invalid => " (allowed by --allow-invalid)",
        _ => "",
    };
    Words::new(tone, format!("{words}{allowed}"))
}

/// The verdict in a word.
pub(in crate::report) fn badge(level: Option<VerdictLevel>) -> Words {
    match level {
        Some(VerdictLevel::Valid) => Words::new(Tone::Good, "valid"),
        Some(VerdictLevel::Degraded) => Words::new(Tone::Warning, "degraded"),
        Some(VerdictLevel::Invalid) => Words::new(Tone::Bad, "invalid"),
        None => Words::new(Tone::Warning, "no verdict"),
    }
}
