//! `voicelt report`: the summary of runs, now or later, finished or killed.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::Context;

use super::exit::{BadInput, Outcome};
use super::stdout;
use crate::report::{Summary, html, text};
use crate::results::reader::{LATEST, RunDir, resolve};

/// Where runs are put by default.
pub(super) const RUNS_DIR: &str = "runs";
/// The target that stands for the reference gateway in the process, which shares our processor
/// with the load: an invalid verdict is expected there and only a warning.
const EMBEDDED: &str = "embedded";

/// How a summary is printed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum Format {
    /// For people.
    Text,
    /// For programs: times in nanoseconds, null where there is no figure.
    Json,
}

/// Show the summary of one or more runs.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Run directories; `latest` is the newest finished one in runs/
    #[arg(value_name = "RUN", default_value = LATEST)]
    runs: Vec<PathBuf>,
    /// What to print: text, or JSON (one object for one run, an array for several)
    #[arg(long, value_enum, default_value_t = Format::Text)]
    format: Format,
    /// Also write the JSON to FILE
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
    /// Also write a page of charts and tables to FILE, which opens without a network
    #[arg(long, value_name = "FILE")]
    html: Option<PathBuf>,
    /// Show transcripts and answers in the page
    #[arg(long, requires = "html")]
    include_text: bool,
}

/// Prints the summaries; the exit code is that of the run with the gravest outcome.
///
/// # Errors
/// [`BadInput`] for a run that cannot be read; otherwise a failure to write.
pub fn run(args: &Args) -> anyhow::Result<ExitCode> {
    let runs = args.runs.iter().map(|run| read(run));
    let runs = runs.collect::<Result<Vec<_>, _>>()?;
    if let Some(file) = &args.html {
        let page = html::of_runs(&runs, args.include_text);
        let page = page.map_err(|error| BadInput(error.into()))?;
        std::fs::write(file, page)
            .with_context(|| format!("could not write {}", file.display()))?;
    }
    let summaries: Vec<Summary> = runs.into_iter().map(|(_, summary)| summary).collect();
    if let Some(file) = &args.json {
        std::fs::write(file, json(&summaries)?)
            .with_context(|| format!("could not write {}", file.display()))?;
    }
    let shown = match args.format {
        Format::Text => {
            let texts = summaries.iter().map(|s| text::render(s, stdout::colour()));
            texts.collect::<Vec<_>>().join("\n")
        }
        Format::Json => json(&summaries)?,
    };
    stdout::print(&shown).context("could not write to standard output")?;
    let gravest = summaries.iter().map(judge).max();
    Ok(gravest.unwrap_or(Outcome::Ok).into())
}

fn judge(summary: &Summary) -> Outcome {
    let embedded = summary.run.target.as_deref() == Some(EMBEDDED);
    Outcome::of(summary, embedded)
}

fn read(run: &Path) -> Result<(RunDir, Summary), BadInput> {
    let path = resolve(run, Path::new(RUNS_DIR));
    let read = RunDir::open(&path).and_then(|run| {
        let summary = Summary::of_run(&run, None)?;
        Ok((run, summary))
    });
    read.map_err(|error| BadInput(error.into()))
}

fn json(summaries: &[Summary]) -> anyhow::Result<String> {
    let mut text = match summaries {
        [one] => serde_json::to_string_pretty(one),
        several => serde_json::to_string_pretty(several),
    }?;
    text.push('\n');
    Ok(text)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::lag::LagBasis;
    use crate::results::lag::LagSummary;
    use crate::results::manifest::{RunManifest, Verdict, VerdictLevel};
    use crate::results::sample::{manifest, row, second};
    use crate::table::write_all;

    fn run_on_disk(run: &RunManifest) -> tempfile::TempDir {
        let dir = tempfile::tempdir().unwrap();
        let text = serde_json::to_string(run).unwrap();
        std::fs::write(dir.path().join("run.json"), text).unwrap();
        write_all(&dir.path().join("requests.parquet"), 1024, &[], &[row(0)]).unwrap();
        write_all(
            &dir.path().join("timeline.parquet"),
            1024,
            &[],
            &[second(0)],
        )
        .unwrap();
        dir
    }

    #[test]
    fn the_lag_over_all_chunks_is_the_one_kept_when_the_run_ended() {
        let figures = LagSummary {
            p50_ns: 11_000,
            p99_ns: 80_000,
            p999_ns: 90_000,
            max_ns: 210_000,
            late_chunks: 0,
            chunks: 500,
        };
        let mut run = manifest();
        let kept = Summary::of(&run, &[row(0)], &[second(0)], Some(figures));
        run.summary = Some(serde_json::to_value(&kept).unwrap());
        let dir = run_on_disk(&run);
        assert_eq!(read(dir.path()).unwrap().1, kept);

        run.summary = None;
        let lag = read(run_on_disk(&run).path()).unwrap().1.lag.unwrap();
        assert_eq!(
            (lag.basis, lag.figures.p50_ns),
            (LagBasis::UpperBound, 12_000)
        );
    }

    #[test]
    fn the_embedded_gateway_is_not_held_to_the_verdict() {
        let mut run = manifest();
        run.verdict = Some(Verdict {
            level: VerdictLevel::Invalid,
            reasons: Vec::new(),
        });
        let judged = |run: &RunManifest| judge(&Summary::of(run, &[row(0)], &[], None));
        assert_eq!(judged(&run), Outcome::Untrusted);
        run.spec = serde_json::json!({ "target": EMBEDDED });
        assert_eq!(judged(&run), Outcome::Ok);
    }

    #[test]
    fn several_runs_are_an_array_and_one_is_an_object() {
        let summary = Summary::of(&manifest(), &[row(0)], &[], None);
        let one = json(std::slice::from_ref(&summary)).unwrap();
        assert_eq!(serde_json::from_str::<Summary>(&one).unwrap(), summary);
        let two = json(&[summary.clone(), summary]).unwrap();
        assert_eq!(serde_json::from_str::<Vec<Summary>>(&two).unwrap().len(), 2);
    }
}
