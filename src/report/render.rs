//! Reports as text, Markdown and HTML: of runs, and of comparisons.

use super::compare::{Comparison, blocks as comparison};
use super::html::{Part, page};
use super::sections::{Collected, Pictures, Report, badge, blocks};
use super::summary::Summary;
use super::{markdown, text};
use crate::results::ResultsError;
use crate::results::reader::RunDir;

/// A run as text of at most 80 columns, where names and addresses are not longer. Without `colour` it
/// holds no escape codes.
#[must_use]
pub fn run_text(summary: &Summary, colour: bool) -> String {
    text::write(&blocks(&without_pictures(summary)), colour)
}

/// A run as Markdown.
#[must_use]
pub fn run_markdown(summary: &Summary) -> String {
    markdown::write(&blocks(&without_pictures(summary)))
}

fn without_pictures(summary: &Summary) -> Report<'_> {
    Report {
        summary,
        pictures: None,
    }
}

/// A page about one or more runs, each with its summary; texts of calls only where `include_text`.
///
/// # Errors
/// A run that cannot be read.
pub fn runs_html(runs: &[(&RunDir, &Summary)], include_text: bool) -> Result<String, ResultsError> {
    let part = |(dir, summary): &(&RunDir, &Summary)| {
        let mut collected = Collected::of(summary.answers_by);
        dir.for_each_request(|row| collected.add(row))?;
        collected.settle();
        let timeline = dir.timeline()?;
        // One that cannot be read is named in the summary.
        let server = dir.server().unwrap_or_default();
        let pictures = Pictures {
            run: dir.manifest(),
            timeline: &timeline.rows,
            server: &server,
            collected,
            include_text,
        };
        Ok(Part {
            name: summary.run.name.clone(),
            verdict: badge(summary.verdict.as_ref().map(|verdict| verdict.level)),
            blocks: blocks(&Report {
                summary,
                pictures: Some(pictures),
            }),
        })
    };
    let parts = runs
        .iter()
        .map(part)
        .collect::<Result<Vec<_>, ResultsError>>()?;
    let title = match &parts[..] {
        [part] => format!("{} – voicelt", part.name),
        several => format!("{} runs – voicelt", several.len()),
    };
    Ok(page(&title, &parts))
}

/// A comparison as text of at most 80 columns, where names and addresses are not longer. Without
/// `colour` it holds no escape codes.
#[must_use]
pub fn comparison_text(compared: &Comparison, colour: bool) -> String {
    text::write(&comparison(compared), colour)
}

/// A comparison as Markdown.
#[must_use]
pub fn comparison_markdown(compared: &Comparison) -> String {
    markdown::write(&comparison(compared))
}

/// A page about a comparison.
#[must_use]
pub fn comparison_html(compared: &Comparison) -> String {
    let base = &compared.base;
    let part = Part {
        name: base.run.name.clone(),
        verdict: badge(base.verdict.as_ref().map(|verdict| verdict.level)),
        blocks: comparison(compared),
    };
    page(&format!("{} compared – voicelt", part.name), &[part])
}

#[cfg(test)]
mod tests;
