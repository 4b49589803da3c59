//! `voicelt completions`: what makes a shell complete our commands and flags.

use std::process::ExitCode;

use clap_complete::{Shell, generate};

use super::stdout;

/// Print what makes a shell complete commands and flags.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub struct Args {
    /// The shell
    #[arg(value_name = "SHELL", value_enum)]
    shell: Completed,
}

/// The shells that are completed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum Completed {
    /// For a file in ~/.local/share/bash-completion/completions.
    Bash,
    /// For a file `_voicelt` in a folder of `$fpath`.
    Zsh,
    /// For a file in ~/.config/fish/completions.
    Fish,
}

const EXAMPLES: &str = "\
Examples:
  voicelt completions bash > ~/.local/share/bash-completion/completions/voicelt
  voicelt completions zsh > ~/.zfunc/_voicelt
  voicelt completions fish > ~/.config/fish/completions/voicelt.fish";

/// Prints the script for the shell, of the arguments `command`.
///
/// # Errors
/// A failure to write.
pub fn run(args: &Args, mut command: clap::Command) -> anyhow::Result<ExitCode> {
    let shell = match args.shell {
        Completed::Bash => Shell::Bash,
        Completed::Zsh => Shell::Zsh,
        Completed::Fish => Shell::Fish,
    };
    let mut script = Vec::new();
    generate(shell, &mut command, "voicelt", &mut script);
    stdout::print(&String::from_utf8_lossy(&script))?;
    Ok(ExitCode::SUCCESS)
}
