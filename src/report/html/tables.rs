//! The figures of a summary: those that matter most, and the tables.

use super::figure::{Columns, Table};
use super::markup::Markup;
use crate::report::breakdown::Share;
use crate::report::latencies::{LATENCIES, Latency};
use crate::report::recorded_baseline;
use crate::report::stats::Percentiles;
use crate::report::summary::Summary;
use crate::report::text::{cell, footnotes, outcome, shown};
use crate::results::row::Status;
use crate::units::{Human, grouped, percent};

/// The figures that a report is opened for.
pub(super) fn headline(html: &mut Markup, summary: &Summary) {
    let name = summary.headline();
    html.open("div", "cards");
    if let Some(figures) = summary.latencies.get(name) {
        let [p50, _, p95, p99, _] = figures.quantiles().map(cell);
        let latency = LATENCIES.iter().find(|latency| latency.name == name);
        let ends = latency.map_or("", |latency| latency.ends);
        let intervals = &figures.interval_ns;
        for (level, value, interval) in [
            ("p50", p50, intervals.p50),
            ("p95", p95, intervals.p95),
            ("p99", p99, intervals.p99),
        ] {
            let note = interval.map_or_else(
                || ends.to_owned(),
                |ends| format!("95 %: {}", between(ends)),
            );
            card(html, &format!("{name} {level}"), &value, &note);
        }
    }
    let turns = &summary.turns;
    let judged = turns.judged();
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

/// An interval; without an upper end where that falls among the turns without an answer.
fn between([low, high]: [Option<i64>; 2]) -> String {
    let end = |ns: Option<i64>| ns.map_or("∞".to_owned(), |ns| Human(ns).to_string());
    match low {
        Some(_) => format!("{} – {}", end(low), end(high)),
        None => end(None),
    }
}

/// How far the quantiles of every latency can be trusted.
fn intervals(html: &mut Markup, shown: &[(&Latency, &Percentiles)]) {
    let row = |(latency, figures): &(&Latency, &Percentiles)| {
        let ends = &figures.interval_ns;
        let ends = [ends.p50, ends.p90, ends.p95, ends.p99];
        let cells = ends.map(|ends| ends.map_or_else(|| "–".to_owned(), between));
        let fewest = figures
            .effective_n
            .map(|n| n.p50.min(n.p90).min(n.p95).min(n.p99));
        let mut row = vec![latency.name.to_owned()];
        row.extend(cells);
        row.push(fewest.map_or_else(|| "–".to_owned(), grouped));
        row
    };
    html.raw("<details><summary>95 % intervals</summary>\n");
    let head = vec!["latency", "p50", "p90", "p95", "p99", "effective turns"];
    Table::of(head, shown.iter().map(row).collect()).put(html);
    html.element(
        "p",
        "note",
        "From order statistics, with as many turns as say as much and have nothing to do with each other: turns of one \
         session, or user, are alike.",
    );
    html.close("details");
}

/// Every latency.
pub(super) fn latencies(html: &mut Markup, summary: &Summary) {
    let row = |(latency, figures): (&Latency, &Percentiles)| {
        let mut cells = vec![latency.name.to_owned()];
        cells.extend(figures.quantiles().map(cell));
        cells.extend([grouped(figures.n), latency.ends.to_owned()]);
        cells
    };
    let shown = shown(summary);
    let head = vec![
        "latency",
        "p50",
        "p90",
        "p95",
        "p99",
        "max",
        "turns",
        "from → to",
    ];
    let rows = shown
        .iter()
        .map(|(latency, figures)| row((latency, figures)));
    let table = Table::of(head, rows.collect()).with(Columns::NameAndMeaning);
    table.put(html);
    intervals(html, &shown);
    for note in footnotes(summary, &shown) {
        html.element("p", "note", &note);
    }
}

/// The answers that were recorded beside those of the run, for a recorded trace.
pub(super) fn recorded(html: &mut Markup, summary: &Summary) {
    let rows = recorded_baseline::names().filter_map(|name| {
        let paired = summary.recorded.get(name)?;
        let p50_p95 = |figures: &Percentiles| {
            let [p50, _, p95, ..] = figures.quantiles();
            [cell(p50), cell(p95)]
        };
        let mut cells = vec![name.to_owned(), grouped(paired.difference.n)];
        cells.extend(p50_p95(&paired.recorded));
        cells.extend(p50_p95(&paired.replayed));
        cells.push(cell(paired.difference.quantiles()[0]));
        Some(cells)
    });
    let head = vec![
        "beside the recorded calls",
        "turns",
        "recorded p50",
        "p95",
        "replayed p50",
        "p95",
        "difference",
    ];
    let table = Table::of(head, rows.collect());
    if !table.rows.is_empty() {
        table.put(html);
        html.element(
            "p",
            "note",
            "Turns that have both; the difference is the median of replayed less recorded, turn by turn.",
        );
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
            outcome(*status).to_owned(),
            grouped(count),
            percent(count, turns.rows),
        ]
    });
    let table = Table::of(vec!["status", "turns", "share"], rows.collect());
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
    let errors = &summary.error_breakdown;
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
        Table::of(head, rows).with(Columns::Sentence).put(html);
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
    let table = Table::of(
        vec![who, "turns", "success", "response p50", "p95"],
        rows.collect(),
    );
    if !table.rows.is_empty() {
        table.put(html);
    }
}
