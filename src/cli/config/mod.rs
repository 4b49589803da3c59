//! Settings from everywhere: a flag, else a variable of the environment, else `voicelt.toml`, else
//! the default.
//!
//! What the environment and the file say is put among the arguments of the command line, for each
//! flag that is not there, before they are parsed: so it is checked as a flag is.

mod environment;
mod file;
mod flag;
mod layers;
mod recipe;
mod show;

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::error::Error;
use clap::{Command, CommandFactory, FromArgMatches};

use super::exit::BadInput;
use super::stderr::say;
use super::{Cli, stderr};
use environment::Environment;
use file::ConfigFile;
use layers::{Given, Layers};

/// The file that is read where no other is named.
const FILE: &str = "voicelt.toml";
/// The variable that names another, as `--config` does.
const VARIABLE: &str = "VOICELT_CONFIG";

/// Look at settings that come from the environment and from voicelt.toml.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Example:
  voicelt config show replay")]
pub struct Args {
    #[command(subcommand)]
    command: Config,
}

#[derive(Debug, clap::Subcommand)]
enum Config {
    Show(show::Args),
}

/// Does what was asked; `file` is what `--config` names.
///
/// # Errors
/// [`BadInput`] for a file that cannot be understood; otherwise a failure to write.
pub fn run(args: &Args, file: Option<&Path>) -> anyhow::Result<ExitCode> {
    let Config::Show(args) = &args.command;
    let root = command();
    let layers = Layers {
        file: find(file.map(Path::to_owned), &root)?,
        environment: Environment::of_process(),
    };
    show::run(args, &root, &layers)
}

/// The command line as it is meant, with what the environment and the file add to it.
///
/// # Errors
/// The exit code where there is nothing to run: after help, or after what was wrong was said.
pub fn parse(args: Vec<OsString>) -> Result<Cli, ExitCode> {
    let root = command();
    let environment = Environment::of_process();
    let named = layers::config_of(&args);
    let layers = find(named, &root).map(|file| Layers { file, environment });
    let whole = layers.and_then(|layers| layers.complete(&root, args));
    let (args, given) = whole.map_err(|error| stderr::fail(&error.into()))?;
    let parsed = root.try_get_matches_from(args);
    let parsed = parsed.and_then(|matches| Cli::from_arg_matches(&matches));
    parsed.map_err(|error| refuse(&error, &given))
}

/// Our commands, with what they inherit.
fn command() -> Command {
    let mut command = Cli::command();
    command.build();
    command
}

/// The file that is named, else the one of this folder, where there is one.
fn find(named: Option<PathBuf>, root: &Command) -> Result<Option<ConfigFile>, BadInput> {
    let from_environment = || std::env::var_os(VARIABLE).filter(|path| !path.is_empty());
    let named = named.or_else(|| from_environment().map(PathBuf::from));
    match named {
        Some(path) => ConfigFile::read(&path, root).map(Some),
        None if Path::new(FILE).exists() => ConfigFile::read(Path::new(FILE), root).map(Some),
        None => Ok(None),
    }
}

/// Says what is wrong with the arguments, or the help that was asked for; what was not on the
/// command line is named with where it comes from.
fn refuse(error: &Error, given: &[Given]) -> ExitCode {
    // Nobody listening is no reason to fail otherwise.
    let _ = error.print();
    for note in layers::notes(&error.to_string(), given) {
        say(&note);
    }
    ExitCode::from(u8::try_from(error.exit_code()).unwrap_or(2))
}
