//! The rules of thumb that are kept, and a point for each warning; what was not judged is left out.

use super::Report;
use crate::report::document::{Block, Words};
use crate::report::guidance::Standing;
use crate::units::terminal::Tone;

pub(super) fn blocks(report: &Report<'_>) -> Vec<Block> {
    let of = |standing, tone| -> Vec<Words> {
        let advice = report.summary.guidance.iter();
        let advice = advice.filter(|advice| advice.standing == standing);
        advice
            .map(|advice| Words::new(tone, advice.said.as_str()))
            .collect()
    };
    let mut kept = of(Standing::Good, Tone::Plain);
    let warnings = of(Standing::Warning, Tone::Warning);
    match (kept.is_empty(), warnings.is_empty()) {
        (true, true) => return Vec::new(),
        (true, false) => kept.push("what to weigh".into()),
        (false, _) => {}
    }
    vec![
        Block::Heading("Rules of thumb"),
        Block::points("guidance", kept, warnings),
    ]
}
