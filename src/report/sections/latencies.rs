//! The latencies of the requests that headline figures are over, and how far they can be trusted.

use std::collections::BTreeMap;

use super::Report;
use crate::report::document::{Block, Column, Table, Words};
use crate::report::stats::{Level, Percentiles, Quantile};
use crate::report::summary::Summary;
use crate::results::answer::AnswerKind;
use crate::results::metrics::{LATENCIES, Latency};
use crate::results::protocol::Endpointing;
use crate::units::terminal::Tone;
use crate::units::{Human, counted, grouped, percent};

/// The latencies that there are figures of, the headline first.
type Shown<'a> = [(&'static Latency, &'a Percentiles)];

pub(super) fn blocks(report: &Report<'_>) -> Vec<Block> {
    let summary = report.summary;
    let shown = shown(summary);
    let row = |(latency, figures): &(&Latency, &Percentiles)| {
        let tone = match latency.name == summary.headline() {
            true => Tone::Strong,
            false => Tone::Plain,
        };
        let name = Words::new(tone, latency.name.trim_end_matches("_latency"));
        let figures = figures
            .quantiles()
            .map(|at| Words::new(tone, at.to_string()));
        let mut row = vec![name, Words::new(Tone::Faint, latency.ends)];
        row.extend(figures);
        row
    };
    let figures = ["p50", "p90", "p95", "p99", "max"].map(Column::Figure);
    let columns = [&[Column::Name("latency"), Column::Name("")][..], &figures].concat();
    let mut blocks = vec![
        Block::Heading("Latencies"),
        Block::Cards(cards(summary)),
        Block::Table(Table::of(&columns, shown.iter().map(row))),
        Block::Note(what_is_measured(summary).into()),
    ];
    if let Some((_, figures)) = shown.first().filter(|(_, figures)| figures.n > 1) {
        blocks.push(Block::line("", trust(figures)));
    }
    blocks.extend(signs(summary, &shown).into_iter().map(Block::note));
    blocks.extend(without(summary).into_iter().map(Block::note));
    blocks.push(Block::Details("95 % intervals", intervals(&shown)));
    blocks
}

fn shown(summary: &Summary) -> Vec<(&'static Latency, &Percentiles)> {
    let known = LATENCIES.iter();
    let known = known.filter_map(|latency| Some((latency, summary.latencies.get(latency.name)?)));
    let mut shown: Vec<_> = known
        .filter(
            |(latency, figures)| match latency.unanswered_counts(summary.answers_by) {
                true => latency.is_given(summary.run.dialect, summary.answers_by),
                false => figures.n > 0,
            },
        )
        .collect();
    // Stable: what is not the headline keeps its place.
    shown.sort_by_key(|(latency, _)| latency.name != summary.headline());
    shown
}

/// An interval; without an upper end where that falls among the turns without an answer.
fn between([low, high]: [Option<i64>; 2]) -> String {
    let end = |ns: Option<i64>| ns.map_or("∞".to_owned(), |ns| Human(ns).to_string());
    match low {
        Some(_) => format!("{}..{}", end(low), end(high)),
        None => end(None),
    }
}

fn what_is_measured(summary: &Summary) -> String {
    let measured = &summary.measured;
    let [before, after] = match summary.run.closed_loop {
        Some(_) => ["in the ramp up", "in the ramp down"],
        None => ["in warm-up", "in drain"],
    };
    let (answered, rows) = (grouped(measured.answered), grouped(measured.rows));
    let left_out = listed(&[
        (measured.cut_off, "cut off"),
        (measured.overlapped, "overlapped"),
        (measured.no_speech, "without speech"),
        (measured.stopped, "stopped early"),
        (measured.warmup, before),
        (measured.drain, after),
    ]);
    format!("answered {answered} of {rows} turns{left_out}")
}

/// What was left out, and why; nothing where nothing was.
pub(super) fn listed(counts: &[(u64, &str)]) -> String {
    let counts = counts.iter().filter(|(count, _)| *count > 0);
    let counts: Vec<String> = counts
        .map(|(count, why)| format!("{} {why}", grouped(*count)))
        .collect();
    match counts.is_empty() {
        true => String::new(),
        false => format!("; left out: {}", counts.join(", ")),
    }
}

/// The intervals of the usual quantiles and the effective number of requests.
fn trust(figures: &Percentiles) -> Vec<Words> {
    let Some(effective) = figures.effective_n else {
        return vec!["95 % interval: none, since all turns are of one session or user".into()];
    };
    let ends = &figures.interval_ns;
    let intervals = [("p50", ends.p50), ("p95", ends.p95), ("p99", ends.p99)];
    let mut items: Vec<String> = intervals
        .into_iter()
        .filter_map(|(name, ends)| Some(format!("{name} {}", between(ends?))))
        .collect();
    match items.first_mut() {
        Some(first) => first.insert_str(0, "95 % interval "),
        None => items.push("95 % interval: none".to_owned()),
    }
    let fewer = [("p95", effective.p95), ("p99", effective.p99)];
    let fewer = fewer.into_iter().filter(|(_, n)| *n < effective.p50);
    let fewer: Vec<String> = fewer
        .map(|(level, n)| format!("{level} {}", grouped(n)))
        .collect();
    let of_p50 = grouped(effective.p50);
    items.push(match fewer.is_empty() {
        true => format!("effective n {of_p50}"),
        false => format!("effective n {of_p50} ({})", fewer.join(", ")),
    });
    items.into_iter().map(Words::from).collect()
}

/// What the signs of the table mean, and which latencies are not of all turns.
fn signs(summary: &Summary, shown: &Shown<'_>) -> Vec<String> {
    let rows = summary.measured.rows;
    let has = |figures: &Percentiles, sign| figures.quantiles().contains(&sign);
    let few = |(_, figures): &(&Latency, &Percentiles)| has(figures, Quantile::NotEnough);
    let mut notes = Vec::new();
    if shown.iter().any(few) {
        let [p90, p95, p99] = [Level::P90, Level::P95, Level::P99].map(Level::min_rows);
        let n = match shown.iter().all(few) {
            true => format!("n={}", grouped(rows)),
            false => "n below".to_owned(),
        };
        notes.push(format!(
            "– not enough data ({n}): p90 needs {p90} effective, p95 {p95}, p99 {p99}"
        ));
    }
    if shown
        .iter()
        .any(|(_, figures)| has(figures, Quantile::NoAnswer))
    {
        let note = "∞ no answer: a turn without one counts as longer than every other";
        notes.push(note.to_owned());
    }
    let mut partial: BTreeMap<u64, Vec<&str>> = BTreeMap::new();
    for (latency, figures) in shown.iter().filter(|(_, figures)| figures.n != rows) {
        partial.entry(figures.n).or_default().push(latency.name);
    }
    let partial = partial.iter().rev();
    notes
        .extend(partial.map(|(n, names)| {
            format!("measured in {}: {}", counted(*n, "turn"), names.join(", "))
        }));
    notes
}

/// What the figures do not contain, and which of them there cannot be.
fn without(summary: &Summary) -> Vec<String> {
    let mut notes = Vec::new();
    if summary.run.endpointing == Some(Endpointing::None) {
        let note = "without endpointing: callers said when they had spoken, so that no figure contains the server's \
                    detection of it";
        notes.push(note.to_owned());
    }
    let dialect = summary.run.dialect;
    let (by_protocol, by_text): (Vec<&Latency>, Vec<&Latency>) =
        summary.not_given().partition(|latency| {
            summary.answers_by != AnswerKind::Text || !latency.is_given(dialect, AnswerKind::Audio)
        });
    let named = [
        ("not given by this protocol", by_protocol),
        ("not given by answers of text alone", by_text),
    ];
    for (why, latencies) in named.into_iter().filter(|(_, all)| !all.is_empty()) {
        let names: Vec<&str> = latencies.iter().map(|latency| latency.name).collect();
        notes.push(format!("{why}: {}", names.join(", ")));
    }
    notes
}

/// How far the quantiles of every latency can be trusted.
fn intervals(shown: &Shown<'_>) -> Vec<Block> {
    let rows = shown.iter().map(|(latency, figures)| {
        let ends = &figures.interval_ns;
        let ends = [ends.p50, ends.p90, ends.p95, ends.p99];
        let ends = ends.map(|ends| ends.map_or_else(|| "–".to_owned(), between));
        let fewest = figures
            .effective_n
            .map(|n| n.p50.min(n.p90).min(n.p95).min(n.p99));
        let fewest = fewest.map_or_else(|| "–".to_owned(), grouped);
        [&[latency.name.to_owned()][..], &ends, &[fewest]].concat()
    });
    let heads = ["latency", "p50", "p90", "p95", "p99", "effective turns"];
    let note = "From order statistics, with as many turns as say as much and have nothing to do with each \
                other: turns of one session, or user, are alike.";
    vec![Block::Table(Table::figures(heads, rows)), Block::note(note)]
}

/// The figures that a report is opened for.
fn cards(summary: &Summary) -> Vec<[String; 3]> {
    let name = summary.headline();
    let ends = LATENCIES.iter().find(|latency| latency.name == name);
    let ends = ends.map_or("", |latency| latency.ends);
    let mut cards = Vec::new();
    if let Some(figures) = summary.latencies.get(name) {
        let [p50, _, p95, p99, _] = figures.quantiles().map(|at| at.to_string());
        let intervals = &figures.interval_ns;
        for (level, value, interval) in [
            ("p50", p50, intervals.p50),
            ("p95", p95, intervals.p95),
            ("p99", p99, intervals.p99),
        ] {
            let note = interval.map(|ends| format!("95 %: {}", between(ends)));
            cards.push([
                format!("{name} {level}"),
                value,
                note.unwrap_or(ends.to_owned()),
            ]);
        }
    }
    let (successes, judged) = (summary.turns.successes, summary.turns.judged());
    let success = match judged {
        0 => "–".to_owned(),
        _ => percent(successes, judged),
    };
    let of = format!("{} of {} turns", grouped(successes), grouped(judged));
    cards.push(["success".to_owned(), success, of]);
    let load = &summary.load;
    cards.extend(load.peak_sessions.map(|peak| {
        let planned = format!("{} planned", grouped(load.peak_sessions_planned));
        ["sessions at once".to_owned(), grouped(peak), planned]
    }));
    cards.extend(summary.lag.map(|lag| {
        let late = format!("{} chunks late", grouped(lag.figures.late_chunks));
        [
            "schedule lag p99".to_owned(),
            Human(lag.figures.p99_ns).to_string(),
            late,
        ]
    }));
    cards
}
