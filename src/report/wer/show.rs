//! The word error rate for people.

use super::Wer;
use crate::units::terminal::{LABEL, Page, Tone};
use crate::units::{counted, grouped, percent, share_percent};

/// Lines under the label `wer`.
pub(in crate::report) fn text(page: &mut Page, wer: &Wer) {
    let Some(rate) = wer.rate else {
        let why = wer.not_known.as_deref().unwrap_or_default();
        page.words("wer", &format!("not known: {why}"), LABEL, Tone::Warning);
        return;
    };
    let mut items = vec![(share(rate), Tone::Strong), (edits(wer), Tone::Plain)];
    if let Some([low, high]) = wer.interval {
        let interval = format!("95 %: {} – {}", share(low), share(high));
        items.push((interval, Tone::Plain));
    }
    items.push((over(wer), Tone::Plain));
    page.items("wer", &items);
    for misheard in &wer.worst {
        let heard = match misheard.heard.as_str() {
            "" => "(nothing)",
            heard => heard,
        };
        let (rate, said) = (share(misheard.rate), &misheard.said);
        page.point(&format!("{rate}: {said} → {heard}"), Tone::Plain);
    }
}

fn edits(wer: &Wer) -> String {
    format!(
        "{} substituted, {} deleted, {} inserted of {}",
        grouped(wer.substitutions),
        grouped(wer.deletions),
        grouped(wer.insertions),
        counted(wer.words, "word")
    )
}

/// What was compared, and what was left out.
pub(in crate::report) fn over(wer: &Wer) -> String {
    let (turns, clips) = (counted(wer.turns, "turn"), counted(wer.clips, "clip"));
    let exact = percent(wer.exact, wer.turns);
    let mut text = format!("{turns} of {clips} compared, {exact} word for word");
    if wer.unheard > 0 {
        text += &format!(", {} not heard at all", grouped(wer.unheard));
        if wer.unheard_failed > 0 {
            text += &format!(" ({} of them failed)", grouped(wer.unheard_failed));
        }
    }
    let left_out = [
        (wer.no_reference, "whose clip has no transcript"),
        (wer.failed, "failed before their speech was sent"),
        (wer.too_long, "too long"),
    ];
    let left_out = left_out.into_iter().filter(|(turns, _)| *turns > 0);
    let left_out: Vec<String> = left_out
        .map(|(turns, why)| format!("{} {why}", grouped(turns)))
        .collect();
    if !left_out.is_empty() {
        text += &format!("; left out: {}", left_out.join(", "));
    }
    text
}

/// A rate, in percent.
pub(in crate::report) fn share(rate: f64) -> String {
    share_percent(rate, 1)
}
