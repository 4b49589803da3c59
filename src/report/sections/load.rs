//! The load that was planned and the load that was made, and how well the schedule was kept.

use super::Report;
use crate::report::document::{Block, Words};
use crate::report::lag::LagBasis;
use crate::report::summary::Summary;
use crate::units::{Human, counted, grouped};

/// What is to be known of `blocked` where a WebSocket carries sessions.
const BLOCKED_OF_WEBSOCKETS: &str = "over WebSockets a wait for the peer can hide in buffers between it and us, up to \
    the receive buffer of the server, so that blocked is not to be compared with that over gRPC";

pub(super) fn blocks(report: &Report<'_>) -> Vec<Block> {
    let summary = report.summary;
    let load = &summary.load;
    let of = |done: u64, planned: u64| format!("{} of {}", grouped(done), grouped(planned));
    let sessions = of(load.sessions_started, load.sessions_planned);
    let mut items = vec![Words::from(format!("{sessions} sessions"))];
    items.extend(load.peak_sessions.map(|peak| {
        let planned = grouped(load.peak_sessions_planned);
        Words::from(format!("{} at once ({planned} planned)", grouped(peak)))
    }));
    items.extend(load.chunks_sent.map(|sent| {
        // A caller with an open microphone sends silence for as long as an answer takes, which no plan knows.
        match sent.saturating_sub(load.chunks_planned) {
            0 => Words::from(format!("{} chunks", of(sent, load.chunks_planned))),
            more => Words::from(format!(
                "{} chunks ({} more than planned, of silence during answers)",
                grouped(sent),
                grouped(more)
            )),
        }
    }));
    let mut blocks = vec![Block::line("load", items)];
    if let Some(rates) = &load.rates {
        let line = |label, sessions: f64, chunks: f64| {
            let rates = [
                format!("{sessions:.2} sessions/s"),
                format!("{chunks:.1} chunks/s"),
            ];
            Block::line(label, rates.map(Words::from).into())
        };
        blocks.extend([
            line(
                "offered",
                rates.offered_sessions_per_s,
                rates.offered_chunks_per_s,
            ),
            line(
                "achieved",
                rates.achieved_sessions_per_s,
                rates.achieved_chunks_per_s,
            ),
        ]);
    }
    blocks.push(Block::line("lag", lag(summary)));
    if summary.run.dialect.is_websocket() {
        blocks.push(Block::note(BLOCKED_OF_WEBSOCKETS));
    }
    blocks.extend(ready(summary).map(|said| Block::line("ready", said)));
    blocks
}

/// How long servers took to be ready: it is no part of the lag.
fn ready(summary: &Summary) -> Option<Vec<Words>> {
    let wait = summary.ready_wait.as_ref()?;
    let [p50, _, _, p99, max] = wait.figures.quantiles().map(|at| at.to_string());
    let mut items = vec![
        format!("server ready p50 {p50}"),
        format!("p99 {p99}"),
        format!("max {max} after the upgrade"),
    ];
    if wait.never > 0 {
        items.push(format!("never in {}", counted(wait.never, "session")));
    }
    Some(items.into_iter().map(Words::from).collect())
}

fn lag(summary: &Summary) -> Vec<Words> {
    let Some(lag) = &summary.lag else {
        return vec!["not known".into()];
    };
    let at_most = match lag.basis {
        LagBasis::Measured => "",
        LagBasis::UpperBound => "≤ ",
    };
    let figures = &lag.figures;
    let (late, all) = (grouped(figures.late_chunks), grouped(figures.chunks));
    let items = [
        format!("p50 {at_most}{}", Human(figures.p50_ns)),
        format!("p99 {at_most}{}", Human(figures.p99_ns)),
        format!("p99.9 {at_most}{}", Human(figures.p999_ns)),
        format!("max {}", Human(figures.max_ns)),
        format!("{late} of {all} chunks late"),
        blocked(figures.blocked_chunks, summary.blocked_ns),
    ];
    items.map(Words::from).into()
}

fn blocked(chunks: u64, waited_ns: i64) -> String {
    let said = format!("{} blocked by the peer", grouped(chunks));
    match waited_ns {
        0 => said,
        ns => format!("{said} (all waits together {})", Human(ns)),
    }
}
