//! Settings from everywhere: a flag, else a variable of the environment, else a recipe, else
//! `voicelt.toml`, else the default.
//!
//! What the environment, recipes and the file give is put among the arguments of the command line, for
//! each flag that is not there, before they are parsed: so it is checked as a flag is.

mod environment;
mod file;
mod flag;
mod given;
mod layers;
mod names;
mod parser;
mod recipe;
mod refusal;
mod show;

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::error::ErrorKind;
use clap::{ArgMatches, Command};

use super::exit::BadInput;
use super::stderr;
use given::Given;
use layers::{Chosen, Layers};

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

/// Does what was asked of the commands of `parser`; `file` is what `--config` names.
///
/// # Errors
/// [`BadInput`] for a file that cannot be understood; otherwise a failure to write.
pub fn run(args: &Args, parser: &Command, file: Option<&Path>) -> anyhow::Result<ExitCode> {
    let Config::Show(args) = &args.command;
    show::run(args, parser, file)
}

/// The command line as it is meant, with what the environment, recipes and the file add to it.
///
/// # Errors
/// The exit code where there is nothing to run: after help, or after what was wrong was said.
pub(super) fn parse(
    parser: &Command,
    args: &[OsString],
) -> Result<(ArgMatches, Vec<Given>), ExitCode> {
    // Only what is missing may come from elsewhere; help and mistakes are as without it.
    let said = match parser.clone().try_get_matches_from(args) {
        Err(error) if error.kind() == ErrorKind::MissingRequiredArgument => {
            parser::lenient(parser, args)
        }
        said => said,
    };
    let said = said.map_err(|error| refusal::say(&error, &[], args))?;
    let completed = complete(parser, args, &said).map_err(|error| stderr::fail(&error.into()));
    let (completed, Chosen { given, .. }) = completed?;
    match parser.clone().try_get_matches_from(completed) {
        Ok(matches) => Ok((matches, given)),
        Err(error) => Err(refusal::say(&error, &given, args)),
    }
}

fn complete(
    parser: &Command,
    args: &[OsString],
    said: &ArgMatches,
) -> Result<(Vec<OsString>, Chosen), BadInput> {
    let file = said.get_one::<PathBuf>("config").map(PathBuf::as_path);
    let root = parser::root(parser);
    Layers::find(file, &root)?.complete(&root, args, said)
}

/// Says where the flags that `error` speaks of are set, if not on the command line.
pub(super) fn say_origins(error: &anyhow::Error, given: &[Given]) {
    stderr::say(&refusal::notes(&format!("{error:#}"), given));
}
