//! What was asked for, and on which machine.

use super::Report;
use crate::report::document::{Block, Column, Table};
use crate::results::settings::Setting;
use crate::units::{Human, counted, duration_text, grouped};

pub(super) fn blocks(report: &Report<'_>) -> Vec<Block> {
    let Some(pictures) = &report.pictures else {
        return Vec::new();
    };
    let run = pictures.run;
    let mut facts = vec![("run id", run.run_id.clone()), ("tool", run.tool.clone())];
    let mut fact = |name, value: Option<String>| facts.extend(value.map(|value| (name, value)));
    fact(
        "repeat",
        run.campaign.as_ref().map(|campaign| {
            let rest = duration_text(campaign.cool_down_ns);
            format!("{} of {}, {rest} apart", campaign.number, campaign.of)
        }),
    );
    fact("protocol", report.summary.run.spoken());
    fact("trace hash", Some(run.trace.content_blake3.clone()));
    let count = |setting: &Setting<u64>| setting.get().copied().map(grouped);
    fact("connections", count(&run.spec.connections));
    fact("streams a connection", count(&run.spec.stream_limit));
    fact("workers", count(&run.spec.workers));
    let host = &run.host;
    let cores = (host.cores > 0).then(|| counted(host.cores.into(), "core"));
    let parts = [&host.hostname, &host.os, &host.cpu].map(String::clone);
    let parts: Vec<String> = parts
        .into_iter()
        .chain(cores)
        .filter(|p| !p.is_empty())
        .collect();
    fact("machine", (!parts.is_empty()).then(|| parts.join(", ")));
    fact(
        "timer",
        run.calibration.as_ref().map(|timer| {
            let [p50, p99] = [timer.timer_error_p50_ns, timer.timer_error_p99_ns].map(Human);
            format!("{p50} late at the median, {p99} at p99")
        }),
    );
    let rows = facts
        .into_iter()
        .map(|(name, value)| vec![name.into(), value.into()]);
    let columns = [Column::Name("setting"), Column::Sentence("")];
    vec![
        Block::Heading("Run"),
        Block::Table(Table::of(&columns, rows)),
    ]
}
