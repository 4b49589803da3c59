//! Turns by who answered them, where there were several.

use super::Report;
use crate::report::answer_titles::AnswerTitles;
use crate::report::breakdown::Share;
use crate::report::document::{Block, Table};
use crate::units::{grouped, percent};

pub(super) fn blocks(report: &Report<'_>) -> Vec<Block> {
    let summary = report.summary;
    let median = AnswerTitles::of(summary.answers_by).median;
    let named = [("peer", &summary.peers), ("replica", &summary.replicas)];
    named
        .into_iter()
        .filter_map(|(who, shares)| table(who, shares, median))
        .collect()
}

fn table(who: &'static str, shares: &[Share], median: &'static str) -> Option<Block> {
    let rows = shares.iter().map(|share| {
        let success = percent(share.successes, share.turns);
        let [p50, p95] = share.response.p50_p95();
        vec![share.name.clone(), grouped(share.turns), success, p50, p95]
    });
    Table::figures([who, "turns", "success", median, "p95"], rows).block()
}
