//! The most frequent errors, and what of the run's files could not be read.

use super::Report;
use crate::report::document::{Block, Column, Table, Words};
use crate::units::counted;
use crate::units::terminal::Tone;

pub(super) fn blocks(report: &Report<'_>) -> Vec<Block> {
    let errors = &report.summary.error_breakdown;
    let top = errors
        .top
        .iter()
        .map(|error| (error.turns, error.message.as_str()));
    let others = (errors.others > 0).then_some((errors.others, "with other messages"));
    let rows = top.chain(others);
    let rows = rows.map(|(turns, message)| vec![counted(turns, "turn").into(), message.into()]);
    let columns = [Column::Name("errors"), Column::Sentence("")];
    let mut blocks: Vec<Block> = Table::of(&columns, rows).block().into_iter().collect();
    let codes = [
        ("grpc", &errors.grpc_codes),
        ("http", &errors.http_statuses),
        ("closed", &errors.close_codes),
    ];
    for (label, codes) in codes.into_iter().filter(|(_, codes)| !codes.is_empty()) {
        let codes = codes.iter();
        let codes = codes.map(|(code, turns)| format!("{code} {}", counted(*turns, "turn")).into());
        blocks.push(Block::line(label, codes.collect()));
    }
    let unread = report.summary.unreadable.iter();
    blocks.extend(
        unread
            .map(|damage| Block::line("unread", vec![Words::new(Tone::Warning, damage.as_str())])),
    );
    blocks
}
