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
    if !errors.grpc_codes.is_empty() {
        let codes = errors.grpc_codes.iter();
        let codes = codes.map(|(code, turns)| format!("{code} {}", counted(*turns, "turn")).into());
        blocks.push(Block::line("grpc", codes.collect()));
    }
    let unread = report.summary.unreadable.iter();
    blocks.extend(
        unread
            .map(|damage| Block::line("unread", vec![Words::new(Tone::Warning, damage.as_str())])),
    );
    blocks
}
