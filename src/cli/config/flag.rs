//! What a flag takes, and how a value of the environment or of a file is said as a flag.

use std::ffi::OsString;

use clap::{Arg, ArgAction, Command};

/// Flags that are set on the command line alone.
const NOT_SETTABLE: [&str; 3] = ["help", "version", "config"];

/// The flags of `command` that can be set from elsewhere: every long one that is shown.
pub(super) fn flags(command: &Command) -> impl Iterator<Item = (&str, &Arg)> {
    let shown = command.get_arguments().filter(|arg| !arg.is_hide_set());
    let long = shown.filter_map(|arg| Some((arg.get_long()?, arg)));
    long.filter(|(long, _)| !NOT_SETTABLE.contains(long))
}

/// The command that `words` name below `root`.
pub(super) fn find<'a>(root: &'a Command, words: &[impl AsRef<str>]) -> Option<&'a Command> {
    words
        .iter()
        .try_fold(root, |command, word| command.find_subcommand(word.as_ref()))
}

/// Whether the flag is on or off, and takes no value.
pub(super) fn is_switch(arg: &Arg) -> bool {
    matches!(arg.get_action(), ArgAction::SetTrue)
}

/// Whether the flag takes several values.
pub(super) fn is_list(arg: &Arg) -> bool {
    let most = arg.get_num_args().map_or(1, |range| range.max_values());
    matches!(arg.get_action(), ArgAction::Append) || most > 1
}

/// `values` as arguments of the command line.
///
/// # Errors
/// What a switch, or a flag that is counted, cannot be.
pub(super) fn arguments(long: &str, arg: &Arg, values: &[String]) -> Result<Vec<OsString>, String> {
    let mut arguments = Vec::new();
    for value in values {
        match arg.get_action() {
            ArgAction::SetTrue => match value.as_str() {
                "true" | "1" => arguments.push(format!("--{long}").into()),
                "false" | "0" => {}
                _ => return Err(format!("`{value}` is neither true nor false")),
            },
            ArgAction::Count => {
                let times = value.parse::<u8>().ok().filter(|times| *times <= 9);
                let times = times.ok_or_else(|| format!("`{value}` is no number up to 9"))?;
                let flags = (0..times).map(|_| OsString::from(format!("--{long}")));
                arguments.extend(flags);
            }
            _ => arguments.push(format!("--{long}={value}").into()),
        }
    }
    Ok(arguments)
}
