//! `voicelt man`: the help as manual pages.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::anyhow;
use clap_mangen::Man;

use super::exit::BadInput;
use super::stdout;

/// Print the manual page, or write one for each subcommand.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub struct Args {
    /// Folder for a page of each subcommand (voicelt.1, voicelt-replay.1 and so on); it is made when it is
    /// not there, and pages of the same names are replaced
    #[arg(short, long, value_name = "DIR")]
    output: Option<PathBuf>,
}

const EXAMPLES: &str = "\
Examples:
  voicelt man | man -l -
  voicelt man --output ~/.local/share/man/man1";

/// Prints the page of `command`, or writes all into the folder.
///
/// # Errors
/// [`BadInput`] for a folder that cannot be written to; otherwise a failure to write.
pub fn run(args: &Args, command: clap::Command) -> anyhow::Result<ExitCode> {
    match &args.output {
        None => {
            let mut page = Vec::new();
            Man::new(command).render(&mut page)?;
            stdout::print(&String::from_utf8_lossy(&page))?;
        }
        Some(dir) => write(dir, command).map_err(|error| {
            let dir = dir.display();
            BadInput(anyhow!(
                "--output {dir}: {error}; name a folder that can be written to"
            ))
        })?,
    }
    Ok(ExitCode::SUCCESS)
}

fn write(dir: &Path, command: clap::Command) -> std::io::Result<()> {
    std::fs::create_dir_all(dir)?;
    clap_mangen::generate_to(command, dir)
}
