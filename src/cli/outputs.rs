//! What a report is asked for and where it goes: the one flow that `report`, `replay` and `run` end
//! with.

use std::fs::{File, OpenOptions};
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};

use anyhow::{Context, anyhow};

use super::exit::{BadInput, Outcome};
pub use super::format::Format;
use super::stdout;
use crate::campaign::RunReport;
use crate::report::machine::{Document, csv, junit, raw};
use crate::report::render;
use crate::report::require::Requirement;
use crate::report::wer::WerAsked;

/// The variable that names the file which GitHub shows as the summary of a step.
const STEP_SUMMARY: &str = "GITHUB_STEP_SUMMARY";

/// What must hold, what is printed, and which files are written.
#[derive(Debug, Clone, clap::Args)]
#[command(next_help_heading = "Results")]
pub struct OutputArgs {
    /// What must hold of the steady phase, repeatable, such as 'response.p95 < 800ms', 'errors < 1%',
    /// 'goodput(response < 800ms) >= 95%', 'lag.p99 < 1ms', 'throughput > 5/s' (voicelt schema --metrics
    /// has every metric); the exit code is 99 where it does not
    #[arg(long = "require", value_name = "REQUIREMENT")]
    pub require: Vec<Requirement>,
    /// What to print: text, or JSON (one object for one run, an array for several)
    #[arg(long, value_enum, default_value_t = Format::Text)]
    pub format: Format,
    /// Also write the JSON to FILE
    #[arg(long, value_name = "FILE")]
    pub json: Option<PathBuf>,
    /// Write a JSON array with one record a request to FILE, in the words of the Python load test
    #[arg(long, alias = "output-raw", value_name = "FILE")]
    pub raw_json: Option<PathBuf>,
    /// Write every column of the requests to FILE, a line each
    #[arg(long, value_name = "FILE")]
    pub csv: Option<PathBuf>,
    /// Write a page of charts and tables to FILE, which opens from disk without a network
    #[arg(long, value_name = "FILE")]
    pub html: Option<PathBuf>,
    /// Compare what the gateway heard with the transcripts of the clips (prepare --transcripts): word
    /// error rate
    #[arg(long)]
    pub wer: bool,
    /// Show transcripts and answers in the page, and the turns that --wer found to be heard worst
    #[arg(long)]
    pub include_text: bool,
    /// Write the requirements and the verdict to FILE as JUnit
    #[arg(long, value_name = "FILE")]
    pub junit: Option<PathBuf>,
}

impl OutputArgs {
    /// What is asked of the words.
    pub(super) fn words(&self) -> WerAsked {
        WerAsked {
            compared: self.wer,
            texts: self.include_text,
        }
    }

    /// Makes sure that the files can be written, before an hour is spent on what is to be in them.
    ///
    /// # Errors
    /// [`BadInput`] for a file that cannot be written, or is asked for twice, and for texts that nothing
    /// would show.
    pub fn check(&self) -> Result<(), BadInput> {
        if self.include_text && self.html.is_none() && !self.wer {
            return Err(BadInput(anyhow!(
                "--include-text shows texts in the page of --html FILE and with --wer; add one of them"
            )));
        }
        let files = [
            ("--json", &self.json),
            ("--raw-json", &self.raw_json),
            ("--csv", &self.csv),
            ("--html", &self.html),
            ("--junit", &self.junit),
        ];
        let mut seen: Vec<(&str, &Path)> = Vec::new();
        for (flag, file) in files {
            let Some(file) = file else { continue };
            if let Some((other, _)) = seen.iter().find(|(_, taken)| taken == file) {
                let file = file.display();
                return Err(BadInput(anyhow!(
                    "{flag} and {other} both name {file}; give each a file of its own"
                )));
            }
            seen.push((flag, file));
            can_be_written(file)
                .with_context(|| format!("{flag}: {} cannot be written", file.display()))
                .map_err(BadInput)?;
        }
        Ok(())
    }

    /// Prints what is said of `runs` and writes it to the files that were asked for; the outcome is
    /// the gravest of all.
    ///
    /// # Errors
    /// A failure to write.
    pub fn give(&self, runs: &[RunReport]) -> anyhow::Result<Outcome> {
        // What was found out is shown, though a disk may have filled up meanwhile.
        let written = self.write(runs);
        let shown = match self.format {
            Format::Text => {
                let summaries = runs.iter().map(RunReport::summary);
                let texts = summaries.map(|summary| render::run_text(summary, stdout::colour()));
                texts.collect::<Vec<_>>().join("\n")
            }
            Format::Json => json(runs)?,
        };
        stdout::print(&shown).context("could not write to standard output")?;
        written?;
        let outcomes = runs
            .iter()
            .map(|run| Outcome::of(run.summary(), !run.is_held()));
        let gravest = outcomes.max();
        Ok(gravest.unwrap_or(Outcome::Ok))
    }

    /// Writes the files that were asked for.
    fn write(&self, runs: &[RunReport]) -> anyhow::Result<()> {
        if let Some(file) = &self.json {
            write_text(file, &json(runs)?)?;
        }
        if let Some(file) = &self.raw_json {
            write(file, |out| {
                Ok(raw::write(runs.iter().map(|run| &run.run), out)?)
            })?;
        }
        if let Some(file) = &self.csv {
            write(file, |out| {
                Ok(csv::write(runs.iter().map(|run| &run.run), out)?)
            })?;
        }
        if let Some(file) = &self.html {
            let runs = runs.iter().map(|run| (&run.run, run.summary()));
            let page = render::runs_html(&runs.collect::<Vec<_>>(), self.include_text)?;
            write_text(file, &page)?;
        }
        if let Some(file) = &self.junit {
            let runs = runs.iter().map(|run| (run.summary(), run.is_held()));
            write_text(file, &junit::render(runs)?)?;
        }
        if let Some(file) = std::env::var_os(STEP_SUMMARY).filter(|file| !file.is_empty()) {
            let summaries = runs.iter().map(RunReport::summary);
            append(
                Path::new(&file),
                &summaries.map(render::run_markdown).collect::<String>(),
            )?;
        }
        Ok(())
    }
}

/// The documents as JSON: one object, or an array of several.
fn json(runs: &[RunReport]) -> anyhow::Result<String> {
    let documents: Vec<&Document> = runs.iter().map(|run| &run.document).collect();
    match documents.as_slice() {
        [one] => pretty(one),
        several => pretty(&several),
    }
}

/// Whether `--output` with this path is the JSON report.
pub(super) fn is_report(output: &Path) -> bool {
    let name = output.as_os_str().as_encoded_bytes();
    name.to_ascii_lowercase().ends_with(b".json")
}

/// Opens `path` for writing and leaves it as it was: pipes and devices are not opened, as that may
/// wait for a reader.
///
/// # Errors
/// A folder, and what the system refuses.
pub(super) fn can_be_written(path: &Path) -> anyhow::Result<()> {
    match std::fs::metadata(path) {
        Ok(found) if found.is_dir() => Err(anyhow!("it is a folder")),
        Ok(found) if !found.is_file() => Ok(()),
        Ok(_) => Ok(OpenOptions::new().append(true).open(path).map(drop)?),
        Err(_) => {
            let new = OpenOptions::new().append(true).create_new(true).open(path);
            drop(new?);
            Ok(std::fs::remove_file(path)?)
        }
    }
}

/// Writes `value` to the file of `--json`.
///
/// # Errors
/// A failure to write.
pub(super) fn write_json(path: &Path, value: &impl serde::Serialize) -> anyhow::Result<()> {
    write_text(path, &pretty(value)?)
}

fn pretty(value: &impl serde::Serialize) -> anyhow::Result<String> {
    Ok(serde_json::to_string_pretty(value)? + "\n")
}

/// Writes `text` to a file that was asked for.
///
/// # Errors
/// A failure to write.
pub(super) fn write_text(path: &Path, text: &str) -> anyhow::Result<()> {
    write(path, |out| Ok(out.write_all(text.as_bytes())?))
}

fn write(
    path: &Path,
    content: impl FnOnce(&mut BufWriter<File>) -> anyhow::Result<()>,
) -> anyhow::Result<()> {
    let written = File::create(path).map_err(anyhow::Error::from);
    let written = written.and_then(|file| {
        let mut out = BufWriter::new(file);
        content(&mut out)?;
        Ok(out.flush()?)
    });
    written.with_context(|| format!("could not write {}", path.display()))
}

fn append(path: &Path, text: &str) -> anyhow::Result<()> {
    let file = OpenOptions::new().append(true).create(true).open(path);
    file.and_then(|mut file| file.write_all(text.as_bytes()))
        .with_context(|| format!("could not append to {} (${STEP_SUMMARY})", path.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn asked(json: Option<&Path>, csv: Option<&Path>) -> OutputArgs {
        OutputArgs {
            require: Vec::new(),
            format: Format::Text,
            json: json.map(Path::to_owned),
            raw_json: None,
            html: None,
            wer: false,
            include_text: false,
            csv: csv.map(Path::to_owned),
            junit: None,
        }
    }

    #[test]
    fn files_are_tried_beforehand_and_left_as_they_were() {
        let place = tempfile::tempdir().unwrap();
        let file = |name: &str| place.path().join(name);
        std::fs::write(file("old"), "kept").unwrap();
        asked(Some(&file("new")), Some(&file("old")))
            .check()
            .unwrap();
        assert!(!file("new").exists());
        assert_eq!(std::fs::read_to_string(file("old")).unwrap(), "kept");
        asked(Some(Path::new("/dev/null")), None).check().unwrap();
    }

    #[test]
    fn a_file_that_cannot_be_written_is_named_with_its_flag() {
        let place = tempfile::tempdir().unwrap();
        let said = |args: OutputArgs| format!("{:#}", args.check().unwrap_err().0);
        let nowhere = place.path().join("no/such/folder.json");
        let text = said(asked(Some(&nowhere), None));
        assert!(
            text.starts_with("--json: ") && text.contains("No such file"),
            "{text}"
        );
        let text = said(asked(None, Some(place.path())));
        assert!(
            text.ends_with("cannot be written: it is a folder"),
            "{text}"
        );
        let one = place.path().join("one");
        let text = said(asked(Some(&one), Some(&one)));
        assert!(text.starts_with("--csv and --json both name"), "{text}");
        let texts = OutputArgs {
            include_text: true,
            ..asked(Some(&one), None)
        };
        let text = said(texts.clone());
        assert!(text.contains("--html FILE and with --wer"), "{text}");
        assert!(OutputArgs { wer: true, ..texts }.check().is_ok());
    }
}
