//! Names of commands that are unknown, and which one is meant.

use clap::Command;

use crate::units::spelling::unknown;

/// The command of that name below `command`.
///
/// # Errors
/// That there is none.
pub(super) fn subcommand<'a>(command: &'a Command, name: &str) -> Result<&'a Command, String> {
    command.find_subcommand(name).ok_or_else(|| {
        let known = command.get_subcommands().map(Command::get_name);
        unknown("command", name, known)
    })
}
