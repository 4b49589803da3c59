//! The parser of the command line, as it is needed here besides.

use std::ffi::OsString;

use clap::error::Error;
use clap::{ArgMatches, Command};

/// Our commands, with what they inherit.
pub(super) fn root(parser: &Command) -> Command {
    let mut root = parser.clone().disable_help_subcommand(true);
    root.build();
    root
}

/// What is on the command line, though something that must be there may be missing.
///
/// # Errors
/// What cannot be parsed at all.
pub(super) fn lenient(parser: &Command, args: &[OsString]) -> Result<ArgMatches, Error> {
    let parser = parser.clone().ignore_errors(true);
    parser.try_get_matches_from(args)
}

#[cfg(test)]
pub(super) mod tests {
    use clap::CommandFactory;

    use crate::cli::Cli;

    /// All our commands.
    pub(in crate::cli::config) fn root() -> clap::Command {
        super::root(&Cli::command())
    }
}
