//! What is likely wrong.

use super::Report;
use crate::report::document::{Block, Words};
use crate::units::terminal::Tone;

pub(super) fn blocks(report: &Report<'_>) -> Vec<Block> {
    let mut blocks = vec![Block::Heading("Diagnosis")];
    let findings = report.summary.diagnosis.iter();
    blocks.extend(findings.map(|finding| Block::Finding {
        title: finding.title.clone(),
        evidence: finding.evidence.clone(),
        advice: finding.advice.clone(),
    }));
    if blocks.len() == 1 {
        let nothing = Words::new(Tone::Faint, "nothing unusual shows");
        blocks.push(Block::line("diagnosis", vec![nothing]));
    }
    blocks
}
