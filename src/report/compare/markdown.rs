//! A comparison as Markdown, for a pull request or a wiki.

use super::model::{Against, Change, Comparison};
use super::wording;
use crate::report::markdown::plain;

/// The comparison, with a table for each run.
#[must_use]
pub fn render(comparison: &Comparison) -> String {
    let mut text = format!("# Comparison with {}\n\n", plain(&comparison.base.run.name));
    let base = plain(&wording::side(&comparison.base));
    text.push_str(&format!("- base: {base}\n"));
    for against in &comparison.against {
        beside(&mut text, against);
    }
    let method = wording::method(comparison.tested, comparison.resamples);
    text.push_str(&format!("\n{method}\n"));
    text
}

fn beside(text: &mut String, against: &Against) {
    let name = plain(&against.side.run.name);
    text.push_str(&format!("\n## {name}\n\n"));
    for (label, words) in [
        ("run", wording::side(&against.side)),
        ("rows", wording::rows(against)),
        ("load", wording::load(&against.load)),
    ] {
        text.push_str(&format!("- {label}: {}\n", plain(&words)));
    }
    for warning in &against.warnings {
        text.push_str(&format!("- note: {}\n", plain(warning)));
    }
    if !against.differences.is_empty() {
        text.push_str("\n| metric | base | run | change | 95 % interval | p | |\n");
        text.push_str("| --- | ---: | ---: | ---: | ---: | ---: | --- |\n");
    }
    for difference in &against.differences {
        let cells = wording::cells(difference);
        let verdict = match difference.change {
            Change::NotSignificant => String::new(),
            _ => format!("**{}**", cells.verdict),
        };
        text.push_str(&format!(
            "| {} | {} | {} | {} | {} | {} | {verdict} |\n",
            difference.metric, cells.base, cells.run, cells.change, cells.interval, cells.p
        ));
    }
    if !against.left_out.is_empty() {
        text.push_str(&format!("\nLeft out: {}\n", against.left_out.join("; ")));
    }
}
