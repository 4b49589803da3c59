//! The receiver check, for people.

use super::{Quantiles, ReceiverCheck};
use crate::report::document::{Block, Column, Table, Words};
use crate::report::text;
use crate::units::terminal::Tone;
use crate::units::{Human, counted, grouped};

/// The check as text of at most 80 columns, where the run's name is not longer.
///
/// Without `colour` it holds no escape codes.
#[must_use]
pub fn render(check: &ReceiverCheck, colour: bool) -> String {
    let sent = counted(check.messages.sent, "message");
    let arrived = grouped(check.messages.arrived);
    let mut blocks = vec![
        Block::Title {
            kind: "run",
            name: check.run.clone(),
            facts: vec![format!("{sent} sent, {arrived} arrived")],
            labels: Vec::new(),
        },
        verdict(check),
    ];
    let warning = |label, note| Block::line(label, vec![Words::new(Tone::Warning, note)]);
    if !check.same_clock {
        let note = "The log is of another boot or machine, or does not say which: instants \
                    cannot be compared, gaps can.";
        blocks.push(warning("clocks", note));
    }
    if !check.run_ended {
        let note = "The run was killed, or is under way: its last messages have no row, and their \
                    arrivals are not held against it.";
        blocks.push(warning("ended", note));
    }
    blocks.push(messages(check));
    blocks.extend(drift(check));
    blocks.push(Block::Heading("Chunks"));
    blocks.push(times(check));
    text::write(&blocks, colour)
}

fn verdict(check: &ReceiverCheck) -> Block {
    let (text, tone) = match (check.failures.is_empty(), check.same_clock) {
        (true, true) => ("KEPT: the receiver saw the schedule", Tone::Good),
        (true, false) => (
            "KEPT as far as gaps can tell: every message arrived once and in order",
            Tone::Warning,
        ),
        (false, _) => ("FAILED: the receiver did not see the schedule", Tone::Bad),
    };
    let failures = check.failures.iter().map(|failure| failure.as_str().into());
    Block::points("verdict", vec![Words::new(tone, text)], failures.collect())
}

fn messages(check: &ReceiverCheck) -> Block {
    let counts = &check.messages;
    let judged = check.chunks.error.map_or(0, |error| error.n);
    let late = grouped(check.chunks.late);
    let late = format!("{late} of {} late", counted(judged, "chunk"));
    // The first ones are said even when there are none: that is what the check is asked for.
    let mut items = vec![
        format!("{} lost", grouped(counts.lost)),
        format!("{} doubled", grouped(counts.doubled)),
        format!("{} reordered", grouped(counts.reordered)),
    ];
    items.extend(check.same_clock.then_some(late));
    let others = [
        (counts.cut_off, "cut off with their stream"),
        (counts.altered, "of another length"),
        (counts.unknown, "without a row in the run"),
        (counts.of_other_runs, "of other runs, left out"),
    ];
    let others = others.into_iter().filter(|(count, _)| *count > 0);
    items.extend(others.map(|(count, what)| format!("{} {what}", grouped(count))));
    Block::line("messages", items.into_iter().map(Words::from).collect())
}

fn times(check: &ReceiverCheck) -> Block {
    let chunks = &check.chunks;
    let lines = [
        ("error", "plan → arrival", chunks.error),
        ("lag", "plan → sent", chunks.lag),
        ("transit", "sent → arrival", chunks.transit),
        ("gap error", "|gap − planned gap|", chunks.gap_error),
    ];
    let row = |(name, ends, spread): (&str, &str, Option<Quantiles>)| {
        let of = spread?;
        let figures = [of.p50_ns, of.p99_ns, of.p999_ns, of.max_ns];
        let figures = figures.map(|ns| Human(ns).to_string().into());
        let name = [Words::from(name), Words::new(Tone::Faint, ends)];
        Some(name.into_iter().chain(figures).collect())
    };
    let heads = ["p50", "p99", "p99.9", "max"].map(Column::Figure);
    let columns = [&[Column::Name("chunks"), Column::Name("")], &heads[..]].concat();
    Block::Table(Table::of(&columns, lines.into_iter().filter_map(row)))
}

fn drift(check: &ReceiverCheck) -> Option<Block> {
    let drift = check.chunks.drift.as_ref()?;
    let items = [
        format!("{} a minute", signed(drift.per_minute_ns)),
        format!("{} over the run", signed(drift.over_run_ns)),
        format!("error p99 {} at first", Human(drift.first_p99_ns)),
        format!("{} at last", Human(drift.last_p99_ns)),
    ];
    Some(Block::line("drift", items.map(Words::from).to_vec()))
}

fn signed(ns: f64) -> String {
    let sign = if ns < 0.0 { "" } else { "+" };
    format!("{sign}{}", Human(ns.round() as i64))
}
