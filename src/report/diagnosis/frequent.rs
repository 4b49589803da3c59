//! The most frequent error: said whenever more than one turn of a hundred fails for no other reason
//! that was found.

use super::failures::clock;
use super::{Finding, Kind, Seen};
use crate::units::grouped;

/// Characters of an error in a title.
const TITLE_CHARS: usize = 60;

/// Said when failures are more than 1 %, unless other findings explain all but 1 %: those say how most
/// of them failed, too.
pub(super) fn finding(seen: &mut Seen<'_>) -> Option<Finding> {
    let failures = &mut seen.failures;
    let judged = failures.judged;
    let kept = failures.kept.len() as u64 * failures.every;
    let left = failures.unexplained().count() as u64 * failures.every;
    // Sessions that found no place never began.
    let never_began = seen
        .found
        .iter()
        .any(|found| found.kind == Kind::StreamSlots);
    let explained = kept > left || (kept == 0 && never_began);
    if !failures.are_many(judged.failed) || (explained && !failures.are_many(left)) {
        return None;
    }
    let mut evidence = judged.said("turn", " failed");
    let Some(usual) = failures.usual(failures.unexplained()) else {
        // None of them began, and nothing says why.
        return Some(Finding {
            kind: Kind::FrequentError,
            title: "Turns fail: they never begin".to_owned(),
            evidence: evidence + ", and none of those began, or says why.",
            advice: "See the verdict, and the errors above: the sessions could not be opened."
                .to_owned(),
        });
    };
    let instants = || failures.unexplained().map(|failure| failure.at_ns);
    let (first, last) = (instants().min()?, instants().max()?);
    let after = judged.failed.saturating_sub(kept);
    if after > 0 {
        let after = grouped(after);
        evidence += &format!(", {after} of them since their session had failed before");
    }
    evidence += &match explained {
        false => format!("; {} with {}", grouped(usual.turns), usual.how),
        true => format!(
            "; of {} that nothing else explains, {} with {}",
            grouped(usual.of),
            grouped(usual.turns),
            usual.how
        ),
    };
    evidence += &match (clock(first), clock(last)) {
        (first, last) if first == last => format!(", at {first}."),
        (first, last) => format!(", from {first} to {last}."),
    };
    let how = short(&usual.how);
    failures.explain(|_| true);
    Some(Finding {
        kind: Kind::FrequentError,
        title: format!("Turns fail with {how}"),
        evidence,
        advice: "Look for it in the logs of the gateway and of its models, at the times and by the trace \
                 ids of these turns (`voicelt report --csv FILE` has them, -v says them as they end)."
            .to_owned(),
    })
}

/// The beginning of a text.
fn short(text: &str) -> String {
    match text.char_indices().nth(TITLE_CHARS) {
        Some((end, _)) => format!("{}…”", text[..end].trim_end()),
        None => text.to_owned(),
    }
}
