//! Settings from everywhere: a flag, else a variable of the environment, else a recipe, else
//! `voicelt.toml`, else the default.
//!
//! What the environment and the file say is put among the arguments of the command line, for each
//! flag that is not there, before they are parsed: so it is checked as a flag is.

mod environment;
mod file;
mod flag;
mod layers;
mod recipe;
mod refusal;
mod show;

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::error::{Error, ErrorKind};
use clap::{ArgMatches, Command, CommandFactory, FromArgMatches};

use super::exit::BadInput;
use super::{Cli, stderr};
use environment::Environment;
use file::ConfigFile;
pub(super) use flag::shown;
use layers::{Chosen, Given, Layers};

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
    show::run(args, &root, &layers(file, &root)?)
}

/// The command line as it is meant, with what the environment and the file add to it.
///
/// # Errors
/// The exit code where there is nothing to run: after help, or after what was wrong was said.
pub(super) fn parse(args: &[OsString]) -> Result<(Cli, Vec<Given>), ExitCode> {
    // Only what is missing may come from elsewhere; help and mistakes are as without it.
    let said = match Cli::command().try_get_matches_from(args) {
        Err(error) if error.kind() == ErrorKind::MissingRequiredArgument => lenient(args),
        said => said,
    };
    let said = said.map_err(|error| refusal::say(&error, &[], args))?;
    let said_args = args;
    let completed = complete(args, &said).map_err(|error| stderr::fail(&error.into()));
    let (args, chosen) = completed?;
    let parsed = Cli::command().try_get_matches_from(args);
    let parsed = parsed.and_then(|matches| Cli::from_arg_matches(&matches));
    match parsed {
        Ok(cli) => Ok((cli, chosen.given)),
        Err(error) => Err(refusal::say(&error, &chosen.given, said_args)),
    }
}

/// Says where the flags that `error` speaks of are set, if not on the command line.
pub(super) fn say_origins(error: &anyhow::Error, given: &[Given]) {
    stderr::say(&refusal::notes(&format!("{error:#}"), given));
}

fn complete(args: &[OsString], said: &ArgMatches) -> Result<(Vec<OsString>, Chosen), BadInput> {
    let file = said.get_one::<PathBuf>("config");
    let root = command();
    layers(file.map(PathBuf::as_path), &root)?.complete(&root, args, said)
}

/// Our commands, with what they inherit.
fn command() -> Command {
    let mut command = Cli::command().disable_help_subcommand(true);
    command.build();
    command
}

/// What is on the command line, though something that must be there may be missing.
fn lenient(args: &[OsString]) -> Result<ArgMatches, Error> {
    let command = Cli::command().ignore_errors(true);
    command.try_get_matches_from(args)
}

/// The environment, and the file: the one that is named, else the one of this folder, if there is one.
fn layers(named: Option<&Path>, root: &Command) -> Result<Layers, BadInput> {
    let from_environment = || std::env::var_os(VARIABLE).filter(|path| !path.is_empty());
    let named = named.map(Path::to_owned);
    let named = named.or_else(|| from_environment().map(PathBuf::from));
    let usual = || Some(PathBuf::from(FILE)).filter(|path| path.exists());
    let file = named.or_else(usual);
    let file = file.map(|path| ConfigFile::read(&path, root));
    Ok(Layers {
        environment: Environment::of_process(),
        file: file.transpose()?,
    })
}
