//! What a flag takes, and how a value of the environment or of a file is said as a flag.

use std::ffi::OsString;
use std::path::Path;

use clap::{Arg, ArgAction, Command};

use crate::cli::outputs::is_report;

/// Flags that are set on the command line alone; of `config`, there is a variable.
const NOT_SETTABLE: [&str; 3] = ["help", "version", "config"];

/// The one argument without a flag that can be set by a name: what `prepare` makes a trace of.
const OPERAND: &str = "audio";

/// Flags that name a recipe.
pub(super) const NAMING: [&str; 2] = ["recipe", "scenario"];

/// The flag of which a scenario with stages gives several; it is refused beside what it contradicts,
/// not left out, since little of the scenario would remain.
pub(super) const STAGE: &str = "stage";

/// Flags of which the first, where it is set nearer, makes the second say nothing or something else.
const OVERRULING: [(&str, &str); 4] = [
    ("debug", "verbose"),
    ("verbose", "debug"),
    ("turn-timing", "barge-in"),
    ("map", "format"),
];

/// The flags of `command` that can be set from elsewhere: every long one that is shown.
pub(super) fn flags(command: &Command) -> impl Iterator<Item = (&str, &Arg)> {
    let shown = command.get_arguments().filter(|arg| !arg.is_hide_set());
    let named = shown.filter_map(|arg| Some((names(arg).next()?, arg)));
    named.filter(|(name, _)| !NOT_SETTABLE.contains(name))
}

/// The flag of that name.
pub(super) fn named<'a>(command: &'a Command, name: &str) -> Option<&'a Arg> {
    let found = flags(command).find(|(long, _)| *long == name);
    found.map(|(_, arg)| arg)
}

/// The long names of the flag, the usual one first.
pub(super) fn names(arg: &Arg) -> impl Iterator<Item = &str> {
    let operand = (arg.is_positional() && arg.get_id() == OPERAND).then_some(OPERAND);
    let others = arg.get_visible_aliases().unwrap_or_default();
    arg.get_long().or(operand).into_iter().chain(others)
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

/// Whether `flag` is overridden where `rival` is set and takes precedence.
pub(super) fn is_overridden(command: &Command, flag: &Arg, rival: &Arg) -> bool {
    let excludes = |one: &Arg, other: &Arg| {
        let excluded = command.get_arg_conflicts_with(one);
        excluded.iter().any(|arg| arg.get_id() == other.get_id())
    };
    let is_overruled = || {
        let pair = rival.get_long().zip(flag.get_long());
        pair.is_some_and(|pair| OVERRULING.contains(&pair))
    };
    flag.get_long() != Some(STAGE)
        && (excludes(flag, rival) || excludes(rival, flag) || is_overruled())
}

/// The flag that this one stands for, by its values: `--output` of a run is either of two.
pub(super) fn stands_for(long: &str, values: &[String]) -> String {
    let meant = match values.last() {
        Some(path) if long == "output" && is_report(Path::new(path)) => "json",
        Some(_) if long == "output" => "run-dir",
        _ => long,
    };
    meant.to_owned()
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
                _ => {
                    return Err(format!(
                        "`{value}` is neither true nor false; use one of them"
                    ));
                }
            },
            ArgAction::Count => {
                let times = value.parse::<u8>().ok().filter(|times| *times <= 9);
                let times = times.ok_or_else(|| {
                    format!("`{value}` is no number up to 9; say how often the flag is given")
                })?;
                let flags = (0..times).map(|_| OsString::from(format!("--{long}")));
                arguments.extend(flags);
            }
            _ if arg.is_positional() => arguments.push(value.into()),
            _ => arguments.push(format!("--{long}={value}").into()),
        }
    }
    Ok(arguments)
}
