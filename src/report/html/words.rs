//! How well the gateway understood: the word error rate, and the turns that were heard worst.

use super::figure::{Columns, Table};
use super::markup::Markup;
use crate::report::wer::{Wer, over, share};
use crate::units::grouped;

/// A part of the page with its heading.
pub(super) fn put(html: &mut Markup, wer: &Wer) {
    html.element("h2", "", "Words");
    let Some(rate) = wer.rate else {
        let why = wer.not_known.as_deref().unwrap_or_default();
        html.element(
            "p",
            "note",
            &format!("The word error rate is not known: {why}."),
        );
        return;
    };
    let interval = wer.interval;
    let interval = interval.map_or("–".to_owned(), |[low, high]| {
        format!("{} – {}", share(low), share(high))
    });
    let mut cells = vec!["word error rate".to_owned(), share(rate), interval];
    let counts = [wer.substitutions, wer.deletions, wer.insertions, wer.words];
    cells.extend(counts.map(grouped));
    let head = vec![
        "",
        "rate",
        "95 %",
        "substituted",
        "deleted",
        "inserted",
        "words said",
    ];
    Table::of(head, vec![cells]).put(html);
    html.element("p", "note", &format!("{}.", over(wer)));
    let rows = wer.worst.iter().map(|misheard| {
        let (said, heard) = (misheard.said.clone(), misheard.heard.clone());
        vec![said, heard, share(misheard.rate)]
    });
    let table = Table::of(vec!["said", "heard", "rate"], rows.collect());
    if !table.rows.is_empty() {
        table.with(Columns::Sentence).put(html);
    }
}
