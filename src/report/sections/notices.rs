//! What callers notice besides waiting, and how many turns were good enough for them.

use super::Report;
use crate::report::document::{Block, Words};
use crate::results::metrics::{Compared, SHARES};
use crate::units::{grouped, percent};

pub(super) fn blocks(report: &Report<'_>) -> Vec<Block> {
    let summary = report.summary;
    // What every run has is said with its turns.
    let shares = SHARES
        .iter()
        .filter(|share| share.compared == Compared::WhereAny);
    let noticed = shares.filter_map(|share| {
        let seen = summary
            .shares
            .get(share.name)
            .filter(|seen| seen.turns > 0)?;
        let share_of_all = percent(seen.events, seen.turns);
        Some(Words::from(format!("{} {share_of_all}", share.name)))
    });
    let noticed: Vec<Words> = noticed.collect();
    let noticed = (!noticed.is_empty()).then(|| Block::line("callers", noticed));
    let goodput = summary.goodput.iter().map(|one| {
        let share = match one.turns {
            0 => "–".to_owned(),
            turns => percent(one.good, turns),
        };
        let rate = one.per_s.map(|per_s| format!("{per_s:.2}/s").into());
        let said = [
            format!("{share} of {} turns", grouped(one.turns)).into(),
            one.expression.as_str().into(),
        ];
        Block::line("goodput", said.into_iter().chain(rate).collect())
    });
    noticed.into_iter().chain(goodput).collect()
}
