//! Where a run and its report are kept.

use std::path::{Path, PathBuf};

use anyhow::{Context, anyhow};

use crate::cli::exit::BadInput;
use crate::cli::outputs::{can_be_written, is_report};

/// Where the results of a run go.
#[derive(Debug, Clone, clap::Args)]
pub(crate) struct PlaceArgs {
    /// Where results go: the JSON report where PATH ends in .json (as --json), else the run directory
    /// (as --run-dir)
    #[arg(short, long, value_name = "PATH", help_heading = "Results")]
    output: Option<PathBuf>,
    /// Run directory to make; runs/NAME-TIME when not given, by the scenario or trace
    #[arg(long, value_name = "RUNDIR", help_heading = "Results")]
    pub(crate) run_dir: Option<PathBuf>,
}

impl PlaceArgs {
    /// Puts `--output` where it stands for: here, or in place of `--json`.
    ///
    /// # Errors
    /// [`BadInput`] where that is given already, and for a report that cannot be written.
    pub(super) fn settle(&mut self, json: &mut Option<PathBuf>) -> Result<(), BadInput> {
        let Some(output) = self.output.take() else {
            return Ok(());
        };
        let (is_report, shown) = (is_report(&output), output.display());
        let (taken, flag, what) = match is_report {
            true => (json, "--json", "the JSON report"),
            false => (&mut self.run_dir, "--run-dir", "the run directory"),
        };
        if let Some(other) = taken {
            return Err(BadInput(anyhow!(
                "--output {shown} and {flag} {} both name {what} (--output is the report where it ends in .json, else the directory); leave one of them out",
                other.display()
            )));
        }
        if is_report {
            let what = || {
                format!(
                    "--output: the JSON report {shown} cannot be written (for a run directory of such a name say --run-dir)"
                )
            };
            can_be_written(&output)
                .with_context(what)
                .map_err(BadInput)?;
        }
        *taken = Some(output);
        Ok(())
    }
}

/// `path` for run number `number` of several: with the number at the end of its name.
pub(crate) fn number_of(path: &Path, number: u32) -> PathBuf {
    let stem = path.file_stem().unwrap_or_default().to_string_lossy();
    let name = match path.extension() {
        Some(extension) => format!("{stem}-{number}.{}", extension.to_string_lossy()),
        None => format!("{stem}-{number}"),
    };
    path.with_file_name(name)
}
