//! What was required and what became of it; rules of thumb, and what makes the figures worth less.

use crate::report::guidance::Standing;
use crate::report::layout::{LABEL, Page, Tone};
use crate::report::require::Judgement;
use crate::report::summary::Summary;

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
        true => page.items(
            "guidance",
            &[("no rule of thumb is kept".to_owned(), Tone::Plain)],
        ),
        false => page.items("guidance", &kept),
    }
    for advice in warnings {
        page.point(&advice.said, Tone::Warning);
    }
}
