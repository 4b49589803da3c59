//! A comparison for a terminal.

use super::model::{Against, Change, Comparison, Difference};
use super::wording;
use crate::units::terminal::{LABEL, Page, Tone};

/// The comparison as text of at most 80 columns, where names and addresses are not longer.
///
/// Without `colour` it holds no escape codes.
#[must_use]
pub fn render(comparison: &Comparison, colour: bool) -> String {
    let mut page = Page::new(colour);
    page.words(
        "base",
        &wording::side(&comparison.base),
        LABEL,
        Tone::Strong,
    );
    for (i, against) in comparison.against.iter().enumerate() {
        if i > 0 {
            page.end_line();
        }
        beside(&mut page, against);
    }
    page.end_line();
    let method = wording::method(comparison.tested, comparison.resamples);
    page.words("", &method, LABEL, Tone::Faint);
    page.into_text()
}

fn beside(page: &mut Page, against: &Against) {
    page.words("run", &wording::side(&against.side), LABEL, Tone::Strong);
    page.words("rows", &wording::rows(against), LABEL, Tone::Plain);
    let tone = if against.load.equal {
        Tone::Plain
    } else {
        Tone::Warning
    };
    page.words("load", &wording::load(&against.load), LABEL, tone);
    for warning in &against.warnings {
        page.words("note", warning, LABEL, Tone::Warning);
    }
    page.end_line();
    if !against.differences.is_empty() {
        header(page);
    }
    against
        .differences
        .iter()
        .for_each(|difference| line(page, difference));
    if !against.differences.is_empty() {
        let (is_worse, words) = wording::conclusion(&against.differences);
        let tone = if is_worse { Tone::Bad } else { Tone::Good };
        page.words("result", &words, LABEL, tone);
    }
    for reason in &against.left_out {
        page.words("left out", reason, LABEL, Tone::Faint);
    }
}

fn header(page: &mut Page) {
    let [base, run, change, interval, p] = ["base", "run", "change", "95 % interval", "p"];
    let header = format!(
        "{:14}{base:>9}{run:>9}{change:>9}{interval:>23}{p:>8}",
        "metric"
    );
    page.put(&header, Tone::Strong);
    page.end_line();
}

fn line(page: &mut Page, difference: &Difference) {
    let cells = wording::cells(difference);
    let tone = match difference.change {
        Change::Better => Tone::Good,
        Change::Worse => Tone::Bad,
        Change::NotSignificant => Tone::Plain,
    };
    let figures = format!(
        "{:14}{:>9}{:>9}{:>9}{:>23}{:>8}",
        difference.metric, cells.base, cells.run, cells.change, cells.interval, cells.p
    );
    page.put(&figures, Tone::Plain);
    if !cells.verdict.is_empty() {
        page.put(" ", Tone::Plain);
        page.put(cells.verdict, tone);
    }
    page.end_line();
}
