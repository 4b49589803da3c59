//! The sections of a report on a run: a file each, which gives blocks, in the order in which they are
//! read.

mod answered_by;
mod check;
mod collect;
mod diagnosis;
mod distribution;
mod errors;
mod guidance;
mod heading;
mod latencies;
mod line_chart;
mod load;
mod notices;
mod outcomes;
mod over_time;
mod report;
mod run_facts;
mod servers;
mod slowest;
mod verdict;
mod words;

use super::document::Block;
pub(super) use collect::Collected;
pub(super) use report::{Pictures, Report};
pub(super) use verdict::badge;

/// The sections, in order.
const SECTIONS: [fn(&Report<'_>) -> Vec<Block>; 18] = [
    heading::blocks,
    verdict::blocks,
    latencies::blocks,
    |report| report.summary.sections.blocks(),
    outcomes::blocks,
    notices::blocks,
    words::blocks,
    load::blocks,
    errors::blocks,
    answered_by::blocks,
    servers::blocks,
    diagnosis::blocks,
    guidance::blocks,
    check::blocks,
    over_time::blocks,
    distribution::blocks,
    slowest::blocks,
    run_facts::blocks,
];

/// The report on a run.
pub(super) fn blocks(report: &Report<'_>) -> Vec<Block> {
    SECTIONS
        .iter()
        .flat_map(|section| section(report))
        .collect()
}
