//! The receiver's testimony, for people.

use super::{Quantiles, ReceiverCheck};
use crate::units::terminal::{LABEL, Page, Tone};
use crate::units::{Human, counted, grouped};

/// The testimony as text of at most 80 columns, where the run's name is not longer.
///
/// Without `colour` it holds no escape codes.
#[must_use]
pub fn render(check: &ReceiverCheck, colour: bool) -> String {
    let mut page = Page::new(colour);
    let sent = counted(check.messages.sent, "message");
    let arrived = grouped(check.messages.arrived);
    let items = [
        (check.run.clone(), Tone::Strong),
        (format!("{sent} sent, {arrived} arrived"), Tone::Plain),
    ];
    page.items("run", &items);
    verdict(&mut page, check);
    messages(&mut page, check);
    page.end_line();
    spreads(&mut page, check);
    drift(&mut page, check);
    page.into_text()
}

fn verdict(page: &mut Page, check: &ReceiverCheck) {
    let (text, tone) = match (check.failures.is_empty(), check.same_clock) {
        (true, true) => ("KEPT: the receiver saw the schedule", Tone::Good),
        (true, false) => (
            "KEPT as far as gaps can tell: every message arrived once and in order",
            Tone::Warning,
        ),
        (false, _) => ("FAILED: the receiver did not see the schedule", Tone::Bad),
    };
    page.words("verdict", text, LABEL, tone);
    for failure in &check.failures {
        page.point(failure, Tone::Plain);
    }
    if !check.same_clock {
        let note = "The log is of another boot or machine, or does not say which: instants \
                    cannot be compared, gaps can.";
        page.words("clocks", note, LABEL, Tone::Warning);
    }
    if !check.run_ended {
        let note = "The run was killed, or is under way: its last messages have no row, and their \
                    arrivals are not held against it.";
        page.words("ended", note, LABEL, Tone::Warning);
    }
}

fn messages(page: &mut Page, check: &ReceiverCheck) {
    let counts = &check.messages;
    let judged = check.chunks.error.map_or(0, |error| error.n);
    // The first ones are said even when there are none: that is what a witness is asked for.
    let mut items = vec![
        format!("{} lost", grouped(counts.lost)),
        format!("{} doubled", grouped(counts.doubled)),
        format!("{} reordered", grouped(counts.reordered)),
    ];
    if check.same_clock {
        let late = grouped(check.chunks.late);
        items.push(format!("{late} of {} late", counted(judged, "chunk")));
    }
    let others = [
        (counts.cut_off, "cut off with their stream"),
        (counts.altered, "of another length"),
        (counts.unknown, "without a row in the run"),
        (counts.of_other_runs, "of other runs, left out"),
    ];
    let others = others.into_iter().filter(|(count, _)| *count > 0);
    items.extend(others.map(|(count, what)| format!("{} {what}", grouped(count))));
    let items: Vec<_> = items.into_iter().map(|item| (item, Tone::Plain)).collect();
    page.items("messages", &items);
}

fn spreads(page: &mut Page, check: &ReceiverCheck) {
    let [p50, p99, p999, max] = ["p50", "p99", "p99.9", "max"];
    let header = format!("{:38}{p50:>10}{p99:>10}{p999:>10}{max:>10}", "chunks");
    page.put(&header, Tone::Strong);
    page.end_line();
    let lines = [
        ("error", "plan → arrival", check.chunks.error),
        ("lag", "plan → sent", check.chunks.lag),
        ("transit", "sent → arrival", check.chunks.transit),
        ("gap error", "|gap − planned gap|", check.chunks.gap_error),
    ];
    for (name, ends, spread) in lines {
        if let Some(spread) = spread {
            page.put(&format!("{name:<LABEL$}"), Tone::Plain);
            page.put(&format!("{ends:<28}"), Tone::Faint);
            page.put(&cells(&spread), Tone::Plain);
            page.end_line();
        }
    }
}

fn cells(spread: &Quantiles) -> String {
    let figures = [spread.p50_ns, spread.p99_ns, spread.p999_ns, spread.max_ns];
    let cells = figures.map(|ns| format!("{:>10}", Human(ns)));
    cells.concat()
}

fn drift(page: &mut Page, check: &ReceiverCheck) {
    let Some(drift) = &check.chunks.drift else {
        return;
    };
    page.end_line();
    let items = [
        format!("{} a minute", signed(drift.per_minute_ns)),
        format!("{} over the run", signed(drift.over_run_ns)),
        format!("error p99 {} at first", Human(drift.first_p99_ns)),
        format!("{} at last", Human(drift.last_p99_ns)),
    ];
    page.items("drift", &items.map(|item| (item, Tone::Plain)));
}

fn signed(ns: f64) -> String {
    let sign = if ns < 0.0 { "" } else { "+" };
    format!("{sign}{}", Human(ns.round() as i64))
}
