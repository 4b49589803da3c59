//! What several runs of the same kind showed, for people.

use std::fmt::Write;

use crate::campaign::repeat::spreads;
use crate::report::Summary;
use crate::units::{Human, share_percent};

/// How far the runs lie apart, in a few lines; one that says so where that is not known.
pub(super) fn text(runs: &[Summary]) -> String {
    let spreads = spreads(runs);
    let mut text = format!("\n{} runs", runs.len());
    if spreads.is_empty() {
        text += ": at least two with enough answers are needed to say how far runs lie apart\n";
        return text;
    }
    // Writing to a String cannot fail.
    let _ = writeln!(
        text,
        "{:>17}{:>10}{:>10}{:>12}",
        "mean", "least", "most", "apart"
    );
    for (name, spread) in spreads {
        let [least, most] = spread.range_ns.map(|ns| Human(ns).to_string());
        let mean = Human(spread.mean_ns).to_string();
        let apart = spread
            .share
            .map_or("–".to_owned(), |share| share_percent(share, 1));
        let _ = writeln!(text, "{name:<14}{mean:>10}{least:>10}{most:>10}{apart:>12}");
    }
    text
}
