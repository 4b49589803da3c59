//! The report as one page of HTML that opens from disk: no script, nothing from a network, and one
//! size whatever the length of the run.
//!
//! `markup` escapes whatever is shown, `page` is the frame and style of every page, `chart` draws with
//! `axis` to measure by and `figure` puts charts into the page. `collect` takes in the turns of a run; `run` lays out
//! what is said of it.

mod axis;
mod chart;
mod checks;
mod collect;
mod comparison;
mod distribution;
mod facts;
mod figure;
mod markup;
mod over_time;
mod page;
mod run;
mod server;
mod slowest;
mod tables;
#[cfg(test)]
mod tests;
mod words;

use super::summary::Summary;
use crate::results::ResultsError;
use crate::results::reader::RunDir;
use collect::Collected;
pub use comparison::of_comparison;
use markup::Markup;
use run::Section;

/// A page about one or more runs, each with its summary; texts of calls only where `include_text`.
///
/// # Errors
/// A run that cannot be read.
pub fn of_runs(runs: &[(&RunDir, &Summary)], include_text: bool) -> Result<String, ResultsError> {
    let mut body = Markup::default();
    if runs.len() > 1 {
        contents(&mut body, runs);
    }
    for (number, (dir, summary)) in runs.iter().enumerate() {
        let mut collected = Collected::default();
        dir.for_each_request(|row| collected.add(row))?;
        let timeline = dir.timeline()?;
        // One that cannot be read is named in the summary.
        let server = dir.server().unwrap_or_default();
        Section {
            number,
            run: dir.manifest(),
            summary,
            timeline: &timeline.rows,
            server: &server,
            include_text,
        }
        .put(&mut body, collected);
    }
    let title = match runs {
        [(_, summary)] => format!("{} – voicelt", summary.run.name),
        several => format!("{} runs – voicelt", several.len()),
    };
    Ok(page::document(&title, body))
}

/// Links to each of several runs, with their verdicts.
fn contents(html: &mut Markup, runs: &[(&RunDir, &Summary)]) {
    html.raw("<nav aria-label=\"Runs\"><ol>\n");
    for (number, (_, summary)) in runs.iter().enumerate() {
        html.raw("<li>");
        html.open_with("a", "href", &format!("#run{number}"));
        html.text(&summary.run.name);
        html.raw("</a> ");
        facts::badge(html, summary.verdict.as_ref());
        html.raw("</li>\n");
    }
    html.raw("</ol></nav>\n");
}
