//! The receiver's testimony, for people.

use super::{Spread, Witness};
use crate::report::layout::{Page, Tone, grouped};
use crate::units::{Human, NS_PER_MS};

/// The testimony as text, in colour or not.
#[must_use]
pub fn render(witness: &Witness, colour: bool) -> String {
    let mut page = Page::new(colour);
    let counts = &witness.messages;
    page.items(
        "witness",
        &[
            (witness.run.clone(), Tone::Plain),
            (
                format!("{} messages sent", grouped(counts.sent)),
                Tone::Plain,
            ),
            (format!("{} arrived", grouped(counts.arrived)), Tone::Plain),
        ],
    );
    match witness.failures.is_empty() {
        true => page.items(
            "verdict",
            &[("KEPT: the receiver saw the schedule".to_owned(), Tone::Good)],
        ),
        false => {
            let failed = "FAILED: the receiver did not see the schedule".to_owned();
            page.items("verdict", &[(failed, Tone::Bad)]);
            for failure in &witness.failures {
                page.words("", failure, 10, Tone::Bad);
            }
        }
    }
    let found = [
        (counts.lost, "lost"),
        (counts.cut_off, "cut off with their stream"),
        (counts.doubled, "doubled"),
        (counts.reordered, "reordered"),
        (counts.altered, "of another length"),
        (counts.unknown, "not sent by this run"),
        (counts.of_other_runs, "of other runs"),
        (witness.late, "chunks late"),
    ];
    let found = found.map(|(count, what)| (format!("{} {what}", grouped(count)), Tone::Plain));
    page.items("messages", &found);
    if !witness.same_clock {
        let note = "The log is of another machine or boot: instants cannot be compared, gaps can.";
        page.words("clocks", note, 10, Tone::Warning);
    }
    page.end_line();
    let [p50, p99, p999, max] = ["p50", "p99", "p99.9", "max"];
    page.put(
        &format!("{:38}{p50:>10}{p99:>10}{p999:>10}{max:>10}", "chunks"),
        Tone::Strong,
    );
    page.end_line();
    let lines = [
        ("error     plan → arrival", witness.error),
        ("lag       plan → sent", witness.lag),
        ("transit   sent → arrival", witness.transit),
        ("gap error |gap − planned gap|", witness.gap_error),
    ];
    for (label, spread) in lines {
        if let Some(spread) = spread {
            page.put(&line(label, &spread), Tone::Plain);
            page.end_line();
        }
    }
    if let Some(drift) = &witness.drift {
        page.end_line();
        let micros = drift.over_run_ns / NS_PER_MS as f64 * 1e3;
        let items = [
            format!("{micros:+.1} µs over the run"),
            format!("error p99 {} at first", Human(drift.first_p99_ns)),
            format!("{} at last", Human(drift.last_p99_ns)),
        ];
        page.items("drift", &items.map(|item| (item, Tone::Plain)));
    }
    page.into_text()
}

fn line(label: &str, spread: &Spread) -> String {
    let figures = [spread.p50_ns, spread.p99_ns, spread.p999_ns, spread.max_ns];
    let [p50, p99, p999, max] = figures.map(|ns| Human(ns).to_string());
    format!("{label:38}{p50:>10}{p99:>10}{p999:>10}{max:>10}")
}
