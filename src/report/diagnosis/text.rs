//! Findings in a terminal report.

use super::Finding;
use crate::units::terminal::{LABEL, Page, Tone};

/// Shows what was found, after an empty line; nothing where nothing was.
pub(in crate::report) fn show(page: &mut Page, findings: &[Finding]) {
    for (i, finding) in findings.iter().enumerate() {
        page.end_line();
        let label = if i == 0 { "diagnosis" } else { "" };
        page.words(label, &finding.title, LABEL, Tone::Warning);
        page.words("", &finding.evidence, LABEL, Tone::Plain);
        let advice = format!("{:LABEL$}→ ", "");
        page.words(&advice, &finding.advice, LABEL + 2, Tone::Plain);
    }
}
