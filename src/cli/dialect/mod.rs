//! `voicelt dialect`: looks at descriptions of dialects.

pub(super) mod arg;
mod check;
pub(super) mod description;

use std::process::ExitCode;

/// Look at a description of a dialect.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Example:
  voicelt dialect check proto/dialects/vosk.toml --sample replies.jsonl")]
pub struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, clap::Subcommand)]
enum Command {
    Check(check::Args),
}

/// Does what was asked and prints the result.
///
/// # Errors
/// [`super::exit::BadInput`] for a description that is wrong; otherwise a failure to write.
pub fn run(args: &Args) -> anyhow::Result<ExitCode> {
    match &args.command {
        Command::Check(args) => check::run(args),
    }?;
    Ok(ExitCode::SUCCESS)
}
