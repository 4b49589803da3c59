//! How well the gateway understood: the word error rate, and the turns that were heard worst.

use super::Report;
use super::latencies::listed;
use crate::report::document::{Block, Words};
use crate::report::wer::{Wer, share};
use crate::units::terminal::Tone;
use crate::units::{counted, grouped, percent};

pub(super) fn blocks(report: &Report<'_>) -> Vec<Block> {
    report.summary.wer.iter().map(block).collect()
}

fn block(wer: &Wer) -> Block {
    let Some(rate) = wer.rate else {
        let why = wer.not_known.as_deref().unwrap_or_default();
        let why = Words::new(Tone::Warning, format!("not known: {why}"));
        return Block::line("wer", vec![why]);
    };
    let mut items = vec![
        Words::new(Tone::Strong, format!("word error rate {}", share(rate))),
        edits(wer).into(),
    ];
    items.extend(
        wer.interval
            .map(|[low, high]| Words::from(format!("95 %: {} – {}", share(low), share(high)))),
    );
    items.push(over(wer).into());
    let worst = wer.worst.iter().map(|misheard| {
        let heard = match misheard.heard.as_str() {
            "" => "(nothing)",
            heard => heard,
        };
        format!("{}: {} → {heard}", share(misheard.rate), misheard.said).into()
    });
    Block::points("wer", items, worst.collect())
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
fn over(wer: &Wer) -> String {
    let (turns, clips) = (counted(wer.turns, "turn"), counted(wer.clips, "clip"));
    let exact = percent(wer.exact, wer.turns);
    let mut text = format!("{turns} of {clips} compared, {exact} word for word");
    if wer.unheard > 0 {
        text += &format!(", {} not heard at all", grouped(wer.unheard));
    }
    if wer.unheard > 0 && wer.unheard_failed > 0 {
        text += &format!(" ({} of them failed)", grouped(wer.unheard_failed));
    }
    let left_out = listed(&[
        (wer.no_reference, "whose clip has no transcript"),
        (wer.failed, "failed before their speech was sent"),
        (wer.too_long, "too long"),
    ]);
    text + &left_out
}
