//! The figures of a summary: those that matter most, and the tables.

use super::figure::Table;
use super::markup::Markup;
use crate::report::breakdown::Share;
use crate::report::latencies::{LATENCIES, Latency};
use crate::report::layout::{grouped, percent};
use crate::report::stats::Percentiles;
use crate::report::summary::Summary;
use crate::report::text::{cell, footnotes, shown};
use crate::results::row::Status;
use crate::units::Human;

/// The figures that a report is opened for.
pub(super) fn headline(html: &mut Markup, summary: &Summary) {
    let name = summary.headline();
    html.open("div", "cards");
    if let Some(figures) = summary.latencies.get(name) {
        let [p50, _, p95, p99, _] = figures.quantiles().map(cell);
        let latency = LATENCIES.iter().find(|latency| latency.name == name);
        let ends = latency.map_or("", |latency| latency.ends);
        card(html, &format!("{name} p50"), &p50, ends);
        card(html, &format!("{name} p95"), &p95, ends);
        card(html, &format!("{name} p99"), &p99, ends);
    }
    let turns = &summary.turns;
    let cancelled = turns.outcomes.get(Status::Cancelled.name()).unwrap_or(&0);
    let judged = turns.rows.saturating_sub(*cancelled);
    let success = match judged {
        0 => "–".to_owned(),
        _ => percent(turns.successes, judged),
    };
    card(
        html,
        "success",
        &success,
        &format!("{} of {} turns", grouped(turns.successes), grouped(judged)),
    );
    if let Some(peak) = summary.load.peak_sessions {
        let planned = grouped(summary.load.peak_sessions_planned);
        card(
            html,
            "sessions at once",
            &grouped(peak),
            &format!("{planned} planned"),
        );
    }
    if let Some(lag) = &summary.lag {
        let late = grouped(lag.figures.late_chunks);
        card(
            html,
            "schedule lag p99",
            &Human(lag.figures.p99_ns).to_string(),
            &format!("{late} chunks late"),
        );
    }
    html.close("div");
}

fn card(html: &mut Markup, name: &str, value: &str, note: &str) {
    html.open("div", "card");
    html.element("span", "name", name);
    html.element("span", "value", value);
    html.element("span", "note", note);
    html.close("div");
}

/// Every latency.
pub(super) fn latencies(html: &mut Markup, summary: &Summary) {
    let row = |(latency, figures): (&Latency, &Percentiles)| {
        let mut cells = vec![
            latency.name.to_owned(),
            latency.ends.to_owned(),
            grouped(figures.n),
        ];
        cells.extend(figures.quantiles().map(cell));
        cells
    };
    let shown = shown(summary);
    let table = Table {
        head: vec![
            "latency",
            "from → to",
            "turns",
            "p50",
            "p90",
            "p95",
            "p99",
            "max",
        ],
        rows: shown
            .iter()
            .map(|(latency, figures)| row((latency, figures)))
            .collect(),
    };
    table.put(html);
    for note in footnotes(summary, &shown) {
        html.element("p", "note", &note);
    }
}

/// Turns by status.
pub(super) fn outcomes(html: &mut Markup, summary: &Summary) {
    let turns = &summary.turns;
    let count = |status: &Status| turns.outcomes.get(status.name()).copied().unwrap_or(0);
    let met = Status::ALL.iter().rev().filter(|status| count(status) > 0);
    let rows = met.map(|status| {
        let count = count(status);
        vec![
            status.name().to_owned(),
            grouped(count),
            percent(count, turns.rows),
        ]
    });
    let table = Table {
        head: vec!["status", "turns", "share"],
        rows: rows.collect(),
    };
    table.put(html);
    html.element(
        "p",
        "note",
        &format!(
            "{} of {} planned turns started.",
            grouped(turns.started),
            grouped(turns.planned)
        ),
    );
}

/// The most frequent errors.
pub(super) fn errors(html: &mut Markup, summary: &Summary) {
    let errors = &summary.errors;
    let mut rows: Vec<_> = errors
        .top
        .iter()
        .map(|error| vec![error.message.clone(), grouped(error.turns)])
        .collect();
    if errors.others > 0 {
        rows.push(vec!["other messages".to_owned(), grouped(errors.others)]);
    }
    let codes = errors.grpc_codes.iter();
    rows.extend(codes.map(|(code, turns)| vec![format!("gRPC status {code}"), grouped(*turns)]));
    if !rows.is_empty() {
        let head = vec!["error", "turns"];
        Table { head, rows }.put(html);
    }
}

/// Turns by who answered them.
pub(super) fn shares(html: &mut Markup, who: &'static str, shares: &[Share]) {
    let rows = shares.iter().map(|share| {
        let [p50, _, p95, ..] = share.response.quantiles();
        let success = percent(share.successes, share.turns);
        vec![
            share.name.clone(),
            grouped(share.turns),
            success,
            cell(p50),
            cell(p95),
        ]
    });
    let table = Table {
        head: vec![who, "turns", "success", "response p50", "p95"],
        rows: rows.collect(),
    };
    if !table.rows.is_empty() {
        table.put(html);
    }
}
