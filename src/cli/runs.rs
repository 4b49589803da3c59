//! `voicelt runs`: the runs of a folder, a line each.

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Context;

use super::exit::BadInput;
use super::outputs::Format;
use super::report::RUNS_DIR;
use super::stderr::say;
use super::stdout;
use crate::report::runs::{Listing, table};
use crate::table::{ROW_GROUP_ROWS, write_all};

/// List the runs of a folder, newest first.
///
/// What is no run, or cannot be read, is named on standard error and does not stop the list.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// The folder that runs are in
    #[arg(value_name = "DIR", default_value = RUNS_DIR)]
    dir: PathBuf,
    /// What to print: a table, or a JSON array
    #[arg(long, value_enum, default_value_t = Format::Text)]
    format: Format,
    /// Also write the list to FILE as Parquet
    #[arg(long, value_name = "FILE")]
    parquet: Option<PathBuf>,
}

/// Prints the list.
///
/// # Errors
/// [`BadInput`] for a folder that cannot be read; otherwise a failure to write.
pub fn run(args: &Args) -> anyhow::Result<ExitCode> {
    let listing = Listing::of(&args.dir).map_err(|error| BadInput(error.into()))?;
    for problem in &listing.problems {
        say(&format!("warning: {problem}\n"));
    }
    if let Some(file) = &args.parquet {
        write_all(file, ROW_GROUP_ROWS, &[], &listing.runs)?;
    }
    let shown = match args.format {
        Format::Text if listing.runs.is_empty() => {
            say(&format!("no runs in {}\n", args.dir.display()));
            String::new()
        }
        Format::Text => table(&listing.runs),
        Format::Json => serde_json::to_string_pretty(&listing.runs)? + "\n",
    };
    stdout::print(&shown).context("could not write to standard output")?;
    Ok(ExitCode::SUCCESS)
}
