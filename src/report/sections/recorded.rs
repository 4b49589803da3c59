//! The answers that were recorded beside those of the run, for a recorded trace.

use super::Report;
use super::latencies::{cell, p50_p95};
use crate::report::document::{Block, Table, Words};
use crate::report::recorded_baseline;
use crate::report::stats::Quantile;
use crate::units::terminal::Tone;
use crate::units::{Human, counted, grouped};

pub(super) fn blocks(report: &Report<'_>) -> Vec<Block> {
    let recorded = &report.summary.recorded;
    let Some(response) = recorded.get("response") else {
        return Vec::new();
    };
    let rows = recorded_baseline::names().filter_map(|name| {
        let paired = recorded.get(name)?;
        let difference = match paired.difference.quantiles()[0] {
            Quantile::Value(ns) if ns > 0 => format!("+{}", Human(ns)),
            other => cell(other),
        };
        let mut row = vec![name.to_owned(), grouped(paired.difference.n)];
        row.extend(p50_p95(&paired.recorded));
        row.extend(p50_p95(&paired.replayed));
        row.push(difference);
        Some(row)
    });
    let heads = [
        "beside the recorded calls",
        "turns",
        "recorded",
        "p95",
        "replayed",
        "p95",
        "paired",
    ];
    let note = "p50 and p95 of turns that have both; paired is the median of replayed less recorded, turn \
                by turn";
    let mut blocks = vec![
        Block::Heading("Recorded calls"),
        Block::Table(Table::figures(heads, rows)),
        Block::note(note),
    ];
    let (before, now) = (response.only_recorded, response.only_replayed);
    if before + now > 0 {
        let note = format!(
            "answered only when it was recorded: {}; only now: {}",
            counted(before, "turn"),
            counted(now, "turn")
        );
        blocks.push(Block::Note(Words::new(Tone::Warning, note)));
    }
    blocks
}
