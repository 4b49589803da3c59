//! `voicelt runs`: the runs of a folder, a line each.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context, anyhow};

use super::exit::BadInput;
use super::outputs::Format;
use super::report::RUNS_DIR;
use super::stderr::say;
use crate::report::runs::{RunRow, table};
use crate::results::ResultsError;
use crate::results::reader::LATEST;
use crate::table::{ROW_GROUP_ROWS, write_all};

/// List the runs of a folder, the newest first.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub struct Args {
    /// The folder
    #[arg(value_name = "DIR", default_value = RUNS_DIR)]
    dir: PathBuf,
    /// What to print: text, or JSON
    #[arg(long, value_enum, default_value_t = Format::Text)]
    format: Format,
    /// Also write them to FILE, a row each
    #[arg(long, value_name = "FILE")]
    parquet: Option<PathBuf>,
}

const EXAMPLES: &str = "\
Examples:
  voicelt runs
  voicelt runs archive/2026 --format json
  voicelt runs --parquet runs.parquet";

/// Lists the runs; what is no run, or is damaged, is named on standard error.
///
/// # Errors
/// [`BadInput`] for a folder that cannot be read; otherwise a failure to write.
pub fn run(args: &Args, quiet: bool) -> anyhow::Result<ExitCode> {
    let mut rows = Vec::new();
    for dir in folders(&args.dir)? {
        match RunRow::of_dir(&dir) {
            Ok(row) => {
                if let Some(damage) = row.damage.as_ref().filter(|_| !quiet) {
                    say(&format!("damaged: {damage}\n"));
                }
                rows.push(row);
            }
            Err(ResultsError::NoRun { path, why, .. }) if !quiet => {
                say(&format!("left out: {path}: {why}\n"));
            }
            Err(error) if !quiet => say(&format!("left out: {error}\n")),
            Err(_) => {}
        }
    }
    rows.sort_by(|a, b| b.started_at.cmp(&a.started_at));
    if let Some(file) = &args.parquet {
        write_all(file, ROW_GROUP_ROWS, &[], &rows)
            .with_context(|| format!("could not write {}", file.display()))?;
    }
    let text = || {
        if !rows.is_empty() {
            return table(&rows);
        }
        if !quiet {
            let dir = args.dir.display();
            say(&format!(
                "no runs in {dir}; `voicelt replay` and `voicelt run` make some\n"
            ));
        }
        String::new()
    };
    args.format.print(&rows, text)?;
    Ok(ExitCode::SUCCESS)
}

/// The folders in `dir`, without links: `latest` is one of them under a second name.
fn folders(dir: &Path) -> Result<Vec<PathBuf>, BadInput> {
    let entries = std::fs::read_dir(dir).map_err(|error| {
        BadInput(anyhow!(
            "{}: {error}; name the folder that runs are in",
            dir.display()
        ))
    })?;
    let folders = entries.flatten().filter(|entry| {
        let is_link = entry.file_name() == LATEST;
        entry.path().is_dir() && !is_link
    });
    Ok(folders.map(|entry| entry.path()).collect())
}
