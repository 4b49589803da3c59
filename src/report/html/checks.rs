//! What was required, what is likely wrong, and rules of thumb.

use super::markup::Markup;
use crate::report::diagnosis::Finding;
use crate::report::guidance::Standing;
use crate::report::require::Judgement;
use crate::report::summary::Summary;

/// A line a requirement; nothing without any.
pub(super) fn requirements(html: &mut Markup, summary: &Summary) {
    if summary.requirements.is_empty() {
        return;
    }
    html.open("ul", "requirements");
    for judged in &summary.requirements {
        let (class, word) = match judged.judgement {
            Judgement::Met => ("badge good", "met"),
            Judgement::NotMet => ("badge bad", "not met"),
            Judgement::NotJudged => ("badge warn", "not judged"),
        };
        html.raw("<li>");
        html.element("code", "", &judged.requirement);
        html.element("span", class, word);
        html.element("span", "soft", &judged.said);
        html.raw("</li>\n");
    }
    html.close("ul");
}

/// What was found; said too where nothing was.
pub(super) fn diagnosis(html: &mut Markup, findings: &[Finding]) {
    html.heading("Diagnosis");
    if findings.is_empty() {
        html.element("p", "soft", "Nothing unusual shows.");
        return;
    }
    html.open("ul", "findings");
    for finding in findings {
        html.raw("<li>");
        html.element("h3", "", &finding.title);
        html.element("p", "", &finding.evidence);
        html.element("p", "advice", &finding.advice);
        html.raw("</li>\n");
    }
    html.close("ul");
}

/// Rules of thumb that are kept, and warnings; what was not judged is left out.
pub(super) fn guidance(html: &mut Markup, summary: &Summary) {
    let judged = summary.guidance.iter();
    let mut judged = judged
        .filter(|advice| advice.standing != Standing::NotJudged)
        .peekable();
    if judged.peek().is_none() {
        return;
    }
    html.heading("Rules of thumb");
    html.open("ul", "guidance");
    for advice in judged {
        let class = match advice.standing {
            Standing::Good => "good",
            Standing::Warning | Standing::NotJudged => "warn",
        };
        html.element("li", class, &advice.said);
    }
    html.close("ul");
}
